//! Server-sent events: chunks of any size to data pieces and events (mcp-wire.md §8, WHATWG HTML §9.2).
//!
//! Data is handed out in pieces as it passes, without copying, so an endless line or event costs constant memory. A
//! piece is only the beginning of something until its [`SseItem::Event`] comes: what stands behind the last event when
//! the stream ends was never dispatched, and clients discard it.

use memchr::memchr2;

use super::fingerprint::Fingerprint;

/// U+FEFF in UTF-8: dropped at the beginning of a stream.
const MARK: &[u8; 3] = b"\xef\xbb\xbf";

/// One thing in a stream, in the order of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SseItem<'a> {
    /// A piece of the current event's data, never empty. Where data has several lines, `"\n"` comes between them.
    Data(&'a [u8]),
    /// A blank line ended a block that had at least one known field.
    Event(SseEvent),
    /// A comment line (keep-alive) ended.
    Comment,
}

/// What a block had besides its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SseEvent {
    /// The kind of event.
    pub name: EventName,
    /// Fingerprint of the block's `id`, if it is not empty. An id with a NUL is void.
    pub id: Option<u64>,
    /// Whether an empty `id` reset the stream's last event id.
    pub id_reset: bool,
    /// `retry` in milliseconds, if it was of digits only.
    pub retry_ms: Option<u64>,
    /// Whether the data was not empty.
    pub data: bool,
    /// Whether there was a `data` field at all: without one clients dispatch nothing.
    pub has_data_field: bool,
}

/// The `event` field as far as MCP knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EventName {
    /// Absent, empty, or `message`: JSON-RPC.
    #[default]
    Message,
    /// `endpoint` (2024-11-05): the address for POSTs.
    Endpoint,
    /// Any other; clients ignore it.
    Other,
}

/// Decodes one stream.
///
/// ```
/// use mcp_tap::protocol::sse::{SseDecoder, SseItem};
///
/// let mut decoder = SseDecoder::new();
/// let mut data = Vec::new();
/// let mut events = 0;
/// for chunk in [&b"id: 7\ndata: {\"id\""[..], b":1}\n", b"\n"] {
///     decoder.feed(chunk, &mut |item| match item {
///         SseItem::Data(piece) => data.extend_from_slice(piece),
///         SseItem::Event(event) => events += u32::from(event.data),
///         SseItem::Comment => {}
///     });
/// }
/// assert_eq!((data.as_slice(), events), (&b"{\"id\":1}"[..], 1));
/// ```
#[derive(Debug)]
pub struct SseDecoder {
    place: Place,
    /// Whether the last byte was a CR that ended a line: an LF after it belongs to it.
    after_cr: bool,
    /// The block so far.
    event: SseEvent,
    /// Whether the block has a known field.
    known: bool,
    /// Beginning of a field's name, or of an `event` value.
    word: Word,
    id: Fingerprint,
    id_empty: bool,
    id_void: bool,
    retry: Retry,
}

/// A `retry` value in the making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    Empty,
    Digits(u64),
    Void,
}

impl Retry {
    fn then(self, byte: u8) -> Self {
        let digit = match byte {
            b'0'..=b'9' => u64::from(byte - b'0'),
            _ => return Self::Void,
        };
        match self {
            Self::Empty => Self::Digits(digit),
            Self::Digits(value) => Self::Digits(value.saturating_mul(10).saturating_add(digit)),
            Self::Void => Self::Void,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a byte order mark, of which this many bytes have come.
    Mark(usize),
    /// At the beginning of a line.
    Line,
    Name,
    /// Right after the colon: one space belongs to it.
    Colon(Field),
    Value(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Comment,
    Data,
    Event,
    Id,
    Retry,
    Unknown,
}

/// The first bytes of something that is only compared with short words.
#[derive(Debug, Default)]
struct Word {
    bytes: [u8; Word::LONGEST],
    /// Bytes seen, at most one more than are kept.
    length: usize,
}

impl Word {
    /// Bytes of the longest word, `endpoint`.
    const LONGEST: usize = 8;

    fn push(&mut self, bytes: &[u8]) {
        let (length, room) = (self.length.min(Self::LONGEST), Self::LONGEST.saturating_sub(self.length));
        let kept = bytes.len().min(room);
        self.bytes[length..length + kept].copy_from_slice(&bytes[..kept]);
        self.length = (self.length + bytes.len()).min(Self::LONGEST + 1);
    }

    /// The word, or something that is none when it was too long.
    fn get(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(b"?")
    }
}

impl SseDecoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            place: Place::Mark(0),
            after_cr: false,
            event: SseEvent::default(),
            known: false,
            word: Word::default(),
            id: Fingerprint::new(),
            id_empty: true,
            id_void: false,
            retry: Retry::Empty,
        }
    }

