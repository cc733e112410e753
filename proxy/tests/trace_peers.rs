//! Instrumented peers and other makers' backends: the official Python SDK traces its own requests, Node.js its HTTP, and
//! with the sidecar in between there is one trace, in which everything hangs where the conventions want it.

mod support;

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use support::client::RawClient;
use support::collector::Collector;
use support::parts::{Parts, Server};
use support::process::{Process, free_port};
use support::server::ScriptedServer;
use support::spans::{Span, not_one_trace, tree};
use support::tap::{EXECUTABLE, Tap, traced_by, traced_to};

const RUN: Duration = Duration::from_secs(60);

/// The server traces by `_meta` (the SDK) and by the header `traceparent` (its HTTP framework).
fn traced_server(collector: &Collector) -> Server {
    let mut script = Parts::find().script("traced_server.py");
    Server::start("traced_server.py", "/mcp", script.args([&collector.endpoint(), "http"]))
}

fn tap_to(server: &Server, collector: &Collector, propagate: &str) -> Tap {
    let mut command = Command::new(EXECUTABLE);
    command.env("OTEL_SERVICE_NAME", "mcp-tap");
    traced_by(&mut command, &server.origin(), collector, &["--propagate", propagate])
}

/// Lets the client do its work; gives the id of its trace.
fn run(url: &str, mode: &str, collector: &Collector) -> String {
    traced(Parts::find().script("traced_client.py").args([url, mode, &collector.endpoint()]))
}

fn traced(client: &mut Command) -> String {
    let (status, lines) = Process::start("a traced client", client).finish(RUN);
    assert!(status.success(), "{client:?}: {status}\n{}", lines.join("\n"));
    lines.iter().find_map(|line| line.strip_prefix("trace ")).expect("the id of the trace").to_owned()
}

/// The spans of one trace when so many are there.
fn of_trace(collector: &Collector, trace: &str, count: usize) -> Vec<Span> {
    let of_trace = |span: &&Span| span.trace_id == trace;
    let mut spans = collector.await_spans(&format!("trace of {count} spans"), |spans| {
        spans.iter().filter(of_trace).count() >= count
    });
    spans.retain(|span| span.trace_id == trace);
    spans
}

fn shape(spans: &[Span]) -> String {
    tree(spans, &[], &["service.name", "jsonrpc.request.id"])
        .replace("service.name=", "")
        .replace("jsonrpc.request.id=", "")
}

/// The trace of a client of 2026-07-28 through a sidecar that writes contexts in this way.
fn through(propagate: &str, count: usize) -> String {
    let collector = Collector::start();
    let server = traced_server(&collector);
    let tap = tap_to(&server, &collector, propagate);
    let trace = run(&tap.url("/mcp"), "modern", &collector);
    let (status, log) = tap.stop();
    assert!(status.success(), "{status} {log}");
    let spans = of_trace(&collector, &trace, count);
    assert_eq!(not_one_trace(&spans, &[]), Vec::<String>::new(), "{propagate}");
    shape(&spans)
}

