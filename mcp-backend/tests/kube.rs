//! Reading a real API server: kubeconfig, TLS, token, and every way in which it can fail.

#[path = "support/api_server.rs"]
mod api_server;

use std::path::Path;
use std::time::Duration;

use api_server::{ApiServer, Manner, TOKEN};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod, Service};
use mcp_backend::clock::Clock;
use mcp_backend::cluster::{
    ConnectSettings, Kind, LogQuery, Query, ReadError, ReadErrorKind, Reader, connect, stack,
};
use mcp_backend::sim::{Fixed, Options, Sim};
use mcp_backend::tool::{Context, ErrorType, ToolError, catalogue};
use serde_json::{Value, json};

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "shop", "name": name, "labels": {"app": "web"}},
        "spec": {"nodeName": "worker-1", "containers": [{"name": "main"}]}, "status": {"phase": "Running"}})
}

/// A cluster with more pods than a page holds.
fn sim(faults: &str) -> Sim {
    let pods = (0..1_201).map(|number| pod(&format!("web-{number:04}")));
    let contents = Fixed::from_objects(pods).with_log(
        ("shop", "web-0000", "main"),
        false,
        [(now(), "started".to_owned()), (now(), "grüß dich".to_owned())],
    );
    let faults = faults.parse().expect("faults");
    Sim::holding(contents, Options { faults, ..Options::default() }, Clock::manual(now()))
}

fn settings(path: &Path) -> ConnectSettings {
    ConnectSettings { kubeconfig: Some(path.to_owned()), context: None }
}

/// A reader of this server by a kubeconfig.
async fn reader(server: &ApiServer, token: &str) -> Reader {
    let folder = tempfile::tempdir().expect("a folder");
    let path = server.kubeconfig(folder.path(), token);
    let client = connect(&settings(&path)).await.expect("a client");
    Reader::new(stack(client), false)
}

async fn failure<K: Kind>(reader: &Reader) -> ReadError {
    reader.list::<K>(Some("shop"), &Query::default()).await.map(|_| ()).expect_err("a failure")
}

