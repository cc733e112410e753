//! What tools and agents do, and what it costs.

use crate::rules::Settings;
use crate::rules::alerts as names;
use crate::telemetry::names::{Metric, label};

use super::frame::{Row, explained};
use super::panel::{Panel, Unit, plain};
use super::query::{CHOSEN_TOOLS, heat, mean, metric, or_zero, quantile, share, sum, sum_rate};
use super::sidecar;

/// The matchers of the chosen tools, and one more.
fn tools<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [CHOSEN_TOOLS].into_iter().chain(more.iter().copied()).collect()
}

/// Calls that ended, also those that did not end well.
fn calls(more: &[(&str, &str)]) -> String {
    metric(Metric::ToolRequests, &tools(more))
}

fn by_tool(series: &str) -> String {
    sum_rate(&[label::TOOL], series)
}

pub(super) fn rows(settings: &Settings) -> Vec<Row> {
    vec![
        Row::new("What is going on?", overview()),
        Row::new("How do calls end?", ends(settings)),
        Row::new("How long do they take?", durations(settings)),
        Row::new("What do they weigh, and what do they cost?", weight()),
        Row::new("Are the answers sound?", quality(settings)),
        Row::new("What do agents do?", agents(settings)),
        Row::new("Does the catalogue stay the same?", catalogue(settings)),
        Row::new("How are the sidecars?", sidecar::panels(settings)),
    ]
}

fn overview() -> Vec<Panel> {
    let failed = calls(&[(label::RESULT, "error|timeout")]);
    let all = by_tool(&calls(&[]));
    let failed_by_tool = share(&format!("({} or 0 * {all})", by_tool(&failed)), &all);
    let percentile = |share: &str, by: &[&str]| quantile(share, by, Metric::ToolDuration, &tools(&[]));
    let table = Panel::table(
        "Tools",
        "One row per tool, over the last minutes: how often it is called, how many calls fail, how long \
         they take, what an answer weighs in the context of a model, and what it costs. Click a column \
         to sort.",
    )
    .size(24, 9)
    .column("Calls per second", Unit::PerSecond, plain(), all)
    .column("Failed", Unit::Ratio, ("green", vec![(0.01, "orange"), (0.1, "red")]), failed_by_tool)
    .column("p50", Unit::Seconds, plain(), percentile("0.5", &[label::TOOL]))
    .column("p95", Unit::Seconds, plain(), percentile("0.95", &[label::TOOL]))
    .column(
        "Tokens per answer",
        Unit::Number,
        plain(),
        mean(&[label::TOOL], Metric::ResultTokens, &tools(&[])),
    )
    .column("Cost per hour", Unit::Dollars, plain(), cost(&[label::TOOL]))
    .sort_by("Calls per second", true);
    vec![
        Panel::number("Calls per second", "Tool calls that ended, of the chosen servers and tools.")
            .unit(Unit::PerSecond)
            .ask("calls", sum_rate(&[], &calls(&[]))),
        Panel::number(
            "Failed",
            "Errors and timeouts by all calls. The row below says how they failed and by whose fault.",
        )
        .unit(Unit::Ratio)
        .steps("green", &[(0.01, "orange"), (0.1, "red")])
        .ask(
            "failed",
            share(&format!("({})", or_zero(&sum_rate(&[], &failed))), &sum_rate(&[], &calls(&[]))),
        ),
        Panel::number("Duration, p95", "Nineteen of twenty calls are faster than this.")
            .unit(Unit::Seconds)
            .ask("p95", percentile("0.95", &[])),
        Panel::number(
            "Open connections",
            "Connections and sessions of clients that are open now. 0 with traffic: clients open one per \
             request.",
        )
        .ask("connections", sum(&[], &metric(Metric::ActiveConnections, &[]))),
        table,
    ]
}

/// US dollars per hour, by labels.
fn cost(by: &[&str]) -> String {
    format!("{} * 3600", sum_rate(by, &metric(Metric::CostUsd, &tools(&[]))))
}

