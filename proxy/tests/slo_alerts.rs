//! Service levels end to end: servers with troubles of their own, a sidecar before each, the rules that the sidecar
//! generates, a real Prometheus, a real Alertmanager with the shipped routes, and somebody who is told. Windows are seconds
//! (`trial`), all else is as shipped.

mod support;

#[path = "slo_alerts/after.rs"]
mod after;
#[path = "slo_alerts/sidecar.rs"]
mod sidecar;
#[path = "slo_alerts/stage.rs"]
mod stage;

use jiff::Timestamp;
use serde_json::{Value, json};
use sidecar::Mood;
use stage::{NAMESPACE, Stage};
use support::webhook::Notification;

const FAST: &str = "SLOAvailabilityBurnRateFast";
const SLOW: &str = "SLOAvailabilityBurnRateSlow";
const LATENCY: &str = "LatencySLOViolation";
const QUALITY: &str = "QualitySLOViolation";
const EXHAUSTED: &str = "ErrorBudgetExhausted";
const CHANGED: &str = "McpToolDefinitionChanged";
const LOOP: &str = "McpAgentLoop";
const DOWN: &str = "McpTapDown";
const GONE: &str = "McpSloNoTelemetry";

/// What may happen to a server, and who must be told.
type Scenario = (&'static str, fn(&Stage, &str));

const SCENARIOS: [Scenario; 9] = [
    ("outage", outage),
    ("backend", backend),
    ("errors", errors),
    ("slow", slow),
    ("misshapen", misshapen),
    ("drift", drift),
    ("loop", agent_loop),
    ("killed", killed),
    ("healthy", |stage, server| stage.settled(server)),
];

/// The one with the real mcp-backend.
const REAL: &str = "backend";

/// An objective's page: told, seen by `mcp-tap slo`, and told again when `end` has ended the trouble.
fn paged(stage: &Stage, server: &str, alert: &str, objective: &str, end: impl Fn()) {
    let labels = json!({"severity": "page", "slo": objective, "namespace": NAMESPACE});
    let told = stage.told("pager", server, (alert, "firing"), &labels);
    for (annotation, part) in
        [("summary", objective), ("runbook_url", "runbooks/"), ("dashboard_url", "/d/mcp-tap-slo")]
    {
        let text = told["annotations"][annotation].as_str().unwrap_or_default();
        assert!(text.contains(part), "{annotation}: {told}");
    }
    let (status, text) = stage.check(server, objective);
    assert_eq!(status, 2, "it asks for attention: {text}");
    assert!(["burning", "exhausted"].iter().any(|state| text.contains(state)), "{text}");
    end();
    stage.told("pager", server, (alert, "resolved"), &labels);
}

/// A page, a ticket that it keeps quiet, a budget that is used up, and the end of it.
fn outage(stage: &Stage, server: &str) {
    stage.settled(server);
    let sidecar = stage.sidecar(server);
    sidecar.go(Mood::Broken);
    paged(stage, server, FAST, "availability", || {
        stage.told("owners", server, (EXHAUSTED, "firing"), &json!({"slo": "availability"}));
        stage.inhibited(server, SLOW);
        sidecar.go(Mood::Well);
    });
}

/// The real backend ends and comes back.
fn backend(stage: &Stage, server: &str) {
    stage.settled(server);
    let sidecar = stage.sidecar(server);
    sidecar.end_server();
    paged(stage, server, FAST, "availability", || sidecar.start_server());
}

/// Too many errors for the budget and too few to wake somebody.
fn errors(stage: &Stage, server: &str) {
    stage.settled(server);
    stage.sidecar(server).go(Mood::Errors);
    stage.told("chat", server, (SLOW, "firing"), &json!({"severity": "ticket", "slo": "availability"}));
    stage.prometheus.found(&format!(
        "min_over_time(mcp_slo:error_ratio:rate20s{{mcp_server=\"{server}\",slo=\"availability\"}}[3s]) > 0.05"
    ));
    windows_agree(stage, server);
}

/// Of a steady mixture the process and Prometheus say the same over each window within this part of the events: a window
/// begins and ends within a scrape and a slot of the other.
fn windows_agree(stage: &Stage, server: &str) {
    const ERROR: f64 = 0.02;
    let (here, recorded) = (stage.here(server, "availability"), stage.recorded(server, "availability"));
    let ratio = |report: &Value, window: f64| {
        let burn = report["burn"].as_array().into_iter().flatten().find(|one| one["seconds"] == window);
        burn.and_then(|burn| burn["error_ratio"].as_f64()).expect("events")
    };
    for window in [5.0, 15.0, 20.0] {
        let (here, recorded) = (ratio(&here, window), ratio(&recorded, window));
        // The shortest window holds few errors, so one more or less matters.
        let error = if window < 10.0 { 2.0 * ERROR } else { ERROR };
        assert!((here - recorded).abs() <= error, "over {window} s: here {here}, recorded {recorded}");
    }
    let sli = |report: &Value| report["window"]["sli"].as_f64().expect("events");
    assert!((sli(&here) - sli(&recorded)).abs() <= ERROR, "{here}\n{recorded}");
}

fn slow(stage: &Stage, server: &str) {
    stage.settled(server);
    let sidecar = stage.sidecar(server);
    sidecar.go(Mood::Slow);
    paged(stage, server, LATENCY, "latency", || sidecar.go(Mood::Well));
}

fn misshapen(stage: &Stage, server: &str) {
    stage.settled(server);
    let sidecar = stage.sidecar(server);
    sidecar.go(Mood::Misshapen);
    paged(stage, server, QUALITY, "quality", || sidecar.go(Mood::Well));
}

fn drift(stage: &Stage, server: &str) {
    let sidecar = stage.sidecar(server);
    sidecar.go(Mood::Redefined);
    sidecar.list();
    let labels = json!({"tool_name": "work", "part": "description", "severity": "ticket"});
    stage.told("chat", server, (CHANGED, "firing"), &labels);
}

fn agent_loop(stage: &Stage, server: &str) {
    stage.sidecar(server).go(Mood::Loop);
    stage.told("chat", server, (LOOP, "firing"), &json!({"tool_name": "work", "severity": "ticket"}));
}

/// Nobody measures any more. That says why nothing is known of the objectives, which is not told too.
fn killed(stage: &Stage, server: &str) {
    stage.settled(server);
    stage.sidecar(server).kill();
    stage.told("chat", server, (DOWN, "firing"), &json!({"namespace": NAMESPACE}));
    stage.inhibited(server, GONE);
}

#[test]
fn who_must_know_is_told_of_each_trouble_and_nobody_of_health() {
    let names: Vec<_> = SCENARIOS.iter().map(|(name, _)| *name).filter(|name| *name != REAL).collect();
    let stage = Stage::start(&names, REAL);
    for sidecar in &stage.sidecars {
        sidecar.list();
        sidecar.go(Mood::Well);
    }
    stage.touch();
    std::thread::scope(|scope| {
        let stage = &stage;
        for (name, play) in SCENARIOS {
            let named = std::thread::Builder::new().name(name.to_owned());
            named.spawn_scoped(scope, move || play(stage, name)).expect("a thread");
        }
    });
    let watched = stage.webhook.received("heartbeat", |told| told.names() == ["Watchdog"]);
    assert_eq!(watched.body["status"], "firing");
    for sidecar in &stage.sidecars {
        only_what_concerns(&stage, sidecar.name);
    }
    ticket_waits_for_page(&stage);
    after::rules_are_well(&stage);
    after::dashboards_show_something(&stage);
    after::budgets_agree(&stage);
}

/// Nobody is told of what did not happen: what is told of a server is about these objectives, or one of these alerts. The
/// period is longer than the test, which is told too, to no pager.
fn only_what_concerns(stage: &Stage, server: &str) {
    let (paged, about): (bool, &[&str]) = match server {
        // A failure is late too.
        "outage" | REAL => (true, &["availability", "latency"]),
        "errors" => (false, &["availability", "latency"]),
        "slow" => (true, &["latency"]),
        "misshapen" => (true, &["quality"]),
        "drift" => (false, &[CHANGED]),
        "loop" => (false, &[LOOP]),
        "killed" => (false, &[DOWN]),
        _ => (false, &["McpTapSpansDropped"]),
    };
    for (receiver, alert, slo) in stage.heard(server) {
        let concerns = about.contains(&slo.as_str()) || about.contains(&alert.as_str());
        assert!(concerns || alert == "McpSloThinData", "{server}: {receiver} was told of {alert} {slo}");
        assert!(receiver != "pager" || paged, "{server}: {alert} {slo}");
        assert!(receiver != "heartbeat", "{server}: {alert} {slo}");
    }
    if server == "healthy" {
        let fired = stage.prometheus.query(
            "max_over_time(ALERTS{alertstate=\"firing\",mcp_server=\"healthy\",severity!=\"info\"}[10m])",
        );
        assert!(fired.is_empty(), "{fired:?}");
    }
}

/// Who is paged hears nothing of the ticket about the same, from then until the page is over. Both receivers are told at
/// nearly the same moment that it is, in any order: so what counts is when it was over, not when the pager heard of it.
fn ticket_waits_for_page(stage: &Stage) {
    let all = stage.webhook.all();
    let told = |name: &str, state: &str| -> Vec<(Timestamp, Value)> {
        let of = |told: &Notification| {
            let (at, alerts) = (told.at, told.alerts(name, state));
            alerts.into_iter().map(|alert| (at, alert.clone())).collect::<Vec<_>>()
        };
        all.iter().flat_map(of).filter(|(_, alert)| alert["labels"]["mcp_server"] == "outage").collect()
    };
    let (paged, _) = told(FAST, "firing").into_iter().next().expect("somebody was paged");
    let (_, page) = told(FAST, "resolved").into_iter().next().expect("the page was over");
    let over: Timestamp = page["endsAt"].as_str().and_then(|end| end.parse().ok()).expect("an end");
    for (at, ticket) in told(SLOW, "firing") {
        assert!(at < paged || at >= over, "told at {at}, paged from {paged} to {over}: {ticket}");
    }
}
