//! Where the context of a span comes from, and what of it the server is told.

use serde_json::{Value, json};

use super::bench::{Bench, call, plain_call, post, shape};
use super::support::spans::Span;
use super::support::wire::Message;

/// The n-th context of the header (`a`) or of `_meta` (`b`): trace id, span id.
fn ids(letter: char, n: usize) -> (String, String) {
    let text = format!("{letter}{n:02x}");
    (format!("{text:0>32}"), format!("{text:0>16}"))
}

fn traceparent((trace, span): &(String, String), flags: &str) -> String {
    format!("00-{trace}-{span}-{flags}")
}

/// Sends a call with each combination of contexts; gives a name to each id that a context had.
fn send_every_combination(bench: &Bench) -> Vec<(String, String)> {
    let (mut known, mut id) = (Vec::new(), 0);
    let mut send = |tool: &str, lines: &[&str], meta: Value| {
        id += 1;
        let headers: Vec<(&str, &str)> = lines.iter().map(|line| ("traceparent", *line)).collect();
        assert_eq!(bench.exchange(&post(&call(id, tool, meta), &headers)).status(), 200);
    };
    let mut context = |letter, n| {
        let ids = ids(letter, n);
        let name = format!("{}{n}", if letter == 'a' { "header" } else { "meta" });
        known.extend([(ids.0.clone(), name.clone()), (ids.1.clone(), name)]);
        ids
    };

    let (header, meta) = (context('a', 1), context('b', 2));
    send("header", &[&traceparent(&header, "01")], json!({}));
    send("meta", &[], json!({"traceparent": traceparent(&meta, "01")}));
    let (header, meta) = (context('a', 3), context('b', 3));
    let same_trace = (header.0.clone(), meta.1.clone());
    send("one-trace", &[&traceparent(&header, "01")], json!({"traceparent": traceparent(&same_trace, "01")}));
    let header = context('a', 4);
    send("one-span", &[&traceparent(&header, "01")], json!({"traceparent": traceparent(&header, "01")}));
    let (header, meta) = (context('a', 5), context('b', 5));
    send("two-traces", &[&traceparent(&header, "01")], json!({"traceparent": traceparent(&meta, "01")}));
    send("none", &[], json!({}));
    send("malformed", &["00-0-0-01"], json!({}));
    let (first, second) = (traceparent(&context('a', 6), "01"), traceparent(&context('a', 7), "01"));
    send("several", &[&first, &second], json!({}));
    send("malformed-meta", &[], json!({"traceparent": 7}));
    let header = context('a', 8);
    send("fallback", &[&traceparent(&header, "01")], json!({"traceparent": "00-x"}));
    send("unsampled", &[&traceparent(&context('a', 9), "00")], json!({}));
    known
}