fn ends(settings: &Settings) -> Vec<Panel> {
    let faults = Panel::lines(
        "Failures by whose fault they are",
        "Every failed call has one party at fault: caller (wrong arguments), tool (it said so), \
         server_protocol and server_transport (the server around it), timeout, cancelled, proxy (this \
         sidecar: report it).",
    )
    .size(8, 8)
    .unit(Unit::PerSecond)
    .stacked()
    .ask("{{fault}}", sum_rate(&[label::FAULT], &metric(Metric::Faults, &tools(&[]))));
    vec![
        Panel::lines(
            "Calls by tool",
            "The ten tools called most. A tool that vanishes or explodes is an agent or a prompt that \
             changed.",
        )
        .size(8, 8)
        .unit(Unit::PerSecond)
        .ask("{{tool_name}}", format!("topk(10, {})", by_tool(&calls(&[])))),
        Panel::lines(
            "Calls by result",
            "Success, error (also answers with `isError`), timeout, cancelled. Growing errors: see whose \
             fault they are.",
        )
        .size(8, 8)
        .unit(Unit::PerSecond)
        .stacked()
        .ask("{{result}}", sum_rate(&[label::RESULT], &calls(&[]))),
        explained(settings, faults, names::PROXY_FAULTS),
        Panel::lines(
            "Failures by type",
            "What failed exactly, by tool: the codes of JSON-RPC and HTTP, tool_error, timeout, closed \
             streams.",
        )
        .size(16, 7)
        .unit(Unit::PerSecond)
        .ask(
            "{{tool_name}} {{error_type}}",
            sum_rate(&[label::TOOL, label::ERROR_TYPE], &calls(&[(label::ERROR_TYPE, ".+")])),
        ),
        Panel::lines(
            "Calls of unknown tools",
            "Calls of tools that are in no list of the server: an agent invents names, or holds an old \
             list.",
        )
        .size(8, 7)
        .unit(Unit::PerSecond)
        .ask("{{mcp_server}}", sum_rate(&[label::SERVER], &metric(Metric::UnknownToolCalls, &[]))),
    ]
}

fn durations(settings: &Settings) -> Vec<Panel> {
    let percentile = |share: &str, by: &[&str]| quantile(share, by, Metric::ToolDuration, &tools(&[]));
    let lines = Panel::lines(
        "Percentiles",
        "p50, p95 and p99 of all chosen tools. Points are single calls that have a trace: click one.",
    )
    .size(8, 9)
    .unit(Unit::Seconds)
    .logarithmic()
    .exemplars()
    .ask("p95", percentile("0.95", &[]))
    .ask("p50", percentile("0.5", &[]))
    .ask("p99", percentile("0.99", &[]));
    let each = Panel::lines("p95 by tool", "A tool whose line leaves its band is slower than it usually is.")
        .size(8, 9)
        .unit(Unit::Seconds)
        .logarithmic()
        .ask("{{tool_name}}", percentile("0.95", &[label::TOOL]));
    vec![
        lines,
        explained(settings, each, names::ANOMALOUS_LATENCY),
        Panel::heat_map(
            "Distribution",
            "How many calls took how long: two bands are two kinds of calls (a cache, a timeout), which \
             no percentile shows.",
        )
        .size(8, 9)
        .unit(Unit::Seconds)
        .ask("", heat(Metric::ToolDuration, &tools(&[]))),
    ]
}

fn weight() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Tokens of an answer, p95 by tool",
            "Estimated tokens that an answer takes up in a model's context. Tens of thousands push \
             everything else out: let the tool page or shorten.",
        )
        .size(8, 8)
        .ask("{{tool_name}}", quantile("0.95", &[label::TOOL], Metric::ResultTokens, &tools(&[]))),
        Panel::lines("Bytes by kind", "Arguments, and each kind of content of answers.")
            .size(8, 8)
            .unit(Unit::BytesPerSecond)
            .stacked()
            .ask("{{data_type}}", sum_rate(&[label::DATA_TYPE], &metric(Metric::DataProcessed, &tools(&[])))),
        Panel::lines(
            "Busy seconds per second, by tool",
            "How many calls of a tool the server works on at once, without those that wait for the client.",
        )
        .size(8, 8)
        .ask("{{tool_name}}", by_tool(&metric(Metric::ComputeSeconds, &tools(&[])))),
        Panel::lines(
            "Cost per hour, by tool",
            "Estimated by the configured prices: which tool is worth a cache or a limit.",
        )
        .size(8, 8)
        .empty("no prices, or idle")
        .unit(Unit::Dollars)
        .stacked()
        .ask("{{tool_name}}", cost(&[label::TOOL])),
        Panel::lines(
            "Cost per hour, by what for",
            "Compute, calls, egress, and tokens of the models that read answers.",
        )
        .size(8, 8)
        .empty("no prices, or idle")
        .unit(Unit::Dollars)
        .stacked()
        .ask("{{resource_type}}", cost(&[label::RESOURCE_TYPE])),
        Panel::table("Cost of one call", "Mean of the last minutes, by tool and what for; dearest first.")
            .size(8, 8)
            .empty("no prices, or idle")
            .column(
                "Cost",
                Unit::Dollars,
                plain(),
                format!(
                    "avg by ({}, {}) ({})",
                    label::TOOL,
                    label::RESOURCE_TYPE,
                    metric(Metric::RequestCost, &tools(&[]))
                ),
            )
            .sort_by("Cost", true),
    ]
}

