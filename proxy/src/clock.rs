//! The only reader of the clock.
//!
//! Everything that reasons about time takes it as an argument (`at` for what happened, `now` for a question), so
//! that tests never sleep. Only the edges (http, admin, app) call [`now`]. It goes through tokio's clock: inside
//! `#[tokio::test(start_paused = true)]` it stands still and advances by hand.

#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]

use std::time::{Instant, SystemTime};

/// The present instant on the monotonic clock.
#[must_use]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The present wall-clock time, only for what people and peers read (start times, log lines).
#[must_use]
pub fn wall() -> SystemTime {
    SystemTime::now()
}
