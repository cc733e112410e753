//! Alerts beside objectives: tools that behave unusually, and the sidecars themselves.

use std::time::Duration;

use super::{Draft, SLO_DASHBOARD, TOOLS_DASHBOARD};
use crate::fault::Fault;
use crate::rules::duration::text;
use crate::rules::model::Rule;
use crate::rules::recording;
use crate::rules::series::{self, BY, BY_TOOL};
use crate::rules::shape::Shape;
use crate::slo::Sli;
use crate::telemetry::names::{Metric, label};
use crate::telemetry::quality::Unchecked;

/// The labels of what is about a server.
const BY_SERVER: &str = "namespace, mcp_server";
/// The labels of what is about one sidecar.
const BY_SIDECAR: &str = "namespace, mcp_server, pod, job, instance";
/// The labels that a scrape gives to all that it finds, `up` among them.
const BY_TARGET: &str = "namespace, pod, job, instance";
/// The jobs that scrape sidecars: as in deploy/prometheus, where the operator puts the PodMonitor's namespace before it.
const JOBS: &str = r#"job=~"(.*/)?mcp-tap""#;
/// Calls within the shortest window without which a percentile says nothing.
const MIN_CALLS: u32 = 20;
/// Time with calls without which a band says nothing: the hours of a day differ.
const MIN_BAND: Duration = Duration::from_secs(24 * 60 * 60);
/// Samples that are enough in a trial, where nobody waits for a day.
const TRIAL_SAMPLES: u128 = 120;
/// Answers that could not be judged within the hour below which nobody needs to know.
const MIN_UNCHECKED: u32 = 20;
/// Repeated calls that are a loop, if they are most of the calls.
const MIN_REPEATED: u32 = 20;

/// A tool that is slower than usual: by three standard deviations, and by half, for a tool that never varied has a band
/// without width.
pub(in crate::rules) fn anomalies(shape: &Shape<'_>) -> Vec<Rule> {
    let week = recording::week(shape);
    let latency = series::tool_latency(shape.base);
    let mean = series::tool_latency_mean(week);
    let expr = format!(
        "{latency} > {mean} + 3 * {}\nand\n{latency} > 1.5 * {mean}\nand\n{} >= {MIN_CALLS}\nand\n{} >= {}",
        series::tool_latency_deviation(week),
        series::tool_calls(shape.base),
        series::tool_latency_samples(week),
        min_samples(shape)
    );
    vec![
        Draft {
            name: super::ANOMALOUS_LATENCY,
            severity: "ticket",
            expr,
            hold: shape.minutes(10),
            keep: shape.minutes(5),
            labels: Vec::new(),
            summary: "{{ $labels.mcp_server }}: {{ $labels.tool_name }} is slower than usual".to_owned(),
            description: format!(
                "95 % of the calls of {{{{ $labels.tool_name }}}} took up to {{{{ $value | humanizeDuration }}}}: more \
                 than half longer than, and three standard deviations above, the mean of the last {}.",
                text(week)
            ),
            dashboard: TOOLS_DASHBOARD,
        }
        .finish(shape.settings),
    ]
}

/// The samples of [`MIN_BAND`], one for each evaluation.
fn min_samples(shape: &Shape<'_>) -> u128 {
    if shape.plan.trial {
        return TRIAL_SAMPLES;
    }
    (MIN_BAND.as_millis() / shape.settings.interval.as_millis().max(1)).max(1)
}

/// Definitions that change, and agents that turn in circles.
pub(in crate::rules) fn tools(shape: &Shape<'_>) -> Vec<Rule> {
    let changes = appeared(shape, Metric::DefinitionChanges, "", 60, &format!("{BY_TOOL}, {}", label::PART));
    let range = text(shape.minutes(10));
    let repeated = format!("sum by ({BY_TOOL}) (increase({}[{range}]))", Metric::RepeatedCalls.name());
    let calls = format!("sum by ({BY_TOOL}) (increase({}[{range}]))", Metric::ToolRequests.name());
    let definition = Draft {
        name: super::DEFINITION_CHANGED,
        severity: "ticket",
        expr: changes,
        hold: Duration::ZERO,
        keep: Duration::ZERO,
        labels: Vec::new(),
        summary: "{{ $labels.mcp_server }}: the definition of {{ $labels.tool_name }} changed".to_owned(),
        description:
            "The {{ $labels.part }} of {{ $labels.tool_name }} is not what it was when the sidecar first \
                      listed the tools. Agents read descriptions as instructions: see that somebody meant it."
                .to_owned(),
        dashboard: TOOLS_DASHBOARD,
    };
    let agents = Draft {
        name: super::AGENT_LOOP,
        severity: "ticket",
        expr: format!("{repeated} >= {MIN_REPEATED}\nand\n{repeated} > 0.5 * {calls}"),
        hold: shape.minutes(5),
        keep: shape.minutes(5),
        labels: Vec::new(),
        summary: "{{ $labels.mcp_server }}: clients repeat the same call of {{ $labels.tool_name }}"
            .to_owned(),
        description: format!(
            "{{{{ $value | humanize }}}} calls within {range}, most of all calls of the tool, had been made with the \
             same arguments by the same client within a minute before: an agent is in a loop."
        ),
        dashboard: TOOLS_DASHBOARD,
    };
    vec![definition.finish(shape.settings), agents.finish(shape.settings)]
}

