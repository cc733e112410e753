//! The program itself: a short measurement of the wrapper.
//!
//! Needs mcp-tap beside it: `cargo build --bin mcp-tap`, which building all tests does.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its parts should fail there")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn mcp_tap() -> PathBuf {
    let tap = PathBuf::from(env!("CARGO_BIN_EXE_mcp-loadtest")).with_file_name("mcp-tap");
    assert!(tap.is_file(), "build it first: cargo build --bin mcp-tap");
    tap
}

fn stdio(tap: &Path, flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-loadtest"));
    command.arg("stdio").arg("--tap").arg(tap).args(flags).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A wrapper that does something to what mcp-tap lets through.
fn broken_tap(folder: &Path, filter: &str) -> PathBuf {
    let (path, tap) = (folder.join("broken-tap"), mcp_tap());
    let script = format!("#!/bin/sh\n\"{}\" \"$@\" | {filter}\n", tap.display());
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

const WAYS: [&str; 5] = [
    "direct",
    "cat | server | cat",
    "mcp-tap",
    "mcp-tap, traces 10%, propagate full",
    "mcp-tap, inspect off",
];

/// Figures of every way; of all but the direct one; and of those with mcp-tap between.
const FIGURES: [&[&str]; 3] = [
    &[
        "/first_answer_ms/value/median",
        "/single/p50_micros/value/median",
        "/single/p99_micros/value/median",
        "/single/messages_per_second/value/lowest",
        "/pipelined/messages_per_second/value/median",
        "/large/p50_micros/value/highest",
    ],
    &[
        "/first_answer_ms/added/median",
        "/single/p50_micros/added/median",
        "/single/p99_micros/times/median",
        "/large/p50_micros/added/lowest",
        "/single/cpu_micros/median",
        "/pipelined/cpu_micros/median",
        "/large/cpu_micros/median",
    ],
    &[
        "/resident_started_kib/median",
        "/resident_called_kib/median",
        "/resident_ended_kib/median",
        "/guard_kib/median",
    ],
];

#[test]
fn every_way_is_measured_and_what_it_adds_to_the_direct_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new/stdio.json");
    let json = format!("--json={}", file.display());
    let output = stdio(&mcp_tap(), &["--rounds=2", "--calls=40", "--size=200", "--pin", &json]);
    assert!(output.status.success(), "{}", said(&output));
    let measured: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let ways = measured["ways"].as_array().unwrap();
    assert_eq!(ways.iter().map(|way| way["name"].as_str().unwrap()).collect::<Vec<_>>(), WAYS);
    let (table, progress) = (String::from_utf8_lossy(&output.stdout), said(&output));
    for (index, way) in ways.iter().enumerate() {
        let figure = |path: &str| way.pointer(path).and_then(Value::as_f64);
        for (from, figures) in FIGURES.iter().enumerate() {
            for path in *figures {
                assert_eq!(figure(path).is_some(), index >= from, "{path}: {way}");
            }
        }
        assert!(FIGURES[0].iter().all(|path| figure(path) > Some(0.0)), "{way}");
        assert_eq!(way["pipelined"]["p50_micros"], Value::Null);
        let rows = table.lines().filter(|line| line.trim_start().starts_with(WAYS[index])).count();
        assert!(rows >= 4, "{table}");
        assert!(progress.contains(&format!("round 2 of 2: {}\n", WAYS[index])), "{progress}");
    }
    for wrapped in &ways[2..] {
        // A wrapper is some MiB, and a shell is not nothing.
        let median = |path: &str| wrapped.pointer(&format!("{path}/median")).unwrap().as_f64().unwrap();
        assert!(median("/resident_started_kib") > 2048.0 && median("/guard_kib") > 100.0, "{wrapped}");
        assert!(median("/single/cpu_micros") > 1.0, "{wrapped}");
    }
    assert!(table.contains("of 2 rounds, all on one CPU;"), "{table}");
    assert_eq!(measured["goals"].as_array().unwrap().len(), 2);
    assert!(table.contains("stdio, one call at a time: added p50"), "{table}");
    assert!(table.contains("of 2 targets met"), "{table}");
}

#[test]
fn an_answer_that_is_not_the_servers_ends_the_measurement() {
    let folder = tempfile::tempdir().unwrap();
    for (filter, expected) in [
        // Calls 8 to 47 go one at a time.
        (r#"sed -u 's/"id":15,/"id":16,/'"#, "mcp-tap: the answer to call 15 differs from byte 23 on"),
        // Calls 48 to 207 are pipelined.
        (r#"sed -u '/"id":90,/d'"#, "mcp-tap: the answer to call 90 differs from byte 23 on"),
        (r#"sed -u 's/"id":100,\(.*\)INFO/"id":100,\1WARN/'"#, "mcp-tap: the answer to call 100 differs"),
    ] {
        let output = stdio(&broken_tap(folder.path(), filter), &["--rounds=1", "--calls=40", "--json=-"]);
        let said = said(&output);
        assert!(!output.status.success() && output.stdout.is_empty(), "{filter}");
        assert!(said.contains(expected), "{filter}: {said}");
    }
}

#[test]
fn a_wrapper_that_does_not_work_is_named_with_its_words() {
    for (tap, flags, expected) in [
        (PathBuf::from("/no/such/program"), &[][..], "mcp-tap: No such file"),
        (PathBuf::from("/bin/false"), &[], "mcp-tap: the output ended before the answer to call 1"),
        (mcp_tap(), &["--tap-arg=--no-such-flag"], "it said:\nerror: unexpected argument '--no-such-flag'"),
        (mcp_tap(), &["--tap-arg=--propagate=nowhere"], "nowhere"),
    ] {
        let output = stdio(&tap, &[&["--rounds=1", "--calls=1"], flags].concat());
        assert!(!output.status.success());
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
}
