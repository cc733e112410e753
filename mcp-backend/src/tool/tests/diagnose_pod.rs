//! The whole tool over answers of an API.

use std::time::Duration;

use serde_json::{Value, json};
use tower::service_fn;
use tower::util::BoxCloneSyncService;

use super::fake::{Fake, assert_valid, now};
use crate::cluster::{Read, ReadError, ReadErrorKind, Reader};
use crate::tool::gather::{Wanted, pod_facts};
use crate::tool::{ErrorType, limit};

const POD: &str = "/api/v1/namespaces/shop/pods/web-1";
const LOG: &str = "/api/v1/namespaces/shop/pods/web-1/log";
const EVENTS: &str = "/api/v1/namespaces/shop/events";
const USAGE: &str = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web-1";
const NODE: &str = "/api/v1/nodes/worker-1";

fn pod() -> Value {
    json!({
        "metadata": {
            "namespace": "shop", "name": "web-1", "uid": "u-1",
            "annotations": { "example.com/note": "hidden-annotation" },
            "ownerReferences": [{ "kind": "ReplicaSet", "name": "web", "controller": true }],
        },
        "spec": {
            "nodeName": "worker-1",
            "containers": [{
                "name": "app", "image": "registry.example/web:1",
                "env": [{ "name": "TOKEN", "value": "hidden-value" }],
                "resources": {
                    "requests": { "cpu": "100m", "memory": "128Mi" },
                    "limits": { "cpu": "1", "memory": "256Mi" },
                },
            }],
        },
        "status": {
            "phase": "Running", "qosClass": "Burstable",
            "conditions": [{ "type": "Ready", "status": "False", "reason": "ContainersNotReady",
                "lastTransitionTime": "2026-11-22T11:00:00Z" }],
            "containerStatuses": [{
                "name": "app", "ready": false, "restartCount": 7,
                "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 5m0s" } },
                "lastState": { "terminated": { "exitCode": 1, "reason": "Error",
                    "finishedAt": "2026-11-22T11:58:00Z" } },
            }],
        },
    })
}

fn event(reason: &str, message: &str) -> Value {
    json!({
        "metadata": {}, "type": "Warning", "reason": reason, "message": message, "count": 4,
        "lastTimestamp": "2026-11-22T11:59:00Z",
        "involvedObject": { "kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "u-1",
            "fieldPath": "spec.containers{app}" },
    })
}

/// An API that answers everything about the pod.
fn whole(pod: &Value) -> Fake {
    Fake::default()
        .json(POD, pod)
        .list(EVENTS, &[event("BackOff", "Back-off restarting failed container")])
        .text(LOG, |query| {
            assert!(query.contains("tailLines=100") && query.contains("container=app"), "{query}");
            if query.contains("previous=true") {
                "2026-11-22T11:57:59.5Z INFO start\n\
                 2026-11-22T11:57:59.6Z WARN slow disk\n\
                 2026-11-22T11:57:59.7Z ERROR missing variable DATABASE_URL after 31 ms\n\
                 2026-11-22T11:57:59.8Z ERROR missing variable DATABASE_URL after 32 ms\n"
                    .to_owned()
            } else {
                "2026-11-22T11:59:59.5Z INFO start\n".to_owned()
            }
        })
        .json(
            USAGE,
            &json!({ "metadata": {}, "containers": [
                { "name": "app", "usage": { "cpu": "50m", "memory": "64Mi" } },
            ] }),
        )
        .json(
            NODE,
            &json!({ "metadata": {}, "status": { "conditions": [{ "type": "Ready", "status": "True" }] } }),
        )
}

async fn diagnose(fake: &Fake, more: Value) -> Value {
    let mut arguments = json!({ "namespace": "shop", "pod_name": "web-1" });
    for (key, value) in more.as_object().unwrap() {
        arguments[key] = value.clone();
    }
    let answer = fake.call("diagnose_pod", arguments).await.unwrap();
    assert_valid("diagnose_pod", &answer);
    assert!(limit::bytes(&answer) <= 8_192, "{} bytes", limit::bytes(&answer));
    answer
}

