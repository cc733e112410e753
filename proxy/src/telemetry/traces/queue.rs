//! Where kept spans wait for the exporter: bounded in number and in bytes, never waited for by traffic.
//!
//! The ledger: `mcp_proxy_spans_total` = exported + dropped + queued. Whatever is pushed is counted in the first; it is
//! queued until its batch says what became of it, also while it is on its way to the collector, and so is its memory.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
use metrics::{Counter, Gauge};
use tokio::sync::Notify;

use super::Kept;
use crate::telemetry::names::{Metric, label};
use crate::telemetry::registry::Registry;

/// What may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Operations and exchanges (`OTEL_BSP_MAX_QUEUE_SIZE`).
    pub length: usize,
    /// Bytes of memory, by estimate; those on their way to the collector count too.
    pub bytes: usize,
    /// From how many on the exporter is woken before its time (`OTEL_BSP_MAX_EXPORT_BATCH_SIZE`).
    pub batch: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { length: 2048, bytes: 16 << 20, batch: 512 }
    }
}

/// Why spans got to no collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// As many as may waited.
    QueueFull,
    /// What waited was too big.
    Memory,
    /// The collector could not be reached or refused them, after all retries.
    Failed,
    /// The collector took the batch and refused some of it.
    Rejected,
    /// There was no time left, or no exporter any more.
    Shutdown,
}

impl Dropped {
    /// All reasons.
    pub const ALL: [Self; 5] = [Self::QueueFull, Self::Memory, Self::Failed, Self::Rejected, Self::Shutdown];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Memory => "memory",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The queue. Many may push, one takes.
#[derive(Debug)]
pub struct Queue {
    waiting: ArrayQueue<Waiting>,
    limits: QueueLimits,
    /// Things in `waiting`, give or take those that are just being pushed.
    length: AtomicUsize,
    /// Bytes of what waits and of what is on its way.
    bytes: AtomicUsize,
    closed: AtomicBool,
    full: Notify,
    counts: Counts,
}

#[derive(Debug)]
struct Waiting {
    kept: Kept,
    spans: usize,
    bytes: usize,
}

/// The four sides of the ledger.
struct Counts {
    total: Counter,
    exported: Counter,
    dropped: [Counter; Dropped::ALL.len()],
    queued: Gauge,
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counts").finish_non_exhaustive()
    }
}

impl Counts {
    fn new(registry: &Registry) -> Self {
        Self {
            total: registry.counter(Metric::Spans, &[]),
            exported: registry.counter(Metric::SpansExported, &[]),
            dropped: Dropped::ALL
                .map(|reason| registry.counter(Metric::SpansDropped, &[(label::REASON, reason.as_str())])),
            queued: registry.gauge(Metric::SpansQueued, &[]),
        }
    }

    fn dropped(&self, reason: Dropped, spans: usize) {
        self.dropped[reason as usize].increment(spans as u64);
    }
}

impl Queue {
    /// Nothing waits yet. What happens is counted in `registry`, where all of it stands at 0 from now on.
    #[must_use]
    pub fn new(limits: QueueLimits, registry: &Registry) -> Self {
        Self {
            waiting: ArrayQueue::new(limits.length.max(1)),
            limits,
            length: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            full: Notify::new(),
            counts: Counts::new(registry),
        }
    }

    /// Queues what was kept; `false` when there was no room and it is gone. Never waits. The exporter is woken by
    /// whoever fills a batch, and by nobody else: it comes by its schedule.
    pub fn push(&self, kept: Kept) -> bool {
        let (spans, bytes) = (kept.spans(), kept.size());
        self.counts.total.increment(spans as u64);
        if let Err(reason) = self.admit(Waiting { kept, spans, bytes }) {
            self.counts.dropped(reason, spans);
            return false;
        }
        // Closing may have looked for the last time before this was in.
        if self.closed.load(Ordering::SeqCst) {
            self.discard();
            return false;
        }
        true
    }

    fn admit(&self, waiting: Waiting) -> Result<(), Dropped> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Dropped::Shutdown);
        }
        let (spans, bytes) = (waiting.spans, waiting.bytes);
        if self.bytes.fetch_add(bytes, Ordering::AcqRel).saturating_add(bytes) > self.limits.bytes {
            self.bytes.fetch_sub(bytes, Ordering::AcqRel);
            return Err(Dropped::Memory);
        }
        // Before it can be taken, so that neither goes below zero.
        self.counts.queued.increment(spans as f64);
        let before = self.length.fetch_add(1, Ordering::AcqRel);
        if self.waiting.push(waiting).is_err() {
            self.length.fetch_sub(1, Ordering::AcqRel);
            self.counts.queued.decrement(spans as f64);
            self.bytes.fetch_sub(bytes, Ordering::AcqRel);
            return Err(Dropped::QueueFull);
        }
        if before + 1 == self.limits.batch {
            self.full.notify_one();
        }
        Ok(())
    }

    /// Moves what makes about `max` spans (never more, unless the first alone does) to `kept`, oldest first. They stay
    /// queued until the batch says what became of them.
    pub fn take(&self, max: usize, kept: &mut Vec<Kept>) -> Batch<'_> {
        let mut batch = Batch { queue: self, spans: 0, bytes: 0 };
        // One thing makes two spans at most.
        while (batch.spans == 0 || batch.spans + Kept::MOST_SPANS <= max)
            && let Some(next) = self.waiting.pop()
        {
            self.length.fetch_sub(1, Ordering::AcqRel);
            batch.spans += next.spans;
            batch.bytes += next.bytes;
            kept.push(next.kept);
        }
        batch
    }

    /// How many operations and exchanges wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Ends when a batch is full; for one waiter.
    pub fn filled(&self) -> impl Future<Output = ()> {
        self.full.notified()
    }

    /// Nobody will take any more: what waits and what comes later is dropped.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.discard();
    }

    fn discard(&self) {
        let mut kept = Vec::new();
        while !self.is_empty() {
            drop(self.take(usize::MAX, &mut kept));
            kept.clear();
        }
    }
}

/// What was taken together. What it was not told the fate of when it is dropped counts as lost by shutdown.
#[derive(Debug)]
#[must_use = "dropped without a word, its spans count as lost"]
pub struct Batch<'a> {
    queue: &'a Queue,
    spans: usize,
    bytes: usize,
}

impl Batch<'_> {
    /// The spans whose fate is open.
    #[must_use]
    pub fn spans(&self) -> usize {
        self.spans
    }

    /// A collector has so many of them.
    pub fn exported(&mut self, spans: usize) {
        let spans = self.settle(spans);
        self.queue.counts.exported.increment(spans as u64);
    }

    /// No collector will get so many of them.
    pub fn dropped(&mut self, reason: Dropped, spans: usize) {
        let spans = self.settle(spans);
        self.queue.counts.dropped(reason, spans);
    }

    fn settle(&mut self, spans: usize) -> usize {
        let spans = spans.min(self.spans);
        self.spans -= spans;
        self.queue.counts.queued.decrement(spans as f64);
        spans
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.dropped(Dropped::Shutdown, self.spans);
        self.queue.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}
