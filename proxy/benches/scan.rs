//! What it costs to read messages: `cargo bench -p mcp-tap --bench scan`.
//!
//! Inputs are deterministic; each line is the best of many rounds, which is what repeats on a shared machine.
//!
//! Measured 2026-11-30, Rust 1.95, 2 shared cores (x86-64, no target features), busy machine; behind it, in the same
//! hour, the state before members were read in one go (840e3a8):
//!
//! ```text
//! scan  request, whole                            323 B          230 ns     1.40 GB/s        266 ns
//! scan  modern request, whole                     357 B          243 ns     1.47 GB/s        310 ns
//! scan  text result 400 B, whole                  390 B          111 ns     3.51 GB/s        169 ns
//! scan  object result 400 B, whole                396 B          205 ns     1.93 GB/s        228 ns
//! scan  text result 10 kB, whole                10090 B          995 ns    10.14 GB/s       1058 ns
//! scan  text result 10 kB, 1400 B               10090 B         1237 ns     8.16 GB/s       1160 ns
//! scan  object result 10 kB, whole               9156 B         2736 ns     3.35 GB/s       2788 ns
//! scan  object result 10 kB, 1400 B              9156 B         2845 ns     3.22 GB/s       2920 ns
//! scan  text result 1 MB, whole               1000090 B        84666 ns    11.81 GB/s      81902 ns
//! scan  text result 1 MB, 1400 B              1000090 B       102673 ns     9.74 GB/s     100350 ns
//! scan  object result 1 MB, whole             1009886 B       291355 ns     3.47 GB/s     293118 ns
//! scan  object result 1 MB, 1400 B            1009886 B       314079 ns     3.22 GB/s     317354 ns
//! sse   4000 events of 250 B, 1400 B          1172000 B           34 ns     8.65 GB/s         56 ns
//! sse   one event of 900 kB, 1400 B            900123 B         9985 ns    90.15 GB/s      10196 ns
//! both  4000 events of 250 B, 1400 B          1172000 B          156 ns     1.88 GB/s        240 ns
//! both  one event of 900 kB, 1400 B            900123 B       107190 ns     8.40 GB/s     105768 ns
//! ```
//!
//! The byte loop that the 64-byte blocks of `skip.rs` replaced read objects at about 1 GB/s.
#![expect(clippy::print_stdout, reason = "the report of a bench is its output")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use mcp_tap::protocol::scan::Scanner;
use mcp_tap::protocol::sse::{SseDecoder, SseItem};

/// How the bytes of a document arrive.
const CHUNKS: [(&str, usize); 3] = [("whole", usize::MAX), ("16 KiB", 16 << 10), ("1400 B", 1400)];

fn main() {
    let inputs = [
        ("request", request()),
        ("modern request", modern_request()),
        ("text result 400 B", text_result(300)),
        ("object result 400 B", object_result(2)),
        ("text result 10 kB", text_result(10_000)),
        ("object result 10 kB", object_result(60)),
        ("text result 1 MB", text_result(1_000_000)),
        ("object result 1 MB", object_result(6_600)),
    ];
    for (name, document) in &inputs {
        for (arrival, size) in CHUNKS {
            if size < document.len() || size == usize::MAX {
                report(&format!("scan  {name}, {arrival}"), document.len(), 1, || scan(document, size));
            }
        }
    }
    let small = event(&text_result(170)).repeat(4000);
    let large = event(&text_result(900_000));
    report("sse   4000 events of 250 B, 1400 B", small.len(), 4000, || decode(&small, 1400));
    report("sse   one event of 900 kB, 1400 B", large.len(), 1, || decode(&large, 1400));
    report("both  4000 events of 250 B, 1400 B", small.len(), 4000, || decode_and_scan(&small, 1400));
    report("both  one event of 900 kB, 1400 B", large.len(), 1, || decode_and_scan(&large, 1400));
}

