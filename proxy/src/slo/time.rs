//! Moments as the engine takes them.

/// Milliseconds since the Unix epoch, on a clock that only goes forward: the wall clock as it was when the process
/// started, plus the time that passed since on the monotonic clock. So windows do not notice jumps of the wall clock,
/// and those of a saved state fit those of the next process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(pub u64);
