//! All that the rest of the program needs to know of what passed by.

use std::sync::Arc;
use std::time::{Duration, Instant};

use compact_str::CompactString;
use sha2::{Digest, Sha256};

use crate::protocol::message::{Arguments, Content, Finding, Implementation, RequestId};
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;
use crate::protocol::version::{Era, Version};

use super::keep::Kept;
use super::trace::{Carrier, NotWritten, Trace};

/// Something that happened and is to be recorded. Emitted once each, in the order of their instants per exchange.
#[derive(Debug)]
pub enum Event {
    /// A request was seen of any kind but task; exactly one [`Event::OperationEnded`] of that request follows.
    OperationStarted,
    /// A request or notification ended.
    OperationEnded(Box<Operation>),
    /// An HTTP exchange (one request and its response) is over, MCP or not.
    HttpEnded(HttpRecord),
    /// A client connection was accepted; its client is not known yet.
    ConnectionOpened,
    /// The client on a connection became known, or another one speaks on it now.
    ConnectionIdentified {
        /// Who it was taken for so far (the default [`Client`] at first).
        before: Arc<Client>,
        /// Who it is.
        client: Arc<Client>,
    },
    /// A client connection is gone.
    ConnectionClosed {
        /// Who it was taken for.
        client: Arc<Client>,
    },
    /// A session began (legacy: `initialize` answered; HTTP+SSE: endpoint announced; stdio: process started).
    SessionStarted {
        /// Who opened it.
        client: Arc<Client>,
    },
    /// A session ended.
    SessionEnded(SessionRecord),
    /// A response stream (SSE) is over.
    StreamEnded(StreamRecord),
    /// A page of the tool catalogue passed.
    Catalogue(CataloguePage),
    /// The server said who it is.
    Server {
        /// Its name and version.
        server: Implementation,
        /// The revision it speaks with this client.
        version: Version,
    },
    /// Something was forwarded without being read.
    NotInspected(NotInspected),
    /// A message had something odd about it.
    Finding(Finding),
    /// A message on a stream belongs to no open request (late, unknown, or evicted).
    Unmatched,
    /// A trace context was there and is none; only where traces are made.
    ContextMalformed(Carrier),
    /// A message went on without our context in it.
    NotWritten(NotWritten),
}

/// Where events go. Called on the traffic path: must not block, wait or fail.
pub trait Sink: Send + Sync {
    /// Records one event.
    fn emit(&self, event: Event);
}

/// One finished operation: a JSON-RPC request, notification, or task.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Who sent the request.
    pub direction: Direction,
    /// Request, notification or task.
    pub kind: OperationKind,
    /// Its method; for a task the method of the call that started it.
    pub method: Method,
    /// Tool or prompt name (`params.name` of `tools/call` and `prompts/get`), capped.
    pub target: Option<CompactString>,
    /// The request's id, for spans only.
    pub id: Option<RequestId>,
    /// The revision spoken, as far as known.
    pub version: Option<Version>,
    /// Which way of speaking.
    pub era: Era,
    /// How it travelled.
    pub transport: Transport,
    /// Who called.
    pub client: Arc<Client>,
    /// Hash of the session, for spans only; the session id itself is a secret.
    pub session: Option<u64>,
    /// First byte of the request seen.
    pub started: Instant,
    /// The instant of mcp-wire.md §20 at which it was over.
    pub ended: Instant,
    /// First byte of the response body that brought the answer.
    pub first_byte: Option<Instant>,
    /// How it ended.
    pub ending: Ending,
    /// Status of the HTTP response, when there was one.
    pub status: Option<u16>,
    /// Size, depth and fingerprint of the arguments.
    pub arguments: Option<Arguments>,
    /// What the result held.
    pub content: Content,
    /// Whether the server asked the client something meanwhile that a human or a model may have to answer: the duration
    /// then holds their time.
    pub waited_for_client: bool,
    /// Whether the same client made the same call with the same arguments within the last 60 s.
    pub repeated: bool,
    /// Whether its answer is to be judged: [`Keep`](super::keep::Keep) chose this call of a tool.
    pub chosen: bool,
    /// What was kept of its answer for that.
    pub kept: Option<Arc<Kept>>,
    /// What its spans need; `None` where traces are not made.
    pub trace: Option<Box<Trace>>,
}

impl Operation {
    /// How long it took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.ended.saturating_duration_since(self.started)
    }

    /// The tool's name, if this is a tool call by the client (or the task of one).
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        match (self.direction, &self.method) {
            (Direction::ToServer, Method::ToolsCall) => Some(self.target.as_deref().unwrap_or_default()),
            _ => None,
        }
    }
}

/// Who sent the request of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The client asks the server.
    ToServer,
    /// The server asks the client (legacy only).
    ToClient,
}

