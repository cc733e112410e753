//! What is around the panels: variables, links, annotations, and the grid.

use serde_json::{Value, json};

use crate::rules::alerts::{HEARTBEAT, NAMES};
use crate::rules::{Settings, runbook_name};
use crate::telemetry::names::{Metric, label};

use super::Dashboard;
use super::panel::Panel;

/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;

/// Panels that answer one question together.
pub(super) struct Row {
    /// The question.
    pub(super) title: String,
    /// What answers it, from left to right.
    pub(super) panels: Vec<Panel>,
}

impl Row {
    pub(super) fn new(title: impl Into<String>, panels: Vec<Panel>) -> Self {
        Self { title: title.into(), panels }
    }
}

/// The variable that says which Prometheus is asked.
pub(super) fn data_source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// Where a panel leads to.
pub(super) fn panel_link(title: &str, url: &str) -> Value {
    link("link", title, url)
}

/// Puts the rows into the dashboard.
pub(super) fn dashboard(which: Dashboard, rows: &[Row], settings: &Settings) -> Value {
    json!({
        "uid": which.uid(),
        "title": which.title(),
        "description": which.description(),
        "tags": ["mcp-tap"],
        "schemaVersion": 41,
        "version": 1,
        "editable": true,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": which.from(), "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "annotations": {"list": annotations(which)},
        "links": links(which, settings),
        "templating": {"list": variables(which)},
        "panels": place(rows),
    })
}

/// Places panels from left to right, and rows below each other. A row's panels follow it, as Grafana wants them while
/// it is open.
fn place(rows: &[Row]) -> Value {
    let mut placed = Vec::new();
    let mut id = 0;
    let mut y = 0;
    let mut next = || {
        id += 1;
        id
    };
    for row in rows {
        placed.push(json!({
            "id": next(), "type": "row", "title": row.title, "collapsed": false, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        }));
        y += 1;
        let (mut x, mut tallest) = (0, 0);
        for panel in &row.panels {
            let (width, height) = panel.dimensions();
            if x + width > COLUMNS {
                (x, y, tallest) = (0, y + tallest, 0);
            }
            placed.push(panel.to_json(next(), (x, y)));
            x += width;
            tallest = tallest.max(height);
        }
        y += tallest;
    }
    Value::Array(placed)
}

fn variables(which: Dashboard) -> Value {
    let mut variables = vec![json!({
        "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "regex": "",
        "refresh": 1, "hide": 0, "multi": false, "includeAll": false, "skipUrlSync": false, "options": [],
    })];
    let here = Metric::BuildInfo.name();
    let fleet = "namespace=~\"$namespace\",mcp_server=~\"$mcp_server\"";
    variables.push(variable("namespace", "Namespace", &format!("label_values({here}, namespace)")));
    let servers = format!("label_values({here}{{namespace=~\"$namespace\"}}, {})", label::SERVER);
    variables.push(variable(label::SERVER, "Server", &servers));
    let values = |metric: Metric, name: &str| format!("label_values({}{{{fleet}}}, {name})", metric.name());
    variables.push(match which {
        Dashboard::Slo | Dashboard::ErrorBudget => {
            variable(label::SLO, "Objective", &values(Metric::SloEvents, label::SLO))
        }
        Dashboard::Tracing | Dashboard::Tools => {
            variable(label::TOOL, "Tool", &values(Metric::ToolRequests, label::TOOL))
        }
    });
    Value::Array(variables)
}

/// A variable of many values; all of them are any, so that series without the label are there too.
fn variable(name: &str, title: &str, query: &str) -> Value {
    json!({
        "type": "query", "name": name, "label": title, "datasource": data_source(),
        "query": {"query": query, "refId": name}, "regex": "", "refresh": 2, "sort": 1, "hide": 0, "multi": true,
        "includeAll": true, "allValue": ".*", "skipUrlSync": false, "options": [],
        "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
    })
}

