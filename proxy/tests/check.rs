//! `mcp-tap check`, as its users run it.

#![expect(clippy::unwrap_used, reason = "this is how a test fails")]

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::process::without_variables;
use support::tap::EXECUTABLE;

fn check(file: &Path, flags: &[&str]) -> Output {
    let mut command = Command::new(EXECUTABLE);
    without_variables(&mut command, &["MCP_TAP_", "OTEL_"]);
    command.arg("check").arg("--config").arg(file).args(flags).stdin(Stdio::null()).output().unwrap()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_right_configuration_is_explained_and_nothing_is_started() {
    let file = file("slo: {objectives: [{name: all, sli: availability, target: 99.9}]}\n");
    // Nobody could listen there.
    let flags = ["--upstream", "http://127.0.0.1:9", "--listen", "192.0.2.1:1"];
    let output = check(file.path(), &flags);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    assert!(
        text.contains("all: availability 99.9%; allows 43m12s") && text.contains("192.0.2.1:1"),
        "{text}"
    );
    let json = check(file.path(), &["--json"]).stdout;
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["slo"]["objectives"][0]["tiers"][0]["error_ratio"], "0.0144");
    assert_eq!(json["run"], Value::Null);
}

#[test]
fn a_wrong_configuration_is_refused_with_all_problems_by_check_and_run() {
    let file = file("worker: 3\nworkers: many\nslo: {period: 1d}\ncost:\n  per_call: -1\n");
    let output = check(file.path(), &[]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(64), 0));
    let text = String::from_utf8(output.stderr).unwrap();
    let place = file.path().display().to_string();
    for (line, what) in
        [(1, "worker: there is no"), (2, "workers: "), (3, "slo.period: "), (5, "cost.per_call: ")]
    {
        assert!(text.contains(&format!("{place}:{line}: {what}")), "{text}");
    }
    assert!(text.contains("4 problems"), "{text}");
    let run = Command::new(EXECUTABLE).args(["run", "--config"]).arg(file.path()).output().unwrap();
    let told = String::from_utf8(run.stderr).unwrap();
    // What is missing to run comes on top.
    assert_eq!(run.status.code(), Some(64));
    assert!(told.contains("5 problems") && told.contains("slo.period"), "{told}");
}