/// What kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// A request with an answer.
    Request,
    /// A notification: over when it was accepted.
    Notification,
    /// The task that a request turned into; its start is the request's.
    Task,
}

/// How MCP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// One endpoint, POST and perhaps GET.
    StreamableHttp,
    /// 2024-11-05: a GET stream and an announced endpoint for POSTs.
    HttpSse,
    /// Lines over pipes.
    Stdio,
}

/// Who calls, as far as known. Interned: one value per distinct caller, shared by its operations.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Client {
    /// `clientInfo` as the client gave it; `None` when it never did.
    pub info: Option<Implementation>,
    /// [`Client::digest`] of the configured identity header's value, when that is configured and was sent.
    pub caller: Option<u64>,
}

impl Client {
    /// The first 64 bits of SHA-256 over an identity. Unlike a fingerprint it is the same in every process, so that it
    /// can be shown: the label `client_id` is its first half in hexadecimal.
    #[must_use]
    pub fn digest(identity: &[u8]) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(identity));
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// One finished HTTP exchange.
#[derive(Debug, Clone)]
pub struct HttpRecord {
    /// The request's method, from the closed set of HTTP semantic conventions (`_OTHER` for the rest).
    pub method: &'static str,
    /// Status of the response; `None` when none came. A status this proxy made up itself is not here.
    pub status: Option<u16>,
    /// Whether it carried MCP; if not, this record is all that is counted of it.
    pub mcp: bool,
    /// From the request head to the end of the response head (streams) or body.
    pub duration: Duration,
    /// From the request head to the server's first response byte.
    pub first_byte: Option<Duration>,
    /// Time spent in this proxy's own code: routing, header work, scanning. Zero where it was not measured.
    pub overhead: Duration,
    /// Why it ended.
    pub end: EndReason,
    /// When the request head came.
    pub started: Instant,
    /// What its span needs; `None` where operations stand for it, and where traces are not made.
    pub trace: Option<Box<HttpTrace>>,
}

/// What the span of an HTTP exchange needs beyond its record.
#[derive(Debug, Clone)]
pub struct HttpTrace {
    /// Its context.
    pub trace: Trace,
    /// The path without the query, capped; only of exchanges that carry no MCP, and were read, for there
    /// a path may hold a session id.
    pub path: Option<CompactString>,
}

/// The ways in which a body or stream ends; one place decides which (style-examples.md §4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The peer that sends it finished it.
    Complete,
    /// The server broke it off.
    ServerError,
    /// The client went away.
    ClientGone,
    /// No response head came.
    NoResponse,
    /// This proxy ended it (drain).
    Drained,
}

/// One finished session.
#[derive(Debug, Clone)]
pub struct SessionRecord {
    /// Who had it.
    pub client: Arc<Client>,
    /// The revision negotiated.
    pub version: Option<Version>,
    /// How it travelled.
    pub transport: Transport,
    /// From its start to its end, or to its last sign of life when it expired.
    pub duration: Duration,
    /// `error.type` when it ended in failure, else `""`.
    pub error_type: &'static str,
}

/// One finished SSE stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamRecord {
    /// Longest time without any byte, the wait for the first byte and for the end included.
    pub longest_quiet: Duration,
    /// Events seen.
    pub events: u64,
    /// Whether it was a standing stream (GET, `subscriptions/listen`), not an answer to a request.
    pub standing: bool,
}

/// One page of a `tools/list` answer.
#[derive(Debug, Clone)]
pub struct CataloguePage {
    /// The raw JSON array of tools; `None` when it was too large to keep.
    pub tools: Option<Box<[u8]>>,
    /// Whether this is the first page (the request had no cursor).
    pub first: bool,
    /// Whether no page follows.
    pub last: bool,
    /// Identifies the listing that pages belong to: the client and its session.
    pub listing: u64,
    /// Who listed: what a server shows may depend on the caller.
    pub client: Arc<Client>,
}

/// Why something was forwarded without being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotInspected {
    /// Over the scan limit of one message.
    TooLarge,
    /// The memory for inspection was all in use.
    Memory,
    /// A content coding that is not known here, or that did not decode.
    Encoding,
    /// Not JSON, or cut off before its end.
    Malformed,
    /// A table of open requests, parked requests, sessions, streams or tasks was full.
    TableFull,
    /// A mistake of this proxy: its own code panicked over the bytes. The traffic went on.
    Internal,
}

impl NotInspected {
    /// All reasons.
    pub const ALL: [Self; 6] =
        [Self::TooLarge, Self::Memory, Self::Encoding, Self::Malformed, Self::TableFull, Self::Internal];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Memory => "memory",
            Self::Encoding => "encoding",
            Self::Malformed => "malformed",
            Self::TableFull => "table_full",
            Self::Internal => "internal",
        }
    }
}
