//! The official MCP conformance suite says the same of a server, and of a client, with the proxy in between as
//! without: for every scenario the same checks with the same status, not one more, not one less. Also when the proxy
//! traces everything and writes its context into every message.

#![expect(clippy::print_stdout, reason = "the counts belong into the log of a test run")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use support::collector::Collector;
use support::parts::{Parts, Server};
use support::process::{Process, fail};
use support::scrape::Scrape;
use support::spans::{Span, torn};
use support::tap::{EXECUTABLE, through_proxy, traced};

const SUITE: &str = "@modelcontextprotocol/conformance/dist/index.js";
/// One run of the suite takes up to 15 seconds on an idle machine.
const RUN: Duration = Duration::from_secs(300);
/// How long the suite waits for one scenario, in milliseconds. It runs up to 50 clients at once.
const SCENARIO: &str = "240000";
/// The client suites run one after another, for the same reason.
static CLIENTS: Mutex<()> = Mutex::new(());

/// How often each check had each status: (scenario, check, status).
type Checks = BTreeMap<(String, String, String), usize>;

#[test]
fn fixture_server_2025_11_25() {
    server_suite(&fixture(), "2025-11-25", 84);
}

#[test]
fn fixture_server_2026_07_28() {
    server_suite(&fixture(), "2026-07-28", 164);
}

#[test]
fn everything_server_2025_11_25() {
    server_suite(&everything(), "2025-11-25", 47);
}

/// A server of the legacy era: what it refuses, and how, has to come through too.
#[test]
fn everything_server_2026_07_28() {
    server_suite(&everything(), "2026-07-28", 11);
}

#[test]
fn client_2025_11_25() {
    client_suite("2025-11-25", 315);
}

#[test]
fn client_2026_07_28() {
    client_suite("2026-07-28", 479);
}

fn fixture() -> Server {
    Server::start("fixture server", "/mcp", &mut Parts::find().script("fixture-server.mjs"))
}

fn everything() -> Server {
    let program = "@modelcontextprotocol/server-everything/dist/index.js";
    Server::start("server-everything", "/mcp", Parts::find().package(program).arg("streamableHttp"))
}

/// Runs the suite's server scenarios directly, through the proxy, and through one that traces and writes contexts;
/// directly at least `floor` checks must pass, so that a run of nothing is no success.
fn server_suite(server: &Server, revision: &str, floor: usize) {
    let run = |url: &str| run(revision, Parts::find().package(SUITE).args(["server", "--url", url]));
    let direct = run(&server.url());

    let tap = through_proxy(&server.origin());
    let tapped = run(&tap.url(server.path));
    compare(revision, "through mcp-tap", &direct, &tapped, floor);
    balanced(&Scrape::of(tap.admin));

    let collector = Collector::start();
    let tap = traced(&server.origin(), &collector, &["--propagate", "full"]);
    let told = run(&tap.url(server.path));
    compare(revision, "through mcp-tap, traced", &direct, &told, floor);
    let scrape = Scrape::of(tap.admin);
    balanced(&scrape);
    println!("not written: {:?}", scrape.by("mcp_proxy_trace_context_not_written_total", ["reason"]));
    assert_eq!(scrape.sum("mcp_proxy_spans_dropped_total"), 0.0);
    let (status, log) = tap.stop();
    assert!(status.success(), "{status}: {log}");
    whole(&collector.spans());
}

/// The same for the client scenarios: there the suite is the server, and each scenario gets a proxy of its own
/// (through-proxy.mjs). They take longest, so the proxies trace and write contexts at once.
fn client_suite(revision: &str, floor: usize) {
    let _alone = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let collector = Collector::start();
    let flags = ["--otlp-endpoint", &collector.endpoint(), "--trace-ratio", "1", "--propagate", "full"];
    let flags = serde_json::json!(flags).to_string();
    let run = |client: &str| {
        let mut suite = Parts::find().package(SUITE);
        suite.args(["client", "--command", client]).env("MCP_TAP", EXECUTABLE);
        // Soon: the suite does not wait for the end of the proxies.
        suite.env("TAP_FLAGS", &flags).env("OTEL_BSP_SCHEDULE_DELAY", "50");
        run(revision, &mut suite)
    };
    let direct = run("node fixture-client.mjs");
    let tapped = run("node --import ./through-proxy.mjs fixture-client.mjs");
    compare(revision, "through mcp-tap, traced", &direct, &tapped, floor);
    whole(&collector.spans());
}

