//! A wrapped server as a client starts it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::support::PATIENCE;
use super::support::process::without_variables;
use super::support::tap::{EXECUTABLE, RUNTIME_DIR};

/// A running `mcp-tap stdio`, and the client's ends of its pipes. Killed when dropped.
pub(crate) struct Wrapped {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    folder: tempfile::TempDir,
    id: u64,
}

/// How it ended, and what it wrote to standard error.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) errors: String,
}

/// The scripted server.
pub(crate) fn server() -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts/stdio_server.py");
    vec!["python3".to_owned(), script.display().to_string()]
}

/// What a command of mcp-tap prints.
pub(crate) fn command(running: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(EXECUTABLE).args(arguments).env(RUNTIME_DIR, running).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

impl Wrapped {
    /// Wraps the command, with these flags.
    pub(crate) fn start(flags: &[&str], server: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(EXECUTABLE);
        without_variables(&mut command, &["OTEL_", "MCP_TAP_"]);
        command.env(RUNTIME_DIR, folder.path().join("running"));
        command.arg("stdio").args(flags).arg("--").args(server);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the executable is there");
        let output = child.stdout.take().expect("piped");
        let (found, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if found.send(line).is_err() {
                    return;
                }
            }
        });
        let mut errors = child.stderr.take().expect("piped");
        let errors = std::thread::spawn(move || {
            let mut all = String::new();
            errors.read_to_string(&mut all).expect("text");
            all
        });
        let input = child.stdin.take();
        Self { child, input, lines, errors: Some(errors), folder, id: 0 }
    }

    /// The directory in which it is listed, alone.
    pub(crate) fn running(&self) -> PathBuf {
        self.folder.path().join("running")
    }

    /// Looks again and again until it is so; is told the directory in which it is listed.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&Path) -> bool) {
        // Once something is listed there is something to ask.
        self.summary();
        let deadline = mcp_tap::clock::now() + PATIENCE;
        while !is_so(&self.running()) {
            assert!(mcp_tap::clock::now() < deadline, "{what}: it never is so");
        }
    }

    /// What `mcp-tap ps` knows of it, once it is listed.
    pub(crate) fn summary(&self) -> Value {
        let deadline = mcp_tap::clock::now() + PATIENCE;
        loop {
            let listed: Value =
                serde_json::from_str(&command(&self.running(), &["ps", "--json"])).expect("JSON");
            match &listed[0] {
                Value::Null => assert!(mcp_tap::clock::now() < deadline, "it is not listed"),
                one => return one.clone(),
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line as it is.
    pub(crate) fn send(&mut self, line: &str) {
        let input = self.input.as_mut().expect("not closed");
        input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n")).expect("the server reads");
    }

    /// The next line.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the server answers")
    }

    /// Sends a request and takes its answer.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}).to_string());
        let answer: Value = serde_json::from_str(&self.line()).expect("JSON");
        assert_eq!(answer["id"], self.id, "{answer}");
        answer
    }

    /// The handshake of 2025-11-25.
    pub(crate) fn greet(&mut self) {
        let client = json!({"name": "claude-ai", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        self.ask("initialize", &params);
        self.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    }

    /// Calls a tool; its result.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        answer["result"].clone()
    }

    /// Closes its input and waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        self.input = None;
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ended {
        let deadline = mcp_tap::clock::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(mcp_tap::clock::now() < deadline, "it does not end");
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        let errors = self.errors.take().expect("once").join().expect("no panic");
        Ended { status, errors }
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
