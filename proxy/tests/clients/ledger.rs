//! What the metrics say of a client's run, and what they must say: of calls what the plan says, of methods what
//! the client counted itself, of the catalogue what it was given.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::plan::{Expected, Plan};
use super::support::scrape::Scrape;

/// What a client was answered otherwise than directly.
pub(crate) fn answer_differences(plan: &Plan, direct: &Value, tapped: &Value) -> Vec<String> {
    let none = Vec::new();
    let answers = |run: &Value| run["answers"].as_array().unwrap_or(&none).clone();
    let steps = plan.steps.iter().zip(answers(direct).into_iter().zip(answers(tapped)));
    let mut wrong: Vec<String> = steps
        .filter(|(_, (direct, tapped))| direct != tapped)
        .map(|(step, (direct, tapped))| format!("{step}: {direct} directly, {tapped} tapped"))
        .collect();
    if wrong.is_empty() && direct != tapped {
        wrong.push(format!("{direct} directly, {tapped} tapped"));
    }
    wrong
}

/// The series of which something else was counted than expected.
pub(crate) fn metric_differences(seen: &Expected, expected: &Expected) -> Vec<String> {
    let all: BTreeSet<&String> = expected.keys().chain(seen.keys()).collect();
    all.into_iter()
        .filter(|series| expected.get(*series) != seen.get(*series))
        .map(|series| {
            format!("{series}: {:?} expected, {:?} counted", expected.get(series), seen.get(series))
        })
        .collect()
}

/// All series that are compared, each as `metric label label …`; absent means zero.
pub(crate) fn observed(scrape: &Scrape) -> Expected {
    let mut seen = Expected::new();
    let mut keep = |series: Vec<String>, value: f64| {
        seen.insert(series.join(" "), value);
    };
    for ([tool, client, result, error], value) in
        scrape.by("mcp_tool_requests_total", ["tool_name", "client_id", "result", "error_type"])
    {
        keep(vec!["requests".into(), tool, client, result, error], value);
    }
    for ([tool, fault], value) in scrape.by("mcp_proxy_faults_total", ["tool_name", "fault"]) {
        keep(vec!["faults".into(), tool, fault], value);
    }
    for ([tool], value) in scrape.by("mcp_tool_duration_seconds_count", ["tool_name"]) {
        keep(vec!["durations".into(), tool], value);
    }
    for ([tool], value) in scrape.by("mcp_proxy_repeated_calls_total", ["tool_name"]) {
        keep(vec!["repeated".into(), tool], value);
    }
    for ([kind], value) in scrape.by("mcp_proxy_interim_results_total", ["kind"]) {
        keep(vec!["interim".into(), kind], value);
    }
    let operations = "mcp_server_operation_duration_seconds_count";
    for ([method], value) in scrape.by(operations, ["mcp_method_name"]) {
        keep(vec!["operations".into(), method], value);
    }
    for ([method, code], value) in scrape.by(operations, ["mcp_method_name", "rpc_response_status_code"]) {
        if !code.is_empty() {
            keep(vec!["errors".into(), method, code], value);
        }
    }
    for (name, metric) in SINGLE {
        let value = scrape.sum(metric);
        if value != 0.0 {
            keep(vec![name.into()], value);
        }
    }
    seen
}

/// Metrics of which only the sum is compared.
const SINGLE: [(&str, &str); 9] = [
    ("unknown", "mcp_proxy_unknown_tool_calls_total"),
    ("asked", "mcp_proxy_server_request_duration_seconds_count"),
    ("sessions", "mcp_server_session_duration_seconds_count"),
    ("catalogue", "mcp_proxy_catalogue_tools"),
    ("inflight", "mcp_proxy_inflight_operations"),
    ("connections", "mcp_active_connections"),
    ("unread", "mcp_proxy_not_inspected_total"),
    ("findings", "mcp_proxy_message_findings_total"),
    ("unmatched", "mcp_proxy_unmatched_messages_total"),
];

/// What the metrics must say of a client with this name. `refusal`: the code by which servers that only know the older
/// revisions refuse the question for newer ones.
pub(crate) fn expected(name: &str, plan: &Plan, run: &Value, refusal: &str) -> Expected {
    let sent = &run["sent"];
    let tools = run["answers"][0]["result"]["tools"].as_array().map_or(0, Vec::len);
    assert!(tools > 0, "the client was given no tools");
    let digest: String = Sha256::digest(name).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut expected = plan.expected(&digest);
    expected.insert("catalogue".to_owned(), tools as f64);
    for (method, count) in sent.as_object().expect("counts by method") {
        let count = count.as_f64().expect("a count");
        let series = if method == "answer" { "asked".to_owned() } else { format!("operations {method}") };
        expected.insert(series, count);
    }
    // The modern era has no sessions.
    if sent.get("initialize").is_some() {
        expected.insert("sessions".to_owned(), 1.0);
    }
    if sent.get("initialize").is_some() && sent.get("server/discover").is_some() {
        expected.insert(format!("errors server/discover {refusal}"), 1.0);
    }
    expected
}
