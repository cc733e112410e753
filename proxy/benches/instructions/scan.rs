//! Reading messages: small ones as most are, large results of text and of objects, and streams of events.
//!
//! Times of the same are in `benches/scan.rs`; counts tell small changes that times on a shared machine hide.

use std::hint::black_box;

use mcp_tap::protocol::scan::Scanner;
use mcp_tap::protocol::sse::{SseDecoder, SseItem};

use super::call::{MODERN, RESPONSE};
use super::harness::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case { name: "scan/request", iterations: 1000, run: |n| scan(n, MODERN.request, usize::MAX) },
        Case { name: "scan/result", iterations: 1000, run: |n| scan(n, RESPONSE, usize::MAX) },
        Case { name: "scan/text, 10 kB", iterations: 100, run: |n| scan(n, &text(10 << 10), usize::MAX) },
        Case {
            name: "scan/objects, 10 kB",
            iterations: 100,
            run: |n| scan(n, &objects(10 << 10), usize::MAX),
        },
        Case {
            name: "scan/text, 1 MiB in 16 KiB",
            iterations: 3,
            run: |n| scan(n, &text(1 << 20), 16 << 10),
        },
        Case {
            name: "scan/objects, 1 MiB in 16 KiB",
            iterations: 3,
            run: |n| scan(n, &objects(1 << 20), 16 << 10),
        },
        Case { name: "scan/1000 events of 200 B in 1400 B", iterations: 3, run: events },
    ]
}

/// One document over and over, in pieces of this size.
fn scan(iterations: u32, document: &str, size: usize) {
    let mut scanner = Scanner::new(16 << 20);
    for _ in 0..iterations {
        for chunk in black_box(document.as_bytes()).chunks(size) {
            scanner.show(chunk, &mut |message| {
                black_box(&message);
            });
        }
        black_box(scanner.finish());
    }
}

fn events(iterations: u32) {
    let stream = format!("event: message\nid: 7-1\ndata: {RESPONSE}\n\n").repeat(1000);
    let (mut decoder, mut scanner) = (SseDecoder::new(), Scanner::new(16 << 20));
    for _ in 0..iterations {
        for chunk in black_box(stream.as_bytes()).chunks(1400) {
            decoder.feed(chunk, &mut |item| match item {
                SseItem::Data(piece) => scanner.show(piece, &mut |message| {
                    black_box(&message);
                }),
                SseItem::Event(_) => {
                    black_box(scanner.finish());
                }
                SseItem::Comment => {}
            });
        }
    }
}

/// A result with one string of this size: log lines, so with an escape in each.
fn text(size: usize) -> String {
    let line = r"2026-11-22T10:11:12.123Z INFO  checkout order=1204 took 12 ms and was fine\n";
    let text = line.repeat(size / line.len());
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"result":{{"content":[{{"type":"text","text":"{text}"}}],"isError":false}}}}"#
    )
}

/// A result with an array of objects of this size together.
fn objects(size: usize) -> String {
    let pod = concat!(
        r#"{"name":"checkout-7","namespace":"payments","phase":"Running","restarts":4,"ready":true,"#,
        r#""node":"node-11","labels":{"app":"checkout","tier":"backend"}}"#
    );
    let pods = vec![pod; size / pod.len()].join(",");
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"result":{{"content":[],"structuredContent":{{"pods":[{pods}]}},"isError":false}}}}"#
    )
}
