//! Promise 1: bytes, headers, order, timing of chunks and closes are those of the server.
//!
//! Each case runs directly and through the proxy, and both sides must have seen the same; and once more through one that
//! reads bodies ahead, as it does for trace context.

#![expect(clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::Write as _;
use std::time::Duration;

use support::client::RawClient;
use support::corpus::{self, Case, assert_same, case, client_sees, json, post};
use support::proxy::{start_holding_proxy, start_judging_proxy, start_proxy};
use support::server::ScriptedServer;
use support::wire::{End, Framing, Message};

fn check(case: Case) {
    let server = {
        let (response, closes) = (case.response.clone(), case.closes);
        ScriptedServer::start(move |connection| {
            while connection.request().is_some() {
                connection.send(&response);
                if closes {
                    return;
                }
            }
        })
    };
    let direct = client_sees(server.address, &case);
    let proxied = [start_proxy, start_holding_proxy].map(|start| client_sees(start(server.address), &case));
    let seen = server.seen();
    let [first, others @ ..] = &seen[..] else { panic!("{}: not seen", case.name) };
    assert_eq!(others.len(), proxied.len(), "{}: exactly once each", case.name);
    // A connection that closes after its answer is the server's connection, not ours.
    let direct = Message { end: End::Open, ..direct };
    for (request, response) in others.iter().zip(proxied) {
        assert_same(case.name, first.clone().end_to_end(), request.clone().end_to_end());
        assert_same(case.name, direct.clone(), Message { end: End::Open, ..response });
    }
}

#[test]
fn json_bodies_pass_byte_for_byte() {
    corpus::json_bodies().into_iter().for_each(check);
}

#[test]
fn a_result_of_50_mib_passes() {
    let mut body = vec![0_u8; 50 << 20];
    for (index, byte) in body.iter_mut().enumerate() {
        *byte = (index % 251) as u8;
    }
    check(case("50 MiB", post("{}"), json(&body)));
    check(case("50 MiB up", post(&body), json("{}")));
}

#[test]
fn encoded_bodies_are_just_bytes() {
    corpus::encoded_bodies().into_iter().for_each(check);
}

#[test]
fn event_streams_pass_byte_for_byte_however_they_are_cut() {
    corpus::event_streams().into_iter().for_each(check);
}

#[test]
fn heads_keep_case_order_and_odd_values() {
    corpus::heads().into_iter().for_each(check);
}

#[test]
fn bodies_keep_their_framing() {
    corpus::framings().into_iter().for_each(check);
}

#[test]
fn http_1_0_is_spoken_with_those_who_speak_it() {
    let server = ScriptedServer::start(|connection| {
        connection.request().unwrap();
        connection.send(b"HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nold");
    });
    let request = b"GET /old HTTP/1.0\r\nX-Old: 1\r\n\r\n";
    let mut messages = Vec::new();
    for address in [server.address, start_proxy(server.address)] {
        let mut client = RawClient::connect(address);
        messages.push(client.exchange(request).end_to_end());
    }
    assert_eq!(messages[0], messages[1]);
    let seen = server.seen();
    assert_eq!(seen[0].clone().end_to_end(), seen[1].clone().end_to_end());
    // And a client of HTTP/1.1 gets HTTP/1.1.
    let answer =
        RawClient::connect(start_proxy(server.address)).exchange(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((answer.start.as_str(), &answer.body[..]), ("HTTP/1.1 200 OK", &b"old"[..]));
    assert!(answer.complete && answer.framing == Framing::Chunked);
}

#[test]
fn targets_pass_as_they_are_unless_they_are_no_uri() {
    let server = ScriptedServer::answering(json("{}"));
    let proxy = start_proxy(server.address);
    let mut refused = (String::new(), String::new());
    for byte in '!'..='~' {
        for (query, refused) in [("", &mut refused.0), ("?", &mut refused.1)] {
            let request = format!("GET /{query}{byte}a HTTP/1.1\r\nHost: h\r\n\r\n");
            let before = server.seen().len();
            let answer = RawClient::connect(proxy).exchange(request.as_bytes());
            let target = server.seen().get(before).map(|seen| seen.start.clone());
            match target {
                Some(target) if byte != '#' => assert!(request.starts_with(&target), "{target}"),
                Some(_) => {}
                None => {
                    assert_eq!(answer.status(), 400);
                    refused.push(byte);
                }
            }
        }
    }
    assert_eq!((refused.0.as_str(), refused.1.as_str()), ("<>`", "\"<>"));
}

/// Answers of a tool whose result is kept to be judged: as JSON, as events cut everywhere, and encoded.
#[test]
fn answers_that_are_kept_to_be_judged_pass_byte_for_byte() {
    let call =
        post(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"judged","arguments":{}}}"#);
    let text = "{ \"jsonrpc\":\"2.0\", \"id\":7 ,\"result\":{\"structuredContent\": {\"a\":1.0,\"a\":[\"\\u00e9\u{e9}\", 1e400 ]},\"content\":[{\"type\":\"text\",\"text\":\"\\ud83d\u{1f600}\"}]} }";
    let long = text.replace("1e400", &"[1],".repeat(40_000));
    let stream = format!("id: 1\n: comment\ndata:{text}\r\n\r\n");
    let gzip = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let encoded = |kind: &str, text: &str| {
        let body = gzip(text);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Encoding: gzip\r\n");
        let pieces: Vec<&[u8]> = body.chunks(7).collect();
        corpus::chunked(&head, &pieces, "")
    };
    let mut cases = vec![
        case("JSON", call.clone(), json(text)),
        case("long JSON", call.clone(), json(&long)),
        case("JSON in gzip", call.clone(), encoded("application/json", text)),
        case("events in gzip", call.clone(), encoded("text/event-stream", &stream)),
        case("two answers", call.clone(), corpus::sse(&[stream.as_bytes(), stream.as_bytes()])),
        case(
            "two results",
            call.clone(),
            json(text.replacen("\"result\"", "\"result\":{\"structuredContent\":1},\"result\"", 1)),
        ),
    ];
    let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
    cases.push(case("events byte by byte", call.clone(), corpus::sse(&single)));
    cases.extend((1..stream.len()).map(|at| {
        let (first, second) = stream.as_bytes().split_at(at);
        case("events cut once", call.clone(), corpus::sse(&[first, second]))
    }));
    for case in cases {
        let server = ScriptedServer::answering(case.response.clone());
        let (proxy, kept) = start_judging_proxy(server.address, "judged");
        let direct = client_sees(server.address, &case);
        assert_same(case.name, direct, client_sees(proxy, &case));
        let seen = server.seen();
        assert_same(case.name, seen[0].clone().end_to_end(), seen[1].clone().end_to_end());
        let kept = kept.recv_timeout(Duration::from_secs(20)).unwrap();
        // Of what is longer than the limit nothing is kept.
        let expected =
            (case.name != "long JSON").then(|| "{\"a\":1.0,\"a\":[\"\\u00e9\u{e9}\", 1e400 ]}".to_owned());
        assert_eq!(kept, expected, "{}", case.name);
    }
}
