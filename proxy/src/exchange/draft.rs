//! From a message to the operation that it begins: what is the same however messages travel.

use std::sync::Arc;
use std::time::Instant;

use compact_str::CompactString;

use crate::protocol::message::{Finding, Message, MessageKind, RequestId};
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;
use crate::protocol::version::{Era, Version};

use super::event::{Client, Direction, Operation, OperationKind, Transport};
use super::trace::Trace;

/// What an operation needs beside its message.
pub(super) struct Draft {
    /// Who sent it.
    pub(super) direction: Direction,
    /// Request or notification.
    pub(super) kind: OperationKind,
    /// Which way of speaking.
    pub(super) era: Era,
    /// The revision, as far as known.
    pub(super) version: Option<Version>,
    /// How it travels.
    pub(super) transport: Transport,
    /// Who called.
    pub(super) client: Arc<Client>,
    /// Hash of its session.
    pub(super) session: Option<u64>,
    /// First byte of the message seen.
    pub(super) started: Instant,
    /// Its spans, where traces are made.
    pub(super) trace: Option<Box<Trace>>,
}

impl Draft {
    /// The operation; its end is filled in when it ends.
    #[inline]
    pub(super) fn of(self, message: &Message) -> Box<Operation> {
        Box::new(Operation {
            direction: self.direction,
            kind: self.kind,
            method: message.method.clone().unwrap_or_else(|| Method::parse("")),
            target: target_of(message),
            id: message.id.clone(),
            version: self.version,
            era: self.era,
            transport: self.transport,
            client: self.client,
            session: self.session,
            started: self.started,
            ended: self.started,
            first_byte: None,
            ending: Ending::StreamClosed,
            status: None,
            arguments: message.params.arguments,
            content: message.answer.content,
            waited_for_client: false,
            repeated: false,
            chosen: false,
            kept: None,
            trace: self.trace,
        })
    }
}

/// Which way of speaking a message shows by itself; `None` when only what is around it can tell.
pub(super) fn era_of(message: &Message) -> Option<Era> {
    if message.method == Some(Method::Initialize) {
        Some(Era::Legacy)
    } else {
        message.params.meta.protocol_version.map(|_| Era::Modern)
    }
}

/// Whether a message is MCP: JSON of other protocols may have a `method` or an `error` too. `known`: MCP was seen here
/// before, so that a result without `jsonrpc` may be one.
pub(super) fn is_mcp(message: &Message, known: bool) -> bool {
    let sloppy = message.findings.contains(Finding::NotVersion2);
    let mcp = match message.kind {
        MessageKind::Request | MessageKind::Notification => {
            !sloppy || !matches!(message.method, None | Some(Method::Other(_)))
        }
        // Other protocols number their errors too, most often like HTTP.
        MessageKind::Error => !sloppy || message.answer.code.is_some_and(is_reserved),
        MessageKind::Result => true,
        MessageKind::Foreign => !sloppy,
    };
    mcp && (known || !sloppy || !message.kind.is_answer())
}

/// Whether this can be the id of a request.
pub(super) const fn is_usable(id: Option<&RequestId>) -> bool {
    matches!(id, Some(RequestId::Number(_) | RequestId::Text(_) | RequestId::Hash(_)))
}

/// Whether a human or a model may have to answer what the server asks. The other two are answered by the client's program
/// at once; servers ask for the roots after `initialized`, at a time when the first call may be open, which would then
/// never count as slow.
pub(super) fn takes_human_time(message: &Message) -> bool {
    !matches!(message.method, Some(Method::Ping | Method::RootsList))
}

/// The tool or prompt that a request is about; a `name` in the parameters of other methods is payload.
fn target_of(message: &Message) -> Option<CompactString> {
    match message.method {
        Some(Method::ToolsCall | Method::PromptsGet) => message.params.name.clone(),
        _ => None,
    }
}

/// Whether the code is one that JSON-RPC keeps for itself and for protocols on top of it.
const fn is_reserved(code: i64) -> bool {
    matches!(code, -32768..=-32000)
}
