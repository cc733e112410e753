//! Signals that a client sends to the process that it started.

use rustix::process::Signal;

use crate::support::PATIENCE;
use crate::support::stdio::{Client, Play, same};

const SIGNALS: [(Signal, &str); 6] = [
    (Signal::TERM, "SIGTERM"),
    (Signal::INT, "SIGINT"),
    (Signal::HUP, "SIGHUP"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::USR1, "SIGUSR1"),
    (Signal::USR2, "SIGUSR2"),
];

/// To the process, as most clients do, and to its group, as terminals and the official Python client do.
const SEND: [fn(&Client, Signal); 2] = [Client::signal, Client::signal_group];

#[test]
fn each_signal_reaches_the_server_once() {
    for send in SEND {
        let direct = same(|play| {
            let client = play.begin(&["handle", "SIGTERM"]);
            client.stdout.wait_for("ready\n");
            // The last one ends it.
            for (signal, name) in [&SIGNALS[1..], &SIGNALS[1..], &SIGNALS[..1]].concat() {
                send(&client, signal);
                client.stderr.wait_for_last(format!("{name}\n").as_bytes());
            }
            play.end(client, Vec::new())
        });
        assert_eq!(direct.end, "status 5");
        assert_eq!(direct.errors().lines().count(), 11);
    }
}

#[test]
fn a_server_chooses_its_status_at_any_signal() {
    for (signal, name) in SIGNALS {
        let direct = same(|play| {
            let client = play.begin(&["handle", name]);
            client.stdout.wait_for("ready\n");
            client.signal(signal);
            play.end(client, Vec::new())
        });
        assert_eq!((&*direct.end, direct.errors()), ("status 5", format!("{name}\n")));
    }
}

#[test]
fn a_server_that_a_signal_ends_is_seen_to_be_ended_by_it() {
    for (signal, _) in SIGNALS {
        for send in SEND {
            let direct = same(|play| {
                let client = play.begin(&["plain"]);
                client.stdout.wait_for("ready\n");
                send(&client, signal);
                play.end(client, Vec::new())
            });
            assert_eq!((&*direct.end, &*direct.errors()), (&*format!("signal {}", signal.as_raw()), ""));
        }
    }
}

#[test]
fn a_signal_that_is_not_passed_on_ends_both() {
    let direct = same(|play| {
        let client = play.begin(&["plain"]);
        client.stdout.wait_for("ready\n");
        let server = play.noted("server");
        client.signal(Signal::ALARM);
        let notes = vec![format!("gone: {}", server.is_gone_within(PATIENCE))];
        play.end(client, notes)
    });
    assert_eq!((&*direct.end, direct.notes.concat()), ("signal 14", "gone: true".to_owned()));
}

/// As nohup starts commands, and shells those in the background.
const NOHUP: [&str; 3] = ["sh", "-c", "trap '' HUP INT QUIT; exec \"$0\" \"$@\""];

#[test]
fn signals_that_were_ignored_from_the_start_stay_so() {
    let direct = same(|play| {
        let mut client = play.run_through(&NOHUP, &Play::odd(&["echo"]));
        client.send(b"ready\n").expect("the server reads");
        client.stdout.wait_for("ready\n");
        for (signal, _) in &SIGNALS[1..4] {
            client.signal(*signal);
        }
        client.send(b"still here\n").expect("the server reads");
        client.stdout.wait_for("still here\n");
        client.close_input();
        play.end(client, Vec::new())
    });
    assert_eq!((&*direct.end, direct.errors()), ("status 0", String::new()));
}

#[test]
fn a_server_may_take_what_was_ignored_from_the_start() {
    let direct = same(|play| {
        let client = play.run_through(&NOHUP, &Play::odd(&["handle", "SIGHUP"]));
        client.stdout.wait_for("ready\n");
        for (signal, name) in [SIGNALS[1], SIGNALS[2]] {
            client.signal(signal);
            client.stderr.wait_for(&format!("{name}\n"));
        }
        play.end(client, Vec::new())
    });
    assert_eq!((&*direct.end, &*direct.errors()), ("status 5", "SIGINT\nSIGHUP\n"));
}
