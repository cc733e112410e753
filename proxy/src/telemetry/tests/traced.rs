//! Traces: what is decided, queued and shown.

use super::*;
use crate::exchange::event::HttpRecord;
use crate::exchange::trace::Trace;
use crate::protocol::message::Captured;
use crate::telemetry::OperationView;
use crate::telemetry::names::Metric;
use crate::telemetry::traces::tests::{exchange, sampling, settings, trace};
use crate::telemetry::traces::{Decision, Ended, Kept, QueueLimits};

const OPEN: Option<&str> = Some("application/openmetrics-text;version=1.0.0");

/// The histograms that show spans.
const SHOWING: [&str; 4] = [
    "mcp_tool_duration_seconds",
    "tool_response_distribution_seconds",
    "mcp_server_operation_duration_seconds",
    "sli_request_duration_seconds",
];

impl Bench {
    /// A tool call with a trace; chance drops it, a failure is kept.
    fn traced_call(&self, tool: &str, ending: Ending) {
        self.end(Operation { trace: Some(Box::new(trace(self.start))), ..self.operation(tool, ending) });
    }

    fn decisions(&self, decision: Decision) -> f64 {
        self.value(&format!("mcp_proxy_trace_decisions_total{{decision=\"{}\"}}", decision.as_str()))
    }

    /// All that waits for export.
    fn queued(&self) -> Vec<Kept> {
        let mut kept = Vec::new();
        drop(self.telemetry.queue().expect("traces are made").take(usize::MAX, &mut kept));
        kept
    }

    fn row(&self) -> OperationView {
        let mut rows = self.telemetry.operations(1, self.start, std::time::UNIX_EPOCH);
        rows.pop().expect("an operation ended")
    }

    /// The lines of OpenMetrics that have an exemplar.
    fn exemplars(&self) -> Vec<String> {
        let (_, text) = self.telemetry.render(OPEN, self.start);
        text.lines().filter(|line| line.contains(" # {")).map(str::to_owned).collect()
    }
}