#[tokio::test]
async fn objects_lists_and_logs_are_read_over_tls() {
    let server = ApiServer::start(sim("")).await;
    let (within, beside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    for path in [server.kubeconfig(within.path(), TOKEN), server.kubeconfig_of_files(beside.path())] {
        let client = connect(&settings(&path)).await.expect("a client");
        let reader = Reader::new(stack(client), true);
        let pod = reader.get::<Pod>(Some("shop"), "web-0007").await.expect("a pod");
        assert_eq!(pod.metadata.name.as_deref(), Some("web-0007"));
        let query = Query { labels: Some("app in (web)".to_owned()), ..Query::default() };
        let pods = reader.list::<Pod>(None, &query).await.expect("pods");
        assert_eq!((pods.items.len(), pods.complete), (1_201, true), "three pages");
        let query = LogQuery {
            namespace: "shop".to_owned(),
            pod: "web-0000".to_owned(),
            tail_lines: Some(1),
            ..LogQuery::default()
        };
        let log = reader.log(&query).await.expect("a log");
        assert_eq!(*log, "2026-11-22T10:00:00.000000000Z grüß dich\n");
    }
}

#[tokio::test]
async fn a_log_that_is_cut_within_a_character_is_read() {
    let line = [(now(), "é".repeat(200_000))];
    let contents = Fixed::from_objects([pod("web")]).with_log(("shop", "web", "main"), false, line);
    let server = ApiServer::start(Sim::holding(contents, Options::default(), Clock::manual(now()))).await;
    let reader = reader(&server, TOKEN).await;
    let query = LogQuery { namespace: "shop".to_owned(), pod: "web".to_owned(), ..LogQuery::default() };
    let log = reader.log(&query).await.expect("a log");
    assert!(log.ends_with("éé\u{FFFD}") && log.len() < 262_144 + 3, "{} bytes", log.len());
}

#[tokio::test]
async fn statuses_of_the_api_keep_their_meaning_and_are_asked_for_once() {
    let faults = "status=403:pods,status=410:events,status=429:nodes,status=500:services,\
                  status=504:configmaps,status=503:deployments";
    let server = ApiServer::start(sim(faults)).await;
    let reader = reader(&server, TOKEN).await;
    let missing = reader.get::<PersistentVolumeClaim>(Some("shop"), "none").await.expect_err("not there");
    let errors = [
        (missing, ReadErrorKind::NotFound, 404, ErrorType::NotFound),
        (failure::<Pod>(&reader).await, ReadErrorKind::Forbidden, 403, ErrorType::Forbidden),
        (failure::<Event>(&reader).await, ReadErrorKind::Expired, 410, ErrorType::Api),
        (failure::<Node>(&reader).await, ReadErrorKind::Throttled, 429, ErrorType::Api),
        (failure::<Service>(&reader).await, ReadErrorKind::Api, 500, ErrorType::Api),
        (failure::<ConfigMap>(&reader).await, ReadErrorKind::Timeout, 504, ErrorType::Timeout),
        (failure::<Deployment>(&reader).await, ReadErrorKind::Api, 503, ErrorType::Api),
    ];
    // Only the list that changed while it was read is begun once more.
    assert_eq!(server.seen().1, errors.len() + 1, "no other request is repeated");
    for (error, kind, status, word) in errors {
        assert_eq!((error.kind, error.status), (kind, Some(status)), "{error}");
        check_words(&error, &server);
        assert_eq!(ToolError::from(error).kind, word);
    }
}

#[tokio::test]
async fn who_has_no_right_to_come_in_is_told_so() {
    let server = ApiServer::start(sim("")).await;
    let stranger = reader(&server, "wrong").await;
    let error = failure::<Pod>(&stranger).await;
    assert_eq!((error.kind, error.status), (ReadErrorKind::Forbidden, Some(401)), "{error}");
    check_words(&error, &server);
}

#[tokio::test]
async fn a_server_that_another_authority_vouches_for_is_not_asked() {
    let (server, other) = (ApiServer::start(sim("")).await, ApiServer::start(sim("")).await);
    let folder = tempfile::tempdir().expect("a folder");
    let path = server.kubeconfig_of_files(folder.path());
    std::fs::write(folder.path().join("ca.pem"), other.ca()).expect("written");
    let client = connect(&settings(&path)).await.expect("a client");
    let error = failure::<Pod>(&Reader::new(stack(client), false)).await;
    assert_eq!((error.kind, error.status), (ReadErrorKind::Api, None), "{error}");
    assert_eq!(server.seen().1, 0, "no token went there");
    check_words(&error, &server);
}

#[tokio::test]
async fn a_server_that_breaks_off_or_is_not_there_is_an_error_of_the_api() {
    let server = ApiServer::start(sim("")).await;
    for manner in [Manner::Reset, Manner::CutBody] {
        server.treat(manner);
        let error = failure::<Pod>(&reader(&server, TOKEN).await).await;
        assert_eq!((error.kind, error.status), (ReadErrorKind::Api, None), "{manner:?}: {error}");
        check_words(&error, &server);
    }
    server.treat(Manner::Foreign);
    let error = failure::<Pod>(&reader(&server, TOKEN).await).await;
    assert_eq!(error.kind, ReadErrorKind::Unreadable, "{error}");
    assert!(!error.to_string().contains("log in"), "{error}");
    // A port that was free a moment ago: nobody listens there.
    let free = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let mut absent = ApiServer::start(sim("")).await;
    absent.address = free.local_addr().expect("an address");
    drop(free);
    let error = failure::<Pod>(&reader(&absent, TOKEN).await).await;
    assert_eq!(error.kind, ReadErrorKind::Api, "{error}");
    check_words(&error, &absent);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_seconds() {
    let hung = async |manner| {
        let server = ApiServer::start(sim("")).await;
        server.treat(manner);
        let reader = reader(&server, TOKEN).await;
        let error = tokio::time::timeout(Duration::from_secs(20), failure::<Pod>(&reader)).await;
        let error = error.expect("given up");
        assert_eq!((error.kind, error.status), (ReadErrorKind::Timeout, None), "{manner:?}: {error}");
        check_words(&error, &server);
    };
    tokio::join!(hung(Manner::SilentBeforeTls), hung(Manner::Silent));
}

#[tokio::test]
async fn tools_answer_over_it() {
    let call = async |faults: &str, tool: &str, arguments: Value| {
        let options = Options { faults: faults.parse().expect("faults"), ..Options::default() };
        let server = ApiServer::start(Sim::new(options, Clock::manual(now()))).await;
        let entry = catalogue().iter().find(|entry| entry.name == tool)?;
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let context = Context { reader: reader(&server, TOKEN).await, now: now() };
        Some((entry.run)(context, arguments).await)
    };
    let all = json!({"all_namespaces": true, "limit": 200});
    // Of one piece with the tools: none of them, or all.
    let Some(pods) = call("", "list_pods", all.clone()).await else {
        assert!(catalogue().is_empty());
        return;
    };
    let pods = pods.expect("an answer");
    let pods = pods["pods"].as_array().expect("a list");
    assert!(pods.len() >= 40, "{} pods", pods.len());
    let chatty = pods.iter().find(|pod| pod["name"].as_str().is_some_and(|name| name.starts_with("chatty")));
    let chatty = &chatty.expect("it is in platform")["name"];
    let arguments = json!({"namespace": "platform", "pod_name": chatty, "tail_lines": 5});
    let log = call("", "get_pod_logs", arguments).await.expect("the tool").expect("an answer");
    assert_eq!(log["lines"].as_array().map(Vec::len), Some(5));
    for (faults, kind) in [
        ("status=403:pods", ErrorType::Forbidden),
        ("status=429:pods", ErrorType::Api),
        ("status=500:pods", ErrorType::Api),
        ("status=504:pods", ErrorType::Timeout),
    ] {
        let failed = call(faults, "list_pods", all.clone()).await.expect("the tool");
        assert_eq!(failed.expect_err(faults).kind, kind, "{faults}");
    }
}

/// No address, no token, no payload.
#[track_caller]
fn check_words(error: &ReadError, server: &ApiServer) {
    let words = format!("{error} {error:?}");
    for secret in [TOKEN, "127.0.0.1", &server.address.port().to_string(), "PLANTED"] {
        assert!(!words.contains(secret), "{secret} in {words}");
    }
}
