//! The demo as a user starts it: what it shows, how it ends, and that nothing is left of it.
//!
//! Needs the programs beside this one: `cargo build --bin mcp-tap --bin mcp-backend`, which building all tests does.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its parts should fail there")]

#[path = "../../proxy/tests/support/process.rs"]
#[expect(dead_code, reason = "shared with the tests of mcp-tap")]
mod process;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use mcp_loadtest::address::LoopbackUrl;
use mcp_loadtest::server;
use mcp_loadtest::workers::Running;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Looks at a condition, 20 ms apart, before it is given up.
const LOOKS: usize = 500;

fn demo(flags: &[&str]) -> Command {
    let beside = PathBuf::from(env!("CARGO_BIN_EXE_mcp-loadtest")).with_file_name("mcp-tap");
    assert!(beside.is_file(), "build it first: cargo build --bin mcp-tap --bin mcp-backend");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-loadtest"));
    process::without_variables(&mut command, &["OTEL_", "MCP_BACKEND_", "MCP_TAP_"]);
    // Failures leave their logs; here nobody would look at them.
    command.env("TMPDIR", env!("CARGO_TARGET_TMPDIR"));
    command.arg("demo").arg("--any-port").args(flags);
    command
}

/// A server of the user's own, with the flags that let agents call its tools.
fn own_server() -> (Running, [String; 4]) {
    let listen = "127.0.0.1:0".parse().unwrap();
    let running = server::start(server::Settings { listen, workers: 1, tools: 0 }).unwrap();
    let url = LoopbackUrl::at(running.address()).unwrap().to_string();
    (
        running,
        [format!("--upstream={url}"), "--call=small".into(), "--call=events".into(), "--pace=0.2".into()],
    )
}

fn with<'a>(own: &'a [String; 4], more: &[&'a str]) -> Vec<&'a str> {
    own.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// A demo that has begun, and what it said so far.
struct Begun {
    demo: Child,
    out: BufReader<ChildStdout>,
    children: Vec<u32>,
}

impl Begun {
    fn start(flags: &[&str]) -> Self {
        let mut demo = demo(flags).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(demo.stdout.take().unwrap());
        let mut said = String::new();
        while out.read_line(&mut said).unwrap() > 0 && !said.contains("Ctrl-C ends") {}
        let children: Vec<u32> = pids(&said);
        assert!(!children.is_empty(), "{said}");
        assert!(children.iter().all(|pid| runs(*pid)), "{said}");
        Self { demo, out, children }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.demo), signal).unwrap();
    }

    /// The exit status, and the rest of the output.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let status = self.demo.wait().unwrap();
        self.demo.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
        (status.code(), rest)
    }
}

fn pids(said: &str) -> Vec<u32> {
    let line = said.lines().find_map(|line| line.trim().strip_prefix("processes")).unwrap_or_default();
    line.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// It exists and is no zombie that waits for whoever adopted it.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn wait_until(condition: impl Fn() -> bool) -> bool {
    (0..LOOKS).any(|_| {
        let met = condition();
        if !met {
            std::thread::sleep(Duration::from_millis(20));
        }
        met
    })
}

#[test]
fn a_demo_before_a_server_of_ones_own_shows_its_calls_and_leaves_nothing() {
    let (_server, own) = own_server();
    let output = demo(&with(&own, &["--duration=4s", "--interval=1s"])).output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{out}{err}");
    for expected in [
        "CALLED TOOL",
        "small",
        "events",
        "all tools",
        "at fault",
        "claude-code",
        "cursor-vscode",
        "6 tools, 141 tokens per agent",
        "your MCP client  http://127.0.0.1:",
        "after ",
    ] {
        assert!(out.contains(expected), "{expected} is missing:\n{out}{err}");
    }
    assert!(!out.contains('\x1b'), "colours without a terminal:\n{out}");
    assert!(!out.contains("no proper answer"), "{out}");
    for pid in pids(&out) {
        assert!(!runs(pid), "{pid} is left");
    }
    let logs = out.lines().find_map(|line| line.trim().strip_prefix("logs")).unwrap().trim();
    assert!(!Path::new(logs).exists(), "{logs} is left");
}

