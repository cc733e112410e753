//! The layer around a service, with the real exchange core.

use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::super::body::TappedBody;
use super::super::{InspectLayer, Settings};
use super::*;
use crate::exchange::event::{EndReason, Event, HttpRecord, Sink};
use crate::exchange::{self, Exchange};
use crate::http::forward::ForwardError;

#[derive(Default)]
struct Ended(Mutex<Vec<HttpRecord>>);

impl Sink for Ended {
    fn emit(&self, event: Event) {
        if let Event::HttpEnded(record) = event {
            self.0.lock().expect("no test panics while it writes").push(record);
        }
    }
}

impl Ended {
    fn list(&self) -> Vec<(Option<u16>, EndReason)> {
        let records = self.0.lock().expect("no test panics while it writes");
        records.iter().map(|record| (record.status, record.end)).collect()
    }
}

fn layer() -> (InspectLayer, Arc<Ended>) {
    let ended = Arc::new(Ended::default());
    let exchange = Exchange::new(exchange::Settings::default(), Arc::clone(&ended) as Arc<dyn Sink>);
    let connection = exchange.connection();
    (InspectLayer::new(exchange, Settings::default(), connection), ended)
}

async fn echo(
    request: Request<TappedBody<MockBody>>,
) -> Result<Response<TappedBody<MockBody>>, ForwardError> {
    let (parts, body) = request.into_parts();
    let mut response = Response::new(body);
    *response.headers_mut() = parts.headers;
    *response.status_mut() = http::StatusCode::CREATED;
    Ok(response)
}

fn post(kind: &str, steps: impl IntoIterator<Item = Step>) -> Request<MockBody> {
    Request::post("/mcp?x=1").header("content-type", kind).body(MockBody::new(steps)).expect("a request")
}

#[tokio::test]
async fn request_and_response_pass_and_the_exchange_ends_with_the_body() {
    let (layer, ended) = layer();
    for kind in ["application/json", "text/event-stream", "text/plain"] {
        let response = layer.layer(service_fn(echo)).oneshot(post(kind, [data("{\"a\":"), data("1}")])).await;
        let response = response.expect("an answer");
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["content-type"], kind);
        assert!(ended.list().is_empty());
        let body = response.into_body().collect().await.expect("a whole body").to_bytes();
        assert_eq!(body, "{\"a\":1}");
        assert_eq!(std::mem::take(&mut *ended.0.lock().expect("not poisoned")).len(), 1);
    }
}

#[tokio::test]
async fn broken_and_dropped_responses_end_as_such() {
    let (layer, ended) = layer();
    let mut service = layer.layer(service_fn(echo));
    let mut call = |steps: Vec<Step>| service.call(post("text/plain", steps));
    drop(call(vec![]).await.expect("an answer"));
    let body = call(vec![data("a"), Step::Error]).await.expect("an answer").into_body();
    assert_eq!(body.collect().await.err(), Some("broken"));
    drop(call(vec![]));
    let created = Some(201);
    let expected =
        [(created, EndReason::ClientGone), (created, EndReason::ServerError), (None, EndReason::ClientGone)];
    assert_eq!(ended.list(), expected);
}
