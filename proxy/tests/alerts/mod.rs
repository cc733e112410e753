//! What the tests of Alertmanager's tree and of the runbooks know of the alerts.

use std::path::PathBuf;

use mcp_tap::rules::alerts::{NAMES, Named};

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
    let each = |named: &'static Named| {
        let alert = |severity: &&'static str| Alert { name: named.name, category: named.category, severity };
        named.severities.iter().map(alert)
    };
    NAMES.iter().flat_map(each).collect()
}

/// A file or folder of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The text of a file of the repository.
pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
