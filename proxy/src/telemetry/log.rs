//! One line of the log for each operation that ended, where somebody asked for that much (`--log-level debug`).
//!
//! What, how it ended and which span shows it; never payload, session or URI. Names come from the wire: as fields of
//! text they are escaped by the log in each of its formats, so that a line stays a line.

use tracing::Level;

use crate::exchange::event::Operation;
use crate::protocol::method::Method;
use crate::protocol::traceparent::Hex;

use super::operations::{Traced, milliseconds, result_of};

/// Writes it, if it is wanted; else nothing is done for it.
pub(super) fn operation_ended(operation: &Operation, traced: Option<Traced>) {
    if !tracing::enabled!(target: "mcp_tap", Level::DEBUG) {
        return;
    }
    let ending = &operation.ending;
    let name = operation.target.as_deref();
    tracing::debug!(
        target: "mcp_tap",
        trace_id = traced.map(|traced| Hex(traced.trace_id).to_string()),
        span_id = traced.map(|traced| Hex(traced.span_id).to_string()),
        sampled = traced.map(|traced| traced.sampled),
        method = operation.method.as_str(),
        tool = name.filter(|_| operation.method == Method::ToolsCall),
        prompt = name.filter(|_| operation.method == Method::PromptsGet),
        result = result_of(ending),
        fault = ending.fault().map(|fault| fault.as_str()),
        error_type = Some(ending.error_type()).filter(|error_type| !error_type.is_empty()),
        duration_ms = milliseconds(operation.duration()),
        "operation ended"
    );
}
