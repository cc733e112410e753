//! Which spans there are, and what hangs on what, for every way a request can go.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::bench::{
    Bench, EVENTS, EVENTS_END, call, chunk, event, http, initialize, json_answer, listen, message,
    plain_call, post, post_in_session, result, shape, success,
};
use super::support::PATIENCE;

fn recv<T>(receiver: &Mutex<Receiver<T>>) -> T {
    receiver.lock().unwrap().recv_timeout(PATIENCE).unwrap()
}

#[test]
fn answers_as_json_and_as_events() {
    let bench = Bench::start(&[], |connection, _, message| {
        if message["id"] == 1 {
            connection.send(&json_answer(&result(message)));
        } else {
            connection.send(EVENTS);
            connection.send(&event(&json!({"jsonrpc": "2.0", "method": "notifications/message",
                "params": {"level": "info", "data": "soon"}})));
            connection.send(&event(&result(message)));
            connection.send(EVENTS_END);
        }
    });
    for id in [1, 2] {
        bench.exchange(&post(&call(id, "echo", json!({})), &[]));
    }
    insta::assert_snapshot!(shape(bench.finish(), &[]), @r#"
    trace 1
      SERVER tools/call echo {jsonrpc.request.id="1"}
        CLIENT tools/call echo {jsonrpc.request.id="1"} [first_byte response]
    trace 2
      SERVER tools/call echo {jsonrpc.request.id="2"}
        CLIENT tools/call echo {jsonrpc.request.id="2"} [first_byte first_event response]
    "#);
}

#[test]
fn requests_of_other_kinds() {
    let bench = Bench::echoing(&[]);
    bench.exchange(&post(&message(1, "prompts/get", json!({"name": "greet"}), json!({})), &[]));
    bench.exchange(&post(&message(2, "resources/read", json!({"uri": "file:///a"}), json!({})), &[]));
    bench.exchange(&post(&message(3, "tools/list", json!({}), json!({})), &[]));
    let spans = bench.finish();
    let uris: Vec<&str> = spans.iter().map(|span| span.text("mcp.resource.uri")).collect();
    assert_eq!(uris.iter().filter(|uri| **uri == "file:///a").count(), 2, "{uris:?}");
    insta::assert_snapshot!(shape(spans, &[]), @r#"
    trace 1
      SERVER prompts/get greet {jsonrpc.request.id="1"}
        CLIENT prompts/get greet {jsonrpc.request.id="1"} [first_byte response]
    trace 2
      SERVER resources/read {jsonrpc.request.id="2"}
        CLIENT resources/read {jsonrpc.request.id="2"} [first_byte response]
    trace 3
      SERVER tools/list {jsonrpc.request.id="3"}
        CLIENT tools/list {jsonrpc.request.id="3"} [first_byte response]
    "#);
}

#[test]
fn a_batch_hangs_on_the_span_of_its_http_request() {
    let bench = Bench::echoing(&[]);
    let version = [("mcp-protocol-version", "2025-03-26")];
    bench.exchange(&post(&json!([plain_call(1, "add"), plain_call(2, "echo")]), &version));
    bench.exchange(&post(&json!([plain_call(3, "alone")]), &version));
    insta::assert_snapshot!(shape(bench.finish(), &[]), @r#"
    trace 1
      SERVER POST {http.response.status_code=200}
        SERVER tools/call add {jsonrpc.request.id="1"}
          CLIENT tools/call add {jsonrpc.request.id="1"} [first_byte response]
        SERVER tools/call echo {jsonrpc.request.id="2"}
          CLIENT tools/call echo {jsonrpc.request.id="2"} [first_byte response]
    trace 2
      SERVER POST {http.response.status_code=200}
        SERVER tools/call alone {jsonrpc.request.id="3"}
          CLIENT tools/call alone {jsonrpc.request.id="3"} [first_byte response]
    "#);
}

#[test]
fn failures_are_those_of_the_side_that_sees_them() {
    let bench = Bench::start(&[], |connection, _, message| {
        let error = |code: i32| json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": "secret"}});
        match message["id"].as_u64().unwrap() {
            1 => connection.send(&json_answer(&error(-32602))),
            2 => connection.send(&json_answer(&error(-32603))),
            3 => connection.send(&json_answer(&json!({"jsonrpc": "2.0", "id": 3,
                "result": {"isError": true, "content": []}}))),
            _ => connection.send(&http("503 Later", "", "")),
        }
    });
    for id in 1..=4 {
        bench.exchange(&post(&call(id, "echo", json!({})), &[]));
    }
    let spans = bench.finish();
    let described: Vec<&str> = spans.iter().map(|span| span.description.as_str()).collect();
    assert!(
        described.iter().all(|text| text.is_empty()),
        "messages of errors repeat what was sent: {described:?}"
    );
    insta::assert_snapshot!(shape(spans, &[]), @r#"
    trace 1
      SERVER tools/call echo {rpc.response.status_code="-32602" jsonrpc.request.id="1"}
        CLIENT tools/call echo ERROR {error.type="-32602" rpc.response.status_code="-32602" jsonrpc.request.id="1"} [first_byte response]
    trace 2
      SERVER tools/call echo ERROR {error.type="-32603" rpc.response.status_code="-32603" jsonrpc.request.id="2"}
        CLIENT tools/call echo ERROR {error.type="-32603" rpc.response.status_code="-32603" jsonrpc.request.id="2"} [first_byte response]
    trace 3
      SERVER tools/call echo ERROR {error.type="tool_error" jsonrpc.request.id="3"}
        CLIENT tools/call echo ERROR {error.type="tool_error" jsonrpc.request.id="3"} [first_byte response]
    trace 4
      SERVER tools/call echo ERROR {error.type="503" jsonrpc.request.id="4"}
        CLIENT tools/call echo ERROR {error.type="503" jsonrpc.request.id="4"}
    "#);
}

#[test]
fn a_caller_that_leaves_is_no_error() {
    let (arrive, arrived) = channel();
    let bench = Bench::start(&[], move |connection, _, _| {
        arrive.send(()).unwrap();
        connection.wait_for_end();
    });
    let mut client = bench.client();
    client.send(&post(&call(1, "slow", json!({})), &[]));
    arrived.recv_timeout(PATIENCE).unwrap();
    drop(client);
    insta::assert_snapshot!(shape(bench.finish(), &[]), @r#"
    trace 1
      SERVER tools/call slow {jsonrpc.request.id="1"}
        CLIENT tools/call slow {jsonrpc.request.id="1"}
    "#);
}

#[test]
fn a_call_cancelled_by_a_notification_is_no_error() {
    let (cancel, cancelled) = channel();
    let cancelled = Mutex::new(cancelled);
    let bench = Bench::start(&[], move |connection, _, message| match message["method"].as_str() {
        Some("tools/call") => {
            connection.send(EVENTS);
            recv(&cancelled);
            connection.send(EVENTS_END);
        }
        Some("notifications/cancelled") => {
            connection.send(&success(message));
            cancel.send(()).unwrap();
        }
        _ => connection.send(&success(message)),
    });
    bench.exchange(&initialize());
    let mut caller = bench.client();
    caller.send(&post_in_session(&plain_call(2, "slow")));
    assert_eq!(caller.reader.head().unwrap().status(), 200);
    let notification =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}});
    assert_eq!(bench.exchange(&post_in_session(&notification)).status(), 202);
    caller.reader.until(EVENTS_END).unwrap();
    drop(caller);
    insta::assert_snapshot!(shape(bench.finish(), &[]), @r#"
    trace 1
      SERVER tools/call slow {jsonrpc.request.id="2"}
        CLIENT tools/call slow {jsonrpc.request.id="2"}
    trace 2
      SERVER notifications/cancelled
        CLIENT notifications/cancelled
    "#);
}

#[test]
fn a_call_answered_on_a_resumed_stream_stays_one_operation() {
    let bench = Bench::start(&[], |connection, request, message| {
        if request.start.starts_with("GET") {
            connection.send(EVENTS);
            connection.send(&event(&result(&plain_call(2, "slow"))));
            connection.send(EVENTS_END);
        } else if message["method"] == "tools/call" {
            connection.send(EVENTS);
            connection.send(&chunk("id: e1\ndata:\n\n"));
            connection.send(EVENTS_END);
        } else {
            connection.send(&success(message));
        }
    });
    bench.exchange(&initialize());
    bench.exchange(&post_in_session(&plain_call(2, "slow")));
    bench.exchange(&listen("e1"));
    insta::assert_snapshot!(shape(bench.finish(), &[]), @r#"
    trace 1
      SERVER tools/call slow {jsonrpc.request.id="2"}
        CLIENT tools/call slow {jsonrpc.request.id="2"} [first_byte first_event response]
    trace 2
      SERVER GET {http.response.status_code=200}
    "#);
}

#[test]
fn a_retry_with_the_input_that_was_required_is_an_operation_of_its_own() {
    let bench = Bench::start(&[], |connection, _, message| {
        let required = json!({"resultType": "input_required", "requestState": "later"});
        let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": required});
        connection.send(&json_answer(&if message["id"] == 1 { answer } else { result(message) }));
    });
    bench.exchange(&post(&call(1, "book", json!({})), &[]));
    let mut retry = call(2, "book", json!({}));
    retry["params"]["requestState"] = json!("later");
    bench.exchange(&post(&retry, &[]));
    insta::assert_snapshot!(shape(bench.finish(), &[]), @r#"
    trace 1
      SERVER tools/call book {jsonrpc.request.id="1"}
        CLIENT tools/call book {jsonrpc.request.id="1"} [first_byte response]
    trace 2
      SERVER tools/call book {jsonrpc.request.id="2"}
        CLIENT tools/call book {jsonrpc.request.id="2"} [first_byte response]
    "#);
}

#[test]
fn a_task_is_a_span_of_the_trace_of_its_request() {
    let bench = Bench::start(&[], |connection, _, message| {
        let result = match message["method"].as_str() {
            Some("tasks/get") => {
                json!({"resultType": "complete", "taskId": "t1", "status": "completed", "result": {}})
            }
            _ => json!({"resultType": "task", "taskId": "t1", "status": "working", "ttlMs": 60000}),
        };
        connection.send(&json_answer(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result})));
    });
    bench.exchange(&post(&call(1, "build", json!({})), &[]));
    bench.exchange(&post(&message(2, "tasks/get", json!({"taskId": "t1"}), json!({})), &[]));
    let mut spans = bench.finish();
    for task in spans.iter_mut().filter(|span| span.kind == "INTERNAL") {
        // It is not the request: whether it repeats its id is left open.
        task.attributes.clear();
        task.events.clear();
        // It lasts as long as the work does, so it may begin with the request or when it was accepted.
        task.start = u64::MAX;
    }
    insta::assert_snapshot!(shape(spans, &[]), @r#"
    trace 1
      SERVER tools/call build {jsonrpc.request.id="1"}
        CLIENT tools/call build {jsonrpc.request.id="1"} [first_byte response]
        INTERNAL tools/call build
    trace 2
      SERVER tasks/get {jsonrpc.request.id="2"}
        CLIENT tasks/get {jsonrpc.request.id="2"} [first_byte response]
    "#);
}

#[test]
fn what_the_server_asks_hangs_on_the_call_it_asks_for() {
    let (reply, replied) = channel();
    let replied = Mutex::new(replied);
    let bench = Bench::start(&[], move |connection, _, message| {
        if message["method"] == "tools/call" {
            connection.send(EVENTS);
            connection.send(&event(&json!({"jsonrpc": "2.0", "id": 7, "method": "elicitation/create",
                "params": {"message": "who?", "requestedSchema": {"type": "object"}}})));
            recv(&replied);
            connection.send(&event(&result(message)));
            connection.send(EVENTS_END);
        } else {
            connection.send(&success(message));
            if message["id"] == 7 {
                reply.send(()).unwrap();
            }
        }
    });
    bench.exchange(&initialize());
    let mut caller = bench.client();
    caller.send(&post_in_session(&plain_call(2, "ask")));
    caller.reader.until(b"elicitation/create").unwrap();
    let answer = json!({"jsonrpc": "2.0", "id": 7, "result": {"action": "decline"}});
    assert_eq!(bench.exchange(&post_in_session(&answer)).status(), 202);
    caller.reader.until(EVENTS_END).unwrap();
    drop(caller);
    insta::assert_snapshot!(shape(bench.finish(), &[]), @r#"
    trace 1
      SERVER tools/call ask {jsonrpc.request.id="2"}
        CLIENT tools/call ask {jsonrpc.request.id="2"} [first_byte first_event response]
          CLIENT elicitation/create {jsonrpc.request.id="7"}
    trace 2
      SERVER POST {http.response.status_code=202}
    "#);
}

#[test]
fn notifications_have_spans_and_plain_http_has_one() {
    let bench = Bench::start(&[], |connection, request, message| {
        if request.start.starts_with("GET") {
            connection.send(&http("404 Nothing", "", ""));
        } else {
            connection.send(&success(message));
        }
    });
    bench.exchange(&post_in_session(&progress()));
    bench.exchange(b"GET /health?secret=1 HTTP/1.1\r\nhost: traces\r\n\r\n");
    let spans = bench.finish();
    assert!(!format!("{spans:?}").contains("secret"), "a query may hold secrets: {spans:?}");
    insta::assert_snapshot!(shape(spans, &[]), @r#"
    trace 1
      SERVER notifications/progress
        CLIENT notifications/progress
    trace 2
      SERVER GET {http.response.status_code=404}
    "#);
}

fn progress() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}})
}
