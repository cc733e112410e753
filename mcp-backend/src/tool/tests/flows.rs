//! The tools that diagnose workloads, services, nodes and the cluster, on a table of answers.

use serde_json::{Value, json};

use super::fake::Fake;
use crate::tool::find;

const CORE: &str = "/api/v1/namespaces/shop";
const APPS: &str = "/apis/apps/v1/namespaces/shop";

fn owner(kind: &str, uid: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": "x", "uid": uid, "controller": true}])
}

/// A pod of replica set `rs-1` in a crash loop, or one that is ready.
fn pod(name: &str, crashing: bool) -> Value {
    let state = if crashing {
        json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}})
    } else {
        json!({"running": {"startedAt": "2026-11-22T10:00:00Z"}})
    };
    let ready = if crashing { "False" } else { "True" };
    json!({
        "metadata": {
            "name": name, "namespace": "shop", "uid": name, "labels": {"app": "api"},
            "ownerReferences": owner("ReplicaSet", "rs-1"), "annotations": {"secret": "hidden"},
        },
        "spec": {
            "nodeName": "worker-1",
            "containers": [{
                "name": "app", "image": "api:1", "env": [{"name": "KEY", "value": "hidden"}],
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
            }],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-22T10:00:00Z"}],
            "containerStatuses": [{
                "name": "app", "image": "api:1", "imageID": "", "ready": !crashing, "started": !crashing,
                "restartCount": if crashing { 7 } else { 0 }, "state": state,
            }],
        },
    })
}

fn deployment(ready: i32) -> Value {
    json!({
        "metadata": {"name": "api", "namespace": "shop", "uid": "dep", "generation": 1},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "api"}}, "template": {}},
        "status": {"observedGeneration": 1, "readyReplicas": ready, "updatedReplicas": 3},
    })
}

fn replica_set() -> Value {
    json!({
        "metadata": {
            "name": "api-1", "namespace": "shop", "uid": "rs-1", "ownerReferences": owner("Deployment", "dep"),
            "annotations": {"deployment.kubernetes.io/revision": "12"},
        },
    })
}

fn node(condition: &str) -> Value {
    json!({
        "metadata": {"name": "worker-1", "uid": "n1"},
        "spec": {"taints": [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]},
        "status": {
            "allocatable": {"cpu": "1", "memory": "1Gi", "pods": "110"},
            "conditions": [
                {"type": "Ready", "status": "True", "reason": "KubeletReady"},
                {"type": condition, "status": "True", "reason": "Full"},
            ],
        },
    })
}

/// A service whose selector is mistyped, and its namespace.
fn cluster(prefix: (&str, &str), pods: &[Value]) -> Fake {
    let (core, apps) = prefix;
    let service = json!({
        "metadata": {"name": "api", "namespace": "shop", "uid": "s1"},
        "spec": {"type": "ClusterIP", "selector": {"app": "apj"}, "ports": [{"port": 80, "targetPort": 8080}]},
    });
    Fake::default()
        .json(&format!("{APPS}/deployments/api"), &deployment(0))
        .json(&format!("{CORE}/services/api"), &service)
        .json("/api/v1/nodes/worker-1", &node("DiskPressure"))
        .list(&format!("{core}/pods"), pods)
        .list(&format!("{core}/events"), &[])
        .list(&format!("{core}/services"), &[service])
        .list(&format!("{apps}/replicasets"), &[replica_set()])
        .list(&format!("{apps}/deployments"), &[deployment(0)])
        .list("/api/v1/nodes", &[node("DiskPressure")])
        .list("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", &[])
        .list("/apis/discovery.k8s.io/v1/endpointslices", &[])
        .list("/apis/networking.k8s.io/v1/namespaces/shop/ingresses", &[])
        .status("/apis/policy/v1/namespaces/shop/poddisruptionbudgets", 403)
}

fn pods(crashing: usize) -> Vec<Value> {
    (0..crashing).map(|at| pod(&format!("api-1-c{at}"), true)).chain([pod("api-1-ok", false)]).collect()
}

/// The answer, which must be what its schema says, hold nothing hidden, and be no larger than this.
async fn answer(fake: &Fake, tool: &str, arguments: Value, most: usize) -> Value {
    let answer = fake.call(tool, arguments).await.unwrap();
    let schema = Value::Object((*find(tool).unwrap().output_schema).clone());
    let errors: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&answer)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    let text = answer.to_string();
    assert!(!text.contains("hidden"), "{text}");
    assert!(text.len() <= most, "{} bytes: {text}", text.len());
    answer
}

