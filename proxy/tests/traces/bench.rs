//! What the tests of traces share: a scripted server, the sidecar with a collector, and messages.

use serde_json::{Value, json};

use super::support::client::RawClient;
use super::support::collector::Collector;
use super::support::server::{Connection, ScriptedServer};
use super::support::spans::{self, Span};
use super::support::tap::{Tap, traced};
use super::support::wire::Message;

/// Attributes that snapshots show.
const SHOWN: [&str; 4] =
    ["error.type", "rpc.response.status_code", "jsonrpc.request.id", "http.response.status_code"];

/// A server, the sidecar before it, and the collector behind.
pub(super) struct Bench {
    pub(super) server: ScriptedServer,
    pub(super) collector: Collector,
    pub(super) tap: Tap,
}

impl Bench {
    /// `script` gets each request and its JSON (`null` if it has none).
    pub(super) fn start(
        flags: &[&str],
        script: impl Fn(&mut Connection, &Message, &Value) + Send + Sync + 'static,
    ) -> Self {
        let server = ScriptedServer::start(move |connection| {
            while let Some(request) = connection.request() {
                let message = serde_json::from_slice(&request.body).unwrap_or_default();
                script(connection, &request, &message);
            }
        });
        let collector = Collector::start();
        let tap = traced(&format!("http://{}", server.address), &collector, flags);
        Self { server, collector, tap }
    }

    /// A server that answers each request with success, and each notification with 202.
    pub(super) fn echoing(flags: &[&str]) -> Self {
        Self::start(flags, |connection, _, message| connection.send(&success(message)))
    }

    pub(super) fn client(&self) -> RawClient {
        RawClient::connect(self.tap.traffic)
    }

    /// Sends a request over a connection of its own; gives the answer.
    pub(super) fn exchange(&self, request: &[u8]) -> Message {
        self.client().exchange(request)
    }

    /// Ends the sidecar when nothing is open any more; gives all spans.
    pub(super) fn finish(self) -> Vec<Span> {
        self.tap.scrape_when_idle();
        let (status, log) = self.tap.stop();
        assert!(status.success(), "{status}: {log}");
        self.collector.spans()
    }
}

/// The spans as trees. What notifications and requests of the server have as events is not shown: nothing is said
/// about it.
pub(super) fn shape(spans: Vec<Span>, known: &[(&str, &str)]) -> String {
    let shown: Vec<Span> = spans
        .into_iter()
        .filter(|span| !["initialize", "notifications/initialized"].contains(&span.name.as_str()))
        .map(|mut span| {
            if span.name.starts_with("notifications/") || span.name.starts_with("elicitation/") {
                span.events.clear();
            }
            span
        })
        .collect();
    spans::tree(&shown, known, &SHOWN)
}

/// A call as 2026-07-28 spells it; `meta` are further members of `_meta`.
pub(super) fn call(id: u64, tool: &str, meta: Value) -> Value {
    message(id, "tools/call", json!({"name": tool, "arguments": {}}), meta)
}

/// A request as 2026-07-28 spells it.
pub(super) fn message(id: u64, method: &str, mut params: Value, meta: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "traces", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    for (key, value) in meta.as_object().into_iter().flatten() {
        params["_meta"][key] = value.clone();
    }
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// A call as older revisions spell it: nothing in `_meta`.
pub(super) fn plain_call(id: u64, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {}}})
}

/// A POST with the headers that its revision wants.
pub(super) fn post(message: &Value, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    if let Some(version) = message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str() {
        all.extend([("mcp-protocol-version", version), ("mcp-method", message["method"].as_str().unwrap())]);
        all.extend(message["params"]["name"].as_str().map(|name| ("mcp-name", name)));
    }
    all.extend(headers);
    let lines: String = all.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let body = message.to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nhost: traces\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{lines}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A POST in session `s1` of 2025-11-25.
pub(super) fn post_in_session(message: &Value) -> Vec<u8> {
    post(message, &[("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", "s1")])
}

/// A GET for an event stream of session `s1`.
pub(super) fn listen(last_event: &str) -> Vec<u8> {
    format!(
        "GET /mcp HTTP/1.1\r\nhost: traces\r\naccept: text/event-stream\r\nmcp-protocol-version: 2025-11-25\r\n\
         mcp-session-id: s1\r\nlast-event-id: {last_event}\r\n\r\n"
    )
    .into_bytes()
}

/// Opens session `s1`.
pub(super) fn initialize() -> Vec<u8> {
    post(
        &json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "traces", "version": "1"}}}),
        &[],
    )
}

/// A response.
pub(super) fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A response of one JSON message.
pub(super) fn json_answer(message: &Value) -> Vec<u8> {
    let session = if message["result"]["serverInfo"].is_object() { "mcp-session-id: s1\r\n" } else { "" };
    http("200 OK", &format!("content-type: application/json\r\n{session}"), &message.to_string())
}

/// The head of an event stream.
pub(super) const EVENTS: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// The end of an event stream.
pub(super) const EVENTS_END: &[u8] = b"0\r\n\r\n";

/// One event.
pub(super) fn event(data: &Value) -> Vec<u8> {
    chunk(&format!("data: {data}\n\n"))
}

/// One chunk.
pub(super) fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

/// The result of a request.
pub(super) fn result(request: &Value) -> Value {
    let result = match request["method"].as_str() {
        Some("initialize") => json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "scripted", "version": "1"}}),
        _ => json!({"content": [{"type": "text", "text": "done"}]}),
    };
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result})
}

/// The answer to whatever came: a result for each request, 202 where there is none.
pub(super) fn success(message: &Value) -> Vec<u8> {
    if message["method"].is_string() && !message["id"].is_null() {
        return json_answer(&result(message));
    }
    if let Some(batch) = message.as_array().filter(|batch| batch.iter().any(|one| !one["id"].is_null())) {
        let results = batch.iter().filter(|one| !one["id"].is_null()).map(result).collect();
        return json_answer(&Value::Array(results));
    }
    http("202 Accepted", "", "")
}
