//! Official clients and official servers, with the proxy in between and without: the clients get the same answers, and
//! the metrics say what they did, number by number.

#[path = "clients/ledger.rs"]
mod ledger;
#[path = "clients/plan.rs"]
mod plan;
mod support;

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use plan::{Dialect, Expected, Plan};
use support::parts::{Parts, Server};
use support::process::{Process, fail};
use support::scrape::Scrape;
use support::tap::{Tap, through_proxy};

/// One run of a client takes about two seconds on an idle machine.
const RUN: Duration = Duration::from_secs(60);
/// How often and how long to look again: the last events of a session are recorded after the client has ended.
const SETTLE: (u32, Duration) = (150, Duration::from_millis(20));

/// How the SDK refuses over HTTP what comes before `initialize`.
const REFUSAL: &str = "-32000";

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
            let mut wrong = ledger::answer_differences(plan, &direct, &tapped);
            wrong.extend(metric_differences(&tap, &ledger::expected(client.1, plan, &tapped, REFUSAL)));
            wrong.into_iter().map(move |what| format!("{client:?} {}: {what}", server.url()))
        })
        .collect();
    if !wrong.is_empty() {
        fail(&wrong.join("\n"));
    }
}

/// Looks until the metrics are as expected, or long enough.
fn metric_differences(tap: &Tap, expected: &Expected) -> Vec<String> {
    let mut seen = Expected::new();
    for _ in 0..SETTLE.0 {
        seen = ledger::observed(&Scrape::of(tap.admin));
        if seen == *expected {
            break;
        }
        thread::sleep(SETTLE.1);
    }
    ledger::metric_differences(&seen, expected)
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
