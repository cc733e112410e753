//! The collector of the tests, asked by official clients: it must be what the other tests take it for.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::support::client::RawClient;
use super::support::collector::{Behaviour, Collector};
use super::support::spans::{not_one_trace, tree};
use super::support::wire::{End, Message as Answer};

fn span(number: u8, parent: &[u8], kind: SpanKind, name: &str) -> Span {
    let key = |value| KeyValue {
        key: "error.type".into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    Span {
        trace_id: [1; 16].into(),
        span_id: [number; 8].into(),
        parent_span_id: parent.into(),
        name: name.into(),
        kind: kind.into(),
        // Remote.
        flags: if number == 2 { 0x301 } else { 0x101 },
        start_time_unix_nano: number.into(),
        attributes: if number == 3 { vec![key(Value::StringValue("500".into()))] } else { Vec::new() },
        events: if number == 3 {
            vec![Event { name: "response".into(), ..Event::default() }]
        } else {
            Vec::new()
        },
        links: if number == 3 {
            vec![Link { trace_id: [1; 16].into(), span_id: [7; 8].into(), ..Link::default() }]
        } else {
            Vec::new()
        },
        status: (number == 3).then(|| Status { code: 2, message: String::new() }),
        ..Span::default()
    }
}

fn request() -> ExportTraceServiceRequest {
    let spans = vec![
        span(3, &[2; 8], SpanKind::Client, "tools/call"),
        span(2, &[9; 8], SpanKind::Server, "tools/call"),
        span(4, &[2; 8], SpanKind::Internal, "task"),
    ];
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
}

fn post(collector: &Collector, body: &[u8], coding: &str) -> (Option<Answer>, End) {
    let mut client = RawClient::connect(collector.address);
    let head = format!(
        "POST /any/path HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n{coding}content-length: {}\r\n\r\n",
        body.len()
    );
    client.send(&[head.as_bytes(), body].concat());
    let answer = client.response(false);
    (answer, client.reader.end)
}

fn message(answer: Option<Answer>) -> ExportTraceServiceResponse {
    ExportTraceServiceResponse::decode(&answer.unwrap().body[..]).unwrap()
}

#[test]
fn spans_are_shown_as_a_tree() {
    let collector = Collector::start();
    assert_eq!(message(post(&collector, &request().encode_to_vec(), "").0).partial_success, None);
    let spans = collector.await_count(3);
    let (trace, elsewhere) = (spans[0].trace_id.clone(), "0909090909090909");
    let known = [(trace.as_str(), "agent"), (elsewhere, "agent"), ("0707070707070707", "other")];
    insta::assert_snapshot!(tree(&spans, &known, &["error.type"]), @r#"
    trace of agent
      SERVER tools/call, child of agent (remote)
        CLIENT tools/call ERROR {error.type="500"} [response], link to other
        INTERNAL task
    "#);
    assert_eq!(not_one_trace(&spans, &[elsewhere]), Vec::<String>::new());
    assert_eq!(not_one_trace(&spans, &[]), ["SERVER tools/call is an orphan"]);
    let twice = [&spans[..], &spans[..1]].concat();
    assert_eq!(not_one_trace(&twice, &[elsewhere]), ["the id of CLIENT tools/call stands twice"]);
    assert_eq!(spans[1].traceparent(), format!("00-{}-{}-01", "01".repeat(16), "02".repeat(8)));
}

#[test]
fn gzip_is_undone() {
    let collector = Collector::start();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &request().encode_to_vec()).unwrap();
    post(&collector, &gzip.finish().unwrap(), "content-encoding: gzip\r\n");
    collector.await_count(3);
    assert_eq!(collector.arrivals()[0].encoding, "gzip");
}

#[test]
fn over_http_it_behaves_as_told() {
    let collector = Collector::start();
    let body = request().encode_to_vec();
    let ask = |behaviour| {
        collector.behave(&[behaviour]);
        post(&collector, &body, "")
    };
    assert_eq!(message(ask(Behaviour::Partial(2)).0).partial_success.unwrap().rejected_spans, 2);
    let busy = ask(Behaviour::Busy(429, Some(7))).0.unwrap();
    assert_eq!((busy.status(), busy.header("retry-after")), (429, Some("7")));
    assert_eq!(ask(Behaviour::Invalid).0.unwrap().status(), 400);
    assert!(ExportTraceServiceResponse::decode(&ask(Behaviour::Garbage).0.unwrap().body[..]).is_err());
    assert_eq!(ask(Behaviour::Lose).0.unwrap().status(), 200);
    let (answer, end) = ask(Behaviour::Reset);
    assert_eq!((answer, end), (None, End::Reset));
    assert_eq!(ask(Behaviour::Slow(Duration::from_millis(10))).0.unwrap().status(), 200);
    // One of the partial request, three of the slow one.
    assert_eq!((collector.spans().len(), collector.rejected()), (4, 2));
    collector.await_arrivals(7);
}

#[test]
fn it_refuses_cuts_and_comes_back() {
    let collector = Collector::behaving(&[Behaviour::Refuse]);
    let refused = || std::net::TcpStream::connect(collector.address).is_err();
    let wait = |what: &str, condition: &dyn Fn() -> bool| {
        let start = mcp_tap::clock::now();
        while !condition() {
            assert!(start.elapsed() < super::support::PATIENCE, "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    wait("it refuses from the start", &refused);
    collector.behave(&[Behaviour::Hang]);
    wait("it listens", &|| !refused());
    let mut client = RawClient::connect(collector.address);
    client.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    collector.await_arrivals(1);
    collector.behave(&[Behaviour::Refuse]);
    assert!(client.reader.rest().is_empty());
    assert_eq!(client.reader.end, End::Reset);
    wait("it refuses again", &refused);
}

#[tokio::test]
async fn over_grpc_it_behaves_as_told() {
    let collector = Collector::start();
    let mut client = TraceServiceClient::connect(collector.endpoint()).await.unwrap();
    client.export(request()).await.unwrap();
    collector.behave(&[Behaviour::Partial(1)]);
    let answer = client.export(request()).await.unwrap().into_inner();
    assert_eq!(answer.partial_success.unwrap().rejected_spans, 1);
    assert_eq!(collector.spans().len(), 5);
    collector.behave(&[Behaviour::Busy(429, Some(3)), Behaviour::Busy(503, None), Behaviour::Invalid]);
    for code in [tonic::Code::ResourceExhausted, tonic::Code::Unavailable, tonic::Code::InvalidArgument] {
        let status = client.export(request()).await.unwrap_err();
        assert_eq!(status.code(), code);
        assert_eq!(!status.details().is_empty(), code == tonic::Code::ResourceExhausted);
    }
    collector.behave(&[Behaviour::Garbage]);
    client.export(request()).await.unwrap_err();
    collector.behave(&[Behaviour::Reset]);
    client.export(request()).await.unwrap_err();
    let arrivals = collector.arrivals();
    assert!(arrivals.iter().all(|arrival| arrival.protocol == "grpc"), "{arrivals:?}");
}
