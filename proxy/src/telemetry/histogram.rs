//! A histogram with fixed bounds, in atomics, with one exemplar per bucket.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use metrics::HistogramFn;

use super::values::FloatCell;

/// One observation that names its trace (OpenMetrics exemplar).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// W3C trace id.
    pub trace_id: [u8; 16],
    /// W3C span id.
    pub span_id: [u8; 8],
    /// What was observed.
    pub value: f64,
    /// When, since the Unix epoch.
    pub at: Duration,
}

/// Counts of observations below fixed upper bounds. Writers never wait; a reader may see an observation's bucket
/// before its sum.
#[derive(Debug)]
pub struct BucketHistogram {
    bounds: Cow<'static, [f64]>,
    /// One more than there are bounds: the last is `+Inf`.
    buckets: Box<[AtomicU64]>,
    exemplars: Box<[ArcSwapOption<Exemplar>]>,
    sum: FloatCell,
}

impl BucketHistogram {
    /// An empty histogram; `bounds` rise strictly and leave out `+Inf`.
    #[must_use]
    pub fn new(bounds: impl Into<Cow<'static, [f64]>>) -> Self {
        let bounds = bounds.into();
        let places = 0..=bounds.len();
        Self {
            bounds,
            buckets: places.clone().map(|_| AtomicU64::new(0)).collect(),
            exemplars: places.map(|_| ArcSwapOption::empty()).collect(),
            sum: FloatCell::default(),
        }
    }

    /// Records one observation. `NaN` is no observation.
    pub fn observe(&self, value: f64) {
        self.place(value);
    }

    /// Records one observation that was part of a trace; it replaces the exemplar of its bucket.
    pub fn observe_traced(&self, exemplar: impl Into<Arc<Exemplar>>) {
        let exemplar = exemplar.into();
        if let Some(place) = self.place(exemplar.value) {
            self.exemplars[place].store(Some(exemplar));
        }
    }

    /// Upper bounds, `+Inf` left out.
    #[must_use]
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// What was recorded so far.
    #[must_use]
    pub fn read(&self) -> HistogramReading {
        HistogramReading {
            counts: self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect(),
            exemplars: self.exemplars.iter().map(ArcSwapOption::load_full).collect(),
            sum: self.sum.get(),
        }
    }

    fn place(&self, value: f64) -> Option<usize> {
        if value.is_nan() {
            return None;
        }
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.sum.add(value);
        Some(place)
    }
}

impl HistogramFn for BucketHistogram {
    fn record(&self, value: f64) {
        self.observe(value);
    }
}

/// A histogram's state at one moment; the lists have one entry per bound and one for `+Inf`.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramReading {
    /// Observations per bucket, not cumulated.
    pub counts: Box<[u64]>,
    /// The last exemplar per bucket.
    pub exemplars: Box<[Option<Arc<Exemplar>>]>,
    /// Sum of the observations.
    pub sum: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_belongs_to_its_bucket() {
        let histogram = BucketHistogram::new(&[1.0, 2.0][..]);
        for value in [0.0, 1.0, 1.5, 2.0, 2.1, f64::INFINITY, f64::NAN] {
            histogram.observe(value);
        }
        let reading = histogram.read();
        assert_eq!(&*reading.counts, [2, 2, 2]);
        assert_eq!(reading.sum, f64::INFINITY);
    }

    #[test]
    fn the_last_exemplar_of_a_bucket_stays() {
        let histogram = BucketHistogram::new(&[1.0][..]);
        let first = Exemplar { trace_id: [1; 16], span_id: [2; 8], value: 0.5, at: Duration::from_secs(7) };
        let second = Exemplar { value: 0.7, ..first };
        histogram.observe_traced(first);
        histogram.observe_traced(second);
        histogram.observe(0.1);
        let reading = histogram.read();
        assert_eq!(&*reading.counts, [3, 0]);
        assert_eq!(reading.exemplars[0].as_deref(), Some(&second));
        assert_eq!(reading.exemplars[1], None);
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let histogram = BucketHistogram::new(&[1.0][..]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| histogram.observe(0.5)));
            }
        });
        let reading = histogram.read();
        assert_eq!(&*reading.counts, [40_000, 0]);
        assert_eq!(reading.sum, 20_000.0);
    }
}
