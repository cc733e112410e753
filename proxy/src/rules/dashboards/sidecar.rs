//! The sidecars about themselves: whether their numbers are whole, and what they cost.

use crate::rules::Settings;
use crate::rules::alerts as names;
use crate::telemetry::names::{Metric, label};

use super::frame::explained;
use super::panel::{Panel, Unit, plain};
use super::query::{metric, quantile, sum, sum_rate};

pub(super) fn panels(settings: &Settings) -> Vec<Panel> {
    let mut panels = whole(settings);
    panels.extend(resources());
    panels
}

/// Whether anything is missing from the numbers above.
fn whole(settings: &Settings) -> Vec<Panel> {
    let unread = Panel::lines(
        "Forwarded without being read",
        "By reason: the panels above miss these. too_large and memory: raise the limits; encoding: the \
         client or server compresses.",
    )
    .size(8, 7)
    .unit(Unit::PerSecond)
    .stacked()
    .ask("{{reason}}", sum_rate(&[label::REASON], &metric(Metric::NotInspected, &[])));
    let reloads = Panel::number(
        "Configuration and state",
        "Changed configurations that were taken or refused, and saves of the error budgets' state, since \
         start. Failures: the sidecar's log says why.",
    )
    .size(8, 7)
    .ask("reload {{result}}", sum(&[label::RESULT], &metric(Metric::ConfigReloads, &[])))
    .ask("save {{result}}", sum(&[label::RESULT], &metric(Metric::StateSaves, &[])));
    let odd = Panel::lines(
        "Odd messages",
        "Oddities of messages that were read and forwarded nevertheless: a client or server to be mended.",
    )
    .size(8, 7)
    .unit(Unit::PerSecond)
    .stacked()
    .ask("{{finding}}", sum_rate(&[label::FINDING], &metric(Metric::MessageFindings, &[])));
    vec![
        explained(settings, unread, names::NOT_INSPECTED),
        odd,
        explained(settings, reloads, names::RELOAD_FAILED),
    ]
}

fn resources() -> Vec<Panel> {
    let overhead = |share: &str| quantile(share, &[], Metric::Overhead, &[]);
    vec![
        Panel::lines("Time in the sidecar", "What the sidecar itself adds to an exchange.")
            .size(6, 7)
            .unit(Unit::Seconds)
            .ask("p99", overhead("0.99"))
            .ask("p50", overhead("0.5")),
        Panel::lines("CPU", "Processor seconds per second, by server.")
            .size(6, 7)
            .ask("{{mcp_server}}", sum_rate(&[label::SERVER], &metric(Metric::ProcessCpu, &[]))),
        Panel::lines("Memory", "Resident memory of the greatest sidecar of each server.")
            .size(6, 7)
            .unit(Unit::Bytes)
            .ask(
                "{{mcp_server}}",
                format!("max by ({}) ({})", label::SERVER, metric(Metric::ProcessResident, &[])),
            ),
        Panel::lines(
            "Requests without an end yet",
            "Requests seen whose end was not seen. A line that only grows is a server that forgets to \
             answer.",
        )
        .size(6, 7)
        .ask("{{mcp_server}}", sum(&[label::SERVER], &metric(Metric::InflightOperations, &[]))),
        Panel::table(
            "Versions",
            "Sidecars by server and version; mixed versions are a rollout that is not done.",
        )
        .size(24, 6)
        .column(
            "Sidecars",
            Unit::Number,
            plain(),
            format!("count by ({}, {}) ({})", label::SERVER, label::VERSION, metric(Metric::BuildInfo, &[])),
        ),
    ]
}
