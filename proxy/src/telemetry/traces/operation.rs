//! The spans of an operation (otel-mcp.md §2, §4, §6).

use std::borrow::Cow;
use std::time::Instant;

use compact_str::CompactString;
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;

use crate::exchange::event::{Direction, Operation, OperationKind, Transport};
use crate::protocol::message::RequestId;
use crate::protocol::method::Method;
use crate::protocol::outcome::{Ending, Interim};
use crate::protocol::version::{Era, Version};
use crate::telemetry::names::attribute;
use crate::telemetry::operations::content_bytes;
use crate::telemetry::{client_view, server_view, tokens};

use super::attributes::{Attributes, present};
use super::span::{Draft, Frame, has_upstream};

/// `error.type` and `rpc.response.status_code`.
type Errors = (Option<&'static str>, Option<&'static str>);

/// The span of the operation itself. Here the sidecar speaks for the server: it serves what the client asks, and is
/// the client of what the server asks.
pub(super) fn outer(frame: &Frame<'_>, operation: &Operation) -> SpanData {
    let (kind, errors) = match (operation.kind, operation.direction) {
        (OperationKind::Task, _) => (SpanKind::Internal, server_view::attributes(&operation.ending)),
        (_, Direction::ToServer) => (SpanKind::Server, server_view::attributes(&operation.ending)),
        (_, Direction::ToClient) => (SpanKind::Client, client_view::attributes(&operation.ending)),
    };
    let mut attributes = frame.attributes();
    conventions(frame, operation, errors, &mut attributes);
    if kind != SpanKind::Internal {
        downstream(frame, operation, &kind, &mut attributes);
    }
    own(operation, &mut attributes);
    payload(frame, operation, &mut attributes);
    frame.outer(Draft {
        kind,
        name: name(operation),
        start: operation.started,
        end: operation.ended,
        attributes,
        failed: errors.0.is_some(),
    })
}

/// The span of the leg to the server, if it came to that.
pub(super) fn upstream(frame: &Frame<'_>, operation: &Operation) -> Option<SpanData> {
    let start = frame.trace.forwarded.filter(|_| has_upstream(operation, frame.trace))?;
    let errors = client_view::attributes(&operation.ending);
    let mut attributes = frame.attributes();
    conventions(frame, operation, errors, &mut attributes);
    let server = &frame.settings.server;
    if operation.transport == Transport::Stdio {
        attributes.text(attribute::NETWORK_TRANSPORT, "pipe");
    } else {
        attributes.text(attribute::NETWORK_TRANSPORT, server.transport);
        attributes.text(attribute::NETWORK_PROTOCOL_NAME, "http");
        attributes.optional(attribute::NETWORK_PROTOCOL_VERSION, present(server.http_version));
        if !server.address.is_empty() {
            attributes.text(attribute::SERVER_ADDRESS, server.address.clone());
            if let Some(port) = server.port {
                attributes.number(attribute::SERVER_PORT, port.into());
            }
        }
    }
    let draft = Draft {
        kind: SpanKind::Client,
        name: name(operation),
        // Another exchange may have ended it before: it lies within the outer span all the same.
        start: start.min(operation.ended),
        end: operation.ended,
        attributes,
        failed: errors.0.is_some(),
    };
    Some(frame.child(draft, &events(frame, operation)))
}

/// `{method} {target}`.
fn name(operation: &Operation) -> Cow<'static, str> {
    let target = tool(operation).or_else(|| prompt(operation));
    match (target, &operation.method) {
        (Some(target), method) => Cow::Owned(format!("{} {target}", method.as_str())),
        (None, Method::Other(name)) => Cow::Owned(name.to_string()),
        (None, known) => Cow::Borrowed(known.label()),
    }
}

/// The tool that it is about.
fn tool(operation: &Operation) -> Option<&CompactString> {
    operation.target.as_ref().filter(|name| operation.method == Method::ToolsCall && !name.is_empty())
}

/// The prompt that it is about.
fn prompt(operation: &Operation) -> Option<&CompactString> {
    operation.target.as_ref().filter(|name| operation.method == Method::PromptsGet && !name.is_empty())
}

/// What both spans say of the message and of how it ended.
fn conventions(
    frame: &Frame<'_>,
    operation: &Operation,
    (error_type, code): Errors,
    attributes: &mut Attributes<'_>,
) {
    match &operation.method {
        Method::Other(name) => attributes.text(attribute::METHOD, name.to_string()),
        known => attributes.text(attribute::METHOD, known.label()),
    }
    attributes.optional(attribute::ERROR_TYPE, error_type);
    attributes.optional(attribute::GEN_AI_TOOL, tool(operation).map(ToString::to_string));
    attributes.optional(attribute::GEN_AI_PROMPT, prompt(operation).map(ToString::to_string));
    if operation.kind == OperationKind::Request {
        attributes.optional(attribute::REQUEST_ID, request_id(operation.id.as_ref()));
    }
    let about_resource = matches!(
        operation.method,
        Method::ResourcesRead
            | Method::ResourcesSubscribe
            | Method::ResourcesUnsubscribe
            | Method::NotificationsResourcesUpdated
    );
    let uri = frame.trace.uri.as_ref().filter(|_| about_resource);
    attributes.optional(attribute::RESOURCE_URI, uri.map(ToString::to_string));
    attributes.optional(attribute::RPC_STATUS, code.map(|code| exact_code(code, &operation.ending)));
    let executes = operation.method == Method::ToolsCall;
    attributes.optional(attribute::GEN_AI_OPERATION, executes.then_some("execute_tool"));
    let version = operation.version.filter(|version| *version != Version::Other);
    attributes.optional(attribute::PROTOCOL_VERSION, version.map(|version| version.as_str()));
}

