//! Messages as transcripts write them: JSON, or short for it, read by the real scanner.
//!
//! `call 1 echo`, `request 1 ping {params}`, `modern 1 tools/call {params}` (with the `_meta` of 2026-07-28 from a
//! client "agent"), `notify ping {params}`, `result 1 {result}`, `error null -32600`. Several, parted by ` ; `, are a
//! batch, and so is one behind `batch `. At the end of a message ` @7.5.01` puts a `traceparent` into its `_meta`, and
//! ` @7.5.01,a=1` a `tracestate`, too (`spans.rs`); ` @null` is `null`.

use serde_json::{Value, json};

use crate::protocol::message::{Document, Message};
use crate::protocol::scan::Scanner;

use super::spans::spelled;

/// The messages of a text, and what kind of document it is.
pub(super) fn messages(text: &str) -> (Vec<Message>, Document) {
    let (batch, text) = match text.strip_prefix("batch ") {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut json: Vec<String> = text.split(" ; ").map(written_out).collect();
    let json = if json.len() == 1 && !batch { json.remove(0) } else { format!("[{}]", json.join(",")) };
    let mut scanner = Scanner::new(u64::MAX);
    scanner.places(true);
    let mut messages = Vec::new();
    scanner.feed(json.as_bytes(), &mut |message| messages.push(message));
    (messages, scanner.finish())
}

/// The JSON of one message; what is JSON already stays as it is spelled.
fn written_out(text: &str) -> String {
    if text.starts_with(['{', '[']) {
        return text.to_owned();
    }
    let Some((text, context)) = text.rsplit_once(" @") else { return long_form(text).to_string() };
    let mut message = long_form(text);
    let meta = &mut message["params"]["_meta"];
    let (parent, state) =
        context.split_once(',').map_or((context, None), |(parent, state)| (parent, Some(state)));
    meta["traceparent"] = if parent == "null" { Value::Null } else { spelled(parent).into() };
    if let Some(state) = state {
        meta["tracestate"] = state.into();
    }
    message.to_string()
}

fn long_form(text: &str) -> Value {
    let parse = |json: &str| -> Value {
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json} in {text}"))
    };
    let (kind, rest) = text.split_once(' ').expect("a kind of message");
    let (first, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (second, more) = rest.split_once(' ').unwrap_or((rest, ""));
    let object =
        |json: &str| if json.is_empty() { Value::Object(serde_json::Map::new()) } else { parse(json) };
    match kind {
        "call" => {
            json!({"jsonrpc": "2.0", "id": parse(first), "method": "tools/call", "params": {"name": second}})
        }
        "request" => json!({"jsonrpc": "2.0", "id": parse(first), "method": second, "params": object(more)}),
        "modern" => {
            let mut params = object(more);
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "agent", "version": "1"},
            });
            json!({"jsonrpc": "2.0", "id": parse(first), "method": second, "params": params})
        }
        "notify" => json!({"jsonrpc": "2.0", "method": first, "params": object(rest)}),
        "result" => json!({"jsonrpc": "2.0", "id": parse(first), "result": object(rest)}),
        "error" => {
            json!({"jsonrpc": "2.0", "id": parse(first), "error": {"code": parse(second), "message": ""}})
        }
        other => panic!("no such message: {other}"),
    }
}
