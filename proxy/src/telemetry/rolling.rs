//! Quantiles over a sliding window: ten windows of 30 s, each a set of logarithmic counters.
//!
//! A value's counter is read off the bits of the float: 16 counters per power of two, so a quantile is off by at most
//! 1/32 of its value. Windows that are too old are left out when read; an idle tool shows nothing rather than its
//! last latency. A new window is swapped in whole, so that writers never wait and never add to an old one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::names::QUANTILES;
use super::values::FloatCell;

/// Length of one window.
const WINDOW: Duration = Duration::from_secs(30);
/// Windows that are read: 5 minutes.
const WINDOWS: usize = 10;
/// Counters per power of two, as bits of the mantissa.
const FINE_BITS: u32 = 4;
/// The smallest exponent that is told apart: 2^-17 s, 7.6 µs.
const LOWEST: u64 = 1023 - 17;
/// One past the largest: 2^12 s.
const HIGHEST: u64 = 1023 + 12;
/// Counters of one window.
const COUNTERS: usize = ((HIGHEST - LOWEST) << FINE_BITS) as usize;

#[derive(Debug)]
struct Window {
    /// Number of the window since `start`.
    number: u64,
    counters: Box<[AtomicU32]>,
}

/// A summary: quantiles over the last 5 minutes, sum and count since the start.
#[derive(Debug)]
pub struct RollingSummary {
    start: Instant,
    windows: [ArcSwapOption<Window>; WINDOWS],
    count: AtomicU64,
    sum: FloatCell,
}

impl RollingSummary {
    /// An empty summary whose windows are counted from `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self { start, windows: Default::default(), count: AtomicU64::new(0), sum: FloatCell::default() }
    }

    /// Records what took `value` seconds and ended at `at`.
    pub fn observe(&self, value: f64, at: Instant) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum.add(value);
        let number = self.number(at);
        let slot = &self.windows[(number % WINDOWS as u64) as usize];
        loop {
            let current = slot.load();
            match current.as_deref() {
                Some(window) if window.number == number => {
                    window.counters[place(value)].fetch_add(1, Ordering::Relaxed);
                    return;
                }
                // It ended more than five minutes ago: no window of now holds it.
                Some(window) if window.number > number => return,
                _ => {}
            }
            let counters = (0..COUNTERS).map(|_| AtomicU32::new(0)).collect();
            slot.compare_and_swap(&current, Some(Arc::new(Window { number, counters })));
        }
    }

    /// Gives back the memory of windows that no reading at `now` or later takes in.
    pub fn expire(&self, now: Instant) {
        let oldest = self.oldest(now);
        for slot in &self.windows {
            let current = slot.load();
            if current.as_ref().is_some_and(|window| window.number < oldest) {
                slot.compare_and_swap(&current, None);
            }
        }
    }

    /// The values of [`QUANTILES`] at `now`; `None` when nothing was recorded in the last 5 minutes.
    #[must_use]
    pub fn quantiles(&self, now: Instant) -> Option<[f64; QUANTILES.len()]> {
        let mut merged = Merged::default();
        merged.add(self, now);
        merged.quantiles()
    }

    /// Sum of all values since the start.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum.get()
    }

    /// Number of values since the start.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn number(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_secs() / WINDOW.as_secs()
    }

    fn oldest(&self, now: Instant) -> u64 {
        (self.number(now) + 1).saturating_sub(WINDOWS as u64)
    }
}

/// What some summaries recorded in the last 5 minutes.
#[derive(Debug)]
pub(super) struct Merged(Vec<u64>);

impl Default for Merged {
    fn default() -> Self {
        Self(vec![0; COUNTERS])
    }
}

impl Merged {
    /// Adds those of one more.
    pub(super) fn add(&mut self, summary: &RollingSummary, now: Instant) {
        let (oldest, newest) = (summary.oldest(now), summary.number(now));
        for slot in &summary.windows {
            if let Some(window) = slot.load().as_deref()
                && (oldest..=newest).contains(&window.number)
            {
                for (total, counter) in self.0.iter_mut().zip(&window.counters) {
                    *total += u64::from(counter.load(Ordering::Relaxed));
                }
            }
        }
    }

    /// The values of [`QUANTILES`]; `None` when there is nothing.
    #[must_use]
    pub(super) fn quantiles(&self) -> Option<[f64; QUANTILES.len()]> {
        let total: u64 = self.0.iter().sum();
        (total > 0).then(|| QUANTILES.map(|quantile| nearest_rank(&self.0, total, quantile)))
    }
}

/// The counter of a value; values out of range go to the first or last.
fn place(value: f64) -> usize {
    if value.is_nan() || value <= 0.0 {
        return 0;
    }
    let lowest = LOWEST << FINE_BITS;
    let coarse = value.to_bits() >> (52 - FINE_BITS);
    usize::try_from(coarse.saturating_sub(lowest)).unwrap_or(usize::MAX).min(COUNTERS - 1)
}

/// The middle of a counter's values.
fn middle(place: usize) -> f64 {
    let bits = ((LOWEST << FINE_BITS) + place as u64) << (52 - FINE_BITS);
    f64::from_bits(bits | 1 << (51 - FINE_BITS))
}