#[test]
fn meta_is_the_parent_before_the_header() {
    let bench = Bench::echoing(&[]);
    let known = send_every_combination(&bench);
    let scrape = bench.tap.scrape_when_idle();
    let malformed = scrape.by("mcp_proxy_trace_context_malformed_total", ["carrier"]);
    let count = |carrier: &str| malformed.get(&[carrier.to_owned()]).copied().unwrap_or_default();
    assert_eq!((count("header"), count("meta")), (2.0, 2.0), "{malformed:?}");
    let mut spans = bench.finish();
    for span in &mut spans {
        span.attributes.clear();
        span.events.clear();
    }
    let known: Vec<(&str, &str)> = known.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    insta::assert_snapshot!(shape(spans, &known), @r"
    trace of header1
      SERVER tools/call header, child of header1 (remote)
        CLIENT tools/call header
    trace of meta2
      SERVER tools/call meta, child of meta2 (remote)
        CLIENT tools/call meta
    trace of header3
      SERVER tools/call one-trace, child of meta3 (remote), link to header3
        CLIENT tools/call one-trace
    trace of header4
      SERVER tools/call one-span, child of header4 (remote)
        CLIENT tools/call one-span
    trace of meta5
      SERVER tools/call two-traces, child of meta5 (remote), link to header5 of another trace
        CLIENT tools/call two-traces
    trace 6
      SERVER tools/call none
        CLIENT tools/call none
    trace 7
      SERVER tools/call malformed
        CLIENT tools/call malformed
    trace 8
      SERVER tools/call several
        CLIENT tools/call several
    trace 9
      SERVER tools/call malformed-meta
        CLIENT tools/call malformed-meta
    trace of header8
      SERVER tools/call fallback, child of header8 (remote)
        CLIENT tools/call fallback
    trace of header9
      SERVER tools/call unsampled, child of header9 (remote)
        CLIENT tools/call unsampled
    ");
}

#[test]
fn contexts_that_are_not_trusted_are_links_or_nothing() {
    for (trust, expected) in [
        (
            "link",
            "trace 1\n  SERVER tools/call t, link to header of another trace, link to meta of another trace\n",
        ),
        ("ignore", "trace 1\n  SERVER tools/call t\n"),
    ] {
        let bench = Bench::echoing(&["--trace-trust", trust]);
        let (header, meta) = (ids('a', 1), ids('b', 1));
        let message = call(1, "t", json!({"traceparent": traceparent(&meta, "01")}));
        bench.exchange(&post(&message, &[("traceparent", &traceparent(&header, "01"))]));
        bench.exchange(&post(&call(2, "t", json!({})), &[("traceparent", "00-0-0-0")]));
        let scrape = bench.tap.scrape_when_idle();
        let malformed = if trust == "ignore" { 0.0 } else { 1.0 };
        assert_eq!(scrape.sum("mcp_proxy_trace_context_malformed_total"), malformed, "{trust}");
        let mut spans = bench.finish();
        spans.retain(|span| span.kind == "SERVER" && span.text("jsonrpc.request.id") == "1");
        for span in &mut spans {
            span.attributes.clear();
            // In whichever order.
            span.links.sort_by(|a, b| a.span_id.cmp(&b.span_id));
        }
        let (header, meta) = (header.1.as_str(), meta.1.as_str());
        assert_eq!(shape(spans, &[(header, "header"), (meta, "meta")]), expected, "{trust}");
    }
}

/// What a client may send: what the header says, what `_meta` says, and whether there is a `_meta` at all.
const SENT: [(Option<char>, Option<char>, bool); 5] = [
    (None, None, false),
    (None, None, true),
    (Some('a'), None, true),
    (None, Some('b'), true),
    (Some('a'), Some('b'), true),
];

/// Sends each of `SENT` and a notification; gives what was sent, what the server got, and the spans.
fn sent_and_got(propagate: &str) -> (Vec<Message>, Vec<Message>, Vec<Span>) {
    let bench = Bench::echoing(&["--propagate", propagate]);
    let mut sent = Vec::new();
    let mut send = |bytes: Vec<u8>| {
        bench.exchange(&bytes);
        let mut reader = super::support::wire::Reader::new(&bytes[..]);
        let mut message = reader.head().unwrap();
        reader.body(&mut message, false);
        sent.push(message);
    };
    for (n, (header, meta, modern)) in SENT.into_iter().enumerate() {
        let id = n as u64 + 1;
        let header = header.map(|letter| traceparent(&ids(letter, n), "01"));
        let meta = meta.map(|letter| json!({"traceparent": traceparent(&ids(letter, n), "01")}));
        let headers: Vec<_> = header.iter().map(|value| ("traceparent", value.as_str())).collect();
        let message =
            if modern { call(id, "echo", meta.unwrap_or_default()) } else { plain_call(id, "echo") };
        send(post(&message, &headers));
    }
    send(post(&json!({"jsonrpc": "2.0", "method": "notifications/progress"}), &[]));
    let got = bench.server.seen();
    (sent, got, bench.finish())
}

/// The context in the body.
fn in_body(message: &Message) -> Option<String> {
    let body: Value = serde_json::from_slice(&message.body).unwrap();
    body["params"]["_meta"]["traceparent"].as_str().map(str::to_owned)
}

/// The CLIENT span of a request that the server got.
fn client_span<'a>(request: &Message, spans: &'a [Span]) -> &'a Span {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let id = body["id"].as_u64().map(|id| id.to_string()).unwrap_or_default();
    let is = |span: &&Span| span.kind == "CLIENT" && span.text("jsonrpc.request.id") == id;
    spans.iter().find(is).unwrap()
}

#[test]
fn with_off_everything_passes_as_it_came() {
    let (sent, got, spans) = sent_and_got("off");
    for (sent, got) in sent.iter().zip(&got) {
        assert_eq!(got.headers, sent.headers);
        assert_eq!(got.body, sent.body);
    }
    assert_eq!(spans.len(), 2 * sent.len());
}

#[test]
fn with_header_the_server_is_told_the_client_span_in_the_header_only() {
    let (sent, got, spans) = sent_and_got("header");
    assert_eq!(got.len(), sent.len());
    for (sent, got) in sent.iter().zip(&got) {
        assert_eq!(got.header("traceparent").unwrap(), client_span(got, &spans).traceparent());
        assert_eq!(got.body, sent.body);
        assert_eq!(without_context(got), without_context(sent));
    }
}

