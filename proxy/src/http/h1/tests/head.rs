//! Heads: in any cut the same, and what is refused.

use http::{StatusCode, Version};
use proptest::prelude::*;

use super::super::head::response as take_response;
use super::*;
use crate::http::{MAX_HEAD_SIZE, MAX_HEADERS};

/// What a head became, to be compared.
fn told(head: Taken) -> String {
    match head {
        Ok(None) => "more".to_owned(),
        Err(error) => error.to_string(),
        Ok(Some((parts, spelling))) => {
            let target = String::from_utf8_lossy(spelling.start()).into_owned();
            format!(
                "{} {target} {:?} {:?}\n{}",
                parts.method,
                parts.version,
                parts.headers,
                lines(&spelling, &parts.headers)
            )
        }
    }
}

fn response(bytes: &[u8]) -> Result<Option<(http::response::Parts, Spelling)>, HeadError> {
    take_response(&mut input(bytes), &mut Progress::default())
}

#[test]
fn head_is_the_same_in_any_two_pieces() {
    for head in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\r\n\n\r\nPOST /a?b#c HTTP/1.0\r\nHost: h\r\nX-Empty:\r\nx-odd:  a b \t\r\n\r\n",
        b"GET / HTTP/1.1\nHost: h\n\n",
        b"OPTIONS * HTTP/1.1\r\nHost:h\r\nA: 1\nA: 2\r\n\r\n",
        b"GET http://h:1/x HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nA b: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n",
    ] {
        let bytes = [head, b"\r\nnext"].concat();
        let (whole, rest) = request(&[&bytes]);
        let whole = told(whole);
        for at in 0..=head.len() {
            let (cut, cut_rest) = request(&[&bytes[..at], &bytes[at..]]);
            assert_eq!((told(cut), cut_rest), (whole.clone(), rest.clone()), "{head:?} cut at {at}");
        }
        let (bytewise, _) = request(&bytes.chunks(1).collect::<Vec<_>>());
        assert_eq!(told(bytewise), whole);
    }
}

