//! How an operation ended, whose fault that was, and what the SLIs make of it (mcp-wire.md §20).

use crate::fault::{Fault, TransportFailure};

use super::message::{Message, MessageKind, ResultType};

/// How an operation ended, as seen between client and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// A result that is complete and not `isError`.
    Success,
    /// A result with `isError: true`, or a task that ended so.
    ToolError,
    /// A JSON-RPC error.
    RpcError {
        /// `error.code`; `None` when it is no 64-bit integer.
        code: Option<i64>,
        /// The HTTP status it came with; decides for the codes -32000 … -32019 (mcp-wire.md §20).
        status: Option<u16>,
    },
    /// The request is over, what it asked for is not.
    Interim(Interim),
    /// An HTTP error status without a JSON-RPC body.
    HttpError {
        /// The status.
        status: u16,
        /// Whether it was a 404 to a request that named a legacy session: the session is lost.
        session_lost: bool,
    },
    /// No response head came.
    Transport(TransportFailure),
    /// A 200 whose body is no answer, or a 202 to a request.
    InvalidResponse,
    /// The response ended or broke before the answer.
    StreamClosed,
    /// The session ended with the request open.
    SessionClosed {
        /// Whether the server's side ended it.
        by_server: bool,
    },
    /// The wrapped process ended with the request open.
    ProcessExit,
    /// The caller cancelled, or (2026-07-28) closed the stream.
    Cancelled,
    /// The caller left and never came back for the answer (legacy).
    Abandoned,
    /// A configured deadline passed.
    Timeout,
    /// This proxy cut the exchange (drain deadline).
    CutByProxy,
}

/// A request that is over while the call it belongs to is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interim {
    /// `resultType: "input_required"`.
    InputRequired,
    /// Error -32042 of 2025-11-25: URLs to open first.
    UrlElicitation,
    /// The server goes on with it as a task.
    TaskAccepted,
    /// The task's end was never seen: its time to live passed.
    TaskUnseen,
    /// A `resultType` of no revision: clients take the result as invalid, the server may mean something by it.
    UnknownResultType,
    /// HTTP 3xx: the client asks again at another address.
    Redirected,
}

impl Interim {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::InputRequired,
        Self::UrlElicitation,
        Self::TaskAccepted,
        Self::TaskUnseen,
        Self::UnknownResultType,
        Self::Redirected,
    ];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InputRequired => "input_required",
            Self::UrlElicitation => "url_elicitation",
            Self::TaskAccepted => "task_accepted",
            Self::TaskUnseen => "task_unseen",
            Self::UnknownResultType => "unknown_result_type",
            Self::Redirected => "redirected",
        }
    }
}

/// The label `result`: each ended call has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallResult {
    /// It did what was asked.
    Success,
    /// It failed.
    Error,
    /// A configured deadline passed.
    Timeout,
    /// The caller did not want it any more.
    Cancelled,
}

impl CallResult {
    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What an ending means for a service level (mcp-wire.md §20, column `class`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The server did its part.
    Good,
    /// The server failed.
    Bad,
    /// A tool reported failure: good or bad by configuration.
    Tool,
    /// The caller's mistake: not counted against the server.
    Caller,
    /// Neither good nor bad yet.
    Open,
    /// Not an event of any service level.
    Excluded,
}

impl Ending {
    /// The ending that an answer brings; `status` is that of the HTTP response it came in, if any.
    #[must_use]
    pub fn of_answer(message: &Message, status: Option<u16>) -> Self {
        let answer = &message.answer;
        if message.kind == MessageKind::Error {
            return match answer.code {
                Some(-32042) => Self::Interim(Interim::UrlElicitation),
                code => Self::RpcError { code, status },
            };
        }
        match answer.result_type {
            Some(ResultType::InputRequired) => Self::Interim(Interim::InputRequired),
            Some(ResultType::Task) => Self::Interim(Interim::TaskAccepted),
            Some(ResultType::Other) => Self::Interim(Interim::UnknownResultType),
            Some(ResultType::Complete) | None if answer.is_error => Self::ToolError,
            Some(ResultType::Complete) | None => Self::Success,
        }
    }

    /// The ending that an HTTP status brings which is no success.
    #[must_use]
    pub const fn of_status(status: u16, session_lost: bool) -> Self {
        match status {
            300..=399 => Self::Interim(Interim::Redirected),
            _ => Self::HttpError { status, session_lost },
        }
    }

    /// Whether the request was turned away before the server looked at what it asks for: a client that puts that right
    /// sends the same request again.
    #[must_use]
    pub const fn is_turned_away(&self) -> bool {
        match self {
            Self::Interim(Interim::Redirected) => true,
            Self::HttpError { .. } => matches!(self.fault(), Some(Fault::Caller)),
            Self::RpcError { code: Some(-32022..=-32020), .. } => true,
            Self::RpcError { code: Some(-32019..=-32000), status } => is_rejected(*status),
            _ => false,
        }
    }

