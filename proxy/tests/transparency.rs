//! Promise 1: bytes, headers, order, timing of chunks and closes are those of the server.
//!
//! Each case runs twice, directly and through the proxy, and both sides must have seen the same.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::Write as _;
use std::net::SocketAddr;

use support::client::RawClient;
use support::proxy::start_proxy;
use support::server::ScriptedServer;
use support::wire::{End, Framing, Message};

/// What a case is made of.
struct Case {
    name: &'static str,
    /// The client's bytes, sent in these pieces.
    request: Vec<u8>,
    /// The server's bytes for it.
    response: Vec<u8>,
    /// The server closes after its answer.
    closes: bool,
}

fn case(name: &'static str, request: impl Into<Vec<u8>>, response: impl Into<Vec<u8>>) -> Case {
    Case { name, request: request.into(), response: response.into(), closes: false }
}

fn post(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut request = format!(
        "POST /mcp HTTP/1.1\r\nHost: mcp.example\r\nUser-Agent: raw\r\nAccept: application/json, text/event-stream\r\n\
         Content-Type: application/json\r\nMcp-Session-Id: s\r\nOrigin: http://o.example\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

fn json(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Odd-CASE: kept\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    response.extend_from_slice(body);
    response
}

fn chunked(head: &str, pieces: &[&[u8]], trailers: &str) -> Vec<u8> {
    let mut response = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for piece in pieces {
        write!(response, "{:x}\r\n", piece.len()).unwrap();
        response.extend_from_slice(piece);
        response.extend_from_slice(b"\r\n");
    }
    write!(response, "0\r\n{trailers}\r\n").unwrap();
    response
}

fn sse(pieces: &[&[u8]]) -> Vec<u8> {
    chunked("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n", pieces, "")
}

/// Runs a case against an address and says what the client saw.
fn client_sees(address: SocketAddr, case: &Case) -> Message {
    let mut client = RawClient::connect(address);
    client.exchange(&case.request).end_to_end()
}

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
    let proxied = client_sees(start_proxy(server.address), &case);
    let [first, second] = &server.seen()[..] else { panic!("{}: not exactly once each", case.name) };
    assert_same(case.name, first.clone().end_to_end(), second.clone().end_to_end());
    // A connection that closes after its answer is the server's connection, not ours.
    assert_same(case.name, Message { end: End::Open, ..direct }, Message { end: End::Open, ..proxied });
}

fn assert_same(name: &str, direct: Message, proxied: Message) {
    let summary = |message: &Message| Message { body: Vec::new(), ..message.clone() };
    assert_eq!(summary(&direct), summary(&proxied), "{name}: heads and ends");
    assert!(
        direct.body == proxied.body,
        "{name}: bodies of {} and {} bytes",
        direct.body.len(),
        proxied.body.len()
    );
}

#[test]
fn json_bodies_pass_byte_for_byte() {
    let large = format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{}"}}"#, "x".repeat(1 << 20));
    for case in [
        case(
            "plain",
            post(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#),
            json(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
        ),
        case(
            "numbers",
            post(r#"{"id":9007199254740993,"a":1.0,"b":1e400,"c":-0}"#),
            json(r#"{"id":9007199254740993,"x":12345678901234567890123}"#),
        ),
        case("duplicate keys", post(r#"{"a":1,"a":2}"#), json(r#"{"a":1,"a":{"a":3}}"#)),
        case(
            "escapes",
            post(r#"{"a":"\u0041\/\ud800\ud83d\ude00"}"#),
            json("{\"a\":\"\\u00e9\u{e9}\\ud800\"}"),
        ),
        case("white space and BOM", post("\u{feff} \r\n\t{ } \n"), json(" [ ] \r\n")),
        case("batch", post(r#"[{"id":1},{"id":2}]"#), json(r#"[{"id":2},{"id":1}]"#)),
        case("not JSON", post([0, 255, 13, 10, 0]), json([0, 159, 146, 150])),
        case("not UTF-8", post(b"{\"a\":\"\xff\"}"), json(b"{\"a\":\"\xc3\"}")),
        case("large string", post(&large), json(&large)),
        case("empty", post(""), json("")),
    ] {
        check(case);
    }
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
    for coding in ["gzip", "br", "zstd", "unknown"] {
        let response = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n\x1f\x00\x08\x01\x02\x03"
        );
        check(case("encoded", post("{}"), response));
    }
}

#[test]
fn event_streams_pass_byte_for_byte_however_they_are_cut() {
    for (name, stream) in [
        (
            "line feeds",
            &b"id: 1\nretry: 5\ndata: {\"a\":1}\n\n: comment\n\ndata:\n\ndata: a\ndata: b\n\nevent: x\n\n"[..],
        ),
        ("carriage returns", b"data: 1\r\rdata: 2\r\r"),
        ("both", b"\xef\xbb\xbfdata: 1\r\n\r\ndata: \xc3\xa9\r\n\r\n"),
        ("broken off", b"data: unfinished"),
    ] {
        check(case(name, post("{}"), sse(&[stream])));
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        check(case(name, post("{}"), sse(&single)));
        for at in 1..stream.len() {
            let (first, second) = stream.split_at(at);
            check(case(name, post("{}"), sse(&[first, second])));
        }
    }
}

#[test]
fn heads_keep_case_order_and_odd_values() {
    let request = "GET /a/../b//\"{}|^c?q=%zz&{}|^`'&x=%00&&= HTTP/1.1\r\nHOST: a.example\r\nx-first: 1\r\nConnection: keep-alive\r\n\
                   X-SECOND:  two  words \r\nx-Second: again\r\naccept-encoding: gzip, br\r\nTE: trailers\r\nEmpty:\r\nX-Latin: \u{e9}\r\n\
                   Authorization: Bearer t\r\nTraceparent: 00-x\r\nX-Last: 9\r\n\r\n";
    let response = "HTTP/1.1 299 Odd Reason!\r\nserver: x\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nWWW-Authenticate: Bearer\r\nConnection: keep-alive\r\n\
                    X-Accel-Buffering: no\r\nKEEP-alive: timeout=5\r\nX-Empty:\r\nVary: a\r\nContent-LENGTH: 2\r\nX-After: z\r\n\r\nok";
    check(case("odd head", request, response));
    check(case("absolute form", "GET http://other.example:81/p?q HTTP/1.1\r\nHost: h\r\n\r\n", json("{}")));
    check(case("asterisk form", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", json("{}")));
    check(case("unknown method", "BREW-IT /pot HTTP/1.1\r\nHost: h\r\n\r\n", json("{}")));
    check(case(
        "no reason",
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
    ));
    let huge = format!("GET / HTTP/1.1\r\nHost: h\r\nX-Huge: {}\r\n\r\n", "h".repeat(100 * 1024));
    let answer =
        format!("HTTP/1.1 200 OK\r\nX-Huge: {}\r\nContent-Length: 0\r\n\r\n", "h".repeat(100 * 1024));
    check(case("100 KiB head", huge, answer));
    let many: String = (0..900).map(|number| format!("X-{number}: {number}\r\n")).collect();
    check(case(
        "900 headers",
        format!("GET / HTTP/1.1\r\nHost: h\r\n{many}\r\n"),
        format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n"),
    ));
}

#[test]
fn bodies_keep_their_framing() {
    let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    check(case("HEAD", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    check(case("204", get, "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"));
    check(case("304", get, "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n"));
    check(case("202", post("{}"), "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"));
    check(case("GET with body", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", json("{}")));
    check(case("DELETE without body", "DELETE /mcp HTTP/1.1\r\nHost: h\r\n\r\n", json("{}")));
    check(case(
        "chunked request with trailers",
        chunked("POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-Sum\r\n", &[b"a", b"bc"], "X-Sum: 1\r\n"),
        json("{}"),
    ));
    check(case(
        "response trailers",
        "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n",
        chunked("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\n", &[b"a"], "X-Sum: 2\r\n"),
    ));
    let close =
        Case { closes: true, ..case("until close", get, "HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nall of it") };
    check(close);
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
