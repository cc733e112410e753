//! Streams of events, in pieces of every size.

use super::*;
use crate::protocol::fingerprint::fingerprint;

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Event(String, SseEvent),
    Comment,
}
use Seen::{Comment, Event};

/// What a stream holds when it comes in pieces of this size.
fn decode(stream: &[u8], piece: usize) -> Vec<Seen> {
    let mut decoder = SseDecoder::new();
    let (mut seen, mut data) = (Vec::new(), Vec::new());
    for chunk in stream.chunks(piece) {
        decoder.feed(chunk, &mut |item| match item {
            SseItem::Data(bytes) => {
                assert!(!bytes.is_empty());
                data.extend_from_slice(bytes);
            }
            SseItem::Event(event) => {
                let text = String::from_utf8(std::mem::take(&mut data)).expect("text");
                seen.push(Event(text, event));
            }
            SseItem::Comment => seen.push(Comment),
        });
    }
    seen
}

fn check(stream: &str, expected: &[Seen]) {
    for piece in 1..=stream.len() {
        assert_eq!(decode(stream.as_bytes(), piece), expected, "{stream:?} in pieces of {piece}");
    }
}

fn message(data: &str) -> Seen {
    Event(data.into(), SseEvent { data: !data.is_empty(), has_data_field: true, ..Default::default() })
}

#[test]
fn lines_end_in_lf_crlf_or_cr() {
    for stream in ["data: a\n\ndata: b\n\n", "data: a\r\n\r\ndata: b\r\n\r\n", "data: a\r\rdata: b\r\r"] {
        check(stream, &[message("a"), message("b")]);
    }
    check("data: a\r\n\ndata: b\n\r\n", &[message("a"), message("b")]);
    check("data: a\n\r", &[message("a")]);
}

#[test]
fn data_lines_join_with_a_line_feed() {
    check("data: a\ndata:b\ndata:  c\n\n", &[message("a\nb\n c")]);
    check("data\ndata\n\n", &[message("\n")]);
    check("data: {\ndata:\ndata: }\n\n", &[message("{\n\n}")]);
}

#[test]
fn empty_data_is_an_event_without_data() {
    let priming = SseEvent { id: Some(fingerprint(b"7")), has_data_field: true, ..Default::default() };
    check("id: 7\ndata: \n\n", &[Event(String::new(), priming)]);
    check("id: 7\ndata\n\n", &[Event(String::new(), priming)]);
    let bare = SseEvent { has_data_field: false, ..priming };
    check("id: 7\n\n", &[Event(String::new(), bare)]);
}

#[test]
fn comments_and_unknown_fields_make_no_event() {
    check(": ping\n\n:\n\n", &[Comment, Comment]);
    check("\n\nfoo: bar\nfoo\ndatax: 1\n data: 2\nData: 3\n\n", &[]);
    check(": x\ndata: a\n: y\n\n", &[Comment, Comment, message("a")]);
}

#[test]
fn id_sticks_is_void_with_nul_and_resets_when_empty() {
    let with = |id: Option<u64>, id_reset| {
        let event = SseEvent { id, id_reset, data: true, has_data_field: true, ..Default::default() };
        Event("x".into(), event)
    };
    let hash = |text: &str| Some(fingerprint(text.as_bytes()));
    check("id: a:b c\ndata: x\n\n", &[with(hash("a:b c"), false)]);
    check("id: a\nid: b\ndata: x\n\ndata: x\n\n", &[with(hash("b"), false), with(None, false)]);
    check("id: a\nid: b\0c\ndata: x\n\n", &[with(hash("a"), false)]);
    check("id: a\nid:\ndata: x\n\n", &[with(None, true)]);
    check("id\ndata: x\n\n", &[with(None, true)]);
    check("id:\nid: a\ndata: x\n\n", &[with(hash("a"), false)]);
}

#[test]
fn retry_is_of_digits_only() {
    let cases = [
        ("retry: 3000\n\n", Some(3000)),
        ("retry:0\n\n", Some(0)),
        ("retry: 99999999999999999999999\n\n", Some(u64::MAX)),
        ("retry: 3s\n\n", None),
        ("retry: -1\n\n", None),
        ("retry: \n\n", None),
        ("retry\n\n", None),
        ("retry: 5\nretry: x\n\n", Some(5)),
    ];
    for (stream, retry_ms) in cases {
        check(stream, &[Event(String::new(), SseEvent { retry_ms, ..Default::default() })]);
    }
}

#[test]
fn event_names() {
    let cases = [
        ("event: message", EventName::Message),
        ("event:", EventName::Message),
        ("event", EventName::Message),
        ("event: endpoint", EventName::Endpoint),
        ("event:  endpoint", EventName::Other),
        ("event: endpoints", EventName::Other),
        ("event: Message", EventName::Other),
        ("event: endpoint and much more", EventName::Other),
        ("event: ping\nevent: endpoint", EventName::Endpoint),
    ];
    for (line, name) in cases {
        let event = SseEvent { name, data: true, has_data_field: true, ..Default::default() };
        check(&format!("{line}\ndata: /x\n\n"), &[Event("/x".into(), event)]);
        check(&format!("data: /x\n{line}\n\n"), &[Event("/x".into(), event)]);
    }
}

#[test]
fn byte_order_mark_is_dropped_only_at_the_beginning() {
    check("\u{feff}data: a\n\n", &[message("a")]);
    check("\u{feff}\n\u{feff}data: a\n\n", &[]);
    check("\u{feff}\u{feff}data: a\n\n", &[]);
    check("\u{fefe}data: a\n\ndata: b\n\n", &[message("b")]);
    check("\u{feff}", &[]);
}

#[test]
fn unfinished_event_at_the_end_is_not_dispatched() {
    check("data: a\n\ndata: b\n", &[message("a")]);
    check("data: a\n\ndata: b", &[message("a")]);
}

#[test]
fn endless_line_costs_constant_memory() {
    // All that the decoder has is itself: nothing in it allocates.
    assert!(size_of::<SseDecoder>() <= 160, "{}", size_of::<SseDecoder>());
    let mut decoder = SseDecoder::new();
    let mut length = 0;
    let mut count = |item: SseItem<'_>| {
        if let SseItem::Data(piece) = item {
            length += piece.len();
        }
    };
    decoder.feed(b"data: ", &mut count);
    for _ in 0..1000 {
        decoder.feed(&[b'x'; 1000], &mut count);
    }
    assert_eq!(length, 1_000_000);
}
