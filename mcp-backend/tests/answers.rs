//! What every tool answers about everything in the simulated cluster, as clients of MCP see it: what the schema says,
//! the same as text, and no larger than agents can take.

#[path = "support/cluster.rs"]
#[expect(dead_code, reason = "each test file uses its own part")]
mod cluster;
#[path = "support/questions.rs"]
mod questions;

use std::collections::HashMap;
use std::time::Duration;

use jsonschema::Validator;
use mcp_backend::sim::Options;
use mcp_backend::tool::{MOST_CHARACTERS, catalogue};
use serde_json::{Value, json};

use cluster::{Cluster, Session};

/// What the text of an answer may have, in bytes.
fn most(tool: &str) -> usize {
    match tool {
        "diagnose_pod" | "diagnose_deployment" | "diagnose_service" | "diagnose_node" => 8_000,
        "get_pod_logs" | "analyze_logs" => 24_000,
        _ => MOST_CHARACTERS,
    }
}

fn validators() -> HashMap<&'static str, Validator> {
    let of_one = |schema: &serde_json::Map<String, Value>| {
        jsonschema::draft202012::new(&Value::Object(schema.clone())).expect("a schema")
    };
    catalogue().iter().map(|entry| (entry.name, of_one(&entry.output_schema))).collect()
}

const ERROR_TYPE: &str = "io.github.mcp-backend/error_type";

async fn ask(session: &mut Session, tool: &str, arguments: &Value) -> Value {
    let answer = session.ask("tools/call", json!({"name": tool, "arguments": arguments})).await;
    assert!(answer.get("error").is_none(), "{tool} {arguments}: {answer}");
    answer["result"].clone()
}

/// What is wrong with a result of MCP; whether it is a success.
fn check(validators: &HashMap<&str, Validator>, tool: &str, result: &Value) -> Result<bool, String> {
    let content = result["content"].as_array().ok_or("no content")?;
    let [block] = content.as_slice() else { return Err(format!("{} blocks", content.len())) };
    let text = block["text"].as_str().ok_or("no text")?;
    if text.len() > most(tool) {
        return Err(format!("{} bytes", text.len()));
    }
    if result["isError"] == true {
        if result.get("structuredContent").is_some() {
            return Err("a failure with structured content".to_owned());
        }
        let kind = result["_meta"][ERROR_TYPE].as_str().ok_or("a failure without its type")?;
        return match (text.split_once("; "), kind) {
            (_, "internal_error") => Err(format!("a mistake of the server: {text}")),
            (Some((failed, next)), _) if !failed.is_empty() && !next.is_empty() => Ok(false),
            _ => Err(format!("a failure that does not say what to try next: {text}")),
        };
    }
    let structured = &result["structuredContent"];
    let parsed: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if parsed != *structured {
        return Err("the text is not the structured content".to_owned());
    }
    let errors: Vec<String> = validators[tool]
        .iter_errors(structured)
        .take(3)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    if errors.is_empty() { Ok(true) } else { Err(errors.join("; ")) }
}

