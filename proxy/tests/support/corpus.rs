//! The exchanges that must look the same directly and through the proxy.

use std::io::Write as _;
use std::net::SocketAddr;

use super::client::RawClient;
use super::wire::Message;

/// What a case is made of.
pub(crate) struct Case {
    /// Its name in failure messages.
    pub(crate) name: &'static str,
    /// The client's bytes, sent in these pieces.
    pub(crate) request: Vec<u8>,
    /// The server's bytes for it.
    pub(crate) response: Vec<u8>,
    /// The server closes after its answer.
    pub(crate) closes: bool,
}

/// A case whose server keeps its connections.
pub(crate) fn case(name: &'static str, request: impl Into<Vec<u8>>, response: impl Into<Vec<u8>>) -> Case {
    Case { name, request: request.into(), response: response.into(), closes: false }
}

/// A POST of JSON.
pub(crate) fn post(body: impl AsRef<[u8]>) -> Vec<u8> {
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

/// An answer in JSON.
pub(crate) fn json(body: impl AsRef<[u8]>) -> Vec<u8> {
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

/// A head and a chunked body.
pub(crate) fn chunked(head: &str, pieces: &[&[u8]], trailers: &str) -> Vec<u8> {
    let mut response = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for piece in pieces {
        write!(response, "{:x}\r\n", piece.len()).unwrap();
        response.extend_from_slice(piece);
        response.extend_from_slice(b"\r\n");
    }
    write!(response, "0\r\n{trailers}\r\n").unwrap();
    response
}

/// An answer as a stream of events, in these pieces.
pub(crate) fn sse(pieces: &[&[u8]]) -> Vec<u8> {
    chunked("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n", pieces, "")
}

/// Runs a case against an address and says what the client saw.
pub(crate) fn client_sees(address: SocketAddr, case: &Case) -> Message {
    let mut client = RawClient::connect(address);
    client.exchange(&case.request).end_to_end()
}

/// JSON of all kinds, and what is sent as JSON.
pub(crate) fn json_bodies() -> Vec<Case> {
    let large = format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{}"}}"#, "x".repeat(1 << 20));
    vec![
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
    ]
}

/// Bodies with a content coding.
pub(crate) fn encoded_bodies() -> Vec<Case> {
    let mut cases = Vec::new();
    for coding in ["gzip", "br", "zstd", "unknown"] {
        let response = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n\x1f\x00\x08\x01\x02\x03"
        );
        cases.push(case("encoded", post("{}"), response));
    }
    cases
}

/// Streams of events, cut everywhere.
pub(crate) fn event_streams() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, stream) in [
        (
            "line feeds",
            &b"id: 1\nretry: 5\ndata: {\"a\":1}\n\n: comment\n\ndata:\n\ndata: a\ndata: b\n\nevent: x\n\n"[..],
        ),
        ("carriage returns", b"data: 1\r\rdata: 2\r\r"),
        ("both", b"\xef\xbb\xbfdata: 1\r\n\r\ndata: \xc3\xa9\r\n\r\n"),
        ("broken off", b"data: unfinished"),
    ] {
        cases.push(case(name, post("{}"), sse(&[stream])));
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        cases.push(case(name, post("{}"), sse(&single)));
        for at in 1..stream.len() {
            let (first, second) = stream.split_at(at);
            cases.push(case(name, post("{}"), sse(&[first, second])));
        }
    }
    cases
}

/// Odd, long and many headers.
pub(crate) fn heads() -> Vec<Case> {
    let mut cases = Vec::new();
    let request = "GET /a/../b//\"{}|^c?q=%zz&{}|^`'&x=%00&&= HTTP/1.1\r\nHOST: a.example\r\nx-first: 1\r\nConnection: keep-alive\r\n\
                   X-SECOND:  two  words \r\nx-Second: again\r\naccept-encoding: gzip, br\r\nTE: trailers\r\nEmpty:\r\nX-Latin: \u{e9}\r\n\
                   Authorization: Bearer t\r\nTraceparent: 00-x\r\nX-Last: 9\r\n\r\n";
    let response = "HTTP/1.1 299 Odd Reason!\r\nserver: x\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nWWW-Authenticate: Bearer\r\nConnection: keep-alive\r\n\
                    X-Accel-Buffering: no\r\nKEEP-alive: timeout=5\r\nX-Empty:\r\nVary: a\r\nContent-LENGTH: 2\r\nX-After: z\r\n\r\nok";
    cases.push(case("odd head", request, response));
    cases.push(case(
        "absolute form",
        "GET http://other.example:81/p?q HTTP/1.1\r\nHost: h\r\n\r\n",
        json("{}"),
    ));
    cases.push(case("asterisk form", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", json("{}")));
    cases.push(case("unknown method", "BREW-IT /pot HTTP/1.1\r\nHost: h\r\n\r\n", json("{}")));
    cases.push(case(
        "no reason",
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
    ));
    let huge = format!("GET / HTTP/1.1\r\nHost: h\r\nX-Huge: {}\r\n\r\n", "h".repeat(100 * 1024));
    let answer =
        format!("HTTP/1.1 200 OK\r\nX-Huge: {}\r\nContent-Length: 0\r\n\r\n", "h".repeat(100 * 1024));
    cases.push(case("100 KiB head", huge, answer));
    let many: String = (0..900).map(|number| format!("X-{number}: {number}\r\n")).collect();
    cases.push(case(
        "900 headers",
        format!("GET / HTTP/1.1\r\nHost: h\r\n{many}\r\n"),
        format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n"),
    ));
    cases
}

/// All ways to frame a body.
pub(crate) fn framings() -> Vec<Case> {
    let mut cases = Vec::new();
    let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    cases.push(case(
        "HEAD",
        "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    ));
    cases.push(case("204", get, "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"));
    cases.push(case("304", get, "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n"));
    cases.push(case("202", post("{}"), "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"));
    cases.push(case("GET with body", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", json("{}")));
    cases.push(case("DELETE without body", "DELETE /mcp HTTP/1.1\r\nHost: h\r\n\r\n", json("{}")));
    cases.push(case(
        "chunked request with trailers",
        chunked("POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-Sum\r\n", &[b"a", b"bc"], "X-Sum: 1\r\n"),
        json("{}"),
    ));
    cases.push(case(
        "response trailers",
        "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n",
        chunked("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\n", &[b"a"], "X-Sum: 2\r\n"),
    ));
    let close =
        Case { closes: true, ..case("until close", get, "HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nall of it") };
    cases.push(close);
    cases
}

/// All of the above.
pub(crate) fn all() -> Vec<Case> {
    [json_bodies(), encoded_bodies(), event_streams(), heads(), framings()].into_iter().flatten().collect()
}

/// Compares what one side saw directly and through the proxy.
#[track_caller]
pub(crate) fn assert_same(name: &str, direct: Message, proxied: Message) {
    let summary = |message: &Message| Message { body: Vec::new(), ..message.clone() };
    assert_eq!(summary(&direct), summary(&proxied), "{name}: heads and ends");
    assert!(
        direct.body == proxied.body,
        "{name}: bodies of {} and {} bytes",
        direct.body.len(),
        proxied.body.len()
    );
}
