//! The memory that all inspection together may hold beyond its small fixed states.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that decoders and captures may hold at one time, over all bodies in flight.
///
/// What does not fit is not inspected; it is never an error for the traffic.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of so many bytes, all of them free.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    /// All that may be held.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes now reserved.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether so many are free now. Promises nothing, and costs no other processor anything.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.used().saturating_add(bytes) <= self.limit
    }

    /// Takes `bytes` if that many are free. The number guards no other memory, so no ordering is needed.
    fn take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A share of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(in crate::http) struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Reservation {
    /// A share of nothing, to be grown.
    pub(in crate::http) fn empty(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Bytes held.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Grows or shrinks the share to `bytes`. Without room for more it stays as it is, and this is false.
    pub(in crate::http) fn resize(&mut self, bytes: usize) -> bool {
        if bytes > self.bytes && !self.budget.take(bytes - self.bytes) {
            return false;
        }
        if bytes < self.bytes {
            self.budget.give_back(self.bytes - bytes);
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_budget_and_come_back_when_dropped() {
        let budget = Arc::new(Budget::new(100));
        let mut first = Reservation::empty(&budget);
        let mut second = Reservation::empty(&budget);
        assert!(first.resize(60));
        assert!(budget.has_room(40) && !budget.has_room(41) && !budget.has_room(usize::MAX));
        assert!(!second.resize(41));
        assert_eq!((second.bytes(), budget.used()), (0, 60));
        assert!(second.resize(40));
        assert!(first.resize(10));
        assert!(second.resize(90));
        assert!(!first.resize(usize::MAX));
        drop(second);
        assert_eq!(budget.used(), 10);
        drop(first);
        assert_eq!(budget.used(), 0);
    }
}
