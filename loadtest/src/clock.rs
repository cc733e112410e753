//! The only reader of the clock in this crate.

#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]

use std::time::Instant;

/// The present instant.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}
