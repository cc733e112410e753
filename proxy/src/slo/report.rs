//! What is shown of service levels: of one process (`GET /slo`), or of a fleet (`mcp-tap slo --prometheus`).
//!
//! Numbers that do not exist are `null`: no event, no ratio. Nothing is ever NaN, infinite or clamped.

use serde::{Deserialize, Serialize};

/// Service levels at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Where the numbers come from: `process`, or `prometheus`.
    pub source: String,
    /// The moment, in milliseconds since the Unix epoch.
    pub unix_ms: u64,
    /// What budgets are counted over.
    pub period_seconds: u64,
    /// One per objective, and of a fleet per server and namespace.
    pub objectives: Vec<ObjectiveReport>,
}

/// One objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveReport {
    /// Its name.
    pub slo: String,
    /// The server it is about.
    pub mcp_server: String,
    /// The namespace, of a fleet that has them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
    /// `availability`, `latency` or `quality`; unknown (empty) where recorded series do not say.
    pub sli: String,
    /// The target in percent, as a decimal: `"99.9"`.
    pub target: String,
    /// The longest good duration, of latency.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub threshold_seconds: Option<f64>,
    /// The tools it is about; empty: all.
    #[serde(default)]
    pub tools: Vec<String>,
    /// How it stands.
    pub state: State,
    /// The SLI over the window that it is shown over.
    pub window: Window,
    /// The error budget over the period.
    pub budget: Budget,
    /// Burn over every window of the tiers, from short to long.
    pub burn: Vec<Window>,
    /// The tiers, from loud to quiet.
    pub tiers: Vec<TierReport>,
}

/// How an objective stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Within its budget, and no tier is met.
    Ok,
    /// A tier's condition holds.
    Burning,
    /// Nothing is left of the budget.
    Exhausted,
    /// No event in the window.
    Idle,
    /// The numbers contradict each other.
    Invalid,
}

/// Events of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Its length.
    pub seconds: f64,
    /// Good events; of a fleet estimated from rates.
    pub good: f64,
    /// Bad events.
    pub bad: f64,
    /// `good / total`.
    pub sli: Option<f64>,
    /// `bad / total`.
    pub error_ratio: Option<f64>,
    /// `error_ratio / budget`.
    pub burn: Option<f64>,
    /// The part of the window that there is history of, 0 to 1.
    pub coverage: f64,
}

/// The error budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Events of the period.
    pub events: Window,
    /// How many of so many events may be bad.
    pub allowed_bad: f64,
    /// Part of the budget that is left: 1 untouched, 0 used up, negative beyond.
    pub remaining: Option<f64>,
    /// When it is used up at the burn of the shown window; `null`: never at this burn, or already.
    pub exhausted_in_seconds: Option<f64>,
    /// How much history there is, in seconds.
    pub coverage_seconds: f64,
}

/// One tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TierReport {
    /// `page` or `ticket`.
    pub severity: String,
    /// The long window.
    pub long_seconds: f64,
    /// The short window.
    pub short_seconds: f64,
    /// The burn above which it alerts.
    pub factor: f64,
    /// Whether its condition holds.
    pub met: bool,
}
