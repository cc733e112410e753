//! Cases for every rule: a healthy pod, changed in the one thing that matters.

mod crash;
mod lifecycle;
mod probes;
mod robust;
mod scheduling;
mod specification;
mod start;
mod storage;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{ContainerLog, PodFacts, RULES, issues};
use crate::report::Issue;

/// When all cases happen.
fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// So many seconds before.
fn ago(seconds: i64) -> String {
    now().saturating_sub(SignedDuration::from_secs(seconds)).unwrap().to_string()
}

/// A pod and what is known around it, as JSON of the API.
#[derive(Clone)]
struct Case {
    pod: Value,
    events: Option<Vec<Value>>,
    logs: Vec<ContainerLog>,
    usage: Option<Value>,
    node: Option<Value>,
    claims: Option<Vec<Value>>,
    config_maps: Option<Vec<Value>>,
    job: Option<Value>,
    deep: bool,
}

/// A pod about which there is nothing to say, not even with deep analysis.
fn healthy() -> Case {
    let pod = json!({
        "metadata": {
            "namespace": "shop", "name": "web-1", "uid": "u-1", "creationTimestamp": ago(90_000),
            "ownerReferences": [{ "kind": "ReplicaSet", "name": "web", "controller": true }],
        },
        "spec": {
            "nodeName": "worker-1",
            "securityContext": { "runAsNonRoot": true },
            "containers": [{
                "name": "app", "image": "registry.example/web:1.4.2",
                "ports": [{ "containerPort": 8080 }],
                "readinessProbe": { "httpGet": { "path": "/ready", "port": 8080 }, "periodSeconds": 5 },
                "resources": {
                    "requests": { "cpu": "100m", "memory": "128Mi" },
                    "limits": { "cpu": "1", "memory": "256Mi" },
                },
            }],
        },
        "status": {
            "phase": "Running", "qosClass": "Burstable",
            "conditions": [
                { "type": "PodScheduled", "status": "True", "lastTransitionTime": ago(90_000) },
                { "type": "Ready", "status": "True", "lastTransitionTime": ago(89_000) },
            ],
            "containerStatuses": [{
                "name": "app", "ready": true, "started": true, "restartCount": 0,
                "state": { "running": { "startedAt": ago(89_990) } },
            }],
        },
    });
    Case {
        pod,
        events: Some(Vec::new()),
        logs: Vec::new(),
        usage: None,
        node: None,
        claims: Some(Vec::new()),
        config_maps: Some(Vec::new()),
        job: None,
        deep: false,
    }
}

/// Puts the members of `patch` over those of `value`; `null` takes a member out.
fn merge(value: &mut Value, patch: Value) {
    match (value, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            for (key, patch) in patch {
                if patch.is_null() {
                    object.remove(&key);
                } else {
                    merge(object.entry(key).or_insert(Value::Null), patch);
                }
            }
        }
        (value, patch) => *value = patch,
    }
}

impl Case {
    fn pod(mut self, patch: Value) -> Self {
        merge(&mut self.pod, patch);
        self
    }

    /// Changes the specification of its container.
    fn container(mut self, patch: Value) -> Self {
        merge(&mut self.pod["spec"]["containers"][0], patch);
        self
    }

    /// Changes the status of its container.
    fn status(mut self, patch: Value) -> Self {
        merge(&mut self.pod["status"]["containerStatuses"][0], patch);
        self
    }

    /// The state of its container: this and no other.
    fn state(mut self, state: Value) -> Self {
        self.pod["status"]["containerStatuses"][0]["state"] = state;
        self.status(json!({ "ready": false, "started": false }))
    }

    /// How its container's last run ended, so many seconds ago.
    fn last(self, code: i32, reason: &str, seconds: i64) -> Self {
        self.status(json!({ "lastState": { "terminated": {
            "exitCode": code, "reason": reason,
            "startedAt": ago(seconds + 40), "finishedAt": ago(seconds),
        } } }))
    }

    /// Not a container yet: the pod is pending.
    fn pending(self) -> Self {
        self.pod(json!({ "status": { "phase": "Pending" } }))
    }

    /// The scheduler found no node.
    fn unscheduled(self, reason: &str, message: &str) -> Self {
        self.pending().pod(json!({
            "spec": { "nodeName": null },
            "status": { "containerStatuses": [], "conditions": [
                { "type": "PodScheduled", "status": "False", "reason": reason, "message": message },
            ] },
        }))
    }

    /// The condition Ready is False for so many seconds.
    fn not_ready_for(self, seconds: i64) -> Self {
        self.pod(json!({ "status": { "conditions": [
            { "type": "PodScheduled", "status": "True", "lastTransitionTime": ago(90_000) },
            { "type": "Ready", "status": "False", "reason": "ContainersNotReady",
              "lastTransitionTime": ago(seconds) },
        ] } }))
    }

    /// An init container before it, and the container still waits for it.
    fn init(self, spec: Value, status: Value) -> Self {
        let mut container = json!({
            "name": "wait", "image": "registry.example/wait:1",
            "resources": { "requests": { "cpu": "10m" }, "limits": { "memory": "64Mi" } },
        });
        merge(&mut container, spec);
        let mut state = json!({ "name": "wait", "ready": false, "restartCount": 0 });
        merge(&mut state, status);
        self.pod(json!({
            "spec": { "initContainers": [container] },
            "status": { "initContainerStatuses": [state] },
        }))
    }

