//! The trace context of one exchange: which spans it has, and what the server is told of them.

use std::time::Instant;

use compact_str::CompactString;

use crate::protocol::message::{Message, cut, limits};
use crate::protocol::splice::Edit;

use super::super::connection::Connection;
use super::super::core::Core;
use super::super::event::{Direction, Event, HttpTrace, NotInspected};
use super::super::trace::{
    Carrier, Choice, Context, Incoming, LinkReason, NotWritten, Outgoing, Propagate, Settings, Trace, Trust,
    choose, uri,
};
use super::{HttpCall, HttpMethod, RequestHead};

/// The contexts of one exchange. Only made where traces are.
pub(super) struct Contexts {
    /// That of the request's head.
    header: Option<Context>,
    /// The trace of all spans that have no parent.
    root: Option<[u8; 16]>,
    /// The HTTP span, once its ids were asked for: seldom, and it is large.
    http: Option<Box<Http>>,
    /// The first operation.
    first: Option<First>,
    forwarded: Option<Instant>,
    /// For the messages read before the request went on. Later ones are not written into, so that what is held of a
    /// body bounds them.
    edits: Vec<Edit>,
    first_event: Option<Instant>,
    sealed: Option<NotWritten>,
    http_version: &'static str,
    /// The path without the query, capped.
    path: CompactString,
}

struct Http {
    trace: Trace,
    /// Whether it is exported, for others refer to it, or nothing else stands for the exchange.
    used: bool,
}

/// The first operation of an exchange, nearly always the only one.
struct First {
    /// Of its trace, and of its SERVER span.
    ids: ([u8; 16], [u8; 8]),
    /// What the server is told, if its context can stand in the head.
    context: Option<Context>,
}

impl Contexts {
    /// Reads the head. `None` where traces are not made.
    pub(super) fn open(core: &Core, head: &RequestHead<'_>) -> Option<Box<Self>> {
        let settings = core.settings.trace.as_ref()?;
        let incoming = match settings.trust {
            Trust::Ignore => Incoming::Absent,
            Trust::Continue | Trust::Link => Incoming::of_headers(&head.context),
        };
        let path = head.target.split(['?', '#']).next().unwrap_or_default();
        Some(Box::new(Self {
            header: core.valid(incoming, Carrier::Header),
            root: None,
            http: None,
            first: None,
            forwarded: None,
            edits: Vec::new(),
            first_event: None,
            sealed: head.context.sealed,
            http_version: head.context.http_version,
            path: cut(path, limits::TEXT).into(),
        }))
    }

    /// An event of the response stream is complete.
    pub(super) fn event(&mut self, at: Instant) {
        self.first_event.get_or_insert(at);
    }

    /// The HTTP span.
    fn http(&mut self, settings: &Settings, connection: &Connection) -> &mut Http {
        let (header, root, version) = (&self.header, &mut self.root, self.http_version);
        let forwarded = self.forwarded;
        self.http.get_or_insert_with(|| {
            let begun = settings.begin(choose(None, header.clone(), settings.trust), root);
            let (peer, http_version) = (connection.peer(), version);
            Box::new(Http { trace: Trace { forwarded, peer, http_version, ..begun }, used: false })
        })
    }

    /// The context of the HTTP span, which is exported from now on.
    fn use_http(&mut self, settings: &Settings, connection: &Connection) -> Context {
        let http = self.http(settings, connection);
        http.used = true;
        settings.context(&http.trace, http.trace.span_id)
    }

    /// The place of an operation: below what its `_meta` tells, or what is current where it is read. That is our own
    /// span, if it is there for others and exported for certain, else what the head brought.
    fn place(&self, settings: &Settings, meta: Option<Context>) -> Choice {
        let trust = settings.trust;
        let Some(Http { trace, used: true }) = self.http.as_deref() else {
            return choose(meta, self.header.clone(), trust);
        };
        let own = settings.context(trace, trace.span_id);
        if trace.is_sampled() {
            return choose(meta, Some(own), trust);
        }
        let why = match (&meta, trust) {
            (Some(_), Trust::Continue) => LinkReason::HttpRequest,
            _ => LinkReason::UnsampledParent,
        };
        choose(meta, self.header.clone(), trust).linked(own, why)
    }

    /// Makes a message carry a context, if messages are to.
    fn write(&mut self, core: &Core, settings: &Settings, message: &Message, context: &Context) {
        if settings.propagate != Propagate::Full {
            return;
        }
        let why = if self.sealed.is_some() {
            self.sealed
        } else if self.forwarded.is_some() {
            Some(NotWritten::TooLarge)
        } else {
            context.write_into(message, &mut self.edits).err()
        };
        if let Some(why) = why {
            core.emit(Event::NotWritten(why));
        }
    }
}

impl HttpCall {
    /// Begins the spans of an operation.
    pub(super) fn begin_trace(&mut self, direction: Direction, message: &mut Message) -> Option<Box<Trace>> {
        self.contexts.as_ref()?;
        match direction {
            Direction::ToServer => self.trace_to_server(message),
            Direction::ToClient => self.trace_to_client(message),
        }
    }

