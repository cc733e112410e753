//! `POST /call-tool`: the same tools without MCP, for `curl` and scripts.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use crate::telemetry;
use crate::tool::{Entry, ErrorType, ToolCall};

use super::mcp::Mcp;

/// Short names of arguments, and what the tools call them.
const SHORT: [(&str, &str); 4] = [
    ("pod", "pod_name"),
    ("deployment", "deployment_name"),
    ("service", "service_name"),
    ("node", "node_name"),
];

/// What is posted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    tool: String,
    #[serde(default)]
    args: Map<String, Value>,
}

/// Calls a tool. Only JSON by its content type is taken: a web page cannot send that to another site unasked.
pub(super) async fn call_tool(
    State(mcp): State<Mcp>,
    headers: HeaderMap,
    request: Result<Json<Request>, JsonRejection>,
) -> Response {
    let Json(request) = match request {
        Ok(request) => request,
        Err(rejection) => {
            return failure(rejection.status(), ErrorType::Validation, &rejection.body_text());
        }
    };
    let Some(entry) = mcp.find(&request.tool) else {
        return failure(StatusCode::NOT_FOUND, ErrorType::NotFound, "tool not found");
    };
    let arguments = full_names(entry, request.args);
    let call = ToolCall { entry, arguments, parent: telemetry::parent(None, Some(&headers)) };
    let Ok(reply) = mcp.stack().oneshot(call).await;
    match reply.result {
        Ok(value) => Json(json!({ "result": *value })).into_response(),
        Err(error) => failure(status(error.kind), error.kind, &error.to_string()),
    }
}

fn failure(status: StatusCode, kind: ErrorType, message: &str) -> Response {
    (status, Json(json!({ "error": message, "error_type": kind.as_str() }))).into_response()
}

fn status(kind: ErrorType) -> StatusCode {
    match kind {
        ErrorType::Validation => StatusCode::BAD_REQUEST,
        ErrorType::NotFound => StatusCode::NOT_FOUND,
        ErrorType::Forbidden => StatusCode::FORBIDDEN,
        ErrorType::Api => StatusCode::BAD_GATEWAY,
        ErrorType::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorType::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The arguments by their full names, where the tool has such a one and the short name means nothing to it.
fn full_names(entry: &Entry, mut arguments: Map<String, Value>) -> Map<String, Value> {
    let properties = entry.input_schema.get("properties");
    let takes = |name: &str| properties.is_some_and(|members| members.get(name).is_some());
    for (short, full) in SHORT {
        if takes(full)
            && !takes(short)
            && !arguments.contains_key(full)
            && let Some(value) = arguments.remove(short)
        {
            arguments.insert(full.to_owned(), value);
        }
    }
    arguments
}
