//! From ended operations to spans: which are kept (`sample.rs`), the queue in which they wait for the exporter
//! (`queue.rs`), and what a span says (`span.rs`, `operation.rs`, `http.rs`, `capture.rs`).
//!
//! ```text
//!   recorder ─► tracer: decide, count ─► queue ─► exporter ─► span: build ─► collector
//!                       (traffic)                        (thread "traces")
//! ```
//!
//! The traffic path decides and queues; the span itself is built by the exporter's thread.

mod attributes;
mod capture;
mod http;
mod operation;
mod queue;
mod sample;
pub mod span;
mod state;
mod tracer;

use std::time::{Duration, Instant, SystemTime};

use crate::exchange::event::{HttpRecord, Operation};
use crate::protocol::sampling::Threshold;

pub use self::capture::{Capture, CaptureRule};
pub use self::queue::{Batch, Dropped, Queue, QueueLimits};
pub use self::sample::Decision;
pub(super) use self::tracer::Tracer;

/// What is kept, and how it is shown.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is kept.
    pub sampling: Sampling,
    /// What may wait.
    pub queue: QueueLimits,
    /// Which arguments and results are shown.
    pub capture: Capture,
    /// What a span may hold.
    pub limits: SpanLimits,
    /// The server, for CLIENT spans.
    pub server: ServerAddress,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Whether everything is kept whose parent is sampled.
    pub follow_parent: bool,
    /// Whether failed operations are kept.
    pub errors: bool,
    /// From which duration on operations are kept; `None`: slow ones are like others.
    pub slow: Option<Duration>,
    /// Failed and slow operations kept a second at most; further ones are like others.
    pub storm: u32,
    /// What is kept of all the rest.
    pub threshold: Threshold,
}

/// What a span may hold (`OTEL_SPAN_*` and `OTEL_ATTRIBUTE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanLimits {
    /// Attributes of a span.
    pub attributes: usize,
    /// Characters of a text; `None`: as many as there are.
    pub value_length: Option<usize>,
    /// Events of a span.
    pub events: usize,
    /// Links of a span.
    pub links: usize,
}

/// The server as CLIENT spans name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerAddress {
    /// `server.address`: host, or path of a Unix socket.
    pub address: String,
    /// `server.port`.
    pub port: Option<u16>,
    /// `network.transport`: `tcp` or `unix`.
    pub transport: &'static str,
    /// `network.protocol.version` of the hop to the server.
    pub http_version: &'static str,
}

/// Something that ended and whose spans are to be exported.
#[derive(Debug)]
pub struct Kept {
    /// What ended; it has a trace.
    pub what: Ended,
    /// Why it is kept.
    pub decision: Decision,
}

/// What spans are made of.
#[derive(Debug)]
pub enum Ended {
    /// An operation: a SERVER and a CLIENT span, or one of them.
    Operation(Box<Operation>),
    /// An HTTP exchange: one SERVER span.
    Http(Box<HttpRecord>),
}

/// The same moment on both clocks: spans have wall-clock times.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// On the monotonic clock.
    pub now: Instant,
    /// On the wall clock.
    pub wall: SystemTime,
}

impl Moment {
    /// What the wall clock showed at another instant, if nobody set it since.
    #[must_use]
    pub fn wall_at(&self, at: Instant) -> SystemTime {
        match self.now.checked_duration_since(at) {
            Some(ago) => self.wall.checked_sub(ago),
            None => self.wall.checked_add(at.saturating_duration_since(self.now)),
        }
        .unwrap_or(self.wall)
    }
}

#[cfg(test)]
pub(super) mod tests;
