//! The names of all alerts, what they are about and how loud they are.

/// One alert by name. Burn alerts have a severity for each tier, and only some objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The label `alertname`.
    pub name: &'static str,
    /// The label `category`.
    pub category: &'static str,
    /// The values that its label `severity` can have, from loud to quiet.
    pub severities: &'static [&'static str],
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

const fn named(
    name: &'static str,
    category: &'static str,
    severities: &'static [&'static str],
    meaning: &'static str,
) -> Named {
    Named { name, category, severities, meaning }
}

/// The page tiers of the objective `availability`.
pub const AVAILABILITY_FAST: &str = "SLOAvailabilityBurnRateFast";
/// The ticket tiers of the objective `availability`.
pub const AVAILABILITY_SLOW: &str = "SLOAvailabilityBurnRateSlow";
/// All tiers of the objective `latency`.
pub const LATENCY: &str = "LatencySLOViolation";
/// All tiers of the objective `quality`.
pub const QUALITY: &str = "QualitySLOViolation";
/// All tiers of all other objectives.
pub const BURN_RATE: &str = "McpSloBurnRate";
/// Little of the budget is left.
pub const BUDGET_LOW: &str = "McpSloBudgetLow";
/// The budget is used up.
pub const BUDGET_EXHAUSTED: &str = "ErrorBudgetExhausted";
/// The series of a server are gone.
pub const NO_TELEMETRY: &str = "McpSloNoTelemetry";
/// A recorded series has an impossible value.
pub const INVALID: &str = "McpSloInvalid";
/// There is little history.
pub const THIN_DATA: &str = "McpSloThinData";
/// A tool is slower than it usually is.
pub const ANOMALOUS_LATENCY: &str = "AnomalousLatency";
/// A tool's definition changed.
pub const DEFINITION_CHANGED: &str = "McpToolDefinitionChanged";
/// Agents repeat themselves.
pub const AGENT_LOOP: &str = "McpAgentLoop";
/// A sidecar does not answer.
pub const DOWN: &str = "McpTapDown";
/// Calls failed by the proxy's fault.
pub const PROXY_FAULTS: &str = "McpTapProxyFaults";
/// Traffic was forwarded unread.
pub const NOT_INSPECTED: &str = "McpTapNotInspected";
/// Spans were lost.
pub const SPANS_DROPPED: &str = "McpTapSpansDropped";
/// A changed configuration was not taken.
pub const RELOAD_FAILED: &str = "McpTapConfigReloadFailed";
/// The state of budgets is not on disk.
pub const STATE_NOT_SAVED: &str = "McpTapStateNotSaved";
/// Answers could not be judged.
pub const QUALITY_UNCHECKED: &str = "McpTapQualityUnchecked";
/// Fires always.
pub const WATCHDOG: &str = "Watchdog";

/// The category of what fires always.
pub const HEARTBEAT: &str = "heartbeat";

/// All alerts, by category.
pub const NAMES: &[Named] = &[
    named(
        AVAILABILITY_FAST,
        "burn_rate",
        &["page"],
        "The budget of `availability` burns so fast that somebody must look now.",
    ),
    named(
        AVAILABILITY_SLOW,
        "burn_rate",
        &["ticket"],
        "The budget of `availability` burns faster than it lasts.",
    ),
    named(
        LATENCY,
        "burn_rate",
        &["page", "ticket"],
        "Too many tool calls are slow or fail: the budget of `latency` burns.",
    ),
    named(
        QUALITY,
        "burn_rate",
        &["page", "ticket"],
        "Too many answers are not sound: the budget of `quality` burns.",
    ),
    named(BURN_RATE, "burn_rate", &["page", "ticket"], "The budget of any other objective burns."),
    named(BUDGET_LOW, "budget", &["ticket"], "Less than a tenth of an error budget is left."),
    named(BUDGET_EXHAUSTED, "budget", &["ticket"], "An error budget is used up: the objective is missed."),
    named(
        NO_TELEMETRY,
        "absence",
        &["page", "ticket"],
        "A server's series are gone (page: of an expected server), so nothing else would alert.",
    ),
    named(INVALID, "sanity", &["ticket"], "A recorded series has a value that cannot be."),
    named(THIN_DATA, "sanity", &["info"], "Less than half of the period has history: budgets are estimates."),
    named(ANOMALOUS_LATENCY, "anomaly", &["ticket"], "A tool is much slower than it was in the last week."),
    named(DEFINITION_CHANGED, "drift", &["ticket"], "A tool's description, schema or annotations changed."),
    named(AGENT_LOOP, "loop", &["ticket"], "Clients make the same call again and again."),
    named(DOWN, "health", &["ticket"], "A sidecar does not answer scrapes."),
    named(PROXY_FAULTS, "health", &["ticket"], "Tool calls failed by the sidecar's own fault."),
    named(NOT_INSPECTED, "health", &["info"], "Traffic was forwarded unread, so figures miss it."),
    named(SPANS_DROPPED, "health", &["info"], "Spans got lost on their way to the collector."),
    named(RELOAD_FAILED, "health", &["ticket"], "A changed configuration has mistakes and is not in effect."),
    named(STATE_NOT_SAVED, "health", &["ticket"], "The state of error budgets cannot be saved."),
    named(QUALITY_UNCHECKED, "health", &["info"], "Many answers could not be judged for quality."),
    named(WATCHDOG, HEARTBEAT, &["none"], "Fires always: its absence says that alerting is broken."),
];

/// The name of an alert's runbook, the alert in lower case with dashes: `slo-availability-burn-rate-fast`.
#[must_use]
pub fn runbook_name(alert: &str) -> String {
    let signs: Vec<char> = alert.chars().collect();
    let mut name = String::new();
    for (place, sign) in signs.iter().enumerate() {
        let after_lower = place > 0 && !signs[place - 1].is_ascii_uppercase();
        let before_lower = signs.get(place + 1).is_some_and(char::is_ascii_lowercase);
        if sign.is_ascii_uppercase() && place > 0 && (after_lower || before_lower) {
            name.push('-');
        }
        name.push(sign.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runbooks_are_named_like_their_alerts_with_dashes() {
        for (alert, expected) in [
            ("SLOAvailabilityBurnRateFast", "slo-availability-burn-rate-fast"),
            ("LatencySLOViolation", "latency-slo-violation"),
            ("McpSloBudgetLow", "mcp-slo-budget-low"),
            ("ErrorBudgetExhausted", "error-budget-exhausted"),
            ("Watchdog", "watchdog"),
        ] {
            assert_eq!(runbook_name(alert), expected);
        }
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = NAMES.iter().map(|alert| alert.name).collect();
        assert_eq!(names.len(), NAMES.len());
    }
}
