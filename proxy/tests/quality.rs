//! Quality end to end: the real program in front of a server that answers well and badly.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::client::RawClient;
use support::parts::{Parts, Server};
use support::scrape::{Scrape, page};
use support::server::{Connection, ScriptedServer};
use support::tap::{Tap, through_proxy, through_proxy_with};

/// Stands in every payload, and nowhere else.
const CANARY: &str = "canary-7f3a";

/// Longest `structuredContent` that is judged.
const SIZE_LIMIT: usize = 256 << 10;

fn tools() -> Value {
    let schema = json!({
        "type": "object",
        "properties": {"n": {"type": "integer"}, "s": {"type": "string"}},
        "required": ["n"],
    });
    let structured = |name: &str| json!({"name": name, "inputSchema": {}, "outputSchema": schema});
    let endless = json!({"name": "endless", "inputSchema": {}, "outputSchema": {"$ref": "#"}});
    let plain = |name: &str| json!({"name": name, "inputSchema": {}});
    json!([
        structured("good"),
        structured("wrong"),
        structured("missing"),
        structured("large"),
        structured("failing"),
        plain("plain"),
        plain("empty"),
        plain("odd"),
        endless,
    ])
}

fn text(text: &str) -> Value {
    json!([{"type": "text", "text": text}])
}

fn result_of(tool: &str) -> Value {
    match tool {
        "good" => json!({"content": text(CANARY), "structuredContent": {"n": 1, "s": CANARY}}),
        "wrong" => json!({"content": text(CANARY), "structuredContent": {"n": CANARY}}),
        "large" => {
            json!({"content": text(CANARY), "structuredContent": {"n": 1, "s": "x".repeat(SIZE_LIMIT)}})
        }
        "failing" => json!({"content": text(CANARY), "isError": true}),
        "empty" => json!({"content": []}),
        "odd" => json!({"content": [{"type": "text", "data": CANARY}]}),
        "endless" => json!({"content": text(CANARY), "structuredContent": {}}),
        // "missing", "plain", and what no list has.
        _ => json!({"content": text(CANARY)}),
    }
}

/// Answers as the path says: as JSON, or as events.
fn serve(connection: &mut Connection) {
    while let Some(request) = connection.request() {
        let message: Value = serde_json::from_slice(&request.body).unwrap();
        let params = &message["params"];
        let result = match message["method"].as_str().unwrap() {
            "tools/list" => json!({"tools": tools()}),
            "tools/call" if params["task"].is_object() => {
                json!({"task": {"taskId": params["name"], "status": "working", "ttl": 60_000}})
            }
            "tools/call" => result_of(params["name"].as_str().unwrap()),
            "tasks/result" => result_of(params["taskId"].as_str().unwrap()),
            other => panic!("{other}"),
        };
        let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string();
        let (kind, body) = if request.start.contains("/events") {
            ("text/event-stream", format!("data: {answer}\n\n"))
        } else {
            ("application/json", answer)
        };
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        connection.send(head.as_bytes());
        connection.send(body.as_bytes());
    }
}

fn request(path: &str, method: &str, params: Value) -> Vec<u8> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// The proxy in front of the server, once it knows the tools.
fn tap() -> (ScriptedServer, Tap, RawClient) {
    tap_with(&[])
}

fn tap_with(flags: &[&str]) -> (ScriptedServer, Tap, RawClient) {
    let server = ScriptedServer::start(serve);
    let tap = through_proxy_with(&format!("http://{}", server.address), flags);
    let mut client = RawClient::connect(tap.traffic);
    client.exchange(&request("/json", "tools/list", json!({})));
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let count = tools().as_array().unwrap().len() as f64;
    tap.wait_until("the catalogue is known", || {
        (Scrape::of(tap.admin).sum("mcp_proxy_catalogue_tools") == count).then_some(())
    });
    (server, tap, client)
}

/// The metrics once so many answers were judged or not.
fn scrape_when(tap: &Tap, answers: f64) -> Scrape {
    tap.wait_until("all answers were looked at", || {
        let scrape = Scrape::of(tap.admin);
        let events = scrape.sum_where("mcp_proxy_slo_events_total", &[("slo", "quality")]);
        (events + scrape.sum("mcp_proxy_quality_unchecked_total") == answers).then_some(scrape)
    })
}

fn events(scrape: &Scrape) -> (f64, f64) {
    let of =
        |verdict| scrape.sum_where("mcp_proxy_slo_events_total", &[("slo", "quality"), ("verdict", verdict)]);
    (of("good"), of("bad"))
}

