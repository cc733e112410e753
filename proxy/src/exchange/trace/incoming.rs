//! Which contexts a request brings.

use crate::protocol::message::{Finding, Message, limits};
use crate::protocol::splice::{self, Edit};
use crate::protocol::traceparent::{TraceParent, TraceState};

use super::{ContextHeaders, NotWritten};

/// A valid context, and who made it.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Context {
    /// Its ids and flags.
    pub(in super::super) parent: TraceParent,
    /// Its vendors' members; never an empty list.
    pub(in super::super) state: Option<TraceState>,
    /// Whether another process made it.
    pub(in super::super) remote: bool,
}

impl Context {
    /// Adds to `edits` what makes a message carry it.
    pub(in super::super) fn write_into(
        &self,
        message: &Message,
        edits: &mut Vec<Edit>,
    ) -> Result<(), NotWritten> {
        if message.findings.contains(Finding::NotVersion2) {
            return Err(NotWritten::NotVersion2);
        }
        splice::write(message, &self.parent, self.state.as_ref(), edits).map_err(NotWritten::from)
    }
}

/// What stands in a place that is meant for a context.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Incoming {
    /// Nothing.
    Absent,
    /// Something that is no context.
    Malformed,
    /// A context of another process.
    Valid(Context),
}

impl Incoming {
    /// Of the HTTP request. Several lines contradict each other, even if they are equal.
    pub(in super::super) fn of_headers(headers: &ContextHeaders<'_>) -> Self {
        match headers.traceparent.as_slice() {
            [] => Self::Absent,
            [only] => Self::read(only, headers.tracestate.iter().copied()),
            [_, _, ..] => Self::Malformed,
        }
    }

    /// Of `params._meta`.
    pub(in super::super) fn of_meta(message: &Message) -> Self {
        let meta = &message.params.meta;
        match &meta.traceparent {
            Some(text) => {
                let state = meta.tracestate.as_deref().map(whole_members);
                Self::read(text.as_bytes(), state.map(str::as_bytes))
            }
            // No text, but there.
            None if meta.odd_traceparent => Self::Malformed,
            None => Self::Absent,
        }
    }

    fn read<'a>(parent: &[u8], state: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let Some(parent) = TraceParent::parse(parent) else { return Self::Malformed };
        let mut state = TraceState::parse(state).filter(|state| !state.is_empty());
        if let Some(state) = &mut state {
            // Every open call may hold some of them.
            state.shorten(limits::TEXT);
        }
        let state = state.filter(|state| !state.is_empty());
        Self::Valid(Context { parent, state, remote: true })
    }
}

/// A text that was cut at its limit ends within a member: only whole members may be passed on.
fn whole_members(state: &str) -> &str {
    // A cut at a character border takes up to three bytes more.
    let cut = state.len() + 3 >= limits::TEXT;
    if cut { state.rsplit_once(',').map_or("", |(whole, _)| whole) } else { state }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn state_of(read: Incoming) -> Option<String> {
        match read {
            Incoming::Valid(context) => context.state.map(|state| state.to_string()),
            other => panic!("should be valid: {other:?}"),
        }
    }

    #[test]
    fn header_counts_when_it_is_one_valid_line() {
        let cases: [(&[&[u8]], bool, bool); 5] = [
            (&[], false, false),
            (&[ONE], true, false),
            (&[ONE, ONE], false, true),
            (&[b""], false, true),
            (&[b"00-what"], false, true),
        ];
        for (lines, valid, malformed) in cases {
            let headers = ContextHeaders { traceparent: lines.to_vec(), ..ContextHeaders::default() };
            let read = Incoming::of_headers(&headers);
            assert_eq!(matches!(read, Incoming::Valid(_)), valid, "{lines:?}");
            assert_eq!(read == Incoming::Malformed, malformed, "{lines:?}");
        }
    }

    #[test]
    fn bad_tracestate_is_dropped_and_the_parent_stays() {
        let cases: [(&[&[u8]], Option<&str>); 5] = [
            (&[], None),
            (&[b""], None),
            (&[b"a=1"], Some("a=1")),
            (&[b"a=1", b"b=2"], Some("a=1,b=2")),
            (&[b"a=1", b"A=2"], None),
        ];
        for (lines, expected) in cases {
            let headers = ContextHeaders {
                traceparent: vec![ONE],
                tracestate: lines.to_vec(),
                ..ContextHeaders::default()
            };
            assert_eq!(state_of(Incoming::of_headers(&headers)).as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn state_that_is_held_for_each_open_call_is_bounded() {
        let list: Vec<_> = (0..32).map(|number| format!("k{number}={}", "x".repeat(100))).collect();
        let list = list.join(",");
        let headers = ContextHeaders {
            traceparent: vec![ONE],
            tracestate: vec![list.as_bytes()],
            ..ContextHeaders::default()
        };
        let state = state_of(Incoming::of_headers(&headers)).expect("a part of it");
        assert!(list.starts_with(&state) && (TraceState::LENGTH..=limits::TEXT).contains(&state.len()));
    }

    #[test]
    fn state_in_meta_that_was_cut_ends_with_a_whole_member() {
        let long = format!("a=1,b={},c=3", "x".repeat(200));
        let cut = format!("{},z={}", "a=1,".repeat(200), "y".repeat(222));
        for (text, expected) in [(long.as_str(), long.as_str()), (&cut[..1024], &cut[..800])] {
            assert_eq!(whole_members(text).trim_end_matches(','), expected.trim_end_matches(','));
        }
    }
}
