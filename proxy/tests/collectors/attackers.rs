//! Collectors that attack whoever sends them spans: endless answers, floods, silence, wrong ways.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_tap::clock;

use super::support::PATIENCE;
use super::support::scrape::Scrape;
use super::support::tap::{EXECUTABLE, Tap, through_proxy_by};
use super::{call, settle, upstream};

/// In the headers for the collector.
const SECRET: &str = "canary-5f1c";
const CALLS: usize = 200;
/// Most that an attack may make the sidecar grow by.
const GROWTH_KIB: usize = 24 * 1024;

/// Does this on each connection; gives the address and the number of connections so far.
fn attacker(attack: impl Fn(TcpStream) + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::<AtomicUsize>::default();
    let (counted, attack) = (Arc::clone(&count), Arc::new(attack));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            let attack = Arc::clone(&attack);
            std::thread::spawn(move || attack(stream.unwrap()));
        }
    });
    (address, count)
}

fn tap(endpoint: &str, protocol: &str) -> Tap {
    let mut command = Command::new(EXECUTABLE);
    command
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer {SECRET}"))
        .env("OTEL_BSP_SCHEDULE_DELAY", "20")
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "400")
        .env("OTEL_BSP_EXPORT_TIMEOUT", "1000");
    let flags = [
        "--otlp-endpoint",
        endpoint,
        "--otlp-protocol",
        protocol,
        "--trace-ratio",
        "1",
        "--log-level",
        "trace",
    ];
    through_proxy_by(&mut command, &upstream(), &flags)
}

