//! JSON-RPC bytes to [`Message`]s: a push scanner that reads only the members that telemetry needs.
//!
//! It takes a document in chunks of any size, cut anywhere, never looks back, never recurses, and keeps constant
//! memory: texts up to their caps (`message::limits`), everything else as sizes and hashes, and what may be large,
//! `result.tools` and the payload asked for by [`Scanner::capture`], only while [`Scanner::keep_captures`] allows it.
//!
//! Decisions where JSON leaves room:
//! - The last of equal keys counts, and what the earlier ones brought is void, with all below it.
//! - Keys are compared after unescaping. A surrogate half without its partner reads as U+FFFD; so do bytes that are no
//!   UTF-8.
//! - A byte order mark before the document is tolerated (once), as clients do.
//! - What is skipped (values that nobody reads) is not validated: brackets are counted, not paired. A valid document is
//!   never called malformed; a malformed one may pass for a valid one.
//!
//! The parts: `grammar.rs` walks the tokens, `members.rs` the plain ones in one go, `path.rs` knows which members are read, `skip.rs` passes over the others,
//! `text.rs` and `number.rs` decode, `capture.rs` keeps raw text, `element.rs` knows the content of results, `facts.rs`
//! builds the message.

mod capture;
mod element;
mod facts;
mod grammar;
mod members;
mod number;
mod path;
mod skip;
mod text;

use capture::Capture;
pub use capture::Captures;
use facts::{Facts, Shape};
use number::ScalarReader;
use path::{Context, DEPTH, Slot};
use skip::Skip;
use text::TextReader;

use super::message::{Document, Message};
use super::splice::Span;

/// Levels of nesting beyond which a message counts as deep.
const DEEP: u64 = 1024;

/// Reads one JSON document after the other.
///
/// ```
/// use mcp_tap::protocol::message::{Document, MessageKind};
/// use mcp_tap::protocol::scan::Scanner;
///
/// let mut scanner = Scanner::new(1 << 20);
/// let mut messages = Vec::new();
/// scanner.feed(br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","para"#, &mut |message| messages.push(message));
/// scanner.feed(br#"ms":{"name":"search"}}"#, &mut |message| messages.push(message));
///
/// assert_eq!(scanner.finish(), Document::Single);
/// assert_eq!(messages[0].kind, MessageKind::Request);
/// assert_eq!(messages[0].params.name.as_deref(), Some("search"));
/// ```
#[derive(Debug)]
pub struct Scanner {
    /// Bytes that one document may have.
    limit: u64,
    /// Bytes of this document before the chunk at hand.
    offset: u64,
    state: State,
    /// What the document is, as far as seen.
    document: Document,
    /// The innermost open context.
    top: Frame,
    /// Those around it; the first `open` are in use.
    outer: [Frame; DEPTH],
    open: usize,
    /// The value that is being read or comes next.
    slot: Slot,
    shape: Shape,
    /// Where that value began.
    start: u64,
    /// Where a message that just became complete stands.
    ready: Option<Span>,
    /// Whether a message that is the whole document waits for its end.
    waits: bool,
    /// Whether one does at the moment.
    waiting: bool,
    skip: Skip,
    text: TextReader,
    scalar: ScalarReader,
    capture: Capture,
    facts: Facts,
}

/// An open object or array whose members are read.
#[derive(Debug, Clone, Copy)]
struct Frame {
    context: Context,
    /// The slots that had a value already, by [`Slot::bit`].
    seen: u64,
    /// Where it began.
    start: u64,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The document.
    Begin,
    /// More of a byte order mark, of which this many bytes have come.
    Mark(usize),
    Value,
    FirstElement,
    FirstKey,
    Key,
    Colon,
    /// A comma or the end of the innermost context.
    Next,
    /// More of a key that is decoded.
    KeyText,
    /// More of a string that is decoded.
    Text,
    /// More of a number or word.
    Scalar,
    /// More of a value that is skipped.
    Skip,
    /// Nothing but white space.
    Done,
    /// Nothing is read any more.
    Stopped(Document),
}

