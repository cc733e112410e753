//! Heads as they are written, and what they say of the body behind them.

use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body::{Frame, SizeHint};

use super::super::encoder::{self, Answer, Encoder};
use super::super::output::Output;
use super::*;

fn hint(size: Option<u64>) -> SizeHint {
    size.map_or_else(SizeHint::default, SizeHint::with_exact)
}

/// What a body of two frames, of which only the second knows that it is the last, becomes behind this head.
fn body(mut encoder: Encoder, output: &mut Output) {
    encoder.frame(Frame::data(Bytes::from_static(b"ab")), false, output);
    encoder.frame(Frame::data(Bytes::from_static(b"cd")), true, output);
    let _short = encoder.end(output);
}

fn text(output: &mut Output) -> String {
    String::from_utf8(output.buffer().clone()).expect("it is text")
}

#[test]
fn requests_are_framed_as_their_heads_say_or_else_by_chunks() {
    for (version, lines, size, expected) in [
        (Version::HTTP_11, vec![], Some(0), "POST /a?b HTTP/1.1\r\n\r\n"),
        (Version::HTTP_10, vec![], Some(0), "POST /a?b HTTP/1.0\r\n\r\n"),
        (
            Version::HTTP_11,
            vec![("content-length", "4")],
            Some(4),
            "POST /a?b HTTP/1.1\r\ncontent-length: 4\r\n\r\nabcd",
        ),
        (
            Version::HTTP_11,
            vec![("content-length", "3")],
            None,
            "POST /a?b HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc",
        ),
        (
            Version::HTTP_11,
            vec![("content-length", "0")],
            None,
            "POST /a?b HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
        ),
        (
            Version::HTTP_11,
            vec![("transfer-encoding", "chunked")],
            None,
            "POST /a?b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
        ),
        (
            Version::HTTP_11,
            vec![],
            None,
            "POST /a?b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
        ),
    ] {
        let mut request = Request::post("/a?b").version(version);
        for (name, value) in &lines {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let mut output = Output::default();
        let encoder = encoder::request(&parts, None, &hint(size), output.buffer());
        body(encoder, &mut output);
        assert_eq!(text(&mut output), expected);
    }
}

/// Method and version of the request, whether the connection goes on; status, a line, and the size of the answer's body;
/// what is written, `|` for a line's end.
type Row = (&'static str, Version, bool, u16, &'static str, Option<u64>, &'static str);

const RESPONSES: &[Row] = &[
    (
        "GET",
        Version::HTTP_11,
        true,
        200,
        "content-length: 4",
        None,
        "HTTP/1.1 200 OK|content-length: 4||abcd",
    ),
    (
        "GET",
        Version::HTTP_11,
        false,
        200,
        "content-length: 4",
        None,
        "HTTP/1.1 200 OK|content-length: 4|connection: close||abcd",
    ),
    (
        "GET",
        Version::HTTP_10,
        true,
        200,
        "content-length: 4",
        None,
        "HTTP/1.0 200 OK|content-length: 4|connection: keep-alive||abcd",
    ),
    (
        "GET",
        Version::HTTP_10,
        false,
        200,
        "content-length: 4",
        None,
        "HTTP/1.0 200 OK|content-length: 4||abcd",
    ),
    ("GET", Version::HTTP_11, true, 200, "content-length: 3", None, "HTTP/1.1 200 OK|content-length: 3||abc"),
    ("GET", Version::HTTP_11, true, 200, "", Some(4), "HTTP/1.1 200 OK|content-length: 4||abcd"),
    ("GET", Version::HTTP_11, true, 200, "", Some(0), "HTTP/1.1 200 OK|content-length: 0||"),
    (
        "GET",
        Version::HTTP_11,
        true,
        200,
        "",
        None,
        "HTTP/1.1 200 OK|transfer-encoding: chunked||2|ab|2|cd|0||",
    ),
    ("GET", Version::HTTP_10, true, 200, "", None, "HTTP/1.0 200 OK||abcd"),
    ("GET", Version::HTTP_10, true, 200, "transfer-encoding: chunked", None, "HTTP/1.0 200 OK||abcd"),
    (
        "GET",
        Version::HTTP_11,
        true,
        200,
        "transfer-encoding: chunked",
        None,
        "HTTP/1.1 200 OK|transfer-encoding: chunked||2|ab|2|cd|0||",
    ),
    (
        "GET",
        Version::HTTP_11,
        true,
        200,
        "transfer-encoding: gzip",
        None,
        "HTTP/1.1 200 OK|transfer-encoding: gzip|connection: close||abcd",
    ),
    ("HEAD", Version::HTTP_11, true, 200, "content-length: 4", None, "HTTP/1.1 200 OK|content-length: 4||"),
    ("HEAD", Version::HTTP_11, true, 200, "", None, "HTTP/1.1 200 OK||"),
    (
        "GET",
        Version::HTTP_11,
        true,
        304,
        "content-length: 4",
        None,
        "HTTP/1.1 304 Not Modified|content-length: 4||",
    ),
    ("GET", Version::HTTP_11, true, 204, "", None, "HTTP/1.1 204 No Content||"),
    ("GET", Version::HTTP_11, false, 204, "", Some(4), "HTTP/1.1 204 No Content|connection: close||"),
    (
        "GET",
        Version::HTTP_11,
        false,
        101,
        "upgrade: x",
        None,
        "HTTP/1.1 101 Switching Protocols|upgrade: x||",
    ),
    ("GET", Version::HTTP_11, true, 999, "", Some(0), "HTTP/1.1 999 |content-length: 0||"),
];

#[test]
fn responses_are_framed_for_who_asked() {
    for (method, version, keeps, status, lines, size, expected) in RESPONSES {
        let mut response = Response::builder().status(*status);
        if let Some((name, value)) = lines.split_once(": ") {
            response = response.header(name, value);
        }
        let (parts, ()) = response.body(()).expect("a response").into_parts();
        let method = Method::try_from(*method).expect("a method");
        let mut output = Output::default();
        let answer = Answer { method: &method, version: *version, keeps: *keeps };
        let encoder = encoder::response(&parts, None, answer, &hint(*size), output.buffer());
        body(encoder, &mut output);
        assert_eq!(text(&mut output), expected.replace('|', "\r\n"));
    }
}

#[test]
fn a_head_goes_on_with_its_own_target_and_reason() {
    let (parts, spelling) = whole_request(b"GET http://H/%7e?x#y HTTP/1.1\r\nHost:h\r\n\r\n");
    let mut out = Vec::new();
    encoder::request(&parts, Some(&spelling), &hint(Some(0)), &mut out);
    assert_eq!(out, b"GET http://H/%7e?x#y HTTP/1.1\r\nHost:h\r\n\r\n");

    let mut input = input(b"HTTP/1.0 200 all  right\r\nA:1\r\nContent-Length: 0\r\n\r\n");
    let (parts, spelling) =
        super::super::head::response(&mut input, &mut Progress::default()).expect("a head").expect("whole");
    let mut out = Vec::new();
    let answer = Answer { method: &Method::GET, version: Version::HTTP_11, keeps: true };
    encoder::response(&parts, Some(&spelling), answer, &hint(Some(0)), &mut out);
    assert_eq!(out, b"HTTP/1.1 200 all  right\r\nA:1\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn trailers_go_behind_chunks_without_what_frames_messages() {
    let mut trailers = HeaderMap::new();
    for name in ["x-sum", "content-length", "transfer-encoding", "host", "connection", "trailer", "x-sum"] {
        trailers.append(name, "1".parse().expect("a value"));
    }
    for (lines, expected) in [
        ("transfer-encoding", "2\r\nab\r\n0\r\nx-sum: 1\r\nx-sum: 1\r\n\r\n"),
        ("x", "2\r\nab\r\n0\r\nx-sum: 1\r\nx-sum: 1\r\n\r\n"),
    ] {
        let (parts, ()) =
            Request::post("/").header(lines, "chunked").body(()).expect("a request").into_parts();
        let mut output = Output::default();
        let mut encoder = encoder::request(&parts, None, &SizeHint::default(), output.buffer());
        output.buffer().clear();
        encoder.frame(Frame::data(Bytes::from_static(b"ab")), false, &mut output);
        encoder.frame(Frame::trailers(trailers.clone()), true, &mut output);
        assert!(encoder.is_over() && encoder.end(&mut output).is_ok());
        assert_eq!(text(&mut output), expected);
    }
}
