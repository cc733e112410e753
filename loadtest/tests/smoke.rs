//! Server, bare proxy and load together, on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its parts should fail there")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use mcp_loadtest::address::{Loopback, LoopbackUrl};
use mcp_loadtest::load::{self, Report};
use mcp_loadtest::payload::{Answers, Scenario, Tool};
use mcp_loadtest::workers::Running;
use mcp_loadtest::{bare, collector, server};

fn any_port() -> Loopback {
    "127.0.0.1:0".parse().unwrap()
}

fn start_server() -> (Running, LoopbackUrl) {
    let running = server::start(server::Settings { listen: any_port(), workers: 1, tools: 0 }).unwrap();
    let url = LoopbackUrl::at(running.address()).unwrap();
    (running, url)
}

fn start_bare(upstream: &LoopbackUrl, workers: usize) -> (Running, LoopbackUrl) {
    let upstream = Loopback::new(upstream.address()).unwrap();
    let running = bare::start(bare::Settings { listen: any_port(), upstream, workers }).unwrap();
    let url = LoopbackUrl::at(running.address()).unwrap();
    (running, url)
}

async fn send(url: &LoopbackUrl, scenario: &str, requests: u64) -> Report {
    let settings = load::Settings {
        url: url.clone(),
        scenario: scenario.parse::<Scenario>().unwrap(),
        connections: 4,
        duration: Duration::from_secs(30),
        requests: Some(requests),
        rate: None,
    };
    load::run(&settings, &Answers::new()).await.unwrap()
}