#[test]
fn every_call_that_agents_sent_is_one_that_mcp_tap_counted() {
    let (_server, own) = own_server();
    let output = demo(&with(&own, &["--duration=4s", "--json", "--seed=7"])).output().unwrap();
    let (out, err) = text(&output);
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert!(summary["sent"]["calls"].as_u64() > Some(10), "{out}{err}");
    assert_eq!(summary["sent"]["calls"], summary["seen"]["total"]["calls"], "{out}");
    assert_eq!(summary["sent"]["unanswered"], 0, "{out}");
    // The only refusals of the fixture are those of tools that agents made up.
    assert_eq!(summary["seen"]["unknown_tools"], summary["seen"]["total"]["faults"]["caller"], "{out}");
}

#[test]
fn the_signals_that_end_a_program_end_the_demo_with_a_summary() {
    let (_server, own) = own_server();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let begun = Begun::start(&with(&own, &[]));
        let children = begun.children.clone();
        begun.signal(signal);
        let (status, rest) = begun.end();
        assert_eq!(status, Some(0), "{signal:?}: {rest}");
        assert!(rest.contains("the agents sent"), "{signal:?}: {rest}");
        assert!(children.iter().all(|pid| !runs(*pid)), "{signal:?}: {children:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_demo_that_is_killed_takes_its_servers_with_it() {
    let (_server, own) = own_server();
    let begun = Begun::start(&with(&own, &["--keep-logs"]));
    let children = begun.children.clone();
    begun.signal(Signal::KILL);
    assert_eq!(begun.end().0, None);
    assert!(wait_until(|| children.iter().all(|pid| !runs(*pid))), "{children:?}");
}

#[test]
fn a_server_that_ends_by_itself_fails_the_demo_with_its_last_words() {
    let (_server, own) = own_server();
    let begun = Begun::start(&with(&own, &["--interval=200ms"]));
    let tap = Pid::from_raw(i32::try_from(begun.children[0]).unwrap()).unwrap();
    kill_process(tap, Signal::TERM).unwrap();
    let (status, rest) = begun.end();
    assert_eq!(status, Some(1), "{rest}");
    assert!(rest.contains("mcp-tap ended by itself") && rest.contains("drain"), "{rest}");
}

#[test]
fn what_cannot_be_started_is_named_with_the_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("--upstream=http://{taken}");
    for (flags, expected) in [
        (
            &["--tap=/no/such/program"][..],
            "there is no /no/such/program; build it (cargo build --bin mcp-tap)",
        ),
        (
            &["--backend=/no/such/program"],
            "there is no /no/such/program; build it (cargo build --bin mcp-backend)",
        ),
        (&["--backend=/bin/false"], "mcp-backend ended by itself"),
        (&[&nobody], "cannot connect to"),
    ] {
        let output = demo(flags).output().unwrap();
        let (out, err) = text(&output);
        assert_eq!(output.status.code(), Some(1), "{flags:?}: {out}{err}");
        assert!(err.contains(expected), "{flags:?}: {out}{err}");
    }
}

/// How fast agents get on depends on the machine, so the demo ends when all was seen.
#[test]
fn a_demo_of_the_bundled_server_shows_its_tools_and_the_callers_mistakes() {
    let words = [
        "cluster_health",
        "list_pods",
        "diagnose_pod",
        "catalogue 11 tools",
        "claude-code",
        "cursor-vscode",
        "python-sdk",
        "Visual Studio Code",
        "inspector-client",
        "mcp ",
    ];
    let complete = |table: &str| {
        words.iter().all(|word| table.contains(word))
            && table.lines().any(|line| line.starts_with("at fault") && line.contains("caller"))
    };
    let mut begun = Begun::start(&["--duration=60s", "--interval=500ms", "--pace=0.3"]);
    let (mut table, mut line) = (String::new(), String::new());
    while !complete(&table) && begun.out.read_line(&mut line).unwrap() > 0 {
        if line.starts_with("after ") {
            table.clear();
        }
        table.push_str(&line);
        line.clear();
    }
    assert!(complete(&table), "{table}");
    begun.signal(Signal::INT);
    let (status, rest) = begun.end();
    assert!(status == Some(0) && !rest.contains("no proper answer"), "{status:?} {rest}");
}
