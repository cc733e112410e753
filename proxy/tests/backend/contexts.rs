//! Where the spans of the backend hang, by what the agent says and what the sidecar writes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::sync::mpsc::channel;

use serde_json::{Value, json};

use super::bench::{Agent, Backend, Bench, LEGACY, call, exchange, open_session, program};
use super::support::PATIENCE;
use super::support::client::RawClient;
use super::support::collector::Collector;
use super::support::spans::{Span, not_one_trace, torn, tree};

/// Attributes that snapshots show.
const SHOWN: [&str; 5] = ["service.name", "cache", "cached", "health.overall", "error.type"];

fn pod(name: &str) -> Value {
    json!({"namespace": "payments", "pod_name": name})
}

fn shape(mut spans: Vec<Span>, agents: &[(Agent, &str)]) -> String {
    let known: Vec<(&str, &str)> = agents
        .iter()
        .flat_map(|(agent, name)| [(agent.trace.as_str(), *name), (agent.span.as_str(), *name)])
        .collect();
    for span in &mut spans {
        span.events.clear();
    }
    tree(&spans, &known, &SHOWN).replace("service.name=", "")
}

/// Three calls one after the other: with a context in the header, with one in `_meta`, and with none.
fn three_calls(propagate: &str) -> String {
    let bench = Bench::start(propagate);
    let agents = [(Agent::new(1), "header"), (Agent::new(2), "meta")];
    let (by_header, by_meta) = (&agents[0].0, &agents[1].0);
    let tool = "diagnose_pod";
    for (id, headers, meta) in
        [(1, vec![by_header.parent()], json!({})), (2, vec![], by_meta.meta()), (3, vec![], json!({}))]
    {
        let headers: Vec<_> = headers.iter().map(|parent| ("traceparent", parent.as_str())).collect();
        let reply = bench.ask(&call(id, tool, pod("ledger-db-0"), meta), &headers);
        assert_eq!(reply["result"]["isError"], false, "{reply}");
    }
    let spans = bench.finish();
    assert_eq!(torn(&spans), Vec::<String>::new());
    shape(spans, &agents)
}

