//! Which calls leave traces, whether these arrive, and examples of slow calls.

use crate::rules::Settings;
use crate::rules::alerts as names;
use crate::telemetry::names::{Metric, label};

use super::Dashboard;
use super::frame::{Row, explained, to_dashboard};
use super::panel::{Panel, Unit};
use super::query::{CHOSEN_TOOLS, metric, quantile, rate, share, slower_than, sum, sum_rate};

/// The decisions that keep spans.
const KEPT: &str = "parent|error|slow|ratio";

pub(super) fn rows(settings: &Settings) -> Vec<Row> {
    vec![
        Row::new("Which calls leave a trace?", decisions()),
        Row::new("Do the spans arrive?", spans(settings)),
        Row::new("What do slow calls look like?", examples(settings)),
        Row::new("Do traces stay whole?", contexts()),
    ]
}

fn decisions() -> Vec<Panel> {
    let all = metric(Metric::TraceDecisions, &[]);
    let kept = metric(Metric::TraceDecisions, &[(label::DECISION, KEPT)]);
    vec![
        Panel::number(
            "Kept now",
            "The part of ended operations whose spans are kept. With nothing but good and fast calls it \
             is the configured ratio; failures and slow calls are always kept, so more means trouble or \
             sampled callers.",
        )
        .size(6, 8)
        .unit(Unit::Ratio)
        .ask("kept", share(&sum_rate(&[], &kept), &sum_rate(&[], &all))),
        Panel::lines(
            "Kept, by reason",
            "Why spans are kept: the caller's trace is sampled (parent), the call failed (error), it was \
             slow (slow), or the ratio took it (ratio). Much error or slow: look at the tools.",
        )
        .size(9, 8)
        .unit(Unit::PerSecond)
        .stacked()
        .ask("{{decision}}", sum_rate(&[label::DECISION], &kept)),
        Panel::lines(
            "All decisions",
            "Kept or not: unsampled calls are counted in metrics all the same; storm means that so many \
             calls failed that only a part of them is kept.",
        )
        .size(9, 8)
        .unit(Unit::PerSecond)
        .stacked()
        .ask("{{decision}}", sum_rate(&[label::DECISION], &all)),
    ]
}

fn spans(settings: &Settings) -> Vec<Panel> {
    let all = sum_rate(&[], &metric(Metric::Spans, &[]));
    let exported = sum_rate(&[], &metric(Metric::SpansExported, &[]));
    let dropped = metric(Metric::SpansDropped, &[]);
    let lost = Panel::number(
        "Lost now",
        "The part of kept spans that no collector got. Not 0: the panel of reasons says why; traffic \
         itself is never held up by it.",
    )
    .size(6, 8)
    .unit(Unit::Ratio)
    .steps("green", &[(0.001, "orange"), (0.05, "red")])
    .ask("lost", share(&sum_rate(&[], &dropped), &all));
    let flow = Panel::lines(
        "Kept, exported and dropped",
        "Spans per second on their way: exported should follow kept within seconds.",
    )
    .size(6, 8)
    .unit(Unit::PerSecond)
    .ask("kept", all)
    .ask("exported", exported)
    .ask("dropped", sum_rate(&[], &dropped));
    let reasons = Panel::lines(
        "Dropped, by reason",
        "queue_full and memory: the collector is too slow; failed: it is away; rejected: it does not \
         want them; shutdown: the sidecar ended first.",
    )
    .size(6, 8)
    .unit(Unit::PerSecond)
    .stacked()
    .ask("{{reason}}", sum_rate(&[label::REASON], &dropped));
    let queued = Panel::lines(
        "Waiting for export",
        "Spans in the queues of the sidecars. A line that grows is a collector that cannot keep up or is \
         away.",
    )
    .size(6, 8)
    .ask("{{mcp_server}}", sum(&[label::SERVER], &metric(Metric::SpansQueued, &[])));
    vec![lost, flow, explained(settings, reasons, names::SPANS_DROPPED), queued]
}

fn examples(settings: &Settings) -> Vec<Panel> {
    let tools = [CHOSEN_TOOLS];
    let percentile = |share: &str| quantile(share, &[], Metric::ToolDuration, &tools);
    let scatter = Panel::lines(
        "Duration of calls, with examples",
        "Each diamond is one call that has a trace: click it to open the trace. The points of the \
         percentiles say what is usual; examples far above p99 are those worth opening.",
    )
    .size(16, 10)
    .unit(Unit::Seconds)
    .logarithmic()
    .points()
    .exemplars()
    .ask("p99", percentile("0.99"))
    .ask("p50", percentile("0.5"));
    let slow = Panel::lines(
        "Calls slower than 2.5 s, by tool",
        "Slow calls per second. Every one beyond the limit of the tracer has a trace.",
    )
    .size(8, 10)
    .unit(Unit::PerSecond)
    .stacked()
    .ask("{{tool_name}}", slower_than("2.5", &[label::TOOL], Metric::ToolDuration, &tools))
    .link("Tools", to_dashboard(settings, Dashboard::Tools));
    vec![explained(settings, scatter, names::ANOMALOUS_LATENCY), slow]
}

fn contexts() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Contexts of callers that could not be read",
            "By where they stood. The call gets a new trace, so the caller's trace ends at the sidecar: \
             mend the caller.",
        )
        .unit(Unit::PerSecond)
        .ask("{{carrier}}", sum_rate(&[label::CARRIER], &metric(Metric::MalformedContexts, &[]))),
        Panel::lines(
            "Contexts not written for the server",
            "Messages that went on without the sidecar's context though it was asked to write it, by \
             reason: the server's own spans then start traces of their own. All zero unless `--propagate \
             full` is set.",
        )
        .unit(Unit::PerSecond)
        .ask(
            "{{reason}}",
            format!("sum by ({}) ({})", label::REASON, rate(&metric(Metric::NotWritten, &[]))),
        ),
    ]
}
