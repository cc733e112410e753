//! What a run of load measured.

use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::latency::Latency;

/// A right answer as it came.
#[derive(Debug)]
pub(super) struct Answered {
    /// When it was to be sent.
    pub(super) intended: Instant,
    pub(super) first_byte: Instant,
    pub(super) end: Instant,
    pub(super) events: u32,
    /// How late each of its events came, in nanoseconds.
    pub(super) delays: Vec<u64>,
}

/// Times and failures, as they come.
#[derive(Debug)]
pub(super) struct Recording {
    latency: Latency,
    first_byte: Latency,
    event_delay: Latency,
    /// For an open loop: how long after its time a call was sent.
    lateness: Option<Latency>,
    late: u64,
    unsent: u64,
    events: u64,
    failures: u64,
    first_failure: Option<String>,
}

/// A call sent later than this after its time is a late one: the load could not keep its schedule.
const LATE: Duration = Duration::from_millis(1);

impl Recording {
    pub(super) fn new(scheduled: bool) -> Self {
        Self {
            latency: Latency::new(),
            first_byte: Latency::new(),
            event_delay: Latency::new(),
            lateness: scheduled.then(Latency::new),
            late: 0,
            unsent: 0,
            events: 0,
            failures: 0,
            first_failure: None,
        }
    }

    pub(super) fn answered(&mut self, answered: &Answered) {
        self.latency.record(answered.end.saturating_duration_since(answered.intended));
        self.first_byte.record(answered.first_byte.saturating_duration_since(answered.intended));
        self.events += u64::from(answered.events);
        answered.delays.iter().for_each(|delay| self.event_delay.record_nanos(*delay));
    }

    /// A scheduled call goes out so long after its time.
    pub(super) fn sent(&mut self, lateness: Duration) {
        self.late += u64::from(lateness > LATE);
        if let Some(all) = &mut self.lateness {
            all.record(lateness);
        }
    }

    /// Calls whose time came but that no connection was free for until the end.
    pub(super) const fn unsent(&mut self, calls: u64) {
        self.unsent += calls;
    }

    pub(super) fn failed(&mut self, why: String) {
        self.failures += 1;
        self.first_failure.get_or_insert(why);
    }

    pub(super) fn progress(&self) -> Progress {
        Progress { requests: self.latency.count(), failures: self.failures }
    }

    pub(super) fn report(&self, elapsed: Duration) -> Report {
        let requests = self.latency.count();
        Report {
            requests,
            failures: self.failures,
            first_failure: self.first_failure.clone(),
            events: self.events,
            seconds: elapsed.as_secs_f64(),
            requests_per_second: requests as f64 / elapsed.as_secs_f64(),
            latency: self.latency.clone(),
            first_byte: self.first_byte.clone(),
            event_delay: (self.event_delay.count() > 0).then(|| self.event_delay.clone()),
            schedule: self.lateness.as_ref().map(|lateness| Schedule {
                late: self.late,
                unsent: self.unsent,
                lateness: lateness.clone(),
            }),
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Calls with the right answer so far.
    pub requests: u64,
    /// Others.
    pub failures: u64,
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
    /// Until the last byte of an answer, in microseconds: from sending the call, or from the time at which it was to
    /// be sent if there was a schedule.
    pub latency: Latency,
    /// The same until the first byte of its body.
    pub first_byte: Latency,
    /// From the server's writing an event until it was here, in microseconds.
    pub event_delay: Option<Latency>,
    /// How well the schedule of an open loop was kept.
    pub schedule: Option<Schedule>,
}

/// How well a schedule was kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schedule {
    /// Calls sent more than a millisecond after their time.
    pub late: u64,
    /// Calls that were never sent, because every connection waited for an answer.
    pub unsent: u64,
    /// How long after its time each call was sent, in microseconds.
    pub lateness: Latency,
}

impl Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} calls in {:.2} s, {:.0}/s", self.requests, self.seconds, self.requests_per_second)?;
        if self.events > 0 {
            write!(out, ", {} events", self.events)?;
        }
        write!(out, "\n{:<16}", "microseconds")?;
        for name in ["p50", "p90", "p99", "p99.9", "p99.99", "max"] {
            write!(out, "{name:>10}")?;
        }
        row(out, "latency", &self.latency)?;
        row(out, "first byte", &self.first_byte)?;
        if let Some(delay) = &self.event_delay {
            row(out, "event delay", delay)?;
        }
        if let Some(Schedule { late, unsent, lateness }) = &self.schedule {
            row(out, "sent late by", lateness)?;
            write!(out, "\n{late} calls sent more than 1 ms late, {unsent} never sent")?;
        }
        match &self.first_failure {
            None => write!(out, "\nno failures"),
            Some(first) => write!(out, "\n{} failures, the first: {first}", self.failures),
        }
    }
}

fn row(out: &mut fmt::Formatter<'_>, name: &str, times: &Latency) -> fmt::Result {
    write!(out, "\n{name:<16}")?;
    for quantile in [0.5, 0.9, 0.99, 0.999, 0.9999] {
        write!(out, "{:>10.0}", times.at(quantile))?;
    }
    write!(out, "{:>10.0}", times.max())
}
