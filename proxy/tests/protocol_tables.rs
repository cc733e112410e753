//! The tables of mcp-wire.md as tests: methods (§3), revisions (§1), error codes (§15), endings (§20).

use std::collections::HashSet;

use mcp_tap::fault::{Fault, TransportFailure};
use mcp_tap::protocol::message::Message;
use mcp_tap::protocol::method::Method;
use mcp_tap::protocol::outcome::{CallResult, Class, Ending, Interim};
use mcp_tap::protocol::scan::Scanner;
use mcp_tap::protocol::version::{Era, Version};

#[test]
fn methods_of_all_revisions_are_known() {
    let names = [
        "initialize",
        "notifications/initialized",
        "ping",
        "tools/list",
        "tools/call",
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "completion/complete",
        "resources/subscribe",
        "resources/unsubscribe",
        "logging/setLevel",
        "notifications/roots/list_changed",
        "roots/list",
        "sampling/createMessage",
        "elicitation/create",
        "notifications/elicitation/complete",
        "tasks/get",
        "tasks/result",
        "tasks/list",
        "tasks/cancel",
        "notifications/tasks/status",
        "tasks/update",
        "notifications/tasks",
        "server/discover",
        "subscriptions/listen",
        "notifications/subscriptions/acknowledged",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/message",
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
    ];
    for name in names {
        let method = Method::known(name).unwrap_or_else(|| panic!("{name} should be known"));
        assert_eq!((method.as_str(), method.label()), (name, name));
        assert_eq!(Method::parse(name), method);
    }
}

#[test]
fn other_methods_keep_their_name_and_share_a_label() {
    for name in ["vendor/thing", "Tools/call", "tools/call ", "", "_other"] {
        let method = Method::parse(name);
        assert_eq!(method, Method::Other(name.into()));
        assert_eq!((method.as_str(), method.label()), (name, "_other"));
    }
}

#[test]
fn revisions_and_their_eras() {
    let cases = [
        ("2024-11-05", Era::Legacy),
        ("2025-03-26", Era::Legacy),
        ("2025-06-18", Era::Legacy),
        ("2025-11-25", Era::Legacy),
        ("2026-07-28", Era::Modern),
    ];
    let versions: Vec<_> = cases.iter().map(|(name, _)| Version::parse(name.as_bytes())).collect();
    for ((name, era), version) in cases.iter().zip(&versions) {
        assert_eq!((version.as_str(), version.era()), (*name, *era));
    }
    assert!(versions.is_sorted(), "newer revisions are greater");
    for text in ["", "2026-07-28 ", "2031-01-01", "draft"] {
        assert_eq!(Version::parse(text.as_bytes()), Version::Other);
    }
    assert_eq!((Version::Other.as_str(), Version::Other.era()), ("other", Era::Modern));
}

/// The answer of this text, read as it is on the wire.
fn answer(text: &str) -> Message {
    let mut message = None;
    Scanner::new(u64::MAX).feed(text.as_bytes(), &mut |read| message = Some(read));
    message.expect("a complete message")
}

/// What an ending comes to.
fn verdict(ending: Ending) -> (Option<CallResult>, Option<Fault>, Class, &'static str) {
    (ending.result(), ending.fault(), ending.class(), ending.error_type())
}

const SUCCESS: (Option<CallResult>, Option<Fault>, Class, &str) =
    (Some(CallResult::Success), None, Class::Good, "");
const OPEN: (Option<CallResult>, Option<Fault>, Class, &str) = (None, None, Class::Open, "");

