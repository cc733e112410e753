//! The names of recorded series (slo-and-alerts.md §3). Dashboards, alerts and the command `slo` take them from here.
//!
//! The names end in what they were computed over: `mcp_slo:error_ratio:rate1h`. Series of objectives have the labels
//! [`BY`]; constants have `slo`; series of tools have [`BY_TOOL`].

use std::time::Duration;

use super::duration;

/// The labels of every series of an objective.
pub const BY: &str = "namespace, mcp_server, slo";

/// The labels of every series of a tool.
pub const BY_TOOL: &str = "namespace, mcp_server, tool_name";

/// The target of an objective, 0 to 1; labels `slo` and `sli`.
pub const OBJECTIVE: &str = "mcp_slo:objective:ratio";

/// The period of budgets in days; label `slo`.
pub const PERIOD: &str = "mcp_slo:period:days";

/// The threshold of a latency objective; label `slo`.
pub const LATENCY_THRESHOLD: &str = "mcp_slo:latency_threshold:seconds";

/// The beginning of [`events`].
pub const EVENTS: &str = "mcp_slo:events:rate";

/// The beginning of [`error_ratio`].
pub const ERROR_RATIO: &str = "mcp_slo:error_ratio:rate";

/// The beginning of [`budget_remaining`].
pub const BUDGET_REMAINING: &str = "mcp_slo:error_budget_remaining:ratio";

/// The beginning of [`coverage`].
pub const COVERAGE: &str = "mcp_slo:coverage:ratio";

/// Events per second over a window that is computed from the counter (not the long ones).
#[must_use]
pub fn events(window: Duration) -> String {
    over(EVENTS, window)
}

/// Bad events per second over a window that is computed from the counter (not the long ones).
#[must_use]
pub fn bad_events(window: Duration) -> String {
    over("mcp_slo:bad_events:rate", window)
}

/// `bad / total` over any window of the plan; absent without events.
#[must_use]
pub fn error_ratio(window: Duration) -> String {
    over(ERROR_RATIO, window)
}

/// The part of the budget that is left over the period: 1 untouched, negative beyond; absent without events.
#[must_use]
pub fn budget_remaining(period: Duration) -> String {
    over(BUDGET_REMAINING, period)
}

/// The part of the period that there is history of.
#[must_use]
pub fn coverage(period: Duration) -> String {
    over(COVERAGE, period)
}

/// The 95th percentile of a tool's durations over the shortest window; absent without calls.
#[must_use]
pub fn tool_latency(window: Duration) -> String {
    over("mcp_tool:latency_p95_seconds:rate", window)
}

/// Calls of a tool within the shortest window.
#[must_use]
pub fn tool_calls(window: Duration) -> String {
    over("mcp_tool:calls:increase", window)
}

/// What [`tool_latency`] usually is: its mean over a week that ended an hour ago.
#[must_use]
pub fn tool_latency_mean(week: Duration) -> String {
    over("mcp_tool:latency_p95_seconds:avg", week)
}

/// How much [`tool_latency`] usually varies: its standard deviation over the same time.
#[must_use]
pub fn tool_latency_deviation(week: Duration) -> String {
    over("mcp_tool:latency_p95_seconds:stddev", week)
}

/// How many samples the mean and deviation of a tool are of.
#[must_use]
pub fn tool_latency_samples(week: Duration) -> String {
    over("mcp_tool:latency_p95_seconds:count", week)
}

/// What the series of this name was computed over, if its name begins with `stem`.
#[must_use]
pub fn window(name: &str, stem: &str) -> Option<Duration> {
    duration::parse(name.strip_prefix(stem)?)
}

fn over(stem: &str, window: Duration) -> String {
    format!("{stem}{}", duration::text(window))
}
