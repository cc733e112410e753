//! Official clients that start official servers, directly and wrapped by `mcp-tap stdio`: the clients get the same
//! answers, the metrics say what they did, number by number, and starting and stopping is as it was.

#[path = "stdio_clients/endings.rs"]
mod endings;
#[path = "clients/ledger.rs"]
mod ledger;
#[path = "clients/plan.rs"]
#[expect(dead_code, reason = "servers of ours are for other tests")]
mod plan;
#[path = "stdio_clients/servers.rs"]
mod servers;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use plan::Expected;
use servers::Server;
use support::parts::Parts;
use support::process::{Process, fail};
use support::scrape::Scrape;
use support::tap::EXECUTABLE;

/// One run of a client takes about two seconds on an idle machine.
const RUN: Duration = Duration::from_secs(60);

/// How SDKs refuse what they do not know.
const REFUSAL: &str = "-32601";

/// A client program, the name it gives itself, its way of connecting, and the revision that it comes to speak.
type Client = (&'static str, &'static str, &'static str, &'static str);
const V1: Client = ("client-v1.mjs", "typescript-v1", "stdio", "2025-11-25");
const V2: Client = ("client-v2.mjs", "typescript-v2", "legacy", "2025-11-25");
const PYTHON: Client = ("client.py", "python", "legacy", "2025-11-25");

/// Of a server that only speaks the older revisions.
/// Clients of both eras ask it for 2026-07-28 first and fall back; that of TypeScript asks a process of its own.
const LEGACY: [Client; 5] = [
    V1,
    V2,
    PYTHON,
    ("client-v2.mjs", "typescript-v2", "auto", "2025-11-25"),
    ("client.py", "python", "auto", "2025-11-25"),
];
/// Of a server of both eras.
const BOTH: [Client; 7] = [
    V1,
    V2,
    PYTHON,
    ("client-v2.mjs", "typescript-v2", "auto", "2026-07-28"),
    ("client-v2.mjs", "typescript-v2", "modern", "2026-07-28"),
    ("client.py", "python", "auto", "2026-07-28"),
    ("client.py", "python", "modern", "2026-07-28"),
];

#[test]
fn everything() {
    let server = Server::everything();
    check(&server, &LEGACY);
}

#[test]
fn filesystem() {
    let server = Server::filesystem();
    check(&server, &LEGACY);
}

#[test]
fn memory() {
    let server = Server::memory();
    check(&server, &LEGACY);
}

#[test]
fn sequential_thinking() {
    let server = Server::sequential_thinking();
    check(&server, &LEGACY);
}

#[test]
fn time_of_both_eras() {
    let server = Server::time();
    check(&server, &BOTH);
}

#[test]
fn git_of_both_eras() {
    let server = Server::git();
    check(&server, &BOTH);
}

#[test]
fn processor_time_is_charged_to_the_tool_that_used_it() {
    let server = Server::filesystem_at_work();
    let wrap = Wrap::new(&[]);
    run(V1, &wrap.around(&server.command), &server);
    let scrape = wrap.metrics();
    let used = |tool: &str| scrape.sum_where("mcp_compute_cpu_seconds_total", &[("tool_name", tool)]);
    let all = scrape.sum("mcp_server_process_cpu_seconds_total");
    let busy = scrape.sum_where("mcp_compute_seconds_total", &[("tool_name", "edit_file")]);
    let [edits, writes] = ["edit_file", "write_file"].map(used);
    assert!(edits > 0.05 && edits > 4.0 * writes, "{edits} s by edits, {writes} s by writes");
    // Starting took time too, and is nobody's.
    assert!(all > edits + writes, "{all} s in all, {edits} s by edits, {writes} s by writes");
    // One thread works and a few others collect garbage.
    assert!(edits < 3.0 * busy, "{edits} s of processors in {busy} s");
    assert!(scrape.sum_where("mcp_compute_resident_memory_bytes", &[("tool_name", "edit_file")]) > 1e6);
}

#[test]
fn who_is_connected_is_shown_meanwhile() {
    let server = Server::everything();
    let wrap = Wrap::new(&["--metrics-file-interval", "100ms"]);
    server.prepare();
    let client = start(PYTHON, &wrap.around(&server.command), &server);
    let seen = client.wait_until("a client is shown", || {
        let by =
            Scrape::parse(&wrap.files().first().map(read)?).by("mcp_active_connections", ["client_type"]);
        // Until `initialize` was read nobody knows who it is.
        (!by.is_empty() && !by.contains_key(&["unknown".to_owned()])).then_some(by)
    });
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [(["python-sdk".to_owned()], 1.0)]);
    assert!(client.finish(RUN).0.success());
    assert_eq!(wrap.metrics().sum("mcp_active_connections"), 0.0);
}