fn link(kind: &str, title: &str, url: &str) -> Value {
    json!({
        "type": kind, "title": title, "url": url, "tags": [], "asDropdown": false, "includeVars": false,
        "keepTime": false, "targetBlank": true, "icon": "external link", "tooltip": "",
    })
}

/// Matchers of our pages and tickets about what a dashboard's variables choose, and about nothing of that kind. Alerts of
/// others are told by their categories: they have none of ours.
pub(super) fn alerts(which: Dashboard) -> String {
    let mut categories: Vec<_> = NAMES.iter().map(|alert| alert.category).collect();
    categories.retain(|category| *category != HEARTBEAT);
    categories.dedup();
    let chosen = |name: &str| format!(",{name}=~\"${name}|\"");
    let mut matchers =
        format!("category=~\"{}\",severity=~\"page|ticket\"{}", categories.join("|"), chosen("namespace"));
    matchers.push_str(&chosen(label::SERVER));
    if matches!(which, Dashboard::Slo | Dashboard::ErrorBudget) {
        matchers.push_str(&chosen(label::SLO));
    }
    matchers
}

/// Alerts that fire, where they fired.
fn annotations(which: Dashboard) -> Value {
    let expr = format!("ALERTS{{alertstate=\"firing\",{}}}", alerts(which));
    json!([
        {
            "builtIn": 1, "type": "dashboard", "name": "Annotations & Alerts", "enable": true, "hide": true,
            "iconColor": "rgba(0, 211, 255, 1)", "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        },
        {
            "name": "Alerts of MCP servers", "enable": true, "hide": false, "iconColor": "red",
            "datasource": data_source(), "target": {"refId": "alerts", "expr": expr}, "expr": expr,
            "step": "60s", "titleFormat": "{{alertname}} ({{severity}})",
            "textFormat": "{{namespace}}/{{mcp_server}} {{slo}} {{tool_name}}", "tagKeys": "namespace,mcp_server,slo",
            "useValueForTime": false,
        },
    ])
}

fn links(which: Dashboard, settings: &Settings) -> Value {
    let mut others = link("dashboards", "mcp-tap", "");
    others["tags"] = json!(["mcp-tap"]);
    others["includeVars"] = json!(true);
    others["keepTime"] = json!(true);
    others["targetBlank"] = json!(false);
    let runbooks = which.alerts().iter().filter_map(|alert| {
        let mut link = link("link", &format!("Runbook: {alert}"), &runbook(settings, alert)?);
        link["icon"] = json!("doc");
        link["tooltip"] = json!("What to do when this alert fires");
        Some(link)
    });
    std::iter::once(others).chain(runbooks).collect()
}

/// The address of an alert's runbook; none where only a path is configured, which leads nowhere from Grafana.
fn runbook(settings: &Settings, alert: &str) -> Option<String> {
    let url = runbook_place(settings, alert);
    ["http://", "https://", "/"].iter().any(|start| url.starts_with(start)).then_some(url)
}

/// Where an alert's runbook is: an address, or a path in the repository.
fn runbook_place(settings: &Settings, alert: &str) -> String {
    settings.runbook_url.replace("{alert}", &runbook_name(alert))
}

/// Says in a panel where the runbook of its alert is.
pub(super) fn explained(settings: &Settings, panel: Panel, alert: &str) -> Panel {
    match runbook(settings, alert) {
        Some(url) => panel.link(format!("Runbook: {alert}"), url),
        None => panel.tell(&format!("Alert {alert}, runbook {}.", runbook_place(settings, alert))),
    }
}

/// The address of another dashboard, with the same servers and time.
pub(super) fn to_dashboard(settings: &Settings, which: Dashboard) -> String {
    let url = settings.dashboard_url.replace("{dashboard}", which.uid());
    let separator = if url.contains('?') { '&' } else { '?' };
    let variables = ["datasource", "namespace", label::SERVER].map(|name| format!("&${{{name}:queryparam}}"));
    format!("{url}{separator}${{__url_time_range}}{}", variables.concat())
}
