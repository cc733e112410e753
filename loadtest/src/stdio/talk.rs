//! The conversation, byte for byte. Server and client build it with the same code, so that every answer is compared
//! whole.

use bytes::Bytes;

use crate::payload::{Answer, Answers, NAME, Tool, lines_of};

/// The revision that the two agree on.
const VERSION: &str = "2025-11-25";

/// The tool that answers with the text that it is given.
pub(super) const ECHO: &str = "echo";
/// The tool that says whether it was told of a trace.
pub(super) const CONTEXT: &str = "context";

/// What a client sends when it was answered to `initialize`.
pub(super) const INITIALIZED: &[u8] = b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";

/// A request around its id, and the answer to it.
#[derive(Debug, Clone)]
pub struct Call {
    request: String,
    /// The answer.
    pub answer: Answer,
}

impl Call {
    /// The handshake.
    #[must_use]
    pub fn initialize() -> Self {
        let own = env!("CARGO_PKG_VERSION");
        let client = format!(r#"{{"name":"{NAME}","version":"{own}"}}"#);
        let params =
            format!(r#"{{"protocolVersion":"{VERSION}","capabilities":{{}},"clientInfo":{client}}}"#);
        Self::new("initialize", &params, initialized())
    }

    /// The list of tools.
    #[must_use]
    pub fn tools() -> Self {
        Self::new("tools/list", "{}", tools())
    }

    /// So many bytes of text, there and back.
    #[must_use]
    pub fn echo(size: usize) -> Self {
        let text = format!("\"{}\"", lines_of(size));
        Self::tool(ECHO, &format!(r#"{{"text":{text}}}"#), echoed(&text))
    }

    /// A small question with an answer of 1 MiB.
    #[must_use]
    pub fn large(answers: &Answers) -> Self {
        Self::tool(Tool::Text.name(), "{}", answers.of(Tool::Text))
    }

    /// The question whether the server is told of traces.
    #[must_use]
    pub fn context(traced: bool) -> Self {
        Self::tool(CONTEXT, "{}", context(traced))
    }

    fn tool(name: &str, arguments: &str, answer: Answer) -> Self {
        Self::new("tools/call", &format!(r#"{{"name":"{name}","arguments":{arguments}}}"#), answer)
    }

    fn new(method: &str, params: &str, answer: Answer) -> Self {
        Self { request: format!(",\"method\":\"{method}\",\"params\":{params}}}\n"), answer }
    }

    /// Appends the line with this id.
    pub fn write(&self, id: &str, line: &mut Vec<u8>) {
        for part in [r#"{"jsonrpc":"2.0","id":"#, id, &self.request] {
            line.extend_from_slice(part.as_bytes());
        }
    }

    /// Bytes of a line, of the question or of the answer, whichever is longer.
    #[must_use]
    pub fn longest(&self) -> usize {
        // An id has at most 20 digits.
        self.answer.size(20).max(self.request.len() + 40)
    }
}

/// The answer to `initialize`.
pub(super) fn initialized() -> Answer {
    let own = env!("CARGO_PKG_VERSION");
    result(&format!(
        r#"{{"protocolVersion":"{VERSION}","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"{NAME}","version":"{own}"}}}}"#
    ))
}

/// The answer to `tools/list`.
pub(super) fn tools() -> Answer {
    let tools = [ECHO, CONTEXT, Tool::Text.name()].map(|name| {
        format!(r#"{{"name":"{name}","description":"The {name} of the fixture.","inputSchema":{{"type":"object"}}}}"#)
    });
    result(&format!(r#"{{"tools":[{}]}}"#, tools.join(",")))
}

/// The answer to `echo`; `text` is a string of JSON, with its quotes.
pub(super) fn echoed(text: &str) -> Answer {
    result(&format!(r#"{{"content":[{{"type":"text","text":{text}}}],"isError":false}}"#))
}

/// The answer to `context`.
pub(super) fn context(traced: bool) -> Answer {
    echoed(if traced { "\"there is a trace\"" } else { "\"there is no trace\"" })
}

fn result(result: &str) -> Answer {
    Answer::json(Bytes::from(format!(r#","result":{result}}}"#)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_are_lines_of_json_with_their_ids() {
        let calls = [
            Call::initialize(),
            Call::tools(),
            Call::echo(300),
            Call::context(true),
            Call::large(&Answers::new()),
        ];
        for call in calls {
            let (mut question, mut answer) = (Vec::new(), Vec::new());
            call.write("7", &mut question);
            call.answer.write("7", &mut answer);
            assert!(question.len() <= call.longest() && answer.len() <= call.longest());
            assert_eq!(question.iter().position(|byte| *byte == b'\n'), Some(question.len() - 1));
            for line in [question, answer] {
                let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
                assert_eq!(value["id"], 7);
            }
        }
        let mut line = Vec::new();
        Call::echo(300).write("7", &mut line);
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert!(value["params"]["arguments"]["text"].as_str().unwrap().len() > 280);
    }
}
