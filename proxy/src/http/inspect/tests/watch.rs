//! What the exchange core is told, for whole exchanges.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Response;
use proptest::prelude::*;

use super::super::Settings;
use super::super::body::TappedBody;
use super::super::budget::Budget;
use super::super::future::Open;
use super::super::watch::{self, Listener, Tell};
use super::*;
use crate::clock;
use crate::exchange::AnswerShape;
use crate::exchange::event::{EndReason, NotInspected};
use crate::fault::TransportFailure;
use crate::protocol::message::{Document, Message, RequestId};
use crate::protocol::scan::Captures;
use crate::protocol::sse::SseEvent;

/// Writes down what it is told. Overhead, which never is the same twice, is left out.
#[derive(Clone, Default)]
struct Recorder {
    log: Log,
    /// Panics at whatever begins like this.
    panics_on: Option<&'static str>,
}

impl Recorder {
    fn say(&self, what: String) {
        let panics = self.panics_on.is_some_and(|start| what.starts_with(start));
        self.log.say(what);
        assert!(!panics, "as the script wants it");
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or("-".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn id(message: &Message) -> String {
    let tools = message.answer.tools.as_ref().map_or("", |_| " with tools");
    match message.id {
        Some(RequestId::Number(id)) => format!("{id}{tools}"),
        _ => format!("-{tools}"),
    }
}

impl Listener for Recorder {
    type Told<'a> = &'a Self;

    fn tell(&self) -> &Self {
        self
    }
}

impl Tell for &Recorder {
    fn request_message(&mut self, message: &mut Message, _at: Instant) {
        self.say(format!("request {}", id(message)));
    }
    fn request_end(&mut self, document: Document, _at: Instant) {
        self.say(format!("request end {document:?}"));
    }
    fn request_not_inspected(&mut self, reason: NotInspected, _at: Instant) {
        self.say(format!("request not inspected: {}", reason.as_str()));
    }
    fn response_head(
        &mut self,
        status: u16,
        shape: AnswerShape,
        session: Option<&[u8]>,
        _at: Instant,
    ) -> Captures {
        self.say(format!("head {status} {shape:?} {}", text(session)));
        Captures::NONE
    }
    fn response_bytes(&mut self, _at: Instant) {
        self.say("bytes".into());
    }
    fn response_message(&mut self, message: &mut Message, _at: Instant) {
        self.say(format!("response {}", id(message)));
    }
    fn response_event(
        &mut self,
        event: &SseEvent,
        document: Document,
        endpoint: Option<&[u8]>,
        _at: Instant,
    ) {
        self.say(format!("event {:?} {document:?} {}", event.name, text(endpoint)));
    }
    fn response_end(&mut self, document: Document, _at: Instant) {
        self.say(format!("response end {document:?}"));
    }
    fn response_not_inspected(&mut self, reason: NotInspected, _at: Instant) {
        self.say(format!("response not inspected: {}", reason.as_str()));
    }
    fn no_response(&mut self, failure: TransportFailure, _at: Instant) {
        self.say(format!("no response: {}", failure.as_str()));
    }
    fn overhead(&mut self, _spent: Duration) {}
    fn trace_ids(&mut self) -> Option<([u8; 16], [u8; 8])> {
        None
    }

    fn end(&mut self, reason: EndReason, _at: Instant) {
        self.say(format!("end {reason:?}"));
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");
const EVENTS: (&str, &str) = ("content-type", "text/event-stream");
const ANSWER: &[u8] = br#"{"jsonrpc":"2.0","id":7,"result":{}}"#;
const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}"#;

fn settings(message_limit: u64, memory: usize) -> Arc<Settings> {
    Arc::new(Settings { message_limit, memory: Arc::new(Budget::new(memory)), ..Settings::default() })
}

fn roomy() -> Arc<Settings> {
    settings(1 << 20, 64 << 20)
}

fn request(
    recorder: &Recorder,
    head: &[(&'static str, &'static str)],
    body: MockBody,
    settings: &Arc<Settings>,
) -> TappedBody<MockBody> {
    let empty = body.is_end_stream();
    let watch = watch::request(recorder, &headers(head), empty, false, settings, clock::now());
    TappedBody::new(body, watch)
}

fn response(
    recorder: &Recorder,
    head: &[(&'static str, &'static str)],
    body: MockBody,
    settings: &Arc<Settings>,
) -> TappedBody<MockBody> {
    let mut response = Response::new(body);
    *response.headers_mut() = headers(head);
    Open::new(Some(recorder.clone()), Arc::clone(settings)).answer(response).into_body()
}

#[track_caller]
fn check_request(head: &[(&'static str, &'static str)], chunks: &[&[u8]], expected: &[&str]) {
    let recorder = Recorder::default();
    let body = MockBody::new(chunks.iter().map(data));
    drain(&mut request(&recorder, head, body, &roomy()));
    assert_eq!(recorder.log.take(), expected);
}

/// Reads a response to its end; the line of the head is taken off.
#[track_caller]
fn check_response(
    head: &[(&'static str, &'static str)],
    chunks: &[&[u8]],
    settings: &Arc<Settings>,
    expected: &[&str],
) {
    let recorder = Recorder::default();
    let body = MockBody::new(chunks.iter().map(data));
    let out = drain(&mut response(&recorder, head, body, settings));
    assert_eq!(out, chunks);
    assert_eq!(recorder.log.take()[1..], *expected);
    assert_eq!(settings.memory.used(), 0);
}

#[test]
fn request_in_json_is_read() {
    let (head, tail) = CALL.split_at(20);
    check_request(&[JSON], &[head, tail], &["request 7", "request end Single"]);
    check_request(&[JSON], &[head], &["request end Truncated"]);
    check_request(&[JSON], &[], &["request end Empty"]);
    check_request(&[JSON], &[b"hello"], &["request end Malformed"]);
    check_request(&[JSON], &[b"[", CALL, b"]"], &["request 7", "request end Batch(1)"]);
}

#[test]
fn request_of_unknown_type_is_read_if_it_begins_like_json() {
    check_request(&[], &[b" \r\n", CALL], &["request 7", "request end Single"]);
    check_request(&[], &[b"[", CALL, b"]"], &["request 7", "request end Batch(1)"]);
    check_request(&[], &[b"a=b&c={", CALL], &["request end Empty"]);
    check_request(&[], &[b"", b"  "], &["request end Empty"]);
}

#[test]
fn request_of_foreign_type_is_read_if_it_begins_like_json() {
    for kind in ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8"] {
        let head = [("content-type", kind)];
        check_request(&head, &[CALL], &["request 7", "request end Single"]);
        check_request(&head, &[b"a=b&c={", CALL], &["request end Empty"]);
        let coded = [("content-type", kind), ("content-encoding", "snappy")];
        check_request(&coded, &[CALL], &["request end Empty"]);
    }
    check_request(&[EVENTS], &[CALL], &["request end Empty"]);
}

#[test]
fn request_in_an_unknown_coding_is_told_at_once() {
    let head = [JSON, ("content-encoding", "snappy")];
    check_request(&head, &[CALL], &["request not inspected: encoding"]);
    check_request(&[JSON, ("content-encoding", "gzip")], &[CALL], &["request not inspected: encoding"]);
}

#[test]
fn request_without_a_body_ends_before_its_first_poll() {
    let recorder = Recorder::default();
    let body = MockBody { says_end: true, ..MockBody::default() };
    let _body = request(&recorder, &[JSON], body, &roomy());
    assert_eq!(recorder.log.take(), ["request end Empty"]);
}

#[test]
fn request_dropped_or_broken_after_its_last_brace_was_whole() {
    let recorder = Recorder::default();
    for last in [Step::Pending, Step::Error] {
        let mut body = request(&recorder, &[JSON], MockBody::new([data(CALL), last]), &roomy());
        let _ = (poll(&mut body), poll(&mut body));
        drop(body);
        assert_eq!(recorder.log.take(), ["request 7", "request end Single"]);
    }
    let body = request(&recorder, &[JSON], MockBody::new([data(CALL)]), &roomy());
    drop(body);
    assert_eq!(recorder.log.take(), ["request end Empty"]);
}

#[test]
fn response_head_tells_status_shape_and_session() {
    let cases: &[(&[(&'static str, &'static str)], &str)] = &[
        (&[JSON, ("mcp-session-id", "abc")], "head 200 Json abc"),
        (&[EVENTS], "head 200 EventStream -"),
        (&[("content-type", "text/html")], "head 200 Other -"),
        (&[], "head 200 Untyped -"),
    ];
    for (head, expected) in cases {
        let recorder = Recorder::default();
        drop(response(&recorder, head, MockBody::default(), &roomy()));
        assert_eq!(recorder.log.take()[0], *expected);
    }
}

#[test]
fn response_in_json_is_read() {
    let (head, tail) = ANSWER.split_at(9);
    let expected = ["bytes", "bytes", "response 7", "response end Single", "end Complete"];
    check_response(&[JSON], &[head, tail], &roomy(), &expected);
    check_response(&[JSON], &[head], &roomy(), &["bytes", "response end Truncated", "end Complete"]);
    check_response(&[JSON], &[], &roomy(), &["response end Empty", "end Complete"]);
    let over = ["bytes", "response end TooLarge", "end Complete"];
    check_response(&[JSON], &[ANSWER], &settings(20, 0), &over);
}

#[test]
fn response_of_foreign_type_tells_its_first_byte_and_its_end() {
    let expected = ["bytes", "end Complete"];
    check_response(&[("content-type", "text/html")], &[b"<p>", ANSWER, b"</p>"], &roomy(), &expected);
}

#[test]
fn response_without_a_type_is_read_if_it_begins_like_json() {
    let read = ["bytes", "response 7", "response end Single", "end Complete"];
    check_response(&[], &[ANSWER], &roomy(), &read);
    check_response(&[], &[b"Accepted"], &roomy(), &["bytes", "response end Empty", "end Complete"]);
    check_response(&[], &[], &roomy(), &["response end Empty", "end Complete"]);
}

#[test]
fn response_ends_in_one_of_its_ways() {
    let cases: &[(&[Step], usize, bool, &[&str])] = &[
        (&[Step::Trailers], 1, false, &["response end Empty", "end Complete"]),
        (&[Step::Error], 1, false, &["end ServerError"]),
        (&[Step::Pending], 1, false, &["end ClientGone"]),
        (&[data("{"), Step::Pending], 2, false, &["bytes", "end ClientGone"]),
        (&[Step::Pending], 1, true, &["end Drained"]),
        (&[Step::Error], 1, true, &["end Drained"]),
        (&[], 1, true, &["response end Empty", "end Complete"]),
    ];
    for (steps, polls, cut, expected) in cases {
        let (recorder, settings) = (Recorder::default(), roomy());
        let mut body = response(&recorder, &[JSON], MockBody::new(steps.iter().cloned()), &settings);
        if *cut {
            settings.drain.cut();
        }
        for _ in 0..*polls {
            let _ = poll(&mut body);
        }
        drop(body);
        assert_eq!(recorder.log.take()[1..], **expected, "{steps:?} {cut}");
    }
}

#[test]
fn without_a_response_the_exchange_ends_once() {
    let (recorder, settings) = (Recorder::default(), roomy());
    let open = || Open::new(Some(recorder.clone()), Arc::clone(&settings));
    open().fail(TransportFailure::Refused, false);
    assert_eq!(recorder.log.take(), ["no response: connection_refused", "end NoResponse"]);
    open().fail(TransportFailure::Reset, true);
    assert_eq!(recorder.log.take(), ["end ClientGone"]);
    drop(open());
    assert_eq!(recorder.log.take(), ["end ClientGone"]);
    settings.drain.cut();
    drop(open());
    assert_eq!(recorder.log.take(), ["end Drained"]);
}

#[test]
fn event_is_told_when_it_is_over() {
    let event = [b"data: ", ANSWER, b"\n"].concat();
    let expected = ["bytes", "bytes", "response 7", "event Message Single -", "end Complete"];
    check_response(&[EVENTS], &[&event, b"\n"], &roomy(), &expected);
    // What stands behind the last blank line is no event, for clients too.
    check_response(&[EVENTS], &[&event], &roomy(), &["bytes", "end Complete"]);
}

#[test]
fn event_of_another_name_carries_no_message() {
    let event = [b"data: ", ANSWER, b"\nevent: other\n\ndata: x\nevent: more\n\n"].concat();
    let expected = ["bytes", "event Other Empty -", "event Other Empty -", "end Complete"];
    check_response(&[EVENTS], &[&event], &roomy(), &expected);
}

#[test]
fn endpoint_is_learned_from_the_first_endpoint_event_only() {
    let stream: &[u8] =
        b"data: hello\n\nevent: endpoint\ndata: /messages?id=1\n\nevent: endpoint\ndata: /b\n\n";
    let expected = [
        "bytes",
        "event Message Malformed -",
        "event Endpoint Empty /messages?id=1",
        "event Endpoint Empty -",
        "end Complete",
    ];
    check_response(&[EVENTS], &[stream], &roomy(), &expected);
    let late_name: &[u8] = b"data: /messages\nevent: endpoint\n\n";
    let expected = ["bytes", "event Endpoint Empty /messages", "end Complete"];
    check_response(&[EVENTS], &[late_name], &roomy(), &expected);
}

#[test]
fn endpoint_of_more_than_two_kib_is_not_kept() {
    for (length, kept) in [(2048, true), (2049, false)] {
        let uri = "x".repeat(length);
        let stream = format!("event: endpoint\ndata: {uri}\n\n");
        let endpoint = format!("event Endpoint Empty {}", if kept { &uri } else { "-" });
        check_response(&[EVENTS], &[stream.as_bytes()], &roomy(), &["bytes", &endpoint, "end Complete"]);
    }
}

#[test]
fn event_with_more_messages_than_may_wait_gives_all_of_them_in_order() {
    let element = |id: u32| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}");
    let elements: Vec<_> = (0..150).map(element).collect();
    let event = format!("data: [{}]\n\n", elements.join(","));
    let mut expected: Vec<_> = (0..150).map(|id| format!("response {id}")).collect();
    expected.insert(0, "bytes".into());
    expected.extend(["event Message Batch(150) -".into(), "end Complete".into()]);
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    check_response(&[EVENTS], &[event.as_bytes()], &roomy(), &expected);
}

#[test]
fn coded_json_is_read() {
    for (name, coding) in CODINGS {
        let body = encode(coding, &[ANSWER]).concat();
        let (head, tail) = body.split_at(body.len() / 2);
        let recorder = Recorder::default();
        let fields = [JSON, ("content-encoding", name)];
        drain(&mut response(&recorder, &fields, MockBody::new([data(head), data(tail)]), &roomy()));
        let log = recorder.log.take();
        assert!(log.contains(&"response 7".to_owned()), "{name}: {log:?}");
        assert_eq!(log[log.len() - 2..], ["response end Single", "end Complete"], "{name}");
    }
}

#[test]
fn coded_events_are_told_as_they_arrive() {
    let event = [b"data: ", ANSWER, b"\n\n"].concat();
    for (name, coding) in CODINGS {
        let pieces = encode(coding, &[&event, &event]);
        let recorder = Recorder::default();
        let body = MockBody::new(pieces.iter().map(data));
        let mut body = response(&recorder, &[EVENTS, ("content-encoding", name)], body, &roomy());
        recorder.log.take();
        for _ in 0..2 {
            let _ = poll(&mut body);
            assert_eq!(recorder.log.take(), ["bytes", "response 7", "event Message Single -"], "{name}");
        }
    }
}

#[test]
fn stacked_and_unknown_codings_on_a_response() {
    let twice = encode(Coding::Brotli, &[&encode(Coding::Gzip, &[ANSWER]).concat()]).concat();
    let expected = ["bytes", "response 7", "response end Single", "end Complete"];
    check_response(&[JSON, ("content-encoding", "gzip, br")], &[&twice], &roomy(), &expected);
    let unknown = ["response not inspected: encoding", "bytes", "end Complete"];
    check_response(&[JSON, ("content-encoding", "gzip, br, gzip")], &[&twice, b"x"], &roomy(), &unknown);
    let wrong = ["bytes", "response not inspected: encoding", "end Complete"];
    check_response(&[JSON, ("content-encoding", "gzip")], &[ANSWER, ANSWER], &roomy(), &wrong);
    let wrong = ["bytes", "response not inspected: encoding", "bytes", "end Complete"];
    check_response(&[EVENTS, ("content-encoding", "gzip")], &[ANSWER, ANSWER], &roomy(), &wrong);
}

#[test]
fn coded_message_over_the_limit_stops_the_decoding() {
    let large = format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"{}\"}}", " ".repeat(1 << 20));
    let event = format!("data: {large}\n\n");
    for (name, coding) in CODINGS {
        for (kind, text) in [(JSON, &large), (EVENTS, &event)] {
            let body = encode(coding, &[text.as_bytes()]).concat();
            let head = [kind, ("content-encoding", name)];
            let expected = ["bytes", "response not inspected: too_large", "end Complete"];
            check_response(&head, &[&body], &settings(100_000, 64 << 20), &expected);
        }
    }
}

#[test]
fn decoder_without_memory_is_told_and_the_body_passes() {
    for (name, coding) in CODINGS {
        let body = encode(coding, &[ANSWER]).concat();
        let (recorder, settings) = (Recorder::default(), settings(1 << 20, 1000));
        let head = [JSON, ("content-encoding", name)];
        let out = drain(&mut response(&recorder, &head, MockBody::new([data(&body)]), &settings));
        assert_eq!(out, [body]);
        let log = recorder.log.take();
        assert!(log.contains(&"response not inspected: memory".to_owned()), "{name}: {log:?}");
        assert_eq!(log.last().map(String::as_str), Some("end Complete"), "{name}");
        assert_eq!(settings.memory.used(), 0, "{name}");
    }
}

#[test]
fn catalogue_without_room_is_given_up_and_the_answer_is_not() {
    let text = br#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"a"},{"name":"b"}]}}"#;
    let (head, tail) = text.split_at(60);
    for (room, answer) in [(1000, "response 7 with tools"), (5, "response 7")] {
        let expected = ["bytes", "bytes", answer, "response end Single", "end Complete"];
        check_response(&[JSON], &[head, tail], &settings(1 << 20, room), &expected);
        let (start, end) = ([b"data: ", head].concat(), [tail, b"\n\n"].concat());
        let expected = ["bytes", "bytes", answer, "event Message Single -", "end Complete"];
        check_response(&[EVENTS], &[&start, &end], &settings(1 << 20, room), &expected);
    }
}

#[test]
fn panicking_core_is_harmless_and_counted() {
    let cases: &[(&str, &[&str])] = &[
        ("response 7", &["bytes", "response 7", "response not inspected: internal", "end Complete"]),
        ("response", &["bytes", "response 7", "response not inspected: internal"]),
        ("bytes", &["bytes", "response not inspected: internal", "end Complete"]),
        ("end", &["bytes", "response 7", "bytes", "response end Single", "end Complete"]),
    ];
    for (panics_on, expected) in cases {
        let recorder = Recorder { panics_on: Some(panics_on), ..Recorder::default() };
        let out =
            drain(&mut response(&recorder, &[JSON], MockBody::new([data(ANSWER), data(" ")]), &roomy()));
        assert_eq!(out, [ANSWER, b" "]);
        assert_eq!(recorder.log.take()[1..], **expected, "{panics_on}");
    }
    let recorder = Recorder { panics_on: Some("head"), ..Recorder::default() };
    let out = drain(&mut response(&recorder, &[JSON], MockBody::new([data(ANSWER)]), &roomy()));
    assert_eq!(out, [ANSWER]);
    let recorder = Recorder { panics_on: Some("request 7"), ..Recorder::default() };
    let out = drain(&mut request(&recorder, &[JSON], MockBody::new([data(CALL)]), &roomy()));
    assert_eq!(out, [CALL]);
    assert_eq!(recorder.log.take(), ["request 7", "request not inspected: internal"]);
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let event = |text: &[u8]| [b"data: ", text, b"\n\n"].concat();
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        Just(ANSWER.to_vec()),
        Just(event(ANSWER)),
        (0..4_usize, 1..5_usize).prop_map(move |(coding, events)| encode(
            CODINGS[coding].1,
            &[&event(ANSWER).repeat(events)]
        )
        .concat()),
        (0..4_usize).prop_map(|coding| encode(CODINGS[coding].1, &[&vec![b'['; 300_000]]).concat()),
    ]
}

