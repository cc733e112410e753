//! What other proxies and gateways get wrong, each as a test against the real binary.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use support::chaos::{self, Plan};
use support::scrape::page;
use support::tap::{through_proxy, through_proxy_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Series that one scrape may have after names from the wire went wild: 200 tools and 100 clients are admitted.
const MOST_SERIES: usize = 30_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_names_of_tools_uris_and_clients_leave_the_series_bounded() {
    let tap = through_proxy(&format!("http://{}", chaos::start().await));
    let mut stream = TcpStream::connect(tap.traffic).await.expect("the sidecar accepts");
    for n in 0..10_000 {
        // All of them succeed, so that each name would be admitted if there were room.
        let params =
            json!({"name": format!("tool{n}"), "uri": format!("file:///{n}"), "arguments": {"plan": "Ok"}});
        exchange(&mut stream, &modern(n, "tools/call", params, &format!("client{n}")), "").await;
        let params = json!({"uri": format!("file:///{n}"), "arguments": {"plan": "Ok"}});
        exchange(&mut stream, &modern(n, &format!("vendor/{n}"), params, &format!("client{n}")), "").await;
    }
    drop(stream);
    let scrape = tap.scrape_when_idle();
    assert_eq!(scrape.sum_where("mcp_tool_requests_total", &[("result", "success")]), 10_000.0);
    let names: std::collections::BTreeSet<_> =
        scrape.by("mcp_tool_requests_total", ["tool_name"]).into_keys().flatten().collect();
    assert!(names.len() <= 201 && names.contains("_other"), "{} tool names", names.len());
    let clients: std::collections::BTreeSet<_> =
        scrape.by("mcp_tool_requests_total", ["client_id"]).into_keys().flatten().collect();
    // Those that found no room in the table of clients are nobody: an empty label.
    assert!(clients.len() <= 102, "{} clients", clients.len());
    assert!(scrape.len() < MOST_SERIES, "{} series", scrape.len());
}

#[tokio::test]
async fn a_call_arrives_exactly_once_whatever_becomes_of_its_connection() {
    // The server takes each request whole and resets the connection, on fresh and on kept-alive ones alike.
    let arrived = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let upstream = listener.local_addr().expect("it is bound");
    let seen = Arc::clone(&arrived);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                // The first request of a connection is answered, the second one is not: so the second meets a
                // connection from the pool.
                for answered in [true, false] {
                    if !read_request(&mut stream).await {
                        return;
                    }
                    seen.fetch_add(1, Ordering::SeqCst);
                    if answered {
                        let body = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
                        stream.write_all(http(body, "").as_bytes()).await.ok();
                    }
                }
                stream.set_zero_linger().ok();
            });
        }
    });
    // One worker has one pool, so fresh and kept-alive connections take turns.
    let tap = through_proxy_with(&format!("http://{upstream}"), &["--workers", "1"]);
    let mut statuses = Vec::new();
    for n in 0..20 {
        let mut stream = TcpStream::connect(tap.traffic).await.expect("the sidecar accepts");
        let answer = exchange(&mut stream, &modern(n, "tools/call", json!({"name": "pay"}), "c"), "").await;
        statuses.push(answer[9..12].to_owned());
    }
    assert_eq!(arrived.load(Ordering::SeqCst), 20, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| *status == "200").count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| *status == "502").count(), 10, "{statuses:?}");
}

#[tokio::test]
async fn two_clients_behind_one_address_never_share_a_session_header() {
    // The server gives each initialize a session of its own and echoes the session header of every request.
    let sessions = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let upstream = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sessions = Arc::clone(&sessions);
            tokio::spawn(async move {
                while let Some((head, body)) = read_whole(&mut stream).await {
                    let id = &serde_json::from_str::<Value>(&body).expect("JSON")["id"];
                    let session = header(&head, "mcp-session-id");
                    let (extra, session) = match session {
                        Some(session) => (String::new(), session),
                        None => {
                            let n = sessions.fetch_add(1, Ordering::SeqCst);
                            (format!("Mcp-Session-Id: session-{n}\r\n"), String::new())
                        }
                    };
                    let result = json!({"jsonrpc": "2.0", "id": id, "result": {
                        "protocolVersion": "2025-11-25", "serverInfo": {"name": "s", "version": "1"}, "saw": session}});
                    stream.write_all(http(&result.to_string(), &extra).as_bytes()).await.ok();
                }
            });
        }
    });
    let tap = through_proxy(&format!("http://{upstream}"));
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(tap.traffic).await.expect("the sidecar accepts");
        let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "twin", "version": "1"}}});
        let answer = exchange(&mut stream, &initialize, "").await;
        clients.push((stream, header(&answer, "mcp-session-id").expect("a session")));
    }
    assert_ne!(clients[0].1, clients[1].1);
    for round in 0..50 {
        for (stream, session) in &mut clients {
            let call = json!({"jsonrpc": "2.0", "id": round, "method": "tools/list"});
            let answer = exchange(stream, &call, &format!("mcp-session-id: {session}\r\n")).await;
            assert!(answer.contains(&format!("\"saw\":\"{session}\"")), "{answer}");
        }
    }
}

