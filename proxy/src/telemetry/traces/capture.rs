//! Which arguments and results a span shows, and what is masked in them. Nothing, unless asked for.

/// What is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capture {
    /// By tool; empty: nothing is shown.
    pub rules: Vec<CaptureRule>,
}

/// What is shown of one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureRule {
    /// The tool's name, or `*` for all.
    pub tool: String,
    /// Top-level keys of the arguments that are shown.
    pub arguments: Vec<String>,
    /// Whether the result is shown.
    pub result: bool,
}
