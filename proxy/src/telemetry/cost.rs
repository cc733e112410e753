//! What calls cost, by configured prices.

use crate::slo::Pattern;

/// Prices in US dollars; what is not given costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Price {
    /// For each second that the server is busy with a call.
    pub per_second: Option<f64>,
    /// For each call.
    pub per_call: Option<f64>,
    /// For each GiB (2^30 bytes) of results.
    pub per_gib: Option<f64>,
    /// For each million estimated tokens of results.
    pub per_million_tokens: Option<f64>,
}

/// Prices of all tools.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prices {
    /// Of every tool, where nothing else is said.
    pub default: Price,
    /// Of some tools: the first pattern that matches; what it does not give is that of the default.
    pub tools: Vec<(Pattern, Price)>,
}
