use serde_json::json;

use super::{Case, ago, check, healthy};

fn unready() -> Case {
    healthy().status(json!({ "ready": false })).not_ready_for(600)
}

#[test]
fn a_failing_readiness_probe_is_named_with_its_answer() {
    let said = "Readiness probe failed: HTTP probe failed with statuscode: 503";
    let case = unready().warning("Unhealthy", said, 5, 60).log("app", false, &["redis: connection refused"]);
    check(&case, &["POD-010 high app"]);
    let issue = case.issue("POD-010");
    assert!(issue.message.contains("GET /ready on port 8080"), "{}", issue.message);
    assert!(issue.evidence[0].contains("statuscode: 503"), "{issue:?}");
    assert!(issue.evidence.contains(&"log: \"redis: connection refused\"".to_owned()), "{issue:?}");
    assert_eq!(issue.count, Some(60));
}

#[test]
fn readiness_counts_only_while_the_container_runs_and_is_not_ready() {
    let warn = |case: Case| case.warning("Unhealthy", "Readiness probe failed: timeout", 5, 2);
    check(&warn(healthy()), &["POD-024 low"]);
    check(&warn(unready().status(json!({ "started": false }))), &["POD-023 high", "POD-024 low"]);
    check(&warn(unready().pod(json!({ "metadata": { "deletionTimestamp": ago(10) } }))), &["POD-024 low"]);
    let other = json!({ "type": "Warning", "reason": "Unhealthy", "message": "Readiness probe failed: x",
        "lastTimestamp": ago(5), "involvedObject": { "fieldPath": "spec.containers{other}" } });
    check(&unready().event(other), &["POD-023 high", "POD-024 low"]);
}

#[test]
fn an_event_without_a_container_is_about_the_only_one() {
    let event = json!({ "type": "Warning", "reason": "Unhealthy", "message": "Readiness probe failed: x",
        "lastTimestamp": ago(5), "involvedObject": { "fieldPath": null } });
    check(&unready().event(event), &["POD-010 high app"]);
}

#[test]
fn a_liveness_probe_that_kills_explains_the_loop() {
    let probe = json!({ "livenessProbe": { "tcpSocket": { "port": "http" }, "initialDelaySeconds": 5,
        "periodSeconds": 5, "failureThreshold": 3 } });
    let killed = |code: i32| {
        unready()
            .container(probe.clone())
            .state(json!({ "waiting": { "reason": "CrashLoopBackOff" } }))
            .status(json!({ "restartCount": 9 }))
            .last(code, "Error", 50)
            .warning("Unhealthy", "Liveness probe failed: connection refused", 60, 27)
            .event(json!({ "type": "Normal", "reason": "Killing", "lastTimestamp": ago(60),
                "message": "Container app failed liveness probe, will be restarted" }))
    };
    check(&killed(137), &["POD-011 high app"]);
    let issue = killed(137).issue("POD-011");
    assert!(issue.message.contains("restarts it after 20 s; 9 restarts"), "{}", issue.message);
    assert!(issue.evidence.contains(&"last run: 40 s long, exit code 137".to_owned()), "{issue:?}");
    assert!(issue.recommendation.contains("startupProbe"));
    // It crashes by itself: the probe is not the cause.
    assert_eq!(killed(1).issues()[0].check, "POD-001");
}

#[test]
fn a_single_failed_liveness_probe_is_told() {
    let case = healthy().warning("Unhealthy", "Liveness probe failed: timeout", 5, 1);
    check(&case, &["POD-011 high app"]);
    check(&case.pod(json!({ "metadata": { "deletionTimestamp": ago(10) } })), &[]);
    let killing = json!({ "type": "Normal", "reason": "Killing", "lastTimestamp": ago(60),
        "message": "Stopping container app" });
    check(&healthy().event(killing), &[]);
}

#[test]
fn a_startup_probe_matters_until_the_container_has_started() {
    let said = "Startup probe failed: HTTP probe failed with statuscode: 500";
    let starting = healthy()
        .container(json!({ "startupProbe": { "httpGet": { "path": "/up", "port": 80 } } }))
        .status(json!({ "ready": false, "started": false }))
        .warning("Unhealthy", said, 5, 3);
    check(&starting, &["POD-012 high app"]);
    assert!(starting.issue("POD-012").evidence[1].contains("GET /up on port 80, timeout 1 s, patience 30 s"));
    check(&healthy().warning("Unhealthy", said, 5, 3), &["POD-024 low"]);
}
