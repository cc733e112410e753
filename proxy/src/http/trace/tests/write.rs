//! What is written.

use super::*;

/// The lines of a head as `name: value`, in their order.
fn lines(headers: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    headers.iter().map(line).collect()
}

fn request(lines: &str) -> Builder {
    let fields = lines.split('|').filter_map(|line| line.split_once(": "));
    fields.fold(Request::post("/mcp"), |request, (name, value)| request.header(name, value))
}

#[tokio::test(start_paused = true)]
async fn headers_are_set_in_place() {
    let cases = [
        ("host: h|accept: x", None, "host: h|accept: x|traceparent: P"),
        ("host: h|traceparent: old|accept: x", None, "host: h|traceparent: P|accept: x"),
        ("host: h|traceparent: 1|accept: x|traceparent: 2", None, "host: h|traceparent: P|accept: x"),
        ("host: h|accept: x", Some("a=1"), "host: h|accept: x|traceparent: P|tracestate: a=1"),
        ("tracestate: z=1|traceparent: old|x: y", Some("a=1"), "tracestate: a=1|traceparent: P|x: y"),
        (
            "tracestate: z=1|a: 1|tracestate: z=2|b: 2|c: 3",
            Some("a=1"),
            "tracestate: a=1|a: 1|b: 2|c: 3|traceparent: P",
        ),
        ("tracestate: z=1|a: 1|tracestate: z=2|b: 2|c: 3", None, "a: 1|b: 2|c: 3|traceparent: P"),
        ("tracestate: z=1|a: 1", Some(""), "a: 1|traceparent: P"),
        ("a: 1|baggage: b=1|a: 2", None, "a: 1|a: 2|baggage: b=1|traceparent: P"),
        // A signature covers them.
        (
            "signature-input: s=(\"traceparent\")|traceparent: old|tracestate: z=1",
            Some("a=1"),
            "signature-input: s=(\"traceparent\")|traceparent: old|tracestate: z=1",
        ),
        ("signature-input: s=(\"tracestate\")", Some("a=1"), "signature-input: s=(\"tracestate\")"),
        (
            "signature-input: s=(\"host\")|host: h",
            None,
            "signature-input: s=(\"host\")|host: h|traceparent: P",
        ),
    ];
    for (before, state, after) in cases {
        let got = case(request(before), [data("{}")]).saying(outgoing(state, Vec::new())).send().await;
        assert_eq!(lines(&got.headers).join("|").replace(PARENT, "P"), after, "{before} with {state:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_where_the_exchange_says_nothing() {
    let got = case(request("traceparent: old|tracestate: x"), [data("{}")]).saying(None).send().await;
    assert_eq!(lines(&got.headers), ["traceparent: old", "tracestate: x"]);
    assert_eq!(got.forwarded, [2]);
}

#[tokio::test(start_paused = true)]
async fn panic_costs_the_context_only() {
    let mut case = case(request("traceparent: old|content-length: 2"), [data("{}")]).announced();
    case.exchange.panics = true;
    let got = case.send().await;
    assert_eq!(
        (lines(&got.headers), got.frames),
        (vec!["traceparent: old".to_owned(), "content-length: 2".to_owned()], vec!["{}".to_owned()])
    );
}

fn edit(at: u64, remove: u64, insert: &'static str) -> Edit {
    Edit { at, remove, insert: Bytes::from_static(insert.as_bytes()) }
}

#[tokio::test(start_paused = true)]
async fn edits_change_frames_and_length() {
    let edits = || vec![edit(1, 0, "12345"), edit(7, 3, "")];
    let cases = [
        (vec![data("abcdefghijk")], vec!["a12345bcdefgk"]),
        (vec![data("abcd"), data("efghijk")], vec!["a12345bcd", "efgk"]),
        (vec![data("a"), data("bcdefgh"), data("ijk")], vec!["a", "12345bcdefg", "k"]),
    ];
    for (steps, expected) in cases {
        let frames: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        let case =
            case(request("content-length: 11|x: y"), steps).announced().saying(outgoing(None, edits()));
        let got = case.send().await;
        assert_eq!(got.frames, frames);
        assert_eq!(got.size, (13, Some(13)));
        assert_eq!(lines(&got.headers)[..2], ["content-length: 13", "x: y"]);
    }
}

#[tokio::test(start_paused = true)]
async fn body_of_unknown_length_stays_one() {
    let steps = [data("ab"), Step::Quiet(10), data("cd"), Step::Trailers];
    let got = post(steps).saying(outgoing(None, vec![edit(3, 1, "xyz")])).send().await;
    assert_eq!(got.frames, ["ab", "cxyz", "trailers", "none"]);
    assert_eq!(got.size, (6, None));
    assert!(!got.headers.contains_key("content-length"));
}

#[tokio::test(start_paused = true)]
async fn edits_that_cannot_be_made_whole_are_not_made() {
    // Not read yet: what is to go is not all there.
    let got = post([data("ab"), Step::Quiet(100), data("cd")])
        .saying(outgoing(None, vec![edit(1, 3, "x")]))
        .send()
        .await;
    assert_eq!(got.frames, ["ab", "cd", "none"]);
    // A length that nobody can correct.
    let odd =
        case(request("content-length: x"), [data("abcd")]).saying(outgoing(None, vec![edit(1, 1, "xyz")]));
    let got = odd.send().await;
    assert_eq!(
        (got.frames, lines(&got.headers)[0].as_str()),
        (vec!["abcd".to_owned(), "none".to_owned()], "content-length: x")
    );
}
