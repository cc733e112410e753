//! The span of an HTTP exchange (otel-mcp.md §7).

use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;

use crate::exchange::event::{EndReason, HttpRecord, HttpTrace};
use crate::protocol::outcome::Ending;
use crate::telemetry::names::attribute;

use super::attributes::present;
use super::span::{Draft, Frame};

/// The one span of an exchange, seen as its server.
pub(super) fn span(frame: &Frame<'_>, record: &HttpRecord, http: &HttpTrace) -> SpanData {
    let error_type = error_type(record);
    let failed = error_type.is_some();
    let mut attributes = frame.attributes();
    attributes.text(attribute::HTTP_METHOD, record.method);
    // Clients speak plain HTTP with the sidecar.
    attributes.text(attribute::URL_SCHEME, "http");
    attributes.optional(attribute::URL_PATH, http.path.as_ref().map(ToString::to_string));
    if let Some(status) = record.status {
        attributes.number(attribute::HTTP_STATUS, status.into());
    }
    attributes.optional(attribute::ERROR_TYPE, error_type);
    attributes.optional(attribute::NETWORK_PROTOCOL_VERSION, present(http.trace.http_version));
    frame.peer(&mut attributes);
    frame.outer(Draft {
        kind: SpanKind::Server,
        // The path is no name: there are too many of them.
        name: if record.method == "_OTHER" { "HTTP" } else { record.method }.into(),
        start: record.started,
        end: record.started + record.duration,
        attributes,
        failed,
    })
}

/// What failed, of the server's doing: a client's mistake is none, nor is its going away.
fn error_type(record: &HttpRecord) -> Option<String> {
    match (record.status, record.end) {
        (Some(status @ 500..), _) => Some(status.to_string()),
        (_, EndReason::NoResponse) => Some("no_response".to_owned()),
        // A stream that has begun is not meant to outlive the drain.
        (None, EndReason::Drained) => Some(Ending::CutByProxy.error_type().to_owned()),
        (_, EndReason::ServerError) => Some("stream_closed".to_owned()),
        _ => None,
    }
}
