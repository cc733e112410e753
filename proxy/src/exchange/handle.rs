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

impl Handle {
    pub(super) fn new(call: HttpCall) -> Self {
        Self(Arc::new(Guarded(Mutex::new(call))))
    }

    fn call(&self) -> MutexGuard<'_, HttpCall> {
        self.0.lock()
    }

    /// A message of the request body is complete.
    pub fn request_message(&self, message: Message, at: Instant) {
        self.call().request_message(message, at);
    }

    /// The request body is over. [`Document::Empty`] for none, and for one that is not JSON.
    pub fn request_end(&self, document: Document, at: Instant) {
        self.call().request_end(document, at);
    }

    /// The request body, or the rest of it, was not read.
    pub fn request_not_inspected(&self, reason: NotInspected, at: Instant) {
        self.call().request_not_inspected(reason, at);
    }

    /// The request goes on towards the server, with what was read of it until now; says what is to be written into it.
    /// To be told once, if traces are made: offsets of edits are those of the bytes read before.
    #[must_use]
    pub fn forward(&self, at: Instant) -> Option<Outgoing> {
        self.call().forward(at)
    }

    /// Trace id and span id of the exchange, for log lines about it: of its only operation so far, else of its HTTP span.
    #[must_use]
    pub fn trace_ids(&self) -> Option<([u8; 16], [u8; 8])> {
        self.call().trace_ids()
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
        let mut call = self.call();
        call.response_head(status, shape, session.map(fingerprint), at);
        call.captures()
    }

    /// Bytes of the response body passed; to be told before their messages.
    pub fn response_bytes(&self, at: Instant) {
        self.call().response_bytes(at);
    }

    /// A message of the response body is complete.
    pub fn response_message(&self, message: Message, at: Instant) {
        self.call().response_message(message, at);
    }

    /// An SSE event is complete; to be told after its messages. `endpoint` is the data of an `endpoint` event.
    pub fn response_event(&self, event: &SseEvent, document: Document, endpoint: Option<&[u8]>, at: Instant) {
        self.call().response_event(event, document, endpoint, at);
    }

    /// The JSON body of the response is complete.
    pub fn response_end(&self, document: Document, at: Instant) {
        self.call().response_end(document, at);
    }

    /// The response body, or the rest of it, was not read.
    pub fn response_not_inspected(&self, reason: NotInspected, _at: Instant) {
        self.call().response_not_inspected(reason);
    }

    /// No response head will come.
    pub fn no_response(&self, failure: TransportFailure, at: Instant) {
        self.call().no_response(failure, at);
    }

    /// Adds time spent in this proxy's own code.
    pub fn overhead(&self, spent: Duration) {
        self.call().overhead(spent);
    }

    /// The exchange is over. Only the first end counts.
    pub fn end(&self, reason: EndReason, at: Instant) {
        self.call().end(reason, at);
    }
}
