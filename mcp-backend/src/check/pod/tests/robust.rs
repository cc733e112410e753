//! What real clusters do that the simulated one does not: states that lack, words that are new, pods that are young.

use serde_json::{Value, json};

use super::{Case, ago, check, healthy, merge};

fn pending(status: Value) -> Case {
    healthy().pending().pod(json!({ "status": { "containerStatuses": [] } })).pod(json!({ "status": status }))
}

fn scheduled(seconds: i64) -> Value {
    json!({ "conditions": [
        { "type": "PodScheduled", "status": "True", "lastTransitionTime": ago(seconds) },
    ] })
}

#[test]
fn a_pod_that_no_kubelet_reports_on_is_stuck() {
    check(&pending(scheduled(300)), &[]);
    check(&pending(scheduled(301)), &["POD-008 high"]);
    assert!(pending(scheduled(301)).issue("POD-008").message.contains("\"app\" still waiting"));
    let odd = |state: Value| healthy().pending().state(state);
    for state in [json!({}), json!({ "waiting": {} }), json!({ "waiting": { "reason": "OfTheFuture" } })] {
        check(&odd(state), &["POD-008 high"]);
    }
}

#[test]
fn a_pod_that_no_scheduler_takes_up_is_told_after_a_minute() {
    let waiting = |seconds: i64, condition: Value| {
        let mut case = pending(json!({ "conditions": condition })).pod(json!({
            "metadata": { "creationTimestamp": ago(seconds) },
            "spec": { "nodeName": null, "schedulerName": "gone" },
        }));
        case.pod["status"]["conditions"] = condition;
        case
    };
    check(&waiting(60, json!([])), &[]);
    check(&waiting(61, json!([])), &["POD-007 high"]);
    assert_eq!(waiting(61, json!([])).issue("POD-007").evidence[0], "schedulerName: \"gone\"");
    let failing =
        json!([{ "type": "PodScheduled", "status": "False", "reason": "SchedulerError", "message": "m" }]);
    check(&waiting(600, failing.clone()), &["POD-007 high"]);
    let evidence = waiting(600, failing).issue("POD-007").evidence;
    assert!(evidence[1].contains("SchedulerError"), "{evidence:?}");
    let deleted = json!({ "metadata": { "deletionTimestamp": ago(1) } });
    check(&waiting(600, json!([])).pod(deleted), &[]);
}

#[test]
fn a_pod_without_anything_is_no_panic() {
    for patch in [
        json!({ "status": null }),
        json!({ "spec": null }),
        json!({ "metadata": null }),
        json!({ "status": { "containerStatuses": null, "conditions": null } }),
    ] {
        let mut case = healthy().deep();
        merge(&mut case.pod, patch);
        case.issues();
    }
}

#[test]
fn a_container_that_has_just_begun_may_fail_its_readiness_probe() {
    let starting = |seconds: i64| {
        healthy()
            .status(json!({ "ready": false, "state": { "running": { "startedAt": ago(seconds) } } }))
            .warning("Unhealthy", "Readiness probe failed: connection refused", 2, 9)
    };
    check(&starting(59), &[]);
    check(&starting(60), &["POD-010 high app"]);
    check(&starting(59).status(json!({ "restartCount": 1 })), &["POD-010 high app"]);
}

#[test]
fn what_was_overcome_is_no_alarm() {
    let failed = |seconds: i64| healthy().warning("Unhealthy", "Liveness probe failed: timeout", seconds, 1);
    check(&failed(600), &["POD-011 high app"]);
    check(&failed(601), &["POD-011 low app"]);
    let message = failed(5).issue("POD-011").message;
    assert!(message.ends_with("not often enough in a row for a restart yet"), "{message}");
    check(&healthy().warning("FailedScheduling", "0/4 nodes are available", 50, 9), &[]);
    let mount = healthy().warning("FailedMount", "timed out", 50, 9);
    check(&mount, &["POD-024 low"]);
    check(&mount.status(json!({ "ready": false })).not_ready_for(30), &["POD-024 medium"]);
}

