use serde_json::{Value, json};

use super::*;
use crate::report::Severity;
use Severity::{Critical, High, Low, Medium};

fn parsed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn facts(workload: Workload) -> WorkloadFacts {
    WorkloadFacts {
        now: "2026-11-22T12:00:00Z".parse().unwrap(),
        workload,
        pods: Some(vec![]),
        events: Some(vec![]),
        services: None,
        classes: None,
    }
}

fn meta() -> Value {
    json!({"name": "it", "namespace": "shop", "generation": 3, "creationTimestamp": "2026-11-01T00:00:00Z"})
}

fn deployment(desired: i32, ready: i32, updated: i32, conditions: Value) -> WorkloadFacts {
    facts(Workload::Deployment(parsed(json!({
        "metadata": meta(),
        "spec": {"replicas": desired, "selector": {}, "template": {}},
        "status": {
            "readyReplicas": ready, "updatedReplicas": updated, "observedGeneration": 3, "conditions": conditions,
        },
    }))))
}

fn found(facts: &WorkloadFacts) -> Vec<(&'static str, Severity)> {
    issues(facts).iter().map(|issue| (issue.check, issue.severity)).collect()
}

fn is(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message})
}

#[test]
fn deployments_are_judged_by_counts_and_conditions() {
    let stuck = || json!([is("Progressing", "False", "ProgressDeadlineExceeded", "has timed out")]);
    let refused = || json!([is("ReplicaFailure", "True", "FailedCreate", "exceeded quota: cpu")]);
    for (facts, expected) in [
        (deployment(3, 3, 3, json!([])), vec![]),
        (deployment(3, 2, 3, json!([])), vec![("WRK-001", High)]),
        (deployment(3, 0, 3, json!([])), vec![("WRK-001", Critical)]),
        (deployment(0, 0, 0, json!([])), vec![]),
        (deployment(3, 3, 1, json!([])), vec![("WRK-004", Low)]),
        (deployment(3, 3, 3, stuck()), vec![("WRK-002", High)]),
        (deployment(3, 2, 1, stuck()), vec![("WRK-002", High)]),
        (deployment(3, 0, 1, stuck()), vec![("WRK-001", Critical), ("WRK-002", High)]),
        (deployment(3, 3, 3, json!([is("Progressing", "True", "NewReplicaSetAvailable", "")])), vec![]),
        (deployment(3, 0, 0, refused()), vec![("WRK-003", Critical)]),
    ] {
        assert_eq!(found(&facts), expected, "{:?}", facts.workload.counts());
    }
}

#[test]
fn a_stale_status_says_nothing() {
    let mut facts = deployment(3, 0, 0, json!([]));
    if let Workload::Deployment(it) = &mut facts.workload {
        Arc::make_mut(it).metadata.generation = Some(4);
    }
    assert_eq!(found(&facts), []);
}

#[test]
fn a_quota_is_named_as_the_reason() {
    let refused = json!([is("ReplicaFailure", "True", "FailedCreate", "exceeded quota: cpu")]);
    let issue = issues(&deployment(2, 0, 0, refused)).remove(0);
    assert_eq!(issue.evidence, ["message: \"exceeded quota: cpu\"", "explains WRK-001, WRK-004"]);
    assert!(issue.recommendation.contains("ResourceQuota"));
}

fn stateful(pods: &[(&str, bool)], policy: &str) -> WorkloadFacts {
    let ready = pods.iter().filter(|(_, ready)| *ready).count();
    let set = parsed(json!({
        "metadata": meta(),
        "spec": {
            "replicas": 3, "selector": {}, "template": {}, "serviceName": "db", "podManagementPolicy": policy,
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"storageClassName": "fast"}}],
        },
        "status": {"replicas": pods.len(), "readyReplicas": ready, "updatedReplicas": 3, "observedGeneration": 3},
    }));
    let pod = |(name, ready): &(&str, bool)| {
        let status = if *ready { "True" } else { "False" };
        let conditions = [is("Ready", status, "", "")];
        parsed(json!({"metadata": {"name": name}, "status": {"phase": "Running", "conditions": conditions}}))
    };
    WorkloadFacts { pods: Some(pods.iter().map(pod).collect()), ..facts(Workload::StatefulSet(set)) }
}

#[test]
fn the_lowest_ordinal_blocks_the_rest_of_an_ordered_set() {
    let blocked = |facts: &WorkloadFacts| issues(facts).into_iter().find(|issue| issue.check == "WRK-005");
    let issue = blocked(&stateful(&[("it-0", true), ("it-1", false)], "OrderedReady")).unwrap();
    assert_eq!(issue.message, "StatefulSet it: it-1 is not ready and blocks the next: 2 of 3 pods exist");
    for facts in [
        stateful(&[("it-0", true), ("it-1", false)], "Parallel"),
        stateful(&[("it-0", true), ("it-1", true), ("it-2", false)], "OrderedReady"),
        WorkloadFacts { pods: None, ..stateful(&[], "OrderedReady") },
    ] {
        assert!(blocked(&facts).is_none());
    }
}

