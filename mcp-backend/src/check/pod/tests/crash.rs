use serde_json::json;

use super::{Case, ago, check, healthy};

/// Waits before the next start, after the last run ended so.
fn loops(code: i32, reason: &str) -> Case {
    healthy()
        .state(json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting" } }))
        .status(json!({ "restartCount": 12 }))
        .last(code, reason, 100)
        .not_ready_for(1_000)
}

#[test]
fn crash_loop_explains_what_follows_from_it() {
    let case = loops(1, "Error").log("app", true, &["start", "missing DATABASE_URL", ""]);
    check(&case, &["POD-001 critical app"]);
    let issue = case.issue("POD-001");
    assert!(issue.message.contains("12 restarts, last exit code 1"), "{}", issue.message);
    assert!(issue.evidence.contains(&"previous log: \"missing DATABASE_URL\"".to_owned()), "{issue:?}");
    assert_eq!(issue.evidence.last().unwrap(), "explains POD-006, POD-023");
    assert_eq!((issue.count, issue.first_seen.map(|at| at.to_string())), (Some(12), Some(ago(100))));
}

#[test]
fn crash_loop_is_found_between_back_offs() {
    let between = |restarts: u32, seconds: i64| {
        healthy()
            .state(json!({ "running": { "startedAt": ago(5) } }))
            .status(json!({ "restartCount": restarts }))
            .last(1, "Error", seconds)
    };
    check(&between(3, 599), &["POD-001 critical app"]);
    check(&between(3, 600), &[]);
    check(&between(2, 10), &[]);
    check(&between(3, 10).status(json!({ "ready": true })), &[]);
    let ended = healthy()
        .state(json!({ "terminated": { "exitCode": 1, "reason": "Error", "finishedAt": ago(2) } }))
        .status(json!({ "restartCount": 3 }))
        .last(1, "Error", 50);
    check(&ended, &["POD-001 critical app"]);
    assert_eq!(ended.issue("POD-001").evidence.last().unwrap(), "explains POD-005");
}

#[test]
fn one_crashing_container_does_not_hide_another_ones_trouble() {
    let mut case = loops(1, "Error");
    let mut second = case.pod["spec"]["containers"][0].clone();
    second["name"] = json!("other");
    case.pod["spec"]["containers"].as_array_mut().unwrap().push(second);
    case.pod["status"]["containerStatuses"].as_array_mut().unwrap().push(json!({
        "name": "other", "ready": true, "started": true, "restartCount": 8,
        "state": { "running": { "startedAt": ago(600) } },
    }));
    check(&case, &["POD-001 critical app", "POD-006 medium other"]);
}

#[test]
fn a_loop_by_lack_of_memory_is_named_by_its_cause() {
    let case = loops(137, "OOMKilled").usage("10m", "64Mi");
    check(&case, &["POD-004 critical app"]);
    let issue = case.issue("POD-004");
    assert!(issue.message.contains("limit 256Mi"), "{}", issue.message);
    assert!(issue.evidence.contains(&"memory used now: 64Mi".to_owned()), "{issue:?}");
    assert_eq!(issue.evidence.last().unwrap(), "explains POD-001");
}

#[test]
fn out_of_memory_is_critical_for_an_hour() {
    let once = |seconds| healthy().status(json!({ "restartCount": 1 })).last(137, "OOMKilled", seconds);
    check(&once(3_599), &["POD-004 critical app"]);
    check(&once(3_600), &["POD-004 medium app"]);
    let now = json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled", "finishedAt": ago(7_200) } });
    check(&healthy().state(now), &["POD-004 critical app"]);
    check(&healthy().status(json!({ "restartCount": 1 })).last(137, "Error", 10), &[]);
}

#[test]
fn exit_codes_are_explained() {
    for (code, words) in [
        (1, "the application's own error"),
        (2, "the application's own error"),
        (3, "the application's own code"),
        (126, "cannot be executed"),
        (127, "was not found"),
        (130, "signal 2"),
        (134, "SIGABRT"),
        (137, "SIGKILL"),
        (139, "SIGSEGV"),
        (143, "SIGTERM"),
        (255, "the application's own code"),
    ] {
        let case = healthy().state(json!({ "terminated": { "exitCode": code, "finishedAt": ago(9) } }));
        check(&case, &["POD-005 high app"]);
        let message = case.issue("POD-005").message;
        assert!(message.contains(&format!("exit code {code} (")) && message.contains(words), "{message}");
    }
    check(&healthy().state(json!({ "terminated": { "exitCode": 0, "reason": "Completed" } })), &[]);
}

#[test]
fn who_was_told_to_end_has_not_failed() {
    let killed = |code: i32| healthy().state(json!({ "terminated": { "exitCode": code } }));
    let deleted = json!({ "metadata": { "deletionTimestamp": ago(10) } });
    check(&killed(143).pod(deleted.clone()), &[]);
    check(&killed(1).pod(deleted), &["POD-005 high app"]);
    let evicted = json!({ "status": { "phase": "Failed", "reason": "Evicted" } });
    check(&killed(137).pod(evicted), &["POD-014 high"]);
}

#[test]
fn many_restarts_count_by_when_the_last_one_was() {
    let restarts = |count: u32, seconds: i64| {
        healthy()
            .status(json!({ "restartCount": count, "state": { "running": { "startedAt": ago(seconds) } } }))
    };
    check(&restarts(5, 100), &[]);
    check(&restarts(6, 86_399), &["POD-006 medium app"]);
    check(&restarts(6, 86_400), &["POD-006 low app"]);
    assert!(restarts(12, 900_000).issue("POD-006").message.contains("the last one 10 d ago"));
}
