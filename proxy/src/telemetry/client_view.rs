//! How the conventions see an ending from the client's side (otel-mcp.md §4): whatever is no success is an error, but
//! what the client itself did not want any more.

use crate::protocol::outcome::{Ending, Interim};

/// `error.type` and `rpc.response.status_code` of a client's operation; `None` is an absent attribute.
#[must_use]
pub(super) const fn attributes(ending: &Ending) -> (Option<&'static str>, Option<&'static str>) {
    match ending {
        Ending::Interim(Interim::UrlElicitation) => (Some("-32042"), Some("-32042")),
        Ending::Success
        | Ending::Interim(_)
        | Ending::Cancelled
        | Ending::Abandoned
        | Ending::SessionClosed { by_server: false } => (None, None),
        Ending::RpcError { .. } => (Some(ending.error_type()), Some(ending.error_type())),
        other => (Some(other.error_type()), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::TransportFailure;

    #[test]
    fn every_code_and_status_that_is_no_success_is_an_error() {
        let rpc = |code| Ending::RpcError { code: Some(code), status: None };
        let http = |status| Ending::HttpError { status, session_lost: false };
        for (ending, expected) in [
            (Ending::Success, (None, None)),
            (Ending::ToolError, (Some("tool_error"), None)),
            (rpc(-32602), (Some("-32602"), Some("-32602"))),
            (rpc(-32002), (Some("-32002"), Some("-32002"))),
            (rpc(-32603), (Some("-32603"), Some("-32603"))),
            (Ending::RpcError { code: Some(-32000), status: Some(400) }, (Some("-32000"), Some("-32000"))),
            (rpc(4711), (Some("_OTHER"), Some("_OTHER"))),
            (Ending::Interim(Interim::UrlElicitation), (Some("-32042"), Some("-32042"))),
            (Ending::Interim(Interim::InputRequired), (None, None)),
            (Ending::Interim(Interim::Redirected), (None, None)),
            (http(403), (Some("403"), None)),
            (http(503), (Some("503"), None)),
            (Ending::Transport(TransportFailure::Refused), (Some("connection_refused"), None)),
            (Ending::InvalidResponse, (Some("invalid_response"), None)),
            (Ending::StreamClosed, (Some("stream_closed"), None)),
            (Ending::SessionClosed { by_server: true }, (Some("session_closed"), None)),
            (Ending::SessionClosed { by_server: false }, (None, None)),
            (Ending::Cancelled, (None, None)),
            (Ending::Abandoned, (None, None)),
            (Ending::Timeout, (Some("timeout"), None)),
        ] {
            assert_eq!(attributes(&ending), expected, "{ending:?}");
        }
    }
}