#[test]
fn answers_are_judged_by_the_schema_that_was_listed_however_they_come() {
    // With everything on that could tell a payload.
    let dir = tempfile::tempdir().unwrap();
    let dir_flag = dir.path().to_str().unwrap();
    let flags = ["--log-level", "trace", "--state-dir", dir_flag, "--state-interval", "1s", "--name", "demo"];
    let (_server, tap, mut client) = tap_with(&flags);
    let modern = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let names =
        ["good", "wrong", "missing", "large", "failing", "plain", "empty", "odd", "endless", "unlisted"];
    let mut rounds = 0.0;
    for path in ["/json", "/events"] {
        for meta in [json!({}), modern.clone()] {
            // The first two revisions know no structured content, so one is named that does.
            for name in names {
                let mut call = request(path, "tools/call", json!({"name": name, "_meta": meta}));
                let at = call.windows(9).position(|bytes| bytes == b"Host: x\r\n").unwrap();
                call.splice(at..at, b"MCP-Protocol-Version: 2025-11-25\r\n".iter().copied());
                client.exchange(&call);
            }
            rounds += 1.0;
        }
    }
    let scrape = scrape_when(&tap, rounds * 10.0);
    assert_eq!(events(&scrape), (2.0 * rounds, 5.0 * rounds));
    let found: Vec<_> = scrape
        .by("mcp_proxy_quality_findings_total", ["tool_name", "finding"])
        .into_iter()
        .map(|([tool, finding], count)| (tool, finding, count))
        .collect();
    let expected = [
        ("empty", "empty"),
        ("failing", "tool_error"),
        ("missing", "schema"),
        ("odd", "malformed"),
        ("wrong", "schema"),
    ];
    assert_eq!(found, expected.map(|(tool, finding)| (tool.to_owned(), finding.to_owned(), rounds)));
    let unchecked = |reason| scrape.sum_where("mcp_proxy_quality_unchecked_total", &[("reason", reason)]);
    for reason in ["too_large", "schema", "unlisted"] {
        assert_eq!(unchecked(reason), rounds, "{reason}");
    }
    let score = |tool| scrape.sum_where("sli_quality_score", &[("tool_name", tool)]);
    assert_eq!((score("good"), score("plain"), score("wrong")), (100.0, 100.0, 0.0));

    for path in ["/metrics", "/operations", "/catalogue", "/slo"] {
        assert!(!page(tap.admin, path).contains(CANARY), "{path}");
    }
    drop(client);
    let (status, log) = tap.stop();
    assert!(status.success());
    let state = std::fs::read(dir.path().join("demo.slo")).unwrap();
    assert!(!state.windows(CANARY.len()).any(|bytes| bytes == CANARY.as_bytes()));
    assert!(log.contains("endless") && log.contains("leads back to itself"), "{log}");
    assert!(!log.contains(CANARY));
}

#[test]
fn results_of_tasks_are_judged_when_they_are_fetched() {
    // Traces take the result of an answer too.
    for flags in [&[] as &[&str], &["--otlp-endpoint", "http://127.0.0.1:9"]] {
        let (_server, tap, mut client) = tap_with(flags);
        for name in ["good", "wrong"] {
            client.exchange(&request("/json", "tools/call", json!({"name": name, "task": {}})));
            client.exchange(&request("/json", "tasks/result", json!({"taskId": name})));
        }
        let scrape = scrape_when(&tap, 2.0);
        assert_eq!(events(&scrape), (1.0, 1.0), "{flags:?}");
        assert_eq!(scrape.sum_where("mcp_proxy_quality_findings_total", &[("tool_name", "wrong")]), 1.0);
    }
}