/// The collector got the calls of the suite, and no span whose parent in the same process is missing.
fn whole(spans: &[Span]) {
    let calls = spans.iter().filter(|span| span.name.starts_with("tools/call")).count();
    println!("{} spans, {calls} of calls", spans.len());
    assert!(calls > 0, "no call of a tool was traced");
    assert_eq!(torn(spans), Vec::<String>::new());
}

/// Runs the suite. Its exit code is no matter: some checks fail by design of the server, both ways.
fn run(revision: &str, suite: &mut Command) -> Run {
    let results = TempDir::new().expect("a temporary directory");
    suite.args(["--requirements", revision, "--timeout", SCENARIO, "--output-dir"]).arg(results.path());
    Process::start("conformance suite", suite).finish(RUN);
    let mut run = Run::default();
    run.collect(results.path(), "");
    run
}

/// What one run of the suite found.
#[derive(Default)]
struct Run {
    checks: Checks,
    /// Per scenario what went wrong in it, for failure messages.
    notes: BTreeMap<String, String>,
}

impl Run {
    /// Reads every `checks.json` below `directory`; `scenario` is the path so far.
    fn collect(&mut self, directory: &Path, scenario: &str) {
        for entry in fs::read_dir(directory).expect("the suite's results") {
            let path = entry.expect("the suite's results").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("names are ASCII");
            match name {
                "checks.json" => self.read(&path, scenario),
                "stderr.txt" => {
                    let printed = fs::read_to_string(&path).expect("the suite's results");
                    self.notes.entry(scenario.to_owned()).or_default().push_str(&printed);
                }
                _ if path.is_dir() => self.collect(&path, &format!("{scenario}/{}", without_time(name))),
                _ => {}
            }
        }
    }

    fn read(&mut self, path: &Path, scenario: &str) {
        let text = fs::read(path).expect("the suite's results");
        let list: Vec<Value> = serde_json::from_slice(&text).expect("a list of checks");
        for check in list {
            let member = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
            let (id, status) = (member("id"), member("status"));
            if status == "FAILURE" {
                let note = format!("{id}: {}\n", member("errorMessage"));
                self.notes.entry(scenario.to_owned()).or_default().push_str(&note);
            }
            *self.checks.entry((scenario.to_owned(), id, status)).or_default() += 1;
        }
    }

    fn with(&self, status: &str) -> usize {
        self.checks.iter().filter(|((_, _, of), _)| of == status).map(|(_, count)| count).sum()
    }
}

/// A directory is named after its scenario and the time of the run: `ping-2026-11-22T15-58-33-817Z`.
fn without_time(name: &str) -> &str {
    const TIME: usize = "-2026-11-22T15-58-33-817Z".len();
    match name.len().checked_sub(TIME) {
        Some(start) if name.ends_with('Z') => &name[..start],
        _ => name,
    }
}

/// The proxy's own books: whatever the suite did, each call that did not succeed has one party at fault.
fn balanced(scrape: &Scrape) {
    let results = scrape.by("mcp_tool_requests_total", ["result"]);
    let calls: f64 = results.values().sum();
    let succeeded = results.get(&["success".to_owned()]).copied().unwrap_or_default();
    println!("calls by result: {results:?}");
    assert!(calls > 0.0, "the proxy saw no call of a tool");
    assert_eq!(scrape.sum("mcp_proxy_faults_total"), calls - succeeded, "faults and failures differ");
}

fn compare(revision: &str, through: &str, direct: &Run, tapped: &Run, floor: usize) {
    for (way, run) in [("directly", direct), (through, tapped)] {
        println!(
            "{revision} {way}: {} passed, {} failed, {} warnings, {} checks in all",
            run.with("SUCCESS"),
            run.with("FAILURE"),
            run.with("WARNING"),
            run.checks.values().sum::<usize>(),
        );
    }
    let count = |run: &Run, check| run.checks.get(check).copied().unwrap_or_default();
    let differing: Vec<_> = direct
        .checks
        .keys()
        .chain(tapped.checks.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|check| count(direct, check) != count(tapped, check))
        .collect();
    let mut report: Vec<String> = differing
        .iter()
        .map(|check| format!("{check:?}: {} directly, {} tapped", count(direct, check), count(tapped, check)))
        .collect();
    for scenario in differing.iter().map(|(scenario, _, _)| scenario).collect::<BTreeSet<_>>() {
        for (way, run) in [("directly", direct), ("tapped", tapped)] {
            report.extend(run.notes.get(scenario).map(|note| format!("--- {scenario} {way}:\n{note}")));
        }
    }
    if !report.is_empty() {
        fail(&format!("{} checks differ {through}:\n{}", differing.len(), report.join("\n")));
    }
    assert!(direct.with("SUCCESS") >= floor, "less than {floor} checks passed without the proxy");
}
