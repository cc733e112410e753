//! Official clients against the real program, over HTTP and over standard input and output: each lists and calls every
//! tool there is. They check answers themselves: structured content against the declared schema, for one.

#[expect(dead_code, reason = "each test file uses its own part")]
#[path = "support/backend.rs"]
mod backend;
#[expect(dead_code, reason = "shared with the tests of mcp-tap")]
#[path = "../../proxy/tests/support/parts.rs"]
mod parts;
#[expect(dead_code, reason = "shared with the tests of mcp-tap")]
#[path = "../../proxy/tests/support/process.rs"]
mod process;

use std::process::Command;
use std::time::Duration;

use mcp_backend::tool::catalogue;
use serde_json::{Value, json};

use backend::{Backend, EXECUTABLE};
use parts::Parts;
use process::{Process, fail};

const INSPECTOR: &str = "@modelcontextprotocol/inspector/clients/launcher/build/index.js";
/// A run of a client takes about two seconds on an idle machine.
const RUN: Duration = Duration::from_secs(90);

/// A script, its way to connect, and the revision that comes of it.
type Client = (&'static str, &'static str, &'static str);
const SDK_CLIENTS: [Client; 6] = [
    ("client-v2.mjs", "legacy", "2025-11-25"),
    ("client-v2.mjs", "auto", "2026-07-28"),
    ("client-v2.mjs", "modern", "2026-07-28"),
    ("client.py", "legacy", "2025-11-25"),
    ("client.py", "auto", "2026-07-28"),
    ("client.py", "modern", "2026-07-28"),
];
const V1_HTTP: Client = ("client-v1.mjs", "http", "2025-11-25");
const V1_STDIO: Client = ("client-v1.mjs", "stdio", "2025-11-25");

#[test]
fn official_clients_over_http() {
    let backend = Backend::start(&["--sim-latency", "off"]);
    let plan = Plan::of(&backend);
    for client in SDK_CLIENTS.into_iter().chain([V1_HTTP]) {
        plan.follow(client, &backend.url());
    }
}

#[test]
fn official_clients_over_stdio() {
    let plan = Plan::of(&Backend::start(&["--sim-latency", "off"]));
    let program = json!([EXECUTABLE, "--stdio", "--sim-latency", "off"]).to_string();
    for client in SDK_CLIENTS.into_iter().chain([V1_STDIO]) {
        plan.follow(client, &program);
    }
}

#[test]
fn the_inspector_on_the_command_line() {
    let backend = Backend::start(&["--sim-latency", "off"]);
    let plan = Plan::of(&backend);
    let url = backend.url();
    let over_stdio = [EXECUTABLE, "--stdio"];
    for (target, era) in [(&[url.as_str()][..], "legacy"), (&[&url], "modern"), (&over_stdio, "legacy")] {
        let listed = inspect(target, &["--protocol-era", era, "--method", "tools/list"]);
        assert_eq!(names(&listed["tools"]), catalogue_names(), "{era}");
        let prompts = inspect(target, &["--protocol-era", era, "--method", "prompts/list"]);
        assert_eq!(names(&prompts["prompts"]), ["troubleshoot_pod", "troubleshoot_cluster"], "{era}");
        let asked = ["--protocol-era", era, "--method", "resources/read", "--uri", "checks://list"];
        let list = inspect(target, &asked);
        assert_eq!(list["contents"][0]["mimeType"], "text/markdown", "{era}");
    }
    for (tool, arguments) in &plan.calls {
        let mut flags =
            vec!["--method".to_owned(), "tools/call".to_owned(), "--tool-name".to_owned(), tool.clone()];
        for (name, value) in arguments.as_object().expect("arguments") {
            let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            flags.extend(["--tool-arg".to_owned(), format!("{name}={value}")]);
        }
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        well(tool, &inspect(&[&url], &flags));
    }
}

/// Runs the Inspector; the JSON that it prints.
fn inspect(target: &[&str], flags: &[&str]) -> Value {
    let mut command = Parts::find().package(INSPECTOR);
    command.arg("--cli").args(target).args(flags);
    let (status, lines) = Process::start("inspector", &mut command).finish(RUN);
    // The log of a server over standard input and output may stand between any two lines of the JSON, which begin with
    // nothing else.
    let json: Vec<&str> =
        lines.iter().map(String::as_str).filter(|line| line.starts_with(['{', ' ', '}'])).collect();
    match serde_json::from_str(&json.join("\n")) {
        Ok(answer) if status.success() => answer,
        _ => fail(&format!("inspector {target:?} {flags:?} {status}:\n{}", lines.join("\n"))),
    }
}

fn names(list: &Value) -> Vec<String> {
    let entries = list.as_array().expect("a list");
    entries.iter().map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect()
}

fn catalogue_names() -> Vec<String> {
    catalogue().iter().map(|entry| entry.name.to_owned()).collect()
}

/// The answer to a call that must not fail.
fn well(tool: &str, result: &Value) {
    assert_ne!(result["isError"], true, "{tool}: {result}");
    assert!(result["structuredContent"].is_object(), "{tool}: {result}");
    let text = result["content"][0]["text"].as_str().expect("a text");
    let same: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(as_floats(same), as_floats(result["structuredContent"].clone()), "{tool}");
}

/// JavaScript has one kind of number: it writes 24 for 24.0.
fn as_floats(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(values) => values.into_iter().map(as_floats).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, as_floats(value))).collect(),
        other => other,
    }
}

