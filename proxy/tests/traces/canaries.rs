//! What must not be seen: planted everywhere a peer can write, looked for everywhere we write.

use serde_json::json;

use super::bench::{Bench, EVENTS, EVENTS_END, chunk, http, json_answer, post};
use super::support::scrape::{page, page_as};

/// In payload, and in every header that is no name.
const CANARY: &str = "canary9c4e";

/// Requests that carry it wherever nothing of it is ours to show.
fn requests() -> Vec<Vec<u8>> {
    let secret = |part: &str| format!("{part}-{CANARY}");
    let headers = [
        ("authorization", secret("Bearer")),
        ("cookie", secret("a=b")),
        ("mcp-session-id", secret("session")),
        ("last-event-id", secret("event")),
        ("baggage", secret("user=x")),
        ("traceparent", secret("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
        ("tracestate", secret("a=1")),
        ("user-agent", secret("agent")),
        ("x-forwarded-for", secret("1.2.3.4")),
        ("referer", secret("http://r/")),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let meta = json!({"progressToken": CANARY, "traceparent": secret("00"), "own": {CANARY: CANARY}});
    let messages = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "echo", "arguments": {CANARY: CANARY, "a": [CANARY]}, "_meta": meta}}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "prompts/get",
            "params": {"name": "prompt", "arguments": {"a": CANARY}, "_meta": meta}}),
        json!({"jsonrpc": "2.0", "id": 3, "method": "completion/complete",
            "params": {"ref": {"type": "ref/prompt", "name": CANARY}, "argument": {"name": "a", "value": CANARY}}}),
        json!({"jsonrpc": "2.0", "id": 4, "method": "logging/setLevel", "params": {"level": CANARY}}),
        json!({"jsonrpc": "2.0", "id": 5, "method": "tools/list", "params": {"cursor": CANARY}}),
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": CANARY, "reason": CANARY}}),
        json!({"jsonrpc": "2.0", "method": "notifications/progress",
            "params": {"progressToken": CANARY, "progress": 1, "message": CANARY}}),
        json!({"jsonrpc": "2.0", "id": CANARY, "result": {"content": CANARY}}),
        json!({"jsonrpc": "2.0", "id": 7, "error": {"code": -1, "message": CANARY, "data": CANARY}}),
        json!([{"jsonrpc": "2.0", "id": 8, "method": "ping", "params": {"a": CANARY}}, CANARY]),
        json!(CANARY),
    ];
    let mut all: Vec<_> = messages.iter().map(|message| post(message, &headers)).collect();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    for head in [
        format!("GET /mcp?token={CANARY}&sessionId={CANARY} HTTP/1.1"),
        format!("DELETE /mcp?token={CANARY} HTTP/1.1"),
        format!("GET /plain?token={CANARY}#{CANARY} HTTP/1.1"),
        format!("GET http://user:{CANARY}@host/plain?a={CANARY} HTTP/1.1"),
        format!("{} /plain HTTP/1.1", CANARY.to_uppercase()),
    ] {
        all.push(format!("{head}\r\nhost: traces\r\n{lines}\r\n").into_bytes());
    }
    all.push(format!("POST /mcp HTTP/1.1\r\nhost: traces\r\n{lines}content-length: 40\r\n\r\n{{\"jsonrpc\":\"2.0\",\"method\":\"{CANARY}").into_bytes());
    all
}

/// Answers of all kinds that carry it.
fn answers() -> Vec<Vec<u8>> {
    let headers =
        format!("content-type: application/json\r\nset-cookie: {CANARY}\r\nmcp-session-id: {CANARY}\r\n");
    let event = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": CANARY}});
    let ask =
        json!({"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": {"message": CANARY}});
    let stream = [
        EVENTS,
        &chunk(&format!("id: {CANARY}\nevent: {CANARY}\ndata: {CANARY}\n\n: {CANARY}\n\n")),
        &chunk(&format!("data: {event}\n\ndata: {ask}\n\n")),
        EVENTS_END,
    ];
    vec![
        json_answer(
            &json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": CANARY}],
            "structuredContent": {CANARY: CANARY}, "_meta": {CANARY: CANARY}}}),
        ),
        json_answer(
            &json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": CANARY}],
            "isError": true}}),
        ),
        json_answer(
            &json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": CANARY, "data": CANARY}}),
        ),
        stream.concat(),
        http("500 canary9c4e", &headers, CANARY),
        http("401 No", &format!("www-authenticate: Bearer {CANARY}\r\n"), CANARY),
        http("302 Found", &format!("location: /{CANARY}\r\n"), ""),
        format!("HTTP/1.1 200 OK\r\n{headers}content-length: 1000\r\n\r\n{{\"id\":\"{CANARY}").into_bytes(),
        format!("{CANARY}\r\n\r\n").into_bytes(),
    ]
}

#[test]
fn nothing_of_payload_and_credentials_is_shown_anywhere() {
    for propagate in ["header", "full"] {
        let turn = std::sync::atomic::AtomicUsize::new(0);
        let answers = answers();
        let count = answers.len();
        let flags = ["--log-level", "trace", "--propagate", propagate];
        let bench = Bench::start(&flags, move |connection, request, _| {
            let turn = turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let answer = &answers[turn % answers.len()];
            connection.send(answer);
            // What is broken off or no HTTP ends its connection.
            if turn % answers.len() >= answers.len() - 2 || !request.complete {
                connection.finish_sending();
            }
        });
        for request in requests() {
            for _ in 0..count {
                let mut client = bench.client();
                client.send(&request);
                client.finish_sending();
                client.reader.rest();
            }
        }
        // Calls whose stream ended before their answer stay open for a while.
        bench.collector.await_spans("many", |spans| spans.len() > 100);
        let mut shown: Vec<(String, String)> = ["/metrics", "/operations", "/catalogue"]
            .map(|path| (path.to_owned(), page(bench.tap.admin, path)))
            .into();
        let openmetrics = page_as(bench.tap.admin, "/metrics", "application/openmetrics-text;version=1.0.0");
        shown.push(("exemplars".to_owned(), openmetrics));
        let (status, log) = bench.tap.stop();
        assert!(status.success(), "{log}");
        shown.push(("log".to_owned(), log));
        let spans = bench.collector.spans();
        assert!(spans.len() > 100);
        shown.extend(spans.into_iter().map(|span| (span.title(), format!("{span:?}"))));
        for (place, text) in shown {
            let found = text.to_lowercase().find(CANARY);
            let near = found.map(|at| text.get(at.saturating_sub(200)..at + 60).unwrap_or(&text).to_owned());
            assert_eq!(near, None, "{place}");
        }
    }
}
