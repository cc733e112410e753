//! Promise 1, the part about time: what arrives goes on at once, and every way of closing reaches the other side.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::PATIENCE;
use support::client::RawClient;
use support::proxy::{start_holding_proxy, start_proxy};
use support::server::ScriptedServer;
use support::wire::{End, Framing};

const GET: &[u8] = b"GET /mcp HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n";
const EVENTS: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A sender for the test and a receiver for the server's script.
fn signal() -> (Sender<()>, Arc<Mutex<Receiver<()>>>) {
    let (sender, receiver) = channel();
    (sender, Arc::new(Mutex::new(receiver)))
}

fn wait(receiver: &Mutex<Receiver<()>>) {
    receiver.lock().unwrap().recv_timeout(PATIENCE).unwrap();
}

#[test]
fn head_and_each_event_pass_while_the_stream_is_open() {
    let (go, gone) = signal();
    let server = ScriptedServer::start(move |connection| {
        connection.request().unwrap();
        connection.send(EVENTS);
        for event in ["data: 1\n\n", "data: 2\n\n", ": \n\n"] {
            wait(&gone);
            connection.send(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
        }
        wait(&gone);
        connection.send(b"0\r\n\r\n");
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    client.send(GET);
    // Nothing of the body was sent yet.
    assert_eq!(client.reader.head().unwrap().status(), 200);
    for event in ["data: 1\n\n", "data: 2\n\n", ": \n\n"] {
        go.send(()).unwrap();
        let expected = format!("{:x}\r\n{event}\r\n", event.len()).to_ascii_lowercase();
        let chunk = client.reader.exactly(expected.len());
        assert_eq!(String::from_utf8(chunk).unwrap().to_ascii_lowercase(), expected);
    }
    go.send(()).unwrap();
    assert_eq!(client.reader.exactly(5), b"0\r\n\r\n");
}

#[test]
fn a_burst_of_events_is_merged_but_nothing_waits_for_more() {
    let (go, gone) = signal();
    let server = ScriptedServer::start(move |connection| {
        connection.request().unwrap();
        let mut burst = EVENTS.to_vec();
        for _ in 0..20 {
            burst.extend_from_slice(b"9\r\ndata: 1\n\n\r\n");
        }
        connection.send(&burst);
        wait(&gone);
        connection.send(b"0\r\n\r\n");
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    client.send(GET);
    client.reader.head().unwrap();
    // The stream is still open, and all that was sent is here, in fewer chunks than it was sent in.
    let mut received = Vec::new();
    let mut chunks = 0;
    while received.len() < 180 {
        let size = client.reader.until(b"\r\n").unwrap();
        let size = usize::from_str_radix(String::from_utf8(size).unwrap().trim(), 16).unwrap();
        received.extend(client.reader.exactly(size));
        client.reader.exactly(2);
        chunks += 1;
    }
    assert_eq!(received, b"data: 1\n\n".repeat(20));
    assert!(chunks <= 3, "{chunks} chunks");
    go.send(()).unwrap();
    assert_eq!(client.reader.exactly(5), b"0\r\n\r\n");
}

#[test]
fn a_client_that_leaves_an_idle_stream_closes_the_servers_side_at_once() {
    for reset in [false, true] {
        let (tell, told) = signal();
        let server = ScriptedServer::start(move |connection| {
            connection.request().unwrap();
            connection.send(EVENTS);
            connection.wait_for_end();
            tell.send(()).unwrap();
        });
        let mut client = RawClient::connect(start_proxy(server.address));
        client.send(GET);
        client.reader.head().unwrap();
        if reset {
            client.reset()
        } else {
            drop(client)
        }
        wait(&told);
    }
}

#[test]
fn a_client_that_leaves_before_the_answer_closes_the_servers_side_at_once() {
    let (tell, told) = signal();
    let (arrive, arrived) = signal();
    let server = ScriptedServer::start(move |connection| {
        connection.request().unwrap();
        arrive.send(()).unwrap();
        connection.wait_for_end();
        tell.send(()).unwrap();
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    wait(&arrived);
    drop(client);
    wait(&told);
}

#[test]
fn a_client_that_leaves_within_its_request_closes_the_servers_side() {
    // Also while the request is held, and after.
    for (start, stay) in
        [(start_proxy as fn(_) -> _, 20), (start_holding_proxy, 20), (start_holding_proxy, 100)]
    {
        let (tell, told) = signal();
        let server = ScriptedServer::start(move |connection| {
            connection.reader.head().unwrap();
            assert_eq!(connection.reader.exactly(100), b"half");
            tell.send(()).unwrap();
        });
        let mut client = RawClient::connect(start(server.address));
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
        std::thread::sleep(Duration::from_millis(stay));
        drop(client);
        wait(&told);
    }
}

#[test]
fn a_body_the_server_breaks_off_is_broken_for_the_client() {
    let full = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n";
    for response in [&full[..], &chunked[..]] {
        let head = response.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        for at in head..response.len() {
            for reset in [false, true] {
                let (go, gone) = signal();
                let part = response[..at].to_vec();
                let server = ScriptedServer::start(move |connection| {
                    connection.request().unwrap();
                    connection.send(&part);
                    // Bytes before a reset may be lost on the way, so the client has them first.
                    wait(&gone);
                    if reset {
                        connection.reset();
                    }
                });
                let mut client = RawClient::connect(start_proxy(server.address));
                client.send(GET);
                let mut answer = client.reader.head().unwrap();
                go.send(()).unwrap();
                client.reader.body(&mut answer, false);
                assert!(!answer.complete, "cut at {at}, reset {reset}");
                assert_eq!(answer.end, if reset { End::Reset } else { End::Fin }, "cut at {at}");
            }
        }
    }
}

#[test]
fn what_came_before_a_break_reaches_the_client_even_if_all_came_at_once() {
    let part = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n".to_vec();
    for body in [0, 5, 100_000, 8_000_000] {
        let response = [part.clone(), vec![b'x'; body]].concat();
        let server = ScriptedServer::start(move |connection| {
            connection.request().unwrap();
            connection.send(&response);
        });
        let mut client = RawClient::connect(start_proxy(server.address));
        client.send(GET);
        // Nobody reads for a while: what does not fit into the sockets has to wait.
        std::thread::sleep(Duration::from_millis(50));
        let answer = client.response(false).expect("the head");
        assert_eq!((answer.body.len(), answer.complete, answer.end), (body, false, End::Fin));
    }
}

#[test]
fn a_body_until_close_that_breaks_off_is_reset_for_http_1_0_too() {
    let (go, gone) = signal();
    let server = ScriptedServer::start(move |connection| {
        connection.request().unwrap();
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n");
        wait(&gone);
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    client.send(b"GET / HTTP/1.0\r\n\r\n");
    let mut answer = client.reader.head().unwrap();
    go.send(()).unwrap();
    client.reader.body(&mut answer, false);
    assert_eq!((answer.framing, answer.end), (Framing::Close, End::Reset));
}

#[test]
fn an_early_answer_passes_while_the_request_is_still_being_sent() {
    let server = ScriptedServer::start(|connection| {
        let mut first = connection.reader.head().unwrap();
        connection.send(OK);
        connection.reader.body(&mut first, false);
        connection.note(&first);
        connection.request().unwrap();
        connection.send(OK);
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n0123");
    assert_eq!(client.response(false).unwrap().body, b"ok");
    client.send(b"4567");
    // The rest belongs to the first request, and the connection goes on with a second.
    let server_saw = |count| {
        for _ in 0..200 {
            if server.seen().len() >= count {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        server.seen()
    };
    assert_eq!(server_saw(1)[0].body, b"01234567");
    assert_eq!(client.reader.end, End::Open);
}

#[test]
fn both_directions_of_a_large_exchange_move_on_their_own() {
    const SIZE: usize = 16 << 20;
    let server = ScriptedServer::start(|connection| {
        let mut request = connection.reader.head().unwrap();
        // Answers in full before it reads on.
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").as_bytes());
        connection.send(&vec![b'x'; SIZE]);
        connection.reader.body(&mut request, false);
        connection.note(&request);
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    client.send(format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {SIZE}\r\n\r\nstart").as_bytes());
    let answer = client.response(false).unwrap();
    assert!(answer.complete && answer.body.len() == SIZE);
}

#[test]
fn expect_100_continue_waits_for_the_servers_word() {
    let (go, gone) = signal();
    let server = ScriptedServer::start(move |connection| {
        let mut request = connection.reader.head().unwrap();
        wait(&gone);
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        connection.reader.body(&mut request, false);
        connection.note(&request);
        connection.send(OK);
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    go.send(()).unwrap();
    assert_eq!(client.response(true).unwrap().status(), 100);
    client.send(b"body");
    assert_eq!(client.response(false).unwrap().body, b"ok");
    assert_eq!(server.seen()[0].header("expect"), Some("100-continue"));
}

#[test]
fn expect_100_continue_that_is_refused_gets_the_refusal_and_no_100() {
    let refusal = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno";
    let server = ScriptedServer::start(move |connection| {
        connection.reader.head().unwrap();
        connection.send(refusal);
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(client.response(false).unwrap().status(), 417);
}

#[test]
fn expect_100_continue_with_a_silent_server_goes_on_after_a_while() {
    let server = ScriptedServer::answering(OK);
    let mut client = RawClient::connect(start_proxy(server.address));
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(client.response(true).unwrap().status(), 100);
    client.send(b"body");
    assert_eq!(client.response(false).unwrap().body, b"ok");
    assert_eq!(server.seen()[0].body, b"body");
}

#[test]
fn other_informational_answers_do_not_disturb_the_final_one() {
    let server = ScriptedServer::answering(
        &b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..],
    );
    let answer = RawClient::connect(start_proxy(server.address)).exchange(GET);
    assert_eq!((answer.status(), &answer.body[..]), (200, &b"ok"[..]));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let target = request.start.split(' ').nth(1).unwrap().to_owned();
            connection.send(
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()).as_bytes(),
            );
        }
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    client.send(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nxGET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    for expected in [b"/1", b"/2", b"/3"] {
        assert_eq!(client.response(false).unwrap().body, expected);
    }
}

#[test]
fn an_upgrade_becomes_a_tunnel_with_two_ends() {
    let server = ScriptedServer::start(|connection| {
        connection.request().unwrap();
        // The first bytes of the new protocol come in one piece with the head.
        connection
            .send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello");
        assert_eq!(connection.reader.exactly(4), b"ping");
        connection.send(b"pong");
        // The client's end comes alone; ours may come later.
        assert!(connection.reader.rest().is_empty());
        connection.send(b"late");
        connection.finish_sending();
    });
    let mut client = RawClient::connect(start_proxy(server.address));
    client.send(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    let head = client.reader.head().unwrap();
    assert_eq!((head.status(), head.header("upgrade")), (101, Some("echo")));
    assert_eq!(client.reader.exactly(5), b"hello");
    client.send(b"ping");
    assert_eq!(client.reader.exactly(4), b"pong");
    client.finish_sending();
    assert_eq!(client.reader.rest(), b"late");
    assert_eq!(client.reader.end, End::Fin);
    let seen = server.seen();
    assert_eq!((seen[0].header("upgrade"), seen[0].header("connection")), (Some("echo"), Some("Upgrade")));
}

#[test]
fn an_upgrade_the_server_ignores_or_that_is_h2c_is_a_plain_request() {
    let server = ScriptedServer::answering(OK);
    let proxy = start_proxy(server.address);
    for (upgrade, passed_on) in [("echo", true), ("h2c", false)] {
        let mut client = RawClient::connect(proxy);
        for _ in 0..2 {
            let request =
                format!("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n");
            assert_eq!(client.exchange(request.as_bytes()).body, b"ok");
            assert_eq!(server.seen().last().unwrap().header("upgrade").is_some(), passed_on);
        }
    }
}