#[test]
fn results_that_an_answer_decides() {
    let tool_error = (Some(CallResult::Error), Some(Fault::Tool), Class::Tool, "tool_error");
    let cases = [
        (r#""content":[]"#, SUCCESS),
        (r#""resultType":"complete""#, SUCCESS),
        (r#""isError":false"#, SUCCESS),
        (r#""isError":"true""#, SUCCESS),
        (r#""isError":true"#, tool_error),
        (r#""resultType":"complete","isError":true"#, tool_error),
        (r#""resultType":"input_required","requestState":"s""#, OPEN),
        (r#""resultType":"task","taskId":"t","status":"working""#, OPEN),
        (r#""resultType":"partial""#, OPEN),
        (r#""resultType":"partial","isError":true"#, OPEN),
    ];
    for (members, expected) in cases {
        let message = answer(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{members}}}}}"#));
        for status in [None, Some(200)] {
            assert_eq!(verdict(Ending::of_answer(&message, status)), expected, "{members}");
        }
    }
}

#[test]
fn errors_that_an_answer_decides() {
    let caller = |label| (Some(CallResult::Error), Some(Fault::Caller), Class::Caller, label);
    let server = |label| (Some(CallResult::Error), Some(Fault::ServerProtocol), Class::Bad, label);
    let cases = [
        (-32700, None, caller("-32700")),
        (-32600, Some(200), caller("-32600")),
        (-32601, Some(404), caller("-32601")),
        (-32602, Some(200), caller("-32602")),
        (-32002, Some(200), caller("-32002")),
        (-32020, Some(400), caller("-32020")),
        (-32021, Some(400), caller("-32021")),
        (-32022, Some(400), caller("-32022")),
        // The code decides, not the status.
        (-32602, Some(500), caller("-32602")),
        (-32603, Some(400), server("-32603")),
        (-32603, Some(200), server("-32603")),
        (-32603, None, server("-32603")),
        // But for those without a shared meaning the status does.
        (-32000, None, server("-32000")),
        (-32000, Some(200), server("-32000")),
        (-32000, Some(406), caller("-32000")),
        (-32001, Some(404), caller("-32001")),
        (-32001, Some(429), server("-32001")),
        (-32019, Some(400), caller("_OTHER")),
        (-32019, Some(503), server("_OTHER")),
        (-32042, Some(200), OPEN),
        (-32099, Some(400), server("_OTHER")),
        (-1, Some(200), server("_OTHER")),
        (i64::MIN, None, server("_OTHER")),
    ];
    for (code, status, expected) in cases {
        let message =
            answer(&format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":""}}}}"#));
        assert_eq!(verdict(Ending::of_answer(&message, status)), expected, "{code} with {status:?}");
    }
    let message = answer(r#"{"id":1,"error":{"code":"no number"}}"#);
    assert_eq!(verdict(Ending::of_answer(&message, None)), server("_OTHER"));
}

#[test]
fn endings_without_an_answer() {
    use CallResult::{Cancelled, Error, Timeout};
    let http = |status, session_lost| Ending::HttpError { status, session_lost };
    let closed = |by_server| Ending::SessionClosed { by_server };
    let transport = |failure| Ending::Transport(failure);
    let cases = [
        (http(401, false), Error, Fault::Caller, Class::Caller, "401"),
        (http(403, false), Error, Fault::Caller, Class::Caller, "403"),
        (http(404, true), Error, Fault::Caller, Class::Caller, "404"),
        (http(429, false), Error, Fault::ServerTransport, Class::Bad, "429"),
        (http(418, false), Error, Fault::Caller, Class::Caller, "4xx"),
        (http(500, false), Error, Fault::ServerTransport, Class::Bad, "500"),
        (http(599, false), Error, Fault::ServerTransport, Class::Bad, "5xx"),
        (
            transport(TransportFailure::Refused),
            Error,
            Fault::ServerTransport,
            Class::Bad,
            "connection_refused",
        ),
        (transport(TransportFailure::Dns), Error, Fault::ServerTransport, Class::Bad, "dns_error"),
        (transport(TransportFailure::Tls), Error, Fault::ServerTransport, Class::Bad, "tls_error"),
        (transport(TransportFailure::Reset), Error, Fault::ServerTransport, Class::Bad, "connection_reset"),
        (
            transport(TransportFailure::Protocol),
            Error,
            Fault::ServerTransport,
            Class::Bad,
            "http_protocol_error",
        ),
        (transport(TransportFailure::Timeout), Timeout, Fault::Timeout, Class::Bad, "timeout"),
        (transport(TransportFailure::Local), Error, Fault::Proxy, Class::Bad, "proxy_resource"),
        (Ending::InvalidResponse, Error, Fault::ServerProtocol, Class::Bad, "invalid_response"),
        (Ending::StreamClosed, Error, Fault::ServerTransport, Class::Bad, "stream_closed"),
        (closed(true), Error, Fault::ServerTransport, Class::Bad, "session_closed"),
        (closed(false), Cancelled, Fault::Cancelled, Class::Excluded, "session_closed"),
        (Ending::ProcessExit, Error, Fault::ServerTransport, Class::Bad, "process_exit"),
        (Ending::Cancelled, Cancelled, Fault::Cancelled, Class::Excluded, ""),
        (Ending::Abandoned, Cancelled, Fault::Cancelled, Class::Excluded, ""),
        (Ending::Timeout, Timeout, Fault::Timeout, Class::Bad, "timeout"),
        (Ending::CutByProxy, Error, Fault::Proxy, Class::Bad, "proxy_drain"),
    ];
    for (ending, result, fault, class, label) in cases {
        assert_eq!(verdict(ending), (Some(result), Some(fault), class, label), "{ending:?}");
    }
}

#[test]
fn interim_endings_are_open_and_told_apart() {
    for interim in Interim::ALL {
        assert_eq!(verdict(Ending::Interim(interim)), OPEN);
    }
    let labels: HashSet<_> = Interim::ALL.map(Interim::as_str).into();
    assert_eq!(labels.len(), Interim::ALL.len());
}

#[test]
fn each_ending_has_one_result_and_a_fault_exactly_if_it_failed() {
    let statuses = (0..=999).map(|status| Ending::HttpError { status, session_lost: false });
    let codes = (-33_000..-31_000).flat_map(|code| {
        [None, Some(200), Some(404), Some(500)].map(|status| Ending::RpcError { code: Some(code), status })
    });
    for ending in statuses.chain(codes) {
        assert_eq!(ending.result(), Some(CallResult::Error));
        assert!(ending.fault().is_some());
        assert!(matches!(ending.class(), Class::Bad | Class::Caller));
        assert!(!ending.error_type().is_empty());
    }
}
