//! Consistent probability sampling (otel-mcp.md §9, slo-and-alerts.md §13): whoever samples a trace by the same
//! numbers comes to the same decision.

use std::fmt;

use super::tracestate::TraceState;

/// Bits of the numbers that are compared.
const BITS: u32 = 56;

/// Hex digits that spell them all.
const DIGITS: usize = 14;

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

    /// That of a trace: `rv` of its list if that is there and valid, else that of its id.
    #[must_use]
    pub fn of_trace(trace_id: [u8; 16], state: Option<&TraceState>) -> Self {
        state.and_then(TraceState::randomness).unwrap_or(Self::of(trace_id))
    }

    /// Reads the value of `rv`: 14 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == DIGITS { hex(text).map(Self) } else { None }
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

    /// Reads the value of `th`: 1 to 14 lower-case hex digits, zeros at the end left out at will.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let missing = DIGITS.checked_sub(text.len())?;
        if missing < DIGITS { hex(text).map(|digits| Self(digits << (4 * missing))) } else { None }
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
        let mut text = [b'0'; DIGITS];
        let mut length = 1;
        for (place, digit) in text.iter_mut().enumerate() {
            let value = (self.0 >> (4 * (DIGITS - 1 - place))) & 0xf;
            if value > 0 {
                *digit = b"0123456789abcdef"[value as usize];
                length = place + 1;
            }
        }
        std::str::from_utf8(&text[..length]).map_or(Err(fmt::Error), |text| f.write_str(text))
    }
}

/// The number that at most 14 lower-case hex digits spell.
fn hex(text: &str) -> Option<u64> {
    text.bytes().try_fold(0, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The trace id of the examples in the W3C's and OpenTelemetry's texts.
    const TRACE: [u8; 16] = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();

    #[test]
    fn thresholds_read_as_they_are_spelled() {
        let cases = [
            ("0", Some(Threshold::ALWAYS)),
            ("00000000000000", Some(Threshold::ALWAYS)),
            ("8", Some(Threshold(0x80_0000_0000_0000))),
            ("80", Some(Threshold(0x80_0000_0000_0000))),
            ("e666", Some(Threshold::of(0.1))),
            ("00000000000001", Some(Threshold(1))),
            ("ffffffffffffff", Some(Threshold(0xff_ffff_ffff_ffff))),
            ("", None),
            ("000000000000000", None),
            ("E666", None),
            ("+8", None),
            ("8 ", None),
            ("8.0", None),
            ("g", None),
            ("\u{e9}", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Threshold::parse(text), expected, "{text}");
        }
        for probability in [1.0, 0.5, 0.3, 0.1, 0.017, 1e-3, 1e-9] {
            let threshold = Threshold::of(probability);
            assert_eq!(Threshold::parse(&threshold.to_string()), Some(threshold), "{probability}");
        }
    }

    #[test]
    fn randomness_has_all_its_digits() {
        let cases = [
            ("6e6d1a75832a2f", Some(Randomness(0x6e_6d1a_7583_2a2f))),
            ("00000000000000", Some(Randomness(0))),
            ("", None),
            ("6e6d1a75832a2", None),
            ("6e6d1a75832a2f0", None),
            ("6E6D1A75832A2F", None),
            ("6e6d1a75832a2 ", None),
            ("+e6d1a75832a2f", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Randomness::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn decisions_are_those_of_everybody_else() {
        let state = |text: &str| TraceState::parse([text.as_bytes()]).expect("a valid list");
        let cases = [
            // (list, kept at 100 %, 57 %, 56 %, 25 %, 10 %)
            (None, [true, true, true, true, false]),
            (Some(state("ot=rv:6e6d1a75832a2f")), [true, true, false, false, false]),
            (Some(state("ot=th:0;rv:ffffffffffffff,a=1")), [true, true, true, true, true]),
            (Some(state("ot=rv:00000000000000")), [true, false, false, false, false]),
            // What is no `rv` is not there.
            (Some(state("ot=rv:6e6d1a")), [true, true, true, true, false]),
            (Some(state("to=rv:00000000000000")), [true, true, true, true, false]),
        ];
        for (state, kept) in cases {
            let randomness = Randomness::of_trace(TRACE, state.as_ref());
            for (probability, kept) in [1.0, 0.57, 0.56, 0.25, 0.1].into_iter().zip(kept) {
                assert_eq!(Threshold::of(probability).keeps(randomness), kept, "{state:?} at {probability}");
            }
        }
        let equal = Randomness::new(0x80_0000_0000_0000);
        assert!(Threshold::of(0.5).keeps(equal));
        assert!(!Threshold::NEVER.keeps(Randomness::new(u64::MAX)));
    }

    #[test]
    fn probabilities_have_the_four_digits_of_the_exact_threshold() {
        for (probability, spelled) in [(1.0, "0"), (0.5, "8"), (0.25, "c"), (0.1, "e666"), (0.01, "fd70a")] {
            assert_eq!(Threshold::of(probability).to_string(), spelled, "{probability}");
        }
        assert_eq!(Threshold::of(0.0), Threshold::NEVER);
    }
}
