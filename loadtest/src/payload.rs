//! What is asked and what is answered, byte for byte. Server and load build it with the same code, so that every
//! answer can be compared whole, at the price of a `memcmp`, without parsing.

use std::fmt::{Display, Write};
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;

/// Most events of one answer.
pub const MAX_EVENTS: u32 = 10_000;
/// Longest time between two events.
pub const MAX_INTERVAL: Duration = Duration::from_secs(60);
/// Bytes of a whole answer with an id of one digit.
const SMALL: usize = 300;
const MEDIUM: usize = 10_000;
const LARGE: usize = 1 << 20;

/// A tool of the fixture server; the name decides the size of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// 300 bytes.
    Small,
    /// 10 kB of text.
    Medium,
    /// 1 MiB, one long escaped string.
    Text,
    /// 1 MiB, an array of objects.
    Objects,
    /// A stream of events; arguments `count` and `interval_ms`.
    Events,
}

impl Tool {
    /// All tools.
    pub const ALL: [Self; 5] = [Self::Small, Self::Medium, Self::Text, Self::Objects, Self::Events];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Text => "text",
            Self::Objects => "objects",
            Self::Events => "events",
        }
    }

    /// The tool of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }
}

/// What one call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// A JSON answer.
    Json(Tool),
    /// An event stream of `count` events, the last one being the answer.
    Events {
        /// Number of events, 1 to [`MAX_EVENTS`].
        count: u32,
        /// Time between two; zero writes them as fast as the connection takes them.
        interval: Duration,
    },
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!("`{text}` is none of small, medium, text, objects, sse:EVENTS or sse:EVENTS:INTERVAL_MS")
        };
        let Some(events) = text.strip_prefix("sse:") else {
            let tool = Tool::named(text).filter(|tool| *tool != Tool::Events);
            return tool.map(Self::Json).ok_or_else(bad);
        };
        let (count, interval) = events.split_once(':').unwrap_or((events, "0"));
        let count: u32 = count.parse().map_err(|_| bad())?;
        let interval = Duration::from_millis(interval.parse().map_err(|_| bad())?);
        if !(1..=MAX_EVENTS).contains(&count) || interval > MAX_INTERVAL {
            return Err(format!("`{text}`: 1 to {MAX_EVENTS} events, at most {MAX_INTERVAL:?} apart"));
        }
        Ok(Self::Events { count, interval })
    }
}

impl Display for Scenario {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Json(tool) => out.write_str(tool.name()),
            Self::Events { count, interval } => write!(out, "sse:{count}:{}", interval.as_millis()),
        }
    }
}

impl Scenario {
    /// Events that one answer brings; 0 for JSON.
    #[must_use]
    pub const fn events(self) -> u32 {
        match self {
            Self::Json(_) => 0,
            Self::Events { count, .. } => count,
        }
    }

    /// The `tools/call` request with this id.
    #[must_use]
    pub fn request(self, id: u64) -> Bytes {
        let call = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"#);
        Bytes::from(match self {
            Self::Json(tool) => format!(
                r#"{call}"{}","arguments":{{"namespace":"payments","query":"pods that restarted"}}}}}}"#,
                tool.name()
            ),
            Self::Events { count, interval } => format!(
                r#"{call}"events","arguments":{{"count":{count},"interval_ms":{}}}}}}}"#,
                interval.as_millis()
            ),
        })
    }
}

/// An answer around its id: all of it is constant but the id.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Whole events that come first; empty for JSON.
    pub events: Bytes,
    /// What stands before the id.
    pub before: &'static str,
    /// What stands after it, to the end of the body.
    pub after: Bytes,
}

const BEFORE_ID: &str = r#"{"jsonrpc":"2.0","id":"#;
const BEFORE_ID_IN_EVENT: &str = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":";

impl Answer {
    /// A JSON body around its id.
    #[must_use]
    pub const fn json(after: Bytes) -> Self {
        Self { events: Bytes::new(), before: BEFORE_ID, after }
    }

    /// Bytes of the whole body with an id of this many bytes.
    #[must_use]
    pub fn size(&self, id: usize) -> usize {
        self.events.len() + self.before.len() + id + self.after.len()
    }
}

/// Every answer, built once.
#[derive(Debug)]
pub struct Answers {
    small: Answer,
    medium: Answer,
    text: Answer,
    objects: Answer,
    events: Bytes,
    last_event: Bytes,
}

impl Answers {
    /// Builds those that the fixture server can be asked for.
    #[must_use]
    pub fn new() -> Self {
        let mut last_event = text_result("done", 0);
        last_event.push_str("\n\n");
        Self {
            small: sized(SMALL, text_of),
            medium: sized(MEDIUM, text_of),
            text: sized(LARGE, text_of),
            objects: sized(LARGE, objects_of),
            events: notifications(MAX_EVENTS - 1),
            last_event: last_event.into(),
        }
    }

    /// The answer to a call.
    #[must_use]
    pub fn of(&self, scenario: Scenario) -> Answer {
        match scenario {
            Scenario::Json(Tool::Small) => self.small.clone(),
            Scenario::Json(Tool::Medium) => self.medium.clone(),
            Scenario::Json(Tool::Text) => self.text.clone(),
            Scenario::Json(Tool::Objects) => self.objects.clone(),
            Scenario::Json(Tool::Events) => self.stream(1),
            Scenario::Events { count, .. } => self.stream(count.clamp(1, MAX_EVENTS)),
        }
    }

