//! The real program, started on ports of the system's choice, and a plain HTTP client for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::{Value, json};

use super::process::{Process, without_variables};

/// The program under test.
pub(crate) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_mcp-backend");

/// Longest wait for an answer; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// The end takes no longer, whatever is open.
pub(crate) const END: Duration = Duration::from_secs(5);

/// A running server.
pub(crate) struct Backend {
    process: Process,
    /// Where MCP is spoken.
    pub(crate) address: SocketAddr,
    /// Where metrics and probes are.
    pub(crate) admin: SocketAddr,
}

/// The program, which hears nothing of the variables of whoever runs the tests.
pub(crate) fn program() -> Command {
    let mut command = Command::new(EXECUTABLE);
    without_variables(&mut command, &["OTEL_", "MCP_BACKEND_"]);
    command
}

impl Backend {
    /// With these flags besides.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_with(&[], flags)
    }

    /// With these variables and flags besides.
    pub(crate) fn start_with(variables: &[(&str, &str)], flags: &[&str]) -> Self {
        let mut command = program();
        command.envs(variables.iter().copied());
        command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).args(flags);
        let process = Process::start("mcp-backend", &mut command);
        let (address, admin) = process.wait_for_line("its addresses", |line| {
            // As text `mcp="…"`, as JSON `"mcp":"…"`.
            let value = |name: &str| {
                let (_, after) = line.split_once(name)?;
                after.trim_start_matches(['"', '=', ':']).split('"').next()
            };
            let mcp = value("mcp\":").or(value("mcp="))?.strip_prefix("http://")?.strip_suffix("/mcp")?;
            Some((mcp.parse().ok()?, value("admin\":").or(value("admin="))?.parse().ok()?))
        });
        Self { process, address, admin }
    }

    /// The address of its MCP endpoint.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Posts a JSON-RPC message with these headers besides.
    pub(crate) fn post(&self, headers: &[(&str, &str)], message: &Value) -> Answer {
        let mut all =
            vec![("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
        all.extend(headers);
        exchange(self.address, "POST", "/mcp", &all, &message.to_string())
    }

    /// Any request.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        exchange(self.address, method, path, headers, body)
    }

    /// Its resident memory.
    pub(crate) fn resident_kib(&self) -> usize {
        self.process.resident_kib()
    }

    /// Asks it to end; its status and all it said since it listened.
    pub(crate) fn stop(self) -> (ExitStatus, Vec<String>) {
        self.process.terminate();
        self.process.finish(END)
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    /// Without chunks.
    pub(crate) body: String,
}

impl Answer {
    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (of, value) = line.split_once(':')?;
            of.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The last message: of an event stream, or the body itself.
    pub(crate) fn message(&self) -> Value {
        let text = match self.header("content-type") {
            Some("text/event-stream") => {
                let data = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
                data.map(str::trim).rfind(|data| !data.is_empty()).unwrap_or_default()
            }
            _ => &self.body,
        };
        serde_json::from_str(text).unwrap_or_else(|_| json!({ "no message": self.body }))
    }
}

/// One request on a connection of its own.
pub(crate) fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = open(address, method, path, headers, body);
    let mut bytes = Vec::new();
    // A server that refuses a body without reading it resets the connection: what came before counts.
    let _reset = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let answer = Answer { status, head: head.to_owned(), body: body.to_owned() };
    match answer.header("transfer-encoding") {
        Some("chunked") => Answer { body: dechunked(&answer.body), ..answer },
        _ => answer,
    }
}

/// Sends a request and leaves the answer to the caller.
pub(crate) fn open(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        head.push_str(&format!("host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let _refused = stream.write_all(format!("{head}\r\n{body}").as_bytes());
    stream
}

fn dechunked(body: &str) -> String {
    let (mut whole, mut rest) = (String::new(), body);
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("the length of a chunk");
        whole.push_str(after.get(..length).expect("a whole chunk"));
        rest = after.get(length + 2..).unwrap_or_default();
    }
    whole
}
