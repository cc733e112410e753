//! Messages that two parsers could read in two ways: what the proxy passes on is read as what was meant, or not at all.

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use support::PATIENCE;
use support::client::RawClient;
use support::proxy::{start_holding_proxy, start_proxy};
use support::server::{Connection, ScriptedServer};
use support::wire::{End, Reader};

/// Follows every odd request on its connection, and every odd exchange on another one.
const PROBE: &[u8] = b"GET /probe HTTP/1.1\r\nHost: h\r\n\r\n";
const FENCE: &[u8] = b"GET /fence HTTP/1.1\r\nHost: h\r\n\r\n";

/// What a server saw that takes nothing but what every server reads in the same way.
type Seen = Arc<Mutex<Vec<String>>>;

/// Answers each request with its start; what is no strict HTTP is noted and ends the connection.
fn strict_server() -> (ScriptedServer, Seen) {
    let seen = Seen::default();
    let noted = Arc::clone(&seen);
    let server = ScriptedServer::start(move |connection| {
        loop {
            match strict(connection) {
                Ok(Some((start, body))) => {
                    noted.lock().expect("no panic").push(format!("{start} {body}").trim_end().to_owned());
                    let text = if start.starts_with("HEAD") { "" } else { &start };
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", start.len());
                    connection.send(head.as_bytes());
                }
                Ok(None) => return,
                Err(what) => {
                    noted.lock().expect("no panic").push(format!("NOT STRICT: {what}"));
                    return;
                }
            }
        }
    });
    (server, seen)
}

/// One request, method, target and body; `None` at the end or where it is cut.
fn strict(connection: &mut Connection) -> Result<Option<(String, String)>, String> {
    let reader = &mut connection.reader;
    let Some(head) = reader.until(b"\r\n\r\n") else { return Ok(None) };
    let text = String::from_utf8(head).map_err(|error| error.to_string())?;
    if text.replace("\r\n", "").contains(['\r', '\n', '\0']) {
        return Err(format!("a line end in {text:?}"));
    }
    let mut lines = text.trim_end().split("\r\n");
    let start = lines.next().unwrap_or_default();
    let Some(start) = start.strip_suffix(" HTTP/1.1").or_else(|| start.strip_suffix(" HTTP/1.0")) else {
        return Err(format!("a version in {start:?}"));
    };
    let (mut length, mut chunked) = (None, false);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("no colon in {line:?}"))?;
        if name.is_empty() || name.contains([' ', '\t']) {
            return Err(format!("a name in {line:?}"));
        }
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("content-length", value)
                if length.is_none() && value.bytes().all(|sign| sign.is_ascii_digit()) =>
            {
                length = Some(value.parse().map_err(|_| format!("a length in {line:?}"))?);
            }
            ("transfer-encoding", value) if !chunked && value.eq_ignore_ascii_case("chunked") => {
                chunked = true
            }
            ("content-length" | "transfer-encoding", _) => return Err(format!("framing in {line:?}")),
            _ => {}
        }
    }
    if chunked && length.is_some() {
        return Err(format!("two framings in {text:?}"));
    }
    let start = start.to_owned();
    if !chunked {
        let body = reader.exactly(length.unwrap_or(0));
        let whole = body.len() == length.unwrap_or(0);
        return Ok(whole.then(|| (start, String::from_utf8_lossy(&body).into_owned())));
    }
    let body = strict_chunks(connection)?;
    Ok(body.map(|body| (start, String::from_utf8_lossy(&body).into_owned())))
}

/// A body of chunks, trailers behind it; `None` where it is cut.
fn strict_chunks(connection: &mut Connection) -> Result<Option<Vec<u8>>, String> {
    let reader = &mut connection.reader;
    let mut body = Vec::new();
    loop {
        let Some(line) = reader.until(b"\r\n") else { return Ok(None) };
        let size = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
        let size = usize::from_str_radix(&size, 16).map_err(|_| format!("a chunk's size {size:?}"))?;
        if size == 0 {
            break;
        }
        let chunk = reader.exactly(size + 2);
        if chunk.len() < size + 2 {
            return Ok(None);
        }
        if !chunk.ends_with(b"\r\n") {
            return Err(format!("a chunk's end in {chunk:?}"));
        }
        body.extend_from_slice(&chunk[..size]);
    }
    loop {
        match reader.until(b"\r\n") {
            None => return Ok(None),
            Some(line) if line == b"\r\n" => break,
            Some(line) => body.extend_from_slice(&[b"+", &line[..line.len() - 2]].concat()),
        }
    }
    Ok(Some(body))
}

