//! The head of an HTTP request as far as it says something about MCP.

use compact_str::CompactString;

use crate::protocol::fingerprint::fingerprint;
use crate::protocol::method::Method;
use crate::protocol::version::{Era, Version};

use super::super::event::Client;
use super::super::header;
use super::super::trace::ContextHeaders;

/// HTTP methods that MCP uses, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    /// `GET`: a standing stream, or one that resumes an earlier one.
    Get,
    /// `POST`: messages.
    Post,
    /// `DELETE`: ends a session.
    Delete,
    /// Any other, by its label.
    Other(&'static str),
}

impl HttpMethod {
    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Other(label) => label,
        }
    }
}

/// What is read of a request's head. Header values as they stand, without surrounding white space.
#[derive(Debug, Clone)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: HttpMethod,
    /// Path and query.
    pub target: &'a str,
    /// `Mcp-Session-Id`.
    pub session: Option<&'a [u8]>,
    /// `MCP-Protocol-Version`.
    pub protocol_version: Option<&'a [u8]>,
    /// `Mcp-Method`.
    pub mcp_method: Option<&'a [u8]>,
    /// `Mcp-Name`.
    pub mcp_name: Option<&'a [u8]>,
    /// `Last-Event-ID`.
    pub last_event_id: Option<&'a [u8]>,
    /// Value of the header that identifies the caller, when one is configured.
    pub caller: Option<&'a [u8]>,
    /// Trace context; left empty where traces are not made.
    pub context: ContextHeaders<'a>,
}

/// What kind of body the response has, by its `Content-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerShape {
    /// JSON.
    Json,
    /// `text/event-stream`.
    EventStream,
    /// No type is given: no body, or perhaps JSON.
    Untyped,
    /// Anything else.
    Other,
}

/// What is kept of the head for as long as the exchange lasts.
pub(super) struct Headers {
    /// Fingerprint of the session id.
    pub(super) session: Option<u64>,
    /// The revision.
    pub(super) version: Option<Version>,
    /// The method of the message.
    pub(super) method: Option<Method>,
    /// `Mcp-Name` as it stands, only read if the body is not.
    pub(super) name: Option<CompactString>,
    /// Fingerprint of the last event id.
    pub(super) last_event: Option<u64>,
    /// Fingerprint of the caller's identity.
    pub(super) caller: Option<u64>,
}

/// The longest `Mcp-Name` that is kept: a name of `limits::NAME` bytes in base64 with its sentinels.
const NAME_HEADER: usize = 512;

impl Headers {
    pub(super) fn of(head: &RequestHead<'_>) -> Self {
        let text = |value: &[u8]| std::str::from_utf8(value).ok().map(CompactString::new);
        Self {
            session: head.session.map(fingerprint),
            version: head.protocol_version.map(Version::parse),
            method: head.mcp_method.and_then(header::method),
            name: head.mcp_name.filter(|name| name.len() <= NAME_HEADER).and_then(text),
            last_event: head.last_event_id.map(fingerprint),
            caller: head.caller.map(Client::digest),
        }
    }

    /// Which way of speaking the headers alone claim; only consulted for messages that do not say it themselves.
    pub(super) const fn era(&self) -> Era {
        match (self.version, &self.method) {
            (Some(Version::V2026_07_28), _) | (Some(Version::Other) | None, Some(_)) => Era::Modern,
            _ => Era::Legacy,
        }
    }
}