#[test]
fn a_set_needs_its_service_and_its_class() {
    let all = || stateful(&[("it-0", true), ("it-1", true), ("it-2", true)], "OrderedReady");
    let services = |name: &str| Some(vec![parsed(json!({"metadata": {"name": name}}))]);
    let classes = |name: &str| Some(vec![parsed(json!({"metadata": {"name": name}, "provisioner": "disk"}))]);
    for (services, classes, count) in [
        (services("db"), classes("fast"), 0),
        (services("bd"), classes("fast"), 1),
        (services("db"), classes("slow"), 1),
        (services("bd"), classes("slow"), 2),
        (None, None, 0),
    ] {
        let facts = WorkloadFacts { services, classes, ..all() };
        assert_eq!(found(&facts), vec![("WRK-005", High); count]);
    }
}

#[test]
fn pods_that_are_refused_to_a_set_are_seen_by_its_events() {
    let event = |at: &str| {
        parsed(json!({
            "metadata": {}, "involvedObject": {}, "reason": "FailedCreate", "lastTimestamp": at,
            "message": "admission webhook \"policy\" denied the request",
        }))
    };
    for (at, expected) in [("2026-11-22T11:50:00Z", true), ("2026-11-22T11:49:59Z", false)] {
        let facts =
            WorkloadFacts { events: Some(vec![event(at)]), ..stateful(&[("it-0", true)], "Parallel") };
        assert_eq!(found(&facts).contains(&("WRK-003", Critical)), expected, "{at}");
    }
}

#[test]
fn daemon_sets_are_counted_by_nodes() {
    let set = |ready: i32, wrong: i32| {
        facts(Workload::DaemonSet(parsed(json!({
            "metadata": meta(),
            "spec": {"selector": {}, "template": {}},
            "status": {
                "currentNumberScheduled": 4, "desiredNumberScheduled": 4, "numberMisscheduled": wrong,
                "numberReady": ready, "updatedNumberScheduled": 4, "observedGeneration": 3,
            },
        }))))
    };
    assert_eq!(found(&set(4, 0)), []);
    assert_eq!(found(&set(3, 0)), [("WRK-006", High)]);
    assert_eq!(found(&set(4, 1)), [("WRK-006", Medium)]);
}

#[test]
fn jobs_fail_or_wait() {
    let job = |conditions: Value, suspend: bool| {
        facts(Workload::Job(parsed(json!({
            "metadata": meta(),
            "spec": {"suspend": suspend, "template": {}},
            "status": {"conditions": conditions, "failed": 7},
        }))))
    };
    assert_eq!(found(&job(json!([is("Complete", "True", "", "")]), false)), []);
    assert_eq!(found(&job(json!([is("Failed", "False", "", "")]), false)), []);
    assert_eq!(found(&job(json!([]), true)), [("WRK-007", Low)]);
    let failed = job(json!([is("Failed", "True", "BackoffLimitExceeded", "has reached the limit")]), false);
    assert_eq!(found(&failed), [("WRK-007", High)]);
    assert_eq!(issues(&failed)[0].message, "Job it failed: BackoffLimitExceeded after 7 failed pods");
}

#[test]
fn cron_jobs_are_late_after_three_periods() {
    let job = |schedule: &str, suspend: bool, success: Value| {
        facts(Workload::CronJob(parsed(json!({
            "metadata": meta(),
            "spec": {"schedule": schedule, "suspend": suspend, "jobTemplate": {}},
            "status": {"lastSuccessfulTime": success},
        }))))
    };
    for (schedule, suspend, success, expected) in [
        ("0 * * * *", false, json!("2026-11-22T11:01:00Z"), vec![]),
        ("0 9 * * *", false, json!("2026-11-20T09:05:00Z"), vec![]),
        ("0 9 * * *", false, json!("2026-11-19T09:05:00Z"), vec![("WRK-008", Medium)]),
        ("50 11 * * *", false, json!("2026-11-19T12:05:00Z"), vec![]),
        ("0 9 * * *", false, json!(null), vec![("WRK-008", Medium)]),
        ("0 9 * * *", true, json!(null), vec![("WRK-008", Low)]),
        ("every day", false, json!("2026-11-22T11:01:00Z"), vec![("WRK-008", High)]),
        ("0 0 30 2 *", false, json!("2026-11-22T11:01:00Z"), vec![("WRK-008", High)]),
    ] {
        assert_eq!(found(&job(schedule, suspend, success.clone())), expected, "{schedule} {success}");
    }
}

