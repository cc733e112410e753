//! Dashboards for Grafana, as classic JSON: service levels, error budgets, tracing, tools. Pure and deterministic.
//!
//! Panels of objectives read the recorded series of the rules, so that they say what alerts say; all others read
//! metrics of the sidecars over Grafana's own interval. Where nothing happens a panel says so: idle is no number.

mod budget;
mod frame;
mod panel;
mod query;
mod sidecar;
mod slo;
#[cfg(test)]
mod tests;
mod tools;
mod tracing;

use crate::slo::Plan;

use super::Settings;
use super::alerts as names;

/// A dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dashboard {
    /// Are the objectives kept, and how fast do budgets burn?
    Slo,
    /// What is left of the budgets, and where did the rest go?
    ErrorBudget,
    /// Which calls leave traces, and do these arrive?
    Tracing,
    /// What do tools and agents do, and what does it cost?
    Tools,
}

impl Dashboard {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Slo, Self::ErrorBudget, Self::Tracing, Self::Tools];

    /// The word on the command line, and the name of the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slo => "slo",
            Self::ErrorBudget => "error-budget",
            Self::Tracing => "tracing",
            Self::Tools => "tools",
        }
    }

    /// What Grafana knows it by, always: links hold it.
    #[must_use]
    pub const fn uid(self) -> &'static str {
        match self {
            Self::Slo => "mcp-tap-slo",
            Self::ErrorBudget => "mcp-tap-error-budget",
            Self::Tracing => "mcp-tap-tracing",
            Self::Tools => "mcp-tap-tools",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Slo => "MCP service levels",
            Self::ErrorBudget => "MCP error budgets",
            Self::Tracing => "MCP tracing",
            Self::Tools => "MCP tools and agents",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Slo => {
                "Are the objectives of the MCP servers kept, and how fast do their error budgets burn?"
            }
            Self::ErrorBudget => {
                "What is left of the error budgets, how long it lasts, and where the rest went."
            }
            Self::Tracing => "Which calls leave traces, whether these arrive, and examples of slow calls.",
            Self::Tools => "What the tools of MCP servers do, how agents use them, and what it costs.",
        }
    }

    /// Where the shown time starts.
    const fn from(self) -> &'static str {
        match self {
            Self::ErrorBudget => "now-7d",
            Self::Slo | Self::Tracing | Self::Tools => "now-6h",
        }
    }

    /// The alerts that it explains.
    const fn alerts(self) -> &'static [&'static str] {
        match self {
            Self::Slo => &[
                names::AVAILABILITY_FAST,
                names::LATENCY,
                names::QUALITY,
                names::BURN_RATE,
                names::NO_TELEMETRY,
            ],
            Self::ErrorBudget => &[names::BUDGET_LOW, names::BUDGET_EXHAUSTED, names::THIN_DATA],
            Self::Tracing => &[names::SPANS_DROPPED, names::ANOMALOUS_LATENCY],
            Self::Tools => &[
                names::ANOMALOUS_LATENCY,
                names::DEFINITION_CHANGED,
                names::AGENT_LOOP,
                names::PROXY_FAULTS,
                names::NOT_INSPECTED,
            ],
        }
    }
}

/// The dashboard for this plan as JSON text. The same plan and settings make the same bytes.
#[must_use]
pub fn generate(which: Dashboard, plan: &Plan, settings: &Settings) -> String {
    let rows = match which {
        Dashboard::Slo => slo::rows(plan, settings),
        Dashboard::ErrorBudget => budget::rows(plan, settings),
        Dashboard::Tracing => tracing::rows(settings),
        Dashboard::Tools => tools::rows(settings),
    };
    // With `#` a value of JSON is written with line breaks: a change shows as the lines that it changes.
    format!("{:#}\n", frame::dashboard(which, &rows, settings))
}