proptest! {
    #[test]
    fn random_head_is_the_same_in_any_pieces(
        fields in prop::collection::vec(("[A-Za-z-]{1,12}", "[ \t]{0,3}", "([!-~é]{1,9}( [!-~]{1,5})?)?", any::<bool>()), 0..80),
        places in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut bytes = b"POST /mcp HTTP/1.1\r\n".to_vec();
        for (name, space, value, crlf) in &fields {
            bytes.extend_from_slice(format!("{name}:{space}{value}{}", if *crlf { "\r\n" } else { "\n" }).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        let (whole, rest) = request(&[&bytes]);
        let (parts, spelling) = whole.expect("it is one").expect("it is whole");
        prop_assert!(rest.is_empty());
        // Nothing was changed, so that all lines stand as they came but for their ends and space around odd values.
        let written = lines(&spelling, &parts.headers);
        let names: Vec<_> = written.lines().map(|line| line.split(':').next().unwrap_or_default()).collect();
        let came: Vec<_> = fields.iter().map(|(name, ..)| name.as_str()).collect();
        prop_assert_eq!(names, came);
        prop_assert!(!written.replace("\r\n", "").contains(['\r', '\n']));
        let again = [b"POST /mcp HTTP/1.1\r\n", &written.chars().map(|c| c as u8).collect::<Vec<_>>()[..], b"\r\n"].concat();
        prop_assert_eq!(&whole_request(&again).0.headers, &parts.headers);
        let expected = told(Ok(Some((parts, spelling))));
        prop_assert_eq!(told(request(&cut(&bytes, &places)).0), expected);
    }

    #[test]
    fn random_bytes_are_a_head_or_refused_but_never_a_panic(
        bytes in prop::collection::vec(prop::sample::select(b"GET / HTTP/1.\x000:\r\n\t a\xffPOST".to_vec()), 0..80),
        places in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let (head, rest) = request(&cut(&bytes, &places));
        if let Ok(Some((parts, spelling))) = head {
            prop_assert!(rest.len() < bytes.len());
            let written = lines(&spelling, &parts.headers);
            prop_assert!(!written.replace("\r\n", "").contains(['\r', '\n', '\0']));
        }
        let _any = response(&bytes);
    }
}

#[test]
fn what_is_no_request_head_is_refused() {
    let malformed = HeadError::Malformed;
    for (head, error) in [
        (&b"GET\r\n\r\n"[..], malformed("start line")),
        (b"GET  / HTTP/1.1\r\n\r\n", malformed("start line")),
        (b"GET\t/ HTTP/1.1\r\n\r\n", malformed("start line")),
        (b"GET / x HTTP/1.1\r\n\r\n", malformed("version")),
        (b"G\x00T / HTTP/1.1\r\n\r\n", malformed("start line")),
        (b"GET /\x00 HTTP/1.1\r\n\r\n", malformed("start line")),
        (b"GET /\xff HTTP/1.1\r\n\r\n", malformed("start line")),
        (b"GET /a<b HTTP/1.1\r\n\r\n", malformed("request target")),
        (b"GET / HTTP/2.0\r\n\r\n", malformed("version")),
        (b"GET / HTTP/1.2\r\n\r\n", malformed("version")),
        (b"GET / http/1.1\r\n\r\n", malformed("version")),
        (b"GET / HTTP/1.1 \r\n\r\n", malformed("line end")),
        (b"GET / HTTP/1.1\rA: 1\r\n\r\n", malformed("line end")),
        (b"\rGET / HTTP/1.1\r\n\r\n", malformed("line end")),
        (b"\r\r\nGET / HTTP/1.1\r\n\r\n", malformed("line end")),
        (b" GET / HTTP/1.1\r\n\r\n", malformed("start line")),
        (b"GET / HTTP/1.1\r\n A: 1\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\nA : 1\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\nA\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\n: 1\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\nA: 1\rB: 2\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\nA: 1\r\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\nA:\r B: 2\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\nA: \x0b\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\nA\xff: 1\r\n\r\n", malformed("field")),
        (b"GET / HTTP/1.1\r\nA: 1\r\n\rB: 2\r\n\r\n", malformed("line end")),
        (b"\x16\x03\x01\x02\x00", malformed("start line")),
    ] {
        assert_eq!(request(&[head]).0.map(|_| ()), Err(error), "{:?}", String::from_utf8_lossy(head));
    }
}

#[test]
fn what_is_no_request_is_refused_at_its_first_sight() {
    for pieces in [&[&b"G\0T"[..]][..], &[b"\r\n", b"G\0T"], &[b"\r", b"\nG\0T"], &[b"\n\r", b"\n\x16\x03"]] {
        assert!(request(pieces).0.is_err(), "{pieces:?}");
    }
}

#[test]
fn what_is_no_response_head_is_refused() {
    for head in [
        &b"HTTP/1.1 20 OK\r\n\r\n"[..],
        b"HTTP/1.1 099 No\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 200 O\rK\r\n\r\n",
        b"HTTP/1.1 200 O\x00K\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\r\n 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\r2\r\n\r\n",
    ] {
        assert!(response(head).is_err(), "{:?}", String::from_utf8_lossy(head));
    }
}

#[test]
fn reasons_are_kept_unless_they_are_not_ascii() {
    for (head, status, reason) in [
        (&b"HTTP/1.1 200 OK\r\n\r\n"[..], 200, &b"OK"[..]),
        (b"HTTP/1.1 299 \t odd  one \r\n\r\n", 299, b"\t odd  one "),
        (b"HTTP/1.1 200 \r\n\r\n", 200, b""),
        (b"HTTP/1.1 200\r\n\r\n", 200, b""),
        (b"HTTP/1.0 999 x\n\n", 999, b"x"),
        (b"HTTP/1.1 404 nicht \xfcblich\r\n\r\n", 404, b""),
    ] {
        let (parts, spelling) = response(head).unwrap().unwrap();
        assert_eq!((parts.status.as_u16(), spelling.start()), (status, reason));
    }
    assert_eq!(response(b"HTTP/1.1 200 OK\r\n").unwrap().map(|_| ()), None);
    let (parts, _) = response(b"HTTP/1.0 200 OK\r\n\r\n").unwrap().unwrap();
    assert_eq!((parts.version, parts.status), (Version::HTTP_10, StatusCode::OK));
}

#[test]
fn head_may_be_as_large_as_said_and_no_larger() {
    let head = |fields: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "a: 1\r\n".repeat(fields));
    assert_eq!(whole_request(head(MAX_HEADERS).as_bytes()).0.headers.len(), MAX_HEADERS);
    let many = head(MAX_HEADERS + 1);
    assert_eq!(request(&[many.as_bytes()]).0.map(|_| ()), Err(HeadError::TooLarge));

    let head = |size: usize| {
        let start = "GET / HTTP/1.1\r\na: ";
        format!("{start}{}\r\n\r\n", "x".repeat(size - start.len() - 4))
    };
    for (size, places, refused) in [
        (MAX_HEAD_SIZE, vec![], false),
        (MAX_HEAD_SIZE, vec![16, MAX_HEAD_SIZE - 1], false),
        (MAX_HEAD_SIZE + 1, vec![], true),
        (MAX_HEAD_SIZE + 1, vec![16, MAX_HEAD_SIZE], true),
    ] {
        let bytes = head(size);
        let head = request(&cut(bytes.as_bytes(), &places)).0.map(|head| head.is_some());
        assert_eq!(head, if refused { Err(HeadError::TooLarge) } else { Ok(true) }, "{size} {places:?}");
    }
    let endless = vec![b'x'; MAX_HEAD_SIZE + 1];
    assert_eq!(request(&[b"GET / HTTP/1.1\r\na: ", &endless]).0.map(|_| ()), Err(HeadError::TooLarge));
}

#[test]
fn target_may_be_as_long_as_it_can_be_kept() {
    for (size, error) in [(65_534, None), (65_535, Some(HeadError::TargetTooLong))] {
        let head = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(size - 1));
        assert_eq!(request(&[head.as_bytes()]).0.err(), error, "{size}");
    }
}
