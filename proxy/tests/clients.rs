//! Official clients and official servers, with the proxy in between and without: the clients get the same answers, and
//! the metrics say what they did, number by number.

#[path = "clients/plan.rs"]
mod plan;
mod support;

use std::collections::BTreeSet;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use plan::{Dialect, Expected, Plan};
use support::parts::{Parts, Server};
use support::process::{Process, fail};
use support::scrape::Scrape;
use support::tap::{Tap, through_proxy};

/// One run of a client takes about two seconds on an idle machine.
const RUN: Duration = Duration::from_secs(60);
/// How often and how long to look again: the last events of a session are recorded after the client has ended.
const SETTLE: (u32, Duration) = (150, Duration::from_millis(20));

const EVERYTHING: &str = "@modelcontextprotocol/server-everything/dist/index.js";

/// A client program, the name it gives itself, and its way of connecting.
type Client = (&'static str, &'static str, &'static str);
const V2_LEGACY: Client = ("client-v2.mjs", "typescript-v2", "legacy");
const V2_AUTO: Client = ("client-v2.mjs", "typescript-v2", "auto");
const V2_MODERN: Client = ("client-v2.mjs", "typescript-v2", "modern");
const V2_SSE: Client = ("client-v2.mjs", "typescript-v2", "sse");
const V1_HTTP: Client = ("client-v1.mjs", "typescript-v1", "http");
const V1_SSE: Client = ("client-v1.mjs", "typescript-v1", "sse");
const PYTHON_LEGACY: Client = ("client.py", "python", "legacy");
const PYTHON_AUTO: Client = ("client.py", "python", "auto");
const PYTHON_MODERN: Client = ("client.py", "python", "modern");
const PYTHON_SSE: Client = ("client.py", "python", "sse");

const LEGACY: [Client; 3] = [V2_LEGACY, V1_HTTP, PYTHON_LEGACY];
const MODERN: [Client; 4] = [V2_AUTO, V2_MODERN, PYTHON_AUTO, PYTHON_MODERN];
const SSE: [Client; 3] = [V2_SSE, V1_SSE, PYTHON_SSE];

#[test]
fn everything_over_streamable_http() {
    let server = server("/mcp", Parts::find().package(EVERYTHING).arg("streamableHttp"));
    check(&server, &Plan::everything(), &LEGACY);
    // Clients of both eras ask for 2026-07-28 first and fall back.
    check(&server, &Plan::everything(), &[V2_AUTO, PYTHON_AUTO]);
}

#[test]
fn everything_over_http_and_sse() {
    let server = server("/sse", Parts::find().package(EVERYTHING).arg("sse"));
    check(&server, &Plan::everything(), &SSE);
}

#[test]
fn typescript_v2_server_of_both_eras() {
    let server = server("/mcp", &mut Parts::find().script("fixture-server.mjs"));
    check(&server, &Plan::common(Dialect::TypeScriptLegacy), &LEGACY);
    check(&server, &Plan::common(Dialect::TypeScriptModern), &MODERN);
}

#[test]
fn python_server_of_both_eras() {
    let server = server("/mcp", Parts::find().script("server.py").arg("streamable-http"));
    check(&server, &Plan::common(Dialect::PythonLegacy), &LEGACY);
    check(&server, &Plan::common(Dialect::PythonModern), &MODERN);
}

#[test]
fn python_server_over_http_and_sse() {
    let server = server("/sse", Parts::find().script("server.py").arg("sse"));
    check(&server, &Plan::common(Dialect::PythonLegacy), &SSE);
}

fn server(path: &'static str, command: &mut Command) -> Server {
    Server::start("server", path, command)
}

/// Lets each client follow the plan twice: alone with the server, and through a proxy of its own. Fails with all that
/// is wrong at once.
fn check(server: &Server, plan: &Plan, clients: &[Client]) {
    let wrong: Vec<String> = clients
        .iter()
        .flat_map(|&client| {
            let direct = follow(client, &server.url(), plan);
            let tap = through_proxy(&server.origin());
            let tapped = follow(client, &tap.url(server.path), plan);
            let mut wrong = answer_differences(plan, &direct, &tapped);
            wrong.extend(metric_differences(&tap, &expected(client, plan, &tapped)));
            wrong.into_iter().map(move |what| format!("{client:?} {}: {what}", server.url()))
        })
        .collect();
    if !wrong.is_empty() {
        fail(&wrong.join("\n"));
    }
}

fn answer_differences(plan: &Plan, direct: &Value, tapped: &Value) -> Vec<String> {
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

/// Looks until the metrics are as expected, or long enough.
fn metric_differences(tap: &Tap, expected: &Expected) -> Vec<String> {
    let mut seen = Expected::new();
    for _ in 0..SETTLE.0 {
        seen = observed(&Scrape::of(tap.admin));
        if seen == *expected {
            return Vec::new();
        }
        thread::sleep(SETTLE.1);
    }
    let all: BTreeSet<&String> = expected.keys().chain(seen.keys()).collect();
    all.into_iter()
        .filter(|series| expected.get(*series) != seen.get(*series))
        .map(|series| {
            format!("{series}: {:?} expected, {:?} counted", expected.get(series), seen.get(series))
        })
        .collect()
}

/// Runs a client; what it printed: server, version, answers, and how many messages of each method it sent.
fn follow((script, _, mode): Client, url: &str, plan: &Plan) -> Value {
    let mut command = Parts::find().script(script);
    let client = Process::start(script, command.args([url, mode, &json!(plan.steps).to_string()]));
    let (status, lines) = client.finish(RUN);
    assert!(status.success(), "{script} {mode} {status}:\n{}", lines.join("\n"));
    let line = lines.iter().find(|line| line.starts_with("{\"server\"")).expect("its answers");
    serde_json::from_str(line).expect("JSON")
}

/// All series that are compared, each as `metric label label …`; absent means zero.
fn observed(scrape: &Scrape) -> Expected {
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

/// What the metrics must say: of calls what the plan says, of methods what the client counted itself, of the catalogue
/// what it was given.
fn expected((_, name, _): Client, plan: &Plan, run: &Value) -> Expected {
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
    if sent.get("initialize").is_some() {
        expected.insert("sessions".to_owned(), 1.0);
    }
    // Servers that only know the older revisions refuse the question for newer ones.
    if sent.get("initialize").is_some() && sent.get("server/discover").is_some() {
        expected.insert("errors server/discover -32000".to_owned(), 1.0);
    }
    expected
}
