//! What the client sends.

use std::sync::atomic::Ordering;

use crate::protocol::message::{Message, MessageKind};
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;
use crate::protocol::splice::Edit;
use crate::protocol::version::Era;

use super::super::call::{Call, Facts, Wait};
use super::super::core::Reply;
use super::super::draft::{era_of, is_usable};
use super::super::event::{Direction, Event, OperationKind};
use super::super::trace::{Carrier, Incoming, NotWritten, Propagate, Settings, Trace, Trust, choose, uri};
use super::{Inner, Line};

impl Inner {
    pub(super) fn client_message(
        &self,
        message: &mut Message,
        line: Line,
        edits: Option<&mut Vec<Edit>>,
    ) -> bool {
        if !self.admit(message) {
            return false;
        }
        self.session.seen(line.ended);
        match message.kind {
            MessageKind::Request => return self.client_request(message, line, edits),
            MessageKind::Notification => self.client_notification(message, line, edits),
            MessageKind::Result | MessageKind::Error => self.client_answer(message, line),
            MessageKind::Foreign => {}
        }
        false
    }

    fn client_request(&self, message: &mut Message, line: Line, edits: Option<&mut Vec<Edit>>) -> bool {
        let core = self.core();
        // Its answer could not be told from others.
        if !is_usable(message.id.as_ref()) {
            core.emit(Event::Unmatched);
            return false;
        }
        if core.open.len() >= core.settings.open {
            core.full();
            return false;
        }
        let era = era_of(message).unwrap_or(Era::Legacy);
        if era == Era::Modern {
            self.modern.store(true, Ordering::Relaxed);
        }
        let trace = self.begin_trace(message, line, edits);
        let kind = (Direction::ToServer, OperationKind::Request, era);
        let mut draft = self.draft(kind, message, line.began, trace);
        self.connection.identify(&draft.client);
        let mut facts = Facts::of(message);
        (facts.repeat, draft.repeated) = core.repeats(&draft, &message.params, line.ended);
        (facts.parts, draft.chosen) = core.chooses(&draft);
        let call = Call::new(draft, facts);
        core.emit(Event::OperationStarted);
        if !core.keep(self.scope, &call, Wait::Elsewhere { since: line.began }, line.ended) {
            // This proxy ends, or the other direction took the last place just now.
            core.end(&call, Ending::CutByProxy, line.ended);
        }
        true
    }

    fn client_notification(&self, message: &mut Message, line: Line, edits: Option<&mut Vec<Edit>>) {
        let core = self.core();
        match message.method {
            Some(Method::NotificationsCancelled) => {
                let id = message.params.cancelled.as_ref();
                let call = id.and_then(|id| core.open.find(self.scope, Direction::ToServer, id));
                // MCP forbids to cancel `initialize`: servers ignore it.
                if let Some(call) = call.filter(|call| call.method != Method::Initialize) {
                    call.cancel(line.ended);
                }
            }
            Some(Method::NotificationsTasksStatus | Method::NotificationsTasks) => {
                core.task_notification(Direction::ToClient, &message.params, line.ended);
            }
            _ => {}
        }
        let era = era_of(message).unwrap_or(Era::Legacy);
        let trace = self.begin_trace(message, line, edits);
        let kind = (Direction::ToServer, OperationKind::Notification, era);
        let mut draft = self.draft(kind, message, line.began, trace);
        self.connection.identify(&draft.client);
        draft.ending = Ending::Success;
        draft.ended = line.ended;
        core.emit(Event::OperationEnded(draft));
    }

    /// The client answers a request of the server.
    fn client_answer(&self, message: &mut Message, line: Line) {
        let core = self.core();
        let id = message.id.as_ref().filter(|id| is_usable(Some(id)));
        let call = id.and_then(|id| core.open.find(self.scope, Direction::ToClient, id));
        let reply = Reply {
            at: line.ended,
            status: None,
            first_byte: None,
            first_event: None,
            scope: Some(self.scope),
        };
        if !call.is_some_and(|call| core.answer(&call, message, &reply)) {
            core.emit(Event::Unmatched);
        }
    }

    /// Begins the spans of an operation, and writes their context into its message if messages are written into.
    fn begin_trace(
        &self,
        message: &mut Message,
        line: Line,
        edits: Option<&mut Vec<Edit>>,
    ) -> Option<Box<Trace>> {
        let core = self.core();
        let settings = core.settings.trace.as_ref()?;
        let meta = match settings.trust {
            Trust::Ignore => None,
            Trust::Continue | Trust::Link => core.valid(Incoming::of_meta(message), Carrier::Meta),
        };
        let mut trace = Box::new(settings.begin(choose(meta, None, settings.trust), &mut None));
        trace.upstream_id = settings.ids.span_id();
        trace.forwarded = Some(line.ended);
        trace.uri = uri::of(message);
        trace.keep(core.payload.arguments_of(message), &core.payload);
        self.write(settings, message, &trace, edits);
        Some(trace)
    }

    fn write(&self, settings: &Settings, message: &Message, trace: &Trace, edits: Option<&mut Vec<Edit>>) {
        if settings.propagate != Propagate::Full {
            return;
        }
        let context = settings.context(trace, trace.upstream_id);
        let written = match edits {
            Some(edits) => context.write_into(message, edits),
            None => Err(NotWritten::TooLarge),
        };
        if let Err(why) = written {
            self.core().emit(Event::NotWritten(why));
        }
    }
}
