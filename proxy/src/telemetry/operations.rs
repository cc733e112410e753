//! The operations that ended last, for people to look at: what, who and how it ended, never what was said.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_queue::ArrayQueue;
use serde::Serialize;

use crate::exchange::event::{Direction, Operation, OperationKind, Transport};
use crate::protocol::message::Content;
use crate::protocol::outcome::Ending;
use crate::protocol::traceparent::Hex;

use super::client_type::ClientType;
use super::tokens;

/// How many are kept.
pub const RECENT: usize = 512;

/// Which span stands for something that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traced {
    /// Its trace.
    pub trace_id: [u8; 16],
    /// Its outer span.
    pub span_id: [u8; 8],
    /// Whether its spans were kept and queued.
    pub sampled: bool,
}

/// An operation that ended. What its spans need is gone: the ring holds many, and payloads may be part of it.
#[derive(Debug)]
pub(super) struct Recent {
    /// What ended.
    pub operation: Box<Operation>,
    /// Its span, where traces are made.
    pub traced: Option<Traced>,
}

/// A queue that traffic writes without waiting, the oldest giving way. Readers drain it into a list of their own.
#[derive(Debug)]
pub(super) struct Ring(ArrayQueue<Recent>);

impl Default for Ring {
    fn default() -> Self {
        Self(ArrayQueue::new(RECENT))
    }
}

impl Ring {
    /// Adds one.
    pub(super) fn push(&self, recent: Recent) {
        drop(self.0.force_push(recent));
    }

    /// Moves all to `recent`, which keeps the last [`RECENT`]. One caller at a time.
    pub(super) fn drain_into(&self, recent: &mut VecDeque<Recent>) {
        while let Some(ended) = self.0.pop() {
            if recent.len() == RECENT {
                recent.pop_front();
            }
            recent.push_back(ended);
        }
    }
}

/// One operation as the admin port shows it. Absent facts are `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OperationView {
    /// When it ended, in milliseconds since the Unix epoch.
    pub ended_unix_ms: u64,
    /// `to_server` or `to_client`.
    pub direction: &'static str,
    /// `request`, `notification` or `task`.
    pub kind: &'static str,
    /// The MCP method.
    pub method: String,
    /// Tool or prompt.
    pub target: Option<String>,
    /// `success`, `error`, `timeout`, `cancelled`, or the kind of an interim result.
    pub result: &'static str,
    /// Whose fault it was.
    pub fault: Option<&'static str>,
    /// What failed.
    pub error_type: Option<&'static str>,
    /// From first byte to end.
    pub duration_ms: f64,
    /// From first byte to the first byte of the response body that brought the answer.
    pub first_byte_ms: Option<f64>,
    /// HTTP status.
    pub status: Option<u16>,
    /// `streamable_http`, `http_sse` or `stdio`.
    pub transport: &'static str,
    /// MCP revision.
    pub version: Option<&'static str>,
    /// As the label of the same name.
    pub client_id: String,
    /// As the label of the same name.
    pub client_type: &'static str,
    /// Bytes of the arguments.
    pub arguments_bytes: Option<u64>,
    /// Bytes of all content of the result.
    pub content_bytes: u64,
    /// Estimated context tokens of the result.
    pub tokens: u64,
    /// Whether the same call was made within the last 60 s.
    pub repeated: bool,
    /// Whether the server asked the client something meanwhile.
    pub waited_for_client: bool,
    /// The trace it is part of, in hexadecimal.
    pub trace_id: Option<String>,
    /// Its span: the SERVER span of what the client asked, the CLIENT span of what the server asked.
    pub span_id: Option<String>,
    /// Whether its spans were kept, and queued for export.
    pub sampled: bool,
}

impl OperationView {
    /// The view of an operation; `now` and `wall` are the same moment on both clocks.
    #[must_use]
    pub(super) fn new(recent: &Recent, client_id: String, now: Instant, wall: SystemTime) -> Self {
        let Recent { operation, traced } = recent;
        let since_start = |at: Instant| milliseconds(at.saturating_duration_since(operation.started));
        let ending = &operation.ending;
        let content = &operation.content;
        Self {
            ended_unix_ms: unix_ms(operation.ended, now, wall),
            direction: match operation.direction {
                Direction::ToServer => "to_server",
                Direction::ToClient => "to_client",
            },
            kind: match operation.kind {
                OperationKind::Request => "request",
                OperationKind::Notification => "notification",
                OperationKind::Task => "task",
            },
            method: operation.method.as_str().to_owned(),
            target: operation.target.as_deref().map(str::to_owned),
            result: result_of(ending),
            fault: ending.fault().map(|fault| fault.as_str()),
            error_type: Some(ending.error_type()).filter(|error_type| !error_type.is_empty()),
            duration_ms: milliseconds(operation.duration()),
            first_byte_ms: operation.first_byte.map(since_start),
            status: operation.status,
            transport: match operation.transport {
                Transport::StreamableHttp => "streamable_http",
                Transport::HttpSse => "http_sse",
                Transport::Stdio => "stdio",
            },
            version: operation.version.map(|version| version.as_str()),
            client_id,
            client_type: ClientType::of(&operation.client).as_str(),
            arguments_bytes: operation.arguments.map(|arguments| arguments.size),
            content_bytes: content_bytes(content),
            tokens: tokens::of_result(content),
            repeated: operation.repeated,
            waited_for_client: operation.waited_for_client,
            trace_id: traced.map(|traced| Hex(traced.trace_id).to_string()),
            span_id: traced.map(|traced| Hex(traced.span_id).to_string()),
            sampled: traced.is_some_and(|traced| traced.sampled),
        }
    }
}

/// The result, or the kind of an interim one.
pub(super) const fn result_of(ending: &Ending) -> &'static str {
    match (ending.result(), ending) {
        (None, Ending::Interim(interim)) => interim.as_str(),
        (Some(result), _) => result.as_str(),
        (None, _) => "",
    }
}

/// Bytes of all content of a result.
pub(super) fn content_bytes(content: &Content) -> u64 {
    let structured = content.structured.unwrap_or(0);
    content.text + content.image + content.audio + content.resource + content.other + structured
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A past instant on the wall clock, in milliseconds since the Unix epoch.
pub(super) fn unix_ms(at: Instant, now: Instant, wall: SystemTime) -> u64 {
    let age = now.saturating_duration_since(at);
    let since_epoch = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().saturating_sub(age);
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