#[tokio::test]
async fn every_answer_is_what_its_schema_says_and_small() {
    let validators = validators();
    let mut failures = Vec::new();
    for (seed, after) in [(1, Duration::ZERO), (4711, Duration::from_secs(6 * 3600))] {
        let cluster = Cluster::at(seed, after);
        let mut session = cluster.session().await;
        let mut asked: HashMap<&str, (usize, usize)> = HashMap::new();
        for (tool, arguments) in questions::about(&cluster.world) {
            let result = ask(&mut session, tool, &arguments).await;
            let (successes, all) = asked.entry(tool).or_default();
            *all += 1;
            match check(&validators, tool, &result) {
                Ok(success) => *successes += usize::from(success),
                Err(wrong) => failures.push(format!("{tool} {arguments}: {wrong}")),
            }
        }
        assert_eq!(asked.len(), catalogue().len(), "every tool was asked: {asked:?}");
        for (tool, (successes, all)) in asked {
            // Containers that never ran have no log.
            let enough = if tool.ends_with("_logs") { successes * 2 > all } else { successes == all };
            assert!(enough, "{tool}: {successes} of {all}");
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

/// The result of a question that is to fail: it must have this type.
async fn refused(cluster: &Cluster, tool: &str, arguments: Value, kind: &str) {
    let mut session = cluster.session().await;
    let result = ask(&mut session, tool, &arguments).await;
    assert_eq!(check(&validators(), tool, &result), Ok(false), "{tool} {arguments}: {result}");
    assert_eq!(result["_meta"][ERROR_TYPE], kind, "{tool} {arguments}: {result}");
}

/// Arguments about something, by which each tool can be asked.
fn arguments(tool: &str, name: &str) -> Value {
    match tool {
        "cluster_health" | "list_pods" | "get_events" => json!({"namespace": "shop"}),
        "diagnose_deployment" => json!({"namespace": "shop", "deployment_name": name}),
        "diagnose_service" => json!({"namespace": "shop", "service_name": name}),
        "diagnose_node" => json!({"node_name": name}),
        "get_resource" => json!({"namespace": "shop", "kind": "Deployment", "name": name}),
        _ => json!({"namespace": "shop", "pod_name": name}),
    }
}

#[tokio::test]
async fn wrong_arguments_are_refused_by_every_tool() {
    let cluster = Cluster::at(1, Duration::ZERO);
    for entry in catalogue() {
        let good = arguments(entry.name, "web");
        let properties = entry.input_schema["properties"].as_object().expect("properties");
        let mut bad = vec![("no_such_argument", json!(1)), ("kubectl", json!("delete"))];
        for property in properties.keys() {
            bad.push((property, json!({"a": "map"})));
        }
        for place in ["namespace", "pod_name", "node_name", "service_name", "deployment_name", "name"] {
            if properties.contains_key(place) {
                bad.extend(
                    ["", "..", "../x", "UPPER", "a b", "a/b", "a\u{0}", "ä", "-x"]
                        .map(|name| (place, json!(name))),
                );
                bad.push((place, json!("x".repeat(254))));
            }
        }
        for (name, value) in bad {
            let mut arguments = good.clone();
            arguments[name] = value;
            refused(&cluster, entry.name, arguments, "validation_error").await;
        }
        for required in entry.input_schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let mut arguments = good.clone();
            arguments.as_object_mut().expect("an object").remove(required.as_str().expect("a name"));
            refused(&cluster, entry.name, arguments, "validation_error").await;
        }
    }
}

#[tokio::test]
async fn each_failure_says_its_type() {
    let cluster = Cluster::at(1, Duration::ZERO);
    let of_objects = catalogue()
        .iter()
        .map(|entry| entry.name)
        .filter(|tool| !["cluster_health", "list_pods", "get_events"].contains(tool));
    for tool in of_objects.clone() {
        refused(&cluster, tool, arguments(tool, "no-such-thing"), "not_found").await;
    }
    for (faults, kind) in [
        (
            "forbidden=pods,forbidden=log,forbidden=nodes,forbidden=services,forbidden=deployments,forbidden=metrics",
            "forbidden",
        ),
        ("api_error=1", "api_error"),
    ] {
        let options = Options { faults: faults.parse().expect("faults"), ..Options::default() };
        let cluster = Cluster::with(options, Duration::ZERO);
        for tool in of_objects.clone() {
            refused(&cluster, tool, arguments(tool, "web"), kind).await;
        }
        refused(&cluster, "list_pods", json!({}), kind).await;
    }
}

/// Whatever single input cannot be read, answers keep to their schemas.
#[tokio::test]
async fn partial_answers_are_what_their_schemas_say() {
    let validators = validators();
    for target in
        ["metrics", "events", "log", "nodes", "configmaps", "persistentvolumeclaims", "endpointslices"]
    {
        let faults = format!("forbidden={target}").parse().expect("faults");
        let cluster = Cluster::with(Options { faults, ..Options::default() }, Duration::ZERO);
        let mut session = cluster.session().await;
        let mut partial = 0;
        for (tool, arguments) in questions::about(&cluster.world) {
            if !(tool.starts_with("diagnose") || tool == "cluster_health") || tool == "diagnose_node" {
                continue;
            }
            let result = ask(&mut session, tool, &arguments).await;
            assert_eq!(check(&validators, tool, &result), Ok(true), "{target}: {tool} {arguments}: {result}");
            let inputs = result["structuredContent"]["partial"].as_array().expect("a list");
            partial += usize::from(!inputs.is_empty());
        }
        assert!(partial > 0, "{target}");
    }
}

#[tokio::test]
async fn two_hundred_thousand_lines_are_cut_to_what_an_agent_can_take() {
    let cluster = Cluster::at(1, Duration::ZERO);
    let pods = questions::pods(&cluster.world);
    let (namespace, pod) = pods.iter().find(|(_, pod)| pod.starts_with("chatty-")).expect("chatty");
    assert_eq!(cluster.world.log(namespace, pod, "chatty", false).expect("a log").len, 200_000);
    let mut session = cluster.session().await;
    for more in [json!({}), json!({"filter": "committed"}), json!({"filter": ".", "context_lines": 5})] {
        let mut arguments = json!({"namespace": namespace, "pod_name": pod, "tail_lines": 1000});
        arguments.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let result = ask(&mut session, "get_pod_logs", &arguments).await;
        assert_eq!(check(&validators(), "get_pod_logs", &result), Ok(true), "{result}");
        let answer = &result["structuredContent"];
        assert_eq!(answer["total_lines"], 1000, "{arguments}");
        // The newest lines stay, whole.
        let lines = answer["lines"].as_array().expect("lines");
        assert!(lines.len() > 50, "{} lines", lines.len());
        let narrower = answer["truncated"]["hint"].as_str().expect("a hint");
        assert!(narrower.contains("filter"), "{narrower}");
    }
}

#[tokio::test]
async fn the_list_of_tools_is_small() {
    let mut session = Cluster::at(1, Duration::ZERO).session().await;
    let answer = session.ask("tools/list", json!({})).await;
    let text = answer["result"]["tools"].to_string();
    assert!(text.len() <= 16_000, "{} bytes", text.len());
    for entry in catalogue() {
        for schema in [&entry.input_schema, &entry.output_schema] {
            jsonschema::draft202012::meta::validate(&Value::Object((**schema).clone())).expect(entry.name);
        }
    }
}
