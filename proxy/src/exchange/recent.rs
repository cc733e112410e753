//! What was seen in the last seconds, in constant memory and without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// As many slots as a cache line holds.
const WAYS: usize = 8;

/// A table of fingerprints with their time, in sets of eight. A fingerprint has one set; where the set is full, the
/// newer takes the place of the oldest. So the table may forget, but never grows and never waits. It errs towards
/// "not seen".
///
/// A slot is 32 bits of tag and 32 bits of time in tenths of a second (13 years), 0 when empty.
pub(super) struct Recent {
    sets: Box<[[AtomicU64; WAYS]]>,
    window: u64,
}

impl Recent {
    /// A table of at least `slots` slots that remembers for `window`.
    pub(super) fn new(slots: usize, window: Duration) -> Self {
        let sets = slots.div_ceil(WAYS).max(1).next_power_of_two();
        Self { sets: (0..sets).map(|_| Default::default()).collect(), window: tenths(window) }
    }

    /// Remembers the fingerprint; whether it was already here. `age` is the time since the process began.
    pub(super) fn seen(&self, fingerprint: u64, age: Duration) -> bool {
        let set = self.set(fingerprint);
        let tag = tag(fingerprint);
        // Plus one, so that no used slot is 0.
        let now = (tenths(age) + 1) & TIME;
        let mut oldest = (u64::MAX, &set[0]);
        for slot in set {
            let held = slot.load(Ordering::Relaxed);
            if held & TIME != 0 && held & !TIME == tag {
                oldest = (0, slot);
                break;
            }
            if held & TIME < oldest.0 {
                oldest = (held & TIME, slot);
            }
        }
        let before = oldest.1.swap(tag | now, Ordering::Relaxed);
        self.is_recent(before, tag, now)
    }

    /// Forgets the fingerprint; whether it was here.
    pub(super) fn take(&self, fingerprint: u64, age: Duration) -> bool {
        let tag = tag(fingerprint);
        let now = (tenths(age) + 1) & TIME;
        self.set(fingerprint).iter().any(|slot| {
            let before = slot.load(Ordering::Relaxed);
            self.is_recent(before, tag, now)
                && slot.compare_exchange(before, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        })
    }

    fn set(&self, fingerprint: u64) -> &[AtomicU64; WAYS] {
        // The length is a power of two, so the mask is a valid index.
        &self.sets[fingerprint as usize & (self.sets.len() - 1)]
    }

    fn is_recent(&self, slot: u64, tag: u64, now: u64) -> bool {
        let (slot_tag, then) = (slot & !TIME, slot & TIME);
        then != 0 && slot_tag == tag && now.saturating_sub(then) <= self.window
    }
}

/// The part of a slot that is its time.
const TIME: u64 = u32::MAX as u64;

fn tag(fingerprint: u64) -> u64 {
    fingerprint & !TIME
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
    fn as_many_as_a_set_holds_never_push_each_other_out() {
        let recent = Recent::new(1, seconds(60));
        for tag in 1..=WAYS as u64 {
            assert!(!recent.seen(tag << 32, seconds(tag)), "tag {tag} is new");
        }
        for tag in 1..=WAYS as u64 {
            assert!(recent.seen(tag << 32, seconds(20)), "tag {tag} is known");
        }
    }

    #[test]
    fn a_full_set_forgets_the_oldest_and_never_mixes_up() {
        let recent = Recent::new(1, seconds(60));
        for tag in 1..=WAYS as u64 {
            recent.seen(tag << 32, seconds(tag));
        }
        assert!(!recent.seen(100 << 32, seconds(9)), "same set, other tag");
        assert!(recent.seen(2 << 32, seconds(10)), "not the oldest");
        assert!(!recent.seen(1 << 32, seconds(11)), "replaced");
    }
}
