//! What these tests share: the backend as its users start it, and messages.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::client::RawClient;
use super::support::collector::Collector;
use super::support::process::{Process, without_variables};
use super::support::spans::Span;
use super::support::tap::{EXECUTABLE, Tap, traced_by};
use super::support::wire::Message;

/// The backend ends within this time, whatever its collector does.
pub(super) const END: Duration = Duration::from_secs(5);

/// The stateless revision.
pub(super) const MODERN: &str = "2026-07-28";
/// The last one with sessions.
pub(super) const LEGACY: &str = "2025-11-25";

/// A running backend on its simulated cluster, whose answers take no time.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    pub(super) admin: SocketAddr,
    process: Process,
}

/// The program, without variables of this machine for OpenTelemetry.
pub(super) fn program() -> Command {
    let program = PathBuf::from(EXECUTABLE).with_file_name("mcp-backend");
    assert!(program.is_file(), "build it first: cargo build --workspace --bin mcp-tap --bin mcp-backend");
    let mut command = Command::new(program);
    without_variables(&mut command, &["OTEL_", "MCP_BACKEND_"]);
    command.env("OTEL_BSP_SCHEDULE_DELAY", "50");
    command.args(["--sim-latency", "off", "--log-format", "json"]);
    command
}

impl Backend {
    pub(super) fn start(flags: &[&str]) -> Self {
        Self::start_by(program().args(flags))
    }

    /// With its spans going to this collector.
    pub(super) fn traced(collector: &Collector, flags: &[&str]) -> Self {
        Self::start_by(program().args(["--otlp-endpoint", &collector.endpoint()]).args(flags))
    }

    pub(super) fn start_by(command: &mut Command) -> Self {
        let process = Process::start(
            "mcp-backend",
            command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]),
        );
        let (address, admin) = process.wait_for_line("its addresses", |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let mcp = line["mcp"].as_str()?.strip_prefix("http://")?.strip_suffix("/mcp")?;
            Some((mcp.parse().ok()?, line["admin"].as_str()?.parse().ok()?))
        });
        Self { address, admin, process }
    }

    /// Looks again and again until there is an answer.
    pub(super) fn wait_until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        self.process.wait_until(what, look)
    }

    /// Ends it as Kubernetes does; its log.
    pub(super) fn stop(self) -> String {
        let (status, log) = self.end();
        assert!(status.success(), "{status}: {log}");
        log
    }

    /// The same, with its status.
    pub(super) fn end(self) -> (ExitStatus, String) {
        self.process.terminate();
        let (status, lines) = self.process.finish(END);
        (status, lines.join("\n"))
    }
}

/// Backend, sidecar and collector.
pub(super) struct Bench {
    pub(super) collector: Collector,
    pub(super) backend: Backend,
    pub(super) tap: Tap,
}

impl Bench {
    /// The sidecar writes contexts in this way.
    pub(super) fn start(propagate: &str) -> Self {
        Self::with(&["--propagate", propagate])
    }

    /// The sidecar has these flags.
    pub(super) fn with(flags: &[&str]) -> Self {
        let collector = Collector::start();
        let backend = Backend::traced(&collector, &[]);
        let upstream = format!("http://{}", backend.address);
        let mut command = Command::new(EXECUTABLE);
        command.env("OTEL_SERVICE_NAME", "mcp-tap");
        let tap = traced_by(&mut command, &upstream, &collector, flags);
        Self { collector, backend, tap }
    }

    /// Sends a request over a connection of its own to the sidecar; gives the message that answers it.
    pub(super) fn ask(&self, message: &Value, headers: &[(&str, &str)]) -> Value {
        answer(&exchange(self.tap.traffic, message, headers))
    }

    /// Ends the sidecar and then the backend, both of which flush; gives all spans.
    pub(super) fn finish(self) -> Vec<Span> {
        self.tap.scrape_when_idle();
        let (status, log) = self.tap.stop();
        assert!(status.success(), "{status}: {log}");
        self.backend.stop();
        self.collector.spans()
    }
}

/// Posts a message over a connection of its own.
pub(super) fn exchange(address: SocketAddr, message: &Value, headers: &[(&str, &str)]) -> Message {
    RawClient::connect(address).exchange(&post(address, message, headers))
}

/// The message in a response: its body, or the last event with one.
pub(super) fn answer(response: &Message) -> Value {
    assert_eq!(response.status(), 200, "{response:?}");
    let body = std::str::from_utf8(&response.body).unwrap();
    let text = match response.header("content-type") {
        Some("text/event-stream") => {
            let data = body.lines().filter_map(|line| line.strip_prefix("data:"));
            data.map(str::trim).rfind(|data| !data.is_empty()).expect("an event with data")
        }
        _ => body,
    };
    serde_json::from_str(text).expect("JSON")
}

/// A call as 2026-07-28 spells it; `meta` are further members of `_meta`.
pub(super) fn call(id: u64, tool: &str, arguments: Value, meta: Value) -> Value {
    message(id, "tools/call", json!({"name": tool, "arguments": arguments}), meta)
}

/// A request as 2026-07-28 spells it.
pub(super) fn message(id: u64, method: &str, mut params: Value, meta: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "agent", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    for (key, value) in meta.as_object().into_iter().flatten() {
        params["_meta"][key] = value.clone();
    }
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// A POST with the headers that its revision wants.
fn post(address: SocketAddr, message: &Value, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    let params = &message["params"];
    if let Some(version) = params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str() {
        all.extend([("mcp-protocol-version", version), ("mcp-method", message["method"].as_str().unwrap())]);
        all.extend(params["name"].as_str().map(|name| ("mcp-name", name)));
        // What the schemas of the tools ask for by `x-mcp-header`.
        let namespace = params["arguments"]["namespace"].as_str();
        all.extend(namespace.map(|namespace| ("mcp-param-namespace", namespace)));
    }
    all.extend(headers);
    let lines: String = all.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let body = message.to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{lines}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Opens a session of 2025-11-25; its id.
pub(super) fn open_session(address: SocketAddr) -> String {
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "agent", "version": "1"}}});
    let response = exchange(address, &hello, &[]);
    assert_eq!(answer(&response)["result"]["protocolVersion"], LEGACY);
    let session = response.header("mcp-session-id").expect("a session").to_owned();
    let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let told = exchange(address, &told, &[("mcp-session-id", &session), ("mcp-protocol-version", LEGACY)]);
    assert_eq!(told.status(), 202);
    session
}

/// The context of a span of the agent.
pub(super) struct Agent {
    pub(super) trace: String,
    pub(super) span: String,
}

impl Agent {
    /// The n-th span.
    pub(super) fn new(n: u8) -> Self {
        Self { trace: format!("{:0>32}", format!("a{n:02x}")), span: format!("{:0>16}", format!("a{n:02x}")) }
    }

    /// As `traceparent`, sampled.
    pub(super) fn parent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.span)
    }

    /// The same, not sampled.
    pub(super) fn unsampled(&self) -> String {
        format!("00-{}-{}-00", self.trace, self.span)
    }

    /// As members of `_meta`.
    pub(super) fn meta(&self) -> Value {
        json!({"traceparent": self.parent()})
    }
}