/// Sends odd bytes and a probe behind them, then a fence on another connection; says what was answered and seen.
fn told(proxy: std::net::SocketAddr, seen: &Seen, odd: &[u8]) -> (Vec<u16>, Vec<String>) {
    seen.lock().expect("no panic").clear();
    let mut client = RawClient::connect(proxy);
    client.send(&[odd, PROBE].concat());
    let head = odd.starts_with(b"HEAD");
    let mut statuses = Vec::new();
    while let Some(answer) = client.response(head && statuses.is_empty()) {
        if answer.status() != 100 {
            statuses.push(answer.status());
        }
        if answer.body == b"GET /probe" {
            break;
        }
    }
    // What was left behind on a connection to the server would be read before this, or answered to it.
    let fence = RawClient::connect(proxy).exchange(FENCE);
    assert_eq!(fence.body, b"GET /fence", "behind {:?}", String::from_utf8_lossy(odd));
    let mut seen = seen.lock().expect("no panic").clone();
    assert_eq!(seen.pop().as_deref(), Some("GET /fence"));
    (statuses, seen)
}

#[test]
fn odd_requests_are_seen_as_they_were_meant_or_not_at_all() {
    let (server, seen) = strict_server();
    for proxy in [start_proxy(server.address), start_holding_proxy(server.address)] {
        for (odd, statuses, expected) in MEANT {
            let odd = odd.replace('|', "\r\n");
            let (answered, seen) = told(proxy, &seen, odd.as_bytes());
            assert_eq!((&answered[..], seen.join(", ").as_str()), (*statuses, *expected), "{odd:?}");
        }
        for odd in REFUSED {
            let odd = odd.replace('|', "\r\n");
            let (answered, seen) = told(proxy, &seen, odd.as_bytes());
            assert_eq!((&answered[..], &seen[..]), (&[400][..], &[][..]), "{odd:?}");
        }
    }
}