/// Our spans are beside the server's; its HTTP framework is told nothing and begins traces of its own.
#[test]
fn with_off_there_is_one_trace_with_our_spans_beside_the_servers() {
    insta::assert_snapshot!(through("off", 13), @r#"
    trace 1
      INTERNAL agent {"client"}
        CLIENT MCP send tools/list {"client" "1"}
          SERVER tools/list {"mcp-tap" "1"} (remote)
            CLIENT tools/list {"mcp-tap" "1"} [first_byte response]
          SERVER tools/list {"server" "1"} (remote)
        CLIENT MCP send tools/call repeat {"client" "2"}
          SERVER tools/call repeat {"mcp-tap" "2"} (remote)
            CLIENT tools/call repeat {"mcp-tap" "2"} [first_byte response]
          SERVER tools/call repeat {"server" "2"} (remote)
        CLIENT MCP send tools/call test_error_handling {"client" "3"}
          SERVER tools/call test_error_handling ERROR {"mcp-tap" "3"} (remote)
            CLIENT tools/call test_error_handling ERROR {"mcp-tap" "3"} [first_byte response]
          SERVER tools/call test_error_handling ERROR {"server" "3"} (remote)
    "#);
}

/// What reads the header hangs under our CLIENT span; what reads `_meta` under the client's own, beside ours.
#[test]
fn with_header_the_http_framework_hangs_under_our_spans() {
    insta::assert_snapshot!(through("header", 16), @r#"
    trace 1
      INTERNAL agent {"client"}
        CLIENT MCP send tools/list {"client" "1"}
          SERVER tools/list {"mcp-tap" "1"} (remote)
            CLIENT tools/list {"mcp-tap" "1"} [first_byte response]
              SERVER POST /mcp {"server"} (remote)
          SERVER tools/list {"server" "1"} (remote)
        CLIENT MCP send tools/call repeat {"client" "2"}
          SERVER tools/call repeat {"mcp-tap" "2"} (remote)
            CLIENT tools/call repeat {"mcp-tap" "2"} [first_byte response]
              SERVER POST /mcp {"server"} (remote)
          SERVER tools/call repeat {"server" "2"} (remote)
        CLIENT MCP send tools/call test_error_handling {"client" "3"}
          SERVER tools/call test_error_handling ERROR {"mcp-tap" "3"} (remote)
            CLIENT tools/call test_error_handling ERROR {"mcp-tap" "3"} [first_byte response]
              SERVER POST /mcp {"server"} (remote)
          SERVER tools/call test_error_handling ERROR {"server" "3"} (remote)
    "#);
}

/// All of the server hangs under our CLIENT span.
#[test]
fn with_full_the_server_hangs_under_our_spans() {
    insta::assert_snapshot!(through("full", 16), @r#"
    trace 1
      INTERNAL agent {"client"}
        CLIENT MCP send tools/list {"client" "1"}
          SERVER tools/list {"mcp-tap" "1"} (remote)
            CLIENT tools/list {"mcp-tap" "1"} [first_byte response]
              SERVER POST /mcp {"server"} (remote)
              SERVER tools/list {"server" "1"} (remote)
        CLIENT MCP send tools/call repeat {"client" "2"}
          SERVER tools/call repeat {"mcp-tap" "2"} (remote)
            CLIENT tools/call repeat {"mcp-tap" "2"} [first_byte response]
              SERVER POST /mcp {"server"} (remote)
              SERVER tools/call repeat {"server" "2"} (remote)
        CLIENT MCP send tools/call test_error_handling {"client" "3"}
          SERVER tools/call test_error_handling ERROR {"mcp-tap" "3"} (remote)
            CLIENT tools/call test_error_handling ERROR {"mcp-tap" "3"} [first_byte response]
              SERVER POST /mcp {"server"} (remote)
              SERVER tools/call test_error_handling ERROR {"server" "3"} (remote)
    "#);
}

/// In 2025-11-25 there are also notifications, of whose context the client says nothing, a standing stream and the end
/// of the session: each is a trace of its own, and none of them has a hole.
#[test]
fn every_trace_of_a_session_is_whole() {
    let collector = Collector::start();
    let server = traced_server(&collector);
    let tap = tap_to(&server, &collector, "full");
    let agent = run(&tap.url("/mcp"), "legacy", &collector);
    assert!(tap.stop().0.success());
    // Agent, and four requests with five spans each.
    let spans = of_trace(&collector, &agent, 21);
    assert_eq!(not_one_trace(&spans, &[]), Vec::<String>::new(), "{}", shape(&spans));
    let spans = collector.await_spans("DELETE by both", |spans| {
        spans.iter().filter(|span| span.name.starts_with("DELETE")).count() >= 2
    });
    let of = |name: &str| {
        spans.iter().find(|span| span.name == name && span.service() == "server").expect("a span")
    };
    for name in ["notifications/initialized", "DELETE /mcp"] {
        let mut trace = spans.clone();
        trace.retain(|span| span.trace_id == of(name).trace_id);
        assert_eq!(not_one_trace(&trace, &[]), Vec::<String>::new(), "{}", shape(&trace));
    }
    let told = of("notifications/initialized");
    let parent = spans.iter().find(|span| span.span_id == told.parent_id).expect("its parent");
    assert_eq!(
        (parent.service(), parent.title()),
        ("mcp-tap", "CLIENT notifications/initialized".to_owned())
    );
}

/// Node.js with OpenTelemetry's instrumentation of HTTP on both sides: the SDK for TypeScript says nothing in `_meta`.
#[test]
fn an_instrumented_node_client_and_server_are_one_trace_with_us() {
    let collector = Collector::start();
    let mut script = Parts::find().script("traced.mjs");
    script.args([&collector.endpoint(), "server", "fixture-server.mjs"]);
    let server = Server::start("traced.mjs", "/mcp", &mut script);
    let tap = tap_to(&server, &collector, "header");
    let plan = json!([
        {"do": "list_tools"},
        {"do": "call", "name": "test_simple_text", "arguments": {}},
        {"do": "call", "name": "test_error_handling", "arguments": {}}
    ]);
    let mut script = Parts::find().script("traced.mjs");
    script.args([&collector.endpoint(), "client", "client-v2.mjs", &tap.url("/mcp"), "modern"]);
    let trace = traced(script.arg(plan.to_string()));
    assert!(tap.stop().0.success());
    let spans = of_trace(&collector, &trace, 17);
    assert_eq!(not_one_trace(&spans, &[]), Vec::<String>::new());
    insta::assert_snapshot!(shape(&spans), @r#"
    trace 1
      INTERNAL agent {"client"}
        CLIENT POST {"client"}
          SERVER server/discover {"mcp-tap" "server-discover-probe-1"} (remote)
            CLIENT server/discover {"mcp-tap" "server-discover-probe-1"} [first_byte response]
              SERVER POST {"server"} (remote)
        CLIENT POST {"client"}
          SERVER tools/list {"mcp-tap" "0"} (remote)
            CLIENT tools/list {"mcp-tap" "0"} [first_byte response]
              SERVER POST {"server"} (remote)
        CLIENT POST {"client"}
          SERVER tools/call test_simple_text {"mcp-tap" "1"} (remote)
            CLIENT tools/call test_simple_text {"mcp-tap" "1"} [first_byte response]
              SERVER POST {"server"} (remote)
        CLIENT POST {"client"}
          SERVER tools/call test_error_handling ERROR {"mcp-tap" "2"} (remote)
            CLIENT tools/call test_error_handling ERROR {"mcp-tap" "2"} [first_byte response]
              SERVER POST {"server"} (remote)
    "#);
}

#[test]
fn another_maker_reads_the_spans() {
    another_maker_reads("http/protobuf");
}

#[test]
fn another_makers_grpc_reads_the_spans() {
    another_maker_reads("grpc");
}

fn another_maker_reads(protocol: &str) {
    let port = free_port();
    let mut script = Parts::find().script("foreign_collector.py");
    script.args(["4", protocol]).env("PORT", port.to_string());
    let foreign = Process::start("foreign_collector.py", &mut script);
    foreign.wait_for_line("that it listens", |line| (line == "listening").then_some(()));
    let body = |id: i32| match id {
        1 => json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}}),
        _ => json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32603, "message": "no"}}),
    };
    let server = ScriptedServer::start(move |connection| {
        for id in 1..=2 {
            let Some(_request) = connection.request() else { return };
            let body = body(id).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
            connection.send(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes());
        }
    });
    let tap = traced_to(&format!("http://{}", server.address), &format!("http://127.0.0.1:{port}"), protocol);
    let mut client = RawClient::connect(tap.traffic);
    for id in 1..=2 {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "echo"}})
            .to_string();
        let head = "POST /mcp HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ";
        client.exchange(format!("{head}{}\r\n\r\n{call}", call.len()).as_bytes());
    }
    let (status, lines) = foreign.finish(RUN);
    assert!(status.success(), "{lines:?}");
    let line = lines.iter().find(|line| line.starts_with('[')).expect("a list");
    let spans: Vec<Value> = serde_json::from_str(line).expect("JSON");
    for (request, id) in server.seen().iter().zip(["1", "2"]) {
        let find = |kind: &str| {
            let is = |span: &&Value| span["kind"] == kind && span["attributes"]["jsonrpc.request.id"] == id;
            spans
                .iter()
                .find(is)
                .unwrap_or_else(|| support::process::fail(&format!("{kind} {id}: {spans:?}")))
        };
        let (ours, upstream) = (find("SERVER"), find("CLIENT"));
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let told = format!("00-{}-{}-", text(&upstream["trace_id"]), text(&upstream["span_id"]));
        assert!(request.header("traceparent").is_some_and(|header| header.starts_with(&told)), "{told}");
        assert_eq!((&upstream["trace_id"], &upstream["parent_id"]), (&ours["trace_id"], &ours["span_id"]));
        assert_eq!(upstream["events"], json!(["first_byte", "response"]));
        for span in [ours, upstream] {
            assert_eq!(span["name"], "tools/call echo");
            assert_eq!(span["status"], if id == "1" { "UNSET" } else { "ERROR" });
            assert!(span["nanos"].as_u64().is_some_and(|nanos| nanos < 60_000_000_000), "{span}");
            let attributes = &span["attributes"];
            let known = ["mcp.method.name", "gen_ai.tool.name", "gen_ai.operation.name", "network.transport"];
            assert_eq!(
                known.map(|key| text(&attributes[key])),
                ["tools/call", "echo", "execute_tool", "tcp"]
            );
            let code = if id == "1" { Value::Null } else { json!("-32603") };
            assert_eq!(attributes["error.type"], code);
            assert_eq!(attributes["rpc.response.status_code"], code);
        }
    }
}
