//! The admin port over a real socket, byte by byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_tap::admin::{AdminState, Listener, MAX_CONNECTIONS, Readiness, serve};
use mcp_tap::registry::{About, Folders, Kind};
use mcp_tap::telemetry::{Settings, Telemetry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Admin {
    address: std::net::SocketAddr,
    readiness: Readiness,
    drains: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Admin {
    async fn start() -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        let bound = Listener::bind(&any, &Folders::new(None)).expect("loopback has a port");
        let listener = bound.expect("it is not off");
        let address = listener.address().to_string().parse().expect("a TCP address");
        let readiness = Readiness::default();
        let drains = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&drains);
        let settings = Settings { server_name: "s".into(), ..Settings::default() };
        let state = AdminState {
            about: About { name: "s".to_owned(), kind: Kind::Http, serves: "127.0.0.1:3001".to_owned() },
            telemetry: Telemetry::new(settings, mcp_tap::clock::now()),
            readiness: readiness.clone(),
            drain: Some(Arc::new(move || {
                counted.fetch_add(1, Ordering::SeqCst);
            })),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async { drop(stopped.await) };
        let server =
            tokio::spawn(async { serve(listener, state, shutdown).await.expect("it can be waited for") });
        Self { address, readiness, drains, stop, server }
    }

    /// Head (in lower case) and body of the answer to one request.
    async fn ask(&self, head: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.expect("the admin port listens");
        let request = format!("{head}\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the answer is text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_lowercase(), body.to_owned())
    }
}

#[tokio::test]
async fn each_path_answers_with_its_status_and_type() {
    let admin = Admin::start().await;
    admin.readiness.change(true);
    let (text, scrape) = ("text/plain; charset=utf-8", "text/plain; version=0.0.4; charset=utf-8");
    for (request, status, content_type) in [
        ("GET /metrics", 200, scrape),
        ("GET /metrics?x=y", 200, scrape),
        ("GET /operations", 200, "application/json"),
        ("GET /operations?limit=5", 200, "application/json"),
        ("GET /operations?limit=x", 400, text),
        ("GET /catalogue", 200, "application/json"),
        ("GET /slo", 200, "application/json"),
        ("GET /summary", 200, "application/json"),
        ("GET /livez", 200, text),
        ("GET /readyz", 200, text),
        ("POST /drain", 202, text),
        ("GET /", 404, text),
        ("POST /metrics/", 404, text),
    ] {
        let (head, _) = admin.ask(&format!("{request} HTTP/1.1")).await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{request}: {head}");
        assert!(head.contains(&format!("content-type: {content_type}\r\n")), "{request}: {head}");
    }
    let (_, listing) = admin.ask("GET /nowhere HTTP/1.1").await;
    for page in ["GET /metrics\n", "GET /summary\n", "POST /drain\n"] {
        assert!(listing.contains(page), "{listing}");
    }
    let (_, summary) = admin.ask("GET /summary HTTP/1.1").await;
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    for (key, expected) in [
        ("pid", std::process::id().into()),
        ("name", "s".into()),
        ("kind", "http".into()),
        ("serves", "127.0.0.1:3001".into()),
        ("ready", true.into()),
        ("calls", 0.into()),
        ("latency_seconds", serde_json::Value::Null),
    ] {
        assert_eq!(summary[key], expected, "{key}: {summary}");
    }
    let (_, operations) = admin.ask("GET /operations HTTP/1.1").await;
    assert_eq!(operations, r#"{"operations":[]}"#);
    let (_, catalogue) = admin.ask("GET /catalogue HTTP/1.1").await;
    assert_eq!(catalogue, r#"{"known":false,"tokens":0,"tools":[],"changes":[]}"#);
    let (_, slo) = admin.ask("GET /slo HTTP/1.1").await;
    let report: mcp_tap::slo::Report = serde_json::from_str(&slo).expect("a report");
    assert_eq!((report.source.as_str(), report.objectives.len()), ("process", 3));
    assert!(slo.contains(r#""remaining":null"#), "nothing happened yet: {slo}");
}

#[tokio::test]
async fn other_methods_are_refused_with_what_is_allowed() {
    let admin = Admin::start().await;
    for (request, allowed) in [
        ("POST /metrics", "get, head"),
        ("DELETE /livez", "get, head"),
        ("GET /drain", "post"),
        ("HEAD /drain", "post"),
    ] {
        let (head, _) = admin.ask(&format!("{request} HTTP/1.1")).await;
        assert!(head.starts_with("http/1.1 405 "), "{request}: {head}");
        assert!(head.contains(&format!("allow: {allowed}\r\n")), "{request}: {head}");
    }
    assert_eq!(admin.drains.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let admin = Admin::start().await;
    for path in ["/livez", "/metrics", "/catalogue"] {
        let (head, body) = admin.ask(&format!("HEAD {path} HTTP/1.1")).await;
        assert!(head.starts_with("http/1.1 200 ") && body.is_empty(), "{path}: {head}{body}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        assert!(length.is_some_and(|length| length.parse::<u64>().is_ok_and(|length| length > 0)), "{head}");
    }
}

#[tokio::test]
async fn readiness_and_drain_are_the_callers_to_move() {
    let admin = Admin::start().await;
    assert!(admin.ask("GET /readyz HTTP/1.1").await.0.starts_with("http/1.1 503 "));
    admin.readiness.change(true);
    assert!(admin.ask("GET /readyz HTTP/1.1").await.0.starts_with("http/1.1 200 "));
    assert!(admin.ask("POST /drain HTTP/1.1\r\ncontent-length: 0").await.0.starts_with("http/1.1 202 "));
    assert_eq!(admin.drains.load(Ordering::SeqCst), 1);
    admin.readiness.change(false);
    assert!(admin.ask("GET /readyz HTTP/1.1").await.0.starts_with("http/1.1 503 "));
    assert!(admin.ask("GET /livez HTTP/1.1").await.0.starts_with("http/1.1 200 "));
}

#[tokio::test]
async fn a_web_page_cannot_drain() {
    let admin = Admin::start().await;
    let request = "POST /drain HTTP/1.1\r\norigin: http://evil.example\r\ncontent-length: 0";
    assert!(admin.ask(request).await.0.starts_with("http/1.1 403 "));
    assert_eq!(admin.drains.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn openmetrics_is_served_to_those_who_ask() {
    let admin = Admin::start().await;
    let request = "GET /metrics HTTP/1.1\r\naccept: text/html\r\naccept: application/openmetrics-text";
    let (head, body) = admin.ask(request).await;
    let content_type = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(head.contains(content_type), "{head}");
    assert!(body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn clients_that_hang_give_way_to_new_ones() {
    let admin = Admin::start().await;
    let mut hanging = Vec::new();
    for _ in 0..MAX_CONNECTIONS + 20 {
        let mut stream = TcpStream::connect(admin.address).await.expect("the admin port listens");
        stream.write_all(b"GET /livez HTTP/1.1\r\nho").await.expect("sent");
        hanging.push(stream);
    }
    assert!(admin.ask("GET /livez HTTP/1.1").await.0.starts_with("http/1.1 200 "));
    // The oldest was closed, the newest still waits.
    let mut byte = [0];
    let oldest = tokio::time::timeout(Duration::from_secs(5), hanging[0].read(&mut byte)).await;
    assert!(matches!(oldest, Ok(Ok(0) | Err(_))), "{oldest:?}");
    let newest = hanging.last_mut().expect("there are some");
    newest.write_all(b"st: a\r\n\r\n").await.expect("still open");
    let mut answer = [0; 15];
    newest.read_exact(&mut answer).await.expect("answered");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn shutdown_ends_the_server_and_its_connections() {
    let admin = Admin::start().await;
    let mut idle = TcpStream::connect(admin.address).await.expect("the admin port listens");
    assert!(admin.ask("GET /livez HTTP/1.1").await.0.starts_with("http/1.1 200 "));
    admin.stop.send(()).expect("the server waits for it");
    admin.server.await.expect("the server ends");
    let mut rest = Vec::new();
    // Closed, by end of stream or by reset.
    drop(idle.read_to_end(&mut rest).await);
    assert!(rest.is_empty());
}