    /// Reads the next chunk and hands out what it holds.
    pub fn feed(&mut self, chunk: &[u8], item: &mut impl FnMut(SseItem<'_>)) {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                at += 1;
                continue;
            }
            match self.place {
                Place::Mark(seen) => {
                    if MARK.get(seen) == Some(&byte) {
                        self.place = Place::Mark(seen + 1);
                        at += 1;
                    } else {
                        self.end_mark(seen);
                    }
                }
                Place::Line => match self.known_line(chunk, at, item) {
                    Some(next) => at = next,
                    None => {
                        self.word.length = 0;
                        self.place = Place::Name;
                    }
                },
                Place::Name => at = self.name(chunk, at, item),
                Place::Colon(field) => {
                    self.place = Place::Value(field);
                    at += usize::from(byte == b' ');
                }
                Place::Value(field) => at = self.value(field, chunk, at, item),
            }
        }
    }

    /// The stream does not begin with a byte order mark, or it is over. Part of one is part of a name nobody knows.
    fn end_mark(&mut self, seen: usize) {
        self.place = Place::Line;
        if seen < MARK.len() && seen > 0 {
            self.word.length = 0;
            self.word.push(&MARK[..seen]);
            self.place = Place::Name;
        }
    }

    /// Reads the beginning of a line, or all of it, if it is one of those that servers send and lies in the chunk; `None`
    /// when it has to be read as any other.
    #[inline]
    fn known_line(&mut self, chunk: &[u8], at: usize, item: &mut impl FnMut(SseItem<'_>)) -> Option<usize> {
        const MESSAGE: &[u8] = b"event: message\n";
        let rest = &chunk[at..];
        let (field, value) = match rest {
            [b'\n', ..] => {
                self.dispatch(item);
                return Some(at + 1);
            }
            [b'd', b'a', b't', b'a', b':', ..] => (Field::Data, 5),
            [b'i', b'd', b':', ..] => (Field::Id, 3),
            _ if rest.starts_with(MESSAGE) => {
                self.known = true;
                self.event.name = EventName::Message;
                return Some(at + MESSAGE.len());
            }
            _ => return None,
        };
        self.begin_field(field, item);
        self.place = Place::Colon(field);
        Some(at + value)
    }

    /// Reads a field's name up to its colon or the line's end.
    fn name(&mut self, chunk: &[u8], at: usize, item: &mut impl FnMut(SseItem<'_>)) -> usize {
        let rest = &chunk[at..];
        let end = rest.iter().position(|byte| matches!(byte, b':' | b'\n' | b'\r'));
        self.word.push(&rest[..end.unwrap_or(rest.len())]);
        let Some(end) = end else { return chunk.len() };
        let is_colon = rest[end] == b':';
        if !is_colon && self.word.length == 0 {
            self.dispatch(item);
        } else {
            let field = match self.word.get() {
                b"" => Field::Comment,
                b"data" => Field::Data,
                b"event" => Field::Event,
                b"id" => Field::Id,
                b"retry" => Field::Retry,
                _ => Field::Unknown,
            };
            self.begin_field(field, item);
            if is_colon {
                self.place = Place::Colon(field);
                return at + end + 1;
            }
            self.end_field(field, item);
        }
        self.end_line(rest[end]);
        at + end + 1
    }

    /// Reads a field's value up to the line's end.
    fn value(&mut self, field: Field, chunk: &[u8], at: usize, item: &mut impl FnMut(SseItem<'_>)) -> usize {
        let rest = &chunk[at..];
        let end = memchr2(b'\n', b'\r', rest);
        let piece = &rest[..end.unwrap_or(rest.len())];
        match field {
            Field::Data if !piece.is_empty() => {
                self.event.data = true;
                item(SseItem::Data(piece));
            }
            Field::Event => self.word.push(piece),
            Field::Id => {
                self.id.write(piece);
                self.id_empty &= piece.is_empty();
                self.id_void |= piece.contains(&0);
            }
            Field::Retry => self.retry = piece.iter().fold(self.retry, |retry, byte| retry.then(*byte)),
            Field::Data | Field::Comment | Field::Unknown => {}
        }
        let Some(end) = end else { return chunk.len() };
        self.end_field(field, item);
        self.end_line(rest[end]);
        at + end + 1
    }

    fn begin_field(&mut self, field: Field, item: &mut impl FnMut(SseItem<'_>)) {
        self.known |= !matches!(field, Field::Comment | Field::Unknown);
        match field {
            Field::Data => {
                if self.event.has_data_field {
                    self.event.data = true;
                    item(SseItem::Data(b"\n"));
                }
                self.event.has_data_field = true;
            }
            Field::Event => self.word.length = 0,
            Field::Id => {
                self.id = Fingerprint::new();
                (self.id_empty, self.id_void) = (true, false);
            }
            Field::Retry => self.retry = Retry::Empty,
            Field::Comment | Field::Unknown => {}
        }
    }

    fn end_field(&mut self, field: Field, item: &mut impl FnMut(SseItem<'_>)) {
        match field {
            Field::Comment => item(SseItem::Comment),
            Field::Event => {
                self.event.name = match self.word.get() {
                    b"" | b"message" => EventName::Message,
                    b"endpoint" => EventName::Endpoint,
                    _ => EventName::Other,
                };
            }
            Field::Id if !self.id_void => {
                self.event.id = (!self.id_empty).then(|| self.id.finish());
                self.event.id_reset = self.id_empty;
            }
            Field::Retry => {
                if let Retry::Digits(retry) = self.retry {
                    self.event.retry_ms = Some(retry);
                }
            }
            Field::Id | Field::Data | Field::Unknown => {}
        }
    }

    fn end_line(&mut self, end: u8) {
        self.after_cr = end == b'\r';
        self.place = Place::Line;
    }

    fn dispatch(&mut self, item: &mut impl FnMut(SseItem<'_>)) {
        let event = std::mem::take(&mut self.event);
        if std::mem::take(&mut self.known) {
            item(SseItem::Event(event));
        }
    }
}

impl Default for SseDecoder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[path = "tests/sse.rs"]
mod tests;
