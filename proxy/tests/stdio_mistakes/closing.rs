//! One side closes one of its files, or does not use it, and goes on.

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Signal;

use crate::support::stdio::{Outcome, Play, Start, all_starts, same, same_among, wait_until};

/// How long nothing is taken by a pipe that is full.
const QUIET: Duration = Duration::from_millis(500);

/// All starts, by pipes and by sockets.
fn by_pipes_and_sockets(scenario: impl Fn(&Play) -> Outcome + Sync) -> Outcome {
    let sockets = all_starts().into_iter().map(Start::by_sockets);
    let starts: Vec<_> = all_starts().into_iter().chain(sockets).collect();
    same_among(&starts, scenario)
}

#[test]
fn a_server_that_never_reads_is_heard_until_the_client_ends_it() {
    let lines = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{\"a\":1}}\n".repeat(40_000);
    let direct = by_pipes_and_sockets(|play| {
        let mut client = play.begin(&["deaf"]);
        client.stdout.wait_for("ready\n");
        let sent = client.push(lines.as_bytes(), QUIET).expect("it is not closed");
        assert!(sent < lines.len() / 2, "{sent} bytes are somewhere");
        play.tell("go");
        client.stdout.wait_for("still here 999\n");
        client.stderr.wait_for("went on\n");
        client.leave();
        client.signal(Signal::TERM);
        play.end(client, vec!["full".to_owned()])
    });
    assert_eq!((&*direct.end, &*direct.errors()), ("signal 15", "went on\n"));
}

#[test]
fn a_server_that_closes_its_output_is_not_at_its_end() {
    let direct = by_pipes_and_sockets(|play| {
        let mut client = play.begin(&["close_output"]);
        client.stdout.wait_for_end();
        client.stderr.wait_for("closed\n");
        let mut notes = vec![format!("goes on: {}", client.goes_on())];
        play.tell("go");
        client.send(b"are you there?\n").expect("the server reads");
        client.stderr.wait_for("ack are you there?\n");
        notes.push(format!("goes on: {}", client.goes_on()));
        client.close_input();
        play.end(client, notes)
    });
    assert_eq!(direct.stdout, b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/last\"}\nand half a li");
    assert_eq!((&*direct.end, direct.notes.concat()), ("status 3", "goes on: true".repeat(2)));
}

#[test]
fn a_server_that_closes_its_input_is_written_to_no_more() {
    let direct = by_pipes_and_sockets(|play| {
        let client = play.begin(&["close_input"]);
        client.stderr.wait_for("closed\n");
        let refused = wait_until("error of writing", || client.send(b"{}\n").err());
        play.tell("go");
        play.end(client, vec![format!("{}", refused == Errno::PIPE)])
    });
    assert_eq!(direct.stdout, b"ready\nstill here\n");
    assert_eq!((&*direct.end, direct.notes.concat()), ("status 4", "true".to_owned()));
}

#[test]
fn a_client_that_reads_no_more_is_noticed_by_the_server() {
    let direct = same(|play| {
        let client = play.begin(&["write_on"]);
        client.stdout.wait_for("ready\n");
        play.tell("go");
        client.stdout.wait_for("xxx\n");
        client.stdout.close();
        let mut outcome = play.end(client, Vec::new());
        // How far it came is a matter of time.
        outcome.stdout.clear();
        outcome
    });
    assert_eq!((&*direct.end, &*direct.errors()), ("status 9", "BrokenPipeError\n"));
}
