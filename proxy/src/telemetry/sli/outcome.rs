//! Which operations are events of service levels, and how they ended.

use crate::exchange::event::{Direction, Operation, OperationKind};
use crate::fault::{Fault, TransportFailure};
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;
use crate::slo::Outcome;

/// What objectives see of an ended operation; `None` where it is no event: notifications, requests of the server, what
/// goes on (interim results), and methods that ask for nothing (ping, discovery) or last as long as the client likes.
#[must_use]
pub(super) fn of_event(operation: &Operation) -> Option<Outcome> {
    let asks = operation.direction == Direction::ToServer && operation.kind != OperationKind::Notification;
    let serves =
        !matches!(operation.method, Method::Ping | Method::ServerDiscover | Method::SubscriptionsListen);
    if asks && serves { of(&operation.ending) } else { None }
}

/// How it ended, as far as objectives tell apart; `None` while the call goes on. By the same judgement of faults as
/// [`Ending::class`]: a code that MCP defines as the caller's mistake is that whatever the status.
#[must_use]
pub(super) const fn of(ending: &Ending) -> Option<Outcome> {
    Some(match ending {
        Ending::Interim(_) => return None,
        Ending::Success => Outcome::Success,
        Ending::ToolError => Outcome::ToolError,
        Ending::RpcError { .. } | Ending::HttpError { .. }
            if matches!(ending.fault(), Some(Fault::Caller)) =>
        {
            Outcome::CallerError
        }
        Ending::RpcError { status: Some(429), .. } | Ending::HttpError { status: 429, .. } => {
            Outcome::RateLimited
        }
        Ending::RpcError { .. } | Ending::InvalidResponse => Outcome::ServerError,
        Ending::Timeout | Ending::Transport(TransportFailure::Timeout) => Outcome::Timeout,
        Ending::CutByProxy | Ending::Transport(TransportFailure::Local) => Outcome::ProxyError,
        Ending::HttpError { .. }
        | Ending::Transport(_)
        | Ending::StreamClosed
        | Ending::SessionClosed { by_server: true }
        | Ending::ProcessExit => Outcome::TransportError,
        Ending::Cancelled | Ending::Abandoned | Ending::SessionClosed { by_server: false } => {
            Outcome::Cancelled
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::outcome::Interim;

    const fn rpc(code: i64, status: u16) -> Ending {
        Ending::RpcError { code: Some(code), status: Some(status) }
    }

    const fn http(status: u16) -> Ending {
        Ending::HttpError { status, session_lost: false }
    }

    #[test]
    fn every_ending_is_an_outcome() {
        use TransportFailure::{Dns, Local, Protocol, Refused, Reset, Tls};
        for (ending, expected) in [
            (Ending::Success, Some(Outcome::Success)),
            (Ending::ToolError, Some(Outcome::ToolError)),
            (Ending::RpcError { code: None, status: None }, Some(Outcome::ServerError)),
            (rpc(-32603, 200), Some(Outcome::ServerError)),
            (rpc(-32000, 200), Some(Outcome::ServerError)),
            (rpc(-32000, 503), Some(Outcome::ServerError)),
            (rpc(-32000, 401), Some(Outcome::CallerError)),
            (rpc(-32000, 429), Some(Outcome::RateLimited)),
            (rpc(-32603, 429), Some(Outcome::RateLimited)),
            (rpc(-32602, 429), Some(Outcome::CallerError)),
            (rpc(-32700, 200), Some(Outcome::CallerError)),
            (rpc(-32600, 200), Some(Outcome::CallerError)),
            (rpc(-32601, 404), Some(Outcome::CallerError)),
            (rpc(-32002, 200), Some(Outcome::CallerError)),
            (rpc(-32020, 400), Some(Outcome::CallerError)),
            (rpc(7, 200), Some(Outcome::ServerError)),
            (http(400), Some(Outcome::CallerError)),
            (http(404), Some(Outcome::CallerError)),
            (Ending::HttpError { status: 404, session_lost: true }, Some(Outcome::CallerError)),
            (http(429), Some(Outcome::RateLimited)),
            (http(500), Some(Outcome::TransportError)),
            (http(599), Some(Outcome::TransportError)),
            (Ending::Timeout, Some(Outcome::Timeout)),
            (Ending::Transport(TransportFailure::Timeout), Some(Outcome::Timeout)),
            (Ending::Transport(Local), Some(Outcome::ProxyError)),
            (Ending::CutByProxy, Some(Outcome::ProxyError)),
            (Ending::Transport(Dns), Some(Outcome::TransportError)),
            (Ending::Transport(Refused), Some(Outcome::TransportError)),
            (Ending::Transport(Tls), Some(Outcome::TransportError)),
            (Ending::Transport(Reset), Some(Outcome::TransportError)),
            (Ending::Transport(Protocol), Some(Outcome::TransportError)),
            (Ending::StreamClosed, Some(Outcome::TransportError)),
            (Ending::SessionClosed { by_server: true }, Some(Outcome::TransportError)),
            (Ending::ProcessExit, Some(Outcome::TransportError)),
            (Ending::InvalidResponse, Some(Outcome::ServerError)),
            (Ending::Cancelled, Some(Outcome::Cancelled)),
            (Ending::Abandoned, Some(Outcome::Cancelled)),
            (Ending::SessionClosed { by_server: false }, Some(Outcome::Cancelled)),
            (Ending::Interim(Interim::InputRequired), None),
            (Ending::Interim(Interim::TaskAccepted), None),
        ] {
            assert_eq!(of(&ending), expected, "{ending:?}");
        }
    }
}
