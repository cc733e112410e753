use serde_json::json;

use super::super::scheduling::{Cause, obstacles};
use super::{check, healthy};

#[test]
fn the_schedulers_message_is_split_by_cause() {
    let split = |message: &str| -> Vec<(Option<u32>, Cause)> {
        obstacles(message).into_iter().map(|obstacle| (obstacle.nodes, obstacle.cause)).collect()
    };
    for (text, cause) in [
        ("Insufficient cpu", Cause::Cpu),
        ("Insufficient memory", Cause::Memory),
        ("Insufficient ephemeral-storage", Cause::Storage),
        ("Insufficient nvidia.com/gpu", Cause::OtherResource),
        ("node(s) didn't match Pod's node affinity/selector", Cause::Selector),
        ("node(s) had untolerated taint {gpu: only}", Cause::Taint),
        ("node(s) didn't match pod anti-affinity rules", Cause::PodAffinity),
        ("node(s) didn't match pod topology spread constraints", Cause::Spread),
        ("node(s) had volume node affinity conflict", Cause::VolumePlace),
        ("Too many pods", Cause::PodCount),
        ("node(s) didn't have free ports for the requested pod ports", Cause::Ports),
        ("node(s) were unschedulable", Cause::Cordoned),
        ("something new", Cause::Other),
    ] {
        assert_eq!(split(&format!("0/4 nodes are available: 4 {text}.")), [(Some(4), cause)], "{text}");
    }
    let long = "0/4 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b, c}, \
                1 node(s) were unschedulable. preemption: 0/4 nodes are available: 4 No preemption victims found.";
    let causes = [(Some(1), Cause::Cpu), (Some(2), Cause::Taint), (Some(1), Cause::Cordoned)];
    assert_eq!(split(long), causes);
    let claim = "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/4.";
    assert_eq!(split(claim), [(None, Cause::Claim)]);
    assert_eq!(split("persistentvolumeclaim \"data\" not found"), [(None, Cause::Claim)]);
    let old = "0/2 nodes are available: 2 node(s) had taint {x: }, that the pod didn't tolerate.";
    assert_eq!(split(old), [(Some(2), Cause::Taint)]);
    assert!(split("").is_empty());
    assert_eq!(split("}{,{").len(), 1);
}

#[test]
fn a_pod_that_finds_no_node_says_why() {
    let message =
        "0/4 nodes are available: 1 node(s) had untolerated taint {gpu: only}, 3 Insufficient memory.";
    let case = healthy().unscheduled("Unschedulable", message).warning("FailedScheduling", message, 30, 40);
    check(&case, &["POD-007 critical"]);
    let issue = case.issue("POD-007");
    assert!(issue.message.starts_with("None of 4 nodes can take the pod: 1× "), "{}", issue.message);
    assert!(issue.recommendation.contains("tolerate the taint"), "{}", issue.recommendation);
    assert!(issue.recommendation.contains("memory request"), "{}", issue.recommendation);
    assert!(issue.evidence.iter().any(|it| it.contains("memory 128Mi")), "{issue:?}");
}

#[test]
fn without_a_message_in_the_condition_the_event_is_asked() {
    let message = "0/4 nodes are available: 4 Insufficient cpu.";
    let silent = healthy().unscheduled("Unschedulable", "");
    assert!(silent.issue("POD-007").message.contains("no cause is told"));
    let case = silent.warning("FailedScheduling", message, 30, 4);
    assert!(case.issue("POD-007").message.contains("4× \"Insufficient cpu\""));
}

#[test]
fn a_gated_pod_waits_on_purpose() {
    let case = healthy()
        .unscheduled("SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates")
        .pod(json!({ "spec": { "schedulingGates": [{ "name": "example.com/quota" }] } }));
    check(&case, &["POD-007 low"]);
    assert_eq!(case.issue("POD-007").evidence, ["scheduling gate: example.com/quota"]);
}

#[test]
fn a_pod_that_has_a_node_is_scheduled() {
    check(&healthy().pending(), &[]);
}
