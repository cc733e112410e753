//! A floating point number that several threads change without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::CounterFn;

/// A sum of fractions: the cell of float counters and of sums of histograms.
#[derive(Debug, Default)]
pub struct FloatCell(AtomicU64);

impl FloatCell {
    /// Adds to it.
    pub fn add(&self, value: f64) {
        let mut bits = self.0.load(Ordering::Relaxed);
        loop {
            let next = (f64::from_bits(bits) + value).to_bits();
            match self.0.compare_exchange_weak(bits, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => bits = now,
            }
        }
    }

    /// Raises it to a total that was counted elsewhere; never lowers it.
    pub fn raise_to(&self, total: f64) {
        let mut bits = self.0.load(Ordering::Relaxed);
        while f64::from_bits(bits) < total {
            match self.0.compare_exchange_weak(bits, total.to_bits(), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => bits = now,
            }
        }
    }

    /// Its value.
    #[must_use]
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl CounterFn for FloatCell {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }

    fn absolute(&self, value: u64) {
        self.raise_to(value as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_add_up_and_totals_never_fall() {
        let cell = FloatCell::default();
        cell.add(0.25);
        cell.add(0.5);
        assert_eq!(cell.get(), 0.75);
        cell.raise_to(2.5);
        cell.raise_to(1.0);
        assert_eq!(cell.get(), 2.5);
        cell.increment(1);
        assert_eq!(cell.get(), 3.5);
    }
}
