//! What the client sends.

use std::sync::Arc;
use std::time::Instant;

use crate::protocol::message::{Document, Message, MessageKind};
use crate::protocol::method::Method;
use crate::protocol::version::Era;

use super::super::call::{Call, Facts, Scope, Wait};
use super::super::draft::is_usable;
use super::super::event::{Direction, Event, NotInspected, OperationKind};
use super::super::header;
use super::{HttpCall, HttpMethod};

impl HttpCall {
    /// One message of the request body. MCP has messages only in POSTs.
    pub(in super::super) fn request_message(&mut self, message: &mut Message, at: Instant) {
        if self.method != HttpMethod::Post || !self.admit(message) {
            return;
        }
        match message.kind {
            MessageKind::Request => self.client_request(message, at),
            MessageKind::Notification => self.client_notification(message, at),
            MessageKind::Result | MessageKind::Error => self.client_answer(message, at),
            MessageKind::Foreign => {}
        }
        self.settle_late(at);
    }

    /// The request body is over.
    pub(in super::super) fn request_end(&mut self, document: Document, at: Instant) {
        match document {
            Document::Malformed | Document::Truncated => {
                self.request_not_inspected(NotInspected::Malformed, at)
            }
            Document::TooLarge => self.request_not_inspected(NotInspected::TooLarge, at),
            Document::Empty | Document::Single | Document::Batch(_) | Document::Scalar => {}
        }
    }

    /// The request body, or the rest of it, was not read. What its headers say is then all that is known of it.
    pub(in super::super) fn request_not_inspected(&mut self, reason: NotInspected, at: Instant) {
        if self.request_unread || self.method != HttpMethod::Post {
            return;
        }
        self.request_unread = true;
        self.not_inspected(reason);
        self.unread_context(reason);
        if self.seen > 0 {
            return;
        }
        let Some(method) = self.headers.method.clone() else { return };
        let mut message = Message::default();
        if matches!(method, Method::ToolsCall | Method::PromptsGet) {
            message.params.name = self.headers.name.as_deref().and_then(header::name);
        }
        let notification = method.as_str().starts_with("notifications/");
        message.method = Some(method);
        self.mcp = true;
        if notification {
            self.client_notification(&mut message, at);
        } else {
            self.client_request(&mut message, at);
        }
        self.settle_late(at);
    }

    /// Takes one place among the operations of this exchange.
    fn enter(&mut self) -> bool {
        let room = self.seen < self.connection.core().settings.operations_per_exchange;
        if room {
            self.seen += 1;
        } else {
            self.connection.core().full();
            // Its answer will match nothing.
            self.request_unread = true;
        }
        room
    }

    fn client_request(&mut self, message: &mut Message, at: Instant) {
        if !self.enter() {
            return self.pass_context(message);
        }
        self.requests += 1;
        self.listens |= message.method == Some(Method::SubscriptionsListen);
        let mut draft = self.draft(Direction::ToServer, OperationKind::Request, message, self.started);
        self.connection.identify(&draft.client);
        let mut facts = Facts::of(message);
        (facts.repeat, draft.repeated) = self.connection.core().repeats(&draft, &message.params, at);
        (facts.parts, draft.chosen) = self.connection.core().chooses(&draft);
        let scope = self.scope_for(draft.era);
        let call = Call::new(draft, facts);
        self.connection.core().emit(Event::OperationStarted);
        if let Some(scope) = scope {
            let wait = match scope {
                Scope::Channel(_) => Wait::Elsewhere { since: at },
                Scope::Session(_) | Scope::Lineage(_) | Scope::Pipe(_) => Wait::Exchange,
            };
            self.connection.core().keep(scope, &call, wait, at);
        }
        self.calls.push(call);
    }

    fn client_notification(&mut self, message: &mut Message, at: Instant) {
        match (&message.method, self.scope) {
            (Some(Method::NotificationsCancelled), Some(scope)) => {
                let id = message.params.cancelled.as_ref();
                let call = id.and_then(|id| self.connection.core().open.find(scope, Direction::ToServer, id));
                // MCP forbids to cancel `initialize`: servers ignore it.
                if let Some(call) = call.filter(|call| call.method != Method::Initialize) {
                    call.cancel(at);
                }
            }
            (Some(Method::NotificationsTasksStatus | Method::NotificationsTasks), _) => {
                self.connection.core().task_notification(Direction::ToClient, &message.params, at);
            }
            _ => {}
        }
        if self.enter() {
            let draft = self.draft(Direction::ToServer, OperationKind::Notification, message, self.started);
            self.connection.identify(&draft.client);
            self.notifications.push(draft);
        } else {
            self.pass_context(message);
        }
    }

    /// The client answers a request of the server.
    fn client_answer(&mut self, message: &mut Message, at: Instant) {
        let scope = self.scope_for(Era::Legacy).filter(|_| is_usable(message.id.as_ref()));
        let call: Option<Arc<Call>> = match (scope, &message.id) {
            (Some(scope), Some(id)) => self.connection.core().open.find(scope, Direction::ToClient, id),
            _ => None,
        };
        let reply = super::Reply { at, status: None, first_byte: None, first_event: None, scope: self.scope };
        if !call.is_some_and(|call| self.connection.core().answer(&call, message, &reply)) {
            self.connection.core().emit(Event::Unmatched);
        }
    }
}
