//! The tools over the simulated cluster, in this process, at a time that stands still.

use std::time::Duration;

use jiff::Timestamp;
use mcp_backend::clock::Clock;
use mcp_backend::serve::mcp::Mcp;
use mcp_backend::sim::{Options, Sim, World};
use mcp_backend::tool::{self, ToolCall, ToolError, ToolStack};
use mcp_backend::{cluster, telemetry};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tower::ServiceExt;

/// Longest wait for an answer; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// The tools over a simulated cluster.
pub(crate) struct Cluster {
    tools: ToolStack,
    /// What it holds.
    pub(crate) world: World,
}

impl Cluster {
    /// As it is so long after it started.
    pub(crate) fn at(seed: u64, after: Duration) -> Self {
        Self::with(Options { seed, ..Options::default() }, after)
    }

    /// With faults besides.
    pub(crate) fn with(options: Options, after: Duration) -> Self {
        let started: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        let clock = Clock::manual(started);
        let seed = options.seed;
        let sim = Sim::new(options, clock.clone());
        clock.advance(after);
        let world = World::at(seed, started, clock.now());
        Self { tools: tool::stack(cluster::stack(sim.client()), clock), world }
    }

    /// What the tool answers.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        let entry = tool::find(tool).expect("a tool of the catalogue");
        let Value::Object(arguments) = arguments else { unreachable!("arguments are an object") };
        let call = ToolCall { entry, arguments, parent: telemetry::parent(None, None) };
        let reply = self.tools.clone().oneshot(call).await.expect("it cannot fail");
        reply.result.map(|value| (*value).clone())
    }

    /// What the tool answers, which is no failure.
    pub(crate) async fn ok(&self, tool: &str, arguments: Value) -> Value {
        let shown = arguments.to_string();
        let answer = self.call(tool, arguments).await;
        assert!(answer.is_ok(), "{tool} {shown}: {answer:?}");
        answer.expect("no failure")
    }

    /// A client of the same tools by MCP.
    pub(crate) async fn session(&self) -> Session {
        Session::start(Mcp::new(self.tools.clone(), tool::catalogue())).await
    }
}

/// A session of the revision 2025-11-25 over a pair of pipes.
pub(crate) struct Session {
    writer: WriteHalf<DuplexStream>,
    reader: BufReader<ReadHalf<DuplexStream>>,
    next: u32,
}

impl Session {
    async fn start(mcp: Mcp) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let running = rmcp::serve_server(mcp, tokio::io::split(theirs)).await.expect("a session");
            running.waiting().await.expect("it ends well");
        });
        let (reader, writer) = tokio::io::split(ours);
        let mut session = Self { writer, reader: BufReader::new(reader), next: 0 };
        let client = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"},
        });
        session.ask("initialize", client).await;
        session.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        session
    }

    async fn write(&mut self, message: &Value) {
        self.writer.write_all(format!("{message}\n").as_bytes()).await.expect("the server reads");
    }

    /// The answer to a request, with its result or error.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        let answer = async {
            loop {
                let mut line = String::new();
                assert!(self.reader.read_line(&mut line).await.expect("text") > 0, "the server is gone");
                let message: Value = serde_json::from_str(&line).expect("JSON");
                if message["id"] == id {
                    return message;
                }
            }
        };
        tokio::time::timeout(PATIENCE, answer).await.expect("an answer")
    }
}
