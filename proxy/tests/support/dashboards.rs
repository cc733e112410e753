//! What dashboards ask, as a test asks it.

use serde_json::Value;

/// Every query of a dashboard with the title of its panel; variables stand for everything.
pub(crate) fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().into_iter().flatten();
    panels
        .flat_map(|panel| {
            let title = panel["title"].as_str().unwrap_or_default();
            let targets = panel["targets"].as_array().into_iter().flatten();
            targets.map(move |target| (title.to_owned(), filled(target["expr"].as_str().unwrap_or_default())))
        })
        .collect()
}

/// A query with its variables filled in: all values of a label, ranges that fit short scrapes.
pub(crate) fn filled(expr: &str) -> String {
    [
        ("$__rate_interval", "1m"),
        ("$__range", "1h"),
        ("$namespace", ".*"),
        ("$mcp_server", ".*"),
        ("$slo", ".*"),
        ("$tool_name", ".*"),
    ]
    .iter()
    .fold(expr.to_owned(), |expr, (name, value)| expr.replace(name, value))
}
