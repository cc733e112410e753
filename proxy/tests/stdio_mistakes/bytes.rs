//! What passes is passed on: floods, noise, binary data, parts of lines.

use std::collections::BTreeMap;
use std::time::Duration;

use mcp_tap::clock;

use super::{FULL, call};
use crate::support::random::Random;
use crate::support::stdio::{Outcome, Play, Start, all_starts, same, same_among};

/// How much the wrapper may grow while nobody reads, in KiB.
const GROWTH: usize = 4 * 1024;

fn flood(play: &Play, size: usize) -> Outcome {
    let mut client = play.begin(&["flood", &size.to_string()]);
    client.stdout.hold();
    client.stdout.wait_for_waiting(FULL);
    let wrapper = client.process();
    let before = wrapper.kib("VmRSS");
    for number in 0..200 {
        client.send(format!("{{\"line\":{number}}}\n").as_bytes()).expect("the server reads");
        client.stderr.wait_for_last(format!("ack {{\"line\":{number}}}\n").as_bytes());
    }
    let held = wrapper.kib("VmRSS");
    client.stdout.go_on();
    client.stderr.wait_for("flooded\n");
    let most = wrapper.kib("VmHWM");
    if play.start.is_wrapped() {
        assert!(held.max(most) < before + GROWTH, "{before} KiB before, then {held}, {most} at most");
    }
    client.close_input();
    play.end(client, Vec::new())
}

#[test]
fn a_flood_that_nobody_reads_does_not_keep_the_client_from_writing() {
    let direct = same(|play| flood(play, 50_000_000));
    assert!(direct.stdout.len() >= 50_000_000 && direct.end == "status 0", "{}", direct.end);
    assert!(direct.errors().ends_with("ack {\"line\":199}\nflooded\n"));
}

#[test]
fn a_flood_passes_sockets_too() {
    let starts = all_starts().into_iter().map(Start::by_sockets).collect::<Vec<_>>();
    let direct = same_among(&starts, |play| flood(play, 2_000_000));
    assert!(direct.stdout.len() >= 2_000_000 && direct.end == "status 0", "{}", direct.end);
}

#[test]
fn binary_data_passes_both_ways() {
    let mut random = Random::new(7);
    let byte = |random: &mut Random| match random.below(40) {
        0 => b'\n',
        1 => b'\r',
        2 => 0,
        3 => 0xff,
        _ => u8::try_from(random.below(256)).expect("it is below 256"),
    };
    let mut data: Vec<u8> = (0..1 << 20).map(|_| byte(&mut random)).collect();
    data.extend_from_slice(b"\r\n\r\r\n\n\n\r{\"jsonrpc\":\"2.0\"}\0\n{\"no\":\"end");
    for sockets in [false, true] {
        let with = |start: Start| if sockets { start.by_sockets() } else { start };
        let starts = all_starts().into_iter().map(with).collect::<Vec<_>>();
        let direct = same_among(&starts, |play| {
            let mut client = play.begin(&["echo"]);
            client.send(&data).expect("the server reads");
            client.close_input();
            play.end(client, Vec::new())
        });
        assert!(direct.stdout == data && direct.stderr.is_empty() && direct.end == "status 0");
    }
}

/// Lines that are no messages, or odd ones, and why they are not read.
fn noise() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let deep =
        |depth| format!(r#"{{"jsonrpc":"2.0","id":4,"result":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let long = format!(r#"{{"jsonrpc":"2.0","id":5,"result":{{"text":"{}"}}}}"#, "x".repeat(20 << 20));
    let lines = [
        (&b"INFO server is starting"[..], Some("malformed")),
        (br#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#, None),
        (b"", None),
        (b"   \t", None),
        (b"\r", None),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":1}}\r", None),
        (b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"a\":1}}", None),
        (b"{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"a\":\"\xff\xc0\xaf\xed\xa0\x80\"}}", None),
        (b"\xff\xfe\x00\x01", Some("malformed")),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,", Some("malformed")),
        (b"\"result\":{}}", Some("malformed")),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}} and more", Some("malformed")),
        (b"42", Some("malformed")),
        (b"[]", None),
        (b"{}", None),
        (b"\x1b[31mred\x1b[0m", Some("malformed")),
    ];
    let mut lines: Vec<_> = lines.map(|(line, reason)| (line.to_vec(), reason)).into();
    lines.push((deep(100).into_bytes(), None));
    lines.push((deep(200_000).into_bytes(), None));
    lines.push((long.into_bytes(), Some("too_large")));
    lines.push((b"after all that".to_vec(), Some("malformed")));
    lines
}

