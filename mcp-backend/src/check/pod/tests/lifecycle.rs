use serde_json::json;

use super::{Case, ago, check, healthy};

#[test]
fn an_evicted_pod_names_the_resource_and_the_node() {
    let message =
        "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 900Mi.";
    let case = healthy()
        .pod(json!({ "status": { "phase": "Failed", "reason": "Evicted", "message": message,
            "containerStatuses": [] } }))
        .node(json!([{ "type": "DiskPressure", "status": "True" }]))
        .warning("Evicted", message, 60, 1);
    check(&case, &["POD-014 high"]);
    let issue = case.issue("POD-014");
    assert_eq!(issue.message, "The pod was evicted because its node ran low on ephemeral-storage");
    assert!(issue.evidence.contains(&"node: worker-1 (NOD-002)".to_owned()), "{issue:?}");
}

#[test]
fn a_pod_that_is_to_make_way_is_told() {
    let target = |status: &str| {
        healthy().pod(json!({ "status": { "conditions": [
            { "type": "DisruptionTarget", "status": status, "reason": "PreemptionByScheduler" },
        ] } }))
    };
    check(&target("True"), &["POD-014 high"]);
    check(&target("False"), &[]);
    check(&healthy().pod(json!({ "status": { "reason": "Evicted" } })), &[]);
}

#[test]
fn a_deleted_pod_has_its_grace_period_and_a_minute() {
    let deleted = |seconds: i64| {
        healthy().not_ready_for(seconds).pod(json!({ "metadata": {
            "deletionTimestamp": ago(seconds), "deletionGracePeriodSeconds": 30,
            "finalizers": ["example.com/cleanup"],
        } }))
    };
    check(&deleted(60), &[]);
    let case = deleted(61).node(json!([{ "type": "Ready", "status": "True" }]));
    check(&case, &["POD-015 medium"]);
    let issue = case.issue("POD-015");
    assert_eq!(issue.evidence, ["finalizer: example.com/cleanup", "node Ready=True"]);
    assert!(issue.recommendation.contains("controller that owns the finalizer"));
}

#[test]
fn a_bad_node_is_named() {
    check(&healthy().node(json!([{ "type": "Ready", "status": "True" }])), &[]);
    check(&healthy().node(json!([{ "type": "DiskPressure", "status": "False" }])), &[]);
    check(&healthy().node(json!([{ "type": "SomethingOdd", "status": "True" }])), &[]);
    for kind in ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"] {
        let case = healthy().node(json!([{ "type": kind, "status": "True" }]));
        check(&case, &["POD-020 high"]);
        assert!(case.issue("POD-020").message.ends_with(&format!("{kind}=True (NOD-002)")));
    }
    let unknown = healthy().node(json!([{ "type": "Ready", "status": "Unknown" }]));
    assert!(unknown.issue("POD-020").message.ends_with("Ready=Unknown (NOD-001)"));
}

#[test]
fn not_ready_without_a_cause_is_told_after_a_minute() {
    let case = healthy().status(json!({ "ready": false }));
    check(&case.clone().not_ready_for(60), &[]);
    check(&case.clone().not_ready_for(61), &["POD-023 high"]);
    assert!(case.not_ready_for(61).issue("POD-023").message.contains("\"app\" is not ready"));
    let gate = healthy()
        .not_ready_for(90)
        .pod(json!({ "spec": { "readinessGates": [{ "conditionType": "example.com/lb" }] } }));
    check(&gate, &["POD-023 high"]);
    assert_eq!(gate.issue("POD-023").evidence[1], "readiness gate example.com/lb: not set");
}

#[test]
fn a_low_remark_does_not_explain_why_a_pod_is_not_ready() {
    let case = healthy().status(json!({ "ready": false })).not_ready_for(90).usage("150m", "1Mi");
    check(&case, &["POD-023 high", "POD-017 low app"]);
    let case = case.node(json!([{ "type": "Ready", "status": "False" }]));
    check(&case, &["POD-020 high", "POD-017 low app"]);
}

#[test]
fn other_warnings_are_grouped_by_reason() {
    let few = healthy().warning("DNSConfigForming", "too many name servers", 30, 4);
    check(&few, &["POD-024 low"]);
    let many = few.clone().warning("DNSConfigForming", "search path too long", 50, 1);
    check(&many, &["POD-024 medium"]);
    let issue = many.issue("POD-024");
    assert!(issue.message.starts_with("Warning \"DNSConfigForming\" × 5, the last 30 s ago"), "{issue:?}");
    check(&few.warning("Odd", "x", 30, 1), &["POD-024 low", "POD-024 low"]);
}

#[test]
fn not_every_reason_is_told() {
    let warn = |case: Case, number: usize| case.warning(&format!("Odd{number}"), "x", 30, 1);
    let case = (0..9).fold(healthy(), warn).warning("Zealous", "x", 30, 9);
    check(&case, &["POD-024 medium", "POD-024 low", "POD-024 low", "POD-024 low", "POD-024 low"]);
}

#[test]
fn old_and_normal_events_are_no_warnings() {
    check(&healthy().warning("Odd", "x", 3_600, 50), &[]);
    check(&healthy().warning("Odd", "x", 3_599, 50), &["POD-024 low"]);
    check(&healthy().warning("Odd", "x", 600, 50), &["POD-024 low"]);
    let normal = json!({ "type": "Normal", "reason": "Pulled", "lastTimestamp": ago(5), "count": 50 });
    check(&healthy().event(normal), &[]);
    // Fifty in eleven hours are not five in the last ten minutes.
    let rare = json!({ "type": "Warning", "reason": "Odd", "count": 50, "firstTimestamp": ago(40_000),
        "lastTimestamp": ago(5) });
    check(&healthy().event(rare), &["POD-024 low"]);
}

#[test]
fn a_warning_that_a_rule_speaks_of_is_not_told_twice_but_told_if_nothing_is_left_of_it() {
    let back_off = healthy().warning("BackOff", "Back-off restarting failed container", 30, 9);
    check(&back_off, &["POD-024 medium"]);
    let loops = back_off.state(json!({ "waiting": { "reason": "CrashLoopBackOff" } }));
    check(&loops, &["POD-001 critical app"]);
}
