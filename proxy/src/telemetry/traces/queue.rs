//! Where kept spans wait for the exporter: bounded in spans and in bytes, never waited for by traffic.

/// What may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Operations and exchanges (`OTEL_BSP_MAX_QUEUE_SIZE`).
    pub length: usize,
    /// Bytes of memory, by estimate.
    pub bytes: usize,
    /// From how many on the exporter is woken before its time (`OTEL_BSP_MAX_EXPORT_BATCH_SIZE`).
    pub batch: usize,
}

/// The queue.
#[derive(Debug)]
pub struct Queue {}