/// Requests (`|` for a line's end), the statuses of all answers, and what the server saw before the fence.
const MEANT: &[(&str, &[u16], &str)] = &[
    ("GET /a HTTP/1.1|Host: h||", &[200, 200], "GET /a, GET /probe"),
    ("||\n|GET /a HTTP/1.1|Host: h||", &[200, 200], "GET /a, GET /probe"),
    ("GET /a HTTP/1.1\nHost: h\n\n", &[200, 200], "GET /a, GET /probe"),
    ("HEAD /a HTTP/1.1|Host: h||", &[200, 200], "HEAD /a, GET /probe"),
    ("OPTIONS * HTTP/1.1|Host: h||", &[200, 200], "OPTIONS *, GET /probe"),
    ("GET http://h/a HTTP/1.1|Host: h||", &[200, 200], "GET http://h/a, GET /probe"),
    ("GET /a HTTP/1.0|Host: h||", &[200], "GET /a"),
    ("GET /a HTTP/1.0|Connection: keep-alive||", &[200, 200], "GET /a, GET /probe"),
    ("GET /a HTTP/1.1|Connection: close||", &[200], "GET /a"),
    // Bodies that look like requests.
    (
        "POST /a HTTP/1.1|Content-Length: 15||GET /x HTTP/1.1||",
        &[200, 200],
        "POST /a GET /x HTTP/1.1, GET /probe",
    ),
    (
        "POST /a HTTP/1.1|Content-Length: 19||GET /x HTTP/1.1||",
        &[200, 200],
        "POST /a GET /x HTTP/1.1, GET /probe",
    ),
    (
        "GET /a HTTP/1.1|Content-Length: 19||GET /x HTTP/1.1||",
        &[200, 200],
        "GET /a GET /x HTTP/1.1, GET /probe",
    ),
    ("POST /a HTTP/1.1|Content-Length: 0||", &[200, 200], "POST /a, GET /probe"),
    ("POST /a HTTP/1.1|Content-Length: 2|Content-Length: 2||ab", &[200, 200], "POST /a ab, GET /probe"),
    (
        "POST /a HTTP/1.1|Connection: content-length|Content-Length: 2||ab",
        &[200, 200],
        "POST /a ab, GET /probe",
    ),
    ("POST /a HTTP/1.1|Expect: 100-continue|Content-Length: 2||ab", &[200, 200], "POST /a ab, GET /probe"),
    // Chunks.
    ("POST /a HTTP/1.1|Transfer-Encoding: chunked||2|ab|0||", &[200, 200], "POST /a ab, GET /probe"),
    ("POST /a HTTP/1.1|tRANSFER-eNCODING:\tChunked||2|ab|0||", &[200, 200], "POST /a ab, GET /probe"),
    (
        "POST /a HTTP/1.1|Connection: transfer-encoding|Transfer-Encoding: chunked||2|ab|0||",
        &[200, 200],
        "POST /a ab, GET /probe",
    ),
    ("POST /a HTTP/1.1|Transfer-Encoding: chunked||002 ;x=\"0|0||\"|ab|0||", &[400], ""),
    (
        "POST /a HTTP/1.1|Transfer-Encoding: chunked||002 ;x=\"0\"|ab|0;y||",
        &[200, 200],
        "POST /a ab, GET /probe",
    ),
    (
        "POST /a HTTP/1.1|Transfer-Encoding: chunked||2|ab|0|X-T: 1|Content-Length: 9|Transfer-Encoding: x||",
        &[200, 200],
        "POST /a ab+x-t: 1, GET /probe",
    ),
    // Both framings: the chunks count, and the connection ends.
    ("POST /a HTTP/1.1|Content-Length: 3|Transfer-Encoding: chunked||0||", &[200], "POST /a"),
    (
        "POST /a HTTP/1.1|Transfer-Encoding: chunked|Content-Length: 38||0||GET /smuggled HTTP/1.1|Host: h||",
        &[200],
        "POST /a",
    ),
    // What is no upgrade, or no tunnel.
    ("GET /a HTTP/1.1|Connection: Upgrade|Upgrade: x, h2c||", &[200, 200], "GET /a, GET /probe"),
    (
        "POST /a HTTP/1.1|Connection: Upgrade|Upgrade: x|Content-Length: 2||ab",
        &[200, 200],
        "POST /a ab, GET /probe",
    ),
    ("CONNECT h:80 HTTP/1.1|Host: h:80||", &[501, 200], "GET /probe"),
];

const REFUSED: &[&str] = &[
    "POST /a HTTP/1.1|Content-Length: 2|Content-Length: 3||ab",
    "POST /a HTTP/1.1|Content-Length: 2, 2||ab",
    "POST /a HTTP/1.1|Content-Length: +2||ab",
    "POST /a HTTP/1.1|Content-Length: 2 2||ab",
    "POST /a HTTP/1.1|Content-Length: 99999999999999999999||ab",
    "POST /a HTTP/1.1|Content-Length : 2||ab",
    "POST /a HTTP/1.1|Content-Length:|2||ab",
    "POST /a HTTP/1.1|Content-Length:| 2||ab",
    "POST /a HTTP/1.1|Transfer-Encoding : chunked||0||",
    "POST /a HTTP/1.1|Transfer-Encoding:| chunked||0||",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked, identity||0||",
    "POST /a HTTP/1.1|Transfer-Encoding: identity, chunked||0||",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked|Transfer-Encoding: chunked||0||",
    "POST /a HTTP/1.1|Transfer-Encoding: \u{b}chunked||0||",
    "POST /a HTTP/1.1|Transfer-Encoding: xchunked|Content-Length: 5||0||",
    "POST /a HTTP/1.0|Transfer-Encoding: chunked||0||",
    "GET /a HTTP/1.1|X: 1\rTransfer-Encoding: chunked||",
    "GET /a HTTP/1.1|X: 1\r\r\nTransfer-Encoding: chunked||",
    "GET /a HTTP/1.1|X: 1\0||",
    "GET /a HTTP/1.1|X\u{e9}: 1||",
    "GET /a HTTP/1.1| X: 1||",
    "GET /a HTTP/1.1|X: 1| folded||",
    "GET /a\tHTTP/1.1||",
    "GET /a b HTTP/1.1||",
    "GET /a HTTP/1.1 ||",
    "GET /a HTTP/3.0||",
    "\rGET /a HTTP/1.1||",
    // Chunks: the server sees a request that breaks off.
    "POST /a HTTP/1.1|Transfer-Encoding: chunked||2\nab|0||",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked||2;\nxx|ab|0||",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked||0x2|ab|0||",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked||-2|ab|0||",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked||2|abc|0||",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked||2|ab\n0||",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked||10000000000000002|ab|0||",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked||2|ab|0|\n",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked||2|ab|0|X: 1\n|",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked||2|ab|0|X : 1||",
    "POST /a HTTP/1.1|Transfer-Encoding: chunked||2|ab|0|GET /smuggled HTTP/1.1||",
];