fn quality(settings: &Settings) -> Vec<Panel> {
    let score = format!("min by ({}) ({})", label::TOOL, metric(Metric::SliQuality, &tools(&[])));
    let unchecked = Panel::lines(
        "Answers that could not be judged",
        "By reason, for example too large. They are no events: many of them make the score say little.",
    )
    .size(6, 8)
    .unit(Unit::PerSecond)
    .stacked()
    .ask("{{reason}}", sum_rate(&[label::REASON], &metric(Metric::QualityUnchecked, &[])));
    let line = Panel::lines(
        "Sound answers, by tool",
        "Percent of checked answers that are no error, not empty, well formed and as the tool's own \
         schema says. Worst server of each tool.",
    )
    .size(12, 8)
    .unit(Unit::Percent)
    .scale(None, Some(100.0))
    .ask("{{tool_name}}", score);
    vec![
        explained(settings, line, names::QUALITY),
        Panel::lines(
            "What was wrong with answers",
            "The first thing found. schema: the tool promises another shape than it answers; empty: \
             nothing in it.",
        )
        .size(6, 8)
        .unit(Unit::PerSecond)
        .stacked()
        .ask("{{finding}}", sum_rate(&[label::FINDING], &metric(Metric::QualityFindings, &[]))),
        explained(settings, unchecked, names::QUALITY_UNCHECKED),
    ]
}

fn agents(settings: &Settings) -> Vec<Panel> {
    let repeated = Panel::lines(
        "The same call again",
        "Calls with the same tool and arguments by the same client within a minute, by tool: agents that \
         run in circles, mostly because an answer does not say what went wrong.",
    )
    .size(8, 8)
    .unit(Unit::PerSecond)
    .ask("{{tool_name}}", by_tool(&metric(Metric::RepeatedCalls, &tools(&[]))));
    vec![
        Panel::lines("Open connections, by client", "Families of client programs, as they name themselves.")
            .size(8, 8)
            .stacked()
            .ask("{{client_type}}", sum(&[label::CLIENT_TYPE], &metric(Metric::ActiveConnections, &[]))),
        explained(settings, repeated, names::AGENT_LOOP),
        Panel::table(
            "Callers",
            "Who calls, as the hash that the sidecar knows it by, and how often; busiest first.",
        )
        .size(8, 8)
        .column(
            "Calls per second",
            Unit::PerSecond,
            plain(),
            format!("topk(20, {})", sum_rate(&[label::CLIENT_ID], &calls(&[]))),
        )
        .sort_by("Calls per second", true),
    ]
}

fn catalogue(settings: &Settings) -> Vec<Panel> {
    let newest = |of: Metric| format!("max by ({}) ({})", label::SERVER, metric(of, &[]));
    let changes = Panel::lines(
        "Changes of definitions",
        "What changed in tools since the sidecar saw them first. A description that changes unasked is \
         an instruction to every agent: read it before you trust it.",
    )
    .size(12, 7)
    .ask(
        "{{mcp_server}} {{tool_name}} {{part}}",
        sum(&[label::SERVER, label::TOOL, label::PART], &metric(Metric::DefinitionChanges, &tools(&[]))),
    )
    .empty("no change");
    vec![
        Panel::number("Tools in the list", "Tools in the last complete list of each server.")
            .size(6, 7)
            .ask("{{mcp_server}}", newest(Metric::CatalogueTools)),
        Panel::number(
            "Tokens of the list",
            "What every agent pays for the list before it calls anything. Over 10 000: offer fewer \
             tools, or shorter descriptions.",
        )
        .size(6, 7)
        .steps("green", &[(10_000.0, "orange"), (50_000.0, "red")])
        .ask("{{mcp_server}}", newest(Metric::CatalogueTokens)),
        explained(settings, changes, names::DEFINITION_CHANGED),
    ]
}
