//! The state of one HTTP exchange: its open requests, and what its end means for those that were not answered.
//!
//! `request.rs` takes what the client sends, `response.rs` what the server sends, `end.rs` the end; `fate.rs` is the
//! table that decides about requests without an answer. `contexts.rs` says which spans the exchange has, and what the
//! server is told of them.

mod contexts;
mod end;
mod fate;
mod head;
mod request;
mod response;
mod stream;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::protocol::message::Message;
use crate::protocol::method::Method;
use crate::protocol::version::{Era, Version};

pub use self::head::{AnswerShape, HttpMethod, RequestHead};

use self::contexts::Contexts;
use self::head::Headers;
use self::stream::Stream;
use super::call::{Calls, Scope};
use super::connection::Connection;
use super::core::{Core, Reply};
use super::draft::{Draft, era_of, is_mcp};
use super::endpoint;
use super::event::{Client, Direction, EndReason, Event, NotInspected, Operation, OperationKind, Transport};
use super::session::Session;

/// One HTTP exchange. Every method takes the instant of what happened; nothing happens by itself.
pub(super) struct HttpCall {
    /// It leads to the core as well: the count of that one is shared by all processors, and so changed by none of them
    /// for a single exchange.
    connection: Connection,
    started: Instant,
    method: HttpMethod,
    /// Path and query, kept for a GET only: an `endpoint` event is resolved against it.
    target: Option<Box<str>>,
    headers: Headers,
    /// Where its requests meet answers from other exchanges.
    scope: Option<Scope>,
    session: Option<Arc<Session>>,

    /// Requests not answered so far.
    calls: Calls,
    /// Requests and notifications seen so far.
    seen: usize,
    /// Of these, requests.
    requests: usize,
    /// Notifications that wait for the response head.
    #[expect(clippy::vec_box, reason = "they come in their boxes and leave in them")]
    notifications: Vec<Box<Operation>>,
    request_unread: bool,

    head: Option<Head>,
    first_byte: Option<Instant>,
    stream: Option<Stream>,
    /// Last event id of the stream.
    event_id: Option<u64>,
    /// A `subscriptions/listen` was among the requests: the stream stands.
    listens: bool,
    answered: bool,
    response_unread: bool,
    foreign: bool,
    /// This stream announced the channel of `session`.
    announced: bool,
    /// This stream may be a channel whose endpoint is not known.
    blind: bool,
    /// This stream was counted as resuming in `session`.
    resuming: bool,

    mcp: bool,
    measured: bool,
    overhead: Duration,
    /// Its trace contexts; `None` where traces are not made.
    contexts: Option<Box<Contexts>>,
    /// How it ended.
    over: Option<EndReason>,
}

/// The head of the response.
#[derive(Debug, Clone, Copy)]
struct Head {
    status: u16,
    shape: AnswerShape,
    at: Instant,
    /// Fingerprint of the session id that it carries.
    session: Option<u64>,
}

impl Head {
    const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    fn is_stream(&self) -> bool {
        self.is_success() && self.shape == AnswerShape::EventStream
    }
}

impl HttpCall {
    /// Inlined, for it is large: so it is made where it stays, and not moved there.
    #[inline]
    pub(super) fn open(connection: &Connection, head: &RequestHead<'_>, at: Instant) -> Self {
        let core = connection.core();
        let headers = Headers::of(head);
        let scope = scope_of(core, head, &headers);
        let session = scope.and_then(|scope| core.sessions.find(scope));
        if let Some(session) = &session {
            session.enter(at);
            // A standing stream has a connection of its own, on which nobody says who they are; its session knows.
            if head.method == HttpMethod::Get {
                connection.identify(&session.peer().client);
            }
        }
        Self {
            connection: connection.clone(),
            started: at,
            method: head.method,
            target: (head.method == HttpMethod::Get).then(|| Box::from(head.target)),
            // Any stream of events can be resumed, not only ours.
            mcp: headers.session.is_some()
                || (headers.last_event.is_some() && (headers.version.is_some() || core.open.parked() > 0)),
            headers,
            scope,
            session,
            calls: Calls::default(),
            seen: 0,
            requests: 0,
            notifications: Vec::new(),
            request_unread: false,
            head: None,
            first_byte: None,
            stream: None,
            event_id: None,
            listens: false,
            answered: false,
            response_unread: false,
            foreign: false,
            announced: false,
            blind: false,
            resuming: false,
            measured: true,
            overhead: Duration::ZERO,
            contexts: Contexts::open(core, head),
            over: None,
        }
    }

    /// Says who holds a standing stream, once its session knows.
    fn identify_stream(&self) {
        if let (HttpMethod::Get, Some(session)) = (self.method, &self.session) {
            self.connection.identify(&session.peer().client);
        }
    }

    /// Whether the end was seen.
    pub(super) const fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// Time spent in this proxy's own code.
    pub(super) fn overhead(&mut self, spent: Duration) {
        if self.measured {
            self.overhead += spent;
        }
    }

