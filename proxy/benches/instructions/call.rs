//! One small tool call: in the exchange core, and in the recorder.
//!
//! Figures are in `baseline.txt`; the history before it, of the first version (b47a7f2), with traces and with service levels:
//! exchange/modern_call 4 412, 5 023, 5 133; exchange/legacy_call 5 981, 6 603, 6 762; record/call 1 863, 1 975, 2 413.

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_tap::clock;
use mcp_tap::exchange::event::{EndReason, Event, Operation, Sink};
use mcp_tap::exchange::{self, AnswerShape, Exchange, HttpMethod, RequestHead};
use mcp_tap::protocol::message::{Document, Message};
use mcp_tap::protocol::scan::Scanner;
use mcp_tap::telemetry::{self, Telemetry};

use super::harness::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case { name: "exchange/modern_call", iterations: 500, run: |n| exchange(n, &MODERN) },
        Case { name: "exchange/legacy_call", iterations: 500, run: |n| exchange(n, &LEGACY) },
        Case { name: "record/call", iterations: 500, run: record },
    ]
}

/// What a client of one revision sends.
pub(crate) struct Client {
    pub(crate) session: Option<&'static str>,
    pub(crate) version: &'static str,
    pub(crate) method: Option<&'static str>,
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

pub(crate) const LEGACY: Client = Client {
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
