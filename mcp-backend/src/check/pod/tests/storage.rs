use serde_json::{Value, json};

use super::{Case, check, healthy};

fn with_claim(case: Case, phase: Option<&str>) -> Case {
    let volumes = json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data-1" } }]);
    let mut case = case.pod(json!({ "spec": { "volumes": volumes } }));
    case.claims = Some(
        phase
            .iter()
            .map(|phase| {
                json!({ "metadata": { "name": "data-1" }, "spec": { "storageClassName": "fsat" },
                    "status": { "phase": phase } })
            })
            .collect(),
    );
    case
}

#[test]
fn a_claim_must_be_there_and_bound() {
    check(&with_claim(healthy(), Some("Bound")), &[]);
    check(&with_claim(healthy(), Some("Lost")), &["POD-018 critical"]);
    check(&with_claim(healthy(), None), &["POD-018 critical"]);
    let pending = with_claim(healthy().pending(), Some("Pending"));
    check(&pending, &["POD-018 critical"]);
    let evidence = pending.issue("POD-018").evidence;
    assert_eq!(evidence[0], "PVC-001: claim phase Pending, storage class \"fsat\"");
}

#[test]
fn a_pending_claim_explains_why_there_is_no_node_only_if_it_is_the_sole_cause() {
    let unscheduled = |message: &str| healthy().unscheduled("Unschedulable", message);
    let sole = "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
    let case = with_claim(unscheduled(sole), Some("Pending"));
    check(&case, &["POD-018 critical"]);
    assert_eq!(case.issue("POD-018").evidence.last().unwrap(), "explains POD-007");
    // The volume comes with the node: the claim waits for the scheduler, not the other way round.
    let other = "0/4 nodes are available: 4 Insufficient cpu.";
    check(&with_claim(unscheduled(other), Some("Pending")), &["POD-007 critical"]);
    let gated = healthy().unscheduled("SchedulingGated", "");
    check(&with_claim(gated, Some("Pending")), &["POD-007 low"]);
}

fn with_map(case: Case, patch: Value, maps: Value) -> Case {
    let mut case = case.container(patch);
    case.config_maps = Some(maps.as_array().unwrap().clone());
    case
}

#[test]
fn a_config_map_and_its_key_must_be_there() {
    let key = |optional: bool| {
        json!({ "env": [{ "name": "MODE", "valueFrom": { "configMapKeyRef":
            { "name": "settings", "key": "mode", "optional": optional } } }] })
    };
    let map = |key: &str| json!([{ "metadata": { "name": "settings" }, "data": { key: "secret value" } }]);
    check(&with_map(healthy(), key(false), map("mode")), &[]);
    let missing_key = with_map(healthy(), key(false), map("other"));
    check(&missing_key, &["POD-019 critical app"]);
    let issue = missing_key.issue("POD-019");
    assert!(issue.message.contains("\"settings\" has no key \"mode\""), "{}", issue.message);
    assert!(!format!("{issue:?}").contains("secret value"));
    check(&with_map(healthy(), key(false), json!([])), &["POD-019 critical app"]);
    check(&with_map(healthy(), key(true), json!([])), &[]);
    let binary = json!([{ "metadata": { "name": "settings" }, "binaryData": { "mode": "AA==" } }]);
    check(&with_map(healthy(), key(false), binary), &[]);
}

#[test]
fn a_missing_map_of_a_volume_explains_why_nothing_is_created() {
    let volumes = json!([{ "name": "conf", "configMap": { "name": "settings" } }]);
    let case = healthy()
        .pod(json!({ "spec": { "volumes": volumes } }))
        .pending()
        .state(json!({ "waiting": { "reason": "ContainerCreating" } }))
        .warning("FailedMount", "configmap \"settings\" not found", 9, 30);
    check(&case, &["POD-019 critical"]);
    assert_eq!(case.issue("POD-019").evidence, ["explains POD-008"]);
}

#[test]
fn one_missing_map_is_one_issue() {
    let from = |names: &[&str]| -> Value {
        let all: Vec<Value> = names.iter().map(|name| json!({ "configMapRef": { "name": name } })).collect();
        json!({ "envFrom": all })
    };
    check(&with_map(healthy(), from(&["a", "a"]), json!([])), &["POD-019 critical app"]);
    let said = |names: &[&str]| {
        let message =
            json!({ "reason": "CreateContainerConfigError", "message": "configmap \"a\" not found" });
        with_map(healthy().pending().state(json!({ "waiting": message })), from(names), json!([]))
    };
    check(&said(&["a"]), &["POD-003 critical app"]);
    check(&said(&["a", "a-b"]), &["POD-003 critical app", "POD-019 critical app"]);
}
