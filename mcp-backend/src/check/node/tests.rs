use serde_json::{Value, json};

use super::*;

fn node(conditions: Value, spec: Value) -> Arc<Node> {
    let node = json!({
        "metadata": {"name": "worker-3"},
        "spec": spec,
        "status": {"conditions": conditions, "allocatable": {"cpu": "2", "memory": "4Gi", "pods": "10"}},
    });
    serde_json::from_value(node).unwrap()
}

fn pod(phase: &str, cpu: &str) -> Arc<Pod> {
    let pod = json!({
        "metadata": {"name": "p"},
        "spec": {
            "initContainers": [
                {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}},
                {"name": "init", "resources": {"requests": {"cpu": "300m"}}},
            ],
            "containers": [{"name": "app", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}],
        },
        "status": {"phase": phase},
    });
    serde_json::from_value(pod).unwrap()
}

fn facts(node: Arc<Node>, pods: Option<Vec<Arc<Pod>>>) -> NodeFacts {
    NodeFacts { now: "2026-11-22T12:00:00Z".parse().unwrap(), node, pods }
}

fn found(facts: &NodeFacts) -> Vec<(&'static str, Severity)> {
    issues(facts).iter().map(|issue| (issue.check, issue.severity)).collect()
}

#[test]
fn a_node_is_judged_by_its_conditions() {
    let is = |kind: &str, status: &str| {
        let since = "2026-11-22T11:50:00Z";
        json!({"type": kind, "status": status, "reason": "R", "message": "m", "lastTransitionTime": since})
    };
    for (conditions, expected) in [
        (json!([is("Ready", "True"), is("DiskPressure", "False")]), vec![]),
        (json!([is("Ready", "False")]), vec![("NOD-001", Severity::Critical)]),
        (json!([is("Ready", "Unknown")]), vec![("NOD-001", Severity::Critical)]),
        (json!([]), vec![("NOD-001", Severity::Critical)]),
        (json!([is("Ready", "True"), is("DiskPressure", "True")]), vec![("NOD-002", Severity::High)]),
        (json!([is("Ready", "True"), is("DiskPressure", "Unknown")]), vec![]),
        (json!([is("Ready", "True"), is("KernelDeadlock", "True")]), vec![("NOD-002", Severity::Low)]),
    ] {
        assert_eq!(found(&facts(node(conditions.clone(), json!({})), None)), expected, "{conditions}");
    }
    let issue = issues(&facts(node(json!([is("Ready", "False")]), json!({})), None)).remove(0);
    assert_eq!(issue.message, "Node worker-3 is not ready for 10 min");
}

#[test]
fn a_cordoned_node_is_a_remark() {
    let ready = json!([{"type": "Ready", "status": "True"}]);
    assert_eq!(
        found(&facts(node(ready.clone(), json!({"unschedulable": true})), None)),
        [("NOD-003", Severity::Low)]
    );
    assert_eq!(found(&facts(node(ready, json!({"unschedulable": false})), None)), []);
}

#[test]
fn a_node_is_full_above_nine_tenths() {
    let ready = json!([{"type": "Ready", "status": "True"}]);
    let node = node(ready, json!({}));
    // With the proxy of 100m each: 1.8 of 2 cores is not more than 90 %.
    for (cpu, full) in [(["800m", "800m"], false), (["800m", "810m"], true)] {
        let pods = cpu.iter().map(|cpu| pod("Running", cpu)).chain([pod("Succeeded", "2")]).collect();
        let facts = facts(Arc::clone(&node), Some(pods));
        assert_eq!(found(&facts).contains(&("NOD-004", Severity::Medium)), full, "{cpu:?}");
    }
    assert_eq!(found(&facts(node, None)), [], "pods that could not be read prove nothing");
}

#[test]
fn the_largest_init_container_counts_if_it_asks_for_more() {
    let node = node(json!([]), json!({}));
    let percent = requested(&node, &[pod("Running", "10m")]);
    assert_eq!((percent.cpu, percent.memory, percent.pods), (Some(20.0), Some(25.0), Some(10.0)));
}

#[test]
fn a_node_that_has_just_joined_is_not_ready_yet() {
    for (created, expected) in
        [("2026-11-22T11:58:01Z", Severity::Low), ("2026-11-22T11:58:00Z", Severity::Critical)]
    {
        let mut new = (*node(json!([{"type": "Ready", "status": "False"}]), json!({}))).clone();
        new.metadata.creation_timestamp = serde_json::from_value(json!(created)).unwrap();
        assert_eq!(found(&facts(Arc::new(new), None)), [("NOD-001", expected)]);
    }
}
