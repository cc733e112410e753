//! What traces cost: the same call as in `call.rs` through the layer that writes contexts, with and without traces, and
//! the parts of it.
//!
//! `unkept` and `kept` are the two ends of sampling: a call at 10 % costs the first and a tenth of the difference.
//!
//! x86-64 with 2 processors, Rust 1.95, glibc's allocator; before is the first version of traces (99637d6), last after the
//! layers were made cheaper (path/bare, the making of the requests alone, is 6 189):
//!
//! | case | before | 2026-11-22 | 2026-11-30 |
//! | --- | --- | --- | --- |
//! | traces/off | 28 881 | 28 686 | 22 245 |
//! | traces/off, context came | 31 140 | 30 958 | 24 426 |
//! | traces/header, unkept | 39 496 | 33 146 | 26 603 |
//! | traces/header, unkept, context came | 41 575 | 36 102 | 29 188 |
//! | traces/header, kept | 45 532 | 37 726 | 30 871 |
//! | traces/full, unkept | 45 947 | 40 568 | 33 514 |
//! | traces/full, unkept, context came | 48 964 | 45 048 | 37 870 |
//! | traces/splice, member inserted | 4 693 | 2 065 | 1 987 |
//! | traces/splice, value replaced | 3 652 | 2 007 | 1 932 |
//! | traces/queue, push and take | 326 | 321 | 388 |
//! | traces/spans of one call | 17 032 | 14 993 | 14 935 |

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use mcp_tap::clock;
use mcp_tap::exchange::event::Sink;
use mcp_tap::exchange::trace::{Ids, Propagate, Trust};
use mcp_tap::exchange::{self, Exchange};
use mcp_tap::http::forward::ForwardError;
use mcp_tap::http::inspect::{self, InspectLayer, TappedBody};
use mcp_tap::http::stack::stack;
use mcp_tap::http::trace::{self, HeldBody, TraceLayer};
use mcp_tap::protocol::message::Message;
use mcp_tap::protocol::sampling::Threshold;
use mcp_tap::protocol::splice;
use mcp_tap::protocol::traceparent::TraceParent;
use mcp_tap::telemetry::traces::span::build;
use mcp_tap::telemetry::traces::{
    Capture, Decision, Ended, Kept, Moment, Queue, QueueLimits, Sampling, ServerAddress, SpanLimits,
};
use mcp_tap::telemetry::{self, Telemetry, traces};
use tower::Service;

use super::call::{Last, MODERN, RESPONSE, scan, tell};
use super::harness::Case;

pub(crate) fn cases() -> Vec<Case> {
    use Propagate::{Full, Header};
    const NEVER: Threshold = Threshold::NEVER;
    const ALWAYS: Threshold = Threshold::ALWAYS;
    vec![
        Case { name: "traces/off", iterations: 500, run: |n| path(n, None, &BARE) },
        Case { name: "traces/off, context came", iterations: 500, run: |n| path(n, None, &IN_BOTH) },
        Case {
            name: "traces/header, unkept",
            iterations: 500,
            run: |n| path(n, Some((Header, NEVER)), &BARE),
        },
        Case {
            name: "traces/header, unkept, context came",
            iterations: 500,
            run: |n| path(n, Some((Header, NEVER)), &IN_HEADER),
        },
        Case {
            name: "traces/header, kept",
            iterations: 500,
            run: |n| path(n, Some((Header, ALWAYS)), &BARE),
        },
        Case { name: "traces/full, unkept", iterations: 500, run: |n| path(n, Some((Full, NEVER)), &BARE) },
        Case {
            name: "traces/full, unkept, context came",
            iterations: 500,
            run: |n| path(n, Some((Full, NEVER)), &IN_BOTH),
        },
        Case { name: "traces/splice, member inserted", iterations: 1000, run: |n| write(n, MODERN.request) },
        Case { name: "traces/splice, value replaced", iterations: 1000, run: |n| write(n, WITH_CONTEXT) },
        Case { name: "traces/queue, push and take", iterations: 1000, run: queue },
        Case { name: "traces/spans of one call", iterations: 500, run: spans },
    ]
}

/// Not sampled.
const CONTEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

const WITH_CONTEXT: &str = concat!(
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search","arguments":{"namespace":"payments","#,
    r#""query":"pods that restarted"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}}}"#
);

/// What a client sends.
struct Sent {
    header: Option<&'static str>,
    body: &'static str,
}

const BARE: Sent = Sent { header: None, body: MODERN.request };
const IN_HEADER: Sent = Sent { header: Some(CONTEXT), body: MODERN.request };
const IN_BOTH: Sent = Sent { header: Some(CONTEXT), body: WITH_CONTEXT };