#[test]
fn who_wanted_the_pod_gone_decides_what_to_do() {
    let target = |reason: &str, seconds: i64| {
        healthy().pod(json!({ "status": { "phase": "Failed", "containerStatuses": [], "conditions": [
            { "type": "DisruptionTarget", "status": "True", "reason": reason, "lastTransitionTime": ago(seconds) },
        ] } }))
    };
    for (reason, words) in [
        ("TerminationByKubelet", "NOD-002"),
        ("PreemptionByScheduler", "priority"),
        ("DeletionByTaintManager", "taint"),
        ("DeletionByPodGC", "node is gone"),
        ("EvictionByEvictionAPI", "drains"),
        ("OfTheFuture", "Find out"),
    ] {
        check(&target(reason, 86_400), &["POD-014 high"]);
        let advice = target(reason, 60).issue("POD-014").recommendation;
        assert!(advice.contains(words), "{reason}: {advice}");
        let old = target(reason, 86_401).issue("POD-014").recommendation;
        assert!(old.contains("delete it to tidy up"), "{old}");
    }
}

#[test]
fn exit_codes_that_tell_nothing_are_not_explained() {
    let ended = |code: i64, reason: &str| {
        healthy().state(json!({ "terminated": { "exitCode": code, "reason": reason, "finishedAt": ago(9) } }))
    };
    // What ended is the present instance: there is no previous one to read.
    assert!(!ended(1, "Error").issue("POD-005").recommendation.contains("previous"));
    let lost = ended(137, "ContainerStatusUnknown");
    check(&lost, &["POD-005 high app"]);
    assert!(lost.issue("POD-005").message.ends_with("how it ended is not known"));
    let windows = ended(-1_073_741_819, "Error").issue("POD-005").message;
    assert!(windows.ends_with("exit code -1073741819 (status 0xC0000005 of Windows)"), "{windows}");
}

#[test]
fn what_has_ended_or_has_just_begun_needs_no_volume() {
    let volumes = json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "gone" } },
        { "name": "conf", "configMap": { "name": "gone" } }]);
    let case = healthy().pod(json!({ "spec": { "volumes": volumes } }));
    check(&case, &["POD-018 critical", "POD-019 critical"]);
    check(&case.clone().pod(json!({ "status": { "phase": "Failed" } })), &[]);
    check(&case.clone().pod(json!({ "metadata": { "deletionTimestamp": ago(1) } })), &[]);
    let new = json!({ "metadata": { "creationTimestamp": ago(59) } });
    check(&case.pod(new), &["POD-019 critical"]);
}

#[test]
fn resources_of_the_pod_as_a_whole_count_for_its_containers() {
    let bare = healthy().container(json!({ "resources": null }));
    check(&bare, &["POD-016 low app"]);
    let whole = json!({ "requests": { "cpu": "1" }, "limits": { "memory": "1Gi" } });
    check(&bare.clone().pod(json!({ "spec": { "resources": whole } })), &[]);
    let half = bare.pod(json!({ "spec": { "resources": { "requests": { "cpu": "1" } } } }));
    assert!(half.issue("POD-016").message.ends_with("has no memory limit"));
}

#[test]
fn a_static_pod_is_controlled_by_its_kubelet() {
    let orphan = healthy().pod(json!({ "metadata": { "ownerReferences": null } }));
    check(&orphan, &["POD-022 low"]);
    check(&orphan.pod(json!({ "metadata": { "annotations": { "kubernetes.io/config.mirror": "h" } } })), &[]);
}

#[test]
fn newer_events_are_dated_and_counted_by_their_series() {
    let event = |patch: Value| {
        let mut event = json!({ "type": "Warning", "reason": "Odd", "message": "x", "eventTime": ago(500) });
        merge(&mut event, patch);
        healthy().event(event)
    };
    check(&event(json!({})), &["POD-024 low"]);
    let series = json!({ "series": { "count": 9, "lastObservedTime": ago(5) } });
    check(&event(series.clone()), &["POD-024 medium"]);
    assert_eq!(event(series).issue("POD-024").count, Some(9));
    check(&event(json!({ "eventTime": null })), &[]);
    check(
        &event(json!({ "eventTime": null, "metadata": { "creationTimestamp": ago(5) } })),
        &["POD-024 low"],
    );
}
