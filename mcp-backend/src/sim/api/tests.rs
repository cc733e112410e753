//! The API over small clusters, byte by byte as clients see it.

use std::time::Duration;

use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use kube::client::Body;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::clock::Clock;
use crate::sim::{Fixed, Options, Sim};

const START: &str = "2026-11-22T10:00:00Z";

fn start() -> Timestamp {
    START.parse().expect("a time")
}

fn pod(namespace: &str, name: &str, containers: &[&str]) -> Value {
    let containers: Vec<Value> = containers.iter().map(|name| json!({"name": name})).collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
        "spec": {"nodeName": "worker-1", "containers": containers, "initContainers": [{"name": "setup"}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "broken", "state": {"waiting": {"reason": "CrashLoopBackOff"}},
             "lastState": {"terminated": {"exitCode": 1}}},
            {"name": "pulling", "state": {"waiting": {"reason": "ImagePullBackOff"}}},
        ]},
    })
}

fn line(second: i64, text: &str) -> (Timestamp, String) {
    (Timestamp::from_second(start().as_second() - second).expect("in range"), text.to_owned())
}

fn contents() -> Fixed {
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": "shop", "name": "web"}});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-1"}});
    Fixed::from_objects([
        pod("shop", "web-b", &["main"]),
        pod("shop", "web", &["main", "side"]),
        pod("batch", "job", &["main", "broken", "pulling"]),
        deployment,
        node,
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "shop", "name": "s"}}),
    ])
    .with_log(("shop", "web-b", "main"), false, [line(60, "one"), line(30, "two"), line(10, "thréé")])
    .with_log(("batch", "job", "broken"), true, [line(50, "boom")])
}

fn sim(faults: &str) -> Sim {
    let faults = faults.parse().expect("faults");
    Sim::holding(contents(), Options { faults, ..Options::default() }, Clock::manual(start()))
}

async fn ask(sim: &Sim, method: Method, uri: &str) -> (http::response::Parts, String) {
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).expect("a request");
    let (parts, body) = sim.clone().oneshot(request).await.expect("an answer").into_parts();
    let bytes = body.collect_bytes().await.expect("a body");
    (parts, String::from_utf8_lossy(&bytes).into_owned())
}

