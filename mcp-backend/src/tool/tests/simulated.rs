//! The tools that diagnose workloads, services, nodes and the cluster, on the simulated cluster.

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::cluster::Reader;
use crate::sim::{Options, Sim};
use crate::tool::{Context, find};

async fn call(tool: &str, arguments: Value, most: usize) -> Value {
    let clock = Clock::manual("2026-11-22T12:00:00Z".parse().unwrap());
    let sim = Sim::new(Options::default(), clock.clone());
    let reader = Reader::new(crate::cluster::stack(sim.client()), false);
    let context = Context { reader, now: clock.now() };
    let answer = (find(tool).unwrap().run)(context, arguments.as_object().unwrap().clone()).await.unwrap();
    let text = answer.to_string();
    assert!(text.len() <= most, "{} bytes: {text}", text.len());
    answer
}

/// Check and object of each issue.
fn found(issues: &Value) -> Vec<String> {
    let of_one = |issue: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &issue["object"];
        format!("{} {}/{}", text(&issue["check"]), text(&object["namespace"]), text(&object["name"]))
    };
    issues.as_array().unwrap().iter().map(of_one).collect()
}

#[tokio::test]
async fn the_seeded_faults_are_found_in_the_cluster() {
    let answer = call("cluster_health", json!({"limit": 100}), 45_000).await;
    let found = found(&answer["issues"]);
    for expected in [
        "WRK-007 batch/migrate",
        "WRK-002 shop/checkout",
        "SVC-001 shop/catalog",
        "WRK-009 payments/fraud",
        "PVC-001 payments/",
        "NOD-002 /worker-3",
        "POD-001 payments/api",
        "POD-004 shop/recommender",
    ] {
        assert!(found.iter().any(|issue| issue.starts_with(expected)), "{expected} in {found:#?}");
    }
    for control in ["shop/web", "batch/nightly", "payments/archive", "platform/chatty"] {
        let about =
            |issue: &&String| issue.split(' ').nth(1).is_some_and(|object| object.starts_with(control));
        assert_eq!(found.iter().find(about), None);
    }
    assert_eq!(answer["partial"], json!([]));
}

#[tokio::test]
async fn each_seeded_workload_service_and_node_shows_its_cause() {
    for (tool, arguments, list, expected) in [
        (
            "diagnose_deployment",
            json!({"namespace": "payments", "deployment_name": "api"}),
            "root_causes",
            "POD-001",
        ),
        (
            "diagnose_deployment",
            json!({"namespace": "shop", "deployment_name": "checkout"}),
            "issues",
            "WRK-002",
        ),
        (
            "diagnose_deployment",
            json!({"namespace": "batch", "deployment_name": "migrate", "kind": "Job"}),
            "issues",
            "WRK-007",
        ),
        ("diagnose_service", json!({"namespace": "shop", "service_name": "catalog"}), "issues", "SVC-001"),
        ("diagnose_node", json!({"node_name": "worker-3"}), "issues", "NOD-002"),
    ] {
        let answer = call(tool, arguments.clone(), 8_000).await;
        let issues = found(&answer[list]);
        assert!(issues.first().is_some_and(|issue| issue.starts_with(expected)), "{arguments}: {answer:#}");
    }
}