/// The sidecar stands in each trace whose context the agent gave; where it gave none, the backend begins another.
#[test]
fn with_off_the_backend_is_beside_the_sidecar() {
    insta::assert_snapshot!(three_calls("off"), @r#"
    trace of header
      SERVER tools/call diagnose_pod {"mcp-tap"}, child of header (remote)
        CLIENT tools/call diagnose_pod {"mcp-tap"}
      SERVER mcp.handle_request {"mcp-backend" cache="miss"}, child of header (remote)
        INTERNAL validate_input {"mcp-backend"}
        INTERNAL execute_tool {"mcp-backend"}
          INTERNAL k8s.get_pod {"mcp-backend" cached=false}
          INTERNAL k8s.get_events {"mcp-backend" cached=false}
          INTERNAL k8s.get_logs {"mcp-backend" cached=false}
          INTERNAL k8s.get_pod_metrics {"mcp-backend" cached=false}
          INTERNAL k8s.get_node {"mcp-backend" cached=false}
          INTERNAL k8s.get_claim {"mcp-backend" cached=false}
          INTERNAL health_checks {"mcp-backend" health.overall="healthy"}
        INTERNAL format_response {"mcp-backend"}
    trace of meta
      SERVER tools/call diagnose_pod {"mcp-tap"}, child of meta (remote)
        CLIENT tools/call diagnose_pod {"mcp-tap"}
      SERVER mcp.handle_request {"mcp-backend" cache="hit"}, child of meta (remote)
        INTERNAL validate_input {"mcp-backend"}
        INTERNAL execute_tool {"mcp-backend"}
          INTERNAL k8s.get_pod {"mcp-backend" cached=true}
          INTERNAL k8s.get_events {"mcp-backend" cached=true}
          INTERNAL k8s.get_logs {"mcp-backend" cached=true}
          INTERNAL k8s.get_pod_metrics {"mcp-backend" cached=true}
          INTERNAL k8s.get_node {"mcp-backend" cached=true}
          INTERNAL k8s.get_claim {"mcp-backend" cached=true}
          INTERNAL health_checks {"mcp-backend" health.overall="healthy"}
        INTERNAL format_response {"mcp-backend"}
    trace 3
      SERVER tools/call diagnose_pod {"mcp-tap"}
        CLIENT tools/call diagnose_pod {"mcp-tap"}
    trace 4
      SERVER mcp.handle_request {"mcp-backend" cache="hit"}
        INTERNAL validate_input {"mcp-backend"}
        INTERNAL execute_tool {"mcp-backend"}
          INTERNAL k8s.get_pod {"mcp-backend" cached=true}
          INTERNAL k8s.get_events {"mcp-backend" cached=true}
          INTERNAL k8s.get_logs {"mcp-backend" cached=true}
          INTERNAL k8s.get_pod_metrics {"mcp-backend" cached=true}
          INTERNAL k8s.get_node {"mcp-backend" cached=true}
          INTERNAL k8s.get_claim {"mcp-backend" cached=true}
          INTERNAL health_checks {"mcp-backend" health.overall="healthy"}
        INTERNAL format_response {"mcp-backend"}
    "#);
}

/// What the agent wrote to `_meta` names the caller, so the backend hangs there, with a link to our CLIENT span.
#[test]
fn with_header_the_backend_is_under_the_sidecar_or_linked_to_it() {
    insta::assert_snapshot!(three_calls("header"), @r#"
    trace of header
      SERVER tools/call diagnose_pod {"mcp-tap"}, child of header (remote)
        CLIENT tools/call diagnose_pod {"mcp-tap"}
          SERVER mcp.handle_request {"mcp-backend" cache="miss"} (remote)
            INTERNAL validate_input {"mcp-backend"}
            INTERNAL execute_tool {"mcp-backend"}
              INTERNAL k8s.get_pod {"mcp-backend" cached=false}
              INTERNAL k8s.get_events {"mcp-backend" cached=false}
              INTERNAL k8s.get_logs {"mcp-backend" cached=false}
              INTERNAL k8s.get_pod_metrics {"mcp-backend" cached=false}
              INTERNAL k8s.get_node {"mcp-backend" cached=false}
              INTERNAL k8s.get_claim {"mcp-backend" cached=false}
              INTERNAL health_checks {"mcp-backend" health.overall="healthy"}
            INTERNAL format_response {"mcp-backend"}
    trace of meta
      SERVER tools/call diagnose_pod {"mcp-tap"}, child of meta (remote)
        CLIENT tools/call diagnose_pod {"mcp-tap"}
      SERVER mcp.handle_request {"mcp-backend" cache="hit"}, child of meta (remote), link to CLIENT tools/call diagnose_pod
        INTERNAL validate_input {"mcp-backend"}
        INTERNAL execute_tool {"mcp-backend"}
          INTERNAL k8s.get_pod {"mcp-backend" cached=true}
          INTERNAL k8s.get_events {"mcp-backend" cached=true}
          INTERNAL k8s.get_logs {"mcp-backend" cached=true}
          INTERNAL k8s.get_pod_metrics {"mcp-backend" cached=true}
          INTERNAL k8s.get_node {"mcp-backend" cached=true}
          INTERNAL k8s.get_claim {"mcp-backend" cached=true}
          INTERNAL health_checks {"mcp-backend" health.overall="healthy"}
        INTERNAL format_response {"mcp-backend"}
    trace 3
      SERVER tools/call diagnose_pod {"mcp-tap"}
        CLIENT tools/call diagnose_pod {"mcp-tap"}
          SERVER mcp.handle_request {"mcp-backend" cache="hit"} (remote)
            INTERNAL validate_input {"mcp-backend"}
            INTERNAL execute_tool {"mcp-backend"}
              INTERNAL k8s.get_pod {"mcp-backend" cached=true}
              INTERNAL k8s.get_events {"mcp-backend" cached=true}
              INTERNAL k8s.get_logs {"mcp-backend" cached=true}
              INTERNAL k8s.get_pod_metrics {"mcp-backend" cached=true}
              INTERNAL k8s.get_node {"mcp-backend" cached=true}
              INTERNAL k8s.get_claim {"mcp-backend" cached=true}
              INTERNAL health_checks {"mcp-backend" health.overall="healthy"}
            INTERNAL format_response {"mcp-backend"}
    "#);
}

/// Each call is one trace, in which all of the backend hangs under our CLIENT span.
#[test]
fn with_full_the_backend_is_under_the_sidecar() {
    insta::assert_snapshot!(three_calls("full"), @r#"
    trace of header
      SERVER tools/call diagnose_pod {"mcp-tap"}, child of header (remote)
        CLIENT tools/call diagnose_pod {"mcp-tap"}
          SERVER mcp.handle_request {"mcp-backend" cache="miss"} (remote)
            INTERNAL validate_input {"mcp-backend"}
            INTERNAL execute_tool {"mcp-backend"}
              INTERNAL k8s.get_pod {"mcp-backend" cached=false}
              INTERNAL k8s.get_events {"mcp-backend" cached=false}
              INTERNAL k8s.get_logs {"mcp-backend" cached=false}
              INTERNAL k8s.get_pod_metrics {"mcp-backend" cached=false}
              INTERNAL k8s.get_node {"mcp-backend" cached=false}
              INTERNAL k8s.get_claim {"mcp-backend" cached=false}
              INTERNAL health_checks {"mcp-backend" health.overall="healthy"}
            INTERNAL format_response {"mcp-backend"}
    trace of meta
      SERVER tools/call diagnose_pod {"mcp-tap"}, child of meta (remote)
        CLIENT tools/call diagnose_pod {"mcp-tap"}
          SERVER mcp.handle_request {"mcp-backend" cache="hit"} (remote)
            INTERNAL validate_input {"mcp-backend"}
            INTERNAL execute_tool {"mcp-backend"}
              INTERNAL k8s.get_pod {"mcp-backend" cached=true}
              INTERNAL k8s.get_events {"mcp-backend" cached=true}
              INTERNAL k8s.get_logs {"mcp-backend" cached=true}
              INTERNAL k8s.get_pod_metrics {"mcp-backend" cached=true}
              INTERNAL k8s.get_node {"mcp-backend" cached=true}
              INTERNAL k8s.get_claim {"mcp-backend" cached=true}
              INTERNAL health_checks {"mcp-backend" health.overall="healthy"}
            INTERNAL format_response {"mcp-backend"}
    trace 3
      SERVER tools/call diagnose_pod {"mcp-tap"}
        CLIENT tools/call diagnose_pod {"mcp-tap"}
          SERVER mcp.handle_request {"mcp-backend" cache="hit"} (remote)
            INTERNAL validate_input {"mcp-backend"}
            INTERNAL execute_tool {"mcp-backend"}
              INTERNAL k8s.get_pod {"mcp-backend" cached=true}
              INTERNAL k8s.get_events {"mcp-backend" cached=true}
              INTERNAL k8s.get_logs {"mcp-backend" cached=true}
              INTERNAL k8s.get_pod_metrics {"mcp-backend" cached=true}
              INTERNAL k8s.get_node {"mcp-backend" cached=true}
              INTERNAL k8s.get_claim {"mcp-backend" cached=true}
              INTERNAL health_checks {"mcp-backend" health.overall="healthy"}
            INTERNAL format_response {"mcp-backend"}
    "#);
}

#[test]
fn a_call_in_a_session_of_2025_11_25_is_one_trace() {
    for propagate in ["header", "full"] {
        let bench = Bench::start(propagate);
        let agent = Agent::new(1);
        let session = open_session(bench.tap.traffic);
        let message = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
            "params": {"name": "diagnose_pod", "arguments": pod("ledger-db-0")}});
        let headers = [
            ("mcp-session-id", session.as_str()),
            ("mcp-protocol-version", LEGACY),
            ("traceparent", &agent.parent()),
        ];
        let reply = bench.ask(&message, &headers);
        assert_eq!(reply["result"]["isError"], false, "{reply}");
        let mut spans = bench.finish();
        spans.retain(|span| span.trace_id == agent.trace);
        assert_eq!(not_one_trace(&spans, &[&agent.span]), Vec::<String>::new(), "{propagate}");
        let handled = named(&spans, "mcp.handle_request");
        let parent = spans.iter().find(|span| span.span_id == handled.parent_id).expect("its parent");
        assert_eq!(
            (parent.service(), parent.title().as_str()),
            ("mcp-tap", "CLIENT tools/call diagnose_pod")
        );
    }
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).expect("a span of this name")
}

