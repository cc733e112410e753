//! Where a body ends: the whole table.

use http::{HeaderName, HeaderValue, Method, StatusCode, Version};

use super::super::framing::{Framing, is_doubtful, of_request, of_response};
use super::*;

const HTTP_10: Version = Version::HTTP_10;
const HTTP_11: Version = Version::HTTP_11;

fn headers(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split('|').filter(|line| !line.is_empty()) {
        let (name, value) = match line.split_once(':') {
            Some(("cl", value)) => ("content-length", value),
            Some(("te", value)) => ("transfer-encoding", value),
            other => other.expect("a line"),
        };
        headers.append(
            HeaderName::try_from(name).expect("a name"),
            HeaderValue::try_from(value.trim()).expect("a value"),
        );
    }
    headers
}

/// The framing, or `Err`, and the lines that are left.
fn told(framing: Result<Framing, HeadError>, headers: &HeaderMap) -> (Result<Framing, ()>, String) {
    let lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}:{}", value.to_str().unwrap_or("?")))
        .map(|line| line.replace("content-length", "cl").replace("transfer-encoding", "te"))
        .collect();
    (framing.map_err(drop), lines.join("|"))
}

#[test]
fn requests_end_where_everybody_agrees_that_they_end() {
    for (version, lines, framing, left) in [
        (HTTP_11, "", Framing::None, ""),
        (HTTP_11, "cl:0", Framing::None, "cl:0"),
        (HTTP_11, "cl:5", Framing::Length(5), "cl:5"),
        (HTTP_10, "cl:5", Framing::Length(5), "cl:5"),
        (HTTP_10, "", Framing::None, ""),
        (HTTP_11, "cl:005", Framing::Length(5), "cl:005"),
        (HTTP_11, "a:1|cl:5|b:2|cl:5", Framing::Length(5), "a:1|cl:5|b:2"),
        (HTTP_11, "cl:18446744073709551615", Framing::Length(u64::MAX), "cl:18446744073709551615"),
        (HTTP_11, "te:chunked", Framing::Chunked, "te:chunked"),
        (HTTP_11, "te:Chunked", Framing::Chunked, "te:Chunked"),
        (HTTP_11, "te:gzip, chunked", Framing::Chunked, "te:gzip, chunked"),
        (HTTP_11, "te:gzip|te:chunked", Framing::Chunked, "te:gzip|te:chunked"),
        (HTTP_11, "a:1|cl:5|te:chunked|b:2", Framing::Chunked, "a:1|te:chunked|b:2"),
        (HTTP_11, "te:chunked|cl:x|cl:7", Framing::Chunked, "te:chunked"),
    ] {
        let mut headers = headers(lines);
        let framing_is = of_request(version, &mut headers);
        assert_eq!(told(framing_is, &headers), (Ok(framing), left.to_owned()), "{version:?} {lines}");
    }
}

#[test]
fn requests_that_two_parsers_could_read_in_two_ways_are_refused() {
    for (version, lines) in [
        (HTTP_11, "cl:5|cl:6"),
        (HTTP_11, "cl:5, 5"),
        (HTTP_11, "cl:5,6"),
        (HTTP_11, "cl:"),
        (HTTP_11, "cl:+5"),
        (HTTP_11, "cl:-5"),
        (HTTP_11, "cl:5 5"),
        (HTTP_11, "cl:0x5"),
        (HTTP_11, "cl:5;"),
        (HTTP_11, "cl:\u{665}"),
        (HTTP_11, "cl:5|cl:"),
        (HTTP_11, "cl:18446744073709551616"),
        (HTTP_10, "te:chunked"),
        (HTTP_10, "cl:5|te:chunked"),
        (HTTP_11, "te:"),
        (HTTP_11, "te:gzip"),
        (HTTP_11, "te:identity"),
        (HTTP_11, "te:identity|cl:5"),
        (HTTP_11, "te:chunked, gzip"),
        (HTTP_11, "te:chunked|te:identity"),
        (HTTP_11, "te:chunked,"),
        (HTTP_11, "te:chunked;q=1"),
        (HTTP_11, "te:xchunked"),
        (HTTP_11, "te:\"chunked\""),
        (HTTP_11, "te:chunked, chunked"),
        (HTTP_11, "te:chunked|te:chunked"),
        (HTTP_11, "te:identity, chunked"),
        (HTTP_11, "te:identity|te:chunked"),
        (HTTP_11, "te:gzip chunked"),
    ] {
        let mut headers = headers(lines);
        assert!(of_request(version, &mut headers).is_err(), "{version:?} {lines}");
    }
}

