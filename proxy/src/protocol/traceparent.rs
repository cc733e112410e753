//! W3C Trace Context, Level 2: reading and writing `traceparent` (otel-mcp.md §9). Its companion is in `tracestate.rs`.
//!
//! Strict both ways: what is not exactly in the grammar is no context, and nothing is ever repaired.

use std::fmt;

pub use super::tracestate::TraceState;

/// The length of version 00, and the least of any version.
pub(super) const LENGTH: usize = 55;

/// A trace context as `traceparent` carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// Id of the trace; never all zero when parsed.
    pub trace_id: [u8; 16],
    /// Id of the span that sent it (`parent-id`); never all zero when parsed.
    pub span_id: [u8; 8],
    /// [`TraceParent::SAMPLED`] and [`TraceParent::RANDOM`]; the other bits are not passed on.
    pub flags: u8,
}

impl TraceParent {
    /// The caller may have recorded the trace.
    pub const SAMPLED: u8 = 1;
    /// The trace id is random in its lower 56 bits at least.
    pub const RANDOM: u8 = 2;

    /// Reads the value of a `traceparent` header or member; `None` when it must be ignored.
    ///
    /// Of a version above 00 only the ids and the sampled bit are known.
    ///
    /// ```
    /// use mcp_tap::protocol::traceparent::TraceParent;
    ///
    /// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    /// let parent = TraceParent::parse(text.as_bytes()).unwrap();
    /// assert!(parent.is_sampled());
    /// assert_eq!(parent.to_string(), text);
    /// ```
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, rest) = value.split_at_checked(LENGTH)?;
        let [version] = hex(known.get(..2)?)?;
        let known_flags = match (version, rest) {
            (0, []) => Self::SAMPLED | Self::RANDOM,
            (1..=0xfe, [] | [b'-', ..]) => Self::SAMPLED,
            _ => return None,
        };
        if [known[2], known[35], known[52]] != *b"---" {
            return None;
        }
        let trace_id = hex(&known[3..35])?;
        let span_id = hex(&known[36..52])?;
        let [flags] = hex(&known[53..])?;
        (trace_id != [0; 16] && span_id != [0; 8]).then_some(Self {
            trace_id,
            span_id,
            flags: flags & known_flags,
        })
    }

    /// As it is written, in version 00.
    #[must_use]
    pub fn encode(self) -> [u8; LENGTH] {
        let mut text = *b"00---------------------------------------------------00";
        let (ids, flags) = (&mut text[3..], self.flags & (Self::SAMPLED | Self::RANDOM));
        write_hex(&mut ids[..32], &self.trace_id);
        write_hex(&mut ids[33..49], &self.span_id);
        write_hex(&mut ids[50..], &[flags]);
        text
    }

    /// Whether the caller may have recorded the trace.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & Self::SAMPLED != 0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::str::from_utf8(&self.encode()).map_or(Err(fmt::Error), |text| f.write_str(text))
    }
}

/// An id as people and logs read it: lower-case hex of full length.
#[derive(Debug, Clone, Copy)]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Writes bytes as lower-case hex.
fn write_hex(text: &mut [u8], bytes: &[u8]) {
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = PAIRS[usize::from(*byte)];
    }
}

/// The two digits of each byte.
static PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Reads lower-case hex of exactly this many bytes.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn ids_are_written_in_lower_case_hex_of_full_length() {
        assert_eq!(Hex([0, 1, 0xab, 0xff]).to_string(), "0001abff");
    }

    #[test]
    fn traceparents_that_count() {
        let cases = [
            (format!("00-{TRACE}-{SPAN}-00"), 0),
            (format!("00-{TRACE}-{SPAN}-01"), 1),
            // The random bit stays as received; bits that nobody defined are not passed on.
            (format!("00-{TRACE}-{SPAN}-02"), 2),
            (format!("00-{TRACE}-{SPAN}-03"), 3),
            (format!("00-{TRACE}-{SPAN}-ff"), 3),
            (format!("00-{TRACE}-{SPAN}-08"), 0),
            // Of a later version the ids and the sampled bit.
            (format!("01-{TRACE}-{SPAN}-01"), 1),
            (format!("cc-{TRACE}-{SPAN}-03"), 1),
            (format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"), 1),
            (format!("fe-{TRACE}-{SPAN}-00-"), 0),
        ];
        for (text, flags) in cases {
            let parent = TraceParent::parse(text.as_bytes());
            let Some(parent) = parent else { panic!("{text} should count") };
            assert_eq!(parent.flags, flags, "{text}");
            assert_eq!(parent.is_sampled(), flags & 1 == 1, "{text}");
            assert_eq!(parent.to_string(), format!("00-{TRACE}-{SPAN}-{flags:02x}"), "{text}");
        }
    }

    #[test]
    fn traceparents_that_are_ignored() {
        let zero = ["0".repeat(32), "0".repeat(16)];
        let cases = [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("ff-{TRACE}-{SPAN}-01-x"),
            format!("00-{}-{SPAN}-01", zero[0]),
            format!("00-{TRACE}-{}-01", zero[1]),
            format!("01-{}-{SPAN}-01", zero[0]),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
            format!("0A-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-0A"),
            // Wrong lengths.
            format!("00-{TRACE}-{SPAN}-0"),
            format!("00-{TRACE}-{SPAN}-011"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-what"),
            format!("00-{TRACE}-{SPAN}-01."),
            format!("cc-{TRACE}-{SPAN}-01.what"),
            format!("cc-{TRACE}-{SPAN}-0"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}0-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &SPAN[1..]),
            // Wrong signs.
            format!("00-{}x-{SPAN}-01", &TRACE[1..]),
            format!("00_{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}_{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}_01"),
            format!(".0-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-.1"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01 "),
            format!("00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01"),
        ];
        // Those of the W3C's own test suite (w3c/trace-context `test/test.py`) that are not above.
        let suite = [
            "00-12345678901234567890123456789012-1234567890123456-01.",
            "00-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
            "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
            "0.-12345678901234567890123456789012-1234567890123456-01",
            "000-12345678901234567890123456789012-1234567890123456-01",
            "0000-12345678901234567890123456789012-1234567890123456-01",
            "00-.2345678901234567890123456789012-1234567890123456-01",
            "00-1234567890123456789012345678901.-1234567890123456-01",
            "00-123456789012345678901234567890123-1234567890123456-01",
            "00-1234567890123456789012345678901-1234567890123456-01",
            "00-12345678901234567890123456789012-.234567890123456-01",
            "00-12345678901234567890123456789012-123456789012345.-01",
            "00-12345678901234567890123456789012-12345678901234567-01",
            "00-12345678901234567890123456789012-123456789012345-01",
            "00-12345678901234567890123456789012-1234567890123456-0.",
            "00-12345678901234567890123456789012-1234567890123456-001",
            "00-12345678901234567890123456789012-1234567890123456-1",
        ];
        // White space around the value of a header is HTTP's, and taken off there; inside of `_meta` it is part of it.
        let blank = ["\t00-{}", "00-{}\t", "\t 00-{} \t"]
            .map(|text| text.replace("{}", &format!("{TRACE}-{SPAN}-01")));
        for text in cases.into_iter().chain(suite.map(String::from)).chain(blank) {
            assert_eq!(TraceParent::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(TraceParent::parse(&[0xff; LENGTH]), None);
    }
}
