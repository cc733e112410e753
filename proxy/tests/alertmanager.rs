//! Alerts go where they belong: Alertmanager's own tool reads deploy/alertmanager, and a real Alertmanager inhibits.

#![expect(clippy::panic, reason = "this is how a test fails")]

#[path = "alertmanager/inhibition.rs"]
mod inhibition;
#[path = "alertmanager/operator.rs"]
mod operator;

mod alerts;
mod support;

use std::process::Command;

use alerts::{Alert, all, repository, text};
use serde_json::Value;

/// Alertmanager's own form.
const PLAIN: &str = "deploy/alertmanager/alertmanager.yml";

/// The configuration as it is in the repository.
fn plain() -> Value {
    serde_saphyr::from_str(&text(PLAIN)).expect("YAML")
}

/// What amtool prints when it is content.
fn amtool(arguments: &[&str]) -> String {
    let output = Command::new("amtool").args(arguments).output().expect("amtool is there: run `make parts`");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "amtool {arguments:?}: {complaint}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The receivers that an alert with these labels gets to, in order.
fn receivers(labels: &[String]) -> String {
    let file = repository(PLAIN).display().to_string();
    let config = format!("--config.file={file}");
    let mut arguments = vec!["config", "routes", "test", config.as_str()];
    arguments.extend(labels.iter().map(String::as_str));
    amtool(&arguments).trim().to_owned()
}

/// The labels as the rules make them.
fn labels(alert: &Alert) -> Vec<String> {
    let own = [("alertname", alert.name), ("category", alert.category), ("severity", alert.severity)];
    let series: &[(&str, &str)] = match alert.category {
        "heartbeat" => &[],
        "burn_rate" | "budget" | "absence" | "sanity" => {
            &[("namespace", "shop"), ("mcp_server", "orders"), ("slo", "availability")]
        }
        _ => &[("namespace", "shop"), ("mcp_server", "orders")],
    };
    own.iter().chain(series).map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn alertmanager_loads_the_configuration_and_its_templates() {
    let found = amtool(&["check-config", &repository(PLAIN).display().to_string()]);
    for part in ["4 inhibit rules", "4 receivers", "1 templates"] {
        assert!(found.contains(part), "{found}");
    }
}

#[test]
fn every_alert_goes_to_the_receivers_of_its_category_and_severity() {
    for alert in all() {
        let expected = match (alert.category, alert.severity) {
            ("heartbeat", _) => "heartbeat",
            ("budget", "page") => "owners,pager",
            ("budget", _) => "owners,chat",
            (_, "page") => "pager",
            _ => "chat",
        };
        assert_eq!(receivers(&labels(&alert)), expected, "{} {}", alert.name, alert.severity);
    }
}

#[test]
fn every_route_is_the_only_or_first_one_of_some_labels() {
    for (labels, expected) in [
        (&["alertname=Watchdog", "category=heartbeat", "severity=none"][..], "heartbeat"),
        // That of others, as kube-prometheus-stack has one.
        (&["alertname=Watchdog", "severity=none"], "chat"),
        // A page about a budget wakes somebody and is told to the owners.
        (&["category=budget", "severity=page"], "owners,pager"),
        (&["category=budget", "severity=ticket"], "owners,chat"),
        (&["category=burn_rate", "severity=page"], "pager"),
        (&["category=burn_rate", "severity=ticket"], "chat"),
        (&["category=health", "severity=info"], "chat"),
        // What nobody thought of is seen by somebody.
        (&["alertname=SomebodyElses"], "chat"),
        (&["severity=none"], "chat"),
        (&["severity=pages"], "chat"),
    ] {
        let labels: Vec<_> = labels.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(receivers(&labels), expected, "{labels:?}");
    }
}

#[test]
fn no_secret_stands_in_the_configuration() {
    const SECRETS: [&str; 9] = [
        "routing_key",
        "service_key",
        "api_url",
        "slack_api_url",
        "password",
        "auth_password",
        "smtp_auth_password",
        "credentials",
        "auth_secret",
    ];
    fn look(value: &Value, path: &str) {
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    assert!(!SECRETS.contains(&key.as_str()), "{path}.{key}");
                    look(value, &format!("{path}.{key}"));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| look(item, path)),
            _ => {}
        }
    }
    look(&plain(), "");
}

#[test]
fn messages_say_what_burns_where_and_what_to_read() {
    let data = tempfile::NamedTempFile::new().expect("a temporary file");
    let group = r#"{"status": "firing", "groupLabels": {"mcp_server": "orders", "namespace": "shop", "slo": "availability",
        "cluster": "east"},
        "alerts": [{"status": "firing", "labels": {"alertname": "SLOAvailabilityBurnRateFast", "severity": "page"},
        "annotations": {"summary": "Burns.", "description": "Fast.", "runbook_url": "https://r", "dashboard_url": "https://d"}},
        {"status": "resolved", "labels": {"alertname": "McpSloBurnRate", "severity": "ticket"},
        "annotations": {"summary": "Burned.", "description": "Slowly."}}]}"#;
    std::fs::write(data.path(), group).expect("it is written");
    let glob = format!("--template.glob={}/*.tmpl", repository("deploy/alertmanager/templates").display());
    let data = format!("--template.data={}", data.path().display());
    let render = |name: &str| {
        let text = format!("--template.text={{{{ template \"{name}\" . }}}}");
        amtool(&["template", "render", &glob, &data, &text])
    };
    assert_eq!(render("mcp-tap.title").trim(), "1 firing: orders availability in shop of east");
    let expected = "[firing, page] SLOAvailabilityBurnRateFast: Burns.\nFast.\nRunbook: https://r\n\
        Dashboard: https://d\n[resolved, ticket] McpSloBurnRate: Burned.\nSlowly.";
    assert_eq!(render("mcp-tap.text").trim(), expected);
}
