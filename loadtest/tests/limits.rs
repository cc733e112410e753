//! The program itself: what `limits` and `targets` say when there is nothing to measure.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its parts should fail there")]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mcp-loadtest")).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

#[test]
fn a_program_that_is_no_sidecar_is_named_with_its_fault() {
    for (flags, expected) in [
        (&["--tap=/no/such/program"][..], "mcp-tap: No such file"),
        (&["--tap=/bin/false"][..], "mcp-tap: ended before it was ready"),
        (&["--tap=/bin/true", "--soak=0s"][..], "more than nothing and at most"),
        (&["--tap=/bin/true", "--soak=25h"][..], "at most 1day"),
        (&["--tap=/bin/true", "--streams=0"][..], "1..=10000"),
    ] {
        let (output, said) = run(&[&["limits"], flags].concat());
        assert!(!output.status.success(), "{flags:?}");
        assert!(said.contains(expected), "{flags:?}: {said}");
    }
}

#[test]
fn targets_of_several_files_are_shown_together_and_checked_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, measured: f64| {
        let goal = format!(
            r#"{{"what":"{name}","measured":{measured},"spread":null,"target":1.0,"at_most":true,"unit":"","note":""}}"#
        );
        let path = directory.path().join(name);
        // Other members are passed over: the files hold much more.
        std::fs::write(&path, format!(r#"{{"scenarios":[],"goals":[{goal}]}}"#)).unwrap();
        path.display().to_string()
    };
    let (one, other) = (file("one", 0.5), file("other", 1.5));
    let (output, _) = run(&["targets", &one, &other]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.ends_with("1 of 2 targets met\n"), "{text}");
    let (output, said) = run(&["targets", "--check", &one, &other]);
    assert!(!output.status.success() && said.contains("1 targets are missed"), "{said}");
    let (output, _) = run(&["targets", "--check", &one]);
    assert!(output.status.success());
    std::fs::write(&one, "{}").unwrap();
    let (output, said) = run(&["targets", &one]);
    assert!(!output.status.success() && said.contains("was not written by `compare --json`"), "{said}");
}