/// The code as it was sent. `error.type` is the metric's label, from a closed set; a span may have any code.
fn exact_code(label: &'static str, ending: &Ending) -> Cow<'static, str> {
    match (label, ending) {
        ("_OTHER", Ending::RpcError { code: Some(code), .. }) => Cow::Owned(code.to_string()),
        _ => Cow::Borrowed(label),
    }
}

/// The id as text. Of a long one only the hash is known, which is no id.
fn request_id(id: Option<&RequestId>) -> Option<String> {
    match id? {
        RequestId::Number(number) => Some(number.to_string()),
        RequestId::Text(text) => Some(text.to_string()),
        RequestId::Hash(_) | RequestId::Null | RequestId::Invalid => None,
    }
}

/// How the message travelled between client and sidecar.
fn downstream(frame: &Frame<'_>, operation: &Operation, kind: &SpanKind, attributes: &mut Attributes<'_>) {
    if operation.transport == Transport::Stdio {
        attributes.text(attribute::NETWORK_TRANSPORT, "pipe");
    } else {
        attributes.text(attribute::NETWORK_TRANSPORT, "tcp");
        attributes.text(attribute::NETWORK_PROTOCOL_NAME, "http");
        attributes.optional(attribute::NETWORK_PROTOCOL_VERSION, present(frame.trace.http_version));
    }
    // Of a request by the server the client's address would be the server's, which it is not.
    if *kind == SpanKind::Server {
        frame.peer(attributes);
    }
}

/// What no convention has a key for.
fn own(operation: &Operation, attributes: &mut Attributes<'_>) {
    let ending = &operation.ending;
    attributes.text(
        attribute::KIND,
        match operation.kind {
            OperationKind::Request => "request",
            OperationKind::Notification => "notification",
            OperationKind::Task => "task",
        },
    );
    attributes.optional(attribute::RESULT, ending.result().map(|result| result.as_str()));
    attributes.optional(attribute::FAULT, ending.fault().map(|fault| fault.as_str()));
    if let Ending::Interim(interim) = ending {
        attributes.text(attribute::INTERIM, interim.as_str());
    }
    attributes.text(
        attribute::TRANSPORT,
        match operation.transport {
            Transport::StreamableHttp => "streamable_http",
            Transport::HttpSse => "http_sse",
            Transport::Stdio => "stdio",
        },
    );
    attributes.text(
        attribute::ERA,
        match operation.era {
            Era::Legacy => "legacy",
            Era::Modern => "modern",
        },
    );
    if let Some(client) = &operation.client.info {
        attributes.text(attribute::CLIENT_NAME, client.name.to_string());
        attributes.text(attribute::CLIENT_VERSION, client.version.to_string());
    }
    attributes.optional(attribute::SESSION_HASH, operation.session.map(|hash| format!("{hash:016x}")));
    attributes.flag(attribute::REPEATED, operation.repeated);
    attributes.flag(attribute::WAITED_FOR_CLIENT, operation.waited_for_client);
    if operation.tool().is_some() && matches!(ending, Ending::Success | Ending::ToolError) {
        attributes.number(attribute::CONTENT_BYTES, content_bytes(&operation.content));
        attributes.number(attribute::RESULT_TOKENS, tokens::of_result(&operation.content));
    }
}

/// Arguments and result, as far as configuration asks for them.
fn payload(frame: &Frame<'_>, operation: &Operation, attributes: &mut Attributes<'_>) {
    let Some(tool) = operation.tool() else { return };
    let (capture, captured) = (&frame.settings.capture, &frame.trace.captured);
    if let Some(raw) = &captured.arguments {
        attributes.optional(attribute::GEN_AI_ARGUMENTS, capture.arguments(tool, raw));
    }
    if let (Some(raw), Ending::Success) = (&captured.result, &operation.ending) {
        attributes.optional(attribute::GEN_AI_RESULT, capture.result(tool, raw));
    }
}

/// What happened on the leg to the server, in order.
fn events(frame: &Frame<'_>, operation: &Operation) -> Vec<(&'static str, Instant)> {
    let answered = operation.kind == OperationKind::Request && is_answered(&operation.ending);
    let events = [
        ("first_byte", operation.first_byte),
        ("first_event", frame.trace.first_event),
        ("response", answered.then_some(operation.ended)),
    ];
    // The answer to a call that was cancelled may still come.
    let until_end = |at: &Instant| *at <= operation.ended;
    events.into_iter().filter_map(|(name, at)| Some((name, at.filter(until_end)?))).collect()
}

/// Whether it ended by a JSON-RPC message.
const fn is_answered(ending: &Ending) -> bool {
    match ending {
        Ending::Success | Ending::ToolError | Ending::RpcError { .. } => true,
        Ending::Interim(interim) => !matches!(interim, Interim::TaskUnseen | Interim::Redirected),
        _ => false,
    }
}
