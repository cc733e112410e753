//! How official clients start and stop a server, directly and wrapped: what the server sees of it, how long it takes,
//! what the client says, and what is left.

#![expect(clippy::disallowed_methods, reason = "real processes take real time: waits need a deadline")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::parts::Parts;
use super::support::process::{Process, fail};
use super::support::tap::EXECUTABLE;

/// The longest run has three waits of [`GRACE`] milliseconds.
const RUN: Duration = Duration::from_secs(30);

/// Milliseconds that all of the clients wait: after the end of the server's input, and after SIGTERM.
const GRACE: f64 = 2000.0;

/// How many milliseconds too early their timers may be.
const EARLY: f64 = 20.0;

/// How long a process that is killed may still be there.
const GONE: Duration = Duration::from_secs(5);

/// What is written there by the server reaches the client as it is.
const SAID: &str = "línea 1\nno end of line ✓";

/// A client program and its first arguments. The last of TypeScript starts a process before, to ask which revisions it
/// speaks, and ends it by SIGTERM.
const CLIENTS: [(&str, &[&str]); 4] = [
    ("start-stop.mjs", &["v1"]),
    ("start-stop.mjs", &["v2"]),
    ("start-stop.mjs", &["v2-auto"]),
    ("start_stop.py", &[]),
];

#[test]
fn a_server_that_ends_with_its_input_is_sent_no_signal() {
    check("obeys", &["start", "end of input"], 0.0);
}

#[test]
fn a_server_that_goes_on_is_sent_one_sigterm_after_the_grace() {
    check("lingers", &["start", "end of input", "SIGTERM"], 1.0);
}

#[test]
fn a_server_that_ignores_sigterm_is_killed_and_its_children_too() {
    check("stays", &["start", "child", "end of input", "SIGTERM"], 2.0);
}

#[test]
fn a_server_that_does_not_start_is_the_same_error() {
    check("fails", &["start"], 0.0);
}

/// One run of a client.
struct Run {
    /// Why connecting failed.
    error: Value,
    /// Milliseconds until it was closed.
    closed: f64,
    /// What came by standard error.
    said: String,
    /// What the server that was connected to noted.
    notes: Vec<Value>,
    /// Processes that are left after a while.
    left: Vec<u64>,
}

/// Runs all clients with a server of this kind, at the same time; directly and wrapped it must note `events`, and closing
/// must take as many graces.
fn check(kind: &str, events: &[&str], graces: f64) {
    let wrong: Vec<String> = thread::scope(|scope| {
        let runs = CLIENTS.map(|client| scope.spawn(move || differences(client, kind, events, graces)));
        runs.into_iter().flat_map(|run| run.join().expect("no panic")).collect()
    });
    if !wrong.is_empty() {
        fail(&wrong.join("\n"));
    }
}

fn differences(client: (&str, &[&str]), kind: &str, events: &[&str], graces: f64) -> Vec<String> {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = &temporary.path().canonicalize().expect("it exists");
    let [direct, wrapped] = [false, true].map(|wrapped| run(client, kind, folder, wrapped));
    let mut wrong = Vec::new();
    for (how, run) in [("directly", &direct), ("wrapped", &wrapped)] {
        let noted: Vec<_> = run.notes.iter().filter_map(|note| note["what"].as_str()).collect();
        if noted != events {
            wrong.push(format!("{how}: the server noted {noted:?}"));
        }
        if ((run.closed + EARLY) / GRACE).floor() != graces {
            wrong.push(format!("{how}: closing took {} ms", run.closed));
        }
        if run.said != SAID {
            wrong.push(format!("{how}: the server said {:?}", run.said));
        }
        if run.error.is_null() == (kind == "fails") {
            wrong.push(format!("{how}: connecting was {}", run.error));
        }
    }
    if direct.error != wrapped.error {
        wrong.push(format!("the error was {} directly, {} wrapped", direct.error, wrapped.error));
    }
    if !wrapped.left.is_empty() {
        wrong.push(format!("{:?} are left", wrapped.left));
    }
    let [first, other] = [&direct, &wrapped].map(|run| &run.notes[0]);
    if first["directory"] != other["directory"] || first["directory"] != json!(folder) {
        wrong.push(format!("it ran in {} directly, in {} wrapped", first["directory"], other["directory"]));
    }
    let [first, other] = [first, other].map(|note| note["variables"].as_object().expect("variables"));
    // Of others than these the values are nobody's business.
    let names = first.keys().chain(other.keys()).filter(|name| first.get(*name) != other.get(*name));
    let names: BTreeSet<_> = names.collect();
    if !names.is_empty() || first["GIVEN"] != "é 1" {
        wrong.push(format!("the server was given other variables: {names:?}"));
    }
    wrong.into_iter().map(|what| format!("{kind}, {client:?}: {what}")).collect()
}

fn run((script, first): (&str, &[&str]), kind: &str, folder: &Path, wrapped: bool) -> Run {
    let notes = Notes(folder.join(if wrapped { "wrapped" } else { "direct" }));
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stdio_clients/stubborn.py");
    let mut target = json!([python(), server, notes.0, kind]);
    if wrapped {
        let around = json!([EXECUTABLE, "stdio", "--metrics-file", folder.join("tap.prom"), "--"]);
        target = [around, target].iter().flat_map(|part| part.as_array().cloned()).flatten().collect();
    }
    let mut command = Parts::find().script(script);
    command.args(first).arg(target.to_string()).arg(folder);
    let (status, lines) = Process::start(script, &mut command).finish(RUN);
    let printed = lines.iter().find_map(|line| serde_json::from_str::<Value>(line).ok());
    let Some(printed) = printed.filter(|_| status.success()) else {
        fail(&format!("{script} {first:?} {kind} wrapped={wrapped} {status}:\n{}", lines.join("\n")))
    };
    let left = match wrapped {
        true => notes.await_end(),
        // Directly the clients of TypeScript leave the children of a server that they kill.
        false => Vec::new(),
    };
    let all = notes.read();
    let last = all.iter().rev().find(|note| note["what"] == "start").expect("the server ran")["by"].clone();
    let notes = all.into_iter().filter(|note| note["by"] == last).collect();
    let text = printed["said"].as_str().expect("a text").to_owned();
    let closed = printed["closed"].as_f64().expect("a number");
    Run { error: printed["error"].clone(), closed, said: text, notes, left }
}

fn python() -> String {
    let command = Parts::find().script("any.py");
    command.get_program().to_str().expect("paths of tests are text").to_owned()
}

/// What servers noted. When it is dropped, none of them runs any more, nor a child of theirs.
struct Notes(PathBuf);

impl Notes {
    fn read(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        // Who is killed may leave part of a line.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The processes that are there.
    fn running(&self) -> Vec<u64> {
        let processes =
            self.read().into_iter().flat_map(|note| [note["child"].as_u64(), note["by"].as_u64()]);
        let running: BTreeSet<u64> = processes.flatten().filter(|process| is_there(*process)).collect();
        running.into_iter().collect()
    }

    /// Waits until there are none, or long enough; gives what is left.
    fn await_end(&self) -> Vec<u64> {
        let deadline = Instant::now() + GONE;
        while !self.running().is_empty() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        self.running()
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        for process in self.running() {
            let kill = ["-KILL", &process.to_string()];
            Command::new("kill").args(kill).stderr(Stdio::null()).status().ok();
        }
    }
}

/// Whether it runs: one that ended and was not waited for does not (proc(5)).
fn is_there(process: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}