#[test]
fn noise_passes_and_is_counted() {
    let noise = noise();
    let text = noise.iter().flat_map(|(line, _)| [line, &b"\n"[..]].concat()).collect::<Vec<u8>>();
    let scenario = |play: &Play| {
        let file = play.path("noise");
        std::fs::write(&file, &text).expect("the folder is ours");
        let mut client = play.begin(&["say", &file.display().to_string()]);
        client.stdout.wait_for_bytes(text.len());
        client.send(&text).expect("the server reads");
        client.close_input();
        play.end(client, Vec::new())
    };
    let direct = same(scenario);
    assert!(direct.stdout == [&text[..], &text[..]].concat() && direct.stderr.is_empty());
    let play = Play::counted(&Start::wrapped("counted", &[]));
    scenario(&play);
    let mut expected = BTreeMap::new();
    for reason in noise.iter().filter_map(|(_, reason)| *reason) {
        // Sent once, and written twice.
        *expected.entry([reason.to_owned()]).or_insert(0.0) += 3.0;
    }
    assert_eq!(play.metrics().by("mcp_proxy_not_inspected_total", ["reason"]), expected);
}

#[test]
fn half_a_line_goes_on_at_once_or_when_its_time_is_over() {
    let limit = |start: &Start| Duration::from_millis(if start.writes() { 150 } else { 40 });
    let direct = same(|play| {
        let mut client = play.begin(&["echo"]);
        let mut best = Duration::MAX;
        // The machine may be busy: one of many times it is not.
        for number in 0..10 {
            let half = format!("{{\"half\":{number}");
            let sent = clock::now();
            client.send(half.as_bytes()).expect("the server reads");
            client.stdout.wait_for_last(half.as_bytes());
            best = best.min(clock::now() - sent);
            client.send(b"}\n").expect("the server reads");
            client.stdout.wait_for_last(b"}\n");
        }
        assert!(best <= limit(&play.start), "it took {best:?} both ways");
        client.close_input();
        play.end(client, Vec::new())
    });
    assert!(direct.stdout.starts_with(b"{\"half\":0}\n{\"half\":1}\n"));
}

#[test]
fn context_is_written_into_whole_lines_only_and_changes_nothing_else() {
    let long = format!(
        r#"{{"jsonrpc":"2.0","method":"tools/call","params":{{"name":"work","arguments":{{"a":"{}"}}}},"id":3}}"#,
        "x".repeat(1 << 20)
    );
    let in_time = format!(
        r#"{{"jsonrpc":"2.0","method":"tools/call","params":{{"name":"{}"}},"id":3}}"#,
        "x".repeat(60_000)
    );
    // What is written at once, and into how many messages context comes.
    let steps: [(&[&str], usize); 9] = [
        (&[&format!("{}\n", call(1))], 1),
        (&[&format!("{}\n{}\n", call(2), call(3))], 2),
        (&[&format!("{}\r\n", call(4))], 1),
        (&[&format!("  {}  \n", call(5))], 1),
        (&[&call(6)[..20], &format!("{}\n", &call(6)[20..])], 0),
        (&[&format!("{}\n{}", call(7), &call(8)[..70]), &format!("{}\n", &call(8)[70..])], 1),
        (&[&format!("[{},{}]\n", call(9), call(10))], 2),
        (&[&format!("{long}\n")], 0),
        (&[&format!("{in_time}\n"), "\n", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n"], 2),
    ];
    let text: String =
        steps.iter().flat_map(|(parts, _)| parts.concat().chars().collect::<Vec<_>>()).collect();
    let direct = same(|play| {
        let mut client = play.begin(&["echo"]);
        for (part, _) in steps.iter().flat_map(|(parts, count)| parts.iter().map(move |part| (part, count))) {
            client.send(part.as_bytes()).expect("the server reads");
            // Once all of it is back, nothing of it is held any more.
            client.stdout.wait_for_last(&part.as_bytes()[part.len() - part.len().min(8)..]);
        }
        client.close_input();
        let outcome = play.end(client, Vec::new());
        let expected = steps.iter().map(|(_, contexts)| contexts).sum::<usize>();
        assert_eq!(outcome.contexts, if play.start.writes() { expected } else { 0 });
        outcome
    });
    assert!(direct.stdout == text.as_bytes() && direct.end == "status 0");
}
