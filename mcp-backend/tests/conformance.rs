//! The official conformance suite against the real program: the scenarios that need no tools made for the suite pass,
//! but for the checks named here, as far as rmcp itself passes them.

#![expect(clippy::print_stdout, reason = "the counts belong into the log of a test run")]

#[expect(dead_code, reason = "each test file uses its own part")]
#[path = "support/backend.rs"]
mod backend;
#[expect(dead_code, reason = "shared with the tests of mcp-tap")]
#[path = "../../proxy/tests/support/parts.rs"]
mod parts;
#[expect(dead_code, reason = "shared with the tests of mcp-tap")]
#[path = "../../proxy/tests/support/process.rs"]
mod process;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use mcp_backend::tool::catalogue;
use serde_json::Value;
use tempfile::TempDir;

use backend::Backend;
use parts::Parts;
use process::Process;

const SUITE: &str = "@modelcontextprotocol/conformance/dist/index.js";
/// One run takes some seconds on an idle machine.
const RUN: Duration = Duration::from_secs(240);

/// Scenarios of both revisions.
const BOTH: [&str; 5] = [
    "dns-rebinding-protection",
    "prompts-list",
    "resources-list",
    "server-sse-multiple-streams",
    "tools-list",
];
const LEGACY: [&str; 4] = ["ping", "server-initialize", "server-session-lifecycle", "server-sse-polling"];
const MODERN: [&str; 5] = [
    "caching",
    "input-required-result-unsupported-methods",
    "input-required-result-validate-input",
    "sep-2164-resource-not-found",
    "server-stateless",
];
/// Scenarios that take any tool there is, one of them one with `x-mcp-header`.
const MODERN_WITH_TOOLS: [&str; 2] = ["http-custom-header-server-validation", "http-header-validation"];

/// What does not pass for want of a tool that only test servers have.
const LEGACY_LACKS: [&str; 1] = ["server-sse-disconnect-resume"];
const MODERN_LACKS: [&str; 4] = [
    "sep-2575-http-server-no-independent-requests-on-stream",
    "sep-2575-missing-capability-http-400",
    "sep-2575-server-no-log-without-loglevel",
    "sep-2575-server-rejects-undeclared-capability",
];

#[test]
fn suite_of_2025_11_25() {
    check("2025-11-25", &[&BOTH[..], &LEGACY].concat(), &LEGACY_LACKS, 20);
}

#[test]
fn suite_of_2026_07_28() {
    let scenarios = [&BOTH[..], &MODERN].concat();
    if catalogue().is_empty() {
        check("2026-07-28", &scenarios, &MODERN_LACKS, 48);
    } else {
        check("2026-07-28", &[&scenarios[..], &MODERN_WITH_TOOLS].concat(), &MODERN_LACKS, 60);
    }
}

/// Runs the suite; of these scenarios exactly the checks in `lacks` do not pass, and at least `floor` do.
fn check(revision: &str, scenarios: &[&str], lacks: &[&str], floor: usize) {
    let backend = Backend::start(&["--sim-latency", "off"]);
    let results = TempDir::new().expect("a temporary directory");
    let mut suite = Parts::find().package(SUITE);
    // Among the scripts of mcp-tap's tests there is nothing that the suite would read.
    suite.current_dir(results.path());
    suite.args(["server", "--url", &backend.url(), "--requirements", revision, "--timeout", "120000"]);
    suite.arg("--output-dir").arg(results.path());
    // Its exit code is no matter: it counts the scenarios that need a test server, too.
    Process::start("conformance suite", &mut suite).finish(RUN);

    let (mut passed, mut failed) = (0, BTreeSet::new());
    let mut run = BTreeSet::new();
    for entry in fs::read_dir(results.path()).expect("the suite's results") {
        let path = entry.expect("the suite's results").path();
        let Some(scenario) = scenarios.iter().find(|scenario| is_of(&path, scenario)) else { continue };
        run.insert(*scenario);
        let text = fs::read(path.join("checks.json")).expect("the suite's results");
        let checks: Vec<Value> = serde_json::from_slice(&text).expect("a list of checks");
        for check in &checks {
            let id = check["id"].as_str().expect("an id").to_owned();
            match check["status"].as_str() {
                Some("SUCCESS") => passed += 1,
                Some("FAILURE" | "WARNING") => {
                    println!("{scenario} {id}: {}", check["errorMessage"]);
                    failed.insert(id);
                }
                _ => {}
            }
        }
    }
    println!("{revision}: {passed} checks passed");
    assert_eq!(run, scenarios.iter().copied().collect(), "the suite did not run them all");
    assert_eq!(failed, lacks.iter().map(ToString::to_string).collect());
    assert!(passed >= floor, "{passed} checks passed, not {floor}");
}

/// A directory is named after its scenario and the time of the run: `server-ping-2026-11-22T15-58-33-817Z`.
fn is_of(path: &Path, scenario: &str) -> bool {
    const TIME: usize = "-2026-11-22T15-58-33-817Z".len();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.len().checked_sub(TIME).and_then(|end| name.get(..end)?.strip_prefix("server-")) == Some(scenario)
}
