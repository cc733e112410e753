//! Commands that do not start, odd files and surroundings to start with, and telemetry that does not work.

use std::fs::{File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use super::{beginning, call};
use crate::support::PATIENCE;
use crate::support::stdio::{Client, NOBODY, Outcome, Play, Start, all_starts, same, same_among};
use crate::support::tap::EXECUTABLE;

#[test]
fn a_command_that_cannot_start_has_the_status_that_shells_give_it() {
    for (name, mode, status) in
        [("absent", None, 127), ("plain", Some(0o600), 126), ("folder", Some(0o700), 126)]
    {
        for start in all_starts().split_off(1) {
            let play = Play::new(&start);
            let path = play.path(name);
            match (name, mode) {
                ("folder", _) => std::fs::create_dir(&path).expect("the folder is ours"),
                (_, Some(mode)) => {
                    std::fs::write(&path, "#!/bin/sh\n").expect("the folder is ours");
                    std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("the file is ours");
                }
                (_, None) => {}
            }
            let shell = Play::new(&Start::DIRECT);
            let by_shell = shell.end(shell.run_through(&["sh", "-c", "exec \"$0\""], &[&path]), Vec::new());
            let outcome = play.end(play.run(&[&path]), Vec::new());
            assert_eq!(outcome.end, by_shell.end);
            assert_eq!(outcome.end, format!("status {status}"));
            let told = format!("mcp-tap: cannot start the server `{}`: ", path.display());
            assert!(
                matches!(&outcome.warnings[..], [one] if one.starts_with(&told)),
                "{:?}",
                outcome.warnings
            );
            assert!(outcome.stdout.is_empty() && outcome.stderr.is_empty());
        }
    }
}

#[test]
fn a_wrong_command_line_has_status_64_and_leaves_standard_output_alone() {
    for line in
        [&["stdio"][..], &["stdio", "--"], &["stdio", "--no-such-flag", "--", "cat"], &["stdio", "cat"]]
    {
        let play = Play::new(&Start::DIRECT);
        let outcome = play.end(play.run_through(&[EXECUTABLE], line), Vec::new());
        assert_eq!((&*outcome.end, outcome.stdout.len()), ("status 64", 0), "{line:?}");
        assert!(!outcome.stderr.is_empty());
    }
}

#[test]
fn a_server_is_started_as_the_client_would_start_it() {
    let direct = same(|play| {
        let mut variables = play.variables.borrow_mut();
        variables.extend((0..1000).map(|number| (format!("HUGE_{number}").into(), "v".repeat(500).into())));
        variables.push(("ODD".into(), "a\nb=\u{e9}".into()));
        drop(variables);
        let long = "x".repeat(100_000);
        let mode = ["report", "", "--", "--help", "a b", "\"'$\\\n", "\u{e9}", &long];
        // With a file more, a limit, a mask and a niceness of its own.
        let outer = ["sh", "-c", "umask 027; ulimit -n 200; exec nice -n 3 \"$0\" \"$@\" 7</dev/null"];
        let mut client = play.run_through(&outer, &Play::odd(&mode));
        client.close_input();
        let mut outcome = play.end(client, Vec::new());
        let folder = play.path("").display().to_string();
        let text = String::from_utf8_lossy(&outcome.stdout).replace(folder.trim_end_matches('/'), "FOLDER");
        outcome.stdout = text.into_bytes();
        outcome
    });
    let report: serde_json::Value = serde_json::from_slice(&direct.stdout).expect("a report");
    // There may be files of whoever runs the tests.
    let files = report["files"].as_array().expect("a list");
    assert!([0, 1, 2, 7].iter().all(|file| files.contains(&serde_json::json!(file))), "{files:?}");
    assert_eq!(
        (report["umask"].as_i64(), report["limits"]["RLIMIT_NOFILE"][0].as_i64()),
        (Some(0o27), Some(200))
    );
    assert!(direct.stdout.len() > 600_000 && direct.end == "status 0");
}

/// Standard input and output that are no pipes.
fn with_files(play: &Play, input: &str, output: &str, mode: &str) -> Outcome {
    let stdin = File::open(input).expect("it can be read");
    let stdout =
        File::options().write(true).create(true).truncate(true).open(output).expect("it can be written");
    let client =
        Client::with_files(play.command(&Play::odd(&[mode])), Stdio::from(stdin), Stdio::from(stdout));
    let end = client.ended(PATIENCE);
    client.stderr.wait_for_end();
    let written =
        if output.starts_with("/dev") { Vec::new() } else { std::fs::read(output).expect("it is there") };
    Outcome::new(&play.start, (written, client.stderr.bytes()), end, Vec::new())
}

#[test]
fn input_and_output_may_be_files() {
    let text = format!("{}{}\n", beginning(), call(3)).repeat(1000);
    for (input, mode, lines) in [("input", "echo", 4000), ("/dev/null", "echo", 0), ("input", "mcp", 3000)] {
        let direct = same(|play| {
            std::fs::write(play.path("input"), &text).expect("the folder is ours");
            // A path that begins at the root stays as it is.
            let [input, output] = [input, "output"].map(|name| play.path(name).display().to_string());
            with_files(play, &input, &output, mode)
        });
        assert_eq!(direct.stdout.iter().filter(|byte| **byte == b'\n').count(), lines, "{input} {mode}");
        assert!(direct.end == "status 0" && direct.stderr.is_empty());
    }
}

#[test]
fn a_full_disk_is_noticed_by_the_server() {
    // By itself it is told that the disk is full, behind the wrapper that nobody reads any more.
    let direct = same(|play| {
        play.tell("go");
        let mut outcome = with_files(play, "/dev/null", "/dev/full", "write_on");
        let errors = outcome.errors();
        let expected = if play.start.is_wrapped() { "BrokenPipeError\n" } else { "OSError\n" };
        assert_eq!(errors, expected);
        outcome.stderr.clear();
        outcome
    });
    assert_eq!(direct.end, "status 9");
}

#[test]
fn telemetry_that_does_not_work_is_warned_of_and_no_more() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let taken = taken.local_addr().expect("it is bound").to_string();
    let troubles: [(&[&str], &str); 5] = [
        (&["--admin", &taken], "there is no admin port; the server runs without it"),
        (
            &["--admin", "auto", "--runtime-dir", "/dev/null/none"],
            "there is no admin port; the server runs without it",
        ),
        (&["--state-dir", "/dev/null/none"], "error budgets are not saved"),
        (&["--metrics-file", "/dev/null/none/metrics.prom"], "metrics are not written: trying again"),
        (&["--otlp-endpoint", NOBODY, "--otlp-metrics", "on"], "/v1/metrics"),
    ];
    let mut starts = vec![Start::DIRECT];
    starts.extend(troubles.iter().map(|(flags, _)| Start::wrapped("trouble", flags)));
    let direct = same_among(&starts, |play| {
        let mut client = play.begin(&["mcp"]);
        client.send(format!("{}{}\n", beginning(), call(3)).as_bytes()).expect("the server reads");
        client.stdout.wait_for("\"done\"");
        client.close_input();
        let mut outcome = play.end(client, Vec::new());
        if let Some(place) = starts.iter().position(|start| *start == play.start).filter(|place| *place > 0) {
            outcome.take_warnings(troubles[place - 1].1);
        }
        outcome
    });
    assert_eq!((&*direct.end, direct.stderr.len()), ("status 0", 0));
}