#[test]
fn a_burst_of_calls_is_bounded_and_every_answer_is_accounted_for() {
    const CALLERS: usize = 8;
    const CALLS: usize = 2500;
    let (_server, tap, client) = tap();
    let before = tap.resident_kib();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let mut client = RawClient::connect(tap.traffic);
            std::thread::spawn(move || {
                let call = request("/json", "tools/call", json!({"name": "good"}));
                for _ in 0..CALLS {
                    client.exchange(&call);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.join().unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let calls = (CALLERS * CALLS) as f64;
    let scrape = scrape_when(&tap, calls);
    let (good, bad) = events(&scrape);
    assert_eq!(bad, 0.0);
    let full = scrape.sum_where("mcp_proxy_quality_unchecked_total", &[("reason", "queue_full")]);
    assert_eq!(good + full, calls);
    let grown = tap.resident_kib().saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB more");
    drop(client);
}

/// With headers of its own, as a client of the last revision with sessions.
fn session_request(session: &str, method: &str, params: &Value) -> Vec<u8> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{session}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn the_structured_tool_of_server_everything_is_sound() {
    let program = "@modelcontextprotocol/server-everything/dist/index.js";
    let server =
        Server::start("server-everything", "/mcp", Parts::find().package(program).arg("streamableHttp"));
    let tap = through_proxy(&server.origin());
    let mut client = RawClient::connect(tap.traffic);
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "agent", "version": "1"}});
    let hello = client.exchange(&session_request("", "initialize", &hello));
    let id = hello.header("mcp-session-id").expect("a session");
    let session = format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: 2025-11-25\r\n");
    client.exchange(&session_request(&session, "tools/list", &json!({})));
    tap.wait_until("the catalogue is known", || {
        (Scrape::of(tap.admin).sum("mcp_proxy_catalogue_tools") > 0.0).then_some(())
    });
    let call = json!({"name": "get-structured-content", "arguments": {"location": "Chicago"}});
    client.exchange(&session_request(&session, "tools/call", &call));
    let scrape = scrape_when(&tap, 1.0);
    assert_eq!(events(&scrape), (1.0, 0.0));
    // A scrape may come between the event and the score.
    tap.wait_until("the score is shown", || {
        let labels = [("tool_name", "get-structured-content")];
        (Scrape::of(tap.admin).sum_where("sli_quality_score", &labels) == 100.0).then_some(())
    });
}

/// About 3 MB of tools, worded anew each time: of schemas that are large, deep, costly or none, and one that is right.
fn hostile_tools(round: usize) -> Value {
    let deep = (0..120).fold(json!(true), |inner, _| json!({"items": inner}));
    let doubling = json!({"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": ["b"]}, {"properties": {"a": {"$ref": "#"}}}]});
    let wide = json!({"allOf": vec![json!({"pattern": "^(a|a|aa)*(a+)+$"}); 30]});
    let schema = |at: usize| match at % 6 {
        0 => json!({"title": format!("{round} {at}"), "type": "object", "required": ["n"]}),
        1 => deep.clone(),
        2 => doubling.clone(),
        3 => wide.clone(),
        4 => json!({"$ref": "#", "title": round}),
        _ => json!({"pattern": format!("((((a{{1,90}}){{1,90}}){{1,90}}){{1,{round}}}")}),
    };
    let tool = |at: usize| json!({"name": format!("t{at}"), "inputSchema": {}, "outputSchema": schema(at)});
    json!((0..3000).map(tool).collect::<Vec<_>>())
}

#[test]
fn hostile_schemas_leave_memory_flat_and_the_thread_at_work() {
    const ROUNDS: usize = 12;
    let server = ScriptedServer::start(|connection| {
        let mut round = 0;
        while let Some(request) = connection.request() {
            let message: Value = serde_json::from_slice(&request.body).unwrap();
            let result = if message["method"] == "tools/list" {
                round += 1;
                json!({"tools": hostile_tools(round)})
            } else {
                let nested = (0..60).fold(json!({}), |inner, _| json!({"a": inner}));
                json!({"content": text(CANARY), "structuredContent": {"n": 1, "a": nested, "s": "a".repeat(100_000)}})
            };
            let body = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            connection.send(head.as_bytes());
            connection.send(body.as_bytes());
        }
    });
    let tap = through_proxy(&format!("http://{}", server.address));
    let mut client = RawClient::connect(tap.traffic);
    let (mut calls, mut after_some) = (0, 0);
    for round in 1..=ROUNDS {
        client.exchange(&request("/json", "tools/list", json!({})));
        tap.wait_until("the catalogue is known", || {
            (Scrape::of(tap.admin).sum("mcp_proxy_catalogue_tools") == 3000.0).then_some(())
        });
        for tool in 0..60 {
            client.exchange(&request("/json", "tools/call", json!({"name": format!("t{tool}")})));
            calls += 1;
        }
        scrape_when(&tap, f64::from(calls));
        if round == ROUNDS / 2 {
            after_some = tap.resident_kib();
        }
    }
    let grown = tap.resident_kib().saturating_sub(after_some);
    assert!(grown < 24 << 10, "{grown} KiB more in the second half, {after_some} KiB before");
    let scrape = Scrape::of(tap.admin);
    let (good, bad) = events(&scrape);
    let unchecked = |reason| scrape.sum_where("mcp_proxy_quality_unchecked_total", &[("reason", reason)]);
    assert!(good >= f64::from(calls) / 6.0, "{good} of {calls}");
    assert_eq!((bad, unchecked("internal"), unchecked("queue_full")), (0.0, 0.0, 0.0));
    drop(client);
    let (status, log) = tap.stop();
    assert!(status.success() && !log.contains("a bug"), "{log}");
}