/// Traffic goes on, memory stays, the books are balanced, the end comes in time, and the log keeps the secret.
fn check(name: &str, endpoint: &str, protocol: &str) {
    let tap = tap(endpoint, protocol);
    call(&tap, CALLS);
    let before = tap.resident_kib();
    let descriptors = || Scrape::of(tap.admin).sum("process_open_fds");
    let open_before = descriptors();
    let start = clock::now();
    let (mut calls, mut most) = (CALLS, 0);
    // As long as several exports take until they are given up.
    while start.elapsed() < Duration::from_millis(2500) {
        call(&tap, 10);
        calls += 10;
        most = most.max(tap.resident_kib());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(most < before + GROWTH_KIB, "{name}: {before} to {most} KiB");
    settle(&tap, calls * 2, name, |ledger, _| ledger.exported == 0.0);
    // What was given up is closed; the system may be at the look-up of a name a little longer.
    let what = format!("{name}: no more than a few descriptors beyond {open_before}");
    tap.wait_until(&what, || (descriptors() <= open_before + 3.0).then_some(()));
    call(&tap, 1);
    let start = clock::now();
    let (status, log) = tap.stop();
    let took = start.elapsed();
    assert!(status.success() && took < Duration::from_secs(8), "{name}: {status}, {took:?}");
    assert!(!log.contains(SECRET) && !log.contains("evil"), "{name}: {log}");
    assert!(log.contains("spans cannot be exported"), "{name}: {log}");
}

/// Reads what was sent so far, then says this again and again.
fn endless(start: &'static [u8], again: &'static [u8], pause: Duration) -> impl Fn(TcpStream) {
    move |mut stream| {
        let _some = stream.read(&mut [0; 64 * 1024]);
        let mut more = stream.write_all(start);
        let again = if pause.is_zero() { again.repeat(1 + 16_384 / again.len()) } else { again.to_vec() };
        while more.is_ok() {
            std::thread::sleep(pause);
            more = stream.write_all(&again);
        }
    }
}

#[test]
fn answers_without_end_over_http() {
    const FAST: Duration = Duration::ZERO;
    const SLOW: Duration = Duration::from_millis(5);
    let attacks: [(&str, &[u8], &[u8], Duration); 7] = [
        ("a head that drips", b"HTTP/1.1 200 OK\r\nevil: ", b"x", SLOW),
        ("a head without end", b"HTTP/1.1 200 OK\r\n", b"evil: x\r\n", FAST),
        ("a line without end", b"HTTP/1.1 200 OK\r\nevil: ", b"x", FAST),
        (
            "a body without end",
            b"HTTP/1.1 400 evil\r\ntransfer-encoding: chunked\r\n\r\n",
            b"4\r\nevil\r\n",
            FAST,
        ),
        ("a body that drips", b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n", b"x", SLOW),
        ("an interim answer without end", b"", b"HTTP/1.1 100 Continue\r\n\r\n", FAST),
        (
            "trailers without end",
            b"HTTP/1.1 400 evil\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            b"a: b\r\n",
            FAST,
        ),
    ];
    std::thread::scope(|scope| {
        for (name, start, again, pause) in attacks {
            let (address, _) = attacker(endless(start, again, pause));
            scope.spawn(move || check(name, &format!("http://{address}"), "http/protobuf"));
        }
    });
}

/// The head of a frame of HTTP/2.
const fn frame(length: u8, kind: u8, flags: u8, stream: u8) -> [u8; 9] {
    [0, 0, length, kind, flags, 0, 0, 0, stream]
}

#[test]
fn floods_over_grpc() {
    const SETTINGS: [u8; 9] = frame(0, 4, 0, 0);
    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    const HEADERS: [u8; 9] = frame(0, 1, 0, 1);
    const CONTINUATION: [u8; 14] = [0, 0, 5, 9, 0, 0, 0, 0, 1, 0, 1, b'a', 1, b'b'];
    const RESET: [u8; 13] = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8];
    let attacks: [(&str, &[u8], &[u8]); 5] = [
        ("settings", &SETTINGS, &SETTINGS),
        ("pings", &SETTINGS, &PING),
        ("resets", &SETTINGS, &RESET),
        ("a head without end", SETTINGS_AND_HEADERS, &CONTINUATION),
        ("no HTTP", b"evil", b"evil"),
    ];
    const SETTINGS_AND_HEADERS: &[u8] = &{
        let mut both = [0; 18];
        let mut at = 0;
        while at < 9 {
            both[at] = SETTINGS[at];
            both[at + 9] = HEADERS[at];
            at += 1;
        }
        both
    };
    std::thread::scope(|scope| {
        for (name, start, again) in attacks {
            let start: &'static [u8] = start.to_vec().leak();
            let again: &'static [u8] = again.to_vec().leak();
            let (address, _) = attacker(endless(start, again, Duration::ZERO));
            scope.spawn(move || check(name, &format!("http://{address}"), "grpc"));
        }
    });
}

#[test]
fn silence_and_wrong_ways() {
    let (elsewhere, visits) = attacker(drop);
    let redirect = format!(
        "HTTP/1.1 307 evil\r\nlocation: http://{elsewhere}/v1/traces\r\ncontent-length: 0\r\nretry-after: 99999999999999999999\r\n\r\n"
    );
    let (redirecting, _) = attacker(move |mut stream| {
        while stream.read(&mut [0; 64 * 1024]).is_ok_and(|count| count > 0) {
            let _gone = stream.write_all(redirect.as_bytes());
        }
    });
    let (silent, _) = attacker(|stream| {
        // It never reads, so writes to it come to a stop.
        std::thread::park_timeout(PATIENCE);
        drop(stream);
    });
    // RFC 6761 keeps this name from ever being one.
    let nowhere = "http://nobody.invalid:4318".to_owned();
    std::thread::scope(|scope| {
        for (name, endpoint, protocol) in [
            ("redirect", format!("http://{redirecting}"), "http/protobuf"),
            ("silent", format!("http://{silent}"), "http/protobuf"),
            ("silent", format!("http://{silent}"), "grpc"),
            ("no such name", nowhere.clone(), "http/protobuf"),
            ("no such name", nowhere, "grpc"),
        ] {
            scope.spawn(move || check(name, &endpoint, protocol));
        }
    });
    assert_eq!(visits.load(Ordering::SeqCst), 0, "a redirect was followed");
}
