//! Writing trace context into a message without touching anything else: which bytes to replace, and doing it.
//!
//! The message is not re-serialised. An edit replaces the value of a `traceparent` or `tracestate` that is there, or
//! inserts the member (with `_meta` and `params` around it where they are missing) directly behind an opening brace.

use bytes::Bytes;

use super::message::Message;
use super::traceparent::{TraceParent, TraceState};

/// Where a member of a message stands in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    /// `params` or `_meta` is there and no object.
    NoObject,
}

/// Adds to `edits`, in the order of their offsets, what makes `message` carry this context.
///
/// # Errors
/// The message cannot be written into; `edits` is as it was.
pub fn write(
    message: &Message,
    parent: &TraceParent,
    state: Option<&TraceState>,
    edits: &mut Vec<Edit>,
) -> Result<(), Unwritable> {
    let _ = (message, parent, state, edits);
    Err(Unwritable::NoObject)
}

/// By how many bytes the edits make a document longer.
#[must_use]
pub fn growth(edits: &[Edit]) -> i64 {
    let _ = edits;
    0
}

/// Makes the edits in the first chunks of a document, which must hold all the bytes to be removed. Chunks without an edit stay
/// the same memory, and no chunk is split or joined.
pub fn apply(edits: &[Edit], chunks: &mut [Bytes]) {
    let _ = (edits, chunks);
}
