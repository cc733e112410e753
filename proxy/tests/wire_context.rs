//! Trace context under attack: whatever clients send and however they cut it, the server gets their bytes but for the
//! contexts, with the framing that belongs to them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "wire_context/align.rs"]
mod align;
#[path = "wire_context/documents.rs"]
mod documents;
#[path = "wire_context/framing.rs"]
mod framing;
#[path = "wire_context/http2.rs"]
mod http2;
mod support;

use std::io::Write as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use support::PATIENCE;
use support::client::RawClient;
use support::random::Random;
use support::server::ScriptedServer;
use support::tap::{Tap, through_proxy_with};
use support::wire::{Framing, Message, Reader};

/// As in `propagation.rs`: no `tracestate` of our own.
const ON: [&str; 4] = ["--otlp-endpoint", "http://127.0.0.1:9", "--trace-ratio", "0"];

/// A server that passes each request on to the test, and answers with a body that nothing else has.
fn server() -> (ScriptedServer, Receiver<Message>) {
    let (sender, requests) = channel();
    let sender: Sender<Message> = sender;
    let sender = std::sync::Mutex::new(sender);
    let server = ScriptedServer::start(move |connection| {
        let sender = sender.lock().unwrap().clone();
        while let Some(request) = connection.request() {
            let complete = request.complete;
            let answer = answer(&request);
            sender.send(request).unwrap();
            if !complete {
                return;
            }
            connection.send(&answer);
        }
    });
    (server, requests)
}

fn number(request: &Message) -> &str {
    request.header("x-number").unwrap_or("none")
}

fn answer(request: &Message) -> Vec<u8> {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"number":"{}"}}}}"#, number(request));
    support::corpus::json(body)
}

fn tap(server: &ScriptedServer, mode: &str) -> Tap {
    let flags = [&ON[..], &["--propagate", mode, "--workers", "1"]].concat();
    through_proxy_with(&format!("http://{}", server.address), &flags)
}

/// The request as the server would get it without the proxy.
fn parsed(bytes: &[u8]) -> Message {
    let mut reader = Reader::new(bytes);
    let mut message = reader.head().unwrap();
    reader.body(&mut message, false);
    message
}

/// The number of contexts in the body, if that is all that differs.
#[track_caller]
fn compare(what: &str, sent: &[u8], got: Message) -> usize {
    let sent = parsed(sent).end_to_end();
    let mut got = got.end_to_end();
    let count = align::written(&sent.body, &got.body);
    let show = |body: &[u8]| String::from_utf8_lossy(&body[..body.len().min(3000)]).into_owned();
    let count = count.unwrap_or_else(|| panic!("{what}:\n{}\n{}", show(&sent.body), show(&got.body)));
    assert_eq!(got.framing, sent.framing, "{what}");
    if got.framing == Framing::Length {
        assert_eq!(got.header("content-length"), Some(&*got.body.len().to_string()), "{what}");
    }
    let others = |message: &mut Message| {
        let own = ["traceparent", "tracestate"];
        message.headers.retain(|(name, _)| !own.iter().any(|own| name.eq_ignore_ascii_case(own)));
        for (name, value) in &mut message.headers {
            if name.eq_ignore_ascii_case("content-length") {
                value.clear();
            }
        }
        (message.start.clone(), message.headers.clone(), message.trailers.clone())
    };
    let mut sent = sent;
    assert_eq!(others(&mut got), others(&mut sent), "{what}");
    count
}

/// A request with this body, framed one way or another.
fn request(random: &mut Random, number: usize, body: &[u8]) -> Vec<u8> {
    let parents = [
        "",
        "",
        "TraceParent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\nTRACESTATE: a=1,,b=2\r\n",
        "traceparent: \r\n",
        "traceparent: 00-X\r\ntracestate: \u{e9}\r\n",
        "traceparent: 1\r\nX-Between: 1\r\nTraceparent: 2\r\n",
        "tracestate: alone=1\r\n",
    ];
    let parent = parents[random.below(parents.len())];
    let kind = ["application/json", "APPLICATION/JSON; charset=utf-8", "text/plain"][random.below(3)];
    let mut bytes = format!(
        "POST /mcp?n={number} HTTP/1.1\r\nHost: h\r\nX-Number: {number}\r\n{parent}Content-Type: {kind}\r\nX-ODD: \u{e9}\r\n"
    )
    .into_bytes();
    if random.below(2) == 0 {
        write!(bytes, "Content-Length: {}\r\nX-Last: 1\r\n\r\n", body.len()).unwrap();
        bytes.extend_from_slice(body);
        return bytes;
    }
    let trailers = random.below(2) == 0;
    bytes.extend_from_slice(if trailers { b"Trailer: x-sum\r\n" } else { b"" });
    bytes.extend_from_slice(b"tRANSFER-eNCODING: chunked\r\nX-Last: 1\r\n\r\n");
    let mut rest = body;
    while !rest.is_empty() {
        let most = [1, 2, 40, 5_000, 100_000][random.below(5)];
        let (chunk, left) = rest.split_at(rest.len().min(1 + random.below(most)));
        write!(bytes, "{:x}{}\r\n", chunk.len(), ["", ";a=b"][random.below(2)]).unwrap();
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        rest = left;
    }
    bytes.extend_from_slice(if trailers { b"0\r\nx-sum: 1\r\n\r\n" } else { &b"0\r\n\r\n"[..] });
    bytes
}

