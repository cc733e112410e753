//! Consistent probability sampling (otel-mcp.md §9, slo-and-alerts.md §13): whoever samples a trace by the same
//! numbers comes to the same decision.

use std::fmt;

/// Bits of the numbers that are compared.
const BITS: u32 = 56;

/// 56 random bits of a trace, the same for all of its spans: `rv` of the `tracestate`'s `ot` member, else the last 14
/// hex digits of the trace id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Randomness(u64);

impl Randomness {
    /// That of a trace id.
    #[must_use]
    pub const fn of(trace_id: [u8; 16]) -> Self {
        let [.., a, b, c, d, e, f, g] = trace_id;
        Self(u64::from_be_bytes([0, a, b, c, d, e, f, g]))
    }

    /// The lower 56 bits of a number.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits & ((1 << BITS) - 1))
    }
}

/// What [`Randomness`] must reach for a trace to be kept: 0 keeps all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold(u64);

impl Threshold {
    /// Keeps everything.
    pub const ALWAYS: Self = Self(0);
    /// Keeps nothing. Has no spelling.
    pub const NEVER: Self = Self(1 << BITS);

    /// The threshold that keeps this part (0 to 1) of all traces, to four significant hex digits beyond leading `f`s.
    #[must_use]
    pub fn of(probability: f64) -> Self {
        if probability >= 1.0 {
            return Self::ALWAYS;
        }
        if probability <= 0.0 || probability.is_nan() {
            return Self::NEVER;
        }
        let whole = (1_u64 << BITS) as f64;
        let exact = ((1.0 - probability) * whole) as u64;
        // Leading digits that are all ones say nothing about a small probability.
        let leading = (exact << (64 - BITS)).leading_ones() / 4;
        let shift = BITS.saturating_sub(4 * (leading + 4));
        let rounded = (exact + (1 << shift >> 1)) >> shift << shift;
        Self(rounded.min((1 << BITS) - 1))
    }

    /// Whether a trace is kept.
    #[must_use]
    pub const fn keeps(self, randomness: Randomness) -> bool {
        randomness.0 >= self.0
    }
}

/// As `th` spells it: hex digits without trailing zeros.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:014x}", self.0);
        let significant = digits.trim_end_matches('0');
        f.write_str(if significant.is_empty() { "0" } else { significant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_have_the_four_digits_of_the_exact_threshold() {
        for (probability, spelled) in [(1.0, "0"), (0.5, "8"), (0.25, "c"), (0.1, "e666"), (0.01, "fd70a")] {
            assert_eq!(Threshold::of(probability).to_string(), spelled, "{probability}");
        }
        assert_eq!(Threshold::of(0.0), Threshold::NEVER);
    }
}