/// Measures rounds for a while and prints the best one.
fn report(name: &str, bytes: usize, units: u32, mut work: impl FnMut()) {
    let begin = Instant::now();
    let mut best = Duration::MAX;
    while begin.elapsed() < Duration::from_millis(300) {
        // Enough repetitions that reading the clock does not count.
        let repetitions = (200_000 / bytes).max(1) as u32;
        let start = Instant::now();
        for _ in 0..repetitions {
            work();
        }
        best = best.min(start.elapsed() / repetitions);
    }
    let nanoseconds = best.as_nanos() as f64;
    let per_unit = nanoseconds / f64::from(units);
    println!("{name:<42} {bytes:>8} B {per_unit:>12.0} ns {:>8.2} GB/s", bytes as f64 / nanoseconds);
}

thread_local! {
    /// As in the program, a scanner serves one message after the other.
    static SCANNER: std::cell::RefCell<Scanner> = std::cell::RefCell::new(Scanner::new(16 << 20));
}

fn scan(document: &[u8], size: usize) {
    SCANNER.with_borrow_mut(|scanner| {
        for chunk in black_box(document).chunks(size) {
            scanner.feed(chunk, &mut |message| {
                black_box(&message);
            });
        }
        black_box(scanner.finish());
    });
}

fn decode(stream: &[u8], size: usize) {
    let mut decoder = SseDecoder::new();
    for chunk in black_box(stream).chunks(size) {
        decoder.feed(chunk, &mut |item| {
            black_box(item);
        });
    }
}

fn decode_and_scan(stream: &[u8], size: usize) {
    SCANNER.with_borrow_mut(|scanner| {
        let mut decoder = SseDecoder::new();
        for chunk in black_box(stream).chunks(size) {
            decoder.feed(chunk, &mut |item| match item {
                SseItem::Data(piece) => scanner.feed(piece, &mut |message| {
                    black_box(&message);
                }),
                SseItem::Event(_) => {
                    black_box(scanner.finish());
                }
                SseItem::Comment => {}
            });
        }
    });
}

fn request() -> Vec<u8> {
    br#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"get_pod_logs","arguments":{"namespace":"payments","pod":"checkout-7d9c5b6f4-x2x7z","container":"app","tail_lines":200,"since":"15m","filter":"level=error"},"_meta":{"progressToken":17,"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}}"#
        .to_vec()
}

fn modern_request() -> Vec<u8> {
    br#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"get_pod_logs","arguments":{"namespace":"payments","pod":"checkout-7d9c5b6f4-x2x7z"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"claude-code","version":"3.1.4"},"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}}"#
        .to_vec()
}

/// A result with one string of about this size: log lines, so with an escape per line.
fn text_result(size: usize) -> Vec<u8> {
    let mut text = String::new();
    let mut line = 0;
    while text.len() < size {
        text.push_str(&format!(
            r"2026-11-22T10:{:02}:{:02}.123Z INFO  checkout order={line} took 12 ms and was fine\n",
            line / 60 % 60,
            line % 60
        ));
        line += 1;
    }
    text.truncate(size);
    let text = text.trim_end_matches('\\');
    format!(r#"{{"jsonrpc":"2.0","id":17,"result":{{"content":[{{"type":"text","text":"{text}"}}],"isError":false}}}}"#)
        .into_bytes()
}

/// A result with an array of this many pods, about 150 bytes each.
fn object_result(pods: usize) -> Vec<u8> {
    let pods: Vec<String> = (0..pods)
        .map(|at| {
            format!(
                r#"{{"name":"checkout-{at}","namespace":"payments","phase":"Running","restarts":{},"ready":true,"node":"node-{}","labels":{{"app":"checkout","tier":"backend"}}}}"#,
                at % 7,
                at % 12
            )
        })
        .collect();
    format!(
        r#"{{"jsonrpc":"2.0","id":17,"result":{{"content":[],"structuredContent":{{"pods":[{}]}},"isError":false}}}}"#,
        pods.join(",")
    )
    .into_bytes()
}

fn event(message: &[u8]) -> Vec<u8> {
    [b"event: message\nid: 12-a7\ndata: ", message, b"\n\n"].concat()
}
