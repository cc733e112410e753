//! Which span an operation is part of, and what is written towards the server (otel-mcp.md §3 and §9).
//!
//! Every operation has two spans: the SERVER span of what the client asked for, and its child, the CLIENT span of the
//! leg to the server. Only the latter's context is ever written. Their ids are chosen when the request is read, for the
//! server is told them then; whether the spans are exported is decided when the operation is over (`telemetry`).
//!
//! # The parent
//!
//! The parent of the SERVER span is the context in the message's `_meta` if that is valid, else that of the HTTP
//! request, else there is none and the trace begins here. If both are valid and differ, the HTTP one is a link.
//! What cannot be parsed is no context; it is counted ([`Event::ContextMalformed`](super::event::Event)).
//!
//! # The HTTP span
//!
//! An HTTP exchange has a span of its own, made only where no single operation stands for it: when it has no operation
//! of the client at all, when the messages are elements of a batch, and when the head had to be sent before the message
//! was read. It then takes the place of the HTTP request's context above, and the head carries its context. Whatever the
//! client's contexts are worth, it is ours: under [`Trust::Link`] it is the root, with the client's context as a link.
//! Where nothing is written ([`Propagate::Off`]) it does not matter when the head goes.
//!
//! # Parents that are exported for certain
//!
//! A span that failed is exported even where the one above it is not. A span of ours is therefore the parent of another
//! one only if it is announced as sampled, for then it is exported whatever comes. Else its own parent and links take its
//! place, the trace stays the same, and it becomes a link: what is exported never hangs below what is not.
//!
//! # What no HTTP exchange of the client asks for
//!
//! Both by the rule above: a task's span is a child of its request's SERVER span. A request of the server is a child of
//! what its `_meta` says, else of the CLIENT span of the only call that is open on the POST that brought it, else a
//! root.

mod begin;
mod choose;
mod ids;
mod incoming;
mod payload;
pub(super) mod uri;

use std::sync::Arc;
use std::time::Instant;

use compact_str::CompactString;

pub(super) use self::choose::{Choice, choose};
pub use self::ids::Ids;
pub(super) use self::incoming::{Context, Incoming};
pub(super) use self::payload::Room;
pub use self::payload::Share;
use crate::protocol::message::Captured;
use crate::protocol::sampling::Threshold;
use crate::protocol::splice::{Edit, Unwritable};
use crate::protocol::traceparent::{TraceParent, TraceState};

/// How trace context is treated.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is written towards the server.
    pub propagate: Propagate,
    /// What the client's contexts are worth.
    pub trust: Trust,
    /// Which traces are announced as sampled, beside those whose parent is: decided before the outcome is known.
    pub threshold: Threshold,
    /// Whether a sampled parent makes a trace sampled.
    pub follow_parent: bool,
    /// Where ids come from.
    pub ids: Ids,
}

/// What is written towards the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagate {
    /// Nothing: our spans are leaves beside the server's.
    Off,
    /// The HTTP headers `traceparent` and `tracestate`.
    #[default]
    Header,
    /// These, and the same members of `params._meta`.
    Full,
}

/// What the client's contexts are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Its trace goes on.
    #[default]
    Continue,
    /// Every operation begins a trace, linked to the client's.
    Link,
    /// It is not looked at.
    Ignore,
}

/// What the spans of one operation (or of one HTTP exchange) need beyond the operation.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Id of the trace.
    pub trace_id: [u8; 16],
    /// Id of the SERVER span; for a request of the server to the client of the only span, CLIENT.
    pub span_id: [u8; 8],
    /// Id of the CLIENT span, the SERVER span's child, whose context the server was told. Tasks, requests of the
    /// server and HTTP exchanges have none: zero.
    pub upstream_id: [u8; 8],
    /// The flags as they were written, or would have been: [`TraceParent::SAMPLED`] is the decision made beforehand,
    /// [`TraceParent::RANDOM`] goes with the trace id.
    pub flags: u8,
    /// The SERVER span's parent.
    pub parent: Option<Parent>,
    /// The vendors' members of the trace, as the parent gave them.
    pub state: Option<TraceState>,
    /// Other contexts that came with it: two of the client, one of the HTTP span, one of the span above, at most.
    pub links: Vec<Link>,
    /// When the request went on towards the server.
    pub forwarded: Option<Instant>,
    /// When the first event of the stream that brought the answer was complete.
    pub first_event: Option<Instant>,
    /// `params.uri`, capped, and without the parts of it that may be secret: user and password, query and fragment.
    pub uri: Option<CompactString>,
    /// How the client is connected.
    pub peer: Option<Arc<Peer>>,
    /// The version of HTTP that the client speaks: [`ContextHeaders::http_version`].
    pub http_version: &'static str,
    /// What is kept of the payload on demand.
    pub captured: Captured,
    /// The memory that it takes of what there is for all calls.
    pub payload: Option<Arc<Share>>,
}

