//! What the server sends.

use std::sync::Arc;
use std::time::Instant;

use crate::fault::TransportFailure;
use crate::protocol::message::{Document, Message, MessageKind};
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;
use crate::protocol::scan::Captures;
use crate::protocol::sse::{EventName, SseEvent};

use super::super::call::{Call, Facts, Scope, Wait};
use super::super::draft::{is_usable, takes_human_time};
use super::super::endpoint;
use super::super::event::{Direction, EndReason, Event, NotInspected, OperationKind};
use super::super::session::{Peer, Session};
use super::{AnswerShape, Head, HttpCall, HttpMethod, Stream};

impl HttpCall {
    /// The response head came.
    pub(in super::super) fn response_head(
        &mut self,
        status: u16,
        shape: AnswerShape,
        session: Option<u64>,
        at: Instant,
    ) {
        let head = Head { status, shape, at, session };
        self.head = Some(head);
        if head.is_stream() {
            self.stream = Some(Stream::begin(at));
        }
        // Clients send the revision with their search for OAuth metadata, too: the header alone does not make it MCP.
        self.mcp |= self.method == HttpMethod::Get
            && self.headers.version.is_some()
            && (head.is_stream() || status == 405);
        self.end_notifications(self.accepted(head), at);
        self.session_over(head);
        if let Some(session) = &self.session
            && self.method == HttpMethod::Get
            && self.headers.last_event.is_some()
            && head.is_stream()
        {
            session.resume(at);
            self.resuming = true;
        }
        // An error status whose body is no JSON holds no JSON-RPC error either: nothing more is to come.
        if !head.is_success() && shape == AnswerShape::Other {
            self.settle(EndReason::Complete, at);
        }
    }

    /// What is to be kept of the messages that the response brings.
    pub(in super::super) fn captures(&self) -> Captures {
        let Some(keep) = &self.connection.core().settings.keep else { return Captures::NONE };
        let others = self.method == HttpMethod::Get || self.requests == 0;
        let any = others.then(|| keep.any_parts());
        keep.captures(self.calls.iter().map(|call| call.facts.parts).chain(any))
    }

    /// A DELETE ends the session if the server agrees; a 404 says that the server does not know it any more.
    fn session_over(&mut self, head: Head) {
        let Some(scope @ Scope::Session(_)) = self.scope else { return };
        if self.method == HttpMethod::Delete && head.is_success() {
            if let Some(session) = &self.session {
                self.connection.core().end_session(session, head.at, "");
            }
            let ending = Ending::SessionClosed { by_server: false };
            self.connection.core().end_calls(scope, ending, head.at, |_| true);
        } else if head.status == 404 {
            if let Some(session) = &self.session {
                self.connection.core().end_session(session, head.at, "404");
            }
            // Requests whose exchange is still open may be answered nevertheless.
            let ending = Ending::SessionClosed { by_server: true };
            self.connection.core().end_calls(scope, ending, head.at, |call| call.wait() != Wait::Exchange);
        }
    }

    /// Some bytes of the response body passed.
    pub(in super::super) fn response_bytes(&mut self, at: Instant) {
        self.first_byte.get_or_insert(at);
        if let Some(stream) = &mut self.stream {
            stream.heard(at);
        }
    }

    /// One message of the response body.
    pub(in super::super) fn response_message(&mut self, message: &mut Message, at: Instant) {
        if !self.admit(message) {
            self.foreign = true;
            return;
        }
        match message.kind {
            MessageKind::Result | MessageKind::Error => self.server_answer(message, at),
            MessageKind::Request => self.server_request(message, at),
            MessageKind::Notification => self.server_notification(message, at),
            MessageKind::Foreign => self.foreign = true,
        }
    }

