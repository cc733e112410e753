//! The whole sidecar under abuse: signals, ports, standard error, descriptors, broken and endless peers.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use support::client::RawClient;
use support::server::ScriptedServer;
use support::tap::{EXECUTABLE, Tap, through_proxy_by, through_proxy_with};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The status line of one answer of the admin port.
fn admin(tap: &Tap, request: &str) -> String {
    let mut stream = TcpStream::connect(tap.admin).expect("the admin port listens");
    write!(stream, "{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer is text");
    answer.lines().next().unwrap_or_default().to_owned()
}

/// A tap with a request under way that never gets its answer.
fn busy(flags: &[&str]) -> (Tap, RawClient) {
    let server = ScriptedServer::start(|connection| {
        connection.request();
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.wait_for_end();
    });
    let tap = through_proxy_with(&format!("http://{}", server.address), flags);
    let mut client = RawClient::connect(tap.traffic);
    client.send(GET);
    client.reader.head().expect("the head passes");
    (tap, client)
}

#[test]
fn readiness_ends_with_the_first_word_of_a_drain() {
    let (tap, client) = busy(&[]);
    assert_eq!(admin(&tap, "GET /readyz"), "HTTP/1.1 200 OK");
    assert_eq!(admin(&tap, "POST /drain"), "HTTP/1.1 202 Accepted");
    assert_eq!(admin(&tap, "GET /readyz"), "HTTP/1.1 503 Service Unavailable");
    assert_eq!(admin(&tap, "GET /livez"), "HTTP/1.1 200 OK");
    drop(client);

    let (tap, client) = busy(&[]);
    tap.terminate();
    tap.wait_until("it is not ready", || {
        (admin(&tap, "GET /readyz") == "HTTP/1.1 503 Service Unavailable").then_some(())
    });
    drop(client);
    assert!(tap.ended().success());
}

#[test]
fn a_signal_told_twice_in_one_breath_is_one_and_a_later_one_ends_at_once() {
    let (tap, mut client) = busy(&["--drain-time", "1s"]);
    tap.terminate();
    tap.terminate();
    // Not cut by the second signal: it would be reset or closed before the drain time.
    assert!(client.reader.rest().is_empty());
    assert_eq!(tap.ended().code(), Some(0));

    let (tap, _client) = busy(&["--drain-time", "5m"]);
    tap.terminate();
    std::thread::sleep(Duration::from_millis(400));
    tap.terminate();
    assert_eq!(tap.ended().code(), Some(1));
}

#[test]
fn a_standard_error_that_is_full_disturbs_nothing() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device of every Linux");
    let server = ScriptedServer::answering(OK);
    let port = support::process::free_port();
    let mut child = Command::new(EXECUTABLE)
        .args(["run", "--upstream", &format!("http://{}", server.address)])
        .args(["--listen", &format!("127.0.0.1:{port}"), "--admin", "127.0.0.1:0", "--log-level", "debug"])
        .stderr(full)
        .spawn()
        .expect("it starts");
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let start = mcp_tap::clock::now();
    while TcpStream::connect(address).is_err() {
        assert!(start.elapsed() < support::PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    for _ in 0..3 {
        let mut client = RawClient::connect(address);
        assert_eq!(client.exchange(GET).body, b"ok");
    }
    let running = child.try_wait().expect("own child");
    child.kill().expect("own child");
    child.wait().expect("own child");
    assert_eq!(running, None);
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let server = ScriptedServer::answering(OK);
    let upstream = format!("http://{}", server.address);
    let tap = through_proxy_with(&upstream, &[]);
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    let foreign = foreign.local_addr().expect("bound").to_string();
    let (traffic, admin) = (tap.traffic.to_string(), tap.admin.to_string());
    let everywhere = format!("0.0.0.0:{}", tap.traffic.port());
    let any = "127.0.0.1:0";
    for (listen, admin, setting, taken) in [
        (traffic.as_str(), any, "listen", traffic.as_str()),
        (&everywhere, any, "listen", &everywhere),
        (&foreign, any, "listen", &foreign),
        (any, &admin, "admin", &admin),
        (any, &traffic, "admin", &traffic),
    ] {
        let (status, printed) = refused(&["--upstream", &upstream, "--listen", listen, "--admin", admin]);
        let expected = format!("mcp-tap: cannot listen on {taken} ({setting}): Address already in use");
        assert!(status == Some(1) && printed.starts_with(&expected), "{status:?} {printed}");
    }
    assert_eq!(RawClient::connect(tap.traffic).exchange(GET).body, b"ok");
}

/// Exit status and standard error of a start that fails; standard output stays empty.
fn refused(flags: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new("timeout").args(["20", EXECUTABLE, "run"]).args(flags).output().expect("it ends");
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).expect("it prints text"))
}

#[test]
fn clients_that_find_no_descriptor_wait_while_all_others_are_served() {
    let server = ScriptedServer::answering(OK);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\"", EXECUTABLE]);
    let tap = through_proxy_by(&mut limited, &format!("http://{}", server.address), &["--workers", "2"]);
    let mut clients: Vec<_> = (0..100).map(|_| RawClient::connect(tap.traffic)).collect();
    for client in &mut clients {
        client.send(GET);
    }
    assert_eq!(admin(&tap, "GET /livez"), "HTTP/1.1 200 OK");
    for mut client in clients {
        let answer = client.response(false).expect("its turn comes when those before it have left");
        assert_eq!((answer.status(), &answer.body[..]), (200, &b"ok"[..]));
    }
    let (status, log) = tap.stop();
    assert!(status.success() && log.contains("no descriptors for more clients"), "{log}");
}

#[test]
fn endless_lines_and_bombs_leave_memory_flat() {
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 512;
    const SSE: &str = "text/event-stream";
    const JSON: &str = "application/json";
    for (content_type, start, fill) in [
        (SSE, "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":\"", "x"),
        (SSE, "id: ", "1"),
        (SSE, ": ", "x"),
        (JSON, "{\"jsonrpc\":\"2.0\",\"id\":\"", "x"),
        (JSON, "[", "["),
        (JSON, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"", "x"),
    ] {
        let server = ScriptedServer::start(move |connection| {
            connection.request();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n{start}");
            connection.send(head.as_bytes());
            let piece = fill.repeat(PIECE);
            for _ in 0..PIECES {
                connection.send(piece.as_bytes());
            }
        });
        let tap = through_proxy_with(&format!("http://{}", server.address), &["--workers", "1"]);
        let mut stream = TcpStream::connect(tap.traffic).expect("the traffic port listens");
        stream.write_all(GET).expect("it reads");
        let (mut buffer, mut seen, mut most) = (vec![0; PIECE], 0, 0.0_f64);
        let before = resident(&tap);
        while seen < PIECE * PIECES {
            let count = stream.read(&mut buffer).expect("it goes on");
            assert!(count > 0, "{content_type} {start}: ended at {seen}");
            if (seen + count) >> 23 != seen >> 23 {
                most = most.max(resident(&tap));
            }
            seen += count;
        }
        assert!(most - before < 12.0 * 1024.0 * 1024.0, "{content_type} {start}: {before} to {most} bytes");
    }
}

fn resident(tap: &Tap) -> f64 {
    support::scrape::Scrape::of(tap.admin).sum("process_resident_memory_bytes")
}
