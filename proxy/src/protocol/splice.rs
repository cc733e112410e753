//! Writing trace context into a message without touching anything else: which bytes to replace, and doing it.
//!
//! The message is not re-serialised. An edit replaces the value of a `traceparent` or `tracestate` that is there, or
//! inserts the member (with `_meta` and `params` around it where they are missing) directly behind an opening brace.

use bytes::{Buf, Bytes};

use super::message::{Finding, Message};
use super::traceparent::{TraceParent, TraceState};

/// Room for all that is inserted where there was nothing, but for a list of vendors' members.
const INSERTION: usize = 112;

/// Where a member of a message stands in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// Offset of its first byte from the beginning of the document.
    pub start: u64,
    /// Offset behind its last byte.
    pub end: u64,
}

/// A member that may hold others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// It is not there.
    #[default]
    Absent,
    /// An object.
    Object {
        /// From brace to brace.
        span: Span,
        /// Whether it has no member.
        empty: bool,
    },
    /// A value that is no object.
    Other,
}

/// Where trace context stands in a request or notification, or can be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Places {
    /// The message itself.
    pub message: Place,
    /// `params`.
    pub params: Place,
    /// `params._meta`.
    pub meta: Place,
    /// The value of `params._meta.traceparent`, whatever it is, quotes included.
    pub traceparent: Option<Span>,
    /// The value of `params._meta.tracestate`.
    pub tracestate: Option<Span>,
    /// Whether one of the four keys above (`params`, `_meta`, `traceparent`, `tracestate`) stands twice in its object.
    pub twice: bool,
}

/// One change: `remove` bytes at `at` give way to `insert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Offset from the beginning of the document.
    pub at: u64,
    /// Bytes to take out there.
    pub remove: u64,
    /// Bytes to put there.
    pub insert: Bytes,
}

/// Why nothing can be written into a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritable {
    /// A key on the way stands twice: which one counts is the server's secret.
    DuplicateKey,
    /// `params` or `_meta` is there and no object, or the scanner was not told to look for places.
    NoObject,
}

/// Adds to `edits`, in the order of their offsets, what makes `message` carry this context: the place of a member that
/// is there is taken, a missing one goes to the front of `_meta`. An empty list is none; if there is a `tracestate` but
/// none to write, it becomes an empty text, for it would be read as belonging to our `traceparent`.
///
/// # Errors
/// The message cannot be written into; `edits` is as it was.
pub fn write(
    message: &Message,
    parent: &TraceParent,
    state: Option<&TraceState>,
    edits: &mut Vec<Edit>,
) -> Result<(), Unwritable> {
    let Some(places) = message.places.as_deref() else { return Err(Unwritable::NoObject) };
    let &Places { traceparent, tracestate, twice, .. } = places;
    if twice {
        return Err(Unwritable::DuplicateKey);
    }
    let state = state.map_or("", TraceState::as_str);
    let parent = parent.encode();
    let missing = (
        traceparent.is_none().then_some(parent.as_slice()),
        (tracestate.is_none() && !state.is_empty()).then_some(state),
    );
    let insertion = if missing == (None, None) { None } else { Some(insertion(places, missing)?) };
    let parent = traceparent.map(|span| replacement(span, quoted(&parent)));
    let state = tracestate
        .filter(|_| !has_state(message, state))
        .map(|span| replacement(span, quoted(state.as_bytes())));
    let (first, second) = if traceparent < tracestate { (parent, state) } else { (state, parent) };
    edits.extend([insertion, first, second].into_iter().flatten());
    Ok(())
}