    /// The label `result`; `None` while the call is not over.
    #[must_use]
    pub const fn result(&self) -> Option<CallResult> {
        Some(match self {
            Self::Success => CallResult::Success,
            Self::Interim(_) => return None,
            Self::Cancelled | Self::Abandoned | Self::SessionClosed { by_server: false } => {
                CallResult::Cancelled
            }
            Self::Timeout | Self::Transport(TransportFailure::Timeout) => CallResult::Timeout,
            _ => CallResult::Error,
        })
    }

    /// Whose fault it was; `Some` exactly when [`Ending::result`] is a failure.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault> {
        Some(match self {
            Self::Success | Self::Interim(_) => return None,
            Self::ToolError => Fault::Tool,
            Self::RpcError { code, status } => {
                if is_callers(*code, *status) {
                    Fault::Caller
                } else {
                    Fault::ServerProtocol
                }
            }
            Self::HttpError { status: 429 | 500.., .. } => Fault::ServerTransport,
            Self::HttpError { .. } => Fault::Caller,
            Self::Timeout | Self::Transport(TransportFailure::Timeout) => Fault::Timeout,
            Self::Transport(TransportFailure::Local) | Self::CutByProxy => Fault::Proxy,
            Self::Transport(_)
            | Self::StreamClosed
            | Self::SessionClosed { by_server: true }
            | Self::ProcessExit => Fault::ServerTransport,
            Self::InvalidResponse => Fault::ServerProtocol,
            Self::Cancelled | Self::Abandoned | Self::SessionClosed { by_server: false } => Fault::Cancelled,
        })
    }

    /// What the SLIs make of it.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Success => Class::Good,
            Self::ToolError => Class::Tool,
            Self::Interim(_) => Class::Open,
            _ => match self.fault() {
                Some(Fault::Caller) => Class::Caller,
                Some(Fault::Cancelled) | None => Class::Excluded,
                Some(_) => Class::Bad,
            },
        }
    }

    /// `error.type` as a label: from a closed set, `""` where nothing failed or the caller cancelled (otel-mcp.md §4). A
    /// request that its session's end cut off keeps `session_closed`, whoever ended the session.
    #[must_use]
    pub const fn error_type(&self) -> &'static str {
        match self {
            Self::Success | Self::Interim(_) | Self::Cancelled | Self::Abandoned => "",
            Self::ToolError => "tool_error",
            Self::RpcError { code, .. } => rpc_label(*code),
            Self::HttpError { status, .. } => http_label(*status),
            Self::Transport(failure) => failure.as_str(),
            Self::InvalidResponse => "invalid_response",
            Self::StreamClosed => "stream_closed",
            Self::SessionClosed { .. } => "session_closed",
            Self::ProcessExit => "process_exit",
            Self::Timeout => "timeout",
            Self::CutByProxy => "proxy_drain",
        }
    }
}

/// Whether a JSON-RPC error is the caller's mistake by MCP's own definition. -32000 … -32019 have no shared meaning:
/// there a 4xx status decides, which the SDKs use for rejected requests.
const fn is_callers(code: Option<i64>, status: Option<u16>) -> bool {
    match code {
        Some(-32700 | -32600 | -32601 | -32602 | -32002 | -32020 | -32021 | -32022) => true,
        Some(-32019..=-32000) => is_rejected(status),
        _ => false,
    }
}

/// Whether the status blames the caller; 429 says that the server has too much to do.
const fn is_rejected(status: Option<u16>) -> bool {
    matches!(status, Some(400..=428 | 430..=499))
}

/// The codes that have a meaning in MCP as text; any other integer is legal too and becomes `_OTHER`.
const fn rpc_label(code: Option<i64>) -> &'static str {
    match code {
        Some(-32700) => "-32700",
        Some(-32600) => "-32600",
        Some(-32601) => "-32601",
        Some(-32602) => "-32602",
        Some(-32603) => "-32603",
        Some(-32000) => "-32000",
        Some(-32001) => "-32001",
        Some(-32002) => "-32002",
        Some(-32003) => "-32003",
        Some(-32004) => "-32004",
        Some(-32020) => "-32020",
        Some(-32021) => "-32021",
        Some(-32022) => "-32022",
        Some(-32042) => "-32042",
        _ => "_OTHER",
    }
}

/// The statuses seen from MCP servers and their gateways (mcp-wire.md §16) as text; the others by class.
const fn http_label(status: u16) -> &'static str {
    match status {
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        405 => "405",
        406 => "406",
        408 => "408",
        409 => "409",
        413 => "413",
        415 => "415",
        421 => "421",
        422 => "422",
        429 => "429",
        431 => "431",
        499 => "499",
        500 => "500",
        501 => "501",
        502 => "502",
        503 => "503",
        504 => "504",
        _ => match status / 100 {
            4 => "4xx",
            5 => "5xx",
            _ => "_OTHER",
        },
    }
}
