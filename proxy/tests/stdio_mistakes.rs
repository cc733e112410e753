//! Servers and clients that do what they should not, over standard input and output: what comes of it is the same with
//! `mcp-tap stdio` and without, whatever it was told to do (nothing, traces with context in the messages to a collector
//! that is not there, no inspection). Compared are all bytes of standard output and standard error, the end, and what
//! else the client notices. Where the wrapper differs on purpose, the test says so.

mod support;

#[path = "stdio_mistakes/bytes.rs"]
mod bytes;
#[path = "stdio_mistakes/closing.rs"]
mod closing;
#[path = "stdio_mistakes/crashes.rs"]
mod crashes;
#[path = "stdio_mistakes/endings.rs"]
mod endings;
#[path = "stdio_mistakes/family.rs"]
mod family;
#[path = "stdio_mistakes/signals.rs"]
mod signals;
#[path = "stdio_mistakes/starting.rs"]
mod starting;

/// Bytes of a pipe that is full, at least: of its pages parts may be empty.
const FULL: u64 = 30_000;

/// A request for the tool of the odd server; its id is the last thing in the line.
fn call(id: usize) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"tools/call","params":{{"name":"work","arguments":{{"a":1}}}},"id":{id}}}"#
    )
}

/// How a client begins: the messages, one a line.
fn beginning() -> String {
    let client = r#""clientInfo":{"name":"test","version":"1"}"#;
    let version = r#""protocolVersion":"2025-06-18","capabilities":{}"#;
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{{{version},{client}}}}}\n\
        {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}}\n\
        {{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}\n"
    )
}
