//! One small tool call: in the exchange core, in the recorder, and from the request's head to the last byte of the
//! response through the inspecting layer, over a server in memory.
//!
//! 2026-11-22, x86-64, Rust 1.95, glibc's allocator (a bench has that, the program jemalloc); before is the first
//! version of this bench (b47a7f2), which knew nothing of traces:
//!
//! | case | before | with traces | with service levels |
//! | --- | --- | --- | --- |
//! | exchange/modern_call | 4 412 | 5 023 | 5 133 |
//! | exchange/legacy_call | 5 981 | 6 603 | 6 762 |
//! | record/call | 1 863 | 1 975 | 2 413 |
//! | path/modern_call | 24 793 | 26 543 | 27 370 |
//! | path/legacy_call | 26 141 | 28 632 | 28 695 |
//!
//! The last column has the three default objectives and no prices (2026-11-23). Of its 440 instructions in the recorder,
//! some 300 are in `record_sli` and the pass over the objectives, 53 in the atomic pointer to them, 29 in the outcome; the
//! rest is what the compiler inlines elsewhere.

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use mcp_tap::clock;
use mcp_tap::exchange::event::{EndReason, Event, Operation, Sink};
use mcp_tap::exchange::{self, AnswerShape, Exchange, HttpMethod, RequestHead};
use mcp_tap::http::forward::ForwardError;
use mcp_tap::http::inspect::{self, InspectLayer, TappedBody};
use mcp_tap::protocol::message::{Document, Message};
use mcp_tap::protocol::scan::Scanner;
use mcp_tap::telemetry::{self, Telemetry};
use tower::{Layer, Service};

use super::harness::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case { name: "exchange/modern_call", iterations: 500, run: |n| exchange(n, &MODERN) },
        Case { name: "exchange/legacy_call", iterations: 500, run: |n| exchange(n, &LEGACY) },
        Case { name: "record/call", iterations: 500, run: record },
        Case { name: "path/modern_call", iterations: 500, run: |n| path(n, &MODERN) },
        Case { name: "path/legacy_call", iterations: 500, run: |n| path(n, &LEGACY) },
    ]
}

/// What a client of one revision sends.
pub(crate) struct Client {
    session: Option<&'static str>,
    pub(crate) version: &'static str,
    method: Option<&'static str>,
    pub(crate) request: &'static str,
}

pub(crate) const MODERN: Client = Client {
    session: None,
    version: "2026-07-28",
    method: Some("tools/call"),
    request: concat!(
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search","arguments":{"namespace":"payments","#,
        r#""query":"pods that restarted"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#
    ),
};

const LEGACY: Client = Client {
    session: Some("01234567-89ab-cdef-0123-456789abcdef"),
    version: "2025-11-25",
    method: None,
    request: concat!(
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search","arguments":"#,
        r#"{"namespace":"payments","query":"pods that restarted"}}}"#
    ),
};

pub(crate) const RESPONSE: &str = concat!(
    r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"payments-api-7d9c5b restarted 14 times in "#,
    r#"the last hour: OOMKilled at 512 MiB, last seen 2 minutes ago on node-3"}],"isError":false}}"#
);

/// Drops what it is told.
struct Nobody;

impl Sink for Nobody {
    fn emit(&self, event: Event) {
        drop(black_box(event));
    }
}

/// Keeps the operation that ended last.
#[derive(Default)]
pub(crate) struct Last(pub(crate) Mutex<Option<Operation>>);

impl Sink for Last {
    fn emit(&self, event: Event) {
        if let Event::OperationEnded(operation) = event {
            *self.0.lock().expect("nothing panics here") = Some(*operation);
        }
    }
}

/// With `places`: as where contexts are written.
pub(crate) fn scan(json: &str, places: bool) -> Message {
    let mut messages = Vec::new();
    let mut scanner = Scanner::new(1 << 20);
    scanner.places(places);
    scanner.feed(json.as_bytes(), &mut |message| messages.push(message));
    messages.remove(0)
}

/// With the clones of both messages.
fn exchange(iterations: u32, client: &Client) {
    let exchange = Exchange::new(exchange::Settings::default(), Arc::new(Nobody));
    tell(&exchange, iterations, client);
}

pub(crate) fn tell(exchange: &Exchange, iterations: u32, client: &Client) {
    let connection = exchange.connection();
    let (request, response) = (scan(client.request, false), scan(RESPONSE, false));
    let head = RequestHead {
        context: mcp_tap::exchange::trace::ContextHeaders::default(),
        method: HttpMethod::Post,
        target: "/mcp",
        session: client.session.map(str::as_bytes),
        protocol_version: Some(client.version.as_bytes()),
        mcp_method: client.method.map(str::as_bytes),
        mcp_name: None,
        last_event_id: None,
        caller: None,
    };
    let mut at = clock::now();
    for _ in 0..iterations {
        let handle = exchange.open(&connection, black_box(&head), at);
        handle.request_message(black_box(&request).clone(), at);
        handle.request_end(Document::Single, at);
        at += Duration::from_millis(3);
        handle.response_head(200, AnswerShape::Json, None, at);
        handle.response_bytes(at);
        handle.response_message(black_box(&response).clone(), at);
        handle.response_end(Document::Single, at);
        handle.end(EndReason::Complete, at);
    }
}

/// The event of an ended call alone; with the clone of the operation.
fn record(iterations: u32) {
    let last = Arc::new(Last::default());
    tell(&Exchange::new(exchange::Settings::default(), Arc::clone(&last) as Arc<dyn Sink>), 1, &MODERN);
    let operation = last.0.lock().expect("nothing panics here").take().expect("the call has ended");
    let telemetry = Telemetry::new(telemetry::Settings::default(), clock::now());
    for _ in 0..iterations {
        telemetry.emit(Event::OperationStarted);
        telemetry.emit(Event::OperationEnded(Box::new(black_box(&operation).clone())));
    }
}

/// All that this proxy adds to a call, but for HTTP itself; with the making of both heads.
fn path(iterations: u32, client: &Client) {
    let telemetry = Arc::new(Telemetry::new(telemetry::Settings::default(), clock::now()));
    let exchange = Exchange::new(exchange::Settings::default(), telemetry);
    through(&exchange, iterations, client, RESPONSE);
}

/// The same with an exchange core and a response of one's own.
pub(crate) fn through(exchange: &Exchange, iterations: u32, client: &Client, response: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs nothing");
    let layer = InspectLayer::new(exchange.clone(), inspect::Settings::default(), exchange.connection());
    let server = tower::service_fn(async |request: Request<TappedBody<Full<Bytes>>>| {
        black_box(request.into_body().collect().await.expect("a body"));
        let head = Response::builder().header("content-type", "application/json");
        Ok::<_, ForwardError>(
            head.body(Full::new(Bytes::from_static(response.as_bytes()))).expect("a valid head"),
        )
    });
    let mut service = layer.layer(server);
    runtime.block_on(async {
        for _ in 0..iterations {
            let mut request = Request::post("/mcp")
                .header("content-type", "application/json")
                .header("mcp-protocol-version", client.version);
            if let Some(session) = client.session {
                request = request.header("mcp-session-id", session);
            }
            if let Some(method) = client.method {
                request = request.header("mcp-method", method);
            }
            let body = Full::new(Bytes::from_static(client.request.as_bytes()));
            let response = service.call(request.body(body).expect("a valid head")).await.expect("an answer");
            black_box(response.into_body().collect().await.expect("a body"));
        }
    });
}
