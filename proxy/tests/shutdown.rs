//! How it ends: nothing new is accepted, what runs may finish, what stays is cut after the drain time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use mcp_tap::clock;
use support::PATIENCE;
use support::client::RawClient;
use support::proxy::{Proxy, settings, start};
use support::server::ScriptedServer;
use support::wire::End;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const EVENTS: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(300);

fn recv(receiver: &Mutex<Receiver<()>>) {
    receiver.lock().unwrap().recv_timeout(PATIENCE).unwrap();
}

/// Waits until new connections are refused.
fn wait_for_refusal(proxy: &Proxy) {
    let start = clock::now();
    while TcpStream::connect(proxy.address).is_ok() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn idle_connections_close_and_the_server_returns() {
    let server = ScriptedServer::answering(OK);
    for workers in [1, 3] {
        let proxy = start(settings(server.address), workers, LONG);
        let mut used = RawClient::connect(proxy.address);
        used.exchange(GET);
        let mut fresh = RawClient::connect(proxy.address);
        proxy.drain.start();
        for client in [&mut used, &mut fresh] {
            assert!(client.reader.rest().is_empty());
            assert_eq!(client.reader.end, End::Fin);
        }
        proxy.join();
    }
}

#[test]
fn a_request_under_way_finishes_and_its_connection_closes() {
    let (arrive, arrived) = channel();
    let (go, gone) = channel();
    let gone = Mutex::new(gone);
    let server = ScriptedServer::start(move |connection| {
        connection.request().unwrap();
        arrive.send(()).unwrap();
        recv(&gone);
        connection.send(OK);
    });
    let proxy = start(settings(server.address), 2, LONG);
    let mut client = RawClient::connect(proxy.address);
    client.send(GET);
    arrived.recv_timeout(PATIENCE).unwrap();
    proxy.drain.start();
    wait_for_refusal(&proxy);
    assert!(!proxy.is_finished());
    go.send(()).unwrap();
    let answer = client.response(false).unwrap();
    assert_eq!((&answer.body[..], answer.header("connection")), (&b"ok"[..], Some("close")));
    assert!(client.reader.rest().is_empty());
    assert_eq!(client.reader.end, End::Fin);
    proxy.join();
}

#[test]
fn streams_go_on_while_draining_and_are_cut_when_the_time_is_over() {
    let (go, gone) = channel();
    let gone = Mutex::new(gone);
    let (end, ended) = channel();
    let server = ScriptedServer::start(move |connection| {
        connection.request().unwrap();
        connection.send(EVENTS);
        recv(&gone);
        connection.send(b"9\r\ndata: 1\n\n\r\n");
        connection.wait_for_end();
        end.send(()).unwrap();
    });
    let drain_time = Duration::from_millis(300);
    let proxy = start(settings(server.address), 1, drain_time);
    let mut client = RawClient::connect(proxy.address);
    client.send(GET);
    client.reader.head().unwrap();
    let start: Instant = clock::now();
    let drain = proxy.drain.clone();
    drain.start();
    wait_for_refusal(&proxy);
    go.send(()).unwrap();
    assert_eq!(client.reader.exactly(14), b"9\r\ndata: 1\n\n\r\n");
    assert!(!drain.cutting());
    // No last chunk: the client must not take the stream for complete.
    assert!(client.reader.rest().is_empty());
    assert!(start.elapsed() >= drain_time && drain.cutting());
    ended.recv_timeout(PATIENCE).unwrap();
    proxy.join();
}

#[test]
fn tunnels_are_waited_for_and_cut_too() {
    for closes in [true, false] {
        let server = ScriptedServer::start(|connection| {
            connection.request().unwrap();
            connection
                .send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
            let byte = connection.reader.exactly(1);
            connection.send(&byte);
            connection.wait_for_end();
        });
        let drain_time = if closes { LONG } else { Duration::from_millis(200) };
        let proxy = start(settings(server.address), 1, drain_time);
        let mut client = RawClient::connect(proxy.address);
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
        assert_eq!(client.reader.head().unwrap().status(), 101);
        proxy.drain.start();
        wait_for_refusal(&proxy);
        client.send(b"x");
        assert_eq!(client.reader.exactly(1), b"x");
        if closes {
            drop(client);
        } else {
            assert!(client.reader.rest().is_empty());
        }
        proxy.join();
    }
}

#[test]
fn draining_twice_is_draining_once() {
    let server = ScriptedServer::answering(OK);
    let proxy = start(settings(server.address), 2, LONG);
    let mut client = RawClient::connect(proxy.address);
    client.exchange(GET);
    proxy.drain.start();
    proxy.drain.start();
    proxy.join();
}
