//! What is done about the chunks and the end of one body.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Settings;
use super::head::{BodyHead, Media};
use super::parse::{Events, Found, Json, Parse};
use super::reader::Reader;
use crate::clock;
use crate::exchange::event::{EndReason, NotInspected};
use crate::exchange::{AnswerShape, Handle, Told};
use crate::fault::TransportFailure;
use crate::protocol::message::{Document, Message};
use crate::protocol::scan::Captures;
use crate::protocol::sse::SseEvent;

/// Watches one body. The methods may panic: whoever calls them sees to it that the traffic goes on.
pub(super) trait Watch: Send {
    /// Measures what time is spent from now on, and adds what was spent before the first chunk.
    fn spend(&mut self, spent: Duration);

    /// A chunk passes.
    fn chunk(&mut self, data: &[u8]);

    /// A call of `chunk` panicked: be content with less.
    fn fail(&mut self);

    /// The body is over. Called once, last. `at_once`: with the chunk that was just told, so that the clock need not be
    /// read again.
    fn end(&mut self, end: BodyEnd, at_once: bool);
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// Whoever sent it came to its end.
    Complete,
    /// It broke off.
    Error,
    /// Whoever was to get it wanted no more.
    Dropped,
}

/// Who is told what was seen: the exchange core, or a recorder in tests.
pub(super) trait Listener: Clone + Send + 'static {
    type Told<'a>: Tell;

    /// To tell it several things in a row.
    fn tell(&self) -> Self::Told<'_>;
}

/// What is told. The methods are those of [`Told`].
pub(super) trait Tell {
    fn request_message(&mut self, message: &mut Message, at: Instant);
    fn request_end(&mut self, document: Document, at: Instant);
    fn request_not_inspected(&mut self, reason: NotInspected, at: Instant);
    fn response_head(
        &mut self,
        status: u16,
        shape: AnswerShape,
        session: Option<&[u8]>,
        at: Instant,
    ) -> Captures;
    fn response_bytes(&mut self, at: Instant);
    fn response_message(&mut self, message: &mut Message, at: Instant);
    fn response_event(&mut self, event: &SseEvent, document: Document, endpoint: Option<&[u8]>, at: Instant);
    fn response_end(&mut self, document: Document, at: Instant);
    fn response_not_inspected(&mut self, reason: NotInspected, at: Instant);
    fn no_response(&mut self, failure: TransportFailure, at: Instant);
    fn overhead(&mut self, spent: Duration);
    fn end(&mut self, reason: EndReason, at: Instant);
    fn trace_ids(&mut self) -> Option<([u8; 16], [u8; 8])>;
}

impl Listener for Handle {
    type Told<'a> = Told<'a>;

    fn tell(&self) -> Told<'_> {
        Self::tell(self)
    }
}

macro_rules! forward_to_told {
    ($(fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        impl Tell for Told<'_> {
            $(fn $name(&mut self, $($arg: $type),*) $(-> $result)? { Told::$name(self, $($arg),*) })*
        }
    };
}

forward_to_told! {
    fn request_message(message: &mut Message, at: Instant);
    fn request_end(document: Document, at: Instant);
    fn request_not_inspected(reason: NotInspected, at: Instant);
    fn response_head(status: u16, shape: AnswerShape, session: Option<&[u8]>, at: Instant) -> Captures;
    fn response_bytes(at: Instant);
    fn response_message(message: &mut Message, at: Instant);
    fn response_event(event: &SseEvent, document: Document, endpoint: Option<&[u8]>, at: Instant);
    fn response_end(document: Document, at: Instant);
    fn response_not_inspected(reason: NotInspected, at: Instant);
    fn no_response(failure: TransportFailure, at: Instant);
    fn overhead(spent: Duration);
    fn end(reason: EndReason, at: Instant);
    fn trace_ids() -> Option<([u8; 16], [u8; 8])>;
}

/// The watch of a request body; `None` when there is nothing in it for us, which then was told already. `writes`:
/// whether trace context is written into its messages.
pub(super) fn request<L: Listener>(
    listener: &L,
    head: &http::HeaderMap,
    empty: bool,
    writes: bool,
    settings: &Arc<Settings>,
    at: Instant,
) -> Option<Box<dyn Watch>> {
    let limit = settings.message_limit;
    let head = BodyHead::of(head);
    let parser = match head.media {
        _ if empty => None,
        Media::Json => Some(Json::new(limit)),
        Media::Unknown => Some(Json::perhaps(limit)),
        // Servers that do not care for the type take what `curl -d` calls a form. What is coded is none.
        Media::Other if !head.coded => Some(Json::perhaps(limit)),
        Media::Events | Media::Other => None,
    };
    let Some(parser) = parser else {
        listener.tell().request_end(Document::Empty, at);
        return None;
    };
    // In requests only arguments stand, in responses only results.
    let captures = Captures { arguments: settings.captures.arguments, ..Captures::NONE };
    match reader(parser.capturing(captures).placing(writes), &head, settings) {
        Ok(reader) => Some(Box::new(RequestWatch {
            listener: listener.clone(),
            settings: Arc::clone(settings),
            reader: Some(reader),
            read: None,
            spent: None,
        })),
        Err(reason) => {
            listener.tell().request_not_inspected(reason, at);
            None
        }
    }
}

