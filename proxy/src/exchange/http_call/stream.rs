//! The silences of a response stream.

use std::time::{Duration, Instant};

use super::super::event::StreamRecord;

/// Measures a stream from its response head to its end.
pub(super) struct Stream {
    last: Instant,
    longest_quiet: Duration,
    events: u64,
}

impl Stream {
    pub(super) const fn begin(at: Instant) -> Self {
        Self { last: at, longest_quiet: Duration::ZERO, events: 0 }
    }

    /// Some bytes passed, or the stream ended.
    pub(super) fn heard(&mut self, at: Instant) {
        self.longest_quiet = self.longest_quiet.max(at.saturating_duration_since(self.last));
        self.last = self.last.max(at);
    }

    /// An event passed.
    pub(super) const fn event(&mut self) {
        self.events += 1;
    }

    /// What is to be recorded, at the end.
    pub(super) fn end(mut self, at: Instant, standing: bool) -> StreamRecord {
        self.heard(at);
        StreamRecord { longest_quiet: self.longest_quiet, events: self.events, standing }
    }
}
