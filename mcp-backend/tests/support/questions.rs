//! What can be asked about a cluster: every tool about every object that it holds.

use mcp_backend::cluster::{KINDS, KindInfo};
use mcp_backend::sim::World;
use serde_json::{Value, json};

/// A tool and its arguments.
pub(crate) type Question = (&'static str, Value);

/// Namespace (empty for none) and name of every object of a kind.
pub(crate) fn objects(world: &World, kind: &KindInfo) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of_one = |object: &Value| (word(&object["metadata"]["namespace"]), word(&object["metadata"]["name"]));
    world.objects(kind.prefix, kind.plural).iter().map(of_one).collect()
}

fn kind(name: &str) -> &'static KindInfo {
    KINDS.iter().find(|kind| kind.name == name).expect("a kind")
}

/// Namespace and name of every pod.
pub(crate) fn pods(world: &World) -> Vec<(String, String)> {
    objects(world, kind("Pod"))
}

/// The arguments, and others beside them.
fn and(arguments: &Value, more: Value) -> Value {
    let mut all = arguments.as_object().expect("an object").clone();
    all.extend(more.as_object().expect("an object").clone());
    Value::Object(all)
}

/// Every tool about everything that is there.
pub(crate) fn about(world: &World) -> Vec<Question> {
    let mut all = about_all(world);
    for (namespace, pod) in pods(world) {
        about_pod(world, &namespace, &pod, &mut all);
    }
    for name in ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"] {
        for (namespace, workload) in objects(world, kind(name)) {
            let arguments = json!({"namespace": namespace, "deployment_name": workload, "kind": name});
            all.push(("diagnose_deployment", arguments));
        }
    }
    for (namespace, service) in objects(world, kind("Service")) {
        all.push(("diagnose_service", json!({"namespace": namespace, "service_name": service})));
    }
    for (_, node) in objects(world, kind("Node")) {
        all.push(("diagnose_node", json!({"node_name": node})));
    }
    for kind in KINDS.iter().filter(|kind| kind.shown) {
        for (namespace, name) in objects(world, kind) {
            all.push(("get_resource", resource(kind, &namespace, &name)));
        }
    }
    all
}

/// The arguments that show an object.
pub(crate) fn resource(kind: &KindInfo, namespace: &str, name: &str) -> Value {
    let all = json!({"kind": kind.name, "name": name});
    if namespace.is_empty() { all } else { and(&all, json!({"namespace": namespace})) }
}

fn about_all(world: &World) -> Vec<Question> {
    let mut all = Vec::new();
    let mut ask = |tool, arguments: Value| all.push((tool, arguments));
    let namespaces: Vec<Value> =
        objects(world, kind("Namespace")).into_iter().map(|(_, name)| json!({"namespace": name})).collect();
    for place in [json!({})].iter().chain(&namespaces) {
        for more in [
            json!({}),
            json!({"min_severity": "low", "limit": 100}),
            json!({"min_severity": "critical"}),
            json!({"limit": 1}),
        ] {
            ask("cluster_health", and(place, more));
        }
        for more in [
            json!({}),
            json!({"limit": 200, "since_seconds": 604_800}),
            json!({"type": "Warning", "limit": 3}),
            json!({"kind": "Pod", "since_seconds": 60}),
            json!({"name": "web"}),
        ] {
            ask("get_events", and(place, more));
        }
        for more in [
            json!({}),
            json!({"limit": 200, "only_unhealthy": true}),
            json!({"limit": 1}),
            json!({"phase": "Running", "label_selector": "app in (web, cart)"}),
            json!({"phase": "Failed"}),
        ] {
            ask("list_pods", and(place, more));
        }
    }
    ask("list_pods", json!({"all_namespaces": true, "limit": 200}));
    // It takes no call without a namespace.
    for place in &namespaces {
        for more in [
            json!({}),
            json!({"sort_by": "cpu", "limit": 100}),
            json!({"sort_by": "memory", "limit": 1}),
            json!({"sort_by": "restarts"}),
        ] {
            ask("check_resource_usage", and(place, more));
        }
    }
    all
}

fn about_pod(world: &World, namespace: &str, pod: &str, all: &mut Vec<Question>) {
    let of_pod = json!({"namespace": namespace, "pod_name": pod});
    let mut ask = |tool, more: Value| all.push((tool, and(&of_pod, more)));
    for more in
        [json!({}), json!({"deep_analysis": true}), json!({"check_logs": false, "check_events": false})]
    {
        ask("diagnose_pod", more);
    }
    for more in [
        json!({}),
        json!({"tail_lines": 1000}),
        json!({"tail_lines": 1000, "filter": "(?i)err|warn|fail", "context_lines": 5}),
        json!({"previous": true, "since_seconds": 86_400, "exclude_filter": "GET"}),
    ] {
        ask("get_pod_logs", more);
    }
    for more in [json!({}), json!({"tail_lines": 5000}), json!({"previous": true})] {
        ask("analyze_logs", more);
    }
    ask("check_resource_usage", json!({}));
    for container in containers(world, namespace, pod) {
        ask("get_pod_logs", json!({"container": container}));
        ask("analyze_logs", json!({"container": container, "since_seconds": 600}));
    }
    all.push(("get_events", json!({"namespace": namespace, "kind": "Pod", "name": pod})));
}

fn containers(world: &World, namespace: &str, name: &str) -> Vec<String> {
    let pods = kind("Pod");
    let mut found = world
        .objects(pods.prefix, pods.plural)
        .iter()
        .filter(|pod| pod["metadata"]["namespace"] == namespace && pod["metadata"]["name"] == name);
    let pod = found.next().expect("a pod");
    let lists = ["initContainers", "containers"].map(|list| pod["spec"][list].as_array());
    let names = lists.into_iter().flatten().flatten().filter_map(|container| container["name"].as_str());
    names.map(str::to_owned).collect()
}