/// `POST /call-tool` is not MCP: the sidecar has HTTP spans for it, and the backend hangs under them.
#[test]
fn a_plain_call_is_one_trace_too() {
    let bench = Bench::start("header");
    let agent = Agent::new(1);
    let body = json!({"tool": "list_pods", "args": {"namespace": "payments"}}).to_string();
    let head = format!(
        "POST /call-tool HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ntraceparent: {}\r\n\
         content-length: {}\r\n\r\n",
        bench.tap.traffic,
        agent.parent(),
        body.len()
    );
    let response = RawClient::connect(bench.tap.traffic).exchange(format!("{head}{body}").as_bytes());
    assert_eq!(response.status(), 200);
    let spans = bench.finish();
    assert_eq!(not_one_trace(&spans, &[&agent.span]), Vec::<String>::new());
    let handled = named(&spans, "mcp.handle_request");
    let parent = spans.iter().find(|span| span.span_id == handled.parent_id).expect("its parent");
    assert_eq!(parent.service(), "mcp-tap");
}

/// On both sides: the span of the operation and that of the upstream leg, the handling, and the read that failed.
#[test]
fn errors_are_on_the_spans_of_both() {
    let bench = Bench::start("header");
    let agents = [(Agent::new(1), "not found"), (Agent::new(2), "refused"), (Agent::new(3), "unknown tool")];
    for (id, ((agent, _), (tool, arguments))) in (1..).zip(agents.iter().zip([
        ("diagnose_pod", pod("nobody-0")),
        ("list_pods", json!({"namespace": "payments", "more": 1})),
        ("no_such_tool", json!({})),
    ])) {
        bench.ask(&call(id, tool, arguments, json!({})), &[("traceparent", &agent.parent())]);
    }
    insta::assert_snapshot!(shape(bench.finish(), &agents), @r#"
    trace of not found
      SERVER tools/call diagnose_pod ERROR {"mcp-tap" error.type="tool_error"}, child of not found (remote)
        CLIENT tools/call diagnose_pod ERROR {"mcp-tap" error.type="tool_error"}
          SERVER mcp.handle_request ERROR {"mcp-backend" cache="miss" error.type="not_found"} (remote)
            INTERNAL validate_input {"mcp-backend"}
            INTERNAL execute_tool {"mcp-backend"}
              INTERNAL k8s.get_pod {"mcp-backend" cached=false error.type="not_found"}
    trace of refused
      SERVER tools/call list_pods ERROR {"mcp-tap" error.type="tool_error"}, child of refused (remote)
        CLIENT tools/call list_pods ERROR {"mcp-tap" error.type="tool_error"}
          SERVER mcp.handle_request ERROR {"mcp-backend" error.type="validation_error"} (remote)
            INTERNAL validate_input {"mcp-backend"}
    trace of unknown tool
      SERVER tools/call no_such_tool {"mcp-tap"}, child of unknown tool (remote)
        CLIENT tools/call no_such_tool ERROR {"mcp-tap" error.type="-32602"}
    "#);
}

/// Also behind the sidecar, if that does not sample by itself what the agent did not.
#[test]
fn of_a_trace_that_is_not_sampled_the_backend_exports_nothing() {
    let bench = Bench::with(&["--propagate", "full", "--trace-ratio", "0"]);
    let (unsampled, sampled) = (Agent::new(1), Agent::new(2));
    let ask = |id, parent: &str, address| {
        let message = call(id, "list_pods", json!({"namespace": "payments"}), json!({}));
        assert_eq!(exchange(address, &message, &[("traceparent", parent)]).status(), 200);
    };
    ask(1, &unsampled.unsampled(), bench.backend.address);
    ask(2, &unsampled.unsampled(), bench.tap.traffic);
    ask(3, &sampled.parent(), bench.backend.address);
    let spans = bench.finish();
    let of_backend = |agent: &Agent| {
        let of = |span: &&Span| span.service() == "mcp-backend" && span.trace_id == agent.trace;
        spans.iter().filter(of).count()
    };
    assert_eq!(of_backend(&unsampled), 0);
    assert!(of_backend(&sampled) >= 4);
}

#[test]
fn over_stdio_the_parent_is_in_meta() {
    let collector = Collector::start();
    let agent = Agent::new(1);
    let mut child = program()
        .args(["--stdio", "--otlp-endpoint", &collector.endpoint()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (tell, answers) = channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            tell.send(line).ok();
        }
    });
    let mut input = child.stdin.take().unwrap();
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "agent", "version": "1"}}});
    let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let ask = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params":
        {"name": "diagnose_pod", "arguments": pod("ledger-db-0"), "_meta": agent.meta()}});
    writeln!(input, "{hello}").unwrap();
    answers.recv_timeout(PATIENCE).expect("an answer to initialize");
    writeln!(input, "{told}\n{ask}").unwrap();
    let reply: Value = serde_json::from_str(&answers.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert_eq!(reply["result"]["isError"], false, "{reply}");
    // The end of its input is its end, and it flushes before.
    drop(input);
    reader.join().unwrap();
    assert!(child.wait().unwrap().success());
    let spans = collector.spans();
    assert_eq!(not_one_trace(&spans, &[&agent.span]), Vec::<String>::new());
    assert_eq!(named(&spans, "mcp.handle_request").parent_id, agent.span);
}

/// A header that differs names a hop between; it stays a link also where no sidecar is.
#[test]
fn beside_meta_another_header_is_a_link() {
    let collector = Collector::start();
    let backend = Backend::traced(&collector, &[]);
    let (caller, hop) = (Agent::new(1), Agent::new(2));
    let message = call(1, "list_pods", json!({}), caller.meta());
    assert_eq!(exchange(backend.address, &message, &[("traceparent", &hop.parent())]).status(), 200);
    backend.stop();
    let spans = collector.spans();
    let handled = named(&spans, "mcp.handle_request");
    assert_eq!((&handled.trace_id, &handled.parent_id), (&caller.trace, &caller.span));
    let links: Vec<_> = handled.links.iter().map(|link| (&link.trace_id, &link.span_id)).collect();
    assert_eq!(links, [(&hop.trace, &hop.span)]);
}