    fn stream(&self, count: u32) -> Answer {
        let notifications = (count as usize - 1) * EVENT_SIZE;
        Answer {
            events: self.events.slice(..notifications),
            before: BEFORE_ID_IN_EVENT,
            after: self.last_event.clone(),
        }
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes of each event of [`Answer::events`]: they all have the same length, so that one can be cut out by its number.
pub const EVENT_SIZE: usize = EVENT_HEAD.len() + 6 + EVENT_TAIL.len();
const EVENT_HEAD: &str = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\
    \"params\":{\"level\":\"info\",\"logger\":\"loadtest\",\"data\":\"step ";
const EVENT_TAIL: &str = "\"}}\n\n";

fn notifications(count: u32) -> Bytes {
    let mut text = String::with_capacity(count as usize * EVENT_SIZE);
    for step in 1..=count {
        // Writing into a String cannot fail.
        let _ = write!(text, "{EVENT_HEAD}{step:06}{EVENT_TAIL}");
    }
    text.into()
}

/// An answer of this size with an id of one digit; `result` is given the bytes to fill and may fill less or more by
/// what it writes around them.
fn sized(size: usize, result: fn(usize) -> String) -> Answer {
    let around = result(0).len() + BEFORE_ID.len() + 1;
    Answer::json(result(size - around).into())
}

/// A line as a tool that shows logs returns it, escaped as inside a JSON string.
const LINE: &str = r#"2026-11-22T10:00:00Z INFO request=\"GET /healthz\" status=200 took=12ms worker=0003\n"#;
/// An object as a tool that lists pods returns it.
const OBJECT: &str = r#"{"name":"payments-7d9f8b6c5d-x2x4z","ready":true,"restarts":3,"age":86400.5,"node":null,"labels":{"app":"payments","tier":"backend"}},"#;

fn text_of(fill: usize) -> String {
    text_result(&LINE.repeat(fill / LINE.len()), fill % LINE.len())
}

/// A result with one text; `padding` is what is missing to the wanted size.
fn text_result(text: &str, padding: usize) -> String {
    let padding = "x".repeat(padding);
    format!(r#","result":{{"content":[{{"type":"text","text":"{text}{padding}"}}],"isError":false}}}}"#)
}

fn objects_of(fill: usize) -> String {
    // The last object needs no comma; `null` closes the array instead, and its text takes what is left.
    let (objects, padding) = (OBJECT.repeat(fill / OBJECT.len()), "x".repeat(fill % OBJECT.len()));
    format!(
        r#","result":{{"content":[{{"type":"text","text":"{padding}"}}],"structuredContent":{{"pods":[{objects}null]}},"isError":false}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(answer: &Answer) -> String {
        let events = std::str::from_utf8(&answer.events).unwrap();
        let after = std::str::from_utf8(&answer.after).unwrap();
        format!("{events}{}7{after}", answer.before)
    }

    #[test]
    fn json_answers_are_valid_and_have_their_sizes() {
        let answers = Answers::new();
        for (tool, size) in
            [(Tool::Small, SMALL), (Tool::Medium, MEDIUM), (Tool::Text, LARGE), (Tool::Objects, LARGE)]
        {
            let answer = answers.of(Scenario::Json(tool));
            let body = body(&answer);
            let value: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(value["id"], 7, "{tool:?}");
            assert_eq!(body.len(), size, "{tool:?}");
            assert_eq!(answer.size(1), size, "{tool:?}");
        }
    }

    #[test]
    fn a_stream_holds_as_many_events_as_asked_and_the_last_one_answers() {
        let answers = Answers::new();
        for count in [1, 2, 20, MAX_EVENTS] {
            let answer = answers.of(Scenario::Events { count, interval: Duration::ZERO });
            let body = body(&answer);
            let events: Vec<&str> = body.split_terminator("\n\n").collect();
            assert_eq!(events.len(), count as usize);
            for event in &events {
                let data = event.strip_prefix("event: message\ndata: ").unwrap();
                let _: serde_json::Value = serde_json::from_str(data).unwrap();
            }
            assert!(events.last().unwrap().contains("\"id\":7,\"result\""));
        }
    }

    #[test]
    fn requests_are_valid_json_with_their_id() {
        for text in ["small", "objects", "sse:20", "sse:20:2"] {
            let scenario: Scenario = text.parse().unwrap();
            let value: serde_json::Value = serde_json::from_slice(&scenario.request(12)).unwrap();
            assert_eq!(value["id"], 12);
            assert_eq!(value["method"], "tools/call");
        }
    }

    #[test]
    fn scenarios_are_read_and_bounded() {
        for text in ["small", "medium", "text", "objects", "sse:1:0", "sse:10000:60000"] {
            assert_eq!(text.parse::<Scenario>().unwrap().to_string(), text);
        }
        for text in ["", "events", "sse", "sse:0", "sse:10001", "sse:1:60001", "sse:x", "sse:1:-1"] {
            assert!(text.parse::<Scenario>().is_err(), "{text}");
        }
    }
}