#[test]
fn with_full_the_server_is_told_the_client_span_in_header_and_meta() {
    let (sent, got, spans) = sent_and_got("full");
    assert_eq!(got.len(), sent.len());
    for (sent, got) in sent.iter().zip(&got) {
        let expected = client_span(got, &spans).traceparent();
        assert_eq!(got.header("traceparent").unwrap(), expected);
        assert_eq!(in_body(got).unwrap(), expected);
        assert_eq!(got.header("content-length").unwrap(), got.body.len().to_string());
        if in_body(sent).is_some() {
            assert_eq!(got.body.len(), sent.body.len(), "the member is overwritten in place");
        }
        assert_eq!(members(got), members(sent));
        assert_eq!(without_context(got), without_context(sent));
    }
}

#[test]
fn in_a_batch_each_message_is_told_its_own_span() {
    let bench = Bench::echoing(&["--propagate", "full"]);
    let batch = json!([plain_call(1, "add"), plain_call(2, "echo")]);
    bench.exchange(&post(&batch, &[("mcp-protocol-version", "2025-03-26")]));
    let got = bench.server.seen().remove(0);
    let spans = bench.finish();
    let http = spans.iter().find(|span| span.name == "POST").unwrap();
    assert_eq!(got.header("traceparent").unwrap(), http.traceparent());
    let body: Value = serde_json::from_slice(&got.body).unwrap();
    for message in body.as_array().unwrap() {
        let id = message["id"].to_string();
        let is = |span: &&Span| span.kind == "CLIENT" && span.text("jsonrpc.request.id") == id;
        let told = message["params"]["_meta"]["traceparent"].as_str().unwrap();
        assert_eq!(told, spans.iter().find(is).unwrap().traceparent());
    }
}

#[test]
fn a_body_that_must_not_be_written_into_is_passed_and_counted() {
    let sealing = [
        ("content-digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
        ("digest", "sha-256=47DEQpj8HBSa"),
        ("signature", "sig1=:K2qGT5srn2OGbOIDzQ6kYT+ruaycnDAAUpKv+ePFfD0=:"),
    ];
    let twice =
        r#"{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"_meta":{},"_meta":{},"name":"echo"}}"#;
    let list = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": [1]}).to_string();
    let other = r#"{"id":8,"method":"ping"}"#;
    let call = |id: u64| call(id, "echo", json!({})).to_string().into_bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &call(1)).unwrap();

    let mut sent = vec![(gzip.finish().unwrap(), "content-encoding: gzip\r\n".to_owned())];
    sent.extend(
        sealing.iter().zip(2..).map(|((name, value), id)| (call(id), format!("{name}: {value}\r\n"))),
    );
    sent.extend([(twice.into(), String::new()), (list.into(), String::new()), (other.into(), String::new())]);
    let bench = Bench::echoing(&["--propagate", "full"]);
    for (body, headers) in &sent {
        let head = "POST /mcp HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\n";
        let length = format!("content-length: {}\r\n\r\n", body.len());
        bench.exchange(&[head.as_bytes(), headers.as_bytes(), length.as_bytes(), body].concat());
    }
    let scrape = bench.tap.scrape_when_idle();
    let expected = [
        ("digested", 2.0),
        ("duplicate_key", 1.0),
        ("encoded", 1.0),
        ("no_object", 1.0),
        ("not_jsonrpc_2", 1.0),
        ("signed", 1.0),
    ];
    assert_eq!(
        scrape.by("mcp_proxy_trace_context_not_written_total", ["reason"]),
        expected.map(|(reason, count)| ([reason.to_owned()], count)).into()
    );
    let got = bench.server.seen();
    let spans = bench.finish();
    assert_eq!(got.len(), sent.len());
    for (got, (body, headers)) in got.iter().zip(&sent) {
        assert_eq!(got.body, *body, "{headers}");
        // No reason against the header.
        let header = got.header("traceparent").unwrap();
        assert!(spans.iter().any(|span| span.traceparent() == header), "{headers}: {header} is no span");
    }
}

/// The body without contexts, and without members that are there for them only.
fn members(message: &Message) -> Value {
    let mut body: Value = serde_json::from_slice(&message.body).unwrap();
    let Some(params) = body.get_mut("params").and_then(Value::as_object_mut) else { return body };
    if let Some(meta) = params.get_mut("_meta").and_then(Value::as_object_mut) {
        meta.remove("traceparent");
        meta.remove("tracestate");
        if meta.is_empty() {
            params.remove("_meta");
        }
    }
    if params.is_empty() {
        body.as_object_mut().unwrap().remove("params");
    }
    body
}

/// The headers without those that may change.
fn without_context(message: &Message) -> Vec<(String, String)> {
    let changes = |name: &str| ["traceparent", "tracestate", "content-length"].contains(&name);
    message.headers.iter().filter(|(name, _)| !changes(&name.to_ascii_lowercase())).cloned().collect()
}
