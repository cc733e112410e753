//! What only a wrapped process has: one place where all messages meet, and an end.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;

use crate::exchange::event::{Event, Sink};
use crate::exchange::trace::{Propagate, Trust};
use crate::exchange::{Exchange, Line, Pipe, ProcessEnd, Settings};
use crate::protocol::message::Document;
use crate::protocol::splice;

use super::reading::messages;
use super::spans::traced;
use super::transcript::{Player, same};

/// Plays a script on one pipe: `SECOND > message` of the client, `<` of the server, `end asked|finished|failed`, `expire`,
/// `waiting`. Gives the events.
fn play(player: &mut Player, script: &str) -> String {
    let mut pipe = Some(player.exchange.pipe(player.start));
    let mut all = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (seconds, what) = line.split_once(' ').expect("a second");
        let at = player.at(seconds);
        let passed = Line { began: at, ended: at };
        match what.split_once(' ').unwrap_or((what, "")) {
            (">", text) => {
                let (messages, document) = messages(text);
                let pipe = pipe.as_ref().expect("open");
                for mut message in messages {
                    pipe.client_message(&mut message, passed, None);
                }
                pipe.line_end(document);
            }
            ("<", "garbage") => pipe.as_ref().expect("open").line_end(Document::Malformed),
            ("<", text) => {
                let (messages, document) = messages(text);
                let pipe = pipe.as_ref().expect("open");
                messages.into_iter().for_each(|mut message| pipe.server_message(&mut message, passed));
                pipe.line_end(document);
            }
            ("end", how) => {
                let how = match how {
                    "asked" => ProcessEnd::Asked,
                    "finished" => ProcessEnd::Finished,
                    _ => ProcessEnd::Failed,
                };
                pipe.as_ref().expect("open").end(how, at);
            }
            ("drop", _) => pipe = None,
            ("expire", _) => player.exchange.expire(at),
            ("waiting", _) => {
                let _ = writeln!(all, "{} wait", pipe.as_ref().map_or(0, Pipe::waiting));
            }
            (other, _) => panic!("no such step: {other}"),
        }
        for event in player.events() {
            if let Some(line) = player.render(&event) {
                let _ = writeln!(all, "{line}");
            }
        }
    }
    all
}

fn check(title: &str, script: &str, expected: &str) {
    let mut player = Player::new(Settings::default());
    same(&play(&mut player, script), expected, title);
    player.finish();
}

#[test]
fn the_end_of_the_process_ends_what_is_open_by_whose_wish_it_was() {
    let open = r#"0 > call 1 a
        1 < request 1 sampling/createMessage
        2 waiting
        "#;
    let waited = "session of - starts\n1 wait\n";
    for (end, call, asked, session) in [
        ("asked", "session closed by client", "session closed by client", ""),
        ("finished", "process_exit", "session closed by client", " process_exit"),
        ("failed", "process_exit", "session closed by client", " process_exit"),
    ] {
        let script = format!("{open} 5 end {end}\n 6 end failed");
        let mut player = Player::new(Settings::default());
        let events = play(&mut player, &script);
        let mut lines: Vec<_> = events.strip_prefix(waited).expect(&events).lines().collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                format!("session of - ends after 5 - stdio{session}"),
                format!("to client sampling/createMessage {asked} 1..5"),
                format!("tools/call a {call} 0..5 waited"),
            ],
            "{end}"
        );
        player.finish();
    }
    check(
        "nothing open",
        "0 > call 1 a
         1 < result 1
         2 end finished",
        "session of - starts
         tools/call a success 0..1
         session of - ends after 2 - stdio",
    );
    check(
        "dropped: as if asked, at its last sign of life",
        "0 > call 1 a
         3 > notify notifications/initialized
         4 drop",
        "session of - starts
         notification notifications/initialized success 3..3
         tools/call a session closed by client 0..3
         session of - ends after 3 - stdio",
    );
}

