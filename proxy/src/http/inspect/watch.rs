//! What is done about the chunks and the end of one body.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::CONTENT_ENCODING;

use super::Settings;
use super::head::Media;
use super::parse::{Events, Found, Json, Parse};
use super::reader::Reader;
use crate::clock;
use crate::exchange::event::{EndReason, NotInspected};
use crate::exchange::{AnswerShape, Handle};
use crate::fault::TransportFailure;
use crate::protocol::message::{Document, Message};
use crate::protocol::scan::Captures;
use crate::protocol::sse::SseEvent;

/// Watches one body. The methods may panic: whoever calls them sees to it that the traffic goes on.
pub(super) trait Watch: Send {
    /// A chunk passes.
    fn chunk(&mut self, data: &[u8]);

    /// A call of `chunk` panicked: be content with less.
    fn fail(&mut self);

    /// The body is over. Called once, last.
    fn end(&mut self, end: BodyEnd);
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

/// Who is told what was seen: the exchange core, or a recorder in tests. The methods are those of [`Handle`].
pub(super) trait Listener: Clone + Send + 'static {
    fn request_message(&self, message: Message, at: Instant);
    fn request_end(&self, document: Document, at: Instant);
    fn request_not_inspected(&self, reason: NotInspected, at: Instant);
    fn response_head(&self, status: u16, shape: AnswerShape, session: Option<&[u8]>, at: Instant)
    -> Captures;
    fn response_bytes(&self, at: Instant);
    fn response_message(&self, message: Message, at: Instant);
    fn response_event(&self, event: &SseEvent, document: Document, endpoint: Option<&[u8]>, at: Instant);
    fn response_end(&self, document: Document, at: Instant);
    fn response_not_inspected(&self, reason: NotInspected, at: Instant);
    fn no_response(&self, failure: TransportFailure, at: Instant);
    fn overhead(&self, spent: Duration);
    fn end(&self, reason: EndReason, at: Instant);
    fn trace_ids(&self) -> Option<([u8; 16], [u8; 8])>;
}

macro_rules! forward_to_handle {
    ($(fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        impl Listener for Handle {
            $(fn $name(&self, $($arg: $type),*) $(-> $result)? { Handle::$name(self, $($arg),*) })*
        }
    };
}

forward_to_handle! {
    fn request_message(message: Message, at: Instant);
    fn request_end(document: Document, at: Instant);
    fn request_not_inspected(reason: NotInspected, at: Instant);
    fn response_head(status: u16, shape: AnswerShape, session: Option<&[u8]>, at: Instant) -> Captures;
    fn response_bytes(at: Instant);
    fn response_message(message: Message, at: Instant);
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
    let parser = match Media::of(head) {
        _ if empty => None,
        Media::Json => Some(Json::new(limit)),
        Media::Unknown => Some(Json::perhaps(limit)),
        // Servers that do not care for the type take what `curl -d` calls a form. What is coded is none.
        Media::Other if !head.contains_key(CONTENT_ENCODING) => Some(Json::perhaps(limit)),
        Media::Events | Media::Other => None,
    };
    let Some(parser) = parser else {
        listener.request_end(Document::Empty, at);
        return None;
    };
    // In requests only arguments stand, in responses only results.
    let captures = Captures { arguments: settings.captures.arguments, ..Captures::NONE };
    match reader(parser.capturing(captures).placing(writes), head, settings) {
        Ok(reader) => Some(Box::new(RequestWatch {
            listener: listener.clone(),
            settings: Arc::clone(settings),
            reader: Some(reader),
            spent: Duration::ZERO,
        })),
        Err(reason) => {
            listener.request_not_inspected(reason, at);
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
    let (shape, media) = match Media::of(head) {
        Media::Json => (AnswerShape::Json, Media::Json),
        Media::Events => (AnswerShape::EventStream, Media::Events),
        Media::Unknown => (AnswerShape::Untyped, Media::Unknown),
        Media::Other => (AnswerShape::Other, Media::Other),
    };
    let wanted = listener.response_head(status, shape, super::head::session(head), at);
    let captures = Captures { arguments: 0, result: settings.captures.result, ..wanted };
    match media {
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

fn reader<P: Parse>(
    parser: P,
    head: &http::HeaderMap,
    settings: &Settings,
) -> Result<Reader<P>, NotInspected> {
    Reader::new(parser, super::head::codings(head)?, settings.message_limit, &settings.memory)
}

/// Reads a request body.
struct RequestWatch<L> {
    listener: L,
    settings: Arc<Settings>,
    /// `None` once it is not inspected any more.
    reader: Option<Reader<Json>>,
    spent: Duration,
}

impl<L: Listener> Watch for RequestWatch<L> {
    fn chunk(&mut self, data: &[u8]) {
        let Some(reader) = &mut self.reader else { return };
        let at = clock::now();
        let read = reader.read(data, &self.settings.memory, &mut |found| {
            if let Found::Message(message) = found {
                self.listener.request_message(message, at);
            }
        });
        if let Err(reason) = read {
            self.reader = None;
            self.listener.request_not_inspected(reason, at);
        }
        self.spent += clock::now().saturating_duration_since(at);
    }

    fn fail(&mut self) {
        if self.reader.take().is_some() {
            self.listener.request_not_inspected(NotInspected::Internal, clock::now());
        }
    }

    /// However the body ended, the document says whether it was whole: a server may answer, and the body be dropped,
    /// before the end of a request whose JSON was complete.
    fn end(&mut self, _end: BodyEnd) {
        if let Some(mut reader) = self.reader.take() {
            self.listener.request_end(reader.finish(), clock::now());
        }
        self.listener.overhead(self.spent);
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
    spent: Duration,
}

impl<L: Listener, P: Parse + 'static> ResponseWatch<L, P> {
    fn boxed(
        listener: L,
        parser: Option<P>,
        head: &http::HeaderMap,
        settings: &Arc<Settings>,
        at: Instant,
    ) -> Box<dyn Watch> {
        let reader = parser.and_then(|parser| {
            let told = |reason| listener.response_not_inspected(reason, at);
            reader(parser, head, settings).map_err(told).ok()
        });
        let settings = Arc::clone(settings);
        Box::new(Self { listener, settings, reader, begun: false, spent: Duration::ZERO })
    }
}

impl<L: Listener, P: Parse> Watch for ResponseWatch<L, P> {
    fn chunk(&mut self, data: &[u8]) {
        if self.begun && self.reader.is_none() && !P::STREAM {
            return;
        }
        self.begun = true;
        let at = clock::now();
        self.listener.response_bytes(at);
        let Some(reader) = &mut self.reader else { return };
        let read = reader.read(data, &self.settings.memory, &mut |found| match found {
            Found::Message(message) => self.listener.response_message(message, at),
            Found::Event { event, document, endpoint } => {
                self.listener.response_event(event, document, endpoint, at);
            }
        });
        if let Err(reason) = read {
            self.reader = None;
            self.listener.response_not_inspected(reason, at);
        }
        self.spent += clock::now().saturating_duration_since(at);
    }

    fn fail(&mut self) {
        if self.reader.take().is_some() {
            self.listener.response_not_inspected(NotInspected::Internal, clock::now());
        }
    }

    fn end(&mut self, end: BodyEnd) {
        let at = clock::now();
        if let Some(mut reader) = self.reader.take()
            && end == BodyEnd::Complete
            && !P::STREAM
        {
            self.listener.response_end(reader.finish(), at);
        }
        self.listener.overhead(self.spent);
        self.listener.end(self.settings.reason(end), at);
    }
}