    fn server_answer(&mut self, message: &mut Message, at: Instant) {
        let reply = self.reply(at);
        if let Some(call) = self.take_answered(message) {
            self.answered = true;
            // Over already: cancelled, or answered on another stream.
            if !self.connection.core().answer(&call, message, &reply) {
                self.connection.core().emit(Event::Unmatched);
            }
            return;
        }
        let anonymous = !is_usable(message.id.as_ref());
        if anonymous && message.kind == MessageKind::Error && self.calls.len() > 0 {
            // One error for a whole batch.
            self.answered = true;
            for call in self.calls.take_all() {
                self.connection.core().answer(&call, &mut message.clone(), &reply);
            }
            return;
        }
        // Only streams bring answers to requests of other exchanges; what else answers a POST is about that POST.
        let about_others = self.stream.is_some();
        let elsewhere = match (self.scope, &message.id) {
            (Some(scope), Some(id)) if about_others => {
                self.connection.core().open.find(scope, Direction::ToServer, id)
            }
            _ => None,
        };
        let refusal = message.kind == MessageKind::Error && (anonymous || !about_others);
        let matched = match elsewhere {
            Some(call) => self.connection.core().answer(&call, message, &reply),
            // Nothing is missed: an error about an unread or refused message, or the end of a subscription.
            None => self.request_unread || self.listens || (refusal && self.calls.len() == 0),
        };
        if !matched {
            self.connection.core().emit(Event::Unmatched);
        }
        // That may have been `initialize`, which says who holds this stream.
        self.identify_stream();
    }

    /// The request of this exchange that the message answers (mcp-wire.md §2).
    fn take_answered(&mut self, message: &Message) -> Option<Arc<Call>> {
        let id = message.id.as_ref();
        if is_usable(id)
            && let Some(call) = self.calls.take(|call| call.id.as_ref() == id)
        {
            return Some(call);
        }
        if self.requests != 1 {
            return None;
        }
        // An error in place of the answer to the only request belongs to it, whatever id it has; on a stream, other
        // ids may belong to other requests. A request that was not read has an id that is not known.
        let json = self.head.is_some_and(|head| head.shape != AnswerShape::EventStream);
        let error = message.kind == MessageKind::Error && (json || !is_usable(id));
        self.calls.take(|call| error || call.id.is_none())
    }

    /// The server asks the client something, while its own answer is due.
    fn server_request(&mut self, message: &mut Message, at: Instant) {
        if takes_human_time(message) {
            self.wait_for_client();
        }
        let scope = self.scope.filter(|scope| scope.session().is_some());
        let (Some(scope), Some(id), true) = (scope, &message.id, is_usable(message.id.as_ref())) else {
            // Without a session the client's answer cannot be told from those of others.
            return self.connection.core().emit(Event::Unmatched);
        };
        if self.connection.core().open.find(scope, Direction::ToClient, id).is_some() {
            // A resumed stream repeats it.
            return;
        }
        let draft = self.draft(Direction::ToClient, OperationKind::Request, message, at);
        let call = Call::new(draft, Facts::of(message));
        if self.connection.core().keep(scope, &call, Wait::Elsewhere { since: at }, at) {
            self.connection.core().emit(Event::OperationStarted);
        }
    }

    /// Marks the calls for whose sake the server may ask: those of this stream; on a standing one, those of the session.
    fn wait_for_client(&self) {
        for call in self.calls.iter() {
            call.wait_for_client();
        }
        if let (HttpMethod::Get, Some(scope)) = (self.method, self.scope) {
            for call in self.connection.core().open.of(scope) {
                if call.direction == Direction::ToServer {
                    call.wait_for_client();
                }
            }
        }
    }

    fn server_notification(&mut self, message: &mut Message, at: Instant) {
        match message.method {
            Some(Method::NotificationsCancelled) => {
                if let (Some(scope), Some(id)) = (self.scope, &message.params.cancelled)
                    && let Some(call) = self.connection.core().open.find(scope, Direction::ToClient, id)
                {
                    call.cancel(at);
                }
            }
            Some(Method::NotificationsSubscriptionsAcknowledged) => {
                let subscription = message.params.meta.subscription.as_ref();
                let listen = self.calls.take(|call| {
                    call.method == Method::SubscriptionsListen
                        && (subscription.is_none() || call.id.is_none() || call.id.as_ref() == subscription)
                });
                if let Some(call) = listen {
                    let reply = self.reply(at);
                    self.connection.core().answer(&call, message, &reply);
                }
            }
            Some(Method::NotificationsTasks | Method::NotificationsTasksStatus) => {
                self.connection.core().task_notification(Direction::ToServer, &message.params, at);
            }
            _ => {}
        }
    }

