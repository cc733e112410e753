//! One call: what is sent and what must come back.

use bytes::Bytes;

use super::NAME;
use super::answers::{Answer, Answers};
use super::mix::{self, Pick};
use super::scenario::{Scenario, Tool, numbered_tool};

/// The revision without sessions.
pub const MODERN: &str = "2026-07-28";

/// What a client of a revision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Handshake and session, of this revision.
    Session(&'static str),
    /// Neither; every request says what it needs.
    Stateless,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The name in its `clientInfo`.
    pub name: String,
    /// How it speaks.
    pub era: Era,
}

impl Scenario {
    /// The client on a connection, counted from 0.
    #[must_use]
    pub fn client(self, connection: usize) -> Client {
        let plain = |era| Client { name: NAME.to_owned(), era };
        match self {
            Self::Json(_) | Self::Events { .. } | Self::Churn => plain(Era::Session("2025-11-25")),
            Self::Batch(_) => plain(Era::Session("2025-03-26")),
            Self::Stateless => plain(Era::Stateless),
            Self::Agents => {
                Client { name: mix::client(connection).to_owned(), era: Era::Session("2025-11-25") }
            }
            Self::Tools(_) => {
                Client { name: format!("client-{connection:03}"), era: Era::Session("2025-11-25") }
            }
        }
    }

    /// Whether each call has a connection of its own.
    #[must_use]
    pub const fn reconnects(self) -> bool {
        matches!(self, Self::Churn)
    }
}

/// The headers of revision 2026-07-28 by which a request can be routed without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// `Mcp-Method`.
    pub method: &'static str,
    /// `Mcp-Name`.
    pub name: Option<&'static str>,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The body of the request.
    pub body: Bytes,
    /// Its routing headers, where the revision has them.
    pub routing: Option<Routing>,
    /// The id that stands in the answer.
    pub id: String,
    /// The answer.
    pub answer: Answer,
    /// Events in it.
    pub events: u32,
}

impl Call {
    fn json(tool: &str, id: u64, answer: Answer) -> Self {
        Self { body: request(tool, id, LOOK_UP), routing: None, id: id.to_string(), answer, events: 0 }
    }
}

/// What a tool that looks something up is given.
const LOOK_UP: &str = r#"{"namespace":"payments","query":"pods that restarted"}"#;

impl Answers {
    /// The call with this id (1 and up) on this connection (0 and up).
    #[must_use]
    pub fn call(&self, scenario: Scenario, connection: usize, id: u64) -> Call {
        match scenario {
            Scenario::Json(Tool::Events) => self.call_stream(1, 0, id),
            Scenario::Json(tool) => Call::json(tool.name(), id, self.of(tool)),
            Scenario::Events { count, interval } => {
                self.call_stream(count, u64::try_from(interval.as_millis()).unwrap_or(u64::MAX), id)
            }
            Scenario::Batch(calls) => self.call_batch(calls, id),
            Scenario::Stateless => self.call_stateless(id),
            Scenario::Agents => match mix::pick(connection, id) {
                Pick::Json(tool) => Call::json(tool.name(), id, self.of(tool)),
                Pick::Stream { count, interval_ms } => self.call_stream(count, interval_ms, id),
                Pick::Unknown => Call::json("no_such_tool", id, self.unknown()),
            },
            Scenario::Churn => Call::json(Tool::Small.name(), id, self.of(Tool::Small)),
            Scenario::Tools(tools) => {
                let number = u32::try_from(id % u64::from(tools)).unwrap_or_default();
                Call::json(&numbered_tool(number), id, self.of(Tool::Small))
            }
        }
    }

    fn call_stream(&self, count: u32, interval_ms: u64, id: u64) -> Call {
        let arguments = format!(r#"{{"count":{count},"interval_ms":{interval_ms}}}"#);
        Call {
            body: request(Tool::Events.name(), id, &arguments),
            routing: None,
            id: id.to_string(),
            answer: self.stream(count),
            events: count,
        }
    }

    /// Ids are never used twice in a session, so each batch has a range of its own.
    fn call_batch(&self, calls: u32, id: u64) -> Call {
        let answer = self.of(Tool::Small);
        let (mut body, mut expected) = (Vec::new(), Vec::new());
        for call in 0..u64::from(calls) {
            let separator = if call == 0 { b'[' } else { b',' };
            let id = id * u64::from(calls) + call;
            body.push(separator);
            body.extend_from_slice(&request(Tool::Small.name(), id, LOOK_UP));
            expected.push(separator);
            answer.write(&id.to_string(), &mut expected);
        }
        body.push(b']');
        expected.push(b']');
        let answer = Answer::whole(expected.into());
        Call { body: body.into(), routing: None, id: String::new(), answer, events: 0 }
    }

    fn call_stateless(&self, id: u64) -> Call {
        let name = Tool::Small.name();
        let envelope = envelope(NAME);
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{{envelope},"name":"{name}","arguments":{LOOK_UP}}}}}"#
        );
        Call {
            body: body.into(),
            routing: Some(Routing { method: "tools/call", name: Some(name) }),
            id: id.to_string(),
            answer: self.stateless(),
            events: 0,
        }
    }
}

/// The member of `params` that makes a request one of revision 2026-07-28.
pub(crate) fn envelope(client: &str) -> String {
    format!(
        r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientCapabilities":{{}},"io.modelcontextprotocol/clientInfo":{{"name":"{client}","version":"1"}}}}"#
    )
}

fn request(tool: &str, id: u64, arguments: &str) -> Bytes {
    Bytes::from(format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    ))
}
