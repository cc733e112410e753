//! The handle of one HTTP exchange: lock, clone, drop. The only place here that reads the clock, and only when a
//! handle is dropped without having been told the end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::fault::TransportFailure;
use crate::protocol::fingerprint::fingerprint;
use crate::protocol::message::{Document, Message};
use crate::protocol::scan::Captures;
use crate::protocol::sse::SseEvent;

use super::event::{EndReason, NotInspected};
use super::http_call::{AnswerShape, HttpCall};
use super::trace::Outgoing;

/// One HTTP exchange, told what passes. Clones are the same exchange, so that the request body and the response body
/// can each have one; its mutex is never that of another exchange. When the last clone is dropped before
/// [`Handle::end`], the client is gone.
#[derive(Clone)]
pub struct Handle(Arc<Guarded>);

struct Guarded(Mutex<HttpCall>);

impl Guarded {
    fn lock(&self) -> MutexGuard<'_, HttpCall> {
        // A panic in a sink is no reason to stop counting the rest of this exchange.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let call = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !call.is_over() {
            call.end(EndReason::ClientGone, clock::now());
        }
    }
}

/// One exchange while it is told something: several things in a row need one lock. Its methods are those of [`Handle`],
/// but that messages stay where they are and only what is wanted is taken out of them.
///
/// Not to be held while anything is waited for.
pub struct Told<'a>(MutexGuard<'a, HttpCall>);

impl Handle {
    #[inline]
    pub(super) fn new(call: HttpCall) -> Self {
        Self(Arc::new(Guarded(Mutex::new(call))))
    }

    /// To tell it several things in a row.
    #[must_use]
    pub fn tell(&self) -> Told<'_> {
        Told(self.0.lock())
    }

    /// A message of the request body is complete.
    pub fn request_message(&self, mut message: Message, at: Instant) {
        self.tell().request_message(&mut message, at);
    }

    /// The request body is over. [`Document::Empty`] for none, and for one that is not JSON.
    pub fn request_end(&self, document: Document, at: Instant) {
        self.tell().request_end(document, at);
    }

    /// The request body, or the rest of it, was not read.
    pub fn request_not_inspected(&self, reason: NotInspected, at: Instant) {
        self.tell().request_not_inspected(reason, at);
    }

    /// The request goes on towards the server, with what was read of it until now; says what is to be written into it.
    /// To be told once, if traces are made: offsets of edits are those of the bytes read before.
    #[must_use]
    pub fn forward(&self, at: Instant) -> Option<Outgoing> {
        self.tell().0.forward(at)
    }

    /// Trace id and span id of the exchange, for log lines about it: of its only operation so far, else of its HTTP span.
    #[must_use]
    pub fn trace_ids(&self) -> Option<([u8; 16], [u8; 8])> {
        self.tell().trace_ids()
    }

    /// The response head came; `session` is its `Mcp-Session-Id`. Says what is to be kept of the messages that it brings,
    /// beside what traces want.
    pub fn response_head(
        &self,
        status: u16,
        shape: AnswerShape,
        session: Option<&[u8]>,
        at: Instant,
    ) -> Captures {
        self.tell().response_head(status, shape, session, at)
    }

    /// Bytes of the response body passed; to be told before their messages.
    pub fn response_bytes(&self, at: Instant) {
        self.tell().response_bytes(at);
    }

    /// A message of the response body is complete.
    pub fn response_message(&self, mut message: Message, at: Instant) {
        self.tell().response_message(&mut message, at);
    }

    /// An SSE event is complete; to be told after its messages. `endpoint` is the data of an `endpoint` event.
    pub fn response_event(&self, event: &SseEvent, document: Document, endpoint: Option<&[u8]>, at: Instant) {
        self.tell().response_event(event, document, endpoint, at);
    }

    /// The JSON body of the response is complete.
    pub fn response_end(&self, document: Document, at: Instant) {
        self.tell().response_end(document, at);
    }

    /// The response body, or the rest of it, was not read.
    pub fn response_not_inspected(&self, reason: NotInspected, at: Instant) {
        self.tell().response_not_inspected(reason, at);
    }

    /// No response head will come.
    pub fn no_response(&self, failure: TransportFailure, at: Instant) {
        self.tell().no_response(failure, at);
    }

    /// Adds time spent in this proxy's own code.
    pub fn overhead(&self, spent: Duration) {
        self.tell().overhead(spent);
    }

    /// The exchange is over. Only the first end counts.
    pub fn end(&self, reason: EndReason, at: Instant) {
        self.tell().end(reason, at);
    }
}

impl Told<'_> {
    /// See [`Handle::request_message`].
    pub fn request_message(&mut self, message: &mut Message, at: Instant) {
        self.0.request_message(message, at);
    }

    /// See [`Handle::request_end`].
    pub fn request_end(&mut self, document: Document, at: Instant) {
        self.0.request_end(document, at);
    }

    /// See [`Handle::request_not_inspected`].
    pub fn request_not_inspected(&mut self, reason: NotInspected, at: Instant) {
        self.0.request_not_inspected(reason, at);
    }

    /// See [`Handle::trace_ids`].
    #[must_use]
    pub fn trace_ids(&mut self) -> Option<([u8; 16], [u8; 8])> {
        self.0.trace_ids()
    }

    /// See [`Handle::response_head`].
    pub fn response_head(
        &mut self,
        status: u16,
        shape: AnswerShape,
        session: Option<&[u8]>,
        at: Instant,
    ) -> Captures {
        self.0.response_head(status, shape, session.map(fingerprint), at);
        self.0.captures()
    }

    /// See [`Handle::response_bytes`].
    pub fn response_bytes(&mut self, at: Instant) {
        self.0.response_bytes(at);
    }

    /// See [`Handle::response_message`].
    pub fn response_message(&mut self, message: &mut Message, at: Instant) {
        self.0.response_message(message, at);
    }

    /// See [`Handle::response_event`].
    pub fn response_event(
        &mut self,
        event: &SseEvent,
        document: Document,
        endpoint: Option<&[u8]>,
        at: Instant,
    ) {
        self.0.response_event(event, document, endpoint, at);
    }

    /// See [`Handle::response_end`].
    pub fn response_end(&mut self, document: Document, at: Instant) {
        self.0.response_end(document, at);
    }

    /// See [`Handle::response_not_inspected`].
    pub fn response_not_inspected(&mut self, reason: NotInspected, _at: Instant) {
        self.0.response_not_inspected(reason);
    }

    /// See [`Handle::no_response`].
    pub fn no_response(&mut self, failure: TransportFailure, at: Instant) {
        self.0.no_response(failure, at);
    }

    /// See [`Handle::overhead`].
    pub fn overhead(&mut self, spent: Duration) {
        self.0.overhead(spent);
    }

    /// See [`Handle::end`].
    pub fn end(&mut self, reason: EndReason, at: Instant) {
        self.0.end(reason, at);
    }
}
