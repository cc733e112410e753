//! Reads a [`Message`] from JSON, straightforwardly: the core does not care how the facts were read.
//!
//! A message is JSON, or short for it: `call 1 echo`, `request 1 ping {params}`, `modern 1 tools/call {params}` (with
//! the `_meta` of 2026-07-28 from a client "agent"), `notify ping {params}`, `result 1 {result}`, `error null -32600`.
//! Several, parted by ` ; `, are a batch.

use serde_json::{Value, json};

use crate::protocol::fingerprint::fingerprint;
use crate::protocol::message::{
    Answer, Arguments, Content, Document, Finding, Findings, Implementation, Message, MessageKind, Meta,
    Params, RequestId, ResultType, Task, TaskStatus,
};
use crate::protocol::method::Method;
use crate::protocol::version::Version;

const PREFIX: &str = "io.modelcontextprotocol/";

/// The messages of a text, and what kind of document it is.
pub(super) fn messages(text: &str) -> (Vec<Message>, Document) {
    let mut values: Vec<Value> = text.split(" ; ").map(value).collect();
    let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
    match &value {
        Value::Array(items) => (items.iter().map(message).collect(), Document::Batch(items.len() as u32)),
        object => (vec![message(object)], Document::Single),
    }
}

/// One message, written as JSON or short.
fn value(text: &str) -> Value {
    let parse = |json: &str| -> Value {
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json} in {text}"))
    };
    if text.starts_with(['{', '[']) {
        return parse(text);
    }
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

fn message(value: &Value) -> Message {
    let has = |key| value.get(key).is_some();
    let kind = match (has("method"), has("id")) {
        (true, true) => MessageKind::Request,
        (true, false) => MessageKind::Notification,
        _ if has("error") => MessageKind::Error,
        _ if has("result") => MessageKind::Result,
        _ => MessageKind::Foreign,
    };
    let mut findings = Findings::default();
    if value["jsonrpc"] != "2.0" {
        findings.insert(Finding::NotVersion2);
    }
    Message {
        kind,
        id: value.get("id").map(id),
        method: value["method"].as_str().map(Method::parse),
        params: params(&value["params"]),
        answer: answer(value),
        size: value.to_string().len() as u64,
        findings,
    }
}

fn id(value: &Value) -> RequestId {
    match value {
        Value::Number(number) => RequestId::Number(number.as_i64().expect("small ids in tests")),
        Value::String(text) => RequestId::Text(text.into()),
        Value::Null => RequestId::Null,
        _ => RequestId::Invalid,
    }
}

fn version(value: &Value) -> Option<Version> {
    value.as_str().map(|text| Version::parse(text.as_bytes()))
}

fn implementation(value: &Value) -> Option<Box<Implementation>> {
    let text = |key| value[key].as_str().unwrap_or_default().into();
    value.is_object().then(|| Box::new(Implementation { name: text("name"), version: text("version") }))
}

fn params(params: &Value) -> Params {
    let text = |key| params[key].as_str().map(Into::into);
    let meta = &params["_meta"];
    let modern = |key: &str| &meta[format!("{PREFIX}{key}")];
    Params {
        name: text("name"),
        uri: text("uri"),
        arguments: params.get("arguments").map(|arguments| Arguments {
            size: arguments.to_string().len() as u64,
            depth: 1,
            hash: fingerprint(arguments.to_string().as_bytes()),
        }),
        protocol_version: version(&params["protocolVersion"]),
        client: implementation(&params["clientInfo"]),
        cancelled: params.get("requestId").map(id),
        task_id: text("taskId"),
        task_status: status(&params["status"]),
        task_is_error: params["result"]["isError"] == true,
        task_code: params["error"]["code"].as_i64(),
        wants_task: params["task"].is_object(),
        request_state: params["requestState"].as_str().map(|state| fingerprint(state.as_bytes())),
        cursor: params.get("cursor").is_some(),
        meta: Meta {
            protocol_version: version(modern("protocolVersion")),
            client: implementation(modern("clientInfo")),
            subscription: modern("subscriptionId").as_i64().map(RequestId::Number),
            related_task: modern("related-task")["taskId"].as_str().map(Into::into),
            traceparent: None,
            tracestate: None,
        },
    }
}

fn status(value: &Value) -> Option<TaskStatus> {
    value.as_str().map(|status| match status {
        "working" => TaskStatus::Working,
        "input_required" => TaskStatus::InputRequired,
        "completed" => TaskStatus::Completed,
        "failed" => TaskStatus::Failed,
        "cancelled" => TaskStatus::Cancelled,
        _ => TaskStatus::Other,
    })
}

fn answer(value: &Value) -> Answer {
    let result = &value["result"];
    let server = implementation(&result["serverInfo"]);
    Answer {
        code: value["error"]["code"].as_i64(),
        is_error: result["isError"] == true,
        result_type: result["resultType"].as_str().map(|kind| match kind {
            "complete" => ResultType::Complete,
            "input_required" => ResultType::InputRequired,
            "task" => ResultType::Task,
            _ => ResultType::Other,
        }),
        request_state: result["requestState"].as_str().map(|state| fingerprint(state.as_bytes())),
        content: Content {
            items: result["content"].as_array().map_or(0, |items| items.len() as u32),
            ..Content::default()
        },
        task: task(if result["task"].is_object() { &result["task"] } else { result }),
        tools: result["tools"].as_array().map(|_| result["tools"].to_string().into_bytes().into()),
        next_cursor: result["nextCursor"].is_string(),
        protocol_version: version(&result["protocolVersion"]),
        server: server.or_else(|| implementation(&result["_meta"][format!("{PREFIX}serverInfo")])),
    }
}

fn task(task: &Value) -> Option<Box<Task>> {
    Some(Box::new(Task {
        id: task["taskId"].as_str()?.into(),
        status: status(&task["status"]),
        ttl_ms: task["ttl"].as_u64().or_else(|| task["ttlMs"].as_u64()),
        is_error: task["result"]["isError"] == true,
        code: task["error"]["code"].as_i64(),
    }))
}