impl Trace {
    /// Whether its spans are exported whatever comes, as far as there is room: the decision at the end asks the same of
    /// the same numbers first.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & TraceParent::SAMPLED != 0
    }

    /// What its parent told, as if it had been told to another span.
    fn received(&self) -> Option<Context> {
        let Parent { span_id, remote, sampled } = self.parent?;
        let sampled = if sampled { TraceParent::SAMPLED } else { 0 };
        let flags = (self.flags & TraceParent::RANDOM) | sampled;
        let parent = TraceParent { trace_id: self.trace_id, span_id, flags };
        Some(Context { parent, state: self.state.clone(), remote })
    }
}

/// The span above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// Its id; its trace is ours.
    pub span_id: [u8; 8],
    /// Whether another process made it.
    pub remote: bool,
    /// Whether it was announced as sampled.
    pub sampled: bool,
}

/// A context that is not the parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The context.
    pub context: TraceParent,
    /// Its vendors' members.
    pub state: Option<TraceState>,
    /// Whether another process made it.
    pub remote: bool,
    /// Why it is linked.
    pub why: LinkReason,
}

/// Why a context is a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkReason {
    /// It is that of the HTTP request, or of its HTTP span, and `_meta` named another one.
    HttpRequest,
    /// [`Trust::Link`].
    NotTrusted,
    /// It is a span of ours that would be the parent, but may not be exported.
    UnsampledParent,
}

impl LinkReason {
    /// As spans tell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HttpRequest => "http_request",
            Self::NotTrusted => "not_trusted",
            Self::UnsampledParent => "unsampled_parent",
        }
    }
}

/// How a client is connected, for spans only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its address, without the port; empty where there is none (Unix sockets, pipes).
    pub address: CompactString,
    /// Its port.
    pub port: Option<u16>,
}

/// The head of a request as far as it is about trace context.
#[derive(Debug, Clone, Default)]
pub struct ContextHeaders<'a> {
    /// `traceparent`, of one line or more.
    pub traceparent: Vec<&'a [u8]>,
    /// `tracestate`, in the order of the lines.
    pub tracestate: Vec<&'a [u8]>,
    /// Why the body must not be written into, whatever it holds.
    pub sealed: Option<NotWritten>,
    /// The version of HTTP in the conventions' spelling: `1.0`, `1.1`, `2`.
    pub http_version: &'static str,
}

/// What is to be written towards the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// For the headers.
    pub parent: TraceParent,
    /// For the headers; without one no `tracestate` is to be sent.
    pub state: Option<TraceState>,
    /// For the body, in the order of their offsets.
    pub edits: Vec<Edit>,
}

/// Where a context was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// The HTTP header.
    Header,
    /// `params._meta`.
    Meta,
}

impl Carrier {
    /// All carriers.
    pub const ALL: [Self; 2] = [Self::Header, Self::Meta];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Meta => "meta",
        }
    }
}

/// Why a message went on without our context in its `_meta` ([`Propagate::Full`] only).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotWritten {
    /// The body has a content coding.
    Encoded,
    /// A header holds a digest of the body.
    Digested,
    /// A header holds a signature, which may cover the body.
    Signed,
    /// The message was not complete when the head had to be sent: it is too big, or slow.
    TooLarge,
    /// A key on the way to the member stands twice.
    DuplicateKey,
    /// `params` or `_meta` is no object.
    NoObject,
    /// It does not call itself JSON-RPC 2.0, and may be something else after all.
    NotVersion2,
    /// The client waits for `100 Continue` before it sends the body.
    Expects,
    /// The memory for inspection was all in use.
    Memory,
}

impl NotWritten {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::Encoded,
        Self::Digested,
        Self::Signed,
        Self::TooLarge,
        Self::DuplicateKey,
        Self::NoObject,
        Self::NotVersion2,
        Self::Expects,
        Self::Memory,
    ];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Encoded => "encoded",
            Self::Digested => "digested",
            Self::Signed => "signed",
            Self::TooLarge => "too_large",
            Self::DuplicateKey => "duplicate_key",
            Self::NoObject => "no_object",
            Self::NotVersion2 => "not_jsonrpc_2",
            Self::Expects => "expects_continue",
            Self::Memory => "memory",
        }
    }
}

impl From<Unwritable> for NotWritten {
    fn from(why: Unwritable) -> Self {
        match why {
            Unwritable::DuplicateKey => Self::DuplicateKey,
            Unwritable::NoObject => Self::NoObject,
        }
    }
}
