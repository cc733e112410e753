//! What a run of load measured.

use std::fmt::{self, Display};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::MAX_SECONDS;

/// Latencies in nanoseconds to three digits, and failures, as they come.
#[derive(Debug)]
pub(super) struct Recording {
    latency: Histogram<u64>,
    failures: u64,
    first_failure: Option<String>,
}

impl Recording {
    pub(super) fn new() -> Self {
        let longest = 2 * MAX_SECONDS * 1_000_000_000;
        Self {
            latency: Histogram::new_with_bounds(1, longest, 3).expect("bounds and digits are in range"),
            failures: 0,
            first_failure: None,
        }
    }

    pub(super) fn answered(&mut self, latency: Duration) {
        self.latency.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn failed(&mut self, why: String) {
        self.failures += 1;
        self.first_failure.get_or_insert(why);
    }

    pub(super) fn report(&self, elapsed: Duration, events_per_answer: u32) -> Report {
        let requests = self.latency.len();
        let micros = |nanos: u64| nanos as f64 / 1000.0;
        Report {
            requests,
            failures: self.failures,
            first_failure: self.first_failure.clone(),
            events: requests * u64::from(events_per_answer),
            seconds: elapsed.as_secs_f64(),
            requests_per_second: requests as f64 / elapsed.as_secs_f64(),
            latency: Latency {
                p50: micros(self.latency.value_at_quantile(0.5)),
                p90: micros(self.latency.value_at_quantile(0.9)),
                p99: micros(self.latency.value_at_quantile(0.99)),
                max: micros(self.latency.max()),
            },
        }
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Calls with the right answer.
    pub requests: u64,
    /// Calls with a wrong answer or none.
    pub failures: u64,
    /// What was wrong with the first of them.
    pub first_failure: Option<String>,
    /// Events in the right answers.
    pub events: u64,
    /// Duration of the run.
    pub seconds: f64,
    /// Right answers per second.
    pub requests_per_second: f64,
    /// From sending a call to the last byte of its answer.
    pub latency: Latency,
}

/// Latency in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Longest.
    pub max: f64,
}

impl Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { p50, p90, p99, max } = self.latency;
        write!(out, "{} calls in {:.2} s, {:.0}/s", self.requests, self.seconds, self.requests_per_second)?;
        if self.events > 0 {
            write!(out, ", {} events", self.events)?;
        }
        write!(out, "\nlatency in us: p50 {p50:.0}, p90 {p90:.0}, p99 {p99:.0}, max {max:.0}")?;
        match &self.first_failure {
            None => write!(out, "\nno failures"),
            Some(first) => write!(out, "\n{} failures, the first: {first}", self.failures),
        }
    }
}
