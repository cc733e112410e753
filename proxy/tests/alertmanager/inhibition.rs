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

#[test]
fn alertmanager_is_quiet_about_what_a_louder_alert_says() {
    let alertmanager = start();
    let address = alertmanager.address;
    let alert = |case: &str, name: &str, category: &str, severity: &str, slo: &str, server: &str| {
        json!({"labels": {"case": case, "alertname": name, "category": category, "severity": severity,
            "slo": slo, "mcp_server": server, "namespace": "shop", "cluster": "east"}})
    };
    let elsewhere = |mut alert: Value| {
        alert["labels"]["cluster"] = json!("west");
        alert
    };
    let (fast, slow) = ("SLOAvailabilityBurnRateFast", "SLOAvailabilityBurnRateSlow");
    let (low, gone) = ("McpSloBudgetLow", "McpSloNoTelemetry");
    // Sources first: when the last target is quiet, all that can inhibit was seen.
    post(
        address,
        &json!([
            alert("page", fast, "burn_rate", "page", "availability", "orders"),
            alert("page of absence", gone, "absence", "page", "availability", "stock"),
            alert("exhausted", "ErrorBudgetExhausted", "budget", "ticket", "availability", "orders"),
            alert("page of absence, sidecar up", gone, "absence", "page", "availability", "search"),
            alert("down", "McpTapDown", "health", "ticket", "", "stock"),
        ]),
    );
    post(
        address,
        &json!([
            alert(
                "ticket of another objective",
                "LatencySLOViolation",
                "burn_rate",
                "ticket",
                "latency",
                "orders"
            ),
            alert("ticket of another server", slow, "burn_rate", "ticket", "availability", "stock"),
            alert("ticket of health", "McpTapProxyFaults", "health", "ticket", "availability", "orders"),
            alert("low, another server", low, "budget", "ticket", "availability", "stock"),
            alert("gone, sidecar up", gone, "absence", "ticket", "availability", "orders"),
            elsewhere(alert(
                "ticket of another cluster",
                slow,
                "burn_rate",
                "ticket",
                "availability",
                "orders"
            )),
            elsewhere(alert("low, another cluster", low, "budget", "ticket", "availability", "orders")),
            elsewhere(alert("gone, another cluster", gone, "absence", "ticket", "availability", "stock")),
            alert("ticket", slow, "burn_rate", "ticket", "availability", "orders"),
            alert("low", low, "budget", "ticket", "availability", "orders"),
            alert("gone", gone, "absence", "ticket", "availability", "stock"),
            alert("gone, another objective", gone, "absence", "ticket", "latency", "search"),
        ]),
    );
    let expected: BTreeMap<String, bool> = [
        ("page", false),
        // A ticket never keeps a page quiet.
        ("page of absence", false),
        ("page of absence, sidecar up", false),
        ("exhausted", false),
        ("down", false),
        ("ticket of another objective", false),
        ("ticket of another server", false),
        ("ticket of health", false),
        ("low, another server", false),
        ("gone, sidecar up", false),
        ("ticket of another cluster", false),
        ("low, another cluster", false),
        ("gone, another cluster", false),
        ("ticket", true),
        ("low", true),
        ("gone", true),
        ("gone, another objective", true),
    ]
    .map(|(case, quiet)| (case.to_owned(), quiet))
    .into();
    alertmanager.wait_until("the louder alerts inhibit the others and nothing else", || {
        (inhibited(address) == expected).then_some(())
    });
}
