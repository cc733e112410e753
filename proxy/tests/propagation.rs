//! What trace context changes on the wire, and what it does not: the program as its users start it, in front of a server
//! that notes every byte. Each case runs directly and through the proxy.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_tap::clock;
use mcp_tap::protocol::traceparent::TraceParent;
use support::PATIENCE;
use support::client::RawClient;
use support::corpus::{self, Case, assert_same, case, chunked, client_sees, json, post};
use support::server::ScriptedServer;
use support::tap::{Tap, through_proxy_with};
use support::wire::{End, Message};

/// Traces are made, of which none is sampled by itself: so no `tracestate` is written that did not come. The collector is
/// not there.
const ON: [&str; 4] = ["--otlp-endpoint", "http://127.0.0.1:9", "--trace-ratio", "0"];

const OLD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// How much later than 50 ms a held request may come on a busy machine.
const MARGIN: Duration = Duration::from_millis(700);

/// A server, and the proxy in front of it.
struct Path {
    server: ScriptedServer,
    /// What the server answers next, and whether it closes then.
    answer: Arc<Mutex<(Vec<u8>, bool)>>,
    tap: Tap,
}

/// What both sides saw, without what ends at each hop.
struct Seen {
    /// What the server got, directly and through the proxy.
    requests: [Message; 2],
    /// What the client got.
    responses: [Message; 2],
}

impl Path {
    fn start(flags: &[&str]) -> Self {
        let answer = Arc::new(Mutex::new((Vec::new(), false)));
        let answers = Arc::clone(&answer);
        let server = ScriptedServer::start(move |connection| {
            while connection.request().is_some() {
                let (answer, closes) = answers.lock().unwrap().clone();
                connection.send(&answer);
                if closes {
                    return;
                }
            }
        });
        let tap = through_proxy_with(&format!("http://{}", server.address), flags);
        Self { server, answer, tap }
    }

    fn run(&self, case: &Case) -> Seen {
        *self.answer.lock().unwrap() = (case.response.clone(), case.closes);
        let before = self.server.seen().len();
        let responses = [self.server.address, self.tap.traffic].map(|address| client_sees(address, case));
        let requests = self.server.seen().split_off(before);
        let count = requests.len();
        let requests = requests.try_into().unwrap_or_else(|_| panic!("{}: {count} requests", case.name));
        Seen { requests, responses }
    }
}