/// Puts the members of `_meta` that are missing where they belong.
fn insertion(places: &Places, members: (Option<&[u8]>, Option<&str>)) -> Result<Edit, Unwritable> {
    let (span, empty, opening, closing) = match (places.message, places.params, places.meta) {
        (_, _, Place::Object { span, empty }) => (span, empty, "", ""),
        (_, Place::Object { span, empty }, Place::Absent) => (span, empty, r#""_meta":{"#, "}"),
        (Place::Object { span, empty }, Place::Absent, _) => (span, empty, r#""params":{"_meta":{"#, "}}"),
        _ => return Err(Unwritable::NoObject),
    };
    let mut text = Vec::with_capacity(INSERTION);
    text.extend_from_slice(opening.as_bytes());
    if let Some(parent) = members.0 {
        text.extend_from_slice(br#""traceparent":"#);
        quote(&mut text, parent);
    }
    if let Some(state) = members.1 {
        text.extend_from_slice(if members.0.is_some() { br#","tracestate":"# } else { br#""tracestate":"# });
        quote(&mut text, state.as_bytes());
    }
    text.extend_from_slice(closing.as_bytes());
    if !empty {
        text.push(b',');
    }
    // Right behind the brace.
    Ok(Edit { at: span.start + 1, remove: 0, insert: text.into() })
}

fn replacement(span: Span, text: Vec<u8>) -> Edit {
    Edit { at: span.start, remove: span.end - span.start, insert: text.into() }
}

/// Whether the message's `tracestate` is this text already.
fn has_state(message: &Message, state: &str) -> bool {
    let is_cut = message.findings.contains(Finding::TextCut);
    !is_cut && message.params.meta.tracestate.as_deref() == Some(state)
}

/// A context or a list as a JSON string.
fn quoted(text: &[u8]) -> Vec<u8> {
    let mut string = Vec::with_capacity(text.len() + 2);
    quote(&mut string, text);
    string
}

/// Adds a JSON string. The text is printable ASCII, so nothing else needs an escape.
fn quote(string: &mut Vec<u8>, text: &[u8]) {
    string.push(b'"');
    for part in text.split_inclusive(|sign| matches!(sign, b'"' | b'\\')) {
        match part.split_last() {
            Some((sign @ (b'"' | b'\\'), rest)) => {
                string.extend_from_slice(rest);
                string.extend_from_slice(&[b'\\', *sign]);
            }
            _ => string.extend_from_slice(part),
        }
    }
    string.push(b'"');
}

/// By how many bytes the edits make a document longer.
#[must_use]
pub fn growth(edits: &[Edit]) -> i64 {
    // Both are sums of lengths in memory.
    edits.iter().map(|edit| edit.insert.len() as i64 - edit.remove as i64).sum()
}

/// Makes the edits, which are in the order of their offsets and do not overlap, in the first chunks of a document. These
/// must hold all the bytes to be removed. Chunks without an edit stay the same memory, and no chunk is split or joined;
/// one may become empty.
pub fn apply(edits: &[Edit], chunks: &mut [Bytes]) {
    let mut edits = edits;
    let (mut start, mut removed) = (0, 0);
    let last = chunks.len().saturating_sub(1);
    for (index, chunk) in chunks.iter_mut().enumerate() {
        let end = start + chunk.len() as u64;
        // What goes between two chunks goes into the later one, behind all of them into the last.
        let count = if index == last { edits.len() } else { edits.partition_point(|edit| edit.at < end) };
        let (mine, others) = edits.split_at(count);
        edits = others;
        if mine.is_empty() {
            chunk.advance(within(removed, start, chunk));
        } else {
            *chunk = edited(mine, start, &mut removed, chunk);
        }
        start = end;
    }
}

/// The chunk that begins at `start`, with these edits made in it. Up to `removed` all bytes go; it moves on with them.
fn edited(edits: &[Edit], start: u64, removed: &mut u64, chunk: &Bytes) -> Bytes {
    let inserted: usize = edits.iter().map(|edit| edit.insert.len()).sum();
    let mut text = Vec::with_capacity(chunk.len() + inserted);
    for edit in edits {
        let (from, to) = (within(*removed, start, chunk), within(edit.at, start, chunk));
        text.extend_from_slice(chunk.get(from..to).unwrap_or_default());
        text.extend_from_slice(&edit.insert);
        *removed = edit.at + edit.remove;
    }
    text.extend_from_slice(&chunk[within(*removed, start, chunk)..]);
    text.into()
}

/// Where in the chunk that begins at `start` an offset of the document is: its beginning or end if it is outside.
fn within(offset: u64, start: u64, chunk: &Bytes) -> usize {
    usize::try_from(offset.saturating_sub(start)).map_or(chunk.len(), |at| at.min(chunk.len()))
}
