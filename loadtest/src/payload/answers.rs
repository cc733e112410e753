//! The answers of the fixture server.

use bytes::Bytes;

use super::NAME;
use super::events::{MAX_EVENTS, NO_STAMP, notifications};
use super::scenario::Tool;

/// Bytes of a whole answer with an id of one digit.
const SMALL: usize = 300;
const MEDIUM: usize = 10_000;
const LARGE: usize = 1 << 20;

const BEFORE_ID: &str = r#"{"jsonrpc":"2.0","id":"#;
const BEFORE_ID_IN_EVENT: &str = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":";

const UNKNOWN_TOOL: &str = r#","error":{"code":-32602,"message":"Unknown tool"}}"#;

/// An answer around its id: all of it is constant but the id and the time stamps.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Whole events that come first; empty for JSON.
    pub events: Bytes,
    /// What stands before the id.
    pub before: &'static str,
    /// What stands after it, to the end of the body.
    pub after: Bytes,
    /// Where in `after` the stamp of the last event stands; `None` for JSON.
    pub stamp: Option<usize>,
}

impl Answer {
    /// A JSON body around its id.
    #[must_use]
    pub const fn json(after: Bytes) -> Self {
        Self { events: Bytes::new(), before: BEFORE_ID, after, stamp: None }
    }

    /// A body that holds no id, or holds it already.
    #[must_use]
    pub const fn whole(body: Bytes) -> Self {
        Self { events: Bytes::new(), before: "", after: body, stamp: None }
    }

    /// Bytes of the whole body with an id of this many bytes.
    #[must_use]
    pub fn size(&self, id: usize) -> usize {
        self.events.len() + self.before.len() + id + self.after.len()
    }

    /// Appends the whole body.
    pub fn write(&self, id: &str, out: &mut Vec<u8>) {
        for part in [&self.events, self.before.as_bytes(), id.as_bytes(), &self.after] {
            out.extend_from_slice(part);
        }
    }
}

/// Every answer, built once; cheap to clone.
#[derive(Debug, Clone)]
pub struct Answers {
    small: Answer,
    medium: Answer,
    text: Answer,
    objects: Answer,
    failing: Answer,
    unknown: Answer,
    stateless: Answer,
    events: Bytes,
    last_event: Bytes,
    last_stamp: usize,
}

impl Answers {
    /// Builds those that the fixture server can be asked for.
    #[must_use]
    pub fn new() -> Self {
        let last_event = result(&format!("done at {NO_STAMP}"), false) + "\n\n";
        let last_stamp = last_event.find(NO_STAMP).unwrap_or_default();
        Self {
            small: sized(SMALL, text_of),
            medium: sized(MEDIUM, text_of),
            text: sized(LARGE, text_of),
            objects: sized(LARGE, objects_of),
            failing: Answer::json(result("the pod `payments` was not found", true).into()),
            unknown: Answer::json(Bytes::from_static(UNKNOWN_TOOL.as_bytes())),
            stateless: sized(SMALL, stateless_of),
            events: notifications(MAX_EVENTS - 1),
            last_event: last_event.into(),
            last_stamp,
        }
    }

    /// The answer to a call of a tool.
    #[must_use]
    pub fn of(&self, tool: Tool) -> Answer {
        match tool {
            Tool::Small => self.small.clone(),
            Tool::Medium => self.medium.clone(),
            Tool::Text => self.text.clone(),
            Tool::Objects => self.objects.clone(),
            Tool::Failing => self.failing.clone(),
            Tool::Events => self.stream(1),
        }
    }

    /// The answer to a call of a tool that there is not.
    #[must_use]
    pub fn unknown(&self) -> Answer {
        self.unknown.clone()
    }

    /// The answer to a small call of revision 2026-07-28.
    #[must_use]
    pub fn stateless(&self) -> Answer {
        self.stateless.clone()
    }

    /// A stream of so many events, the last one being the answer.
    #[must_use]
    pub fn stream(&self, count: u32) -> Answer {
        let notifications = (count.clamp(1, MAX_EVENTS) as usize - 1) * super::EVENT_SIZE;
        Answer {
            events: self.events.slice(..notifications),
            before: BEFORE_ID_IN_EVENT,
            after: self.last_event.clone(),
            stamp: Some(self.last_stamp),
        }
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self::new()
    }
}

