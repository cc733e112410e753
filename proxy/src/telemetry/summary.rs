//! How it goes, in a few figures: what one line about a process can show.

use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use serde::Serialize;

use crate::slo::report::{ObjectiveReport, State};

use super::Telemetry;
use super::names::Metric;
use super::registry::Cell;
use super::rolling::Merged;

/// The figures. What does not exist is `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SummaryView {
    /// How long this process has run.
    pub uptime_seconds: f64,
    /// Tool calls that ended since the start: the sum of `mcp_tool_requests_total`.
    pub calls: u64,
    /// Those of them that did not succeed: the sum of `mcp_proxy_faults_total`.
    pub failures: u64,
    /// Operations that go on.
    pub inflight: u64,
    /// How long answers of tools took in the last 5 minutes, all tools together.
    pub latency_seconds: Option<LatencyView>,
    /// The objective that stands worst.
    pub slo: Option<WorstView>,
}

/// Quantiles, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LatencyView {
    /// The median.
    pub p50: f64,
    /// Of ten the one that took longest.
    pub p90: f64,
    /// Of twenty.
    pub p95: f64,
    /// Of a hundred.
    pub p99: f64,
}

/// How the worst objective stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstView {
    /// Its name.
    pub objective: String,
    /// Its state.
    pub state: State,
    /// What is left of its budget: 1 untouched, 0 used up, negative beyond.
    pub budget_remaining: Option<f64>,
}

impl Telemetry {
    /// The figures at a moment, which `now` and `wall` are on both clocks.
    #[must_use]
    pub fn summary(&self, now: Instant, wall: SystemTime) -> SummaryView {
        // It also does what traffic left for later, so that all that ended is counted.
        let report = self.slo(now, wall);
        SummaryView {
            uptime_seconds: self.0.sli.uptime(now).as_secs_f64(),
            calls: self.counted(Metric::ToolRequests),
            failures: self.counted(Metric::Faults),
            inflight: self.inflight(),
            latency_seconds: self.latency(now),
            slo: worst(&report.objectives).map(|objective| WorstView {
                objective: objective.slo.clone(),
                state: objective.state,
                budget_remaining: objective.budget.remaining,
            }),
        }
    }

    /// The sum of a metric's counters.
    fn counted(&self, metric: Metric) -> u64 {
        let mut sum = 0;
        self.registry().visit(metric, |_, cell| {
            if let Cell::Counter(value) = cell {
                sum += value.load(Ordering::Relaxed);
            }
        });
        sum
    }

    fn inflight(&self) -> u64 {
        let mut sum = 0.0;
        self.registry().visit(Metric::InflightOperations, |_, cell| {
            if let Cell::Gauge(bits) = cell {
                sum += f64::from_bits(bits.load(Ordering::Relaxed));
            }
        });
        sum as u64
    }

    fn latency(&self, now: Instant) -> Option<LatencyView> {
        let mut merged = Merged::default();
        self.registry().visit(Metric::ToolResponseTime, |_, cell| {
            if let Cell::Summary(summary) = cell {
                merged.add(summary, now);
            }
        });
        let [p50, p90, p95, p99] = merged.quantiles()?;
        Some(LatencyView { p50, p90, p95, p99 })
    }
}

/// The worst state, and of those that share it the one with least left; the first of equal ones.
fn worst(objectives: &[ObjectiveReport]) -> Option<&ObjectiveReport> {
    let left = |objective: &ObjectiveReport| objective.budget.remaining.unwrap_or(f64::INFINITY);
    objectives.iter().min_by(|one, other| {
        rank(one.state).cmp(&rank(other.state)).then_with(|| left(one).total_cmp(&left(other)))
    })
}

const fn rank(state: State) -> u8 {
    match state {
        State::Invalid => 0,
        State::Exhausted => 1,
        State::Burning => 2,
        State::Ok => 3,
        State::Idle => 4,
    }
}
