use serde_json::{Value, json};

use super::{Case, ago, check, healthy};

fn waiting(reason: &str, message: &str) -> Case {
    healthy().pending().state(json!({ "waiting": { "reason": reason, "message": message } }))
}

#[test]
fn the_cause_of_a_failed_pull_is_read_from_the_message() {
    for (reason, message, cause) in [
        ("ErrImagePull", "manifest for web:9 not found: manifest unknown", "no such image or tag"),
        ("ErrImagePull", "pull access denied: unauthorized", "refuses the credentials"),
        ("ErrImagePull", "dial tcp: lookup registry.example: no such host", "cannot be reached"),
        ("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", "cannot be reached"),
        ("ErrImagePull", "toomanyrequests: You have reached your pull rate limit", "limits the rate"),
        ("InvalidImageName", "couldn't parse image name", "not a valid image reference"),
        ("ErrImageNeverPull", "Container image is not present", "imagePullPolicy is Never"),
        ("SignatureValidationFailed", "policy", "signature was refused"),
        ("ImageInspectError", "rpc error", "names no known cause"),
        ("RegistryUnavailable", "", "names no known cause"),
    ] {
        let case = waiting(reason, message);
        check(&case, &["POD-002 critical app"]);
        let said = case.issue("POD-002").message;
        assert!(said.contains(cause), "{message}: {said}");
    }
}

#[test]
fn while_it_backs_off_the_cause_of_a_failed_pull_stands_in_the_event() {
    let case = waiting("ImagePullBackOff", "Back-off pulling image \"web:9\"")
        .warning("Failed", "Failed to pull image \"web:9\": manifest unknown", 20, 4)
        .warning("Failed", "Error: ImagePullBackOff", 10, 9)
        .warning("BackOff", "Back-off pulling image", 10, 9);
    check(&case, &["POD-002 critical app"]);
    assert!(case.issue("POD-002").message.contains("no such image or tag"));
}

#[test]
fn a_container_that_cannot_be_created_names_what_is_missing() {
    for (reason, message, advice) in [
        ("CreateContainerConfigError", "configmap \"settings\" not found", "ConfigMap"),
        ("CreateContainerConfigError", "secret \"token\" not found", "Secret"),
        ("RunContainerError", "exec: \"serve\": executable file not found in $PATH", "command"),
        ("PostStartHookError", "Exec lifecycle hook failed", "hook"),
        ("CreateContainerError", "name is reserved", "kubelet"),
        ("PreStartHookError", "", "hook"),
        ("PreCreateHookError", "", "hook"),
    ] {
        let case = waiting(reason, message);
        check(&case, &["POD-003 critical app"]);
        let issue = case.issue("POD-003");
        assert!(issue.recommendation.contains(advice) && issue.message.contains(&message.replace('\n', " ")));
    }
}

#[test]
fn a_pod_that_is_not_created_for_five_minutes_is_stuck() {
    let creating = |seconds: i64| {
        waiting("ContainerCreating", "").pod(json!({ "status": { "conditions": [
            { "type": "PodScheduled", "status": "True", "lastTransitionTime": ago(seconds) },
        ] } }))
    };
    check(&creating(300), &[]);
    check(&creating(301), &["POD-008 high"]);
    assert!(creating(301).issue("POD-008").recommendation.contains("No event tells why"));
    let attach = creating(400).warning("FailedMount", "Unable to attach or mount volumes", 300, 2).warning(
        "FailedAttachVolume",
        "Multi-Attach error for volume \"pvc-1\"",
        20,
        3,
    );
    check(&attach, &["POD-008 high"]);
    let issue = attach.issue("POD-008");
    assert!(issue.recommendation.contains("Another node"), "{issue:?}");
    assert!(issue.evidence[1].starts_with("event FailedAttachVolume ×3"), "{issue:?}");
    let network = creating(400).warning("NetworkNotReady", "network is not ready", 20, 3);
    assert!(network.issue("POD-008").recommendation.contains("network plugin"));
}

fn waits(spec: Value, status: Value) -> Case {
    waiting("PodInitializing", "").init(spec, status)
}

#[test]
fn an_init_container_may_run_for_five_minutes() {
    let running =
        |seconds: i64| waits(json!({}), json!({ "state": { "running": { "startedAt": ago(seconds) } } }));
    check(&running(300), &[]);
    let case = running(301).log("wait", false, &["waiting for db.example"]);
    check(&case, &["POD-009 high wait"]);
    let issue = case.issue("POD-009");
    assert!(issue.message.contains("\"wait\" (1 of 1) runs for 5 min"), "{}", issue.message);
    assert_eq!(issue.evidence[1], "log: \"waiting for db.example\"");
    assert!(issue.evidence[0].starts_with("state: running since ") && issue.count.is_none(), "{issue:?}");
}

#[test]
fn the_rules_hold_for_init_containers_too() {
    let crash = waits(
        json!({}),
        json!({
            "restartCount": 7,
            "state": { "waiting": { "reason": "CrashLoopBackOff" } },
            "lastState": { "terminated": { "exitCode": 1, "finishedAt": ago(60) } },
        }),
    );
    check(&crash, &["POD-001 critical wait", "POD-009 high wait"]);
    let pull =
        waits(json!({}), json!({ "state": { "waiting": { "reason": "ErrImagePull", "message": "" } } }));
    check(&pull, &["POD-002 critical wait", "POD-009 high wait"]);
    let failed =
        waits(json!({}), json!({ "state": { "terminated": { "exitCode": 3, "finishedAt": ago(9) } } }));
    check(&failed, &["POD-005 high wait", "POD-009 high wait"]);
    let done = json!({ "ready": true, "state": { "terminated": { "exitCode": 0, "finishedAt": ago(200) } } });
    check(&waits(json!({}), done), &[]);
}

#[test]
fn after_the_last_init_container_the_patience_starts_anew() {
    let done = |seconds: i64| {
        let ended = json!({ "terminated": { "exitCode": 0, "finishedAt": ago(seconds) } });
        waits(json!({}), json!({ "ready": true, "state": ended }))
    };
    check(&done(300), &[]);
    check(&done(301), &["POD-008 high"]);
}

#[test]
fn an_init_container_that_keeps_running_is_a_container() {
    let proxy = |status: Value| healthy().init(json!({ "restartPolicy": "Always" }), status);
    let running =
        json!({ "ready": true, "started": true, "state": { "running": { "startedAt": ago(9_000) } } });
    check(&proxy(running), &[]);
    let crash = json!({ "restartCount": 4, "state": { "waiting": { "reason": "CrashLoopBackOff" } } });
    check(&proxy(crash), &["POD-001 critical wait"]);
}
