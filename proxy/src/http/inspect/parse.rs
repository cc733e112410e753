//! Bytes of a decoded body to messages: as one JSON document, or as a stream of events.

use std::convert::Infallible;

use super::scanners;
use crate::protocol::message::{Document, Message};
use crate::protocol::scan::{Captures, Scanner};
use crate::protocol::sse::{EventName, SseDecoder, SseEvent, SseItem};

/// The longest data of an `endpoint` event that is kept, in bytes: it is a URI.
const ENDPOINT: usize = 2 * 1024;

/// Messages kept back until their event ends. An event has one, a batch a few; what is over goes out at once.
const WAITING: usize = 64;

/// What a body gave.
pub(super) enum Found<'a> {
    /// A message is complete.
    Message(&'a mut Message),
    /// An event is over; its messages came before.
    Event {
        /// The event's fields.
        event: &'a SseEvent,
        /// What its data was.
        document: Document,
        /// The data of an `endpoint` event.
        endpoint: Option<&'a [u8]>,
    },
}

/// Takes decoded bytes in pieces of any size.
pub(super) trait Parse: Send {
    /// Whether each chunk counts, because silence between them is measured.
    const STREAM: bool;

    /// Reads the next bytes.
    fn feed(&mut self, data: &[u8], found: &mut impl FnMut(Found<'_>));

    /// The document, once the body is over.
    fn finish(&mut self) -> Document;

    /// Whether the present message is over the limit.
    fn over_limit(&self) -> bool;

    /// Bytes of captures held.
    fn held(&self) -> usize;

    /// Whether captures may be held.
    fn keep_captures(&mut self, keep: bool);
}

/// A body that is not read has no parser.
impl Parse for Infallible {
    const STREAM: bool = false;

    fn feed(&mut self, _data: &[u8], _found: &mut impl FnMut(Found<'_>)) {
        match *self {}
    }

    fn finish(&mut self) -> Document {
        match *self {}
    }

    fn over_limit(&self) -> bool {
        match *self {}
    }

    fn held(&self) -> usize {
        match *self {}
    }

    fn keep_captures(&mut self, _keep: bool) {
        match *self {}
    }
}

/// A body that is one JSON document.
pub(super) struct Json {
    /// There from the first byte to the last.
    scanner: Option<Box<Scanner>>,
    limit: u64,
    seen: u64,
    start: Start,
    captures: Captures,
    places: bool,
    keep_captures: bool,
}

/// Whether the body is JSON at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Json,
    /// Its first byte that is no white space will tell.
    Open,
    Foreign,
}

impl Json {
    /// A document of at most `limit` bytes.
    pub(super) const fn new(limit: u64) -> Self {
        Self {
            scanner: None,
            limit,
            seen: 0,
            start: Start::Json,
            captures: Captures::NONE,
            places: false,
            keep_captures: true,
        }
    }

    /// The same, if it begins like a JSON-RPC document.
    pub(super) fn perhaps(limit: u64) -> Self {
        Self { start: Start::Open, ..Self::new(limit) }
    }

    /// The same, that keeps payload.
    pub(super) const fn capturing(mut self, captures: Captures) -> Self {
        self.captures = captures;
        self
    }

    /// The same, that notes where trace context can be written.
    pub(super) const fn placing(mut self, places: bool) -> Self {
        self.places = places;
        self
    }
}

impl Parse for Json {
    const STREAM: bool = false;

    fn feed(&mut self, data: &[u8], found: &mut impl FnMut(Found<'_>)) {
        // White space before it is read as well: places in the document are counted from the body's first byte.
        if self.start == Start::Open
            && let Some(first) = data.trim_ascii_start().first()
        {
            self.start = if matches!(first, b'{' | b'[') { Start::Json } else { Start::Foreign };
        }
        if self.start == Start::Foreign {
            return;
        }
        let scanner = self.scanner.get_or_insert_with(|| {
            let mut scanner = scanners::lend(self.limit);
            scanner.capture(self.captures);
            scanner.places(self.places);
            scanner.keep_captures(self.keep_captures);
            scanner
        });
        scanner.show(data, &mut |message| found(Found::Message(message)));
        self.seen += data.len() as u64;
    }

    fn finish(&mut self) -> Document {
        match self.scanner.take() {
            Some(scanner) if self.start != Start::Foreign => scanners::finish(scanner),
            _ => Document::Empty,
        }
    }

    fn over_limit(&self) -> bool {
        self.seen > self.limit
    }

    fn held(&self) -> usize {
        self.scanner.as_ref().map_or(0, |scanner| scanner.held())
    }

    fn keep_captures(&mut self, keep: bool) {
        self.keep_captures = keep;
        if let Some(scanner) = &mut self.scanner {
            scanner.keep_captures(keep);
        }
    }
}

/// A body that is a stream of events.
///
/// A message in an event counts once the event is over: only then does the client see it, and only then is the
/// event's name certain. So messages wait for the blank line; those of an event that is cut off never were.
pub(super) struct Events {
    decoder: SseDecoder,
    /// There while an event has data: most of a stream's life is spent between events. The event's message waits in it.
    scanner: Option<Box<Scanner>>,
    /// Messages of a batch.
    waiting: Vec<Message>,
    limit: u64,
    captures: Captures,
    /// Bytes since the last event.
    seen: u64,
    endpoint: Endpoint,
    keep_captures: bool,
}

/// The data of the event under way, for the case that it is the `endpoint` event.
#[derive(Debug, PartialEq, Eq)]
enum Endpoint {
    /// Kept so far.
    Kept(Vec<u8>),
    /// Not kept: it is JSON, or too long.
    Unfit,
    /// The stream's one `endpoint` event was there already.
    Known,
}

impl Events {
    /// A stream whose messages have at most `limit` bytes each.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            decoder: SseDecoder::new(),
            scanner: None,
            waiting: Vec::new(),
            limit,
            captures: Captures::default(),
            seen: 0,
            endpoint: Endpoint::Kept(Vec::new()),
            keep_captures: true,
        }
    }

    /// The same, that keeps payload.
    pub(super) const fn capturing(mut self, captures: Captures) -> Self {
        self.captures = captures;
        self
    }
}

impl Parse for Events {
    const STREAM: bool = true;

