//! The few figures of a line about a process.

use super::*;
use crate::fault::TransportFailure;
use crate::slo::report::State;

impl Bench {
    fn summary(&self, seconds: u64) -> crate::telemetry::SummaryView {
        let now = self.start + Duration::from_secs(seconds);
        self.telemetry.summary(now, crate::clock::wall())
    }
}

#[test]
fn nothing_yet_is_told_as_nothing() {
    let summary = Bench::new().summary(90);
    assert_eq!((summary.calls, summary.failures, summary.inflight), (0, 0, 0));
    assert_eq!((summary.latency_seconds, summary.uptime_seconds), (None, 90.0));
    let worst = summary.slo.unwrap();
    assert_eq!((worst.state, worst.budget_remaining), (State::Idle, None));
}

#[test]
fn calls_of_all_tools_are_added_up() {
    let bench = Bench::new();
    bench.list("a", r#"[{"name":"find"},{"name":"read"}]"#);
    for tool in ["find", "read", "read", "unknown"] {
        bench.call(tool, Ending::Success);
    }
    bench.call("find", Ending::ToolError);
    bench.call("read", Ending::Transport(TransportFailure::Refused));
    bench.emit(Event::OperationStarted);
    let summary = bench.summary(1);
    assert_eq!((summary.calls, summary.failures, summary.inflight), (6, 2, 1));
    let latency = summary.latency_seconds.unwrap();
    for value in [latency.p50, latency.p90, latency.p95, latency.p99] {
        assert!((value - 0.02).abs() < 0.02 / 32.0, "{latency:?}");
    }
    assert_eq!(bench.summary(600).latency_seconds, None, "nothing in the last five minutes");
}

#[test]
fn the_objective_that_stands_worst_is_told() {
    let bench = Bench::new();
    (0..1000).for_each(|_| bench.call("find", Ending::Success));
    bench.telemetry.upkeep(bench.start + Duration::from_secs(1));
    let calm = bench.summary(1).slo.unwrap();
    assert_eq!((calm.state, calm.budget_remaining), (State::Ok, Some(1.0)));
    // 20 of 1020 are twenty times what availability allows, while latency has lost nothing.
    (0..20).for_each(|_| bench.call("find", Ending::ToolError));
    let worst = bench.summary(2).slo.unwrap();
    assert_eq!((worst.objective.as_str(), worst.state), ("availability", State::Exhausted));
    assert!(worst.budget_remaining.unwrap() < -10.0, "{worst:?}");
}
