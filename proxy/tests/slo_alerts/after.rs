//! What must hold of all that the scenarios left in Prometheus.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::stage::{Stage, run};
use super::support::dashboards::queries;

/// No rule is broken, every series that a rule records exists, and nothing of it was ever NaN or infinite.
pub(crate) fn rules_are_well(stage: &Stage) {
    for group in stage.prometheus.rules() {
        for rule in group["rules"].as_array().into_iter().flatten() {
            assert_eq!(rule["health"], "ok", "{}: {}", rule["name"], rule["lastError"]);
        }
    }
    let groups = stage.rules["groups"].as_array().into_iter().flatten();
    let rules = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten());
    let recorded: BTreeSet<_> = rules.filter_map(|rule| rule["record"].as_str()).collect();
    assert!(recorded.len() > 20, "{recorded:?}");
    let now = stage.prometheus.query("vector(time())")[0].1;
    for name in recorded {
        // Those of usual durations begin with the offset of their rule.
        stage.prometheus.found(name);
        for (labels, points) in stage.prometheus.query_range(name, (now - 600.0, now), Duration::from_secs(1))
        {
            assert!(points.iter().all(|(_, value)| value.is_finite()), "{name} {labels}: {points:?}");
        }
    }
}

/// Every query of every dashboard finds something, as Grafana would ask it.
pub(crate) fn dashboards_show_something(stage: &Stage) {
    let mut asked = 0;
    let mut empty = BTreeSet::new();
    for which in ["slo", "error-budget", "tracing", "tools"] {
        let (status, text) = run(&["dashboards", "--config", &stage.config, "--dashboard", which]);
        assert_eq!(status, 0, "{text}");
        let dashboard: Value = serde_json::from_str(&text).expect("JSON");
        for (panel, query) in queries(&dashboard) {
            asked += 1;
            if stage.prometheus.query(&query).is_empty() {
                empty.insert(format!("{which}: {panel}: {query}"));
            }
        }
    }
    assert!(empty.is_empty(), "of {asked} queries find nothing: {empty:#?}");
}

/// One process counts exactly, and the counter that Prometheus scrapes is that count. The budget is estimated from rates:
/// of a trouble of ten seconds a scrape and an evaluation (a second each) are a fifth, and two of a thousand events may
/// be anywhere. `mcp-tap slo --prometheus` says what is recorded.
pub(crate) fn budgets_agree(stage: &Stage) {
    const PART: f64 = 0.2;
    const ANYWHERE: f64 = 0.002;
    let running: Vec<_> = stage.sidecars.iter().filter(|sidecar| sidecar.runs()).collect();
    running.iter().for_each(|sidecar| sidecar.stop());
    let names: Vec<_> = running.iter().map(|sidecar| sidecar.name).collect();
    let still = format!("mcp_slo:events:rate5s{{mcp_server=~\"{}\"}} > 0", names.join("|"));
    stage.prometheus.wait_until("the shortest window is empty", || {
        stage.prometheus.query(&still).is_empty().then_some(())
    });
    for server in names {
        for objective in ["availability", "latency", "quality"] {
            let (here, recorded) = (stage.here(server, objective), stage.recorded(server, objective));
            let ratio = |report: &Value| report["budget"]["events"]["error_ratio"].as_f64().expect("events");
            let off = (ratio(&here) - ratio(&recorded)).abs();
            let error = PART * ratio(&here) + ANYWHERE;
            assert!(off <= error, "{server} {objective}: {off} is more than {error}\n{here}\n{recorded}");
            for constant in ["target", "sli", "mcp_server", "slo"] {
                assert_eq!(here[constant], recorded[constant], "{server} {objective}");
            }
            let series = |name: &str| format!("{name}{{mcp_server=\"{server}\",slo=\"{objective}\"}}");
            let remaining = recorded["budget"]["remaining"].as_f64().expect("events");
            let same = stage.prometheus.query(&series("mcp_slo:error_budget_remaining:ratio10m"))[0].1;
            assert!((remaining - same).abs() < 0.05, "{server} {objective}: {remaining}, recorded {same}");
            let events = &here["budget"]["events"];
            let total = format!("sum({})", series("mcp_proxy_slo_events_total"));
            let counted = events["good"].as_f64().zip(events["bad"].as_f64()).map(|(good, bad)| good + bad);
            assert_eq!(Some(stage.prometheus.query(&total)[0].1), counted, "{server} {objective}");
        }
    }
}