async fn get(sim: &Sim, uri: &str) -> (u16, Value) {
    let (parts, text) = ask(sim, Method::GET, uri).await;
    (parts.status.as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|item| item["metadata"]["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn objects_are_got_and_listed() {
    let sim = sim("");
    let (status, found) = get(&sim, "/api/v1/namespaces/shop/pods/web").await;
    assert_eq!(
        (status, &found["kind"], &found["metadata"]["namespace"]),
        (200, &json!("Pod"), &json!("shop"))
    );
    let (_, all) = get(&sim, "/api/v1/pods").await;
    assert_eq!((&all["kind"], &all["apiVersion"]), (&json!("PodList"), &json!("v1")));
    assert_eq!(names(&all), ["job", "web", "web-b"]);
    assert_eq!(all["items"][0].get("kind"), None, "as the real one, items of a list do not say their kind");
    for (uri, expected) in [
        ("/api/v1/namespaces/shop/pods", vec!["web", "web-b"]),
        ("/api/v1/namespaces/nowhere/pods", vec![]),
        ("/api/v1/pods?labelSelector=app%21%3Dweb", vec!["job", "web-b"]),
        ("/api/v1/pods?fieldSelector=metadata.namespace%3Dbatch", vec!["job"]),
        ("/apis/apps/v1/deployments", vec!["web"]),
        ("/apis/storage.k8s.io/v1/storageclasses", vec![]),
        ("/api/v1/nodes", vec!["worker-1"]),
    ] {
        assert_eq!(names(&get(&sim, uri).await.1), expected, "{uri}");
    }
    let (_, deployments) = get(&sim, "/apis/apps/v1/deployments").await;
    assert_eq!(deployments["apiVersion"], "apps/v1");
}

#[tokio::test]
async fn failures_are_statuses_with_reason_and_details() {
    let forced =
        sim("status=429:pods,status=504:services,status=410:events,status=500:jobs,forbidden=metrics");
    for (uri, code, reason, kind) in [
        ("/apis/apps/v1/namespaces/shop/deployments/none", 404, "NotFound", Some("deployments")),
        ("/apis/apps/v1/foos", 404, "NotFound", None),
        ("/api/v1/namespaces/shop/secrets/s", 403, "Forbidden", Some("secrets")),
        ("/api/v1/secrets", 403, "Forbidden", Some("secrets")),
        ("/apis/metrics.k8s.io/v1beta1/nodes", 403, "Forbidden", Some("nodes")),
        ("/api/v1/nodes?watch=true", 403, "Forbidden", Some("nodes")),
        ("/api/v1/pods", 429, "TooManyRequests", None),
        ("/api/v1/services", 504, "Timeout", None),
        ("/api/v1/events", 410, "Expired", None),
        ("/apis/batch/v1/jobs", 500, "InternalError", None),
        ("/api/v1/nodes?labelSelector=a%20b", 400, "BadRequest", None),
        ("/api/v1/nodes?fieldSelector=spec.taints%3Da", 400, "BadRequest", None),
        ("/api/v1/nodes?limit=many", 400, "BadRequest", None),
    ] {
        let (status, body) = get(&forced, uri).await;
        assert_eq!((status, &body["code"], &body["reason"]), (code, &json!(code), &json!(reason)), "{uri}");
        assert_eq!((&body["kind"], &body["status"]), (&json!("Status"), &json!("Failure")), "{uri}");
        assert_eq!(body["details"]["kind"].as_str(), kind, "{uri}");
    }
    let (_, missing) = get(&forced, "/apis/apps/v1/namespaces/shop/deployments/none").await;
    assert_eq!(missing["message"], "deployments.apps \"none\" not found");
    assert_eq!(missing["details"], json!({"name": "none", "group": "apps", "kind": "deployments"}));
    let (parts, _) = ask(&forced, Method::GET, "/api/v1/pods").await;
    assert_eq!(parts.headers["retry-after"], "1");
}

#[tokio::test]
async fn nothing_can_be_written() {
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let (parts, _) = ask(&sim(""), method.clone(), "/api/v1/namespaces/shop/pods/web").await;
        assert_eq!(parts.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}

#[tokio::test]
async fn the_api_tells_about_itself() {
    let sim = sim("api_error=1,hang=pods");
    assert_eq!(get(&sim, "/version").await.1["minor"], "33");
    assert_eq!(get(&sim, "/api").await.1["versions"], json!(["v1"]));
    assert_eq!(get(&sim, "/livez").await, (200, json!("ok")));
    let (_, groups) = get(&sim, "/apis").await;
    assert!(groups["groups"].as_array().expect("groups").iter().any(|group| group["name"] == "apps"));
    let (_, kinds) = get(&sim, "/apis/batch/v1").await;
    assert_eq!(
        (&kinds["groupVersion"], &kinds["resources"][0]["name"]),
        (&json!("batch/v1"), &json!("jobs"))
    );
    assert_eq!(get(&sim, "/nothing").await.0, 404);
}

#[tokio::test]
async fn a_list_goes_on_where_its_page_ended() {
    let clock = Clock::manual(start());
    let sim = Sim::holding(contents(), Options::default(), clock.clone());
    let (_, first) = get(&sim, "/api/v1/pods?limit=2").await;
    assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), (vec!["job", "web"], &json!(1)));
    let token = first["metadata"]["continue"].as_str().expect("a token").to_owned();
    clock.advance(Duration::from_secs(299));
    let (_, second) = get(&sim, &format!("/api/v1/pods?limit=2&continue={token}")).await;
    assert_eq!((names(&second), second["metadata"].get("continue")), (vec!["web-b"], None));
    for other in [
        "/api/v1/nodes?limit=2",
        "/api/v1/namespaces/shop/pods?limit=2",
        "/api/v1/pods?fieldSelector=status.phase%3DX",
    ] {
        let (status, body) = get(&sim, &format!("{other}&continue={token}")).await;
        assert_eq!((status, &body["reason"]), (410, &json!("Expired")), "{other}");
    }
    clock.advance(Duration::from_secs(2));
    let (status, _) = get(&sim, &format!("/api/v1/pods?limit=2&continue={token}")).await;
    assert_eq!(status, 410, "five minutes are over");
    assert_eq!(get(&sim, "/api/v1/pods?continue=garbage").await.0, 410);
}

#[tokio::test]
async fn logs_are_narrowed_as_by_the_kubelet() {
    let sim = sim("");
    let log = "/api/v1/namespaces/shop/pods/web-b/log";
    for (query, expected) in [
        ("", "one\ntwo\nthréé\n"),
        ("container=main&previous=false", "one\ntwo\nthréé\n"),
        ("tailLines=1", "thréé\n"),
        ("tailLines=0", ""),
        ("tailLines=99", "one\ntwo\nthréé\n"),
        ("sinceSeconds=30", "two\nthréé\n"),
        ("sinceSeconds=29&tailLines=2", "thréé\n"),
        ("sinceTime=2026-11-22T09:59:50Z", "thréé\n"),
        ("limitBytes=6", "one\ntw"),
        ("limitBytes=4&tailLines=1", "thr\u{FFFD}"),
        ("timestamps=true&tailLines=1", "2026-11-22T09:59:50.000000000Z thréé\n"),
    ] {
        let (parts, text) = ask(&sim, Method::GET, &format!("{log}?{query}")).await;
        assert_eq!((parts.status, text.as_str()), (StatusCode::OK, expected), "{query}");
        assert_eq!(parts.headers["content-type"], "text/plain");
    }
}

#[tokio::test]
async fn a_log_that_is_not_there_says_why() {
    let sim = sim("");
    for (path, code, message) in [
        ("shop/pods/none/log", 404, "pods \"none\" not found"),
        (
            "shop/pods/web/log",
            400,
            "a container name must be specified for pod web, choose one of: [main side] \
             or one of the init containers: [setup]",
        ),
        ("shop/pods/web/log?container=x", 400, "container x is not valid for pod web"),
        (
            "shop/pods/web-b/log?previous=true",
            400,
            "previous terminated container \"main\" in pod \"web-b\" not found",
        ),
        (
            "shop/pods/web/log?container=setup",
            400,
            "container \"setup\" in pod \"web\" is waiting to start: ContainerCreating",
        ),
        (
            "batch/pods/job/log?container=pulling",
            400,
            "container \"pulling\" in pod \"job\" is waiting to start: trying and failing to pull image",
        ),
        (
            "shop/pods/web-b/log?tailLines=-1",
            422,
            "PodLogOptions is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            "shop/pods/web-b/log?sinceSeconds=1&sinceTime=2026-11-22T09:59:50Z",
            422,
            "PodLogOptions is invalid: at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
    ] {
        let (status, body) = get(&sim, &format!("/api/v1/namespaces/{path}")).await;
        assert_eq!((status, body["message"].as_str()), (code, Some(message)), "{path}");
    }
    let (status, text) = get(&sim, "/api/v1/namespaces/batch/pods/job/log?container=broken").await;
    assert_eq!(
        (status, text),
        (200, json!("boom\n")),
        "between back-offs it is the log of the last instance"
    );
}

#[tokio::test(start_paused = true)]
async fn latency_and_faults_follow_from_seed_and_request() {
    let run = |seed| async move {
        let faults = "api_error=0.2,slow=0.2:2s".parse().expect("faults");
        let options = Options { seed, latency: true, faults, ..Options::default() };
        let sim = Sim::holding(contents(), options, Clock::manual(start()));
        let mut seen = Vec::new();
        for _ in 0..100 {
            let before = now();
            let (parts, _) = ask(&sim, Method::GET, "/api/v1/nodes").await;
            seen.push((parts.status.as_u16(), before.elapsed()));
        }
        seen
    };
    let seen = run(1).await;
    assert_eq!(seen, run(1).await);
    assert_ne!(seen, run(2).await);
    let failed = seen.iter().filter(|(status, _)| *status == 500).count();
    let slow = seen.iter().filter(|(_, time)| *time >= Duration::from_secs(2)).count();
    assert!((10..=30).contains(&failed) && (10..=30).contains(&slow), "{failed} failed, {slow} slow");
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_never_answered() {
    let sim = sim("hang=events");
    let day = Duration::from_secs(86_400);
    assert!(tokio::time::timeout(day, get(&sim, "/api/v1/events")).await.is_err());
    assert_eq!(get(&sim, "/api/v1/pods").await.0, 200);
}

#[tokio::test]
async fn the_cluster_lives_as_fast_as_it_was_told() {
    let clock = Clock::manual(start());
    let options = Options { speed: 60.0, ..Options::default() };
    let cluster =
        super::Cluster::new(options, clock.clone(), Box::new(|_, _| std::sync::Arc::new(contents())));
    clock.advance(Duration::from_millis(1_500));
    assert_eq!(cluster.moment(), 90);
    let expected = start().saturating_add(Duration::from_secs(90)).expect("in range");
    assert_eq!(cluster.snapshot(90).now, expected);
}

#[tokio::test]
async fn what_it_holds_is_made_once_a_moment() {
    let made = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&made);
    let make = move |_, _| -> std::sync::Arc<dyn crate::sim::Contents> {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        std::sync::Arc::new(contents())
    };
    let cluster = super::Cluster::new(Options::default(), Clock::manual(start()), Box::new(make));
    for moment in [1, 1, 1, 2, 2, 1] {
        cluster.snapshot(moment);
    }
    assert_eq!(made.load(std::sync::atomic::Ordering::Relaxed), 3, "one moment is kept, no more");
}

/// The paused clock of tokio.
#[expect(clippy::disallowed_methods, reason = "virtual time is what latency is measured in here")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