/// The sidecars themselves, and the heartbeat.
pub(in crate::rules) fn health(shape: &Shape<'_>) -> Vec<Rule> {
    let mut rules = vec![down(shape), never_reached(shape), faults(shape), reload(shape), state(shape)];
    rules.extend([not_inspected(shape), spans(shape)]);
    if shape.plan.objectives.iter().any(|objective| objective.sli == Sli::Quality) {
        rules.push(unchecked(shape));
    }
    rules.push(simple(
        shape,
        (super::WATCHDOG, "none", Duration::ZERO),
        "vector(1)".to_owned(),
        "Alerting works",
        "This alert fires always. Whoever expects it and does not get it knows that alerts do not arrive.",
    ));
    rules
}

/// Scrapes that fail, of targets that were sidecars: `up` does not say what a target is. Looked back for a day, so that the
/// alert lasts as long as a sidecar is dead, or somebody has long seen it.
fn down(shape: &Shape<'_>) -> Rule {
    let info = Metric::BuildInfo.name();
    simple(
        shape,
        (super::DOWN, "ticket", shape.minutes(3)),
        format!(
            "max by ({BY_SIDECAR}) (last_over_time({info}[{}]))\nand on ({BY_TARGET})\nup == 0",
            text(day(shape))
        ),
        "{{ $labels.mcp_server }}: the sidecar at {{ $labels.instance }} does not answer",
        "Prometheus cannot scrape {{ $labels.instance }}, which was a sidecar within the last day. Traffic may pass or \
         not; nobody sees it.",
    )
}

/// Targets of the jobs of sidecars that never answered: of a first installation nothing else is known. The label tells the
/// rule from that of sidecars which were there.
fn never_reached(shape: &Shape<'_>) -> Rule {
    let info = Metric::BuildInfo.name();
    Draft {
        name: super::DOWN,
        severity: "ticket",
        expr: format!(
            "up{{{JOBS}}} == 0\nunless on ({BY_TARGET})\nlast_over_time({info}[{}])",
            text(day(shape))
        ),
        hold: shape.minutes(5),
        keep: Duration::ZERO,
        labels: vec![("seen", "never".to_owned())],
        summary: "No sidecar answers at {{ $labels.instance }}".to_owned(),
        description: "Prometheus could not scrape {{ $labels.instance }} within the last day, and job {{ $labels.job }} is \
                      one of sidecars. Does the admin port listen beyond loopback, and is Prometheus let in?"
            .to_owned(),
        dashboard: SLO_DASHBOARD,
    }
    .finish(shape.settings)
}

fn day(shape: &Shape<'_>) -> Duration {
    shape.minutes(24 * 60)
}

fn faults(shape: &Shape<'_>) -> Rule {
    let fault = format!("{}=\"{}\"", label::FAULT, Fault::Proxy.as_str());
    simple(
        shape,
        (super::PROXY_FAULTS, "ticket", Duration::ZERO),
        appeared(shape, Metric::Faults, &fault, 10, BY_SERVER),
        "{{ $labels.mcp_server }}: tool calls failed by the fault of the sidecar",
        "{{ $value | humanize }} tool calls failed because the sidecar could not do its part.",
    )
}

/// For as long as the file that was read last is not in effect: a broken file is read once, and stays broken.
fn reload(shape: &Shape<'_>) -> Rule {
    simple(
        shape,
        (super::RELOAD_FAILED, "ticket", Duration::ZERO),
        format!("count by ({BY_SERVER}) ({} == 0)", Metric::ConfigTaken.name()),
        "{{ $labels.mcp_server }}: a changed configuration is not in effect",
        "The changed configuration file has mistakes, which the log of the sidecar names. What was in effect still is.",
    )
}

/// Held for longer than an update overlaps: a process that takes over from one that drains cannot save until that ends,
/// and its failures stay within the range for 15 minutes. Of each sidecar alone, for an update may take long over many.
fn state(shape: &Shape<'_>) -> Rule {
    simple(
        shape,
        (super::STATE_NOT_SAVED, "ticket", shape.minutes(20)),
        grown(shape, Metric::StateSaves, &failure(), 15, BY_SIDECAR),
        "{{ $labels.mcp_server }}: the state of error budgets is not saved at {{ $labels.instance }}",
        "The sidecar cannot write its state file. After a restart it begins with empty budgets; Prometheus is not \
         concerned.",
    )
}

