//! For tests: three tools of no use to anybody, and a client that writes JSON lines.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tower::service_fn;
use tower::util::BoxCloneSyncService;

use crate::cluster::{CacheUse, Read, ReadError, ReadErrorKind, ReadStack, Reader};
use crate::tool::{Context, Entry, ErrorType, Name, Tool, ToolCall, ToolError, ToolReply};

use super::mcp::Mcp;

/// Longest wait for anything; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(20);

struct Double;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Number {
    /// What to double.
    number: i32,
}

#[derive(Serialize, JsonSchema)]
struct Doubled {
    doubled: i32,
}

impl Tool for Double {
    const NAME: &'static str = "double";
    const TITLE: &'static str = "Double";
    const DESCRIPTION: &'static str = "Doubles a number.";
    type Arguments = Number;
    type Output = Doubled;

    async fn run(_: Context, arguments: Number) -> Result<Doubled, ToolError> {
        Ok(Doubled { doubled: arguments.number * 2 })
    }
}

struct Refuse;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Tool for Refuse {
    const NAME: &'static str = "refuse";
    const TITLE: &'static str = "Refuse";
    const DESCRIPTION: &'static str = "Always fails.";
    type Arguments = Nothing;
    type Output = Doubled;

    async fn run(_: Context, _: Nothing) -> Result<Doubled, ToolError> {
        Err(ToolError::new(ErrorType::NotFound, "pods \"web\" not found", "list what is there"))
    }
}

/// Names its pod, or, without one, waits until it is dropped.
struct Wait;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pod {
    #[expect(dead_code, reason = "what a real tool takes")]
    namespace: Option<String>,
    pod_name: Option<Name>,
}

#[derive(Serialize, JsonSchema)]
struct Named {
    pod_name: String,
}

impl Tool for Wait {
    const NAME: &'static str = "wait";
    const TITLE: &'static str = "Wait";
    const DESCRIPTION: &'static str = "Waits.";
    type Arguments = Pod;
    type Output = Named;

    async fn run(_: Context, arguments: Pod) -> Result<Named, ToolError> {
        if let Some(pod) = arguments.pod_name {
            return Ok(Named { pod_name: pod.as_str().to_owned() });
        }
        let Some(watch) = WATCH.lock().unwrap().clone() else { panic!("nobody watches") };
        let _dropped = Dropped(Arc::clone(&watch));
        watch.0.notify_one();
        std::future::pending().await
    }
}

/// Told when the waiting tool runs, and when it is dropped.
type Watch = Arc<(Notify, Notify)>;

static WATCH: Mutex<Option<Watch>> = Mutex::new(None);

struct Dropped(Watch);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.1.notify_one();
    }
}

/// Watches the waiting tool; one test at a time.
pub(super) fn cancelled() -> Watched {
    let watch = Watch::default();
    *WATCH.lock().unwrap() = Some(Arc::clone(&watch));
    Watched(watch)
}

pub(super) struct Watched(Watch);

impl Watched {
    pub(super) async fn running(&self) {
        tokio::time::timeout(PATIENCE, self.0.0.notified()).await.expect("the tool runs");
    }

    pub(super) async fn dropped(&self) {
        tokio::time::timeout(PATIENCE, self.0.1.notified()).await.expect("the tool is dropped");
    }
}

static ENTRIES: LazyLock<Vec<Entry>> =
    LazyLock::new(|| vec![Entry::of::<Double>(), Entry::of::<Refuse>(), Entry::of::<Wait>()]);

/// A server of these tools, without a cluster.
pub(super) fn mcp() -> Mcp {
    let none = service_fn(|read: Read| async move {
        Err(ReadError { status: Some(404), ..ReadError::new(ReadErrorKind::NotFound, read.what) })
    });
    let reads: ReadStack = BoxCloneSyncService::new(none);
    let tools = service_fn(move |call: ToolCall| {
        let context = Context { reader: Reader::new(reads.clone(), false), now: Timestamp::UNIX_EPOCH };
        async move {
            let result = (call.entry.run)(context, call.arguments).await.map(Arc::new);
            Ok(ToolReply { result, cache: Some(CacheUse::Partial) })
        }
    });
    Mcp::new(BoxCloneSyncService::new(tools), &ENTRIES)
}

/// A session of the revision 2025-11-25 over a pair of pipes.
pub(super) struct Session {
    writer: WriteHalf<DuplexStream>,
    reader: BufReader<ReadHalf<DuplexStream>>,
    next: u32,
    /// The answer to `initialize`.
    pub(super) initialized: Value,
}

impl Session {
    pub(super) async fn start() -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let running = rmcp::serve_server(mcp(), tokio::io::split(theirs)).await.expect("a session");
            running.waiting().await.expect("it ends well");
        });
        let (reader, writer) = tokio::io::split(ours);
        let mut session = Self { writer, reader: BufReader::new(reader), next: 0, initialized: Value::Null };
        let client = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"},
        });
        session.initialized = session.ask("initialize", client).await;
        session.notify("notifications/initialized", json!({})).await;
        session
    }

    async fn write(&mut self, message: &Value) {
        self.writer.write_all(format!("{message}\n").as_bytes()).await.expect("the server reads");
    }

    /// Sends a request; its id.
    pub(super) async fn send(&mut self, method: &str, params: Value) -> u32 {
        self.next += 1;
        let id = self.next;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        id
    }

    pub(super) async fn notify(&mut self, method: &str, params: Value) {
        self.write(&json!({"jsonrpc": "2.0", "method": method, "params": params})).await;
    }

    /// The answer to a request; others are passed over.
    pub(super) async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        let answer = async {
            loop {
                let mut line = String::new();
                assert!(self.reader.read_line(&mut line).await.unwrap() > 0, "the server is gone");
                let message: Value = serde_json::from_str(&line).unwrap();
                if message["id"] == id {
                    return message;
                }
            }
        };
        tokio::time::timeout(PATIENCE, answer).await.expect("an answer")
    }

    pub(super) async fn call(&mut self, name: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": name, "arguments": arguments})).await
    }
}
