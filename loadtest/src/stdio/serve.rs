//! The fixture: an MCP server on standard input and output that costs next to nothing, so that the wrapper around it is
//! what is measured. It reads a line, answers it with one write, and reads the next one; it ends with its input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::talk::{self, CONTEXT, ECHO};
use crate::payload::{Answer, Answers, Tool};

/// Bytes that are read at a time: as many as a pipe holds.
pub(super) const CHUNK: usize = 64 * 1024;

const UNKNOWN_METHOD: &[u8] = br#","error":{"code":-32601,"message":"Method not found"}}"#;
const PONG: &[u8] = br#","result":{}}"#;
const NO_REQUEST: &[u8] =
    b"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"Parse error\"}}\n";

/// Serves this process's input until its end.
///
/// # Errors
/// The input cannot be read, or the output not be written.
pub fn run() -> io::Result<()> {
    // The library's own handles have small buffers and locks.
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    serve(BufReader::with_capacity(CHUNK, input), output)
}

/// Answers line by line until the end of the input.
///
/// # Errors
/// What `input` or `output` say.
pub fn serve(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let fixture = Fixture { answers: Answers::new(), tools: talk::tools(), initialized: talk::initialized() };
    let (mut line, mut out) = (Vec::new(), Vec::new());
    while input.read_until(b'\n', &mut line)? > 0 {
        out.clear();
        fixture.answer(&line, &mut out);
        if !out.is_empty() {
            output.write_all(&out)?;
            output.flush()?;
        }
        line.clear();
    }
    Ok(())
}

struct Fixture {
    answers: Answers,
    tools: Answer,
    initialized: Answer,
}

/// What is read of a message; everything is borrowed from its line.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: &'a str,
    #[serde(borrow, default)]
    params: Params<'a>,
}

#[derive(Deserialize, Default)]
struct Params<'a> {
    name: Option<&'a str>,
    #[serde(borrow, default)]
    arguments: Arguments<'a>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize, Default)]
struct Arguments<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    traceparent: Option<&'a str>,
}

impl Fixture {
    /// Appends the line that answers this one; nothing to a notification.
    fn answer(&self, line: &[u8], out: &mut Vec<u8>) {
        let Ok(message) = serde_json::from_slice::<Message<'_>>(line) else {
            return out.extend_from_slice(NO_REQUEST);
        };
        let Some(id) = message.id else { return };
        match message.method {
            "tools/call" => self.call(&message.params).write(id.get(), out),
            "tools/list" => self.tools.write(id.get(), out),
            "initialize" => self.initialized.write(id.get(), out),
            "ping" => constant(PONG).write(id.get(), out),
            _ => constant(UNKNOWN_METHOD).write(id.get(), out),
        }
        out.push(b'\n');
    }

    fn call(&self, params: &Params<'_>) -> Answer {
        match (params.name.unwrap_or_default(), params.arguments.text) {
            (ECHO, Some(text)) => talk::echoed(text.get()),
            (CONTEXT, _) => {
                talk::context(params.meta.as_ref().is_some_and(|meta| meta.traceparent.is_some()))
            }
            (name, _) if name == Tool::Text.name() => self.answers.of(Tool::Text),
            _ => self.answers.unknown(),
        }
    }
}

const fn constant(after_id: &'static [u8]) -> Answer {
    Answer::json(bytes::Bytes::from_static(after_id))
}

#[cfg(test)]
mod tests {
    use super::super::talk::Call;
    use super::*;

    fn answers(lines: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        serve(lines, &mut out).unwrap();
        out
    }

    #[test]
    fn every_call_is_answered_as_the_client_expects() {
        let calls = [
            Call::initialize(),
            Call::tools(),
            Call::echo(0),
            Call::echo(100_000),
            Call::context(false),
            Call::large(&Answers::new()),
        ];
        let (mut lines, mut expected) = (talk::INITIALIZED.to_vec(), Vec::new());
        for (id, call) in calls.iter().enumerate() {
            call.write(&id.to_string(), &mut lines);
            call.answer.write(&id.to_string(), &mut expected);
            expected.push(b'\n');
        }
        assert!(answers(&lines) == expected);
    }

    #[test]
    fn a_trace_is_seen_and_what_is_not_known_is_an_error() {
        for (line, expected) in [
            (
                r#"{"id":1,"method":"tools/call","params":{"_meta":{"traceparent":"00-1"},"name":"context"}}"#,
                "there is a trace",
            ),
            (r#"{"id":"a","method":"ping"}"#, r#""id":"a","result":{}"#),
            (r#"{"id":1,"method":"tools/call","params":{"name":"other"}}"#, "Unknown tool"),
            (r#"{"id":1,"method":"tools/call","params":{"name":"echo"}}"#, "Unknown tool"),
            (r#"{"id":1,"method":"other"}"#, "-32601"),
            ("no JSON", "-32700"),
        ] {
            let out = String::from_utf8(answers(line.as_bytes())).unwrap();
            assert!(out.contains(expected) && out.ends_with("}\n"), "{line}: {out}");
        }
    }
}
