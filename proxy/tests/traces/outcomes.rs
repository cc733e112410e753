//! Every way in which a call can end, ordered by the caller: the spans say what the metrics say.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;

use serde_json::json;

use super::bench::{call, post};
use super::support::chaos::{self, Plan};
use super::support::client::RawClient;
use super::support::collector::Collector;
use super::support::spans::{Span, torn};
use super::support::tap::traced;

/// Calls of each kind.
const EACH: usize = 3;

/// The server of the ledger's tests, on a thread of its own.
fn upstream() -> String {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tell.send(chaos::start().await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    format!("http://{}", told.recv().unwrap())
}

/// `error.type` of the SERVER and of the CLIENT span. What is the caller's mistake, or no failure of a server in the
/// eyes of HTTP, is an error of the client only.
fn expected(plan: Plan) -> (&'static str, &'static str) {
    match plan.expected() {
        None | Some(("success", ..)) => ("", ""),
        Some((_, error_type, _)) if ["-32602", "403", "429"].contains(&error_type) => ("", error_type),
        Some((_, error_type, _)) => (error_type, error_type),
    }
}

#[test]
fn spans_say_how_calls_ended() {
    let collector = Collector::start();
    let tap = traced(&upstream(), &collector, &["--propagate", "full"]);
    let plans = Plan::ALL.iter().flat_map(|plan| [*plan; EACH]);
    let mut ordered = BTreeMap::new();
    for (id, plan) in plans.enumerate() {
        let mut message = call(id as u64, &plan.name(), json!({}));
        message["params"]["arguments"] = json!({"plan": plan.name(), "at": 10 * id});
        let mut client = RawClient::connect(tap.traffic);
        client.send(&post(&message, &[("connection", "close")]));
        client.reader.rest();
        ordered.insert(id.to_string(), plan);
    }
    let scrape = tap.scrape_when_idle();
    let calls = ordered.len();
    let operations = scrape.sum("mcp_server_operation_duration_seconds_count");
    assert_eq!((operations, scrape.sum("mcp_proxy_trace_decisions_total")), (calls as f64, calls as f64));
    let (status, log) = tap.stop();
    assert!(status.success(), "{status}: {log}");

    let spans = collector.spans();
    assert_eq!(spans.len(), 2 * calls);
    assert_eq!(torn(&spans), Vec::<String>::new());
    let find = |id: &str, kind: &str| -> &Span {
        let is = |span: &&Span| span.kind == kind && span.text("jsonrpc.request.id") == id;
        spans.iter().find(is).unwrap()
    };
    for (id, plan) in &ordered {
        let (server, client) = (find(id, "SERVER"), find(id, "CLIENT"));
        let seen = (server.text("error.type"), client.text("error.type"));
        assert_eq!(seen, expected(*plan), "{plan:?} {id}");
        assert_eq!((&client.trace_id, &client.parent_id), (&server.trace_id, &server.span_id), "{plan:?}");
        assert!(server.start <= client.start && client.end <= server.end, "{plan:?}: {server:?} {client:?}");
        for span in [server, client] {
            let failed = !span.text("error.type").is_empty();
            assert_eq!(span.status, if failed { "ERROR" } else { "" }, "{plan:?} {}", span.kind);
            let inside = |event: &super::support::spans::Event| (span.start..=span.end).contains(&event.time);
            assert!(span.events.iter().all(inside), "{plan:?}: {span:?}");
        }
    }
}
