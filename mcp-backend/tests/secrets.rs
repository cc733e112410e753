//! What is planted in variables, annotations and configuration maps of the simulated cluster comes out of the real
//! program nowhere: no answer of any tool, prompt or resource, no failure, no metric, no line of the log.

#[path = "support/backend.rs"]
#[expect(dead_code, reason = "each test file uses its own part")]
mod backend;
#[path = "support/cluster.rs"]
#[expect(dead_code, reason = "each test file uses its own part")]
mod cluster;
#[path = "../../proxy/tests/support/process.rs"]
#[expect(dead_code, reason = "shared with the tests of mcp-tap")]
mod process;
#[path = "support/questions.rs"]
mod questions;

use std::time::Duration;

use jiff::Timestamp;
use mcp_backend::cluster::KINDS;
use mcp_backend::sim::World;
use serde_json::{Value, json};

use backend::{Backend, exchange};
use cluster::Cluster;
use questions::Question;

/// A part of every value that is planted.
const PLANTED: &str = "PLANTED-SECRET";

/// Paths that lead to what must not be seen, or around what guards it.
const PATHS: &[&str] = &[
    "metadata.annotations",
    "metadata.managedFields",
    "data",
    "binaryData",
    "stringData",
    "spec.containers.env",
    "spec.containers.env.value",
    "spec.containers.0.env.0.value",
    "spec.containers.0.env.1.value",
    "spec.template.metadata.annotations",
    "spec.template.spec.containers.env",
    "spec.template.spec.containers.0.env.1.value",
    "spec.jobTemplate.spec.template.spec.containers.env.value",
    "spec.initContainers.env.value",
    "metadata.annotations.kubectl.kubernetes.io/last-applied-configuration",
    "",
    ".",
    "..",
    "*",
];

/// `get_resource` about every object with every path that leads to a secret: each alone, and by its own keys.
fn reaching(world: &World) -> Vec<Question> {
    let mut all = Vec::new();
    for kind in KINDS.iter().filter(|kind| kind.shown) {
        let objects = world.objects(kind.prefix, kind.plural);
        for (object, (namespace, name)) in objects.iter().zip(questions::objects(world, kind)) {
            let mut ask = |fields: Value| {
                let mut arguments = questions::resource(kind, &namespace, &name);
                arguments["fields"] = fields;
                all.push(("get_resource", arguments));
            };
            ask(json!(PATHS));
            // A path with a secret under it, or the secret itself.
            let mut paths = Vec::new();
            planted(object, "", &mut paths);
            for path in paths {
                ask(json!([path]));
            }
        }
    }
    all
}

/// The paths of all that holds something planted.
fn planted(value: &Value, path: &str, found: &mut Vec<String>) {
    if !value.to_string().contains(PLANTED) {
        return;
    }
    if !path.is_empty() {
        found.push(path.to_owned());
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| planted(value, &below(key), found)),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| planted(value, &below(&at.to_string()), found));
        }
        _ => {}
    }
}

/// What is asked wrongly, so that failures are seen too.
fn wrong() -> Vec<Question> {
    vec![
        ("get_resource", json!({"kind": "Secret", "namespace": "shop", "name": "shop-db"})),
        ("get_resource", json!({"kind": "ConfigMap", "namespace": "shop", "name": "web-setting"})),
        (
            "get_resource",
            json!({"kind": "ConfigMap", "namespace": "shop", "name": "web-settings", "fields": "data"}),
        ),
        ("diagnose_pod", json!({"namespace": "shop", "pod_name": "web"})),
        ("get_pod_logs", json!({"namespace": "shop", "pod_name": "web", "filter": "("})),
        ("list_pods", json!({"namespace": "shop", "label_selector": "a in ("})),
        ("list_pods", json!({"namespace": "shop", "cursor": "x"})),
    ]
}

