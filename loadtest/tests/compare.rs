//! The program itself: a short comparison of what it starts.
//!
//! Needs mcp-tap beside it: `cargo build --bin mcp-tap`, which building all tests does.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its parts should fail there")]

use std::process::{Command, Output};

use serde_json::Value;

/// The only addresses in a page are names of XML and what the command said.
fn needs_nothing_from_elsewhere(html: &str) -> bool {
    html.split("http")
        .skip(1)
        .all(|rest| rest.starts_with("://www.w3.org/2000/svg") || rest.starts_with("://127."))
}

fn compare(flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mcp-loadtest")).arg("compare").args(flags).output().unwrap()
}

#[test]
fn a_comparison_gives_figures_for_each_target_and_scenario() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("new/report.html");
    let pictures = directory.path().join("pictures");
    let output = compare(&[
        &format!("--html={}", page.display()),
        &format!("--svg-dir={}", pictures.display()),
        "--rounds=1",
        "--seconds=1",
        "--connections=4",
        "--scenario=small@2,sse:20",
        "--idle-streams=50",
        "--json=-",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let comparison: Value = serde_json::from_slice(&output.stdout).unwrap();
    let scenarios = comparison["scenarios"].as_array().unwrap();
    assert_eq!(scenarios.len(), 2);
    for figures in scenarios {
        let [direct, bare] = &figures["targets"].as_array().unwrap()[..] else { panic!("{figures}") };
        assert_eq!((&direct["name"], &bare["name"]), (&"direct".into(), &"bare".into()));
        assert!(direct["requests_per_second"].as_f64().unwrap() > 0.0);
        assert_eq!(direct["cpu_micros"], Value::Null);
        assert!(bare["cpu_micros"]["median"].as_f64().unwrap() > 0.0);
        assert!(bare["resident_kib"].as_f64().unwrap() > 0.0);
        assert_eq!(bare["cpu_ratio"]["median"], 1.0);
    }
    let html = std::fs::read_to_string(page).unwrap();
    assert!(needs_nothing_from_elsewhere(&html), "{html}");
    // Latency and CPU of two scenarios, and the idle streams.
    assert_eq!((html.matches("<svg ").count(), std::fs::read_dir(pictures).unwrap().count()), (5, 5));
    let [idle] = &comparison["idle"].as_array().unwrap()[..] else { panic!("{comparison}") };
    assert_eq!((&idle["name"], &idle["streams"]), (&"bare".into(), &50.into()));
}

#[test]
fn mcp_tap_answers_like_the_server_whatever_is_called() {
    let tap = std::path::PathBuf::from(env!("CARGO_BIN_EXE_mcp-loadtest")).with_file_name("mcp-tap");
    assert!(tap.is_file(), "build it first: cargo build --bin mcp-tap");
    let output = compare(&[
        &format!("--tap={}", tap.display()),
        "--trace-ratio=10%",
        "--pin",
        "--rounds=1",
        "--seconds=1",
        "--connections=4",
        "--scenario=stateless@1,batch:3,agents",
        "--json=-",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let comparison: Value = serde_json::from_slice(&output.stdout).unwrap();
    for figures in comparison["scenarios"].as_array().unwrap() {
        let targets = figures["targets"].as_array().unwrap();
        let names: Vec<&str> = targets.iter().map(|target| target["name"].as_str().unwrap()).collect();
        // The one with inspection off takes part if there is such a flag.
        for name in ["direct", "bare", "mcp-tap", "mcp-tap, traces 10%"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        for target in targets.iter().filter(|target| target["name"] != "direct") {
            assert!(target["cpu_ratio"]["median"].as_f64().unwrap() > 0.0, "{target}");
            assert!(target["curve"].as_array().unwrap().len() > 10, "{target}");
        }
    }
}

#[test]
fn a_target_that_does_not_work_is_named() {
    for (flags, expected) in [
        (&["--tap=/bin/false"][..], "mcp-tap: ended before it listened"),
        (&["--tap=/no/such/program"][..], "mcp-tap: No such file"),
        (&["--nginx=/bin/false"][..], "nginx: ended before it listened"),
        (&["--haproxy=/bin/false"][..], "haproxy, log: ended before it listened"),
    ] {
        let output = compare(flags);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(said.contains(expected), "{said}");
    }
}
