//! Lists of several pages, over an API that says what it is told to.

use std::sync::Mutex;

use k8s_openapi::api::core::v1::Pod;
use kube::client::Body as ClientBody;

use super::*;
use crate::cluster::{Settings, stack_with};
use crate::telemetry::Metrics;

/// Answers request after request from this list, and notes what was asked.
fn scripted(answers: Vec<(u16, serde_json::Value)>) -> (Reader, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    let service = tower::service_fn(move |request: http::Request<ClientBody>| {
        noted.lock().unwrap().push(request.uri().to_string());
        let (status, body) = answers.lock().unwrap().next().unwrap();
        let mut response = http::Response::new(ClientBody::from(body.to_string().into_bytes()));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        std::future::ready(Ok::<_, tower::BoxError>(response))
    });
    let client = kube::Client::new(service, "default");
    (Reader::new(stack_with(client, &Settings::default(), &Metrics::new()), false), asked)
}

fn page(names: &[&str], next: &str) -> (u16, serde_json::Value) {
    let items: Vec<_> =
        names.iter().map(|name| serde_json::json!({ "metadata": { "name": name } })).collect();
    (200, serde_json::json!({ "metadata": { "continue": next }, "items": items }))
}

fn gone() -> (u16, serde_json::Value) {
    let message = "The provided continue parameter is too old";
    (410, serde_json::json!({ "kind": "Status", "message": message, "reason": "Expired", "code": 410 }))
}

fn names(listed: &Listed<Pod>) -> Vec<&str> {
    listed.items.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect()
}

#[tokio::test]
async fn a_list_that_expired_is_read_once_more_from_its_beginning() {
    let (reader, asked) =
        scripted(vec![page(&["old"], "t1"), gone(), page(&["a", "b"], "t2"), page(&["c"], "")]);
    let listed = reader.list::<Pod>(Some("shop"), &Query::default()).await.unwrap();
    assert_eq!(names(&listed), ["a", "b", "c"]);
    assert!(listed.complete);
    let first = "/api/v1/namespaces/shop/pods?limit=500";
    let expected =
        [first.to_owned(), format!("{first}&continue=t1"), first.to_owned(), format!("{first}&continue=t2")];
    assert_eq!(*asked.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_list_that_expires_again_is_an_error() {
    let (reader, asked) = scripted(vec![page(&["a"], "t1"), gone(), page(&["a"], "t2"), gone()]);
    let error = reader.list::<Pod>(None, &Query::default()).await.err().unwrap();
    assert_eq!(error.kind, ReadErrorKind::Expired);
    assert_eq!(asked.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_list_that_never_ends_is_given_up() {
    let answers = (0..PAGES + 1).map(|number| page(&[], &format!("t{number}"))).collect();
    let (reader, asked) = scripted(answers);
    let listed = reader.list::<Pod>(None, &Query::default()).await.unwrap();
    assert!(listed.items.is_empty() && !listed.complete);
    assert_eq!(asked.lock().unwrap().len(), PAGES);
}

#[tokio::test]
async fn a_list_of_huge_objects_is_cut_by_its_bytes() {
    let huge = || {
        let text = "x".repeat(LIST_BYTES / 4);
        let pod = serde_json::json!({ "metadata": { "name": "huge", "annotations": { "note": text } } });
        (200, serde_json::json!({ "metadata": { "continue": "more" }, "items": [pod] }))
    };
    let mut number = 0;
    let answers = std::iter::repeat_with(|| {
        number += 1;
        let (status, mut page) = huge();
        page["metadata"]["continue"] = format!("t{number}").into();
        (status, page)
    });
    let (reader, asked) = scripted(answers.take(5).collect());
    let listed = reader.list::<Pod>(None, &Query::default()).await.unwrap();
    assert_eq!((listed.items.len(), listed.complete), (4, false));
    assert_eq!(asked.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_name_that_is_a_path_stays_one_segment() {
    let (reader, asked) = scripted(vec![(404, serde_json::json!({}))]);
    let name = "../secrets/token?pretty=\n%2e";
    assert!(reader.get::<k8s_openapi::api::core::v1::Node>(None, name).await.is_err());
    assert_eq!(*asked.lock().unwrap(), ["/api/v1/nodes/..%2Fsecrets%2Ftoken%3Fpretty%3D%0A%252e"]);
}

#[tokio::test]
async fn an_object_that_cannot_be_read_does_not_hide_the_others() {
    let pod = |name: &str, created: serde_json::Value| serde_json::json!({ "metadata": { "name": name, "creationTimestamp": created } });
    let end = serde_json::json!("9999-12-31T23:59:59Z");
    let list = |items: &[serde_json::Value]| (200, serde_json::json!({ "metadata": {}, "items": items }));
    let (reader, _) = scripted(vec![
        list(&[pod("a", end.clone()), pod("b", serde_json::Value::Null)]),
        list(&[pod("a", 7.into()), serde_json::Value::Null, pod("b", end.clone())]),
        list(&[pod("a", 7.into())]),
        (200, pod("a", end)),
    ]);
    let reader = reader.fresh();
    let ask = async || reader.list::<Pod>(None, &Query::default()).await;
    let listed = ask().await.unwrap();
    assert_eq!((names(&listed), listed.complete), (vec!["a", "b"], true));
    let listed = ask().await.unwrap();
    assert_eq!((names(&listed), listed.complete), (vec!["b"], false));
    assert_eq!(ask().await.err().unwrap().kind, ReadErrorKind::Unreadable);
    let one = reader.get::<Pod>(Some("shop"), "a").await.unwrap();
    assert_eq!(one.metadata.name.as_deref(), Some("a"));
}

#[tokio::test]
async fn what_is_remembered_to_be_missing_is_a_hit() {
    let status = serde_json::json!({ "kind": "Status", "message": "pods \"web\" not found", "code": 404 });
    let (first, asked) = scripted(vec![(404, status)]);
    let second = Reader::new(first.stack.clone(), false);
    for (reader, expected) in [(first, CacheUse::Miss), (second, CacheUse::Hit)] {
        let error = reader.get::<Pod>(Some("shop"), "web").await.err().unwrap();
        assert_eq!(error.kind, ReadErrorKind::NotFound);
        assert_eq!(reader.cache_use(), Some(expected));
    }
    assert_eq!(asked.lock().unwrap().len(), 1);
}