fn checks(answer: &Value) -> Vec<&str> {
    answer["issues"].as_array().unwrap().iter().map(|issue| issue["check"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_crash_loop_is_told_with_what_it_was_seen_by() {
    let answer = diagnose(&whole(&pod()), json!({})).await;
    assert_eq!(checks(&answer), ["POD-001"]);
    assert_eq!((answer["overall"].as_str(), answer["health_score"].as_u64()), (Some("critical"), Some(50)));
    assert_eq!(answer["partial"], json!([]));
    assert_eq!(answer["owner"], json!("ReplicaSet/web"));
    assert_eq!(
        answer["logs"],
        json!({
            "container": "app", "previous": true,
            "errors": ["ERROR missing variable DATABASE_URL after 32 ms"],
            "warnings": ["WARN slow disk"],
        })
    );
    assert_eq!(answer["events"][0]["count"], json!(4));
    assert_eq!(answer["resources"][0]["memory"]["percent_of_limit"], json!(25.0));
    assert_eq!(
        answer["status"]["container_statuses"][0],
        json!({
            "name": "app", "ready": false, "restarts": 7, "state": "waiting: CrashLoopBackOff",
            "last_state": "terminated: Error, exit code 1, at 2026-11-22T11:58:00Z",
        })
    );
    assert_eq!(answer["recommendations"][0], answer["issues"][0]["recommendation"]);
    assert!(!answer.to_string().contains("hidden-"), "values stay in the cluster");
    assert!(answer.get("truncated").is_none());
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_the_rest_is_judged() {
    let fake =
        [LOG, EVENTS, USAGE, NODE].into_iter().fold(whole(&pod()), |fake, path| fake.status(path, 403));
    let answer = diagnose(&fake, json!({})).await;
    assert_eq!(checks(&answer), ["POD-001"]);
    let inputs: Vec<&str> = answer["partial"]
        .as_array()
        .unwrap()
        .iter()
        .map(|partial| partial["input"].as_str().unwrap())
        .collect();
    assert_eq!(inputs, ["events", "logs", "usage", "node"]);
    assert!(answer["partial"][0]["reason"].as_str().unwrap().contains("403"));
    assert!(answer.get("logs").is_none() && answer.get("resources").is_none());
}

#[tokio::test]
async fn what_is_not_asked_for_is_not_read() {
    let fake = whole(&pod()).status(LOG, 500).status(EVENTS, 500);
    let answer = diagnose(&fake, json!({ "check_logs": false, "check_events": false })).await;
    assert_eq!(answer["partial"], json!([]));
    assert_eq!(answer["events"], json!([]));
}

#[tokio::test]
async fn without_the_previous_log_the_present_one_is_read() {
    let fake = whole(&pod());
    let stack = fake.clone();
    let stack = BoxCloneSyncService::new(service_fn(move |read: Read| {
        let previous = read.uri.contains("previous=true");
        let answer = if previous { Err(gone(&read)) } else { stack.answer(&read) };
        async move { answer }
    }));
    let wanted = Wanted { events: true, logs: true, deep: false };
    let gathered = pod_facts(&Reader::new(stack, false), "shop", "web-1", wanted, now()).await.unwrap();
    assert_eq!(gathered.partial, []);
    let logs = gathered.facts.logs.unwrap();
    assert_eq!((logs.len(), logs[0].previous, logs[0].lines[0].as_str()), (1, false, "INFO start"));
}

fn gone(read: &Read) -> ReadError {
    let message = format!("{}: the API answered 400", read.what);
    ReadError { status: Some(400), ..ReadError::new(ReadErrorKind::Api, message) }
}

#[tokio::test(start_paused = true)]
async fn a_slow_input_is_given_up_after_five_seconds_and_a_slow_pod_is_an_error() {
    let slow = |path: &'static str| {
        let fake = whole(&pod());
        let stack = BoxCloneSyncService::new(service_fn(move |read: Read| {
            let waits = read.uri.split('?').next() == Some(path);
            let answer = fake.answer(&read);
            async move {
                if waits {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                answer
            }
        }));
        Reader::new(stack, false)
    };
    let wanted = Wanted { events: true, logs: true, deep: false };
    let gathered = pod_facts(&slow(LOG), "shop", "web-1", wanted, now()).await.unwrap();
    assert_eq!(gathered.partial.len(), 1);
    assert_eq!(gathered.partial[0].input, "logs");
    assert_eq!(gathered.partial[0].reason, "no answer within 5 s");
    let error = pod_facts(&slow(POD), "shop", "web-1", wanted, now()).await.err().unwrap();
    assert_eq!(error.kind, ErrorType::Timeout);
}

#[tokio::test]
async fn a_pod_that_is_not_there_is_an_error() {
    let arguments = json!({ "namespace": "shop", "pod_name": "web-1" });
    let error = Fake::default().call("diagnose_pod", arguments).await.unwrap_err();
    assert_eq!(error.kind, ErrorType::NotFound);
}

#[tokio::test]
async fn events_are_those_of_this_very_pod() {
    let fake = whole(&pod()).text(EVENTS, |query| {
        let fields = "fieldSelector=involvedObject.name%3Dweb-1%2CinvolvedObject.uid%3Du-1";
        assert!(query.contains(fields), "{query}");
        json!({ "metadata": {}, "items": [] }).to_string()
    });
    diagnose(&fake, json!({})).await;
}

#[tokio::test]
async fn claims_and_maps_are_read_by_name_or_as_a_list() {
    let mut pod = pod();
    pod["spec"]["volumes"] = json!([
        { "name": "d", "persistentVolumeClaim": { "claimName": "data" } },
        { "name": "m", "configMap": { "name": "settings" } },
    ]);
    let claim = "/api/v1/namespaces/shop/persistentvolumeclaims/data";
    let bound = json!({ "metadata": { "name": "data" }, "status": { "phase": "Bound" } });
    let answer = diagnose(&whole(&pod).json(claim, &bound), json!({})).await;
    assert_eq!(checks(&answer), ["POD-001", "POD-019"]);
    let forbidden = whole(&pod).status("/api/v1/namespaces/shop/configmaps/settings", 403);
    let answer = diagnose(&forbidden, json!({})).await;
    assert_eq!(checks(&answer), ["POD-001", "POD-018"]);
    assert_eq!(answer["partial"][0]["input"], "config_maps");
    let volume = |number: usize| json!({ "name": "m", "configMap": { "name": format!("map-{number}") } });
    pod["spec"]["volumes"] = (0..9).map(volume).collect();
    let map = |number: usize| json!({ "metadata": { "name": format!("map-{number}") } });
    let maps: Vec<Value> = (0..8).map(map).collect();
    let answer = diagnose(&whole(&pod).list("/api/v1/namespaces/shop/configmaps", &maps), json!({})).await;
    assert_eq!(checks(&answer), ["POD-001", "POD-019"]);
    assert!(answer["issues"][1]["message"].as_str().unwrap().contains("\"map-8\""));
}

#[tokio::test]
async fn a_pod_of_a_complete_job_is_healthy() {
    let mut pod = pod();
    pod["metadata"]["ownerReferences"] = json!([{ "kind": "Job", "name": "nightly", "controller": true }]);
    let job =
        json!({ "metadata": {}, "status": { "conditions": [{ "type": "Complete", "status": "True" }] } });
    let fake = whole(&pod).json("/apis/batch/v1/namespaces/shop/jobs/nightly", &job);
    let answer = diagnose(&fake, json!({})).await;
    assert_eq!((answer["overall"].as_str(), checks(&answer)), (Some("healthy"), Vec::new()));
}

#[tokio::test]
async fn an_answer_stays_small_whatever_the_cluster_holds() {
    let mut pod = pod();
    let long = "long \u{1b}words \" ".repeat(400);
    let containers: Vec<Value> = (0..40)
        .map(
            |number| json!({ "name": format!("container-{number}"), "image": long, "securityContext": null }),
        )
        .collect();
    let statuses: Vec<Value> = (0..40)
        .map(|number| {
            json!({ "name": format!("container-{number}"), "restartCount": 9, "ready": false,
                "state": { "waiting": { "reason": "CrashLoopBackOff", "message": long } },
                "lastState": { "terminated": { "exitCode": 1, "message": long } } })
        })
        .collect();
    pod["spec"]["containers"] = json!(containers);
    pod["status"]["containerStatuses"] = json!(statuses);
    let events: Vec<Value> = (0..200).map(|number| event(&format!("Reason{number}"), &long)).collect();
    let lines: Vec<String> = (0..100).map(|number| format!("ERROR {}{long}", "x".repeat(number))).collect();
    let log = lines.join("\n");
    let fake = whole(&pod).list(EVENTS, &events).text(LOG, move |_| log.clone());
    let answer = diagnose(&fake, json!({ "deep_analysis": true })).await;
    assert!(answer["issues"].as_array().unwrap().len() >= 2);
    let truncated = &answer["truncated"];
    assert!(truncated["what"].as_str().unwrap().contains("events"), "{truncated}");
    assert!(truncated["shown"].as_u64() < truncated["total"].as_u64());
}
