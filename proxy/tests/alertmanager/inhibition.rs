//! A real Alertmanager keeps quiet about what another alert says already.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use super::plain;
use super::support::PATIENCE;
use super::support::alertmanager::Alertmanager;
use super::support::scrape::page_as;

/// The tree of the repository on a real Alertmanager. Its receivers have no integrations, so nothing leaves the machine.
fn start() -> Alertmanager {
    let mut config = plain();
    for receiver in config["receivers"].as_array_mut().expect("receivers") {
        *receiver = json!({"name": receiver["name"]});
    }
    let entries = config.as_object_mut().expect("a map");
    entries.remove("global");
    entries.remove("templates");
    Alertmanager::serve(&config)
}

/// Posts alerts as Prometheus does.
fn post(address: SocketAddr, alerts: &Value) {
    let body = alerts.to_string();
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE).expect("it accepts");
    connection.set_read_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
    let head = format!(
        "POST /api/v2/alerts HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all((head + &body).as_bytes()).expect("it reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("it answers");
    assert!(answer.lines().next().is_some_and(|status| status.contains(" 200 ")), "{answer}");
}

/// Whether each alert is inhibited, by its label `case`.
fn inhibited(address: SocketAddr) -> BTreeMap<String, bool> {
    let alerts: Vec<Value> =
        serde_json::from_str(&page_as(address, "/api/v2/alerts", "application/json")).expect("JSON");
    let case = |alert: &Value| alert["labels"]["case"].as_str().map(str::to_owned);
    let quiet = |alert: &Value| alert["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty());
    alerts.iter().filter_map(|alert| Some((case(alert)?, quiet(alert)))).collect()
}

const FAST: &str = "SLOAvailabilityBurnRateFast";
const SLOW: &str = "SLOAvailabilityBurnRateSlow";
const LOW: &str = "McpSloBudgetLow";
const GONE: &str = "McpSloNoTelemetry";
const DOWN: &str = "McpTapDown";

/// A case, its alert (name, category, severity, slo, server, cluster), and whether it is kept quiet.
type Case = (&'static str, [&'static str; 6], bool);

/// What keeps others quiet.
const SOURCES: &[Case] = &[
    ("page", [FAST, "burn_rate", "page", "availability", "orders", "east"], false),
    // A ticket never keeps a page quiet.
    ("page of absence", [GONE, "absence", "page", "availability", "stock", "east"], false),
    ("page of absence, sidecar up", [GONE, "absence", "page", "availability", "search", "east"], false),
    ("exhausted", ["ErrorBudgetExhausted", "budget", "ticket", "availability", "orders", "east"], false),
    ("down", [DOWN, "health", "ticket", "", "stock", "east"], false),
    ("down, nothing expected", [DOWN, "health", "ticket", "", "depot", "east"], false),
];

/// Others; those that are kept quiet last.
const TARGETS: &[Case] = &[
    (
        "ticket of another objective",
        ["LatencySLOViolation", "burn_rate", "ticket", "latency", "orders", "east"],
        false,
    ),
    ("ticket of another server", [SLOW, "burn_rate", "ticket", "availability", "stock", "east"], false),
    ("ticket of health", ["McpTapProxyFaults", "health", "ticket", "availability", "orders", "east"], false),
    ("low, another server", [LOW, "budget", "ticket", "availability", "stock", "east"], false),
    ("gone, sidecar up", [GONE, "absence", "ticket", "availability", "orders", "east"], false),
    ("ticket of another cluster", [SLOW, "burn_rate", "ticket", "availability", "orders", "west"], false),
    ("low, another cluster", [LOW, "budget", "ticket", "availability", "orders", "west"], false),
    ("gone, another cluster", [GONE, "absence", "ticket", "latency", "search", "west"], false),
    ("down in another cluster", [GONE, "absence", "ticket", "availability", "depot", "west"], false),
    ("ticket", [SLOW, "burn_rate", "ticket", "availability", "orders", "east"], true),
    ("low", [LOW, "budget", "ticket", "availability", "orders", "east"], true),
    ("gone", [GONE, "absence", "ticket", "availability", "depot", "east"], true),
    ("gone, another objective", [GONE, "absence", "ticket", "latency", "search", "east"], true),
];

#[test]
fn alertmanager_is_quiet_about_what_a_louder_alert_says() {
    let alertmanager = start();
    let address = alertmanager.address;
    let alert = |(case, [name, category, severity, slo, server, cluster], _): &Case| {
        json!({"labels": {"case": case, "alertname": name, "category": category, "severity": severity,
            "slo": slo, "mcp_server": server, "namespace": "shop", "cluster": cluster}})
    };
    // Sources first: when the last target is quiet, all that can inhibit was seen.
    for cases in [SOURCES, TARGETS] {
        post(address, &cases.iter().map(alert).collect());
    }
    let cases = SOURCES.iter().chain(TARGETS);
    let expected: BTreeMap<String, bool> =
        cases.map(|(case, _, quiet)| ((*case).to_owned(), *quiet)).collect();
    alertmanager.wait_until("the louder alerts inhibit the others and nothing else", || {
        (inhibited(address) == expected).then_some(())
    });
}