impl Scanner {
    /// A scanner for documents of at most `limit` bytes; what is longer is not read to its end.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        let frame = Frame { context: Context::Batch, seen: 0, start: 0 };
        Self {
            limit,
            offset: 0,
            state: State::Begin,
            document: Document::Empty,
            top: frame,
            outer: [frame; DEPTH],
            open: 0,
            slot: Slot::Document,
            shape: Shape::Scalar,
            start: 0,
            ready: None,
            waits: false,
            waiting: false,
            skip: Skip::default(),
            text: TextReader::default(),
            scalar: ScalarReader::new(),
            capture: Capture::new(),
            facts: Facts::default(),
        }
    }

    /// Reads the next chunk. Each message is emitted when its last byte was read, those of a batch one by one.
    pub fn feed(&mut self, chunk: &[u8], emit: &mut impl FnMut(Message)) {
        self.show(chunk, &mut |message| emit(std::mem::take(message)));
    }

    /// The same, without moving the messages: each is shown where it was made, to take from it what is wanted. Messages
    /// are large, and most of what is in one is nothing.
    pub fn show(&mut self, chunk: &[u8], look: &mut impl FnMut(&mut Message)) {
        let room = usize::try_from(self.limit - self.offset).unwrap_or(usize::MAX);
        let bytes = &chunk[..chunk.len().min(room)];
        let mut at = 0;
        while at < bytes.len() {
            at = self.walk(bytes, at);
            if let Some(span) = self.ready.take() {
                self.capture.settle(bytes, &mut self.facts);
                let batched = matches!(self.document, Document::Batch(_));
                let message = self.facts.complete(span, batched);
                if self.waits && !batched {
                    self.waiting = true;
                } else {
                    look(message);
                    self.facts.next();
                }
            }
        }
        self.capture.settle(bytes, &mut self.facts);
        self.offset += bytes.len() as u64;
        if bytes.len() < chunk.len() && !matches!(self.state, State::Stopped(_)) {
            self.stop(Document::TooLarge);
        }
    }

    /// The document is over (end of the body, event, or line). The next one starts afresh.
    pub fn finish(&mut self) -> Document {
        let document = match self.state {
            State::Begin => Document::Empty,
            State::Done => self.document,
            State::Stopped(why) => why,
            // Only its end tells that a number is complete.
            State::Scalar if self.open == 0 && self.scalar.is_whole() => Document::Scalar,
            _ => Document::Truncated,
        };
        if !matches!(self.state, State::Begin | State::Done) {
            self.facts.reset();
            self.capture.reset();
        } else if self.waiting {
            self.facts.next();
        }
        self.waiting = false;
        if self.text.held() > 0 {
            self.text = TextReader::default();
        }
        self.state = State::Begin;
        self.document = Document::Empty;
        self.slot = Slot::Document;
        self.offset = 0;
        self.open = 0;
        document
    }

    /// Bytes of memory that captures hold at the moment, beyond the scanner itself.
    #[must_use]
    pub fn held(&self) -> usize {
        self.capture.held() + self.facts.held() + self.text.held()
    }

    /// As if it were new, for documents of at most `limit` bytes; to be called between two documents.
    pub fn reuse(&mut self, limit: u64) {
        self.limit = limit;
        self.waits = false;
        self.capture = Capture::new();
        self.facts.want_places(false);
    }

    /// From the next document on a message that is the whole document is not emitted: it waits, to be asked for with
    /// [`Scanner::waiting`] before [`Scanner::finish`], for whether it counts depends on what follows. The messages of a
    /// batch are emitted as ever.
    pub fn wait(&mut self) {
        self.waits = true;
    }

    /// The message that waits.
    pub fn waiting(&mut self) -> Option<&mut Message> {
        self.waiting.then(|| self.facts.message())
    }

    /// From the next document on keeps payload of its messages ([`Message::captured`]); nothing at first.
    pub fn capture(&mut self, captures: Captures) {
        self.capture.want(captures);
    }

    /// From the next document on notes where trace context stands or can be put ([`Message::places`]), or does not, as at
    /// first.
    pub fn places(&mut self, wanted: bool) {
        self.facts.want_places(wanted);
    }

    /// Whether `result.tools` and the payload that was asked for are kept (they are at first). When they are not, what
    /// is held of them goes at once, and messages with `result.tools` get
    /// [`Finding::ToolsTooLarge`](super::message::Finding::ToolsTooLarge).
    pub fn keep_captures(&mut self, keep: bool) {
        if self.waiting {
            self.capture.keep_later(keep, &mut self.facts);
        } else {
            self.capture.keep_captures(keep, &mut self.facts);
        }
    }

    /// Reads on from `at` until a message is complete or nothing is left, and returns where that is.
    fn walk(&mut self, bytes: &[u8], mut at: usize) -> usize {
        while at < bytes.len() && self.ready.is_none() {
            at = match self.state {
                State::Key | State::FirstKey => self.members(bytes, at),
                State::Value => self.value(bytes, at),
                State::Next => self.next(bytes, at),
                State::Skip => self.skipped(bytes, at),
                State::Scalar => self.scalar(bytes, at),
                State::Colon => self.colon(bytes, at),
                State::FirstElement => self.first_element(bytes, at),
                State::Text | State::KeyText => self.text(bytes, at),
                State::Begin => self.begin(bytes, at),
                State::Mark(seen) => self.mark(bytes, at, seen),
                State::Done => self.done(bytes, at),
                State::Stopped(_) => bytes.len(),
            };
        }
        at
    }

    /// Reads no further, and keeps nothing of a message that is not complete.
    #[cold]
    fn stop(&mut self, why: Document) {
        self.state = State::Stopped(why);
        if !self.waiting {
            self.facts.reset();
        }
        self.capture.reset();
        self.text = TextReader::default();
    }
}