fn not_inspected(shape: &Shape<'_>) -> Rule {
    let by = format!("{BY_SERVER}, {}", label::REASON);
    simple(
        shape,
        (super::NOT_INSPECTED, "info", Duration::ZERO),
        grown(shape, Metric::NotInspected, "", 60, &by),
        "{{ $labels.mcp_server }}: traffic was forwarded unread ({{ $labels.reason }})",
        "{{ $value | humanize }} messages or bodies were forwarded without being read, so no figure holds them.",
    )
}

fn spans(shape: &Shape<'_>) -> Rule {
    let by = format!("{BY_SERVER}, {}", label::REASON);
    simple(
        shape,
        (super::SPANS_DROPPED, "info", Duration::ZERO),
        grown(shape, Metric::SpansDropped, "", 60, &by),
        "{{ $labels.mcp_server }}: spans got lost ({{ $labels.reason }})",
        "{{ $value | humanize }} spans that were kept did not reach the collector. Metrics and objectives are whole.",
    )
}

/// Compared with the answers that were judged, and if they are more than a few: both are of those that sampling chose. Results of tasks are never seen and
/// what waits at the end is never judged, so nobody can do anything about them.
fn unchecked(shape: &Shape<'_>) -> Rule {
    let range = text(shape.minutes(60));
    let of_quality = shape.plan.objectives.iter().filter(|objective| objective.sli == Sli::Quality);
    let names: Vec<_> = of_quality.map(|objective| objective.name.as_str()).collect();
    let nothing_to_do = [Unchecked::Task, Unchecked::Shutdown].map(Unchecked::as_str).join("|");
    let unchecked = selected(Metric::QualityUnchecked, &format!("{}!~\"{nothing_to_do}\"", label::REASON));
    simple(
        shape,
        (super::QUALITY_UNCHECKED, "info", shape.minutes(15)),
        format!(
            "sum by ({BY_SERVER}) (increase({unchecked}[{range}]))\n>\n\
             max by ({BY_SERVER}) (sum by ({BY}) (increase({}{{{}=~\"{}\"}}[{range}])))\n\
             and\nsum by ({BY_SERVER}) (increase({unchecked}[{range}])) >= {MIN_UNCHECKED}",
            Metric::SloEvents.name(),
            label::SLO,
            names.join("|")
        ),
        "{{ $labels.mcp_server }}: most answers cannot be judged",
        "More answers of tools could not be judged for quality than could, so the objective rests on few of them.",
    )
}

fn failure() -> String {
    format!("{}=\"failure\"", label::RESULT)
}

/// By how much a counter grew that stands at 0 from the start, so that Prometheus sees its first event.
fn grown(shape: &Shape<'_>, metric: Metric, matchers: &str, minutes: u64, by: &str) -> String {
    let range = text(shape.minutes(minutes));
    format!("sum by ({by}) (increase({}[{range}])) > 0", selected(metric, matchers))
}

/// By how much a counter grew that has no series before its first event: its first value is no increase to Prometheus.
/// It counts with all it has if it has fewer samples than its sidecar, which thus was scraped without it before. That
/// of a sidecar that is scraped for the first time does not: whatever it counted may be old.
fn appeared(shape: &Shape<'_>, metric: Metric, matchers: &str, minutes: u64, by: &str) -> String {
    let range = text(shape.minutes(minutes));
    let selected = selected(metric, matchers);
    let info = Metric::BuildInfo.name();
    format!(
        "sum by ({by}) (\n  increase({selected}[{range}]) > 0\nor\n  {selected} > 0\n  and\n  \
         count_over_time({selected}[{range}])\n    < on ({BY_SIDECAR}) group_left ()\n  \
         sum by ({BY_SIDECAR}) (count_over_time({info}[{range}]))\n)"
    )
}

fn selected(metric: Metric, matchers: &str) -> String {
    let name = metric.name();
    if matchers.is_empty() { name.to_owned() } else { format!("{name}{{{matchers}}}") }
}

fn simple(
    shape: &Shape<'_>,
    (name, severity, hold): (&'static str, &'static str, Duration),
    expr: String,
    summary: &str,
    description: &str,
) -> Rule {
    Draft {
        name,
        severity,
        expr,
        hold,
        keep: Duration::ZERO,
        labels: Vec::new(),
        summary: summary.to_owned(),
        description: description.to_owned(),
        dashboard: SLO_DASHBOARD,
    }
    .finish(shape.settings)
}
