//! Service levels end to end: a server, the sidecar before it, rules that the sidecar generated, a real Prometheus, a real
//! Alertmanager with the shipped routes, and somebody who is told. Windows are seconds (`trial`), all else is as shipped.

mod support;

#[path = "slo_alerts/stage.rs"]
mod stage;

use serde_json::{Value, json};
use stage::{NAMESPACE, Stage, slo};
use support::chaos::Plan;

/// Something goes wrong, somebody is told; it is over, and they are told again.
struct Scenario {
    name: &'static str,
    /// What the server does instead of answering well.
    trouble: &'static [Plan],
    /// Who is told, by which alert, how loud, about which objective.
    receiver: &'static str,
    alert: &'static str,
    severity: &'static str,
    objective: &'static str,
}

const OUTAGE: Scenario = Scenario {
    name: "an outage",
    trouble: &[Plan::Status500],
    receiver: "pager",
    alert: "SLOAvailabilityBurnRateFast",
    severity: "page",
    objective: "availability",
};

/// A ratio of 0.5 is above the page's limit (0.12) without being an outage.
const HALF_BROKEN: Scenario = Scenario {
    name: "every second answer an error of the protocol",
    trouble: &[Plan::Ok, Plan::InternalError],
    ..OUTAGE
};

fn play(stage: &Stage, scenario: &Scenario) {
    let Scenario { name, trouble, receiver, alert, severity, objective } = *scenario;
    stage.settled();
    assert_eq!(stage.firing(), [] as [String; 0], "before {name}");
    stage.serve(trouble);
    let told = stage.webhook.received(receiver, |told| {
        told.alerts(alert, "firing").iter().any(|alert| alert["labels"]["severity"] == severity)
    });
    let labels = &told.alerts(alert, "firing")[0]["labels"];
    assert_eq!((&labels["slo"], &labels["namespace"]), (&json!(objective), &json!(NAMESPACE)), "{labels}");
    let annotations = &told.alerts(alert, "firing")[0]["annotations"];
    for (annotation, part) in [("summary", objective), ("runbook_url", "slo-availability-burn-rate-fast")] {
        let text = annotations[annotation].as_str().unwrap_or_default();
        assert!(text.contains(part), "{annotation} of {name}: {annotations}");
    }
    let (status, text) = slo(&["--prometheus", &stage.prometheus.url(), "--slo", objective, "--check"]);
    assert_eq!(status, 2, "{name} asks for attention: {text}");
    assert!(["burning", "exhausted"].iter().any(|state| text.contains(state)), "{text}");
    stage.serve(&[Plan::Ok]);
    stage.webhook.received(receiver, |told| !told.alerts(alert, "resolved").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_pages_and_its_end_is_told_too() {
    let stage = Stage::start().await;
    play(&stage, &OUTAGE);
    let paged = |told: &support::webhook::Notification| told.receiver == "pager";
    let others: Vec<_> =
        stage.webhook.all().iter().filter(|told| paged(told)).flat_map(|told| told.names()).collect();
    assert!(others.iter().all(|name| name == OUTAGE.alert), "only pages reach the pager: {others:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_the_protocol_in_some_answers_page_as_well() {
    play(&Stage::start().await, &HALF_BROKEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_server_alarms_nobody() {
    let stage = Stage::start().await;
    stage.settled();
    stage.prometheus.found("count_over_time(mcp_slo:error_ratio:rate5s{slo=\"availability\"}[1m]) >= 15");
    let fired: Vec<_> = stage
        .prometheus
        .query("max_over_time(ALERTS{alertstate=\"firing\",severity!~\"none|info\"}[5m])")
        .into_iter()
        .map(|(labels, _)| labels)
        .collect();
    assert_eq!(fired, [] as [Value; 0]);
    let told = stage.webhook.all();
    let quiet = |receiver: &str| ["heartbeat", "chat"].contains(&receiver);
    assert!(told.iter().all(|told| quiet(&told.receiver)), "{told:#?}");
    let (status, text) = slo(&["--prometheus", &stage.prometheus.url(), "--slo", "availability", "--check"]);
    assert_eq!(status, 0, "{text}");
    let row = text.lines().find(|line| line.starts_with("availability")).expect("a row");
    for cell in ["99%", "100%", "ok", NAMESPACE] {
        assert!(row.contains(cell), "{cell}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_rule_is_broken() {
    let stage = Stage::start().await;
    stage.settled();
    for group in stage.prometheus.rules() {
        for rule in group["rules"].as_array().into_iter().flatten() {
            assert_eq!(rule["health"], "ok", "{}: {}", rule["name"], rule["lastError"]);
        }
    }
}

/// The process counts exactly, Prometheus from what it scraped: of a steady mixture both windows say the same within 3 of
/// 100 events (a window begins and ends within a second of the other, and `rate` extrapolates to its ends).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_and_prometheus_agree() {
    const ERROR: f64 = 0.03;
    let stage = Stage::start().await;
    let mut plans = vec![Plan::Ok; 9];
    plans.push(Plan::Status500);
    stage.serve(&plans);
    // A build without generated rules has no counts of objectives either: there is nothing to compare.
    if !stage.generated {
        return;
    }
    stage.prometheus.found("count_over_time(mcp_slo:events:rate5s{slo=\"availability\"}[1m]) >= 22");
    for (window, name) in [(5.0, "5s"), (20.0, "20s")] {
        let recorded = stage
            .prometheus
            .found(&format!("avg_over_time(mcp_slo:error_ratio:rate{name}{{slo=\"availability\"}}[10s])"))[0]
            .1;
        let report = stage.report();
        let burn =
            report["objectives"].as_array().into_iter().flatten().find(|one| one["slo"] == "availability");
        let burn = burn.expect("the objective is reported")["burn"].as_array().cloned().unwrap_or_default();
        let here = burn.iter().find(|one| one["seconds"] == window).expect("the window is reported");
        let ratio = here["error_ratio"].as_f64().expect("there were events");
        // The short window holds some hundred events, of which every tenth is bad: its edges matter more.
        let error = if window < 10.0 { 2.0 * ERROR } else { ERROR };
        assert!((ratio - recorded).abs() <= error, "over {name}: here {ratio}, recorded {recorded}");
        assert!((ratio - 0.1).abs() <= error, "over {name}: here {ratio}");
    }
    stage.stop();
    let total = "sum(mcp_proxy_slo_events_total{slo=\"availability\"})";
    stage.prometheus.wait_until("the last counts are scraped", || {
        let report = stage.report();
        let one = report["objectives"].as_array()?.iter().find(|one| one["slo"] == "availability")?.clone();
        let events = &one["budget"]["events"];
        let here = events["good"].as_f64()? + events["bad"].as_f64()?;
        let recorded = stage.prometheus.query(total).first()?.1;
        (here > 0.0 && here == recorded).then_some(())
    });
}
