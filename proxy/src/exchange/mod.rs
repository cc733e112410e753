//! The core: pairs requests with answers and says how each operation ended.
//!
//! It is told what passed ([`Handle`]) and when; it emits [`event::Event`]s and has no other effect. It does no I/O and
//! reads no clock: [`Exchange::expire`] is how time passes where nothing else happens.
//!
//! # One exchange, one operation
//!
//! Nearly always one HTTP exchange is one request and its answer, and nothing is shared: [`Exchange::open`] makes the
//! state of the exchange (`http_call/`), the request makes a `Call` in it, the answer ends the call, and
//! [`event::Event::OperationEnded`] carries what was seen. Whoever ends a call first takes its draft out of it, so that
//! it ends once, however many see it end.
//!
//! When the exchange ends before the answer came, one table decides (`http_call/fate.rs`, after mcp-wire.md §20): over
//! with an HTTP error, a transport error, a broken stream; cancelled, because since 2026-07-28 that is what closing
//! means; or not over, because the revisions before it let the answer come on another exchange.
//!
//! # Where exchanges meet
//!
//! Legacy requests therefore also stand in the table of open calls (`open.rs`), by `Scope`, direction and id. A scope
//! is a session of Streamable HTTP, a channel of HTTP+SSE (the endpoint that its GET stream announced), or, for a
//! resumable stream without a session, its last event id. Through the table
//! - a GET stream brings the answer to a POST that is over (parked till then, [`Settings::park_wait`]; a client that
//!   keeps coming back is waited for up to [`Settings::answer_wait`]),
//! - `notifications/cancelled` cancels; an answer within [`Settings::cancel_grace`] still counts,
//! - a client's POST answers what the server asked it on a stream (an operation of its own, in the other direction),
//! - the end of a session or channel ends all that is open in it.
//!
//! Modern requests are never found there, and nothing is concluded from their connection.
//!
//! # A process and its pipes
//!
//! A wrapped process ([`Exchange::pipe`]) has one client, whose messages all share two pipes. There every request stands in
//! the table, modern ones too, until a line answers it, the client cancels it, or the process ends (`pipe`). How an
//! answer ends a request, and all that follows from it, is the same.
//!
//! # What goes on after its request
//!
//! - **`input_required`** (and error -32042): the request ends as interim. The retry is a request of its own with its
//!   own start, for the time in between is the human's, not the server's; so a call is counted once, with its last
//!   request, and that is not taken for a repeated call (it is known by its `requestState`, and the asking request is
//!   forgotten as a call that could be repeated).
//! - **Redirects** (HTTP 3xx): the request ends as interim, the one that follows it is the call. A request that was
//!   turned away (redirect, 401, unknown session or revision, …) is forgotten as a call that could be repeated, too.
//! - **Tasks**: the request ends as interim, and an operation of kind `Task` goes on from the request's start until an
//!   answer or a notification shows a terminal status, or until its time to live is over. Its `repeated` is false,
//!   since the request was counted.
//! - **`subscriptions/listen`** succeeds when it is acknowledged; the rest is a standing stream. GET streams stand too.
//!
//! # Traces
//!
//! Where [`Settings::trace`] is set, every operation begins its spans when it is drafted ([`trace`],
//! `http_call/contexts.rs`), and [`Handle::forward`] says what the server is to be told of them. Else nothing of it is
//! read, made or written.
//!
//! # What is a guess
//!
//! A response that cannot be read, but has a 2xx status and came to its end, counts as success. Every such response
//! is also counted as [`event::NotInspected`]. The notifications of a server are not operations: nobody accepts them.
//!
//! # Bounds
//!
//! [`Settings`] names all of them. A full table costs precision, never an end: what cannot wait for another exchange
//! ends with its own. [`event::NotInspected::TableFull`] counts it.

mod call;
mod clients;
mod connection;
mod core;
mod draft;
mod endpoint;
pub mod event;
mod handle;
mod header;
mod http_call;
pub mod keep;
mod open;
mod pipe;
mod recent;
mod session;
mod settings;
mod table;
mod tasks;
pub mod trace;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

pub use self::connection::Connection;
pub use self::handle::{Handle, Told};
pub use self::http_call::{AnswerShape, HttpMethod, RequestHead};
pub use self::pipe::{Line, Pipe, ProcessEnd};
pub use self::settings::{Settings, Sizes};