#[test]
fn responses_end_as_their_request_and_status_say_and_then_by_their_head() {
    for (method, status, version, lines, framing, left) in [
        ("GET", 200, HTTP_11, "cl:5", Framing::Length(5), "cl:5"),
        ("GET", 200, HTTP_11, "cl:0", Framing::Length(0), "cl:0"),
        ("GET", 200, HTTP_11, "cl:5|cl:5", Framing::Length(5), "cl:5"),
        ("GET", 200, HTTP_11, "", Framing::Close, ""),
        ("GET", 200, HTTP_10, "", Framing::Close, ""),
        ("GET", 200, HTTP_10, "cl:5", Framing::Length(5), "cl:5"),
        ("GET", 200, HTTP_11, "te:chunked", Framing::Chunked, "te:chunked"),
        ("GET", 200, HTTP_11, "cl:5|te:chunked", Framing::Chunked, "te:chunked"),
        ("GET", 200, HTTP_11, "te:chunked|te:chunked", Framing::Chunked, "te:chunked|te:chunked"),
        ("GET", 200, HTTP_11, "te:gzip", Framing::Close, "te:gzip"),
        ("GET", 200, HTTP_11, "te:gzip|cl:5", Framing::Close, "te:gzip"),
        ("HEAD", 200, HTTP_11, "cl:5", Framing::None, "cl:5"),
        ("HEAD", 200, HTTP_11, "te:chunked", Framing::None, "te:chunked"),
        ("GET", 304, HTTP_11, "cl:5", Framing::None, "cl:5"),
        ("GET", 204, HTTP_11, "cl:5", Framing::None, ""),
        ("GET", 204, HTTP_11, "a:1|te:chunked|cl:x", Framing::None, "a:1"),
        ("GET", 101, HTTP_11, "", Framing::None, ""),
        ("POST", 205, HTTP_11, "cl:0", Framing::Length(0), "cl:0"),
        ("CONNECT", 501, HTTP_11, "cl:5", Framing::Length(5), "cl:5"),
    ] {
        let mut headers = headers(lines);
        let method = Method::try_from(method).expect("a method");
        let status = StatusCode::from_u16(status).expect("a status");
        let framing_is = of_response(&method, status, version, &mut headers);
        assert_eq!(told(framing_is, &headers), (Ok(framing), left.to_owned()), "{method} {status} {lines}");
    }
}

#[test]
fn responses_whose_length_cannot_be_told_are_refused() {
    for (version, lines) in [
        (HTTP_11, "cl:5|cl:6"),
        (HTTP_11, "cl:5, 5"),
        (HTTP_11, "cl:five"),
        (HTTP_11, "cl:-1"),
        (HTTP_10, "te:chunked"),
        (HTTP_10, "te:gzip"),
    ] {
        let mut headers = headers(lines);
        assert!(of_response(&Method::GET, StatusCode::OK, version, &mut headers).is_err(), "{lines}");
    }
}

#[test]
fn a_head_that_says_it_twice_is_doubtful() {
    for (lines, doubtful) in
        [("", false), ("cl:5|cl:5", false), ("te:chunked", false), ("cl:5|te:chunked", true)]
    {
        assert_eq!(is_doubtful(&headers(lines)), doubtful, "{lines}");
    }
}