    /// An SSE event was dispatched; its messages came before.
    pub(in super::super) fn response_event(
        &mut self,
        event: &SseEvent,
        document: Document,
        endpoint: Option<&[u8]>,
        at: Instant,
    ) {
        if let Some(stream) = &mut self.stream {
            stream.event();
        }
        if let Some(contexts) = &mut self.contexts {
            contexts.event(at);
        }
        if event.id.is_some() || event.id_reset {
            self.event_id = event.id;
        }
        match event.name {
            EventName::Endpoint if self.method == HttpMethod::Get && !self.announced => {
                self.announce(endpoint.unwrap_or_default(), at);
            }
            EventName::Message => match document {
                Document::Malformed | Document::Truncated => {
                    self.foreign = true;
                    self.unread_if_mcp(NotInspected::Malformed);
                }
                Document::TooLarge => {
                    self.response_unread = true;
                    self.unread_if_mcp(NotInspected::TooLarge);
                }
                Document::Scalar => self.foreign = true,
                Document::Empty | Document::Single | Document::Batch(_) => {}
            },
            EventName::Endpoint | EventName::Other => {}
        }
    }

    /// The first event of an HTTP+SSE stream: where the client's POSTs will go.
    fn announce(&mut self, data: &[u8], at: Instant) {
        let base = self.target.as_deref().unwrap_or_default();
        let Some(key) = endpoint::key_of_endpoint(data, base) else { return self.go_blind() };
        self.mcp = true;
        let client = self.connection.core().clients.intern(None, self.headers.caller);
        let fresh = Session::new(Scope::Channel(key), at, Peer { client, version: None });
        let Some(session) = self.connection.core().start_session(&fresh) else { return self.go_blind() };
        session.enter(at);
        session.join();
        self.announced = true;
        if let Some(before) = self.session.replace(session) {
            before.leave(at);
        }
        self.scope = Some(Scope::Channel(key));
    }

    /// The stream may be a channel that is not known: a 202 to a request is then no violation.
    fn go_blind(&mut self) {
        if !self.blind {
            self.blind = true;
            self.connection.core().sessions.enter_blind();
        }
    }

    /// A JSON body is complete.
    pub(in super::super) fn response_end(&mut self, document: Document, at: Instant) {
        match document {
            // Whether the server meant it so, the end of the exchange will tell.
            Document::Truncated => return self.unread_if_mcp(NotInspected::Malformed),
            Document::Malformed => self.unread_if_mcp(NotInspected::Malformed),
            Document::TooLarge => {
                self.response_unread = true;
                self.unread_if_mcp(NotInspected::TooLarge);
            }
            Document::Empty | Document::Single | Document::Batch(_) | Document::Scalar => {}
        }
        self.settle(EndReason::Complete, at);
    }

    fn unread_if_mcp(&self, reason: NotInspected) {
        if self.mcp {
            self.not_inspected(reason);
        }
    }

    /// The response body, or the rest of it, was not read.
    pub(in super::super) fn response_not_inspected(&mut self, reason: NotInspected) {
        if self.response_unread {
            return;
        }
        self.response_unread = true;
        self.not_inspected(reason);
        if self.method == HttpMethod::Get && self.stream.is_some() && !self.announced {
            self.go_blind();
        }
    }

    /// No response head will come.
    pub(in super::super) fn no_response(&mut self, failure: TransportFailure, at: Instant) {
        self.end_notifications(Ending::Transport(failure), at);
        for call in self.calls.take_all() {
            self.connection.core().end(&call, Ending::Transport(failure), at);
        }
    }
}
