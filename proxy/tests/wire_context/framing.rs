//! Bodies that are framed in odd ways, and connections that go on behind them.

use super::align;
use super::support::client::RawClient;
use super::support::corpus::chunked;
use super::support::server::ScriptedServer;
use super::support::wire::Message;
use super::{ON, PATIENCE, answer, parsed, server, tap, through_proxy_with};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
/// By how much a context makes it longer.
const GROWTH: usize = r#""_meta":{"traceparent":""},"#.len() + 55;

fn post(lines: &str, body: &str) -> Vec<u8> {
    format!("POST /mcp HTTP/1.1\r\nHost: h\r\n{lines}\r\n{body}").into_bytes()
}

fn chunks(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// What a client gets, and how many requests the server gets, with a plain request behind the odd one: directly seen
/// by nobody, with traces off, and with traces on.
fn outcome(mode: Option<&str>, request: &[u8]) -> (Vec<u16>, Vec<(String, usize)>) {
    let (server, requests) = server();
    let tap = match mode {
        Some(mode) => tap(&server, mode),
        None => through_proxy_with(&format!("http://{}", server.address), &[]),
    };
    let mut client = RawClient::connect(tap.traffic);
    client.send(&[request, b"GET /behind HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"].concat());
    client.finish_sending();
    let mut statuses = Vec::new();
    while let Some(response) = client.response(false) {
        statuses.push(response.status());
    }
    drop(client);
    drop(tap);
    let mut seen = Vec::new();
    while let Ok(got) = requests.recv_timeout(std::time::Duration::from_millis(100)) {
        let growth = got.body.windows(13).filter(|part| part == b"\"traceparent\"").count() * GROWTH;
        // How much of a broken one the server gets is a matter of time.
        if got.complete {
            seen.push((got.start.clone(), got.body.len() - growth));
        }
    }
    (statuses, seen)
}

#[test]
fn odd_framing_is_read_in_the_same_way_with_and_without_contexts() {
    let length = CALL.len();
    let cases = [
        post(&format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"), CALL),
        post(&format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length - 1), CALL),
        post(&format!("Content-Length: {length}, {length}\r\n"), CALL),
        post(&format!("Content-Length: +{length}\r\n"), CALL),
        post(&format!("Content-Length: 00{length}\r\n"), CALL),
        post(&format!("Content-Length:\t {length} \r\n"), CALL),
        post("Content-Length: 99999999999999999999\r\n", CALL),
        post("Content-Length: -1\r\n", CALL),
        post("Content-Length: \r\n", CALL),
        post(&format!("Content-Length : {length}\r\n"), CALL),
        post(&format!("X: y\r\n Content-Length: {length}\r\n"), CALL),
        post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", &chunks(CALL)),
        post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", &chunks(CALL)),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", &chunks(CALL)),
        post("Transfer-Encoding: gzip, chunked\r\n", &chunks(CALL)),
        post("Transfer-Encoding: chunked, gzip\r\n", &chunks(CALL)),
        post("Transfer-Encoding: identity\r\n", CALL),
        post(&format!("Transfer-Encoding: identity\r\nContent-Length: {length}\r\n"), CALL),
        post("Transfer-Encoding: xchunked\r\n", &chunks(CALL)),
        post("Transfer-Encoding: \x0bchunked\r\n", &chunks(CALL)),
        post("Transfer-Encoding: chunked\r\n", &format!("{length:X}\r\n{CALL}\r\n000\r\n\r\n")),
        post("Transfer-Encoding: chunked\r\n", &format!("{length:x};a=\"\r\"\r\n{CALL}\r\n0\r\n\r\n")),
        post("Transfer-Encoding: chunked\r\n", &format!("{length:x}\n{CALL}\n0\n\n")),
        post("Transfer-Encoding: chunked\r\n", &format!("0x{length:x}\r\n{CALL}\r\n0\r\n\r\n")),
        post("Transfer-Encoding: chunked\r\n", &format!("{length:x}\r\n{CALL}xx0\r\n\r\n")),
        post("Transfer-Encoding: chunked\r\n", &format!("ffffffffffffffff1\r\n{CALL}\r\n0\r\n\r\n")),
        post(&format!("Upgrade: x\r\nConnection: upgrade\r\nContent-Length: {length}\r\n"), CALL),
        post(
            "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n",
            &chunks(CALL).replace("0\r\n\r\n", "0\r\nX-Sum: 1\r\nContent-Length: 1\r\n\r\n"),
        ),
        post("Content-Length: 5\r\n", CALL),
        post(&format!("Content-Length: {}\r\n", length + 500), CALL),
        format!("POST /mcp HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{CALL}").into(),
        format!("POST /mcp HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: {length}\r\n\r\n{CALL}")
            .into(),
        format!("POST /mcp HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunks(CALL)).into(),
    ];
    for request in cases {
        let off = outcome(None, &request);
        for mode in ["off", "header", "full"] {
            let on = outcome(Some(mode), &request);
            assert_eq!(on, off, "{mode}: {}", String::from_utf8_lossy(&request));
        }
    }
}

/// The places in a document are counted from its first byte, also where its first piece does not tell what it is.
#[test]
fn white_space_that_comes_alone_counts() {
    let (server, requests) = server();
    let tap = tap(&server, "full");
    let mut client = RawClient::connect(tap.traffic);
    for kind in ["application/json", "text/plain", ""] {
        for blanks in [&["\n"][..], &[" ", "\r\n"], &[" \t\n   ", "\n", "\n"]] {
            let pieces: Vec<&[u8]> = blanks.iter().chain(&[CALL]).map(|piece| piece.as_bytes()).collect();
            let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
            client.send(&chunked(&format!("POST /mcp HTTP/1.1\r\nHost: h\r\n{kind}"), &pieces, ""));
            client.response(false).unwrap();
            let got = requests.recv_timeout(PATIENCE).unwrap();
            assert_eq!(align::written(&pieces.concat(), &got.body), Some(1), "{kind} {blanks:?}");
        }
    }
}

/// What comes behind a request on the same connection is the next one, whatever became of the length.
#[test]
fn a_length_that_is_said_twice_is_corrected_in_both_places_or_said_once() {
    let (server, requests) = server();
    let tap = tap(&server, "full");
    let length = CALL.len();
    let mut client = RawClient::connect(tap.traffic);
    let twice = post(&format!("Content-Length: {length}\r\ncontent-length: {length}\r\n"), CALL);
    for _ in 0..3 {
        client.send(&twice);
        client.response(false).unwrap();
        let got: Message = requests.recv_timeout(PATIENCE).unwrap();
        let lengths: Vec<_> = got
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map(|(_, value)| value.as_str())
            .collect();
        assert!(!lengths.is_empty() && lengths.iter().all(|value| *value == (length + GROWTH).to_string()));
        assert_eq!((got.body.len(), got.complete), (length + GROWTH, true));
    }
    assert_eq!(server.connections(), 1);
}

/// Headers that a client wants to end here do; what is set here goes on.
#[test]
fn a_context_that_connection_names_is_ours_on_the_way_on() {
    for mode in ["header", "full"] {
        let (server, requests) = server();
        let tap = tap(&server, mode);
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        for more in ["", "Upgrade: x\r\n"] {
            let lines = format!(
                "X-A: 1\r\nConnection: keep-alive, TraceParent, x-a, tracestate, upgrade\r\ntraceparent: {parent}\r\n{more}tracestate: a=1\r\nX-B: 1\r\nContent-Length: {}\r\n",
                CALL.len()
            );
            let mut client = RawClient::connect(tap.traffic);
            client.send(&post(&lines, CALL));
            client.response(false).unwrap();
            let got = requests.recv_timeout(PATIENCE).unwrap();
            let sent = got.header("traceparent").unwrap();
            assert!(sent.starts_with(&parent[..36]) && sent != parent, "{sent}");
            assert_eq!(
                (got.header("tracestate"), got.header("x-a").is_some(), got.header("x-b")),
                // Of an upgrade all goes on, and `Connection` with it.
                (Some("a=1"), !more.is_empty(), Some("1")),
                "{got:?}"
            );
        }
    }
}

/// A server that refuses before it has the body, and goes on reading or not.
#[test]
fn an_answer_before_the_end_of_the_body_passes() {
    const REFUSED: &[u8] = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
    for mode in ["header", "full"] {
        for reads_on in [false, true] {
            let server = ScriptedServer::start(move |connection| {
                connection.reader.head();
                connection.send(REFUSED);
                connection.finish_sending();
                if reads_on {
                    connection.wait_for_end();
                } else {
                    // Closed with bytes unread, it would be reset, and nobody knows what arrives of the answer then.
                    std::thread::park_timeout(PATIENCE);
                }
            });
            let flags = [&ON[..], &["--propagate", mode]].concat();
            let tap = through_proxy_with(&format!("http://{}", server.address), &flags);
            // The hold ends by its time, by size, and by the end of the body.
            let large = "x".repeat(200_000);
            for (lines, body) in [
                ("Transfer-Encoding: chunked\r\n".to_owned(), "1\r\n{\r\n".to_owned()),
                ("Content-Length: 1000000\r\n".to_owned(), large),
                ("Content-Length: 1000\r\n".to_owned(), CALL.to_owned()),
                (format!("Content-Length: {}\r\n", CALL.len()), CALL.to_owned()),
            ] {
                let mut client = RawClient::connect(tap.traffic);
                client.send(&post(&lines, &body));
                let response = client.response(false).unwrap();
                assert_eq!((response.status(), &response.body[..]), (413, &b"no"[..]), "{mode} {lines}");
            }
        }
    }
}

/// Requests that wait in the connection while one is held keep their place and their bytes.
#[test]
fn what_is_sent_behind_a_held_request_waits_its_turn() {
    let (server, requests) = server();
    let tap = tap(&server, "full");
    let mut client = RawClient::connect(tap.traffic);
    let first =
        post("X-Number: 1\r\nTransfer-Encoding: chunked\r\n", &format!("{:x}\r\n{CALL}\r\n", CALL.len()));
    client.send(&first);
    let second = post(&format!("X-Number: 2\r\nContent-Length: {}\r\n", CALL.len()), CALL);
    client.send(&[b"0\r\n\r\n", &second[..], b"GET /3 HTTP/1.1\r\nHost: h\r\nX-Number: 3\r\n\r\n"].concat());
    for number in 1..=3 {
        let got = requests.recv_timeout(PATIENCE).unwrap();
        assert_eq!((got.header("x-number"), got.complete), (Some(&*number.to_string()), true));
        assert_eq!(got.body.len(), if number < 3 { CALL.len() + GROWTH } else { 0 });
        let expected = parsed(&answer(&got));
        assert_eq!(client.response(false).unwrap().body, expected.body);
    }
}