#[test]
fn autoscalers_are_judged_by_what_hinders_them() {
    let scaler = |current: i32, conditions: Value, target_exists: Option<bool>| AutoscalerFacts {
        autoscaler: parsed(json!({
            "metadata": {"name": "fraud", "namespace": "payments"},
            "spec": {"minReplicas": 1, "maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "fraud"}},
            "status": {"currentReplicas": current, "desiredReplicas": current, "conditions": conditions},
        })),
        target_exists,
    };
    let inactive = |reason: &str| json!([is("ScalingActive", "False", reason, "missing request for cpu")]);
    let limited = |reason: &str| json!([is("ScalingLimited", "True", reason, "")]);
    for (facts, expected) in [
        (scaler(2, json!([]), Some(true)), vec![]),
        (scaler(2, json!([]), None), vec![]),
        (scaler(2, json!([]), Some(false)), vec![High]),
        (scaler(2, inactive("FailedGetResourceMetric"), Some(true)), vec![High]),
        (scaler(0, inactive("ScalingDisabled"), Some(true)), vec![]),
        (scaler(5, limited("TooManyReplicas"), Some(true)), vec![Medium]),
        (scaler(5, json!([is("ScalingLimited", "False", "", "")]), Some(true)), vec![]),
        (scaler(1, limited("TooFewReplicas"), Some(true)), vec![]),
        (scaler(4, json!([]), Some(true)), vec![]),
    ] {
        let severities: Vec<Severity> =
            autoscaler_issues(&facts).iter().map(|issue| issue.severity).collect();
        assert_eq!(severities, expected, "{:?}", facts.autoscaler.status);
    }
}

#[test]
fn a_budget_without_room_is_a_remark_only_while_all_is_well() {
    for (allowed, healthy, expected) in [(0, 2, 1), (1, 2, 0), (0, 1, 0)] {
        let budget = parsed(json!({
            "metadata": {"name": "web"},
            "status": {
                "disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": 2, "expectedPods": 2,
            },
        }));
        assert_eq!(budget_issues(&BudgetFacts { budget }).len(), expected, "{allowed} {healthy}");
    }
}

#[test]
fn every_rule_has_a_documentation_of_its_own() {
    let ids: Vec<&str> = super::docs().map(|doc| doc.id).collect();
    let expected: Vec<String> = (1..=10).map(|number| format!("WRK-{number:03}")).collect();
    assert_eq!(ids, expected);
}

#[test]
fn what_is_only_starting_is_no_alarm() {
    let pod = |created: &str, ready: &str| {
        parsed(json!({
            "metadata": {"name": "it-0", "creationTimestamp": created},
            "status": {"phase": "Running", "conditions": [is("Ready", ready, "", "")]},
        }))
    };
    let (young, old) = ("2026-11-22T11:59:01Z", "2026-11-22T11:59:00Z");
    for (pods, ready, expected) in [
        (vec![pod(young, "False")], 0, Low),
        (vec![pod(old, "False")], 0, Critical),
        (vec![pod(old, "True"), pod(young, "False")], 1, Low),
        (vec![pod(old, "True"), pod(old, "False")], 1, High),
        // A pod is missing altogether.
        (vec![pod(old, "True")], 1, High),
    ] {
        let desired = if ready == 0 { 1 } else { 2 };
        let facts = WorkloadFacts { pods: Some(pods), ..deployment(desired, ready, desired, json!([])) };
        assert_eq!(found(&facts), [("WRK-001", expected)]);
    }
}

#[test]
fn a_set_of_one_revision_rolls_nothing_out() {
    let set = |current: &str, strategy: Value| {
        facts(Workload::StatefulSet(parsed(json!({
            "metadata": meta(),
            "spec": {"replicas": 3, "selector": {}, "template": {}, "updateStrategy": strategy},
            "status": {
                "replicas": 3, "readyReplicas": 3, "updatedReplicas": 1, "observedGeneration": 3,
                "currentRevision": current, "updateRevision": "it-2",
            },
        }))))
    };
    assert_eq!(found(&set("it-2", json!({}))), []);
    for (strategy, words) in [
        (json!({"type": "RollingUpdate"}), "updated"),
        (json!({"type": "OnDelete"}), "with strategy OnDelete"),
        (json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}), "held by a partition"),
    ] {
        let issue = issues(&set("it-1", strategy)).remove(0);
        assert_eq!((issue.check, issue.severity), ("WRK-004", Low));
        assert!(issue.message.ends_with(words), "{}", issue.message);
    }
}