    /// The same, of which nobody measures what time is spent.
    #[inline]
    pub(super) fn unmeasured(mut self) -> Self {
        self.measured = false;
        self
    }

    /// Whether the message is MCP; takes note of what is odd about it if so.
    fn admit(&mut self, message: &Message) -> bool {
        let mcp = is_mcp(message, self.mcp);
        if mcp {
            self.mcp = true;
            for finding in message.findings.iter() {
                self.connection.core().emit(Event::Finding(finding));
            }
        }
        mcp
    }

    /// Which way of speaking: by the message itself, else by the headers.
    fn era(&self, message: &Message) -> Era {
        era_of(message).unwrap_or_else(|| self.headers.era())
    }

    /// The revision spoken (mcp-wire.md §9). That of `initialize` is only known from its answer.
    fn version(&self, message: &Message, era: Era) -> Option<Version> {
        let header = self.headers.version;
        match era {
            Era::Modern => message.params.meta.protocol_version.or(header).or(Some(Version::V2026_07_28)),
            Era::Legacy if message.method == Some(Method::Initialize) => None,
            Era::Legacy => {
                let agreed = self.session.as_ref().and_then(|session| session.peer().version);
                let assumed = match self.scope {
                    Some(Scope::Channel(_)) => Version::V2024_11_05,
                    _ => Version::V2025_03_26,
                };
                agreed.or(header).or(Some(assumed))
            }
        }
    }

    /// Who sent a message to the server. Nothing is concluded from the connection.
    fn client(&self, message: &Message, era: Era) -> Arc<Client> {
        let (clients, caller) = (&self.connection.core().clients, self.headers.caller);
        if era == Era::Modern {
            return clients.intern(message.params.meta.client.as_deref(), caller);
        }
        if message.method == Some(Method::Initialize) {
            return clients.intern(message.params.client.as_deref(), caller);
        }
        match &self.session {
            Some(session) => {
                let peer = session.peer();
                if caller.is_none() || caller == peer.client.caller {
                    Arc::clone(&peer.client)
                } else {
                    clients.intern(peer.client.info.as_ref(), caller)
                }
            }
            None => clients.intern(None, caller),
        }
    }

    /// Whether a message of this way of speaking belongs to the session.
    fn scope_for(&self, era: Era) -> Option<Scope> {
        self.scope.filter(|_| era == Era::Legacy)
    }

    /// An operation as it begins; its end is filled in when it ends.
    fn draft(
        &mut self,
        direction: Direction,
        kind: OperationKind,
        message: &mut Message,
        at: Instant,
    ) -> Box<Operation> {
        let era = match direction {
            Direction::ToServer => self.era(message),
            Direction::ToClient => Era::Legacy,
        };
        let scope = self.scope_for(era);
        let client = match direction {
            Direction::ToServer => self.client(message, era),
            Direction::ToClient => match &self.session {
                Some(session) => Arc::clone(&session.peer().client),
                None => Arc::clone(self.connection.core().clients.unknown()),
            },
        };
        let draft = Draft {
            direction,
            kind,
            era,
            version: self.version(message, era),
            transport: match scope {
                Some(Scope::Channel(_)) => Transport::HttpSse,
                _ => Transport::StreamableHttp,
            },
            client,
            session: scope.and_then(Scope::session),
            started: at,
            trace: self.begin_trace(direction, message),
        };
        draft.of(message)
    }

    /// How the response brings an answer now.
    fn reply(&self, at: Instant) -> Reply {
        let opens = self.head.and_then(|head| head.session).map(Scope::Session);
        Reply {
            at,
            status: self.head.map(|head| head.status),
            first_byte: self.first_byte,
            first_event: self.first_event(at),
            // A client may open a session in the name of one that is over.
            scope: opens.or(self.scope),
        }
    }

    fn not_inspected(&self, reason: NotInspected) {
        self.connection.core().emit(Event::NotInspected(reason));
    }
}

/// Where the requests of an exchange meet answers of others, by its head.
fn scope_of(core: &Core, head: &RequestHead<'_>, headers: &Headers) -> Option<Scope> {
    if headers.era() == Era::Modern {
        return None;
    }
    if let Some(session) = headers.session {
        return Some(Scope::Session(session));
    }
    match head.method {
        HttpMethod::Get => headers.last_event.map(Scope::Lineage),
        HttpMethod::Post if core.sessions.has_channels() => {
            let scope = Scope::Channel(endpoint::key_of_target(head.target));
            core.sessions.find(scope).map(|_| scope)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::call::Call;
    use super::super::trace::Trace;
    use super::*;

    /// A silent stream may last for hours, and there may be thousands of them.
    #[test]
    fn open_exchange_with_its_call_and_traces_is_small() {
        let sizes = [
            size_of::<HttpCall>(),
            size_of::<Contexts>(),
            size_of::<Call>(),
            size_of::<Operation>(),
            size_of::<Trace>(),
        ];
        assert!(sizes.iter().sum::<usize>() <= 1792, "{sizes:?}");
    }
}