/// An answer of this size with an id of one digit; `result` is given the bytes to fill and may fill less or more by
/// what it writes around them.
fn sized(size: usize, result: fn(usize) -> String) -> Answer {
    let around = result(0).len() + BEFORE_ID.len() + 1;
    Answer::json(result(size.saturating_sub(around)).into())
}

/// A line as a tool that shows logs returns it, escaped as inside a JSON string.
const LINE: &str = r#"2026-11-22T10:00:00Z INFO request=\"GET /healthz\" status=200 took=12ms worker=0003\n"#;
/// An object as a tool that lists pods returns it.
const OBJECT: &str = r#"{"name":"payments-7d9f8b6c5d-x2x4z","ready":true,"restarts":3,"age":86400.5,"node":null,"labels":{"app":"payments","tier":"backend"}},"#;

fn text_of(fill: usize) -> String {
    result(&lines_of(fill), false)
}

/// So many bytes of lines, padded where no whole line fits.
pub(crate) fn lines_of(fill: usize) -> String {
    LINE.repeat(fill / LINE.len()) + &"x".repeat(fill % LINE.len())
}

fn result(text: &str, is_error: bool) -> String {
    format!(r#","result":{{"content":[{{"type":"text","text":"{text}"}}],"isError":{is_error}}}}}"#)
}

fn stateless_of(fill: usize) -> String {
    let text = lines_of(fill);
    format!(
        r#","result":{{"resultType":"complete","content":[{{"type":"text","text":"{text}"}}],"isError":false,"_meta":{{"io.modelcontextprotocol/serverInfo":{{"name":"{NAME}","version":"1"}}}}}}}}"#
    )
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
    use super::super::{STAMP_SIZE, Scenario};
    use super::*;

    fn body(answer: &Answer) -> String {
        let mut body = Vec::new();
        answer.write("7", &mut body);
        assert_eq!(body.len(), answer.size(1));
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn json_answers_are_valid_and_have_their_sizes() {
        let answers = Answers::new();
        for (answer, size) in [
            (answers.of(Tool::Small), SMALL),
            (answers.of(Tool::Medium), MEDIUM),
            (answers.of(Tool::Text), LARGE),
            (answers.of(Tool::Objects), LARGE),
            (answers.stateless(), SMALL),
        ] {
            let body = body(&answer);
            let value: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!((&value["id"], body.len()), (&7.into(), size));
        }
    }

    #[test]
    fn a_stream_holds_as_many_events_as_asked_and_the_last_one_answers() {
        let answers = Answers::new();
        for count in [1, 2, 20, MAX_EVENTS] {
            let answer = answers.stream(count);
            let stamp = answer.stamp.unwrap();
            assert_eq!(&answer.after[stamp..stamp + STAMP_SIZE], NO_STAMP.as_bytes());
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
    fn errors_are_of_both_kinds() {
        let answers = Answers::new();
        let failing: serde_json::Value = serde_json::from_str(&body(&answers.of(Tool::Failing))).unwrap();
        assert_eq!(failing["result"]["isError"], true);
        let unknown: serde_json::Value = serde_json::from_str(&body(&answers.unknown())).unwrap();
        assert_eq!(unknown["error"]["code"], -32602);
    }

    #[test]
    fn every_call_of_every_scenario_is_valid_json_with_its_id() {
        let answers = Answers::new();
        for text in
            ["small", "objects", "sse:20", "sse:20:2", "batch:3", "stateless", "agents", "churn", "tools:5"]
        {
            let scenario: Scenario = text.parse().unwrap();
            for id in 1..200 {
                let call = answers.call(scenario, 3, id);
                let value: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
                let first = value.get(0).unwrap_or(&value);
                assert_eq!(first["method"], "tools/call", "{text}");
                if call.answer.before.is_empty() {
                    assert_eq!(value.as_array().map(Vec::len), Some(3), "{text}");
                } else {
                    assert_eq!(value["id"].to_string(), call.id, "{text}");
                }
            }
        }
    }
}