    /// A warning, last seen so many seconds ago, first at most ten minutes before.
    fn warning(self, reason: &str, message: &str, seconds: i64, count: u32) -> Self {
        self.event(json!({
            "type": "Warning", "reason": reason, "message": message, "count": count,
            "firstTimestamp": ago(seconds + 200), "lastTimestamp": ago(seconds),
        }))
    }

    fn event(mut self, patch: Value) -> Self {
        let mut event = json!({ "metadata": {}, "involvedObject": {
            "kind": "Pod", "name": "web-1", "uid": "u-1", "fieldPath": "spec.containers{app}",
        } });
        merge(&mut event, patch);
        self.events.get_or_insert_default().push(event);
        self
    }

    fn log(mut self, container: &str, previous: bool, lines: &[&str]) -> Self {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        self.logs.push(ContainerLog { container: container.to_owned(), previous, lines });
        self
    }

    fn usage(mut self, cpu: &str, memory: &str) -> Self {
        self.usage = Some(json!({
            "metadata": { "name": "web-1" },
            "containers": [{ "name": "app", "usage": { "cpu": cpu, "memory": memory } }],
        }));
        self
    }

    fn node(mut self, conditions: Value) -> Self {
        self.node =
            Some(json!({ "metadata": { "name": "worker-1" }, "status": { "conditions": conditions } }));
        self
    }

    fn deep(mut self) -> Self {
        self.deep = true;
        self
    }

    fn facts(&self) -> PodFacts {
        fn of<K: serde::de::DeserializeOwned>(value: &Value) -> Arc<K> {
            Arc::new(serde_json::from_value(value.clone()).unwrap())
        }
        PodFacts {
            now: now(),
            deep: self.deep,
            pod: of(&self.pod),
            events: self.events.as_ref().map(|all| all.iter().map(of).collect()),
            logs: Some(self.logs.clone()),
            usage: self.usage.as_ref().map(of),
            node: self.node.as_ref().map(of),
            claims: self.claims.as_ref().map(|all| all.iter().map(of).collect()),
            config_maps: self.config_maps.as_ref().map(|all| all.iter().map(of).collect()),
            job: self.job.as_ref().map(of),
        }
    }

    fn issues(&self) -> Vec<Issue> {
        issues(&self.facts())
    }

    /// The one issue of this rule.
    #[track_caller]
    fn issue(&self, id: &str) -> Issue {
        let issues = self.issues();
        issues
            .iter()
            .find(|issue| issue.check == id)
            .unwrap_or_else(|| panic!("no {id}: {issues:#?}"))
            .clone()
    }
}

/// What is found, as `POD-001 critical app`, the worst first.
#[track_caller]
fn check(case: &Case, expected: &[&str]) {
    let issues = case.issues();
    let found: Vec<String> = issues
        .iter()
        .map(|issue| {
            let severity = serde_json::to_value(issue.severity).unwrap();
            let container = issue.object.container.as_deref().map(|name| format!(" {name}"));
            format!("{} {}{}", issue.check, severity.as_str().unwrap(), container.unwrap_or_default())
        })
        .collect();
    assert_eq!(found, expected, "{issues:#?}");
    for issue in issues {
        assert!(!issue.message.is_empty() && !issue.recommendation.is_empty(), "{issue:?}");
    }
}

#[test]
fn a_healthy_pod_has_no_issue() {
    check(&healthy(), &[]);
    check(&healthy().deep(), &[]);
}

#[test]
fn what_was_not_read_is_not_judged() {
    let mut case = healthy();
    (case.events, case.claims, case.config_maps) = (None, None, None);
    let volume = json!([{ "name": "v", "persistentVolumeClaim": { "claimName": "gone" } }]);
    check(&case.pod(json!({ "spec": { "volumes": volume } })), &[]);
}

#[test]
fn a_pod_that_did_its_work_is_healthy_whatever_its_readiness() {
    let ended = healthy().not_ready_for(4_000).last(1, "Error", 5_000).status(json!({ "restartCount": 9 }));
    check(&ended.clone().pod(json!({ "status": { "phase": "Succeeded" } })), &[]);
    let failed = ended.state(json!({ "terminated": { "exitCode": 1, "finishedAt": ago(4_000) } }));
    let mut failed = failed.pod(json!({ "status": { "phase": "Failed" } }));
    check(&failed, &["POD-005 high app", "POD-006 medium app"]);
    let job = |kind: &str| json!({ "status": { "conditions": [{ "type": kind, "status": "True" }] } });
    failed.job = Some(job("Complete"));
    check(&failed, &[]);
    failed.job = Some(job("Failed"));
    check(&failed, &["POD-005 high app", "POD-006 medium app"]);
}

#[test]
fn every_rule_is_documented_and_in_order() {
    let ids: Vec<String> = (1..=25).map(|number| format!("POD-{number:03}")).collect();
    assert_eq!(RULES.iter().map(|rule| rule.doc.id).collect::<Vec<_>>(), ids);
    for rule in RULES {
        for text in [rule.doc.kind, rule.doc.rule, rule.doc.meaning, rule.doc.runbook] {
            assert!(!text.is_empty() && !text.contains("  "), "{}: {text:?}", rule.doc.id);
        }
        assert!(rule.explains.iter().all(|id| ids.iter().any(|known| known == id)), "{}", rule.doc.id);
    }
}
