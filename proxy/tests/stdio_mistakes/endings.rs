//! Servers that do not end when their input does. The wrapper ends them when the client does not; by themselves they stay.

use std::thread;
use std::time::Duration;

use mcp_tap::clock;
use rustix::process::Signal;

use super::{FULL, call};
use crate::support::stdio::{Client, Play, Start, same, same_among};

/// How long the wrapper may take over what it does after one second, or two.
const SOON: Duration = Duration::from_secs(8);

const QUICK: [&str; 4] = ["--exit-wait", "1s", "--kill-wait", "1s"];

const ASKED: &str = "the server goes on though its input is closed: sending SIGTERM";
const KILLED: &str = "the server goes on after SIGTERM: killing it";

fn wrapped() -> Start {
    Start::wrapped("quick", &QUICK)
}

#[test]
fn a_server_that_ignores_the_end_and_sigterm_is_killed() {
    let play = Play::new(&wrapped());
    let mut client = play.begin(&["stubborn"]);
    client.stdout.wait_for("ready\n");
    let (server, child) = (play.noted("server"), play.noted("grandchild"));
    client.close_input();
    assert_eq!(client.ended(SOON), "signal 9");
    assert!(server.is_gone_within(SOON) && child.is_gone_within(SOON));
    let mut outcome = play.end(client, Vec::new());
    assert_eq!(outcome.errors(), "end\nSIGTERM\n");
    outcome.take_warnings(ASKED);
    outcome.take_warnings(KILLED);
    assert!(outcome.warnings.is_empty(), "{:#?}", outcome.warnings);
}

#[test]
fn a_server_that_ignores_sigterm_of_the_client_is_killed() {
    let play = Play::new(&wrapped());
    let client = play.begin(&["handle", "none"]);
    client.stdout.wait_for("ready\n");
    client.signal(Signal::TERM);
    let mut outcome = play.end(client, Vec::new());
    assert_eq!((&*outcome.end, &*outcome.errors()), ("signal 9", "SIGTERM\n"));
    outcome.take_warnings(KILLED);
}

#[test]
fn without_a_wait_a_server_stays_as_long_as_by_itself() {
    let patient = Start::wrapped("patient", &["--exit-wait", "off", "--kill-wait", "off"]);
    let outcome = same_among(&[Start::DIRECT, patient], |play| {
        let mut client = play.begin(&["stubborn"]);
        client.stdout.wait_for("ready\n");
        client.close_input();
        client.stderr.wait_for("end\n");
        client.signal(Signal::TERM);
        client.stderr.wait_for("SIGTERM\n");
        // As long as an impatient one needs for both steps.
        let impatient = Play::new(&wrapped());
        let mut other = impatient.begin(&["stubborn"]);
        other.stdout.wait_for("ready\n");
        other.close_input();
        other.ended(SOON);
        let there = play.noted("server").is_there();
        client.signal_group(Signal::KILL);
        play.noted("server").is_gone_within(SOON);
        play.outcome(&client, client.ended(SOON), vec![format!("there: {there}")])
    });
    assert_eq!(outcome.notes, ["there: true"]);
}

#[test]
fn a_server_that_has_something_to_say_is_not_disturbed() {
    // An answer that takes longer than the wait, and lines that come more often.
    let late = "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}\n";
    let cases: [(&[&str], Option<String>, &str); 2] =
        [(&["answer", "3"], Some(call(3)), late), (&["tick", "12", "0.25"], None, "tick 11\n")];
    for (mode, request, last) in cases {
        let direct = same_among(&[Start::DIRECT, wrapped()], |play| {
            let mut client = play.begin(mode);
            client.stdout.wait_for("ready\n");
            if let Some(request) = &request {
                client.send(format!("{request}\n").as_bytes()).expect("the server reads");
            }
            client.close_input();
            client.stdout.wait_for_last(last.as_bytes());
            if request.is_some() && !play.start.is_wrapped() {
                // The wrapper does so a second after the answer.
                client.signal(Signal::TERM);
            }
            let mut outcome = play.end(client, Vec::new());
            if request.is_some() && play.start.is_wrapped() {
                outcome.take_warnings(ASKED);
            }
            outcome
        });
        let (end, errors) = if request.is_some() { ("status 5", "end\nSIGTERM\n") } else { ("status 0", "") };
        assert_eq!((&*direct.end, &*direct.errors()), (end, errors));
    }
}

#[test]
fn a_server_is_not_left_behind_when_its_client_is_gone() {
    // With a request that nobody waits for any more, with a pipe so full that its end is not seen, and with one that the
    // server closed.
    let leave = |mode: &[&str], requests: usize, start: &Start| {
        let play = Play::counted(start);
        let mut client = play.begin(mode);
        client.stdout.wait_for("ready\n");
        let server = play.noted("server");
        let requests = format!("{}\n", call(3)).repeat(requests);
        client.push(requests.as_bytes(), Duration::from_millis(300)).expect("it is not closed");
        client.leave();
        assert!(server.is_gone_within(SOON), "{mode:?} stays behind");
        client.ended(SOON);
        // It did not end by itself.
        let metrics = play.metrics();
        assert_eq!(metrics.sum_where("mcp_tool_requests_total", &[("error_type", "process_exit")]), 0.0);
    };
    thread::scope(|scope| {
        for (mode, requests) in [(&["answer", "1000"][..], 1), (&["deaf"], 20_000), (&["close_input"], 0)] {
            for start in [wrapped(), wrapped().by_sockets()] {
                scope.spawn(move || leave(mode, requests, &start));
            }
        }
    });
}

#[test]
fn a_silent_server_whose_input_is_open_is_left_alone() {
    let play = Play::new(&wrapped());
    let client = play.begin(&["answer", "1000"]);
    client.stdout.wait_for("ready\n");
    pass(&client, Duration::from_secs(3));
    client.signal(Signal::TERM);
    assert_eq!(client.ended(SOON), "status 5");
}

#[test]
fn what_a_server_wrote_last_is_there_for_a_client_that_takes_its_time() {
    // As much as fits into both pipes, so that the server ends at once; and more than that.
    for size in [100_000, 400_000] {
        let direct = same(|play| {
            let client = play.begin(&["burst", &size.to_string()]);
            client.stdout.hold();
            client.stdout.wait_for_waiting(FULL);
            pass(&client, Duration::from_secs(3));
            client.stdout.go_on();
            play.end(client, Vec::new())
        });
        assert_eq!((direct.stdout.len(), &*direct.end), (size, "status 6"));
    }
}

#[test]
fn a_server_that_is_ended_is_not_kept_by_a_client_that_does_not_read() {
    let direct = same(|play| {
        let client = play.begin(&["burst", "400000"]);
        client.stdout.hold();
        client.stdout.wait_for_waiting(FULL);
        client.signal(Signal::TERM);
        let end = client.ended(SOON);
        client.stdout.close();
        let mut outcome = play.outcome(&client, end, Vec::new());
        outcome.stdout.clear();
        outcome
    });
    assert_eq!(direct.end, "signal 15");
}

/// Time passes, in which the process goes on.
fn pass(client: &Client, time: Duration) {
    let begun = clock::now();
    while clock::now() < begun + time {
        assert!(client.goes_on(), "it ended");
        thread::sleep(Duration::from_millis(50));
    }
}
