//! On which exchanges the time is measured that this proxy spends.
//!
//! A reading of the clock takes about 23 ns, and to measure takes four more of them than to tell when things happened: a
//! tenth of all that an exchange costs here. The distribution is the same if it is measured on some exchanges only.

use std::cell::Cell;

/// One in so many is measured.
const ONE_IN: u32 = 8;

thread_local! {
    static EXCHANGES: Cell<u32> = const { Cell::new(0) };
}

/// Whether the next exchange on this thread is measured; the first one is.
pub(super) fn next() -> bool {
    // On a thread that is ending it does not matter.
    let seen = EXCHANGES.try_with(|exchanges| exchanges.replace(exchanges.get().wrapping_add(1)));
    seen.unwrap_or(0).is_multiple_of(ONE_IN)
}