#[tokio::test]
async fn no_answer_of_a_tool_holds_what_is_planted() {
    let mut leaks = Vec::new();
    for (seed, after) in [(1, Duration::ZERO), (4711, Duration::from_secs(6 * 3600))] {
        let cluster = Cluster::at(seed, after);
        let reaching = reaching(&cluster.world);
        let by_key = reaching.iter().filter(|(_, arguments)| arguments["fields"][1].is_null()).count();
        assert!(by_key > 50, "secrets are planted: {by_key}");
        let mut session = cluster.session().await;
        for (tool, arguments) in questions::about(&cluster.world).into_iter().chain(reaching).chain(wrong()) {
            let answer = session.ask("tools/call", json!({"name": tool, "arguments": arguments})).await;
            if answer.to_string().contains(PLANTED) {
                leaks.push(format!("{tool} {arguments}"));
            }
        }
        for (method, params) in other_requests() {
            let answer = session.ask(method, params.clone()).await;
            assert!(!answer.to_string().contains(PLANTED), "{method} {params}");
        }
    }
    assert!(leaks.is_empty(), "{} leaks\n{}", leaks.len(), leaks.join("\n"));
}

fn other_requests() -> Vec<(&'static str, Value)> {
    let prompt = |arguments: Value| json!({"name": "troubleshoot_pod", "arguments": arguments});
    vec![
        ("tools/list", json!({})),
        ("prompts/list", json!({})),
        ("prompts/get", prompt(json!({"namespace": "payments", "pod_name": "gateway"}))),
        ("prompts/get", prompt(json!({}))),
        ("prompts/get", json!({"name": "troubleshoot_cluster", "arguments": {"namespace": "shop"}})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({"uri": "checks://list"})),
        ("resources/read", json!({"uri": "checks://POD-003"})),
        ("resources/read", json!({"uri": "configmaps://shop/web-settings"})),
    ]
}

/// What the program says besides answers: asked by plain calls at the finest level of its log, with an API that fails now
/// and then.
#[test]
fn neither_log_nor_metrics_nor_plain_calls_hold_what_is_planted() {
    for (format, faults) in
        [("text", ""), ("json", "api_error=0.2,status=429:configmaps:0.5,forbidden=events")]
    {
        let flags =
            ["--sim-latency", "off", "--log", "trace", "--log-format", format, "--sim-faults", faults];
        let backend = Backend::start(&flags);
        let call = |tool: &str, args: &Value| {
            let body = json!({"tool": tool, "args": args}).to_string();
            backend.request("POST", "/call-tool", &[("content-type", "application/json")], &body)
        };
        let listed = call("list_pods", &json!({"namespace": "payments", "limit": 200}));
        let mut asked = 0;
        // Only the names of jobs hang on the time: the others of the world here are those there.
        let started = Timestamp::UNIX_EPOCH;
        let world = World::at(1, started, started);
        let chosen =
            questions::about(&world).into_iter().chain(reaching(&world)).chain(wrong()).filter(|question| {
                let text = question.1.to_string();
                ["web", "gateway", "settings"].iter().any(|name| text.contains(name))
                    || question.0 == "cluster_health"
            });
        for (tool, arguments) in chosen {
            let answer = call(tool, &arguments);
            assert!(!answer.body.contains(PLANTED), "{tool} {arguments}: {}", answer.body);
            asked += 1;
        }
        assert!(asked > 100 && !listed.body.contains(PLANTED), "{asked}");
        let metrics = exchange(backend.admin, "GET", "/metrics", &[], "");
        assert!(metrics.status == 200 && metrics.body.contains("get_resource"), "{metrics:?}");
        assert!(!metrics.body.contains(PLANTED), "{}", metrics.body);
        let (_, lines) = backend.stop();
        let said: Vec<&String> = lines.iter().filter(|line| line.contains(PLANTED)).collect();
        assert!(said.is_empty(), "{said:?}");
        assert!(lines.iter().any(|line| line.contains("ending")), "{lines:?}");
    }
}
