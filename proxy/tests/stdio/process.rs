//! The wrapped process where nobody reads, a launcher between, and a script that does not say of what.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};

use serde_json::json;

use super::support::PATIENCE;
use super::support::process::without_variables;
use super::support::scrape::Scrape;
use super::support::tap::EXECUTABLE;
use super::wrapped::{Wrapped, server};
use super::written;

/// Starts without anybody who reads what it writes, nor its standard error.
fn unread(flags: &[&str], server: &[String]) -> std::process::Child {
    let mut command = std::process::Command::new(EXECUTABLE);
    without_variables(&mut command, &["OTEL_", "MCP_TAP_"]);
    command.arg("stdio").args(flags).arg("--").args(server);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the executable is there")
}

fn ended(child: &mut std::process::Child) -> ExitStatus {
    let deadline = mcp_tap::clock::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        assert!(mcp_tap::clock::now() < deadline, "it does not end");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_standard_error_that_nobody_reads_keeps_no_server_alive() {
    let server = ["sh", "-c", "head -c 65536 /dev/zero >&2; exec sleep 600"].map(str::to_owned);
    let mut child = unread(&["--exit-wait", "500ms", "--kill-wait", "500ms"], &server);
    drop(child.stdin.take());
    assert_eq!(ended(&mut child).signal(), Some(15));
}

#[test]
fn answers_that_the_client_does_not_read_are_counted_all_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("tap.prom");
    let flags = ["--metrics-file", file.to_str().expect("text"), "--metrics-file-interval", "100ms"];
    let mut child = unread(&flags, &server());
    let mut input = child.stdin.take().expect("piped");
    for number in 0..60 {
        let params = json!({"name": "long", "arguments": {"number": number}});
        let call = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params});
        input.write_all(format!("{call}\n").as_bytes()).expect("the pipe has room");
    }
    // The pipes are full when the last one is under way.
    let deadline = mcp_tap::clock::now() + PATIENCE;
    let counted =
        || std::fs::read_to_string(&file).map(|text| Scrape::parse(&text).sum("mcp_tool_requests_total"));
    while !counted().is_ok_and(|counted| counted >= 1.0) {
        assert!(mcp_tap::clock::now() < deadline, "{:?}: {:?}", counted(), std::fs::read_to_string(&file));
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    terminate(child.id());
    assert_eq!(ended(&mut child).signal(), Some(15));
    let metrics = written(&file);
    assert_eq!(metrics.sum("mcp_proxy_inflight_operations"), 0.0);
    assert_eq!(metrics.sum("mcp_tool_requests_total"), 60.0);
}

#[test]
fn a_script_that_does_not_say_of_what_is_a_shells() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join("server");
    std::fs::write(&script, "echo \"$1\"; exit 3\n").expect("a file");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("ours");
    let wrapped = Wrapped::start(&[], &[script.display().to_string(), "as given".to_owned()]);
    assert_eq!(wrapped.line(), "as given");
    assert_eq!(wrapped.wait().status.code(), Some(3));
}

fn terminate(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
}

/// Says each SIGTERM that it gets, for half a second after the first.
const LISTENER: &str = "
import os, signal, time
told = []
def tell(*_):
    os.write(2, b'SIGTERM\\n')
    told.append(1)
signal.signal(signal.SIGTERM, tell)
os.write(1, b'ready\\n')
while not told:
    time.sleep(0.01)
end = time.monotonic() + 0.5
while time.monotonic() < end:
    time.sleep(0.01)
";

/// As `npx` does: the server is a child, to which signals are passed on.
const LAUNCHER: &str =
    r#"python3 -c "$1" <&0 & server=$!; trap 'kill -TERM $server' TERM; wait $server; wait $server"#;

#[test]
fn a_launcher_that_passes_signals_on_is_the_only_one_that_does() {
    let server = ["sh", "-c", LAUNCHER, "sh", LISTENER].map(str::to_owned);
    // Not in a group of its own, as the official TypeScript client starts servers.
    let client = Wrapped::start(&[], &server);
    assert_eq!(client.line(), "ready");
    terminate(client.pid());
    assert_eq!(client.wait().errors, "SIGTERM\n");
}