fn exchange_settings(traces: Option<(Propagate, Threshold)>) -> exchange::Settings {
    let trace = traces.map(|(propagate, threshold)| exchange::trace::Settings {
        propagate,
        trust: Trust::Continue,
        threshold,
        follow_parent: true,
        ids: Ids::Random,
    });
    exchange::Settings { trace, ..exchange::Settings::default() }
}

fn span_settings(threshold: Threshold) -> traces::Settings {
    traces::Settings {
        sampling: Sampling { follow_parent: true, errors: true, slow: None, storm: 100, threshold },
        queue: QueueLimits::default(),
        capture: Capture::default(),
        limits: SpanLimits { attributes: 128, value_length: None, events: 128, links: 128 },
        server: ServerAddress {
            address: "127.0.0.1".to_owned(),
            port: Some(3001),
            transport: "tcp",
            http_version: "1.1",
        },
    }
}

/// As `path/modern_call`, with the layer that writes.
fn path(iterations: u32, traces: Option<(Propagate, Threshold)>, sent: &Sent) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs nothing");
    let telemetry = match traces {
        None => Telemetry::new(telemetry::Settings::default(), clock::now()),
        Some((_, threshold)) => {
            Telemetry::traced(telemetry::Settings::default(), clock::now(), span_settings(threshold))
        }
    };
    let exchange = Exchange::new(exchange_settings(traces), Arc::new(telemetry));
    let settings = inspect::Settings { contexts: traces.is_some(), ..inspect::Settings::default() };
    let trace = trace::Settings { hold: traces.is_some(), memory: Arc::clone(&settings.memory) };
    let inspect = InspectLayer::new(exchange.clone(), settings, exchange.connection());
    let server = tower::service_fn(async |request: Request<HeldBody<TappedBody<Full<Bytes>>>>| {
        black_box(request.into_body().collect().await.expect("a body"));
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, ForwardError>(
            response.body(Full::new(Bytes::from_static(RESPONSE.as_bytes()))).expect("a valid head"),
        )
    });
    let mut service = stack(&inspect, &TraceLayer::new(trace), server);
    runtime.block_on(async {
        for _ in 0..iterations {
            let mut request = Request::post("/mcp")
                .header("content-type", "application/json")
                .header("content-length", sent.body.len())
                .header("mcp-protocol-version", MODERN.version)
                .header("mcp-method", "tools/call");
            if let Some(context) = sent.header {
                request = request.header("traceparent", context);
            }
            let body = Full::new(Bytes::from_static(sent.body.as_bytes()));
            let response = service.call(request.body(body).expect("a valid head")).await.expect("an answer");
            black_box(response.into_body().collect().await.expect("a body"));
        }
    });
}

/// The edits of one message, and making them.
fn write(iterations: u32, json: &'static str) {
    let message: Message = scan(json, true);
    let parent = TraceParent::parse(CONTEXT.as_bytes()).expect("a valid context");
    for _ in 0..iterations {
        let mut edits = Vec::new();
        splice::write(black_box(&message), &parent, None, &mut edits).expect("a place to write to");
        let mut frames = [Bytes::from_static(json.as_bytes())];
        splice::apply(&edits, &mut frames);
        black_box(frames);
    }
}

/// A call as it is kept.
fn kept() -> Kept {
    let last = Arc::new(Last::default());
    let settings = exchange_settings(Some((Propagate::Header, Threshold::ALWAYS)));
    tell(&Exchange::new(settings, Arc::clone(&last) as Arc<dyn Sink>), 1, &MODERN);
    let mut operation = last.0.lock().expect("nothing panics here").take().expect("the call has ended");
    if let Some(trace) = &mut operation.trace {
        // It went on to the server, so that it makes two spans.
        trace.forwarded = Some(operation.started);
    }
    Kept { what: Ended::Operation(Box::new(operation)), decision: Decision::Ratio }
}

/// What traffic and the exporter do to the queue.
fn queue(iterations: u32) {
    let telemetry = Telemetry::new(telemetry::Settings::default(), clock::now());
    let queue = Queue::new(QueueLimits::default(), telemetry.registry());
    let (mut next, mut taken) = (kept(), Vec::new());
    for _ in 0..iterations {
        queue.push(black_box(next));
        drop(queue.take(2, &mut taken));
        next = taken.pop().expect("it was pushed");
    }
}

/// On the exporter's thread.
fn spans(iterations: u32) {
    let (kept, settings) = (kept(), span_settings(Threshold::ALWAYS));
    let moment = Moment { now: clock::now(), wall: clock::wall() };
    let mut spans = Vec::new();
    for _ in 0..iterations {
        build(black_box(&kept), moment, &settings, &mut spans);
        black_box(&spans);
        spans.clear();
    }
}
