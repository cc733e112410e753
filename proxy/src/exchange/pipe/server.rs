//! What the server sends.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::protocol::message::{Message, MessageKind};
use crate::protocol::method::Method;
use crate::protocol::version::Era;

use super::super::call::{Call, Facts, Wait};
use super::super::core::Reply;
use super::super::draft::{is_usable, takes_human_time};
use super::super::event::{Direction, Event, OperationKind};
use super::super::trace::{Carrier, Choice, Incoming, Trace};
use super::{Inner, Line};

impl Inner {
    pub(super) fn server_message(&self, message: &mut Message, line: Line) {
        if !self.admit(message) {
            return;
        }
        self.session.seen(line.ended);
        match message.kind {
            MessageKind::Result | MessageKind::Error => self.server_answer(message, line),
            MessageKind::Request => self.server_request(message, line),
            MessageKind::Notification => self.server_notification(message, line),
            MessageKind::Foreign => {}
        }
    }

    fn reply(&self, line: Line) -> Reply {
        let first_byte = Some(line.began);
        Reply { at: line.ended, status: None, first_byte, first_event: None, scope: Some(self.scope) }
    }

    fn server_answer(&self, message: &mut Message, line: Line) {
        let matched = match self.answered(message) {
            // Over already: cancelled.
            Some(call) => self.core().answer(&call, message, &self.reply(line)),
            // The end of a subscription.
            None => self.listens.load(Ordering::Relaxed),
        };
        if !matched {
            self.core().emit(Event::Unmatched);
        }
        // That may have been `initialize`, which says who holds the pipes.
        self.connection.identify(&self.session.peer().client);
    }

    /// The request that the message answers (mcp-wire.md §2).
    fn answered(&self, message: &Message) -> Option<Arc<Call>> {
        let id = message.id.as_ref();
        if let Some(id) = id.filter(|id| is_usable(Some(id))) {
            return self.core().open.find(self.scope, Direction::ToServer, id);
        }
        // Who could not read a request cannot say its id.
        self.only(Direction::ToServer).filter(|_| message.kind == MessageKind::Error)
    }

    /// The server asks the client something.
    fn server_request(&self, message: &mut Message, line: Line) {
        if takes_human_time(message) {
            self.open(Direction::ToServer).iter().for_each(|call| call.wait_for_client());
        }
        let core = self.core();
        if !is_usable(message.id.as_ref()) {
            return core.emit(Event::Unmatched);
        }
        let trace = self.trace_to_client(message);
        let kind = (Direction::ToClient, OperationKind::Request, Era::Legacy);
        let draft = self.draft(kind, message, line.began, trace);
        let call = Call::new(draft, Facts::of(message));
        if core.keep(self.scope, &call, Wait::Elsewhere { since: line.began }, line.ended) {
            core.emit(Event::OperationStarted);
        }
    }

    fn server_notification(&self, message: &mut Message, line: Line) {
        let core = self.core();
        match message.method {
            Some(Method::NotificationsCancelled) => {
                let id = message.params.cancelled.as_ref();
                if let Some(call) = id.and_then(|id| core.open.find(self.scope, Direction::ToClient, id)) {
                    call.cancel(line.ended);
                }
            }
            Some(Method::NotificationsSubscriptionsAcknowledged) => {
                let subscription = message.params.meta.subscription.as_ref();
                let listen = self.open(Direction::ToServer).into_iter().find(|call| {
                    call.method == Method::SubscriptionsListen
                        && (subscription.is_none() || call.id.as_ref() == subscription)
                });
                if let Some(call) = listen {
                    self.listens.store(true, Ordering::Relaxed);
                    core.answer(&call, message, &self.reply(line));
                }
            }
            Some(Method::NotificationsTasks | Method::NotificationsTasksStatus) => {
                core.task_notification(Direction::ToServer, &message.params, line.ended);
            }
            _ => {}
        }
    }

    /// The sidecar asks in the name of the server: whatever context is in there, it is the server's. Else it asks for the
    /// sake of the only open call.
    fn trace_to_client(&self, message: &Message) -> Option<Box<Trace>> {
        let core = self.core();
        let settings = core.settings.trace.as_ref()?;
        let choice = match core.valid(Incoming::of_meta(message), Carrier::Meta) {
            Some(parent) => Choice { parent: Some(parent), links: Vec::new() },
            None => self.only(Direction::ToServer).and_then(|call| call.below(settings)).unwrap_or_default(),
        };
        Some(Box::new(settings.begin(choice, &mut None)))
    }
}
