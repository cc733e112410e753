//! How the conventions see an ending from the server's side (otel-mcp.md §4): a caller's mistake is no error of the
//! server, though its code is shown.
//!
//! The codes -32000 … -32019 mean nothing to the conventions. With a 4xx status, as the SDKs reject requests, they are
//! taken for what that status alone would be: no error of the server. Each client that probes an older server with
//! `server/discover` gets one of them.

use crate::fault::Fault;
use crate::protocol::outcome::Ending;

use super::client_view;

/// `error.type` and `rpc.response.status_code` of a server's operation; `None` is an absent attribute.
#[must_use]
pub(super) const fn attributes(ending: &Ending) -> (Option<&'static str>, Option<&'static str>) {
    match ending {
        Ending::HttpError { status: ..500, .. } => (None, None),
        Ending::RpcError { code: Some(-32700 | -32600 | -32601 | -32602 | -32002), .. } => {
            (None, Some(ending.error_type()))
        }
        Ending::RpcError { code: Some(-32019..=-32000), .. }
            if matches!(ending.fault(), Some(Fault::Caller)) =>
        {
            (None, Some(ending.error_type()))
        }
        // All else looks alike from both sides.
        other => client_view::attributes(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::TransportFailure;
    use crate::protocol::outcome::Interim;

    #[test]
    fn callers_codes_are_shown_and_are_no_errors() {
        let rpc = |code| Ending::RpcError { code: Some(code), status: None };
        let rejected = |status, code| Ending::RpcError { code: Some(code), status: Some(status) };
        let http = |status| Ending::HttpError { status, session_lost: false };
        for (ending, expected) in [
            (Ending::Success, (None, None)),
            (Ending::ToolError, (Some("tool_error"), None)),
            (rpc(-32602), (None, Some("-32602"))),
            (rpc(-32002), (None, Some("-32002"))),
            (rpc(-32603), (Some("-32603"), Some("-32603"))),
            (rpc(-32000), (Some("-32000"), Some("-32000"))),
            (rejected(200, -32000), (Some("-32000"), Some("-32000"))),
            (rejected(500, -32000), (Some("-32000"), Some("-32000"))),
            (rejected(429, -32000), (Some("-32000"), Some("-32000"))),
            (rejected(400, -32000), (None, Some("-32000"))),
            (rejected(404, -32001), (None, Some("-32001"))),
            (rejected(400, -32603), (Some("-32603"), Some("-32603"))),
            // The convention's default, though MCP calls it a caller's mistake.
            (rpc(-32020), (Some("-32020"), Some("-32020"))),
            (rpc(4711), (Some("_OTHER"), Some("_OTHER"))),
            (Ending::Interim(Interim::UrlElicitation), (Some("-32042"), Some("-32042"))),
            (Ending::Interim(Interim::InputRequired), (None, None)),
            (http(403), (None, None)),
            (http(503), (Some("503"), None)),
            (Ending::Transport(TransportFailure::Refused), (Some("connection_refused"), None)),
            (Ending::StreamClosed, (Some("stream_closed"), None)),
            (Ending::SessionClosed { by_server: true }, (Some("session_closed"), None)),
            (Ending::SessionClosed { by_server: false }, (None, None)),
            (Ending::Cancelled, (None, None)),
            (Ending::Timeout, (Some("timeout"), None)),
        ] {
            assert_eq!(attributes(&ending), expected, "{ending:?}");
        }
    }
}
