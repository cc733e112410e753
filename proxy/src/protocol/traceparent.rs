//! W3C Trace Context, Level 2: reading and writing `traceparent`, checking `tracestate` (otel-mcp.md §9).
//!
//! Strict both ways: what is not exactly in the grammar is no context, and nothing is ever repaired.

use std::fmt;

/// The length of version 00, and the least of any version.
const LENGTH: usize = 55;

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

    /// Whether the caller may have recorded the trace.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & Self::SAMPLED != 0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trace_id = u128::from_be_bytes(self.trace_id);
        let span_id = u64::from_be_bytes(self.span_id);
        let flags = self.flags & (Self::SAMPLED | Self::RANDOM);
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

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

/// A `tracestate` that keeps the grammar: its members, in order, without empty ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceState(Vec<String>);

impl TraceState {
    /// Members that a list may have.
    pub const MEMBERS: usize = 32;
    /// Bytes of a list that must be passed on, if it is that long.
    pub const LENGTH: usize = 512;
    /// Bytes from which a member is the first to go when a list is too long.
    const LARGE: usize = 128;

    /// Reads the values of all `tracestate` headers (or of the one member) in order; `None` when any of it breaks the
    /// grammar, has a key twice, or has too many members: then all of it must be dropped.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut members: Vec<String> = Vec::new();
        for member in values.into_iter().flat_map(|value| value.split(|byte| *byte == b',')) {
            let member = trimmed(member);
            if member.is_empty() {
                continue;
            }
            let key = key_of(member)?;
            if members.len() == Self::MEMBERS
                || members.iter().any(|other| key_of(other.as_bytes()) == Some(key))
            {
                return None;
            }
            members.push(std::str::from_utf8(member).ok()?.to_owned());
        }
        Some(Self(members))
    }

    /// Cuts whole members until the list has at most `length` bytes: first large ones, then from the right.
    pub fn shorten(&mut self, length: usize) {
        let mut excess = self.to_string().len().saturating_sub(length);
        for only_large in [true, false] {
            for at in (0..self.0.len()).rev() {
                let size = self.0[at].len();
                if excess > 0 && (!only_large || size > Self::LARGE) {
                    self.0.remove(at);
                    excess = excess.saturating_sub(size + 1);
                }
            }
        }
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// Without the spaces and tabs around it.
fn trimmed(member: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = member.iter().position(|byte| !blank(byte)).unwrap_or(member.len());
    let end = member.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &member[start..end]
}

/// The key of a valid member.
fn key_of(member: &[u8]) -> Option<&[u8]> {
    let equals = member.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&member[..equals], &member[equals + 1..]);
    let first = matches!(key.first(), Some(b'a'..=b'z' | b'0'..=b'9'));
    let others =
        key.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@'));
    let printable = value.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'=');
    let ends = value.last().is_some_and(|byte| *byte != b' ');
    (first && others && key.len() <= 256 && printable && ends && value.len() <= 256).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

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
        for text in cases {
            assert_eq!(TraceParent::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(TraceParent::parse(&[0xff; LENGTH]), None);
    }

    fn state(values: &[&str]) -> Option<String> {
        TraceState::parse(values.iter().map(|value| value.as_bytes())).map(|state| state.to_string())
    }

    #[test]
    fn tracestates_that_count() {
        let long_key = format!("{}=1", "k".repeat(256));
        let long_value = format!("k={}", "v".repeat(256));
        let cases: &[(&[&str], &str)] = &[
            (&[], ""),
            (&[""], ""),
            (&["foo=1"], "foo=1"),
            (&["foo=1,bar=2"], "foo=1,bar=2"),
            (&["foo=1", "bar=2,baz=3"], "foo=1,bar=2,baz=3"),
            (&[" foo=1 \t,\tbar=2 , ,,"], "foo=1,bar=2"),
            (&["fw529a3039@dt=FfD4,0/_-*@x= v"], "fw529a3039@dt=FfD4,0/_-*@x= v"),
            (&[&long_key], &long_key),
            (&[&long_value], &long_value),
        ];
        for (values, expected) in cases {
            assert_eq!(state(values).as_deref(), Some(*expected), "{values:?}");
        }
    }

    #[test]
    fn tracestates_that_are_dropped() {
        let long_key = format!("{}=1", "k".repeat(257));
        let long_value = format!("k={}", "v".repeat(257));
        let cases = [
            "foo",
            "foo=",
            "=1",
            "foo=1=2",
            "Foo=1",
            "foo =1",
            "foo@=1,foo@=2",
            "foo=1,foo=2",
            "_a=1",
            "@a=1",
            "f\u{f6}=1",
            "foo=\u{f6}",
            "foo=a\tb",
            "foo=1;bar=2,foo=1",
            "foo.bar=1",
            &long_key,
            &long_value,
        ];
        for value in cases {
            assert_eq!(state(&[value]), None, "{value}");
        }
        assert_eq!(state(&["foo=1", "foo=2"]), None);
    }

    #[test]
    fn list_of_32_members_counts_and_of_33_does_not() {
        let list = |count: usize| (0..count).map(|at| format!("k{at}=1")).collect::<Vec<_>>().join(",");
        assert_eq!(state(&[&list(32)]), Some(list(32)));
        assert_eq!(state(&[&list(33)]), None);
    }

    #[test]
    fn long_list_loses_large_members_first_and_then_from_the_right() {
        let large = format!("b={}", "x".repeat(127));
        let cases = [
            (format!("a=1,{large},c=3"), 200, format!("a=1,{large},c=3")),
            (format!("a=1,{large},c=3"), 100, "a=1,c=3".to_owned()),
            ("a=1,b=2,c=3".to_owned(), 11, "a=1,b=2,c=3".to_owned()),
            ("a=1,b=2,c=3".to_owned(), 10, "a=1,b=2".to_owned()),
            ("a=1,b=2,c=3".to_owned(), 2, String::new()),
        ];
        for (before, length, after) in cases {
            let mut state = TraceState::parse([before.as_bytes()]).expect("a valid list");
            state.shorten(length);
            assert_eq!(state.to_string(), after, "{before} to {length}");
            assert!(state.to_string().len() <= length);
        }
    }
}