#[test]
fn kept_operation_is_counted_queued_and_shown() {
    let bench = Bench::traced(settings());
    bench.traced_call("a", Ending::ToolError);
    assert_eq!(bench.decisions(Decision::Error), 1.0);
    assert_eq!(bench.sum("mcp_proxy_trace_decisions_total"), 1.0);
    assert_eq!(bench.value("mcp_proxy_spans_total"), 2.0);
    assert_eq!(bench.value("mcp_proxy_spans_queued"), 2.0);

    let row = bench.row();
    assert_eq!(row.trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(row.span_id.as_deref(), Some("1111111111111111"));
    assert!(row.sampled);

    let exemplars = bench.exemplars();
    let said = r#" # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736",span_id="1111111111111111"} 0.02 "#;
    assert_eq!(exemplars.len(), SHOWING.len(), "{exemplars:?}");
    for name in SHOWING {
        let line = exemplars.iter().find(|line| line.starts_with(name));
        assert!(line.is_some_and(|line| line.contains(said)), "{name}: {exemplars:?}");
    }
    let (_, text) = bench.telemetry.render(None, bench.start);
    assert!(!text.contains("trace_id"), "the old format has no exemplars");

    let queued = bench.queued();
    let [Kept { what: Ended::Operation(operation), decision: Decision::Error }] = queued.as_slice() else {
        panic!("{queued:?}")
    };
    assert_eq!(operation.tool(), Some("a"));
    assert!(operation.trace.is_some());
}

#[test]
fn exemplars_are_of_the_wall_clock() {
    let bench = Bench::traced(settings());
    for _ in 0..2 {
        bench.traced_call("a", Ending::ToolError);
        let now = crate::clock::wall().duration_since(std::time::UNIX_EPOCH).expect("it is later");
        for line in bench.exemplars() {
            let at: f64 = line.rsplit(' ').next().and_then(|at| at.parse().ok()).expect("a number");
            assert!((at - now.as_secs_f64()).abs() < 60.0, "{line} at {now:?}");
        }
        bench.telemetry.upkeep(crate::clock::now());
    }
}

#[test]
fn operation_that_is_not_kept_is_counted_and_named() {
    let bench = Bench::traced(settings());
    bench.traced_call("a", Ending::Success);
    assert_eq!(bench.decisions(Decision::Unsampled), 1.0);
    assert_eq!(bench.value("mcp_proxy_spans_total"), 0.0);
    assert!(bench.queued().is_empty());
    assert!(bench.exemplars().is_empty());
    let row = bench.row();
    assert!(row.trace_id.is_some() && row.span_id.is_some() && !row.sampled);
}

#[test]
fn operation_without_room_in_the_queue_is_no_exemplar() {
    let queue = QueueLimits { length: 1, ..QueueLimits::default() };
    let bench = Bench::traced(traces::Settings { queue, ..settings() });
    bench.traced_call("a", Ending::ToolError);
    bench.traced_call("b", Ending::ToolError);
    assert_eq!(bench.decisions(Decision::Error), 2.0);
    assert_eq!(bench.queued().len(), 1);
    assert_eq!(bench.row().target.as_deref(), Some("b"));
    assert!(!bench.row().sampled);
    let of_the_second: Vec<_> =
        bench.exemplars().into_iter().filter(|line| line.contains("tool_name=\"b\"")).collect();
    assert!(of_the_second.is_empty(), "{of_the_second:?}");
}

#[test]
fn operation_that_waited_for_its_label_is_decided_once() {
    let bench = Bench::traced(settings());
    bench.list("claude-ai", r#"[{"name":"a"}]"#);
    bench.traced_call("a", Ending::Timeout);
    assert!(bench.queued().is_empty(), "it waits for the list to be read");
    bench.telemetry.upkeep(bench.start);
    assert_eq!(bench.queued().len(), 1);
    bench.telemetry.upkeep(bench.start);
    assert_eq!(bench.sum("mcp_proxy_trace_decisions_total"), 1.0);
    assert!(bench.exemplars().iter().any(|line| line.contains("tool_name=\"a\"")));
    assert!(bench.row().sampled);
}

#[test]
fn every_end_with_a_trace_has_one_decision() {
    let traces = settings();
    let bench =
        Bench::traced(traces::Settings { sampling: traces::Sampling { storm: 1, ..sampling() }, ..traces });
    let with = |operation: Operation, change: fn(&mut Trace)| {
        let mut trace = trace(bench.start);
        change(&mut trace);
        bench.end(Operation { trace: Some(Box::new(trace)), ..operation });
    };
    with(bench.operation("a", Ending::Success), |_| {});
    with(bench.operation("a", Ending::Success), |trace| trace.trace_id = [0xff; 16]);
    with(bench.operation("a", Ending::ToolError), |_| {});
    with(bench.operation("a", Ending::ToolError), |_| {});
    let task = Operation { kind: OperationKind::Task, ..bench.operation("a", Ending::Success) };
    with(task, |_| {});
    let notification =
        Operation { kind: OperationKind::Notification, ..bench.operation("a", Ending::Success) };
    with(notification, |_| {});
    let of_the_server = Operation { direction: Direction::ToClient, ..bench.operation("a", Ending::Success) };
    with(of_the_server, |trace| trace.trace_id = [0xff; 16]);
    // What has no trace is not decided upon.
    bench.call("a", Ending::Success);
    bench.emit(Event::HttpEnded(exchange(bench.start)));
    bench.emit(Event::HttpEnded(HttpRecord { status: Some(500), ..exchange(bench.start) }));
    bench.emit(Event::HttpEnded(HttpRecord { trace: None, ..exchange(bench.start) }));
    for (decision, expected) in [
        (Decision::Parent, 0.0),
        (Decision::Error, 1.0),
        (Decision::Slow, 0.0),
        (Decision::Ratio, 2.0),
        (Decision::Unsampled, 4.0),
        (Decision::Storm, 2.0),
    ] {
        assert_eq!(bench.decisions(decision), expected, "{decision:?}");
    }
    assert_eq!(bench.sum("mcp_proxy_trace_decisions_total"), 9.0);
    // Two pairs, and one of the server.
    assert_eq!(bench.value("mcp_proxy_spans_total"), 5.0);
}

#[test]
fn kept_exchange_is_queued() {
    let bench = Bench::traced(settings());
    bench.emit(Event::HttpEnded(HttpRecord { status: Some(503), ..exchange(bench.start) }));
    assert_eq!(bench.value("mcp_proxy_spans_total"), 1.0);
    assert!(matches!(bench.queued().as_slice(), [Kept { what: Ended::Http(_), decision: Decision::Error }]));
    assert_eq!(bench.sum("http_server_request_duration_seconds_count"), 1.0);
}

#[test]
fn last_operations_hold_no_payload() {
    let bench = Bench::traced(settings());
    let captured = Captured { arguments: Some(vec![b' '; 4096].into()), ..Captured::default() };
    for ending in [Ending::Success, Ending::ToolError] {
        let trace = Trace { captured: captured.clone(), ..trace(bench.start) };
        bench.end(Operation { trace: Some(Box::new(trace)), ..bench.operation("a", ending) });
    }
    bench.telemetry.upkeep(bench.start);
    let desk = bench.telemetry.desk(bench.start);
    assert_eq!(desk.recent.len(), 2);
    assert!(desk.recent.iter().all(|recent| recent.operation.trace.is_none()));
}

#[test]
fn without_traces_nothing_is_decided() {
    let bench = Bench::new();
    assert!(bench.telemetry.queue().is_none());
    bench.call("a", Ending::ToolError);
    bench.emit(Event::HttpEnded(HttpRecord { trace: None, ..exchange(bench.start) }));
    for metric in [Metric::TraceDecisions, Metric::Spans, Metric::SpansDropped, Metric::SpansQueued] {
        assert!(bench.telemetry.registry().is_empty(metric), "{}", metric.name());
    }
    let row = bench.row();
    assert_eq!((row.trace_id, row.span_id, row.sampled), (None, None, false));
}
