//! How the server is reached, how often, and what is said when it is not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;
use std::time::Duration;

use mcp_tap::http::forward::{Settings, UpstreamAddress};
use support::client::RawClient;
use support::proxy::{settings, start, start_proxy};
use support::server::ScriptedServer;
use support::wire::{End, Message};

const POST: &[u8] = b"POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const DRAIN: Duration = Duration::from_secs(5);

fn assert_own(answer: &Message, status: u16, text: &str) {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    let body = String::from_utf8(answer.body.clone()).unwrap();
    assert!(body.starts_with("mcp-tap: ") && body.contains(text), "{body}");
}

/// A port on which nobody listens.
fn closed_port() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_server_that_is_down_gives_a_plain_502_on_a_connection_that_goes_on() {
    let mut client = RawClient::connect(start_proxy(closed_port()));
    for _ in 0..2 {
        assert_own(&client.exchange(POST), 502, "refused");
    }
    assert_eq!(client.reader.end, End::Open);
}

#[test]
fn a_name_that_does_not_resolve_gives_a_plain_502() {
    let address = UpstreamAddress::Tcp { host: "server.invalid".into(), port: 80 };
    let proxy = start(Settings::new(address), 1, DRAIN);
    assert_own(&RawClient::connect(proxy.address).exchange(POST), 502, "resolve");
}

#[test]
fn a_missing_unix_socket_gives_a_plain_502() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = start(Settings::new(UpstreamAddress::Unix(folder.path().join("none"))), 1, DRAIN);
    assert_own(&RawClient::connect(proxy.address).exchange(POST), 502, "refused");
}

#[test]
fn an_answer_that_is_not_http_gives_a_plain_502() {
    let server = ScriptedServer::start(|connection| {
        connection.request().unwrap();
        connection.send(b"220 smtp.example ESMTP\r\n\r\n");
    });
    assert_own(&RawClient::connect(start_proxy(server.address)).exchange(POST), 502, "not HTTP");
}

#[test]
fn a_malformed_request_body_is_told_to_the_client_as_its_own_fault() {
    let server = ScriptedServer::start(|connection| {
        connection.reader.head().unwrap();
        connection.wait_for_end();
    });
    for chunk in ["zz\r\n", "FFFFFFFFFFFFFFFFF\r\n", "-1\r\n", "2\r\n{}xx"] {
        let request = format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}");
        let answer = RawClient::connect(start_proxy(server.address)).exchange(request.as_bytes());
        assert_own(&answer, 400, "malformed");
    }
}

#[test]
fn a_configured_response_timeout_gives_a_plain_504() {
    let server = ScriptedServer::start(|connection| {
        connection.request().unwrap();
        connection.wait_for_end();
    });
    let settings = Settings { response_timeout: Some(Duration::from_millis(50)), ..settings(server.address) };
    let proxy = start(settings, 1, DRAIN);
    assert_own(&RawClient::connect(proxy.address).exchange(POST), 504, "in time");
}

#[test]
fn connect_is_refused_without_asking_the_server() {
    let server = ScriptedServer::answering(OK);
    let mut client = RawClient::connect(start_proxy(server.address));
    let answer = client.exchange(b"CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n");
    assert_own(&answer, 501, "CONNECT");
    assert!(server.seen().is_empty());
}

#[test]
fn a_call_reaches_a_server_that_resets_anywhere_exactly_once() {
    for answered in 0..OK.len() {
        for reset in [false, true] {
            let server = ScriptedServer::start(move |connection| {
                connection.request();
                connection.send(&OK[..answered]);
                if reset {
                    connection.reset();
                }
            });
            let mut client = RawClient::connect(start_proxy(server.address));
            client.send(POST);
            let answer = client.response(false);
            let head = OK.len() - 2;
            match answer {
                Some(answer) if answered < head => assert_own(&answer, 502, "closed the connection"),
                // A reset may overtake the bytes before it.
                Some(answer) => assert!(!answer.complete || answer.status() == 502, "{answered}"),
                None => assert!(answered >= head, "{answered}"),
            }
            assert_eq!(
                (server.seen().len(), server.connections()),
                (1, 1),
                "after {answered} bytes, reset {reset}"
            );
        }
    }
}

