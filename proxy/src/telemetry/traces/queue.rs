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

/// From how many bytes on a batch takes nothing more: collectors refuse gRPC messages over 4 MiB by default.
const BATCH_BYTES: usize = 2 << 20;

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
    /// whoever fills a batch or half of the memory, and by nobody else: it comes by its schedule.
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
        let bytes_before = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        let bytes_after = bytes_before.saturating_add(bytes);
        if bytes_after > self.limits.bytes {
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
        let half = self.limits.bytes / 2;
        if before + 1 == self.limits.batch || (bytes_before < half && bytes_after >= half) {
            self.full.notify_one();
        }
        Ok(())
    }

    /// Moves what makes about `max` spans (never more, unless the first alone does) to `kept`, oldest first. They stay
    /// queued until the batch says what became of them.
    pub fn take(&self, max: usize, kept: &mut Vec<Kept>) -> Batch<'_> {
        let mut batch = Batch { queue: self, spans: 0, bytes: 0 };
        // One thing makes two spans at most.
        while (batch.spans == 0 || (batch.spans + Kept::MOST_SPANS <= max && batch.bytes < BATCH_BYTES))
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

    /// Ends when a batch is full, or half of the memory; for one waiter.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::Ended;
    use super::super::tests::examples::{call, http};
    use super::*;
    use crate::telemetry::registry::Cell;

    fn queue(length: usize, bytes: usize, batch: usize) -> (Queue, Registry) {
        let registry = Registry::new(crate::clock::now());
        (Queue::new(QueueLimits { length, bytes, batch }, &registry), registry)
    }

    /// What is not zero.
    fn ledger(registry: &Registry) -> BTreeMap<String, u64> {
        let mut ledger = BTreeMap::new();
        for metric in [Metric::Spans, Metric::SpansExported, Metric::SpansDropped, Metric::SpansQueued] {
            registry.visit(metric, |labels, cell| {
                let value = match cell {
                    Cell::Counter(value) => value.load(Ordering::SeqCst),
                    Cell::Gauge(bits) => f64::from_bits(bits.load(Ordering::SeqCst)) as u64,
                    _ => panic!("of another kind"),
                };
                let name = metric.name().trim_start_matches("mcp_proxy_spans_").trim_end_matches("_total");
                if value > 0 {
                    ledger.insert(format!("{name} {labels}").trim_end().to_owned(), value);
                }
            });
        }
        ledger
    }

    #[track_caller]
    fn check(registry: &Registry, expected: &[(&str, u64)]) {
        let expected: BTreeMap<_, _> =
            expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        assert_eq!(ledger(registry), expected);
    }

    const TOTAL: &str = "total";
    const FULL: &str = "dropped reason=\"queue_full\"";
    const MEMORY: &str = "dropped reason=\"memory\"";
    const SHUTDOWN: &str = "dropped reason=\"shutdown\"";

    #[test]
    fn what_is_one_too_many_is_dropped_and_counted_by_its_spans() {
        let (queue, registry) = queue(2, 1 << 20, 10);
        assert!(queue.push(http()) && queue.push(call()));
        assert!(!queue.push(call()));
        check(&registry, &[(TOTAL, 5), ("queued", 3), (FULL, 2)]);
        let mut kept = Vec::new();
        let mut batch = queue.take(10, &mut kept);
        assert!(queue.push(http()), "there is room again");
        batch.exported(2);
        batch.dropped(Dropped::Failed, 1);
        drop(batch);
        assert_eq!(kept.len(), 2);
        let failed = "dropped reason=\"failed\"";
        check(&registry, &[(TOTAL, 6), ("queued", 1), (FULL, 2), ("exported", 2), (failed, 1)]);
    }

    #[test]
    fn memory_is_taken_until_the_batch_is_done() {
        let size = http().size();
        let (queue, registry) = queue(100, 2 * size, 10);
        assert!(queue.push(http()) && queue.push(http()) && !queue.push(http()));
        let mut kept = Vec::new();
        let batch = queue.take(10, &mut kept);
        assert!(!queue.push(http()), "it is on its way and still there");
        drop(batch);
        assert!(queue.push(http()));
        check(&registry, &[(TOTAL, 5), ("queued", 1), (MEMORY, 2), (SHUTDOWN, 2)]);
    }

    #[test]
    fn a_batch_holds_no_more_spans_than_asked_for_unless_the_first_does() {
        for (max, expected) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (7, 3), (100, 3)] {
            let (queue, _registry) = queue(10, 1 << 20, 10);
            for _ in 0..3 {
                queue.push(call());
            }
            let mut kept = Vec::new();
            drop(queue.take(max, &mut kept));
            assert_eq!(kept.len(), expected, "{max}");
        }
    }

    #[test]
    fn a_batch_takes_nothing_more_once_it_is_big() {
        let big = |bytes: usize| {
            let mut kept = call();
            if let Ended::Operation(operation) = &mut kept.what
                && let Some(trace) = &mut operation.trace
            {
                trace.captured.arguments = Some(vec![b' '; bytes].into());
            }
            kept
        };
        for (bytes, expected) in [(1, 5), (BATCH_BYTES / 2, 2), (BATCH_BYTES, 1)] {
            let (queue, _registry) = queue(10, 16 << 20, 10);
            for _ in 0..5 {
                assert!(queue.push(big(bytes)));
            }
            let mut kept = Vec::new();
            drop(queue.take(100, &mut kept));
            assert_eq!(kept.len(), expected, "{bytes}");
        }
    }

    #[test]
    fn what_waits_and_what_comes_after_the_end_is_lost_by_shutdown() {
        let (queue, registry) = queue(10, 1 << 20, 10);
        queue.push(call());
        queue.close();
        assert!(!queue.push(http()));
        check(&registry, &[(TOTAL, 3), (SHUTDOWN, 3)]);
    }

    #[tokio::test]
    async fn only_a_full_batch_or_half_of_the_memory_wakes_the_exporter() {
        // By number, and by memory.
        wakes_at_three(queue(10, 1 << 20, 3).0).await;
        wakes_at_three(queue(10, 6 * http().size(), 10).0).await;
    }

    async fn wakes_at_three(queue: Queue) {
        let mut filled = std::pin::pin!(queue.filled());
        let mut woken = async || {
            std::future::poll_fn(|cx| std::task::Poll::Ready(filled.as_mut().poll(cx).is_ready())).await
        };
        assert!(!woken().await);
        queue.push(http());
        queue.push(http());
        assert!(!woken().await);
        queue.push(http());
        assert!(woken().await);
    }

    #[test]
    fn every_span_is_accounted_for_whatever_threads_do() {
        const THREADS: usize = 4;
        const PUSHES: usize = 2000;
        let (queue, registry) = queue(64, 70 * http().size(), 16);
        let queue = Arc::new(queue);
        std::thread::scope(|scope| {
            let pushers: Vec<_> = (0..THREADS)
                .map(|_| {
                    let queue = Arc::clone(&queue);
                    scope.spawn(move || {
                        for turn in 0..PUSHES {
                            queue.push(if turn % 2 == 0 { http() } else { call() });
                            assert!(queue.len() <= 64);
                            assert!(queue.bytes.load(Ordering::SeqCst) <= (70 + 2 * THREADS) * http().size());
                        }
                    })
                })
                .collect();
            let mut kept = Vec::new();
            while !pushers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                let mut batch = queue.take(16, &mut kept);
                batch.exported(batch.spans() / 2);
                kept.clear();
            }
            queue.close();
        });
        assert!(!queue.push(http()));
        let ledger = ledger(&registry);
        let total = ledger.get(TOTAL).copied().unwrap_or_default();
        assert_eq!(total as usize, THREADS * PUSHES * 3 / 2 + 1);
        assert_eq!(ledger.get("queued"), None, "{ledger:?}");
        assert_eq!(ledger.values().sum::<u64>(), 2 * total, "{ledger:?}");
        assert_eq!(queue.bytes.load(Ordering::SeqCst), 0);
        assert_eq!(queue.length.load(Ordering::SeqCst), 0);
    }
}
