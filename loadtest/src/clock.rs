//! The only reader of the clock in this crate.

#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// The present instant.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds of the monotonic clock, which all processes of a machine share: what one of them writes down another
/// can compare with.
#[must_use]
pub fn monotonic_nanos() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds.wrapping_mul(1_000_000_000).wrapping_add(u64::try_from(time.tv_nsec).unwrap_or_default())
}

/// Time since 1970 in UTC, to say when something was measured.
#[must_use]
pub fn since_epoch() -> Duration {
    // A clock before 1970 is not worth an error in a report.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
