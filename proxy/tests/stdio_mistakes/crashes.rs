//! Servers that end when nobody asked them to.

use std::collections::BTreeMap;
use std::thread;

use super::{beginning, call};
use crate::support::stdio::{Outcome, Play, Start, same, same_among};

/// Half of an answer, as the odd server writes it.
const HALF: &str = r#"{"jsonrpc":"2.0","id":3,"result":{"content":[{"type":"text","te"#;

fn crash(play: &Play, how: &str) -> Outcome {
    let client = play.begin(&["crash", how]);
    client.send(format!("{}{}\n", beginning(), call(3)).as_bytes()).expect("the server reads");
    client.stdout.wait_for(HALF);
    play.end(client, Vec::new())
}

#[test]
fn a_crash_in_the_middle_of_a_line_is_seen_as_it_was() {
    let ways = [
        ("SIGKILL", "signal 9"),
        ("SIGSEGV", "signal 11"),
        ("abort", "signal 6"),
        ("7", "status 7"),
        ("0", "status 0"),
    ];
    thread::scope(|scope| {
        for (how, end) in ways {
            scope.spawn(move || {
                let direct = same(|play| crash(play, how));
                assert!(direct.stdout.ends_with(HALF.as_bytes()) && direct.stderr.is_empty(), "{how}");
                assert_eq!(direct.end, end);
                let play = Play::counted(&Start::wrapped("counted", &[]));
                assert_eq!(crash(&play, how).end, end);
                // Whatever its status is, the client waits for ever.
                let ended = play.metrics().by("mcp_tool_requests_total", ["tool_name", "error_type"]);
                let expected = [(["work".to_owned(), "process_exit".to_owned()], 1.0)];
                assert_eq!(ended, BTreeMap::from(expected), "{how}");
            });
        }
    });
}

#[test]
fn a_server_that_is_ended_by_any_signal_is_seen_to_be() {
    // Not those that stop a process or are ignored.
    let signals = (1..=31).filter(|signal| !(17..=23).contains(signal) && *signal != 28).chain([34, 64]);
    for signal in signals {
        let script = format!("ulimit -c 0; printf half; kill -{signal} $$; printf more");
        let starts = [Start::DIRECT, Start::wrapped("defaults", &[])];
        let direct = same_among(&starts, |play| play.end(play.run(&["sh", "-c", &script]), Vec::new()));
        assert_eq!((&*direct.end, &direct.stdout[..]), (&*format!("signal {signal}"), &b"half"[..]));
    }
}

#[test]
fn any_status_is_passed_on() {
    let starts = [Start::DIRECT, Start::wrapped("defaults", &[])];
    for status in [0, 1, 2, 64, 77, 126, 127, 128, 137, 255] {
        let script = format!("exit {status}");
        let direct = same_among(&starts, |play| play.end(play.run(&["sh", "-c", &script]), Vec::new()));
        assert_eq!(direct.end, format!("status {status}"));
    }
}