#[test]
fn the_collector_accepts_whatever_it_is_sent() {
    let collector = collector::start(any_port()).unwrap();
    let mut stream = TcpStream::connect(collector.address()).unwrap();
    stream
        .write_all(
            b"POST /v1/traces HTTP/1.1\r\nhost: c\r\nconnection: close\r\ncontent-length: 5\r\n\r\nspans",
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("application/x-protobuf") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_second_of_load_through_two_workers_is_answered_rightly() {
    let (_server, url) = start_server();
    let (_bare, url) = start_bare(&url, 2);
    let settings = load::Settings {
        url,
        scenario: "small".parse().unwrap(),
        connections: 8,
        duration: Duration::from_secs(1),
        requests: None,
        rate: None,
    };
    let report = load::run(&settings, &Answers::new()).await.unwrap();
    assert_eq!(report.first_failure, None);
    assert!(report.requests > 100, "{report}");
    assert!((1.0..10.0).contains(&report.seconds), "{report}");
    let [p50, p99] = [report.latency.at(0.5), report.latency.at(0.99)];
    assert!(p50 > 0.0 && p50 <= p99 && report.first_byte.at(0.5) <= p50, "{report}");
    assert!(report.schedule.is_none() && report.event_delay.is_none(), "{report}");
}

#[tokio::test]
async fn every_scenario_is_the_same_directly_and_through_the_proxy() {
    let (_server, direct) = start_server();
    let (_bare, proxied) = start_bare(&direct, 1);
    for (scenario, requests, events) in [
        ("small", 50, 0),
        ("medium", 20, 0),
        ("text", 8, 0),
        ("objects", 8, 0),
        ("sse:1", 8, 8),
        ("sse:20:1", 8, 160),
        ("sse:1000", 4, 4000),
        ("batch:10", 20, 0),
        ("stateless", 50, 0),
        ("churn", 20, 0),
        ("tools:7", 50, 0),
    ] {
        for url in [&direct, &proxied] {
            let report = send(url, scenario, requests).await;
            assert_eq!(report.first_failure, None, "{scenario} at {url}");
            assert_eq!((report.requests, report.events), (requests, events), "{scenario} at {url}");
        }
    }
}

#[tokio::test]
async fn agents_get_answers_of_all_kinds_and_all_are_right() {
    let (_server, url) = start_server();
    let (_bare, url) = start_bare(&url, 1);
    let report = send(&url, "agents", 400).await;
    assert_eq!((report.first_failure.clone(), report.requests), (None, 400), "{report}");
    assert!(report.events > 100, "{report}");
    let delays = report.event_delay.unwrap();
    assert_eq!(delays.count(), report.events);
    assert!(delays.max() < 10e6, "later than ten seconds cannot be: {}", delays.max());
}

#[tokio::test]
async fn an_open_loop_keeps_its_schedule() {
    let (_server, url) = start_server();
    let settings = load::Settings {
        url,
        scenario: "small".parse().unwrap(),
        connections: 4,
        duration: Duration::from_millis(500),
        requests: None,
        rate: Some(200.0),
    };
    let report = load::run(&settings, &Answers::new()).await.unwrap();
    let schedule = report.schedule.clone().unwrap();
    assert_eq!((report.requests, report.failures, schedule.unsent), (100, 0, 0), "{report}");
    assert_eq!(schedule.lateness.count(), 100);
    assert!((0.45..15.0).contains(&report.seconds), "{report}");
}

#[tokio::test]
async fn latency_of_an_open_loop_counts_from_when_a_call_was_due() {
    let (_server, url) = start_server();
    let settings = load::Settings {
        url,
        // Each answer takes 20 ms, so one connection manages 50 per second of the 500 that are due.
        scenario: "sse:2:20".parse().unwrap(),
        connections: 1,
        duration: Duration::from_millis(100),
        requests: None,
        rate: Some(500.0),
    };
    let report = load::run(&settings, &Answers::new()).await.unwrap();
    let schedule = report.schedule.clone().unwrap();
    assert_eq!(report.requests + schedule.unsent, 50, "{report}");
    assert!(schedule.late > 30, "{report}");
    // The last one was due at 98 ms and waited for all those before it.
    assert!(report.latency.max() > 400_000.0, "{report}");
    assert!(report.latency.at(0.5) > 200_000.0, "{report}");
}

/// Answers every request on every connection with the same bytes.
fn start_wrong(response: &'static str) -> LoopbackUrl {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = LoopbackUrl::at(listener.local_addr().unwrap()).unwrap();
    // It ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            std::thread::spawn(move || {
                while try_read_request(&mut stream).is_some() {
                    if stream.get_mut().write_all(response.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn wrong_answers_are_found_in_every_scenario() {
    let url = start_wrong("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    for scenario in [
        "small",
        "medium",
        "text",
        "objects",
        "sse:1",
        "sse:20:2",
        "batch:3",
        "stateless",
        "agents",
        "churn",
        "tools:3",
    ] {
        let report = send(&url, scenario, 8).await;
        assert_eq!(report.requests, 0, "{scenario}");
        let first = report.first_failure.unwrap();
        assert!(first.starts_with("the answer differs from byte"), "{scenario}: {first}");
    }
}

#[test]
fn routing_headers_that_do_not_agree_with_the_body_are_refused() {
    let (_server, url) = start_server();
    let call = Answers::new().call("stateless".parse().unwrap(), 0, 1);
    let body = String::from_utf8(call.body.to_vec()).unwrap();
    let version = "mcp-protocol-version: 2026-07-28\r\n";
    for (headers, status) in [
        (format!("{version}mcp-method: tools/call\r\nmcp-name: small\r\n"), "200"),
        (format!("{version}mcp-method: tools/call\r\nmcp-name: medium\r\n"), "400"),
        (format!("{version}mcp-method: tools/list\r\nmcp-name: small\r\n"), "400"),
        ("mcp-method: tools/call\r\nmcp-name: small\r\n".to_owned(), "400"),
        (String::new(), "400"),
    ] {
        let answer = post(&url, &headers, &body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
        assert_eq!(answer.contains("-32020"), status == "400", "{answer}");
    }
}

#[test]
fn batches_are_answered_call_by_call() {
    let (_server, url) = start_server();
    for (body, status, expected) in [
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"x"},{"jsonrpc":"2.0","id":"b","method":"ping"}]"#,
            "200",
            r#"[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":"b","result":{}}]"#,
        ),
        (r#"[{"jsonrpc":"2.0","method":"x"}]"#, "202", ""),
        ("[]", "400", "the batch is empty"),
        ("[1]", "400", "not a JSON-RPC batch"),
    ] {
        let answer = post(&url, "", body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{body}: {answer}");
        assert!(answer.contains(expected), "{body}: {answer}");
    }
}

fn post(url: &LoopbackUrl, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(url.address()).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn idle_streams_stay_open_until_the_server_is_gone() {
    let (server, url) = start_server();
    let (_bare, url) = start_bare(&url, 1);
    let streams = load::open_idle(&url, 20).await.unwrap();
    assert_eq!((streams.count(), streams.still_open()), (20, 20));
    drop(server);
    let closed = async {
        while streams.still_open() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), closed).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_is_a_502_that_the_load_reports() {
    let (server, url) = start_server();
    let (_bare, url) = start_bare(&url, 1);
    drop(server);
    let settings = load::Settings {
        url,
        scenario: "small".parse().unwrap(),
        connections: 1,
        duration: Duration::from_secs(1),
        requests: None,
        rate: None,
    };
    let error = load::run(&settings, &Answers::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "the handshake was answered with status 502");
}

#[tokio::test]
async fn a_connection_closed_after_an_answer_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = LoopbackUrl::at(listener.local_addr().unwrap()).unwrap();
    // Three connections: the handshake and a call on the first, then a call on each.
    let server = std::thread::spawn(move || {
        for calls in [4, 1, 1] {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            for left in (0..calls).rev() {
                let id = read_request(&mut stream)["id"].to_string();
                let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id}{}", small_after_id());
                let close = if left == 0 { "connection: close\r\n" } else { "" };
                let length = body.len();
                write!(stream.get_mut(), "HTTP/1.1 200 OK\r\n{close}content-length: {length}\r\n\r\n{body}")
                    .unwrap();
            }
        }
    });
    let settings = load::Settings {
        url,
        scenario: "small".parse().unwrap(),
        connections: 1,
        duration: Duration::from_secs(30),
        requests: Some(3),
        rate: None,
    };
    let report = load::run(&settings, &Answers::new()).await.unwrap();
    assert_eq!((report.first_failure, report.requests), (None, 3));
    server.join().unwrap();
}

fn small_after_id() -> String {
    String::from_utf8(Answers::new().of(Tool::Small).after.to_vec()).unwrap()
}

fn read_request(stream: &mut impl BufRead) -> serde_json::Value {
    try_read_request(stream).unwrap()
}

/// The body of the next request; `None` when the connection was closed.
fn try_read_request(stream: &mut impl BufRead) -> Option<serde_json::Value> {
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

#[test]
fn the_server_answers_by_method_and_echoes_ids_as_spelled() {
    let (_server, url) = start_server();
    for (method, body, status, expected) in [
        (
            "POST",
            r#"{"jsonrpc":"2.0","id":"a b","method":"ping"}"#,
            "200",
            r#"{"jsonrpc":"2.0","id":"a b","result":{}}"#,
        ),
        (
            "POST",
            r#"{"jsonrpc":"2.0","id":1.50,"method":"nope"}"#,
            "200",
            r#""id":1.50,"error":{"code":-32601"#,
        ),
        (
            "POST",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#,
            "200",
            r#""code":-32602"#,
        ),
        ("POST", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, "200", r#""name":"events""#),
        ("POST", r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#, "200", "mcp-session-id: loadtest-"),
        ("POST", r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "202", "content-length: 0"),
        ("POST", "not json", "400", "not a JSON-RPC request"),
        ("DELETE", "", "200", "session ended"),
        ("PUT", "", "405", "allow: GET, POST, DELETE"),
    ] {
        let mut stream = TcpStream::connect(url.address()).unwrap();
        write!(
            stream,
            "{method} /mcp HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{body}: {answer}");
        assert!(answer.contains(expected), "{body}: {answer}");
    }
}