#[test]
fn the_client_is_gone_with_the_process_though_somebody_still_holds_the_pipe() {
    let mut player = Player::new(Settings::default());
    let pipe = player.exchange.pipe(player.start);
    let line = Line { began: player.start, ended: player.start };
    let say = |pipe: &Pipe, text: &str| {
        let (mut messages, _) = messages(text);
        pipe.client_message(&mut messages[0], line, None);
    };
    let mut seen = || {
        let events = player.events();
        let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
        [
            count(|event| matches!(event, Event::ConnectionIdentified { .. })),
            count(|event| matches!(event, Event::ConnectionClosed { .. })),
        ]
    };
    say(&pipe, r#"request 0 initialize {"clientInfo":{"name":"one","version":"1"}}"#);
    assert_eq!(seen(), [1, 0]);
    pipe.end(ProcessEnd::Asked, line.ended);
    assert_eq!(seen(), [0, 1]);
    say(&pipe, r#"request 1 initialize {"clientInfo":{"name":"two","version":"1"}}"#);
    drop(pipe);
    assert_eq!(seen(), [0, 0]);
    player.exchange.close(line.ended);
    player.finish();
}

#[test]
fn ids_are_those_of_one_direction_and_may_come_again() {
    check(
        "the same id in both directions",
        "0 > call 1 a
         1 < request 1 roots/list
         2 < result 1
         3 > result 1
         4 end asked",
        "session of - starts
         tools/call a success 0..2
         to client roots/list success 1..3
         session of - ends after 4 - stdio",
    );
    check(
        "an id that is used again",
        "0 > call 1 a
         1 < result 1
         1 > call 1 b
         2 > call 1 c
         3 < result 1
         3 < result 1
         4 end asked",
        "session of - starts
         tools/call a success 0..1
         tools/call b abandoned 1..2
         tools/call c success 2..3
         unmatched
         session of - ends after 4 - stdio",
    );
}

#[test]
fn modern_requests_meet_their_answers_and_can_be_cancelled() {
    check(
        "modern",
        r#"0 > modern 1 tools/call {"name":"a"}
           0 > modern 2 tools/call {"name":"b"}
           1 < result 2
           2 > notify notifications/cancelled {"requestId":1}
           9 expire
           9 end asked"#,
        "session of - starts
         tools/call b success 0..1
         notification notifications/cancelled success 2..2
         tools/call a cancelled 0..2
         session of - ends after 9 2026-07-28 stdio",
    );
    check(
        "asked and refused",
        r#"0 > modern 1 server/discover {}
           1 < error 1 -32601
           2 > request 2 initialize {"clientInfo":{"name":"inspector","version":"1"}}
           3 < result 2 {"protocolVersion":"2025-06-18"}
           9 end asked"#,
        "session of - starts
         server/discover rpc -32601 on 0 0..1
         initialize success 2..3
         session of inspector ends after 9 2025-06-18 stdio",
    );
}

#[test]
fn an_error_without_an_id_belongs_to_the_only_open_request() {
    check(
        "one open, two open",
        "0 > call 1 a
         1 < error null -32700
         2 > call 2 b
         2 > call 3 c
         3 < error null -32700
         4 < result null
         5 < result 2
         5 < result 3
         5 end asked",
        "session of - starts
         tools/call a rpc -32700 on 0 0..1
         unmatched
         unmatched
         tools/call b success 2..5
         tools/call c success 2..5
         session of - ends after 5 - stdio",
    );
}

#[test]
fn a_request_that_nobody_can_answer_is_not_followed() {
    check(
        "an id of null",
        "0 > call null a
         0 > call 1 b
         0 waiting
         1 < error null -32600
         2 end asked",
        "session of - starts
         unmatched
         1 wait
         tools/call b rpc -32600 on 0 0..1
         session of - ends after 2 - stdio",
    );
}

#[test]
fn what_is_no_message_is_counted_and_changes_nothing() {
    check(
        "log lines",
        r#"0 > call 1 a
           1 < garbage
           1 < {"level":"info","msg":"hello"}
           1 < {"level":"info","method":"GET","id":1}
           2 < result 1
           3 end asked"#,
        "session of - starts
         not inspected: malformed
         tools/call a success 0..2
         session of - ends after 3 - stdio",
    );
}

#[test]
fn a_full_table_is_counted_and_its_requests_are_not_followed() {
    let settings = Settings { open: 2, ..Settings::default() };
    let mut player = Player::new(settings);
    let script = "0 > call 1 a
         0 > call 2 a
         0 > call 3 a
         1 < request 7 ping
         2 < result 1
         3 < result 3
         4 < result 2
         5 end asked";
    let expected = "session of - starts
         not inspected: table_full
         not inspected: table_full
         tools/call a success 0..2
         unmatched
         tools/call a success 0..4
         session of - ends after 5 - stdio";
    same(&play(&mut player, script), expected, "full");
    player.finish();
}

/// The line as it goes on.
fn written(settings: Settings, line: &str) -> (String, String) {
    let player = Player::new(settings);
    let pipe = player.exchange.pipe(player.start);
    let at = Line { began: player.start, ended: player.start };
    let (messages, _) = messages(line);
    let mut edits = Vec::new();
    for mut message in messages {
        pipe.client_message(&mut message, at, Some(&mut edits));
    }
    let mut chunks = [Bytes::copy_from_slice(line.as_bytes())];
    splice::apply(&edits, &mut chunks);
    drop(pipe);
    let mut player = player;
    let events: String = player
        .events()
        .iter()
        .filter_map(|event| player.render(event))
        .filter(|line| line.contains("not written"))
        .collect();
    player.finish();
    (String::from_utf8_lossy(&chunks[0]).into_owned(), events)
}

#[test]
fn each_message_of_a_line_carries_a_context_of_its_own() {
    let trace = |number: u32, span: u32| format!("00-{number:032x}-{span:016x}-02");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
    let with = |context: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"_meta":{{"traceparent":"{context}"}},"name":"a"}}}}"#
        )
    };
    let full = || traced(Propagate::Full, Trust::Continue);
    // Trace, span, and the span of the leg to the server, whose context it is.
    let (line, _) = written(full(), call);
    assert_eq!(line, with(&trace(1, 3)));
    let (line, _) = written(full(), &format!("[{call},{call}]"));
    assert_eq!(line, format!("[{},{}]", with(&trace(1, 3)), with(&trace(4, 6))));
    // The client's trace goes on.
    let parent = "00-0000000000000000000000000000002a-0000000000000007-01";
    let (line, _) = written(full(), &with(parent));
    assert_eq!(line, with("00-0000000000000000000000000000002a-0000000000000002-01"));
    for propagate in [Propagate::Off, Propagate::Header] {
        assert_eq!(written(traced(propagate, Trust::Continue), call).0, call);
    }
    let twice = r#"{"jsonrpc":"2.0","method":"a","params":{},"params":{}}"#;
    assert_eq!(written(full(), twice), (twice.to_owned(), "not written: duplicate_key".to_owned()));
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    assert_eq!(written(full(), answer).0, answer);
}

