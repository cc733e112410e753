//! What was seen in the last seconds, in constant memory and without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A direct-mapped table of fingerprints with their time. Each slot holds one: a newer fingerprint of the same slot
/// replaces an older one, so the table may forget, but never grows and never waits. It errs towards "not seen".
///
/// A slot is 32 bits of tag and 32 bits of time in tenths of a second (13 years), 0 when empty.
pub(super) struct Recent {
    slots: Box<[AtomicU64]>,
    window: u64,
}

impl Recent {
    /// A table of at least `slots` slots that remembers for `window`.
    pub(super) fn new(slots: usize, window: Duration) -> Self {
        let slots = slots.max(1).next_power_of_two();
        Self { slots: (0..slots).map(|_| AtomicU64::new(0)).collect(), window: tenths(window) }
    }

    /// Remembers the fingerprint; whether it was already here. `age` is the time since the process began.
    pub(super) fn seen(&self, fingerprint: u64, age: Duration) -> bool {
        let (slot, tag) = self.place(fingerprint);
        // Plus one, so that no used slot is 0.
        let now = (tenths(age) + 1) & u64::from(u32::MAX);
        let before = slot.swap(tag | now, Ordering::Relaxed);
        self.is_recent(before, tag, now)
    }

    /// Forgets the fingerprint; whether it was here.
    pub(super) fn take(&self, fingerprint: u64, age: Duration) -> bool {
        let (slot, tag) = self.place(fingerprint);
        let now = (tenths(age) + 1) & u64::from(u32::MAX);
        let before = slot.load(Ordering::Relaxed);
        self.is_recent(before, tag, now)
            && slot.compare_exchange(before, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn place(&self, fingerprint: u64) -> (&AtomicU64, u64) {
        // The length is a power of two, so the mask is a valid index.
        let slot = &self.slots[fingerprint as usize & (self.slots.len() - 1)];
        (slot, fingerprint & !u64::from(u32::MAX))
    }

    fn is_recent(&self, slot: u64, tag: u64, now: u64) -> bool {
        let (slot_tag, then) = (slot & !u64::from(u32::MAX), slot & u64::from(u32::MAX));
        then != 0 && slot_tag == tag && now.saturating_sub(then) <= self.window
    }
}

fn tenths(time: Duration) -> u64 {
    u64::try_from(time.as_millis() / 100).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: u64 = 0xABCD_0000_0000_0007;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_second_sight_within_the_window_is_seen() {
        let recent = Recent::new(8, seconds(60));
        for (at, seen) in [(0, false), (60, true), (119, true), (180, false)] {
            assert_eq!(recent.seen(KEY, seconds(at)), seen, "at {at}");
        }
    }

    #[test]
    fn a_taken_fingerprint_is_no_longer_known() {
        let recent = Recent::new(8, seconds(60));
        assert!(!recent.take(KEY, seconds(1)));
        recent.seen(KEY, seconds(1));
        assert!(recent.take(KEY, seconds(2)));
        assert!(!recent.take(KEY, seconds(2)));
        assert!(!recent.seen(KEY, seconds(3)));
    }

    #[test]
    fn a_full_table_forgets_the_older_and_never_mixes_up() {
        let recent = Recent::new(1, seconds(60));
        recent.seen(KEY, seconds(0));
        assert!(!recent.seen(KEY << 1, seconds(1)), "same slot, other tag");
        assert!(!recent.seen(KEY, seconds(2)), "replaced");
    }
}