#[test]
fn a_call_on_a_kept_connection_that_breaks_is_not_repeated() {
    let server = ScriptedServer::start(|connection| {
        connection.request().unwrap();
        connection.send(OK);
        // The second call arrives, and then the connection breaks.
        connection.request();
        connection.reset();
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    assert_eq!(client.exchange(POST).body, b"ok");
    assert_own(&client.exchange(POST), 502, "closed the connection");
    assert_eq!((server.seen().len(), server.connections()), (2, 1));
}

#[test]
fn a_kept_connection_that_was_closed_meanwhile_is_noticed_before_anything_is_sent() {
    let server = ScriptedServer::start(|connection| {
        connection.request().unwrap();
        connection.send(OK);
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    for count in 1..=5 {
        assert_eq!(client.exchange(POST).body, b"ok");
        assert_eq!(server.connections(), count);
        // The close needs to have arrived; a request that crosses it is lost, as it is for any client.
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.seen().len(), 5);
}

#[test]
fn connections_are_kept_and_used_again() {
    let server = ScriptedServer::answering(OK);
    let proxy = start_proxy(server.address);
    for _ in 0..10 {
        let mut client = RawClient::connect(proxy);
        for _ in 0..3 {
            assert_eq!(client.exchange(POST).body, b"ok");
        }
    }
    assert_eq!((server.seen().len(), server.connections()), (30, 1));
}

#[test]
fn a_connection_is_not_kept_longer_than_the_server_says() {
    let server = ScriptedServer::answering(
        &b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok"[..],
    );
    let mut client = RawClient::connect(start_proxy(server.address));
    client.exchange(POST);
    client.exchange(POST);
    assert_eq!(server.connections(), 1);
    std::thread::sleep(Duration::from_millis(600));
    client.exchange(POST);
    assert_eq!(server.connections(), 2);
}

#[test]
fn two_clients_share_no_header_and_no_answer() {
    let server = ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let session = request.header("mcp-session-id").unwrap_or("none").to_owned();
            connection.send(
                format!(
                    "HTTP/1.1 200 OK\r\nMcp-Session-Id: {session}\r\nContent-Length: {}\r\n\r\n{session}",
                    session.len()
                )
                .as_bytes(),
            );
        }
    });
    let proxy = start_proxy(server.address);
    let clients: Vec<_> = (0..8)
        .map(|number| {
            std::thread::spawn(move || {
                let mut client = RawClient::connect(proxy);
                for turn in 0..50 {
                    let session = format!("{number}-{turn}");
                    // Every third request has no session.
                    let header =
                        if turn % 3 == 0 { String::new() } else { format!("Mcp-Session-Id: {session}\r\n") };
                    let expected = if turn % 3 == 0 { "none" } else { &session };
                    let answer =
                        client.exchange(format!("GET / HTTP/1.1\r\nHost: h\r\n{header}\r\n").as_bytes());
                    assert_eq!(answer.header("mcp-session-id"), Some(expected));
                    assert_eq!(answer.body, expected.as_bytes());
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
}

#[test]
fn a_unix_socket_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.sock");
    let server = ScriptedServer::start_unix(&path, |connection| {
        while connection.request().is_some() {
            connection.send(OK);
        }
    });
    let proxy = start(Settings::new(UpstreamAddress::Unix(path)), 1, DRAIN);
    assert_eq!(RawClient::connect(proxy.address).exchange(POST).body, b"ok");
    assert_eq!(server.seen()[0].header("host"), Some("h"));
}

#[test]
fn every_worker_answers_on_the_one_port() {
    let server = ScriptedServer::answering(OK);
    let proxy = start(settings(server.address), 4, DRAIN);
    for _ in 0..64 {
        assert_eq!(RawClient::connect(proxy.address).exchange(POST).body, b"ok");
    }
    // Each worker has its own connections.
    assert!((2..=4).contains(&server.connections()), "{}", server.connections());
}

#[test]
fn heads_beyond_the_bounds_are_refused_and_the_next_client_is_served() {
    let many: String = (0..1100).map(|number| format!("X-{number}: 1\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "h".repeat(2 << 20));
    for headers in [many, long] {
        let answer = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n");
        let server = ScriptedServer::answering(answer);
        let proxy = start_proxy(server.address);
        let mut client = RawClient::connect(proxy);
        client.send(format!("GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n").as_bytes());
        // The connection may be reset while the rest of the head is still on its way.
        let answer = client.response(false).map(|answer| answer.status());
        assert!(matches!(answer, None | Some(431)), "{answer:?}");
        assert!(server.seen().is_empty());
        assert_own(&RawClient::connect(proxy).exchange(POST), 502, "not HTTP");
    }
}

#[test]
fn an_unasked_101_gives_a_plain_502() {
    let server = ScriptedServer::answering(
        &b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"[..],
    );
    assert_own(&RawClient::connect(start_proxy(server.address)).exchange(POST), 502, "not HTTP");
}
