//! What the section `slo` says about rules: intervals, links, labels, servers that must be there.

use super::reader::{Mapping, Reader, Wrong};
use super::value;
use crate::rules::{Expected, Settings};

const EXPECTED_KEYS: &[&str] = &["server", "namespace"];

/// Labels that rules set, that scraping does, or that series have by which alerts tell tools and sidecars apart: one
/// value for all of them would make different alerts the same.
const RESERVED: &[&str] = &[
    "alertname",
    "severity",
    "category",
    "long_window",
    "short_window",
    "burn_factor",
    "namespace",
    "mcp_server",
    "slo",
    "pod",
    "job",
    "instance",
    "tool_name",
    "part",
    "reason",
];

/// Reads these keys of the section.
pub(super) fn read(reader: &mut Reader<'_>, section: &Mapping<'_>) -> Settings {
    let default = Settings::default();
    Settings {
        interval: reader
            .optional(section, "evaluation_interval", value::duration)
            .unwrap_or(default.interval),
        scrape_interval: reader
            .optional(section, "scrape_interval", value::duration)
            .unwrap_or(default.scrape_interval),
        runbook_url: reader.optional(section, "runbook_url", value::line).unwrap_or(default.runbook_url),
        dashboard_url: reader
            .optional(section, "dashboard_url", value::line)
            .unwrap_or(default.dashboard_url),
        labels: labels(reader, section),
        absence: reader.optional(section, "absence", value::boolean).unwrap_or(default.absence),
        expected: expected(reader, section),
    }
}

fn labels(reader: &mut Reader<'_>, section: &Mapping<'_>) -> Vec<(String, String)> {
    let Some(given) = section.get("labels").and_then(|at| reader.open(at)) else { return Vec::new() };
    let mut labels = Vec::new();
    for (name, at) in given.each() {
        match label_name(name) {
            Ok(()) => labels.extend(reader.value(&at, value::line).map(|value| (name.to_owned(), value))),
            Err(wrong) => reader.wrong(&at, format_args!("{name:?} {wrong}")),
        }
    }
    labels
}

fn label_name(name: &str) -> Result<(), Wrong> {
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let goes_on = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !starts || !goes_on || name.starts_with("__") {
        return Err("is no name of a label; write letters, digits and _, no digit first".to_owned());
    }
    if RESERVED.contains(&name) {
        return Err("is a label that alerts have already; write another name".to_owned());
    }
    Ok(())
}

fn expected(reader: &mut Reader<'_>, section: &Mapping<'_>) -> Vec<Expected> {
    let items = section.get("expected").and_then(|at| reader.list(&at)).unwrap_or_default();
    let mut servers: Vec<Expected> = Vec::new();
    for at in items {
        let Some(mapping) = reader.mapping(at.clone(), EXPECTED_KEYS) else { continue };
        let server = reader.required(&mapping, "server", "payments", value::line);
        let namespace = reader.optional(&mapping, "namespace", value::line).unwrap_or_default();
        let Some(server) = server else { continue };
        let expected = Expected { server, namespace };
        if servers.contains(&expected) {
            reader.wrong(&at, "is listed already; leave it out");
        } else {
            servers.push(expected);
        }
    }
    servers
}
