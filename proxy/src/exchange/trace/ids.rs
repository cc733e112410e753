//! Where the ids of traces and spans come from.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};

thread_local! {
    /// Seeded by the system once per thread: no thread waits for another one's ids.
    static RANDOM: RefCell<SmallRng> = RefCell::new(SmallRng::from_os_rng());
}

/// A source of ids.
#[derive(Debug, Clone, Default)]
pub enum Ids {
    /// Random ones.
    #[default]
    Random,
    /// 1, 2, 3 and so on, for tests; all clones count together.
    Counted(Arc<AtomicU64>),
}

impl Ids {
    /// A trace id, random in all its bits.
    #[must_use]
    pub fn trace_id(&self) -> [u8; 16] {
        match self {
            Self::Random => random(),
            Self::Counted(last) => u128::from(next(last)).to_be_bytes(),
        }
    }

    /// A span id.
    #[must_use]
    pub fn span_id(&self) -> [u8; 8] {
        match self {
            Self::Random => random(),
            Self::Counted(last) => next(last).to_be_bytes(),
        }
    }
}

fn next(last: &AtomicU64) -> u64 {
    last.fetch_add(1, Ordering::Relaxed) + 1
}

/// Random bytes, not all of them zero.
fn random<const N: usize>() -> [u8; N] {
    RANDOM.with_borrow_mut(|random| {
        let mut id = [0; N];
        while id == [0; N] {
            random.fill_bytes(&mut id);
        }
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_or_counted() {
        let random = Ids::Random;
        assert_ne!(random.trace_id(), random.trace_id());
        assert_ne!(random.span_id(), random.span_id());
        let counted = Ids::Counted(Arc::default());
        assert_eq!(counted.clone().span_id(), [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(counted.trace_id()[15], 2);
    }
}