/// What the clients do.
struct Plan {
    /// Every tool of the catalogue, with arguments that it answers well.
    calls: Vec<(String, Value)>,
}

impl Plan {
    /// With a pod that the cluster has.
    fn of(backend: &Backend) -> Self {
        let pod = a_running_pod(backend);
        let calls = catalogue().iter().map(|entry| (entry.name.to_owned(), arguments(entry.name, &pod)));
        Self { calls: calls.collect() }
    }

    fn steps(&self) -> Vec<Value> {
        let mut steps = vec![
            json!({"do": "list_tools"}),
            json!({"do": "list_prompts"}),
            json!({"do": "prompt", "name": "troubleshoot_cluster", "arguments": {"namespace": "shop"}}),
            json!({"do": "list_resources"}),
            json!({"do": "read", "uri": "checks://list"}),
            json!({"do": "read", "uri": "checks://NOPE"}),
            json!({"do": "call", "name": "nope", "arguments": {}}),
        ];
        let call =
            |(name, arguments): &(String, Value)| json!({"do": "call", "name": name, "arguments": arguments});
        steps.extend(self.calls.iter().map(call));
        steps
    }

    /// Lets a client follow the plan and looks at its answers.
    fn follow(&self, (script, mode, version): Client, target: &str) {
        let mut command: Command = Parts::find().script(script);
        command.args([target, mode, &json!(self.steps()).to_string()]);
        let (status, lines) = Process::start(script, &mut command).finish(RUN);
        assert!(status.success(), "{script} {mode} {status}:\n{}", lines.join("\n"));
        let line = lines.iter().find(|line| line.starts_with("{\"server\"")).expect("its answers");
        let run: Value = serde_json::from_str(line).expect("JSON");
        // The v1 SDK does not always tell; a client that does not ask for the server is not told who it is.
        assert!(run["version"].is_null() || run["version"] == version, "{script} {mode}: {}", run["version"]);
        assert!(run["server"].is_null() || run["server"]["name"] == "mcp-backend", "{}", run["server"]);

        let answers = run["answers"].as_array().expect("answers");
        assert_eq!(names(&answers[0]["result"]["tools"]), catalogue_names(), "{script} {mode}");
        assert_eq!(names(&answers[1]["result"]["prompts"]), ["troubleshoot_pod", "troubleshoot_cluster"]);
        assert_eq!(answers[2]["result"]["messages"][0]["role"], "user");
        assert_eq!(answers[3]["result"]["resources"][0]["uri"], "checks://list");
        assert_eq!(answers[4]["result"]["contents"][0]["uri"], "checks://list");
        // The code of the revision, or what the SDK makes of it.
        let code = answers[5]["error"]["code"].as_i64();
        assert!(matches!(code, Some(-32602 | -32002)), "{script} {mode}: {}", answers[5]);
        assert_eq!(answers[6]["error"]["code"], -32602, "{script} {mode}: {}", answers[6]);
        for ((tool, _), answer) in self.calls.iter().zip(&answers[7..]) {
            well(tool, &answer["result"]);
        }
        assert_eq!(answers.len(), 7 + self.calls.len());
    }
}

/// A tool that is not in this table fails the tests: no tool goes uncalled.
fn arguments(tool: &str, pod: &str) -> Value {
    match tool {
        "cluster_health" => json!({}),
        "list_pods" | "get_events" | "check_resource_usage" => json!({"namespace": "shop"}),
        "diagnose_pod" | "get_pod_logs" | "analyze_logs" => json!({"namespace": "shop", "pod_name": pod}),
        "diagnose_deployment" => json!({"namespace": "shop", "deployment_name": "web"}),
        "diagnose_service" => json!({"namespace": "shop", "service_name": "web"}),
        "diagnose_node" => json!({"node_name": "worker-1"}),
        "get_resource" => json!({"kind": "Namespace", "name": "shop"}),
        _ => fail(&format!("no arguments for {tool}")),
    }
}

/// The name of a pod of the simulated cluster that has a log.
fn a_running_pod(backend: &Backend) -> String {
    let body = json!({"tool": "list_pods", "args": {"namespace": "shop"}}).to_string();
    let listed =
        backend.request("POST", "/call-tool", &[("content-type", "application/json")], &body).message();
    let pods = listed["result"]["pods"].as_array().cloned().unwrap_or_default();
    let running = pods.iter().find(|pod| pod["reason"] == "Running").and_then(|pod| pod["name"].as_str());
    running.unwrap_or("web").to_owned()
}
