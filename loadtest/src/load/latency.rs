//! Times as a distribution.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::MAX_SECONDS;

/// Points of a curve per factor of ten in what lies beyond a quantile.
const POINTS_PER_DECADE: u32 = 12;
/// Where a curve ends: at 99.99 %, four decades.
const DECADES: u32 = 4;

/// A distribution of times, in nanoseconds to three digits.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency(Histogram<u64>);

impl Latency {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let longest = 2 * MAX_SECONDS * 1_000_000_000;
        Self(Histogram::new_with_bounds(1, longest, 3).expect("bounds and digits are in range"))
    }

    /// Adds a time; one beyond all bounds counts as the longest.
    pub fn record(&mut self, time: Duration) {
        self.record_nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn record_nanos(&mut self, nanos: u64) {
        self.0.saturating_record(nanos);
    }

    /// Adds all times of another one.
    pub fn add(&mut self, other: &Self) {
        // They all have the same bounds, so there is nothing that could fail.
        let _ = self.0.add(&other.0);
    }

    /// How many times there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The quantile (0 to 1) in microseconds.
    #[must_use]
    pub fn at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// The longest in microseconds.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.0.max() as f64 / 1000.0
    }

    /// Quantiles and their microseconds, denser towards the end: from the fastest to 99.99 %, as far as there are
    /// enough times for a quantile to differ from the longest.
    #[must_use]
    pub fn curve(&self) -> Vec<(f64, f64)> {
        (0..=POINTS_PER_DECADE * DECADES)
            .map(|step| 10f64.powf(-f64::from(step) / f64::from(POINTS_PER_DECADE)))
            .take_while(|beyond| self.count() as f64 * beyond >= 1.0)
            .map(|beyond| (1.0 - beyond, self.at(1.0 - beyond)))
            .collect()
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Latency", 7)?;
        fields.serialize_field("count", &self.count())?;
        for (name, quantile) in
            [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999), ("p99_99", 0.9999)]
        {
            fields.serialize_field(name, &self.at(quantile))?;
        }
        fields.serialize_field("max", &self.max())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(millis: u64) -> Latency {
        let mut latency = Latency::new();
        (1..=millis).for_each(|millis| latency.record(Duration::from_millis(millis)));
        latency
    }

    #[test]
    fn a_curve_ends_where_a_single_time_would_decide() {
        let curve = up_to(1000).curve();
        let (first, last) = (curve.first().unwrap(), curve.last().unwrap());
        assert_eq!(first.0, 0.0);
        assert!((last.0 - 0.999).abs() < 1e-9, "{last:?}");
        assert!((last.1 / 999_000.0 - 1.0).abs() < 0.01, "{last:?}");
        assert!(curve.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
        assert_eq!(Latency::new().curve(), []);
    }

    #[test]
    fn two_distributions_become_one() {
        let mut latency = up_to(10);
        latency.add(&up_to(20));
        assert_eq!(latency.count(), 30);
        assert!((latency.max() / 20_000.0 - 1.0).abs() < 0.01);
    }
}