proptest! {
    /// Whatever the body, its type, its coding, its chunks and the memory: bytes out are bytes in, by the chunk, and
    /// the exchange ends once.
    #[test]
    fn bytes_out_are_bytes_in(
        body in any_body(),
        cuts in prop::collection::vec(1..200_usize, 1..20),
        kind in prop::sample::select(vec!["application/json", "text/event-stream", "text/plain"]),
        coding in prop::sample::select(vec!["identity", "gzip", "deflate", "br", "zstd", "gzip, br", "rot13"]),
        memory in prop::sample::select(vec![0, 50_000, 1 << 20]),
    ) {
        let mut rest = &body[..];
        let mut chunks = Vec::new();
        for cut in cuts {
            let (chunk, tail) = rest.split_at(cut.min(rest.len()));
            chunks.push(data(chunk));
            chunks.push(Step::Pending);
            rest = tail;
        }
        chunks.push(data(rest));
        let script = MockBody::new(chunks);
        let head = [("content-type", kind), ("content-encoding", coding)];
        let settings = settings(10_000, memory);
        let expected = drain(&mut script.clone());

        let recorder = Recorder::default();
        let mut tapped = response(&recorder, &head, script.clone(), &settings);
        prop_assert_eq!(&drain(&mut tapped), &expected);
        drop(tapped);
        let log = recorder.log.take();
        prop_assert_eq!(log.iter().filter(|said| said.starts_with("end")).count(), 1);
        prop_assert_eq!(log.iter().filter(|said| said.contains("not inspected")).count() <= 1, true);

        let mut tapped = request(&recorder, &head, script, &settings);
        prop_assert_eq!(&drain(&mut tapped), &expected);
        drop(tapped);
        let log = recorder.log.take();
        let ends = |said: &&String| said.starts_with("request end") || said.contains("not inspected");
        prop_assert_eq!(log.iter().filter(ends).count(), 1);
        prop_assert_eq!(settings.memory.used(), 0);
    }
}

/// Beside what the exchange holds of it: no scanner, and no room for a message.
#[test]
fn silent_stream_holds_no_more_than_its_reader() {
    use super::super::parse::Events;
    use super::super::reader::Reader;
    let size = size_of::<Reader<Events>>();
    assert!(size <= 320, "{size}");
}