    fn trace_to_server(&mut self, message: &mut Message) -> Option<Box<Trace>> {
        let is_over = self.is_over();
        let (core, connection) = (self.connection.core(), &self.connection);
        let (settings, contexts) = (core.settings.trace.as_ref()?, self.contexts.as_deref_mut()?);
        let meta = match settings.trust {
            Trust::Ignore => None,
            Trust::Continue | Trust::Link => core.valid(Incoming::of_meta(message), Carrier::Meta),
        };
        // After its end the HTTP span is exported, or never.
        if message.batched && !is_over {
            contexts.use_http(settings, connection);
        }
        let choice = contexts.place(settings, meta);
        let mut trace = Box::new(settings.begin(choice, &mut contexts.root));
        trace.upstream_id = settings.ids.span_id();
        trace.forwarded = contexts.forwarded;
        trace.peer = connection.peer();
        trace.http_version = contexts.http_version;
        trace.uri = uri::of(message);
        trace.keep(core.payload.arguments_of(message), &core.payload);
        let context = settings.context(&trace, trace.upstream_id);
        contexts.write(core, settings, message, &context);
        let ids = (trace.trace_id, trace.span_id);
        contexts.first.get_or_insert(First { ids, context: Some(context).filter(|_| !message.batched) });
        Some(trace)
    }

    /// The sidecar asks in the name of the server: whatever context is in there, it is the server's.
    fn trace_to_client(&mut self, message: &Message) -> Option<Box<Trace>> {
        let (core, connection) = (self.connection.core(), &self.connection);
        let (settings, contexts) = (core.settings.trace.as_ref()?, self.contexts.as_deref_mut()?);
        let choice = match core.valid(Incoming::of_meta(message), Carrier::Meta) {
            Some(parent) => Choice { parent: Some(parent), links: Vec::new() },
            None => {
                let mut open = self.calls.iter().filter(|_| self.method == HttpMethod::Post);
                match (open.next(), open.next()) {
                    (Some(call), None) => call.below(settings).unwrap_or_default(),
                    _ => Choice::default(),
                }
            }
        };
        let begun = settings.begin(choice, &mut contexts.root);
        let (peer, http_version) = (connection.peer(), contexts.http_version);
        Some(Box::new(Trace { peer, http_version, ..begun }))
    }

    /// Makes a message that is not followed carry the context of the HTTP span, for it has no span of its own.
    pub(super) fn pass_context(&mut self, message: &Message) {
        let (core, connection) = (self.connection.core(), &self.connection);
        if let (Some(settings), Some(contexts)) = (&core.settings.trace, &mut self.contexts)
            && settings.propagate == Propagate::Full
            && self.over.is_none()
        {
            let context = contexts.use_http(settings, connection);
            contexts.write(core, settings, message, &context);
        }
    }

    /// The request body, or the rest of it, was not read: its message goes on as it is.
    pub(super) fn unread_context(&self, reason: NotInspected) {
        let Some(contexts) = &self.contexts else { return };
        let why = match reason {
            NotInspected::TooLarge => NotWritten::TooLarge,
            NotInspected::Memory => NotWritten::Memory,
            NotInspected::Encoding => NotWritten::Encoded,
            // That was no message.
            NotInspected::Malformed | NotInspected::TableFull | NotInspected::Internal => return,
        };
        if self
            .connection
            .core()
            .settings
            .trace
            .as_ref()
            .is_some_and(|settings| settings.propagate == Propagate::Full)
        {
            self.connection.core().emit(Event::NotWritten(contexts.sealed.unwrap_or(why)));
        }
    }

    /// The request goes on towards the server.
    pub(in super::super) fn forward(&mut self, at: Instant) -> Option<Outgoing> {
        let settings = self.connection.core().settings.trace.as_ref()?;
        let contexts = self.contexts.as_deref_mut()?;
        if contexts.forwarded.replace(at).is_some() {
            return None;
        }
        if let Some(http) = &mut contexts.http {
            http.trace.forwarded = Some(at);
        }
        self.calls.iter().for_each(|call| call.forwarded(at));
        let notes = self.notifications.iter_mut().filter_map(|draft| draft.trace.as_mut());
        notes.for_each(|trace| trace.forwarded = Some(at));
        // Whoever left meanwhile does not want it forwarded.
        if settings.propagate == Propagate::Off || self.over.is_some() {
            return None;
        }
        let alone = contexts.first.as_mut().filter(|_| self.seen == 1);
        let context = match alone.and_then(|first| first.context.take()) {
            Some(context) => context,
            None => contexts.use_http(settings, &self.connection),
        };
        let edits = std::mem::take(&mut contexts.edits);
        Some(Outgoing { parent: context.parent, state: context.state, edits })
    }

    /// Ids for log lines about the exchange.
    pub(in super::super) fn trace_ids(&mut self) -> Option<([u8; 16], [u8; 8])> {
        let settings = self.connection.core().settings.trace.as_ref()?;
        let contexts = self.contexts.as_deref_mut()?;
        match &contexts.first {
            Some(first) if self.seen == 1 => Some(first.ids),
            _ => {
                let Http { trace, .. } = contexts.http(settings, &self.connection);
                Some((trace.trace_id, trace.span_id))
            }
        }
    }

    /// When the first event of the stream that brings an answer now was complete. The messages of an event come before
    /// its end is told.
    pub(super) fn first_event(&self, at: Instant) -> Option<Instant> {
        let contexts = self.contexts.as_deref()?;
        self.stream.as_ref().map(|_| contexts.first_event.unwrap_or(at))
    }

    /// The HTTP span at the end of the exchange, if it is to be exported.
    pub(super) fn http_trace(&mut self) -> Option<Box<HttpTrace>> {
        let settings = self.connection.core().settings.trace.as_ref()?;
        let contexts = self.contexts.as_deref_mut()?;
        if self.seen == 0 {
            contexts.use_http(settings, &self.connection);
        }
        // What is found in the rest of the body still refers to it.
        let trace = contexts.http.as_ref().filter(|http| http.used)?.trace.clone();
        // What could not be read may be MCP, too.
        let plain = !self.mcp && !self.request_unread && self.scope.is_none();
        let path = plain.then(|| std::mem::take(&mut contexts.path));
        Some(Box::new(HttpTrace { trace, path }))
    }
}
