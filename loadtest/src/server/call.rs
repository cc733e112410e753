//! What the fixture reads of a request; everything is borrowed from its body.

use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::payload::MODERN;

/// A request or a notification.
#[derive(Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: &'a str,
    #[serde(borrow)]
    pub(super) params: Option<Params<'a>>,
}

/// Its parameters.
#[derive(Deserialize)]
pub(super) struct Params<'a> {
    name: Option<&'a str>,
    #[serde(default)]
    arguments: Arguments,
    #[serde(rename = "protocolVersion")]
    pub(super) protocol_version: Option<&'a str>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    protocol_version: Option<&'a str>,
}

/// The arguments of the tool that answers with events.
#[derive(Deserialize, Default, Clone, Copy)]
pub(super) struct Arguments {
    pub(super) count: Option<u32>,
    pub(super) interval_ms: Option<u64>,
}

impl Call<'_> {
    /// Whether it is of revision 2026-07-28.
    pub(super) fn is_modern(&self) -> bool {
        let meta = self.params.as_ref().and_then(|params| params.meta.as_ref());
        meta.is_some_and(|meta| meta.protocol_version == Some(MODERN))
    }

    /// Whether the headers say of a request of that revision what its body says.
    pub(super) fn agrees_with(&self, headers: &HeaderMap) -> bool {
        let is =
            |name, value: &str| headers.get(name).is_some_and(|header| header.as_bytes() == value.as_bytes());
        let named = self.method != "tools/call" || self.tool().is_some_and(|tool| is("mcp-name", tool));
        is("mcp-protocol-version", MODERN) && is("mcp-method", self.method) && named
    }

    pub(super) fn tool(&self) -> Option<&str> {
        self.params.as_ref()?.name
    }

    pub(super) fn arguments(&self) -> Arguments {
        self.params.as_ref().map(|params| params.arguments).unwrap_or_default()
    }
}
