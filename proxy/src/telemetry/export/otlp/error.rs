//! What keeps an exporter from being made.

/// A setting that cannot be used; told at start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {value:?} {why}; {remedy}")]
pub struct ExportError {
    /// The setting, or the variable that it comes from.
    pub setting: &'static str,
    /// Its value, without credentials.
    pub value: String,
    /// What is wrong with it.
    pub why: String,
    /// What to do.
    pub remedy: &'static str,
}

impl ExportError {
    pub(super) fn new(
        setting: &'static str,
        value: impl Into<String>,
        why: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self { setting, value: value.into(), why: why.into(), remedy }
    }
}
