//! What traffic does for traces: it decides, counts and queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use metrics::Counter;

use crate::exchange::event::{HttpRecord, Operation};
use crate::telemetry::names::{Metric, label};
use crate::telemetry::operations::Traced;
use crate::telemetry::registry::Registry;

use super::sample::Sampler;
use super::{Decision, Ended, Kept, Moment, Queue, Settings};

/// Takes what ended. Never waits.
pub(in crate::telemetry) struct Tracer {
    sampler: Sampler,
    queue: Arc<Queue>,
    decisions: [Counter; Decision::ALL.len()],
    start: Instant,
    /// What the wall clock showed at `start`, in nanoseconds since the Unix epoch, as seen the last time somebody
    /// looked: exemplars need a time that costs nothing.
    wall_at_start: AtomicU64,
}

impl std::fmt::Debug for Tracer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracer")
            .field("sampler", &self.sampler)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl Tracer {
    /// Nothing ended yet. `start` is before all that will.
    #[must_use]
    pub(in crate::telemetry) fn new(
        settings: Settings,
        start: Instant,
        moment: Moment,
        registry: &Registry,
    ) -> Self {
        let tracer = Self {
            sampler: Sampler::new(settings.sampling, start),
            queue: Arc::new(Queue::new(settings.queue, registry)),
            decisions: Decision::ALL.map(|decision| {
                registry.counter(Metric::TraceDecisions, &[(label::DECISION, decision.as_str())])
            }),
            start,
            wall_at_start: AtomicU64::new(0),
        };
        tracer.set_clock(moment);
        tracer
    }

    /// What waits for export.
    #[must_use]
    pub(in crate::telemetry) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    /// Takes the trace out of an operation. If it is kept, it is queued with a copy of the operation, which is small
    /// without it; the operation itself goes to whoever shows the last ones.
    pub(in crate::telemetry) fn operation_ended(&self, operation: &mut Operation) -> Option<Traced> {
        let trace = operation.trace.take()?;
        let (trace_id, span_id) = (trace.trace_id, trace.span_id);
        let decision = self.sampler.operation(operation, &trace);
        let sampled = self.count(decision) && {
            let operation = Operation { trace: Some(trace), ..operation.clone() };
            self.queue.push(Kept { what: Ended::Operation(Box::new(operation)), decision })
        };
        Some(Traced { trace_id, span_id, sampled })
    }

    /// Takes an HTTP exchange that has a span of its own.
    pub(in crate::telemetry) fn http_ended(&self, record: HttpRecord) {
        let Some(http) = &record.trace else { return };
        let decision = self.sampler.http(&record, &http.trace);
        if self.count(decision) {
            self.queue.push(Kept { what: Ended::Http(Box::new(record)), decision });
        }
    }

    /// Counts a decision; whether it was to keep the spans.
    fn count(&self, decision: Decision) -> bool {
        self.decisions[decision as usize].increment(1);
        decision.is_kept()
    }

    /// Looks at the wall clock, which may have been set meanwhile.
    pub(in crate::telemetry) fn set_clock(&self, moment: Moment) {
        let at_start = moment.wall_at(self.start).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let nanoseconds = u64::try_from(at_start.as_nanos()).unwrap_or(u64::MAX);
        self.wall_at_start.store(nanoseconds, Ordering::Relaxed);
    }

    /// An instant as time since the Unix epoch.
    #[must_use]
    pub(in crate::telemetry) fn wall(&self, at: Instant) -> Duration {
        let at_start = Duration::from_nanos(self.wall_at_start.load(Ordering::Relaxed));
        at_start + at.saturating_duration_since(self.start)
    }
}
