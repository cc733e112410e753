//! Servers with children, and clients that kill. What is left of the server's process group after it was told to end, or
//! after the wrapper was killed, the wrapper ends: with the server alone it would stay. All else is the same.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::stdio::{Client, same};

/// How long something may take that takes no time.
const SOON: Duration = Duration::from_secs(5);

/// What the wrapper says when it ends who is left.
const KILLED: &str = "children of the server go on after SIGTERM: killing them";

#[test]
fn a_server_whose_child_holds_its_output_ends_when_it_ends() {
    for kind in ["silent", "chatty"] {
        let direct = same(|play| {
            let client = play.begin(&["holder", kind]);
            client.stdout.wait_for("bye\n");
            let end = client.ended(2 * SOON);
            let child = play.noted("grandchild");
            if play.start.is_wrapped() {
                // The pipe was one to the wrapper.
                client.stdout.wait_for_end();
            }
            let mut outcome = play.outcome(&client, end, vec![format!("there: {}", child.is_there())]);
            outcome.stdout.retain(|byte| *byte != b'.');
            outcome
        });
        assert_eq!((&*direct.end, direct.notes.concat()), ("status 0", "there: true".to_owned()));
    }
}

#[test]
fn a_daemon_that_a_server_starts_outlives_it() {
    type End = fn(&mut Client);
    let ends: [(End, &str); 3] = [
        (Client::close_input, "status 0"),
        (|client| client.signal(Signal::TERM), "signal 15"),
        (|client| client.signal(Signal::KILL), "signal 9"),
    ];
    for (end, expected) in ends {
        let direct = same(|play| {
            let mut client = play.begin(&["daemon"]);
            client.stdout.wait_for("ready\n");
            let (server, daemon) = (play.noted("server"), play.noted("grandchild"));
            end(&mut client);
            let ended = client.ended(SOON);
            let notes = vec![format!("gone: {}, there: {}", server.is_gone_within(SOON), daemon.is_there())];
            client.stderr.wait_for_end();
            play.outcome(&client, ended, notes)
        });
        assert_eq!((&*direct.end, direct.notes.concat()), (expected, "gone: true, there: true".to_owned()));
    }
}

#[test]
fn a_child_that_goes_on_after_sigterm_is_ended_by_the_wrapper() {
    let direct = same(|play| {
        let client = play.begin(&["family"]);
        client.stdout.wait_for("ready\n");
        let child = play.noted("grandchild");
        client.signal(Signal::TERM);
        let ended = client.ended(SOON);
        if play.start.is_wrapped() {
            assert!(child.is_gone_within(SOON));
            client.stderr.wait_for_end();
        } else {
            assert!(child.is_there());
        }
        let mut outcome = play.outcome(&client, ended, Vec::new());
        if play.start.is_wrapped() {
            outcome.take_warnings(KILLED);
        }
        outcome
    });
    assert_eq!(direct.end, "signal 15");
}

#[test]
fn a_child_that_goes_on_after_the_end_of_input_goes_on() {
    let direct = same(|play| {
        let mut client = play.begin(&["family"]);
        client.stdout.wait_for("ready\n");
        let child = play.noted("grandchild");
        client.close_input();
        let ended = client.ended(SOON);
        play.outcome(&client, ended, vec![format!("there: {}", child.is_there())])
    });
    assert_eq!((direct.end, direct.notes.concat()), ("status 0".to_owned(), "there: true".to_owned()));
}

#[test]
fn a_client_that_kills_ends_the_server() {
    type Kill = fn(&Client, Signal);
    for (kill, whole_group) in [(Client::signal as Kill, false), (Client::signal_group as Kill, true)] {
        let direct = same(|play| {
            let mut client = play.begin(&["stubborn"]);
            client.stdout.wait_for("ready\n");
            let (server, child) = (play.noted("server"), play.noted("grandchild"));
            client.send(b"x\n").expect("the server reads");
            client.stdout.wait_for("x\n");
            client.close_input();
            client.stderr.wait_for("end\n");
            client.signal(Signal::TERM);
            client.stderr.wait_for("SIGTERM\n");
            kill(&client, Signal::KILL);
            let ended = client.ended(SOON);
            let gone = server.is_gone_within(SOON);
            if play.start.is_wrapped() || whole_group {
                assert!(child.is_gone_within(SOON));
                client.stderr.wait_for_end();
            } else {
                assert!(child.is_there());
            }
            play.outcome(&client, ended, vec![format!("gone: {gone}")])
        });
        assert_eq!((&*direct.end, direct.notes.concat()), ("signal 9", "gone: true".to_owned()));
        assert_eq!(direct.errors(), "end\nSIGTERM\n");
    }
}