#[tokio::test]
async fn no_server_gives_502_without_a_json_rpc_body() {
    let closed =
        TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("it was bound");
    let tap = through_proxy(&format!("http://{closed}"));
    let mut stream = TcpStream::connect(tap.traffic).await.expect("the sidecar accepts");
    let answer = exchange(&mut stream, &modern(1, "tools/call", json!({"name": "x"}), "c"), "").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(
        !answer.contains("jsonrpc")
            && header(&answer, "content-type").is_some_and(|t| t.starts_with("text/plain"))
    );
    drop(stream);
    let scrape = tap.scrape_when_idle();
    let call = [("result", "error"), ("error_type", "connection_refused")];
    assert_eq!(scrape.sum_where("mcp_tool_requests_total", &call), 1.0);
    assert_eq!(scrape.sum_where("mcp_proxy_faults_total", &[("fault", "server_transport")]), 1.0);
}

#[tokio::test]
async fn secrets_never_appear_in_logs_metrics_or_operations() {
    const CANARY: &str = "canary-7f3a";
    let tap = through_proxy_with(&format!("http://{}", chaos::start().await), &["--log-level", "trace"]);
    let secret_headers = format!(
        "authorization: Bearer {CANARY}\r\ncookie: s={CANARY}\r\nmcp-session-id: {CANARY}\r\nlast-event-id: {CANARY}\r\n"
    );
    for (n, plan) in Plan::ALL.into_iter().enumerate() {
        let mut stream = TcpStream::connect(tap.traffic).await.expect("the sidecar accepts");
        let params = json!({
            "name": "login", "uri": format!("file:///{CANARY}"), "requestState": CANARY, "taskId": CANARY,
            "arguments": {"plan": plan.name(), "password": CANARY},
        });
        exchange(&mut stream, &modern(n, "tools/call", params.clone(), "c"), &secret_headers).await;
        exchange(&mut stream, &modern(n, "resources/read", params, "c"), &secret_headers).await;
    }
    tap.scrape_when_idle();
    for path in ["/metrics", "/operations", "/catalogue"] {
        let text = page(tap.admin, path);
        assert!(text.contains("login") || path == "/catalogue", "{path}: {text}");
        assert!(!text.contains(CANARY), "{path} shows a secret");
    }
    let (status, log) = tap.stop();
    assert!(status.success(), "{status}");
    assert!(!log.contains(CANARY), "the log shows a secret: {log}");
}

/// A request of revision 2026-07-28.
fn modern(id: usize, method: &str, mut params: Value, client: &str) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": client, "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// Posts a message and reads what comes until the answer is complete or the connection ends.
async fn exchange(stream: &mut TcpStream, message: &Value, headers: &str) -> String {
    let body = message.to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: mistakes\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    if stream.write_all(request.as_bytes()).await.is_err() {
        return String::new();
    }
    let mut answer = Vec::new();
    while !is_whole(&answer) && matches!(stream.read_buf(&mut answer).await, Ok(1..)) {}
    String::from_utf8_lossy(&answer).into_owned()
}

/// A 200 with a JSON body.
fn http(body: &str, headers: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn read_request(stream: &mut TcpStream) -> bool {
    read_whole(stream).await.is_some()
}

/// Reads one message with a content length; `None` when the connection ended first.
async fn read_whole(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut input = Vec::new();
    while !is_whole(&input) {
        if !matches!(stream.read_buf(&mut input).await, Ok(1..)) {
            return None;
        }
    }
    let text = String::from_utf8_lossy(&input).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

fn is_whole(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    match header(head, "content-length").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => body.len() >= length,
        None => body.ends_with("0\r\n\r\n"),
    }
}

/// The value of a header, whatever its case.
fn header(head: &str, name: &str) -> Option<String> {
    head.split("\r\n\r\n")
        .next()?
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
}
