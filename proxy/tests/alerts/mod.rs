//! What the tests of Alertmanager's tree and of the runbooks know of the alerts.

use std::path::PathBuf;

/// A severity that an alert can have.
pub(crate) struct Alert {
    /// The label `alertname`.
    pub(crate) name: &'static str,
    /// The label `category`.
    pub(crate) category: &'static str,
    /// The label `severity`.
    pub(crate) severity: &'static str,
}

/// Every alert of the rules, once for each of its severities.
pub(crate) fn all() -> Vec<Alert> {
    const ALERTS: &[(&str, &str, &[&str])] = &[
        ("SLOAvailabilityBurnRateFast", "burn_rate", &["page"]),
        ("SLOAvailabilityBurnRateSlow", "burn_rate", &["ticket"]),
        ("LatencySLOViolation", "burn_rate", &["page", "ticket"]),
        ("QualitySLOViolation", "burn_rate", &["page", "ticket"]),
        ("McpSloBurnRate", "burn_rate", &["page", "ticket"]),
        ("McpSloBudgetLow", "budget", &["ticket"]),
        ("ErrorBudgetExhausted", "budget", &["ticket"]),
        ("McpSloNoTelemetry", "absence", &["page", "ticket"]),
        ("McpSloInvalid", "sanity", &["ticket"]),
        ("McpSloThinData", "sanity", &["info"]),
        ("AnomalousLatency", "anomaly", &["ticket"]),
        ("McpToolDefinitionChanged", "drift", &["ticket"]),
        ("McpAgentLoop", "loop", &["ticket"]),
        ("McpTapDown", "health", &["ticket"]),
        ("McpTapProxyFaults", "health", &["ticket"]),
        ("McpTapNotInspected", "health", &["info"]),
        ("McpTapSpansDropped", "health", &["info"]),
        ("McpTapConfigReloadFailed", "health", &["ticket"]),
        ("McpTapStateNotSaved", "health", &["ticket"]),
        ("McpTapQualityUnchecked", "health", &["info"]),
        ("Watchdog", "heartbeat", &["none"]),
    ];
    let alert = |&(name, category, severities): &(&'static str, &'static str, &'static [&'static str])| {
        severities.iter().map(move |severity| Alert { name, category, severity })
    };
    ALERTS.iter().flat_map(alert).collect()
}

/// A file or folder of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The text of a file of the repository.
pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