/// The headers of trace context, taken out.
fn take_context(message: &mut Message) -> Vec<(String, String)> {
    let is_context =
        |name: &str| ["traceparent", "tracestate"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let (context, others) = message.headers.drain(..).partition(|(name, _)| is_context(name));
    message.headers = others;
    context
}

fn set_header(message: &mut Message, name: &str, value: String) {
    let headers = message.headers.iter_mut();
    headers.filter(|(known, _)| known.eq_ignore_ascii_case(name)).for_each(|(_, old)| old.clone_from(&value));
}

/// What the client got is the same, and what the server got but for one valid context in the head.
fn assert_only_the_head_carries_context(name: &str, seen: Seen) {
    let [direct, proxied] = seen.responses.map(|response| Message { end: End::Open, ..response });
    assert_same(name, direct, proxied);
    let [mut direct, mut proxied] = seen.requests.map(Message::end_to_end);
    let place = |message: &Message| {
        message.headers.iter().position(|(name, _)| name.eq_ignore_ascii_case("traceparent"))
    };
    let places = [&direct, &proxied].map(place);
    assert!(places[1].is_some() && (places[0].is_none() || places[0] == places[1]), "{name}: {places:?}");
    let came = take_context(&mut direct);
    let sent = take_context(&mut proxied);
    let parents: Vec<_> = sent.iter().filter(|(name, _)| name.eq_ignore_ascii_case("traceparent")).collect();
    let [(spelling, parent)] = &parents[..] else { panic!("{name}: {sent:?}") };
    assert!(TraceParent::parse(parent.as_bytes()).is_some(), "{name}: {parent}");
    if let Some((came, _)) = came.iter().find(|(name, _)| name.eq_ignore_ascii_case("traceparent")) {
        assert_eq!(spelling, came, "{name}: the client's spelling");
    }
    assert_same(name, direct, proxied);
}

#[test]
fn in_header_mode_only_the_context_headers_differ() {
    let path = Path::start(&[&ON[..], &["--propagate", "header"]].concat());
    for case in corpus::all().iter().chain(&with_contexts()) {
        assert_only_the_head_carries_context(case.name, path.run(case));
    }
}

#[test]
fn without_traces_or_without_propagation_nothing_differs() {
    let off = [&ON[..], &["--propagate", "off"]].concat();
    for flags in [&[][..], &off] {
        let path = Path::start(flags);
        for case in corpus::all().iter().chain(&with_contexts()) {
            let Seen { requests: [direct, proxied], responses } = path.run(case);
            assert_same(case.name, direct.end_to_end(), proxied.end_to_end());
            let [direct, proxied] = responses.map(|response| Message { end: End::Open, ..response });
            assert_same(case.name, direct, proxied);
        }
    }
}

/// Requests that bring contexts of their own.
fn with_contexts() -> Vec<Case> {
    let body = call(&format!(r#","_meta":{{"traceparent":"{OLD}","tracestate":"a=1"}}"#));
    let head = |lines: &str| {
        let length = body.len();
        format!("POST /mcp HTTP/1.1\r\nHost: h\r\n{lines}Content-Length: {length}\r\nX-Last: 1\r\n\r\n{body}")
    };
    let answer = || json(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    vec![
        case("context in _meta", post(&body), answer()),
        case("context in both", head(&format!("TraceParent: {OTHER}\r\nTraceState: b=2\r\n")), answer()),
        case("malformed context", head("traceparent: 00-zz\r\ntracestate: ===\r\n"), answer()),
        case("baggage", head("baggage: a=1\r\nBaggage: b=2\r\n"), answer()),
    ]
}

fn call(more: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo"{more}}}}}"#)
}

/// The body with `P` for the context that was written, which must be the only one.
fn with_marks(body: &[u8]) -> String {
    let mut text = String::from_utf8(body.to_vec()).unwrap();
    let mut from = 0;
    while let Some(at) = text[from..].find("00-") {
        let at = from + at;
        let is_parent = |part: &&str| TraceParent::parse(part.as_bytes()).is_some();
        if text.get(at..at + OLD.len()).filter(is_parent).is_some() {
            text.replace_range(at..at + OLD.len(), "P");
        }
        from = at + 1;
    }
    text
}

/// Bodies, and what the server gets.
fn spliced() -> Vec<(String, String)> {
    let meta = r#""_meta":{"traceparent":"P"}"#;
    let long = "x".repeat(40_000);
    vec![
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.to_owned(),
            format!(r#"{{"params":{{{meta}}},"jsonrpc":"2.0","id":1,"method":"ping"}}"#),
        ),
        (
            "\n{ \"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{ } }\n".to_owned(),
            format!("\n{{ \"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{{{meta} }} }}\n"),
        ),
        (
            call(r#","arguments":{"a":1.0,"a":2}"#),
            call(r#","arguments":{"a":1.0,"a":2}"#)
                .replace(r#""params":{"#, &format!(r#""params":{{{meta},"#)),
        ),
        (call(r#","_meta":{"a":1}"#), call(r#","_meta":{"traceparent":"P","a":1}"#)),
        (call(&format!(r#","_meta":{{"traceparent":"{OLD}"}}"#)), call(&format!(",{meta}"))),
        (call(r#","_meta":{"traceparent":"old"}"#), call(&format!(",{meta}"))),
        (call(r#","_meta":{"traceparent":{"x":[1]}}"#), call(&format!(",{meta}"))),
        (
            call(&format!(r#","_meta":{{"traceparent":"{OLD}","tracestate":"a=1"}}"#)),
            call(r#","_meta":{"traceparent":"P","tracestate":"a=1"}"#),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
            format!(r#"{{"params":{{{meta}}},"jsonrpc":"2.0","method":"notifications/initialized"}}"#),
        ),
        (
            format!("[{},{}]", call(""), r#"{"jsonrpc":"2.0","id":2,"result":{"_meta":{}}}"#),
            format!(
                "[{},{}]",
                call("").replace(r#""params":{"#, &format!(r#""params":{{{meta},"#)),
                r#"{"jsonrpc":"2.0","id":2,"result":{"_meta":{}}}"#
            ),
        ),
        (
            call(&format!(r#","arguments":{{"a":"{long}"}}"#)),
            call(&format!(r#","arguments":{{"a":"{long}"}}"#))
                .replace(r#""params":{"#, &format!(r#""params":{{{meta},"#)),
        ),
    ]
}

#[test]
fn in_full_mode_the_context_stands_in_meta_and_nothing_else_differs() {
    let path = Path::start(&[&ON[..], &["--propagate", "full"]].concat());
    for (body, expected) in spliced() {
        let pieces: Vec<&[u8]> = body.as_bytes().chunks(body.len().div_ceil(300)).collect();
        let head = "POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n";
        for request in [post(&body), chunked(head, &[body.as_bytes()], ""), chunked(head, &pieces, "")] {
            let mut seen = path.run(&case("full", request, json("{}")));
            let [direct, proxied] = &mut seen.requests;
            assert!(proxied.complete, "{body}");
            assert_eq!(with_marks(&proxied.body), expected, "{body}");
            // What was checked just now is taken back; the rest must be as in the other mode.
            if direct.header("content-length").is_some() {
                assert_eq!(
                    proxied.header("content-length"),
                    Some(&*proxied.body.len().to_string()),
                    "{body}"
                );
                set_header(proxied, "content-length", direct.body.len().to_string());
            }
            proxied.body.clone_from(&direct.body);
            assert_only_the_head_carries_context(&body, seen);
        }
    }
}

#[test]
fn in_full_mode_what_is_no_request_or_must_not_be_touched_keeps_its_bytes() {
    let path = Path::start(&[&ON[..], &["--propagate", "full"]].concat());
    let sealed = ["Content-Encoding: gzip", "Content-Digest: sha-256=:x:", "X-Signature: x"].map(|line| {
        let body = call("");
        let request = format!(
            "POST /mcp HTTP/1.1\r\nHost: h\r\n{line}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        case("sealed", request, json("{}"))
    });
    let large = call(&format!(r#","arguments":{{"a":"{}"}}"#, "x".repeat(100_000)));
    let kept = [
        case("answer", post(r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{}}}"#), json("")),
        case("equal keys", post(call(r#","_meta":{},"_meta":{}"#)), json("{}")),
        case("no object", post(call(r#","_meta":[]"#)), json("{}")),
        case("cut off", post(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"#), json("{}")),
        case("large", post(&large), json("{}")),
    ];
    // Of the corpus one body is a request of MCP.
    let corpus = corpus::all().into_iter().filter(|case| case.name != "plain");
    for case in corpus.chain(kept).chain(sealed) {
        assert_only_the_head_carries_context(case.name, path.run(&case));
    }
}

/// Tells when the first byte of a body arrived, then answers.
fn telling_server(arrived: Sender<()>) -> ScriptedServer {
    ScriptedServer::start(move |connection| {
        while let Some(mut message) = connection.reader.head() {
            // Of a chunked body the first byte stands behind the size.
            connection.reader.until(b"\r\n").unwrap();
            message.body = connection.reader.exactly(1);
            arrived.send(()).unwrap();
            connection.reader.until(b"0\r\n\r\n").unwrap();
            connection.note(&message);
            connection.send(&json("{}"));
        }
    })
}

fn begin_upload(address: SocketAddr) -> RawClient {
    let mut client = RawClient::connect(address);
    client.send(b"POST /mcp HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n");
    client
}

#[test]
fn slow_upload_is_held_for_a_moment_only() {
    for mode in ["header", "full"] {
        let (arrived, arrives) = channel();
        let server = telling_server(arrived);
        let upstream = format!("http://{}", server.address);
        let tap = through_proxy_with(&upstream, &[&ON[..], &["--propagate", mode]].concat());
        let start = clock::now();
        let mut client = begin_upload(tap.traffic);
        // The client sends no more before the server has the first byte.
        arrives.recv_timeout(PATIENCE).unwrap();
        let waited = clock::now() - start;
        assert!(waited < Duration::from_millis(50) + MARGIN, "{mode}: {waited:?}");
        client.send(b"1\r\n}\r\n0\r\n\r\n");
        assert_eq!(client.response(false).unwrap().status(), 200, "{mode}");
        assert!(server.seen()[0].header("traceparent").is_some(), "{mode}");
    }
}

#[test]
fn expected_continue_is_not_waited_for() {
    let server = ScriptedServer::start(|connection| {
        while let Some(mut message) = connection.reader.head() {
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n");
            connection.reader.body(&mut message, false);
            connection.note(&message);
            connection.send(&json("{}"));
        }
    });
    let upstream = format!("http://{}", server.address);
    let tap = through_proxy_with(&upstream, &[&ON[..], &["--propagate", "full"]].concat());
    let body = call("");
    let mut client = RawClient::connect(tap.traffic);
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send(head.as_bytes());
    assert_eq!(client.response(true).unwrap().status(), 100);
    client.send(body.as_bytes());
    assert_eq!(client.response(false).unwrap().status(), 200);
    let [seen] = &server.seen()[..] else { panic!("one request") };
    assert_eq!(seen.body, body.as_bytes());
    assert!(seen.header("traceparent").is_some());
}

#[test]
fn events_arrive_one_by_one() {
    for mode in ["off", "header", "full"] {
        let (go, goes) = channel();
        let goes = Mutex::new(goes);
        let server = ScriptedServer::start(move |connection| {
            connection.request().unwrap();
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            connection.send(head.as_bytes());
            for _ in 0..3 {
                connection.send(b"9\r\ndata: 1\n\n\r\n");
                // The next one only when the client has this one.
                goes.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
            connection.send(b"0\r\n\r\n");
        });
        let upstream = format!("http://{}", server.address);
        let tap = through_proxy_with(&upstream, &[&ON[..], &["--propagate", mode]].concat());
        let mut client = RawClient::connect(tap.traffic);
        client.send(&post(call("")));
        client.reader.head().unwrap();
        for _ in 0..3 {
            client.reader.until(b"data: 1\n\n").unwrap();
            go.send(()).unwrap();
        }
        client.reader.until(b"0\r\n\r\n").unwrap();
    }
}