use self::core::Core;
use self::event::Sink;
use self::http_call::HttpCall;

/// All exchanges with one server. Clones are the same.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use std::time::{Duration, Instant};
///
/// use mcp_tap::exchange::event::{EndReason, Event, Sink};
/// use mcp_tap::exchange::trace::ContextHeaders;
/// use mcp_tap::exchange::{AnswerShape, Exchange, HttpMethod, RequestHead, Settings};
/// use mcp_tap::protocol::message::{Document, Message, MessageKind, RequestId};
/// use mcp_tap::protocol::method::Method;
///
/// /// Keeps how long each operation took.
/// #[derive(Default)]
/// struct Durations(Mutex<Vec<Duration>>);
///
/// impl Sink for Durations {
///     fn emit(&self, event: Event) {
///         if let Event::OperationEnded(operation) = event {
///             self.0.lock().unwrap().push(operation.duration());
///         }
///     }
/// }
///
/// let sink = Arc::new(Durations::default());
/// let exchange = Exchange::new(Settings::default(), Arc::clone(&sink) as Arc<dyn Sink>);
/// let connection = exchange.connection();
/// let head = RequestHead {
///     method: HttpMethod::Post,
///     target: "/mcp",
///     session: None,
///     protocol_version: None,
///     mcp_method: None,
///     mcp_name: None,
///     last_event_id: None,
///     caller: None,
///     context: ContextHeaders::default(),
/// };
/// let (id, start) = (Some(RequestId::Number(1)), Instant::now());
/// let later = start + Duration::from_millis(20);
///
/// let handle = exchange.open(&connection, &head, start);
/// let method = Some(Method::ToolsList);
/// handle.request_message(Message { kind: MessageKind::Request, id: id.clone(), method, ..Message::default() }, start);
/// handle.request_end(Document::Single, start);
/// handle.response_head(200, AnswerShape::Json, None, later);
/// handle.response_bytes(later);
/// handle.response_message(Message { kind: MessageKind::Result, id, ..Message::default() }, later);
/// handle.response_end(Document::Single, later);
/// handle.end(EndReason::Complete, later);
///
/// assert_eq!(*sink.0.lock().unwrap(), [Duration::from_millis(20)]);
/// ```
#[derive(Clone)]
pub struct Exchange(Arc<Core>);

impl Exchange {
    /// A core without memory yet, that tells `sink` what happens.
    #[must_use]
    pub fn new(settings: Settings, sink: Arc<dyn Sink>) -> Self {
        Self(Arc::new(Core::new(settings, sink)))
    }

    /// A client connection was accepted.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection::open(&self.0, None)
    }

    /// A connection of a client at a known address was accepted. Only worth asking for where traces are made.
    #[must_use]
    pub fn connection_from(&self, peer: trace::Peer) -> Connection {
        Connection::open(&self.0, Some(peer))
    }

    /// A request head came on a connection of this core, at the instant of its first byte.
    #[must_use]
    pub fn open(&self, connection: &Connection, head: &RequestHead<'_>, at: Instant) -> Handle {
        Handle::new(HttpCall::open(connection, head, at))
    }

    /// The same for an exchange on which the time that this proxy spends is not measured: what [`Handle::overhead`] is told
    /// of it does not count.
    #[must_use]
    pub fn open_unmeasured(&self, connection: &Connection, head: &RequestHead<'_>, at: Instant) -> Handle {
        Handle::new(HttpCall::open(connection, head, at).unmeasured())
    }

    /// A process was started whose pipes carry the messages of one client.
    #[must_use]
    pub fn pipe(&self, at: Instant) -> Pipe {
        Pipe::open(&self.0, at)
    }

    /// Whether contexts are written into messages, so that it counts what speaks against a change of the body.
    #[must_use]
    pub fn writes_messages(&self) -> bool {
        self.0.settings.trace.as_ref().is_some_and(|trace| trace.propagate == trace::Propagate::Full)
    }

    /// Ends what waited long enough. To be called about once a second.
    pub fn expire(&self, now: Instant) {
        self.0.expire(now);
    }

    /// The process ends: all that is remembered ends, and nothing is remembered from now on.
    pub fn close(&self, now: Instant) {
        self.0.close(now);
    }

    /// How much is remembered now.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.0.sizes()
    }
}