fn checks(issues: &Value) -> Vec<&str> {
    issues.as_array().unwrap().iter().map(|issue| issue["check"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_workload_is_diagnosed_with_what_its_pods_share() {
    let fake = cluster((CORE, APPS), &pods(40));
    let arguments = json!({"namespace": "shop", "deployment_name": "api"});
    let answer = answer(&fake, "diagnose_deployment", arguments, 8_000).await;
    assert_eq!(answer["overall"], "critical");
    assert_eq!(answer["replicas"], json!({"desired": 3, "ready": 0, "available": 0, "updated": 3}));
    assert_eq!(
        (&answer["rollout"]["state"], &answer["rollout"]["revision"]),
        (&json!("progressing"), &json!("12"))
    );
    assert_eq!(checks(&answer["issues"]), ["WRK-001"]);
    let shown = answer["pods"].as_array().unwrap();
    assert_eq!((shown.len(), &shown[0]["ready"]), (10, &json!(false)));
    assert_eq!(answer["truncated"]["total"], 41);
    let budgets = answer["partial"].as_array().unwrap().iter();
    assert!(budgets.clone().any(|partial| partial["reason"].as_str().unwrap().contains("403")), "{answer}");
    if let Some(cause) = answer["root_causes"].as_array().unwrap().first() {
        assert_eq!((&cause["check"], &cause["count"]), (&json!("POD-001"), &json!(40)));
    }
}

#[tokio::test]
async fn a_workload_that_is_not_there_is_an_error() {
    let arguments = json!({"namespace": "shop", "deployment_name": "apj"});
    let error = cluster((CORE, APPS), &[]).call("diagnose_deployment", arguments).await.unwrap_err();
    assert_eq!(error.kind, crate::tool::ErrorType::NotFound);
}

#[tokio::test]
async fn a_service_is_diagnosed_by_its_slices() {
    let fake = cluster((CORE, APPS), &pods(1));
    let arguments = json!({"namespace": "shop", "service_name": "api"});
    let answer = answer(&fake, "diagnose_service", arguments, 8_000).await;
    assert_eq!(checks(&answer["issues"]), ["SVC-001"]);
    assert_eq!(answer["issues"][0]["evidence"][1], "nearest: app=api on pod api-1-c0");
    assert_eq!(answer["endpoints"], json!({"ready": 0, "not_ready": 0, "pods": []}));
    assert_eq!(answer["ports"], json!([{"port": 80, "target_port": "8080", "protocol": "TCP"}]));
}

#[tokio::test]
async fn a_node_is_diagnosed_with_its_pods() {
    let fake = cluster(("/api/v1", "/apis/apps/v1"), &pods(9));
    let answer = answer(&fake, "diagnose_node", json!({"node_name": "worker-1"}), 8_000).await;
    assert_eq!(checks(&answer["issues"]), ["NOD-002", "NOD-004"]);
    assert_eq!(answer["taints"], json!(["dedicated=gpu:NoSchedule"]));
    assert_eq!(answer["requested_percent"], json!({"cpu": 100.0, "memory": 62.5, "pods": 9.1}));
    assert_eq!(answer["partial"][0]["input"], "usage");
}

#[tokio::test]
async fn the_cluster_is_judged_as_a_whole() {
    let fake = cluster(("/api/v1", "/apis/apps/v1"), &pods(2));
    let all = answer(&fake, "cluster_health", json!({"min_severity": "low", "limit": 100}), 45_000).await;
    let found = checks(&all["issues"]);
    for check in ["SVC-001", "NOD-002", "WRK-001"] {
        assert!(found.contains(&check), "{check} in {found:?}");
    }
    assert_eq!(all["nodes"], json!({"ready": 1, "total": 1}));
    assert_eq!(all["pods_by_phase"], json!({"Running": 3}));
    assert_eq!(all["workloads"], json!({"ok": 0, "total": 1}));
    let one = answer(&fake, "cluster_health", json!({"limit": 1, "min_severity": "high"}), 8_000).await;
    assert_eq!(one["issues"].as_array().unwrap().len(), 1);
    assert_eq!(one["truncated"]["what"], "issues");
    assert!(one["truncated"]["total"].as_u64().unwrap() > 1);
}

#[tokio::test]
async fn a_cluster_that_may_not_be_read_is_told_in_parts() {
    let fake = cluster(("/api/v1", "/apis/apps/v1"), &pods(1)).status("/api/v1/pods", 403);
    let answer = answer(&fake, "cluster_health", json!({}), 8_000).await;
    let inputs: Vec<&str> = answer["partial"]
        .as_array()
        .unwrap()
        .iter()
        .map(|partial| partial["input"].as_str().unwrap())
        .collect();
    assert!(inputs.contains(&"pods") && inputs.contains(&"usage"), "{inputs:?}");
    assert_eq!(answer["nodes"]["total"], 1);
}

#[tokio::test]
async fn what_is_not_shown_still_counts() {
    let fake = cluster(("/api/v1", "/apis/apps/v1"), &[pod("api-1-ok", false)]);
    let fake = fake.list("/api/v1/services", &[]).list("/apis/apps/v1/deployments", &[]);
    let answer = answer(&fake, "cluster_health", json!({"min_severity": "critical"}), 8_000).await;
    assert_eq!(checks(&answer["issues"]), Vec::<&str>::new());
    assert_eq!(answer["overall"], "degraded", "the node has DiskPressure");
}

#[tokio::test]
async fn without_its_pods_a_cluster_is_not_called_healthy() {
    let mut well = node("Odd");
    well["status"]["conditions"][1]["status"] = json!("False");
    let fake = Fake::default().list("/api/v1/nodes", &[well]);
    assert_eq!(answer(&fake, "cluster_health", json!({}), 8_000).await["overall"], "unknown");
    let fake = fake.list("/api/v1/pods", &[]);
    assert_eq!(answer(&fake, "cluster_health", json!({}), 8_000).await["overall"], "healthy");
}

#[tokio::test]
async fn what_an_operator_controls_is_judged_too() {
    let mut deployment = deployment(0);
    deployment["metadata"]["ownerReferences"] = owner("Database", "elsewhere");
    let scaler = json!({
        "metadata": {"name": "api", "namespace": "shop", "uid": "h"},
        "spec": {"maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "api"}},
    });
    let fake = cluster(("/api/v1", "/apis/apps/v1"), &pods(1))
        .list("/apis/apps/v1/deployments", &[deployment])
        .list("/apis/autoscaling/v2/horizontalpodautoscalers", &[scaler]);
    let answer = answer(&fake, "cluster_health", json!({}), 45_000).await;
    let found = checks(&answer["issues"]);
    assert!(found.contains(&"WRK-001") && !found.contains(&"WRK-009"), "{found:?}");
    assert_eq!(answer["workloads"]["total"], 1);
}

#[tokio::test]
async fn owners_that_name_each_other_end_the_search() {
    let set = |uid: &str, owned_by: &str| {
        json!({"metadata": {"name": uid, "namespace": "shop", "uid": uid,
        "ownerReferences": owner("ReplicaSet", owned_by)}})
    };
    let fake = cluster(("/api/v1", "/apis/apps/v1"), &pods(1))
        .list("/apis/apps/v1/replicasets", &[set("rs-1", "rs-2"), set("rs-2", "rs-1")]);
    answer(&fake, "cluster_health", json!({}), 45_000).await;
}

#[tokio::test]
async fn endpoints_that_could_not_be_read_are_not_counted_as_none() {
    let fake = cluster((CORE, APPS), &pods(1))
        .status("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", 403);
    let arguments = json!({"namespace": "shop", "service_name": "api"});
    let answer = answer(&fake, "diagnose_service", arguments, 8_000).await;
    assert!(answer.get("endpoints").is_none(), "{answer}");
}

#[tokio::test]
async fn a_node_asks_for_its_own_pods_and_spells_its_use() {
    let metrics =
        json!({"metadata": {"name": "worker-1"}, "usage": {"cpu": "412345678n", "memory": "2097152Ki"}});
    let all = json!({"metadata": {}, "items": pods(2)}).to_string();
    let fake = cluster(("/api/v1", "/apis/apps/v1"), &[])
        .json("/apis/metrics.k8s.io/v1beta1/nodes/worker-1", &metrics)
        .text("/api/v1/pods", move |query| {
            assert!(query.contains("fieldSelector=spec.nodeName%3Dworker-1"), "{query}");
            all.clone()
        });
    let answer = answer(&fake, "diagnose_node", json!({"node_name": "worker-1"}), 8_000).await;
    assert_eq!(answer["usage"], json!({"cpu": "413m", "memory": "2Gi"}));
    assert_eq!(answer["requested_percent"]["pods"], 2.7);
}

#[tokio::test]
async fn what_failed_of_a_cron_job_is_told_of_its_jobs_until_one_did_well() {
    const BATCH: &str = "/apis/batch/v1/namespaces/shop";
    let cron_job = |well: &str| {
        json!({
            "metadata": {"name": "nightly", "namespace": "shop", "uid": "cron", "generation": 1},
            "spec": {"schedule": "0 2 * * *", "jobTemplate": {}},
            "status": {"lastScheduleTime": "2026-11-22T02:00:00Z", "lastSuccessfulTime": well},
        })
    };
    let job = json!({
        "metadata": {
            "name": "nightly-1", "namespace": "shop", "uid": "job-1", "ownerReferences": owner("CronJob", "cron"),
            "creationTimestamp": "2026-11-22T02:00:00Z",
        },
        "spec": {"template": {}, "backoffLimit": 2},
        "status": {"failed": 3, "conditions": [
            {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"},
        ]},
    });
    for (well, expected) in [("2026-11-21T02:05:00Z", vec!["WRK-007"]), ("2026-11-22T02:30:00Z", vec![])] {
        let fake = Fake::default()
            .json(&format!("{BATCH}/cronjobs/nightly"), &cron_job(well))
            .list(&format!("{BATCH}/jobs"), std::slice::from_ref(&job))
            .list(&format!("{CORE}/pods"), &[])
            .list(&format!("{CORE}/events"), &[]);
        let arguments = json!({"namespace": "shop", "deployment_name": "nightly", "kind": "CronJob"});
        let answer = fake.call("diagnose_deployment", arguments).await.unwrap();
        let checks: Vec<&str> = answer["issues"]
            .as_array()
            .unwrap()
            .iter()
            .map(|issue| issue["check"].as_str().unwrap())
            .collect();
        assert_eq!(checks, expected, "{answer}");
    }
}
