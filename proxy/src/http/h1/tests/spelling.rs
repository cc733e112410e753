//! How lines go on: kept, removed, replaced or added.

use http::header::{HOST, TE};
use http::{HeaderName, HeaderValue};

use super::*;

const X: HeaderName = HeaderName::from_static("x");

/// Lets `change` work on the headers of these lines and expects others.
fn check(before: &str, change: impl Fn(&mut HeaderMap), after: &str) {
    let head: Vec<u8> = format!("GET / HTTP/1.1\r\n{before}\r\n").chars().map(|sign| sign as u8).collect();
    let (mut parts, spelling) = whole_request(&head);
    change(&mut parts.headers);
    assert_eq!(lines(&spelling, &parts.headers), after, "from {before:?}");
}

fn value(text: &'static str) -> HeaderValue {
    HeaderValue::from_static(text)
}

#[test]
fn unchanged_lines_go_on_as_they_came() {
    for lines in [
        "",
        "Host: h\r\n",
        "hOST:h\r\nX:   1\r\nx:\t2\r\nX-Empty:\r\nOther: a  b\r\n",
        "A: 1\r\nB: 2\r\nA: 3\r\nB:\r\nA:\r\nC: \u{fc}\r\n",
        "A:\r\nA:\r\nB:\r\nA:\r\n",
        "A:\r\nB:  \r\nA: 1\r\nB:\r\nA:\r\nC:\r\nB: 2\r\n",
    ] {
        check(lines, |_| {}, lines);
    }
}

#[test]
fn lines_with_another_end_or_space_behind_the_value_are_written_anew() {
    check(
        "A:  1\nB: 2 \r\nC:  3\r\nD: \t\r\nE:\nF:  4\r\n",
        |_| {},
        "A: 1\r\nB: 2\r\nC:  3\r\nD: \t\r\nE: \r\nF:  4\r\n",
    );
}

#[test]
fn removed_lines_are_left_out() {
    check("A: 1\r\nX: 2\r\nB: 3\r\n", |headers| drop(headers.remove(X)), "A: 1\r\nB: 3\r\n");
    check("X: 1\r\nA: 2\r\nx: 3\r\n", |headers| drop(headers.remove(X)), "A: 2\r\n");
    check("X:\r\nA:\r\nx:\r\n", |headers| drop(headers.remove(X)), "A:\r\n");
    check("X: 1\r\nA: 2\r\n", HeaderMap::clear, "");
}

#[test]
fn replaced_lines_stand_where_the_old_ones_stood_by_their_old_name() {
    check(
        "A: 1\r\nX:  2\r\nB:  3\r\n",
        |headers| drop(headers.insert(X, value("new"))),
        "A: 1\r\nX: new\r\nB:  3\r\n",
    );
    // Of several lines the first stays.
    check("X: 1\r\nA: 2\r\nX: 3\r\n", |headers| drop(headers.insert(X, value("new"))), "X: new\r\nA: 2\r\n");
    check("X: 1\r\nA: 2\r\n", |headers| drop(headers.insert(X, value(""))), "X: \r\nA: 2\r\n");
    check("X:\r\nA: 2\r\n", |headers| drop(headers.insert(X, value("1"))), "X: 1\r\nA: 2\r\n");
    check(
        "tE: gzip, trailers\r\nA: 2\r\n",
        |headers| drop(headers.insert(TE, value("trailers"))),
        "tE: trailers\r\nA: 2\r\n",
    );
}

#[test]
fn added_lines_stand_behind_all_others() {
    check("A: 1\r\n", |headers| drop(headers.insert(X, value("2"))), "A: 1\r\nx: 2\r\n");
    check("X: 1\r\nA: 2\r\n", |headers| assert!(headers.append(X, value("3"))), "X: 1\r\nA: 2\r\nx: 3\r\n");
    check("", |headers| drop(headers.insert(HOST, value("h"))), "host: h\r\n");
}

#[test]
fn a_value_that_equals_another_or_is_the_same_memory_is_no_other_line() {
    check("A: same\r\nX: same\r\n", |headers| drop(headers.remove("a")), "X: same\r\n");
    // A value that moves to another name does not take the old name along.
    let moved = |headers: &mut HeaderMap| {
        let value = headers.remove("a").expect("it is there");
        headers.insert(X, value);
    };
    check("A: secret\r\nB: 2\r\n", moved, "B: 2\r\nx: secret\r\n");
    let copied = |headers: &mut HeaderMap| {
        let value = headers["a"].clone();
        headers.insert(X, value);
    };
    check("X: 1\r\nA: 2\r\n", copied, "X: 2\r\nA: 2\r\n");
    let doubled = |headers: &mut HeaderMap| {
        let value = headers["a"].clone();
        headers.append("a", value);
    };
    check("A: 1\r\nB: 2\r\n", doubled, "A: 1\r\nB: 2\r\na: 1\r\n");
}

#[test]
fn nine_hundred_lines_go_on_with_what_was_changed_among_them() {
    let line = |number: usize| format!("Name-{}: {number}\r\n", number % 300);
    let before: String = (0..900).map(line).collect();
    check(&before, |_| {}, &before);
    let name = |number: usize| HeaderName::try_from(format!("name-{number}")).expect("a name");
    let change = |headers: &mut HeaderMap| {
        let mut rest = HeaderMap::new();
        for (old, value) in headers.iter().filter(|(old, _)| **old != name(7)) {
            rest.append(old.clone(), value.clone());
        }
        rest.insert(name(50), value("new"));
        rest.append(X, value("added"));
        *headers = rest;
    };
    let kept = (0..900).filter(|number| ![7, 50].contains(&(number % 300)) || *number == 50);
    let after: String =
        kept.map(|number| if number == 50 { "Name-50: new\r\n".to_owned() } else { line(number) }).collect();
    check(&before, change, &format!("{after}x: added\r\n"));
}

#[test]
fn no_more_lines_are_written_than_headers_are_there() {
    // More empty lines removed than are searched for, and more replaced than are placed.
    let before: String = (0..60).map(|number| format!("E{number}:\r\n")).collect();
    let (mut parts, spelling) = whole_request(format!("GET / HTTP/1.1\r\n{before}\r\n").as_bytes());
    for number in 1..40 {
        parts.headers.remove(format!("e{number}"));
    }
    for number in 40..60 {
        parts.headers.insert(HeaderName::try_from(format!("e{number}")).expect("a name"), value("v"));
    }
    let written = lines(&spelling, &parts.headers);
    let again = whole_request(format!("GET / HTTP/1.1\r\n{written}\r\n").as_bytes()).0;
    assert_eq!((again.headers.len(), written.lines().count()), (21, 21));
    assert_eq!(again.headers, parts.headers);
}