/// The watch of a response body; tells the head as well.
pub(super) fn response<L: Listener>(
    listener: L,
    status: u16,
    head: &http::HeaderMap,
    settings: &Arc<Settings>,
    at: Instant,
) -> Box<dyn Watch> {
    let limit = settings.message_limit;
    let head = &BodyHead::of(head);
    let shape = match head.media {
        Media::Json => AnswerShape::Json,
        Media::Events => AnswerShape::EventStream,
        Media::Unknown => AnswerShape::Untyped,
        Media::Other => AnswerShape::Other,
    };
    let wanted = listener.tell().response_head(status, shape, head.session, at);
    let captures = Captures { arguments: 0, result: settings.captures.result, ..wanted };
    match head.media {
        Media::Json => {
            ResponseWatch::boxed(listener, Some(Json::new(limit).capturing(captures)), head, settings, at)
        }
        Media::Events => {
            ResponseWatch::boxed(listener, Some(Events::new(limit).capturing(captures)), head, settings, at)
        }
        // As servers on older TypeScript SDKs send their errors.
        Media::Unknown => {
            ResponseWatch::boxed(listener, Some(Json::perhaps(limit).capturing(captures)), head, settings, at)
        }
        Media::Other => ResponseWatch::<L, Infallible>::boxed(listener, None, head, settings, at),
    }
}

fn reader<P: Parse>(parser: P, head: &BodyHead<'_>, settings: &Settings) -> Result<Reader<P>, NotInspected> {
    Reader::new(parser, head.codings?, settings.message_limit, &settings.memory)
}

/// Reads a request body.
struct RequestWatch<L> {
    listener: L,
    settings: Arc<Settings>,
    /// `None` once it is not inspected any more.
    reader: Option<Reader<Json>>,
    /// When the last chunk came.
    read: Option<Instant>,
    /// `None` where it is not measured.
    spent: Option<Duration>,
}

impl<L: Listener> Watch for RequestWatch<L> {
    fn spend(&mut self, spent: Duration) {
        self.spent = Some(self.spent.unwrap_or_default() + spent);
    }

    fn chunk(&mut self, data: &[u8]) {
        self.read = None;
        let Some(reader) = &mut self.reader else { return };
        let at = clock::now();
        let mut told = self.listener.tell();
        let read = reader.read(data, &self.settings.memory, &mut |found| {
            if let Found::Message(message) = found {
                told.request_message(message, at);
            }
        });
        if let Err(reason) = read {
            self.reader = None;
            told.request_not_inspected(reason, at);
        }
        drop(told);
        self.read = Some(at);
        if let Some(spent) = &mut self.spent {
            *spent += clock::now().saturating_duration_since(at);
        }
    }

    fn fail(&mut self) {
        if self.reader.take().is_some() {
            self.listener.tell().request_not_inspected(NotInspected::Internal, clock::now());
        }
    }

    /// However the body ended, the document says whether it was whole: a server may answer, and the body be dropped,
    /// before the end of a request whose JSON was complete.
    fn end(&mut self, _end: BodyEnd, at_once: bool) {
        let mut told = self.listener.tell();
        if let Some(mut reader) = self.reader.take() {
            let at = self.read.filter(|_| at_once).unwrap_or_else(clock::now);
            told.request_end(reader.finish(), at);
        }
        told.overhead(self.spent.unwrap_or_default());
    }
}

/// Reads a response body, and ends the exchange with it.
struct ResponseWatch<L, P> {
    listener: L,
    settings: Arc<Settings>,
    /// `None` when it is not inspected, or not any more.
    reader: Option<Reader<P>>,
    /// Whether the first chunk was there.
    begun: bool,
    /// When the last chunk came.
    read: Option<Instant>,
    /// `None` where it is not measured.
    spent: Option<Duration>,
}

impl<L: Listener, P: Parse + 'static> ResponseWatch<L, P> {
    fn boxed(
        listener: L,
        parser: Option<P>,
        head: &BodyHead<'_>,
        settings: &Arc<Settings>,
        at: Instant,
    ) -> Box<dyn Watch> {
        let reader = parser.and_then(|parser| {
            let told = |reason| listener.tell().response_not_inspected(reason, at);
            reader(parser, head, settings).map_err(told).ok()
        });
        let settings = Arc::clone(settings);
        Box::new(Self { listener, settings, reader, begun: false, read: None, spent: None })
    }
}

impl<L: Listener, P: Parse> Watch for ResponseWatch<L, P> {
    fn spend(&mut self, spent: Duration) {
        self.spent = Some(self.spent.unwrap_or_default() + spent);
    }

    fn chunk(&mut self, data: &[u8]) {
        self.read = None;
        if self.begun && self.reader.is_none() && !P::STREAM {
            return;
        }
        self.begun = true;
        let at = clock::now();
        let mut told = self.listener.tell();
        told.response_bytes(at);
        let Some(reader) = &mut self.reader else { return };
        let read = reader.read(data, &self.settings.memory, &mut |found| match found {
            Found::Message(message) => told.response_message(message, at),
            Found::Event { event, document, endpoint } => {
                told.response_event(event, document, endpoint, at);
            }
        });
        if let Err(reason) = read {
            self.reader = None;
            told.response_not_inspected(reason, at);
        }
        drop(told);
        self.read = Some(at);
        if let Some(spent) = &mut self.spent {
            *spent += clock::now().saturating_duration_since(at);
        }
    }

    fn fail(&mut self) {
        if self.reader.take().is_some() {
            self.listener.tell().response_not_inspected(NotInspected::Internal, clock::now());
        }
    }

    fn end(&mut self, end: BodyEnd, at_once: bool) {
        let at = self.read.filter(|_| at_once).unwrap_or_else(clock::now);
        let mut told = self.listener.tell();
        if let Some(mut reader) = self.reader.take()
            && end == BodyEnd::Complete
            && !P::STREAM
        {
            told.response_end(reader.finish(), at);
        }
        told.overhead(self.spent.unwrap_or_default());
        told.end(self.settings.reason(end), at);
    }
}