#[test]
fn two_threads_lose_nothing() {
    const CALLS: u32 = 2000;

    #[derive(Default)]
    struct Count(std::sync::Mutex<[u32; 2]>);

    impl Sink for Count {
        fn emit(&self, event: Event) {
            let mut counts = self.0.lock().expect("no panic");
            match event {
                Event::OperationStarted => counts[0] += 1,
                Event::OperationEnded(operation) if operation.ending.result().is_some() => counts[1] += 1,
                Event::Unmatched => panic!("an answer came before its request"),
                _ => {}
            }
        }
    }

    let count = std::sync::Arc::new(Count::default());
    let exchange = Exchange::new(Settings::default(), std::sync::Arc::clone(&count) as _);
    let start = crate::clock::now();
    let at = |number: u32| {
        let at = start + Duration::from_millis(number.into());
        Line { began: at, ended: at }
    };
    let pipe = exchange.pipe(start);
    let (sent, answers) = std::sync::mpsc::sync_channel(4);
    std::thread::scope(|scope| {
        let pipe = &pipe;
        scope.spawn(move || {
            for number in 0..CALLS {
                // As some clients do: the same few ids again and again.
                let (mut messages, _) = messages(&format!("call {} a", number % 8));
                pipe.client_message(&mut messages[0], at(number), None);
                sent.send(number).expect("the other thread listens");
            }
        });
        scope.spawn(move || {
            for number in answers {
                let (mut messages, _) = messages(&format!("result {}", number % 8));
                pipe.server_message(&mut messages[0], at(number));
            }
        });
    });
    assert_eq!(*count.0.lock().expect("no panic"), [CALLS, CALLS]);
    assert_eq!(pipe.waiting(), 0);
}