/// Writes in pieces, with pauses between some of them, of which a few outlast the hold.
fn send(random: &mut Random, client: &mut RawClient, mut bytes: &[u8]) {
    let size = [1_000_000, 1_000_000, 4_000, 100, 7][random.below(5)].max(bytes.len() / 50);
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(bytes.len().min(1 + random.below(size)));
        client.send(piece);
        bytes = rest;
        match random.below(400) {
            0 => std::thread::sleep(Duration::from_millis(60)),
            1..40 => std::thread::sleep(Duration::from_millis(1)),
            _ => {}
        }
    }
}

/// Rounds of a test; `WIRE_CONTEXT_ROUNDS` for more.
fn rounds() -> usize {
    std::env::var("WIRE_CONTEXT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(150)
}

fn whatever_is_sent_arrives(mode: &str, seed: u64) -> usize {
    let (server, requests) = server();
    let tap = tap(&server, mode);
    let mut random = Random::new(seed);
    let (mut count, mut number) = (0, 0);
    for round in 0..rounds() {
        let mut client = RawClient::connect(tap.traffic);
        // Those of one connection are sent at once now and then.
        for _ in 0..1 + random.below(3) {
            let sent: Vec<Vec<u8>> = (0..1 + random.below(3))
                .map(|_| {
                    number += 1;
                    let body = documents::document(&mut random);
                    request(&mut random, number, &body)
                })
                .collect();
            send(&mut random, &mut client, &sent.concat());
            for bytes in &sent {
                let got = requests.recv_timeout(PATIENCE).unwrap();
                let what = format!("{mode}, seed {seed}, round {round}, request {}", self::number(&got));
                let expected = answer(&got);
                assert!(got.complete, "{what}");
                count += compare(&what, bytes, got);
                let response = client.response(false).unwrap_or_else(|| panic!("{what}: no answer"));
                assert_eq!(response.end_to_end(), parsed(&expected).end_to_end(), "{what}");
            }
        }
    }
    count
}

#[test]
fn in_full_mode_the_server_gets_the_clients_bytes_and_contexts() {
    let count = whatever_is_sent_arrives("full", 1);
    assert!(count > rounds(), "{count} contexts were written");
}

#[test]
fn in_header_mode_no_byte_of_a_body_differs() {
    assert_eq!(whatever_is_sent_arrives("header", 2), 0);
}

/// What a client that leaves within its body has sent of it, is what the server gets, and its end is no end.
#[test]
fn what_is_broken_off_arrives_as_a_beginning_and_stays_broken() {
    let (server, requests) = server();
    let tap = tap(&server, "full");
    let mut random = Random::new(3);
    let (mut sent, mut got) = (Vec::new(), Vec::new());
    for round in 0..rounds() / 2 {
        let body = documents::document(&mut random);
        let mut bytes = request(&mut random, round, &body);
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        bytes.truncate(head + random.below((bytes.len() - head).max(1)));
        let parsed = parsed(&bytes);
        if !parsed.complete {
            let mut client = RawClient::connect(tap.traffic);
            send(&mut random, &mut client, &bytes);
            client.finish_sending();
            client.reader.rest();
            got.extend(requests.try_iter());
        }
        sent.push(parsed);
    }
    // Whether any of a request went on before its client left is a matter of time, and when it is noted, too.
    assert_eq!(tap.scrape_when_idle().sum("mcp_proxy_inflight_operations"), 0.0);
    while let Ok(more) = requests.recv_timeout(Duration::from_millis(500)) {
        got.push(more);
    }
    for got in &got {
        let mut sent = sent[number(got).parse::<usize>().unwrap()].body.clone();
        let what = format!("request {}: {}", number(got), String::from_utf8_lossy(&sent));
        assert!(!got.complete, "{what}");
        // What hyper has not written yet may be missing.
        let is_beginning = (0..=sent.len()).rev().any(|length| {
            sent.truncate(length);
            align::written(&sent, &got.body).is_some()
        });
        assert!(is_beginning, "{what}\n{}", String::from_utf8_lossy(&got.body));
    }
    assert!(!got.is_empty());
}