fn nearest_rank(counters: &[u64], total: u64, quantile: f64) -> f64 {
    let rank = ((total as f64 * quantile).ceil() as u64).max(1);
    let mut seen = 0;
    for (place, count) in counters.iter().enumerate() {
        seen += count;
        if seen >= rank {
            return middle(place);
        }
    }
    middle(counters.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(actual: f64, expected: f64) {
        assert!((actual / expected - 1.0).abs() <= 1.0 / 32.0, "{actual} is not near {expected}");
    }

    /// The value at rank `max(1, ceil(percent / 100 · n))` of sorted ones, counted from 1: the oracle.
    fn exact_nearest_rank<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
        let rank = (percent * sorted.len()).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }

    #[test]
    fn nearest_ranks_are_those_of_the_worked_examples() {
        // R3 and R4 of slo-and-alerts.md §11.
        let hundred: Vec<_> = (1..=100).collect();
        for (percent, expected) in [(0, 1), (50, 50), (95, 95), (99, 99), (100, 100)] {
            assert_eq!(exact_nearest_rank(&hundred, percent), Some(expected), "p{percent}");
        }
        for percent in 0..=100 {
            assert_eq!(exact_nearest_rank(&[7], percent), Some(7), "p{percent}");
            assert_eq!(exact_nearest_rank::<u8>(&[], percent), None, "p{percent}");
        }
        let two = [10, 20];
        assert_eq!((exact_nearest_rank(&two, 50), exact_nearest_rank(&two, 51)), (Some(10), Some(20)));
    }

    #[test]
    fn the_summary_takes_the_same_ranks() {
        let start = crate::clock::now();
        for number in (0..=200_usize).chain([1_000, 12_345, 99_999]) {
            // Each value is far from the one before, up to the end of what is told apart.
            let values: Vec<_> =
                (0..number).map(|place| 1.2_f64.powi((place % 100) as i32) / 100_000.0).collect();
            let summary = RollingSummary::new(start);
            values.iter().for_each(|value| summary.observe(*value, start));
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            let expected: Vec<_> = [50, 90, 95, 99]
                .into_iter()
                .filter_map(|percent| exact_nearest_rank(&sorted, percent))
                .collect();
            let found: Vec<_> = summary.quantiles(start).into_iter().flatten().collect();
            assert_eq!(found.len(), expected.len(), "{number} values");
            found.into_iter().zip(expected).for_each(|(found, expected)| near(found, expected));
        }
    }

    #[test]
    fn quantiles_are_within_a_thirty_second_of_the_value() {
        let start = crate::clock::now();
        for scale in [0.000_02, 0.001, 0.37, 1.0, 3.0, 40.0] {
            let summary = RollingSummary::new(start);
            for value in 1..=100 {
                summary.observe(f64::from(value) * scale, start);
            }
            let quantiles = summary.quantiles(start).expect("values were recorded");
            for (actual, expected) in quantiles.into_iter().zip([50.0, 90.0, 95.0, 99.0]) {
                near(actual, expected * scale);
            }
        }
    }

    #[test]
    fn values_out_of_range_are_counted_at_the_ends() {
        let start = crate::clock::now();
        let summary = RollingSummary::new(start);
        for value in [0.0, -1.0, f64::NAN, 1e-300, f64::INFINITY, 1e300] {
            summary.observe(value, start);
        }
        assert_eq!(summary.count(), 6);
        assert!(summary.quantiles(start).is_some());
    }

    #[test]
    fn the_window_slides_and_an_idle_summary_is_empty() {
        let start = crate::clock::now();
        let second = |seconds| start + Duration::from_secs(seconds);
        let summary = RollingSummary::new(start);
        summary.observe(1.0, second(0));
        summary.observe(4.0, second(200));
        near(summary.quantiles(second(201)).expect("both")[3], 4.0);
        near(summary.quantiles(second(299)).expect("both")[0], 1.0);
        near(summary.quantiles(second(301)).expect("the later one")[0], 4.0);
        assert_eq!(summary.quantiles(second(510)), None);
        assert_eq!((summary.count(), summary.sum()), (2, 5.0));
    }

    #[test]
    fn a_slot_of_an_old_window_starts_anew() {
        let start = crate::clock::now();
        let second = |seconds| start + Duration::from_secs(seconds);
        let summary = RollingSummary::new(start);
        summary.observe(1.0, second(0));
        summary.observe(8.0, second(300));
        near(summary.quantiles(second(300)).expect("the later one")[0], 8.0);
        // Late news of the old window is counted, but shown no more.
        summary.observe(1.0, second(1));
        near(summary.quantiles(second(300)).expect("the later one")[0], 8.0);
        assert_eq!(summary.count(), 3);
    }

    #[test]
    fn expired_windows_give_their_memory_back() {
        let start = crate::clock::now();
        let summary = RollingSummary::new(start);
        summary.observe(1.0, start);
        summary.expire(start + Duration::from_secs(299));
        assert!(summary.windows.iter().any(|slot| slot.load().is_some()));
        summary.expire(start + Duration::from_secs(300));
        assert!(summary.windows.iter().all(|slot| slot.load().is_none()));
    }
}