/// What a client got for an odd answer, for the probe behind it, and where the probe was asked anew.
fn answered(odd: &'static str, method: &str) -> (Vec<String>, usize) {
    let server = ScriptedServer::start(move |connection| {
        while let Some(request) = connection.request() {
            let target = request.start.split(' ').nth(1).unwrap_or_default().to_owned();
            let own = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len());
            let closes = odd.ends_with('^');
            match target.as_str() {
                "/odd" => connection.send(odd.trim_end_matches('^').replace('|', "\r\n").as_bytes()),
                _ => connection.send(own.as_bytes()),
            }
            if target == "/odd" && closes {
                return;
            }
        }
    });
    let proxy = start_proxy(server.address);
    let mut client = RawClient::connect(proxy);
    client.send(&[format!("{method} /odd HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes(), PROBE].concat());
    let mut answers = Vec::new();
    while let Some(answer) = client.response(method == "HEAD" && answers.is_empty()) {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let told = if answer.complete { body } else { format!("{body}...") };
        answers.push(format!("{} {told}", answer.status()).trim_end().to_owned());
        if answer.body == b"/probe" {
            break;
        }
    }
    assert_eq!(RawClient::connect(proxy).exchange(FENCE).body, b"/fence", "behind {odd:?}");
    (answers, server.connections())
}

/// The poison is an answer that nobody asked for.
#[test]
fn odd_answers_reach_who_asked_and_what_is_behind_them_nobody() {
    const POISON: &str = "HTTP/1.1 200 OK|Content-Length: 6||poison";
    let poison = |answer: &str| -> &'static str { Box::leak(format!("{answer}{POISON}").into_boxed_str()) };
    let ours = "mcp-tap: the server's answer is not HTTP\n";
    let refused = format!("502 {}", ours.trim_end());
    for (method, odd, first, connections) in [
        ("GET", "HTTP/1.1 200 OK|Content-Length: 2||ok", "200 ok", 1),
        ("GET", poison("HTTP/1.1 200 OK|Content-Length: 2||ok"), "200 ok", 2),
        ("GET", poison("HTTP/1.1 200 OK|Content-Length: 0||"), "200", 2),
        ("GET", poison("HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0||"), "200 ok", 2),
        ("GET", poison("HTTP/1.1 204 No Content|Content-Length: 2||"), "204", 2),
        ("GET", poison("HTTP/1.1 204 No Content|Transfer-Encoding: chunked||0||"), "204", 2),
        ("GET", poison("HTTP/1.1 304 Not Modified|Content-Length: 43||"), "304", 2),
        ("HEAD", poison("HTTP/1.1 200 OK|Content-Length: 43||"), "200", 2),
        ("GET", poison("HTTP/1.1 200 OK|Content-Length: 2|Content-Length: 2||ok"), "200 ok", 2),
        ("GET", "HTTP/1.1 200 OK|Content-Length: 9|Transfer-Encoding: chunked||2|ok|0||", "200 ok", 2),
        ("GET", "HTTP/1.1 200 OK|Content-Length: 2|Connection: close||ok^", "200 ok", 2),
        ("GET", "HTTP/1.0 200 OK|Content-Length: 2|Connection: keep-alive||ok", "200 ok", 2),
        ("GET", "HTTP/1.1 200 OK||ok^", "200 ok", 2),
        ("GET", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "200 ok", 1),
        (
            "GET",
            "HTTP/1.1 103 Early|A: 1||HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Content-Length: 2||ok",
            "200 ok",
            1,
        ),
        // Not what was meant, so it is nobody's.
        ("GET", "HTTP/1.1 200 OK|Content-Length: 2|Content-Length: 3||ok", &refused, 2),
        ("GET", "HTTP/1.1 200 OK|Content-Length: 2, 2||ok", &refused, 2),
        ("GET", "HTTP/1.1 200 OK|Content-Length: -2||ok", &refused, 2),
        ("GET", "HTTP/1.0 200 OK|Transfer-Encoding: chunked||2|ok|0||", &refused, 2),
        ("GET", "HTTP/1.1 200 OK|A: 1| folded|Content-Length: 2||ok", &refused, 2),
        ("GET", "HTTP/1.1 200 OK|A: 1\rContent-Length: 2||ok", &refused, 2),
        ("GET", "HTTP/1.1 200 OK|A : 1|Content-Length: 2||ok", &refused, 2),
        ("GET", "HTTP/1.1 200 OK|A: \0|Content-Length: 2||ok", &refused, 2),
        ("GET", "HTTP/2 200|Content-Length: 2||ok", &refused, 2),
        (
            "GET",
            "HTTP/1.1 101 Switching Protocols|Connection: upgrade|Upgrade: x||",
            "502 mcp-tap: the server's answer is not HTTP",
            2,
        ),
    ] {
        let (answers, opened) = answered(odd, method);
        let expected = [first.to_owned(), "200 /probe".to_owned()];
        assert_eq!((answers, opened), (expected.to_vec(), connections), "{odd:?}");
    }
    // The rest cannot be told any more; the client sees that it is not whole, and nothing else.
    for odd in [
        "HTTP/1.1 200 OK|Content-Length: 9||ok^",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|^",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|x|",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|2\nab|0||",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|okHTTP/1.1 200 OK|Content-Length: 6||poison",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0|HTTP/1.1 200 OK|Content-Length: 6||poison",
    ] {
        assert_eq!(answered(odd, "GET"), (vec!["200 ok...".to_owned()], 2), "{odd:?}");
    }
}

#[test]
fn what_a_server_sends_on_an_idle_connection_is_nobodys_answer() {
    let (tell, told) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel();
    let (tell, gone) = (Mutex::new(tell), Mutex::new(gone));
    let server = ScriptedServer::start(move |connection| {
        while let Some(request) = connection.request() {
            let target = request.start.split(' ').nth(1).unwrap_or_default().to_owned();
            connection.send(
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()).as_bytes(),
            );
            if target == "/first" {
                gone.lock().expect("no panic").recv().expect("the test goes on");
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
                tell.lock().expect("no panic").send(()).expect("the test goes on");
            }
        }
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    assert_eq!(client.exchange(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n").body, b"/first");
    go.send(()).expect("the server waits");
    told.recv().expect("it was sent");
    assert_eq!(client.exchange(PROBE).body, b"/probe");
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let (server, _seen) = strict_server();
    let proxy = start_proxy(server.address);
    let size = 4 << 20;
    for head in [
        "POST /a HTTP/1.1\r\nContent-Length: x\r\n\r\n".to_owned(),
        format!("POST /a HTTP/1.1\r\nX: {}\r\n", "x".repeat(401 << 10)),
        format!("CONNECT h:1 HTTP/1.1\r\nContent-Length: {size}\r\n\r\n"),
    ] {
        let mut client = TcpStream::connect(proxy).expect("it listens");
        client.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut reader = Reader::new(client.try_clone().expect("a socket"));
        // Where it is reset, an answer that is still on its way is lost.
        client.write_all(head.as_bytes()).expect("it reads");
        client.write_all(&vec![b'x'; size]).expect("it is not reset");
        let mut answer = reader.head().expect("an answer");
        reader.body(&mut answer, false);
        assert!(answer.complete && [400, 431, 501].contains(&answer.status()), "{}", answer.start);
        assert!(reader.rest().is_empty() && reader.end == End::Fin, "{}", answer.start);
    }
}

#[test]
fn names_in_connection_without_end_are_dealt_with_at_once() {
    let (server, seen) = strict_server();
    let fields: String = (0..1000).map(|number| format!("a{number}:\r\n")).collect();
    let names = "a999,".repeat(70_000);
    let request = format!("GET /a HTTP/1.1\r\n{fields}Connection: {names}\r\n\r\n");
    let start = mcp_tap::clock::now();
    let (statuses, _) = told(start_proxy(server.address), &seen, request.as_bytes());
    assert_eq!(statuses, [200, 200]);
    assert!(start.elapsed() < std::time::Duration::from_secs(3), "{:?}", start.elapsed());
}
