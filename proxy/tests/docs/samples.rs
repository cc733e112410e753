//! Series for a query, as a fleet of three servers with two sidecars each has them; two have the same name.

use std::collections::{BTreeMap, BTreeSet};

use super::promql::{Names, Selector};

/// Values of labels that nothing is asked of.
const ANY: [&str; 2] = ["one", "two"];
/// Objectives.
const SLOS: [&str; 3] = ["availability", "latency", "search-latency"];

type Labels = BTreeMap<String, String>;

/// The series that a query can find, in Prometheus' notation.
pub(crate) fn series(names: &Names) -> BTreeSet<String> {
    names.selectors.iter().flat_map(|selector| of(selector, &names.labels)).collect()
}

fn of(selector: &Selector, asked: &BTreeSet<String>) -> Vec<String> {
    let mut all = targets(&selector.series);
    for label in asked {
        if all.iter().any(|labels| labels.contains_key(label)) || !may_have(&selector.series, label) {
            continue;
        }
        let values = values(selector, label);
        let with = |labels: &Labels, value: &String| {
            let mut labels = labels.clone();
            labels.insert(label.clone(), value.clone());
            labels
        };
        all = all.iter().flat_map(|labels| values.iter().map(move |value| with(labels, value))).collect();
    }
    let written = |labels: &Labels| {
        let pairs: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        format!("{}{{{}}}", selector.series, pairs.join(","))
    };
    all.iter().map(written).collect()
}

/// The labels that scraping or recording gives.
fn targets(series: &str) -> Vec<Labels> {
    let labels = |pairs: &[(&str, &str)]| -> Labels {
        pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
    };
    if is_constant(series) {
        return vec![Labels::new()];
    }
    let mut all = Vec::new();
    for (namespace, server) in [("shop", "orders"), ("shop", "stock"), ("test", "orders")] {
        let of_server = labels(&[("namespace", namespace), ("mcp_server", server)]);
        if series.contains(':') {
            all.push(of_server);
            continue;
        }
        for place in 0..2 {
            let pod = format!("{server}-{namespace}-{place}");
            let mut one = of_server.clone();
            one.extend(labels(&[("pod", &pod), ("instance", &pod), ("job", "mcp-tap")]));
            if series == "up" {
                one.remove("mcp_server");
            }
            all.push(one);
        }
    }
    all
}

/// What was promised is recorded once for all servers.
fn is_constant(series: &str) -> bool {
    ["mcp_slo:objective:ratio", "mcp_slo:period:days", "mcp_slo:latency_threshold:seconds"].contains(&series)
}

fn may_have(series: &str, label: &str) -> bool {
    match label {
        "le" => series.ends_with("_bucket"),
        "slo" => series.contains("slo"),
        "mcp_server" | "namespace" | "pod" | "job" | "instance" => false,
        _ => !is_constant(series) && series != "up",
    }
}

/// Values of a label that the query lets through.
fn values(selector: &Selector, label: &str) -> Vec<String> {
    let matcher = selector.matchers.iter().find(|[name, ..]| name == label);
    let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    match matcher.map(|[_, operator, value]| (operator.as_str(), value)) {
        Some(("=", value)) => vec![value.clone()],
        Some(("=~", value)) => value.split('|').map(|one| one.replace(".*", "x")).collect(),
        None if label == "le" => owned(&["1", "+Inf"]),
        None if label == "slo" => owned(&SLOS),
        _ => owned(&ANY),
    }
}
