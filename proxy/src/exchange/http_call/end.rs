//! The end of an exchange.

use std::sync::Arc;
use std::time::Instant;

use crate::fault::TransportFailure;
use crate::protocol::outcome::Ending;
use crate::protocol::version::Era;

use super::super::call::{Call, Scope};
use super::super::event::{EndReason, Event, HttpRecord};
use super::fate::{Fate, Unanswered};
use super::{AnswerShape, Head, HttpCall, HttpMethod};

impl HttpCall {
    /// The exchange is over. Only the first end counts.
    pub(in super::super) fn end(&mut self, reason: EndReason, at: Instant) {
        if self.is_over() {
            return;
        }
        self.over = Some(reason);
        self.settle_all(reason, at);
        self.leave_session(reason, at);
        if let Some(stream) = self.stream.take().filter(|_| self.mcp) {
            let standing = self.method == HttpMethod::Get || self.listens;
            self.connection.core().emit(Event::StreamEnded(stream.end(at, standing)));
        }
        let record = self.record(reason, at);
        self.connection.core().emit(Event::HttpEnded(record));
    }

    fn record(&mut self, reason: EndReason, at: Instant) -> HttpRecord {
        // A stream lasts as long as it is wanted: its duration says nothing beyond the head.
        let over = self.head.filter(|head| head.is_stream()).map_or(at, |head| head.at);
        HttpRecord {
            method: self.method.as_str(),
            status: self.head.map(|head| head.status),
            mcp: self.mcp,
            duration: over.saturating_duration_since(self.started),
            first_byte: self.head.map(|head| head.at.saturating_duration_since(self.started)),
            overhead: self.overhead,
            end: reason,
            started: self.started,
            trace: self.http_trace(),
        }
    }

    /// A server may answer, and the exchange end, before the request body was read to its end: what is found in the
    /// rest of it ends at once.
    pub(super) fn settle_late(&mut self, at: Instant) {
        if let Some(reason) = self.over {
            self.settle_all(reason, at);
        }
    }

    fn settle_all(&mut self, reason: EndReason, at: Instant) {
        self.settle(reason, at);
        let (ending, at) = match (self.head, reason) {
            (Some(head), _) => (self.accepted(head), head.at),
            (None, EndReason::ClientGone) => (Ending::Cancelled, at),
            (None, EndReason::Drained) => (Ending::CutByProxy, at),
            (None, _) => (Ending::Transport(TransportFailure::Reset), at),
        };
        self.end_notifications(ending, at);
    }

    /// How a response head ends a notification: it was accepted or refused.
    pub(super) fn accepted(&self, head: Head) -> Ending {
        match head.status {
            ..300 => Ending::Success,
            status => Ending::of_status(status, self.is_session_lost()),
        }
    }

    /// Decides about every request that was not answered.
    pub(super) fn settle(&mut self, reason: EndReason, at: Instant) {
        for call in self.calls.take_all() {
            self.settle_one(&call, reason, at);
        }
    }

    fn settle_one(&self, call: &Arc<Call>, reason: EndReason, at: Instant) {
        let (core, status) = (self.connection.core(), self.head.map(|head| head.status));
        call.heard(status);
        match self.unanswered(call).fate(reason) {
            Fate::Over(ending) => core.end(call, ending, at),
            Fate::OverAtHead(ending) => {
                core.end(call, ending, self.head.map_or(at, |head| head.at));
            }
            // The channel went while the POST was under way: nobody will bring the answer.
            Fate::OnChannel if self.channel_is_gone() => {
                core.end(call, Ending::SessionClosed { by_server: false }, at);
            }
            Fate::OnChannel if call.is_kept() => {}
            // There was no room to wait for the answer: a guess, counted as not inspected when that was found out.
            Fate::OnChannel => core.end(call, Ending::Success, at),
            Fate::Parked { by_server } => match self.parking_place() {
                Some(scope) => core.park(scope, call, at, by_server),
                None => core.end(call, Ending::Abandoned, at),
            },
        }
    }

    fn unanswered(&self, call: &Call) -> Unanswered {
        let scope = self.scope_for(call.era);
        let sessionless = self.method == HttpMethod::Post && self.headers.session.is_none();
        let bodiless =
            self.head.is_some_and(|head| matches!(head.shape, AnswerShape::Untyped | AnswerShape::Other));
        Unanswered {
            era: call.era,
            on_channel: matches!(scope, Some(Scope::Channel(_))),
            maybe_on_channel: call.era == Era::Legacy
                && sessionless
                && bodiless
                && self.connection.core().sessions.has_blind(),
            head: self.head.map(|head| (head.status, head.shape)),
            unread: self.response_unread,
            foreign: self.foreign,
            others_answered: self.answered,
            in_session: self.parking_place().is_some_and(|place| place.session().is_some()),
            event_id: self.event_id.is_some(),
            session_lost: self.is_session_lost() && call.era == Era::Legacy,
        }
    }

    /// Where a client that comes back for an answer will look: in its session, which the response may just have
    /// opened, else at the last event it saw.
    fn parking_place(&self) -> Option<Scope> {
        let opened = self.head.and_then(|head| head.session).map(Scope::Session);
        self.scope.or(opened).or(self.event_id.map(Scope::Lineage))
    }

    fn channel_is_gone(&self) -> bool {
        self.scope.is_some_and(|scope| self.connection.core().sessions.find(scope).is_none())
    }

    /// Whether the server said that it does not know the session of the request.
    pub(super) fn is_session_lost(&self) -> bool {
        let not_found = self.head.is_some_and(|head| head.status == 404);
        not_found && matches!(self.scope, Some(Scope::Session(_)))
    }

    pub(super) fn end_notifications(&mut self, ending: Ending, at: Instant) {
        for mut draft in self.notifications.drain(..) {
            draft.ending = ending;
            draft.ended = at;
            draft.status = self.head.map(|head| head.status);
            self.connection.core().emit(Event::OperationEnded(draft));
        }
    }

    fn leave_session(&mut self, reason: EndReason, at: Instant) {
        if self.blind {
            self.connection.core().sessions.leave_blind();
        }
        if let (Some(from @ Scope::Lineage(_)), Some(id)) = (self.scope, self.event_id) {
            self.connection.core().open.follow(from, Scope::Lineage(id));
        }
        let Some(session) = self.session.clone() else { return };
        if self.resuming {
            session.resumed(at);
        }
        session.leave(at);
        if self.announced && session.part() {
            let (ending, error_type) = match reason {
                EndReason::ClientGone => (Ending::SessionClosed { by_server: false }, ""),
                EndReason::Drained => (Ending::CutByProxy, ""),
                EndReason::Complete => (Ending::SessionClosed { by_server: true }, ""),
                _ => (Ending::SessionClosed { by_server: true }, "session_closed"),
            };
            // First the session: who puts a call in after the calls were ended sees that it is gone.
            self.connection.core().end_session(&session, at, error_type);
            self.connection.core().end_calls(session.scope, ending, at, |_| true);
        }
    }
}
