//! What the proxy keeps for a client that only listens: agents hold one silent event stream each, for hours.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};

use support::client::RawClient;
use support::tap::{Tap, through_proxy_with};
use support::wire::Reader;

/// Opened before the first measurement, so that what is allocated once does not count.
const FIRST: usize = 50;
/// Measured streams. With the first ones, and two descriptors each, below the usual limit of 1024.
const STREAMS: usize = 400;
/// Measured requests whose bodies trickle.
const TRICKLING: usize = 200;
/// Most resident memory per stream. A release build was measured at 6.3 KiB.
const BOUND_KIB: usize = 14;

#[test]
fn a_silent_event_stream_costs_little_memory() {
    let tap = through_proxy_with(&format!("http://{}", silent_server()), &["--workers", "1"]);
    let mut streams = open(&tap, FIRST);
    let before = tap.resident_kib();
    streams.extend(open(&tap, STREAMS));
    let each = tap.resident_kib().saturating_sub(before) / STREAMS;
    // Less than one would mean that something else was measured.
    assert!((1..BOUND_KIB).contains(&each), "{each} KiB per stream");
}

/// Requests whose bodies come byte by byte, held for the sake of trace context, then passed on to a server that does not
/// read: the buffers that the bytes came in must not be kept.
#[test]
fn a_body_that_trickles_costs_little_memory() {
    for mode in ["header", "full"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let _open: Vec<TcpStream> = listener.incoming().map(|stream| stream.unwrap()).collect();
        });
        let flags = ["--workers", "1", "--otlp-endpoint", "http://127.0.0.1:9", "--propagate", mode];
        let tap = through_proxy_with(&upstream, &flags);
        let trickle = |count: usize| {
            let mut most = 0;
            let mut clients: Vec<_> = (0..count).map(|_| RawClient::connect(tap.traffic)).collect();
            for client in &mut clients {
                client.send(b"POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            }
            for _ in 0..100 {
                clients.iter_mut().for_each(|client| client.send(b"1\r\n \r\n"));
                most = most.max(tap.resident_kib());
            }
            (clients, most)
        };
        let _first = trickle(FIRST);
        let before = tap.resident_kib();
        let (_clients, most) = trickle(TRICKLING);
        let each = most.saturating_sub(before) / TRICKLING;
        assert!((1..BOUND_KIB * 2).contains(&each), "{mode}: {each} KiB per request");
    }
}

fn open(tap: &Tap, count: usize) -> Vec<RawClient> {
    let open_one = |_| {
        let mut client = RawClient::connect(tap.traffic);
        client.send(b"GET /mcp HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
        assert_eq!(client.reader.head().unwrap().status(), 200);
        client
    };
    (0..count).map(open_one).collect()
}

/// Begins an event stream on each connection, and no more.
fn silent_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let begin = |mut stream: TcpStream| {
            Reader::new(&stream).head().unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                .unwrap();
            stream
        };
        let _open: Vec<TcpStream> = listener.incoming().map(|stream| begin(stream.unwrap())).collect();
    });
    address
}