/// Has each client follow the plan twice: with the server alone, and with the wrapped one. Fails with all that is wrong
/// at once.
fn check(server: &Server, clients: &[Client]) {
    let (mut wrong, mut known) = (Vec::new(), None);
    for &client in clients {
        let (direct, said) = run(client, &direct(&server.command), server);
        let wrap = Wrap::new(&[]);
        let (tapped, said_tapped) = run(client, &wrap.around(&server.command), server);
        let mut differences = ledger::answer_differences(&server.plan, &direct, &tapped);
        if said != said_tapped {
            differences.push(format!("said {said:?} directly, {said_tapped:?} wrapped"));
        }
        let scrape = wrap.metrics();
        let mut seen = ledger::observed(&scrape);
        seen.extend(infos(&scrape));
        // The first one is told; clients that are bound to 2026-07-28 do not ask.
        let info = known.get_or_insert_with(|| ["name", "version"].map(|key| text(&direct["server"][key])));
        let mut expected = ledger::expected(client.1, &server.plan, &tapped, REFUSAL);
        expected.extend(expected_infos(info, client.3, &tapped));
        differences.extend(ledger::metric_differences(&seen, &expected));
        assert_eq!(wrap.files().len() as f64, tapped["started"].as_f64().expect("a count"));
        wrong.extend(differences.into_iter().map(|what| format!("{client:?}: {what}")));
    }
    if !wrong.is_empty() {
        fail(&wrong.join("\n"));
    }
}

/// A process for each that the client started. One that was asked in vain for 2026-07-28 said nothing of itself.
fn expected_infos([name, version]: &[String; 2], protocol: &str, run: &Value) -> Expected {
    let known = format!("info {name} {version} {protocol}");
    let started = run["started"].as_f64().expect("a count");
    let in_vain = if protocol == "2026-07-28" { 0.0 } else { started - 1.0 };
    let all = [(known, started - in_vain), ("info   ".to_owned(), in_vain)];
    all.into_iter().filter(|(_, count)| *count > 0.0).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn infos(scrape: &Scrape) -> Expected {
    let infos = scrape.by("mcp_server_info", ["name", "version", "protocol"]);
    infos.into_iter().map(|(labels, value)| (format!("info {}", labels.join(" ")), value)).collect()
}

/// Runs a client with a server; what it printed as its answers, and what was printed beside them.
fn run(client: Client, command: &[String], server: &Server) -> (Value, Vec<String>) {
    server.prepare();
    let (status, lines) = start(client, command, server).finish(RUN);
    assert!(status.success(), "{client:?} {status}:\n{}", lines.join("\n"));
    let (answers, mut said): (Vec<String>, Vec<String>) =
        lines.iter().map(|line| without_times(line)).partition(|line| line.starts_with("{\"server\""));
    let [answers] = &answers[..] else { fail(&format!("{client:?} did not answer once:\n{said:#?}")) };
    // Lines of client and server come as they come.
    said.sort();
    (serde_json::from_str(answers).expect("JSON"), said)
}

fn start((script, _, mode, _): Client, command: &[String], server: &Server) -> Process {
    let mut client = Parts::find().script(script);
    let plan = json!(server.plan.steps).to_string();
    Process::start(script, client.args([&json!(command).to_string(), mode, &plan]))
}

/// The only thing that differs between two direct runs: the server for times tells what time and day it is.
fn without_times(line: &str) -> String {
    let mut text = line.to_owned();
    for day in ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] {
        text = text.replace(day, "(day)");
    }
    let fits = |at: &[u8]| {
        at.iter().zip(TIME).all(|(is, should)| is == should || (*should == b'0' && is.is_ascii_digit()))
    };
    while let Some(at) = text.as_bytes().windows(TIME.len()).position(fits) {
        text.replace_range(at..at + TIME.len(), "(time)");
    }
    text
}

/// A time; each `0` stands for a digit.
const TIME: &[u8; 19] = b"0000-00-00T00:00:00";

/// A wrapper, each process of which writes to a file of its own.
struct Wrap {
    folder: TempDir,
    flags: Vec<&'static str>,
}

/// `$0` is the wrapper, `$1` the folder.
const WRAPPED: &str = r#"tap=$0 folder=$1
shift
exec "$tap" stdio --name tested --runtime-dir "$folder/running" --admin "unix:$folder/$$.sock" \
    --metrics-file "$folder/$$.prom" "$@""#;

/// The command through a shell, too: shells change their variables.
fn direct(command: &[String]) -> Vec<String> {
    let shell = ["sh", "-c", r#"exec "$@""#, "sh"].map(str::to_owned);
    shell.into_iter().chain(command.iter().cloned()).collect()
}

impl Wrap {
    fn new(flags: &[&'static str]) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), flags: flags.to_vec() }
    }

    /// The wrapped command.
    fn around(&self, command: &[String]) -> Vec<String> {
        let folder = self.folder.path().to_str().expect("paths of tests are text");
        let shell = ["sh", "-c", WRAPPED, EXECUTABLE, folder].into_iter();
        let words = shell.chain(self.flags.iter().copied()).chain(["--"]);
        words.chain(command.iter().map(String::as_str)).map(str::to_owned).collect()
    }

    /// The files that were written.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).expect("our folder").flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "prom"))
            .collect()
    }

    /// What all of the processes counted.
    fn metrics(&self) -> Scrape {
        let files = self.files();
        assert!(!files.is_empty(), "nothing was counted");
        Scrape::parse(&files.iter().map(read).collect::<String>())
    }
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).expect("it was written")
}