    fn feed(&mut self, data: &[u8], found: &mut impl FnMut(Found<'_>)) {
        let Self { decoder, scanner, waiting, limit, captures, seen, endpoint, keep_captures } = self;
        *seen += data.len() as u64;
        decoder.feed(data, &mut |item| match item {
            SseItem::Data(piece) => {
                let scanner = scanner.get_or_insert_with(|| {
                    let mut scanner = scanners::lend(*limit);
                    scanner.wait();
                    scanner.capture(*captures);
                    scanner.keep_captures(*keep_captures);
                    scanner
                });
                endpoint.keep(piece);
                scanner.show(piece, &mut |message| {
                    if waiting.len() < WAITING {
                        waiting.push(std::mem::take(message));
                    } else {
                        waiting.drain(..).for_each(|mut message| found(Found::Message(&mut message)));
                        found(Found::Message(message));
                    }
                });
            }
            SseItem::Event(event) => {
                *seen = 0;
                let mut document = Document::Empty;
                let is_message = event.name == EventName::Message;
                if let Some(mut scanner) = scanner.take() {
                    if let Some(message) = scanner.waiting().filter(|_| is_message) {
                        found(Found::Message(message));
                    }
                    let whole = scanners::finish(scanner);
                    // MCP travels in `message` events only; the data of others is text to us.
                    document = if is_message { whole } else { document };
                }
                // Nothing of a batch is kept between events.
                for mut message in std::mem::take(waiting).into_iter().filter(|_| is_message) {
                    found(Found::Message(&mut message));
                }
                let text = endpoint.event(event.name);
                found(Found::Event { event: &event, document, endpoint: text.as_deref() });
            }
            SseItem::Comment => {}
        });
    }

    /// Of a stream there is no document: what stands behind the last blank line is no event.
    fn finish(&mut self) -> Document {
        Document::Empty
    }

    fn over_limit(&self) -> bool {
        self.seen > self.limit
    }

    fn held(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(Message::held).sum();
        self.scanner.as_ref().map_or(0, |scanner| scanner.held()) + waiting
    }

    fn keep_captures(&mut self, keep: bool) {
        self.keep_captures = keep;
        if let Some(scanner) = &mut self.scanner {
            scanner.keep_captures(keep);
        }
        if !keep {
            self.waiting.iter_mut().for_each(|message| message.captured = None);
        }
    }
}

impl Endpoint {
    /// Adds a piece of the present event's data.
    fn keep(&mut self, piece: &[u8]) {
        let Self::Kept(text) = self else { return };
        let json = text.is_empty() && matches!(piece.first(), Some(b'{' | b'['));
        if json || text.len() + piece.len() > ENDPOINT {
            *self = Self::Unfit;
        } else {
            text.extend_from_slice(piece);
        }
    }

    /// The event is over; gives its data if it is the first `endpoint` event.
    fn event(&mut self, name: EventName) -> Option<Vec<u8>> {
        let next = match (&*self, name) {
            (Self::Known, _) | (_, EventName::Endpoint) => Self::Known,
            _ => Self::Kept(Vec::new()),
        };
        match std::mem::replace(self, next) {
            Self::Kept(text) if name == EventName::Endpoint => Some(text),
            _ => None,
        }
    }
}
