//! Whether answers of tools are sound; looked at off the traffic path.

use crate::slo::Pattern;

/// What is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Part of the answers that are judged, 0 to 1; the others are no quality events.
    pub sample: f64,
    /// Longest `structuredContent` that is validated, in bytes; longer ones are not judged.
    pub size_limit: usize,
    /// Tools whose answers may be empty.
    pub may_be_empty: Vec<Pattern>,
    /// Tools that report failure as `"success": false` in a result that is no error.
    pub reports_failure: Vec<Pattern>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sample: 1.0, size_limit: 256 << 10, may_be_empty: Vec::new(), reports_failure: Vec::new() }
    }
}
