use std::net::SocketAddr;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::*;

/// Longest wait for anything; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(20);

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);

const ASK: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

fn bounds() -> Bounds {
    Bounds { connections: 4, first: LONG, idle: LONG, body: LONG, bodies: 1000 }
}

/// A port that answers, echoes, or waits until the end is told.
struct Port {
    address: SocketAddr,
    stop: Arc<Notify>,
    serving: tokio::task::JoinHandle<()>,
    release: Arc<Notify>,
}

impl Port {
    async fn start(bounds: Bounds) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (stopping, released) = (Arc::clone(&stop), Arc::clone(&release));
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/echo", post(|body: Bytes| async { body }))
            .route(
                "/wait",
                get(move |_: Bytes| async move {
                    released.notified().await;
                    "late"
                }),
            );
        let stopping = async move { stopping.notified().await };
        let serving = tokio::spawn(serve(listener, router, bounds, stopping));
        Self { address, stop, serving, release }
    }

    async fn connect(&self, sent: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream
    }
}

/// All that comes until the connection is closed.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end too.
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it is closed").ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn until(stream: &mut TcpStream, end: &str) {
    let mut seen = String::new();
    while !seen.ends_with(end) {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("an answer").expect("it is open");
        seen.push(char::from(byte));
    }
}

#[tokio::test]
async fn a_client_that_begins_no_request_is_closed() {
    let port = Port::start(Bounds { first: SHORT, ..bounds() }).await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for sent in ["", "G", "GET / HTTP/1.1\r\nhost: a\r\n", "PRI * HT", preface] {
        let mut stream = port.connect(sent).await;
        let seen = rest(&mut stream).await;
        assert!(!seen.contains("200 OK"), "{sent}: {seen}");
    }
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_has_no_more_time() {
    let port = Port::start(Bounds { first: SHORT, ..bounds() }).await;
    let mut stream = port.connect("GET / HTTP/1.1\r\n").await;
    let dribble = async {
        while stream.write_all(b"a: b\r\n").await.is_ok() {
            sleep(SHORT / 10).await
        }
    };
    timeout(PATIENCE, dribble).await.expect("it is closed");
}

#[tokio::test]
async fn a_client_that_asks_nothing_more_is_closed() {
    let port = Port::start(Bounds { idle: SHORT, ..bounds() }).await;
    let mut stream = port.connect(&ASK.repeat(2)).await;
    let seen = rest(&mut stream).await;
    assert_eq!(seen.matches("here").count(), 2, "{seen}");
}

#[tokio::test]
async fn a_request_under_way_is_not_idle() {
    let port = Port::start(Bounds { idle: SHORT, first: SHORT, ..bounds() }).await;
    let mut stream = port.connect("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    sleep(SHORT * 3).await;
    port.release.notify_one();
    assert!(rest(&mut stream).await.ends_with("late"));
}

#[tokio::test]
async fn a_body_that_does_not_end_is_refused() {
    let port = Port::start(Bounds { body: SHORT, ..bounds() }).await;
    for framing in ["content-length: 10", "transfer-encoding: chunked"] {
        let mut stream = port.connect(&format!("POST /echo HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n")).await;
        let seen = rest(&mut stream).await;
        assert!(seen.starts_with("HTTP/1.1 400"), "{framing}: {seen}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let port = Port::start(bounds()).await;
    let head = format!("GET / HTTP/1.1\r\nhost: a\r\nlong: {}\r\n\r\n", "x".repeat(HEAD));
    let seen = rest(&mut port.connect(&head).await).await;
    assert!(seen.starts_with("HTTP/1.1 431"), "{seen}");
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    let seen = rest(&mut port.connect(&many).await).await;
    assert!(seen.starts_with("HTTP/1.1 431"), "{seen}");
}

#[tokio::test]
async fn connections_beyond_the_most_wait_for_room() {
    let port = Port::start(bounds()).await;
    let mut served = Vec::new();
    for _ in 0..4 {
        let mut stream = port.connect(ASK).await;
        until(&mut stream, "here").await;
        served.push(stream);
    }
    let mut waiting = port.connect(ASK).await;
    assert!(timeout(SHORT, waiting.read_u8()).await.is_err(), "there is no room");
    served.pop();
    until(&mut waiting, "here").await;
}

#[tokio::test]
async fn the_end_finishes_what_is_under_way_and_closes_the_rest() {
    let port = Port::start(bounds()).await;
    let mut idle = port.connect(ASK).await;
    until(&mut idle, "here").await;
    let mut begun = port.connect("GET / HT").await;
    let mut waiting = port.connect("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // It has begun once another connection that came later was answered.
    until(&mut port.connect(ASK).await, "here").await;
    port.stop.notify_one();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut begun).await, "");
    port.release.notify_one();
    assert!(rest(&mut waiting).await.ends_with("late"));
    timeout(PATIENCE, port.serving).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn bodies_beyond_the_room_for_all_are_refused() {
    let port = Port::start(bounds()).await;
    let body = |length: usize| format!("content-length: {length}\r\n\r\n{}", "x".repeat(length));
    let ask = |path: &str, length: usize| format!("{path} HTTP/1.1\r\nhost: a\r\n{}", body(length));
    let mut holding = port.connect(&ask("GET /wait", 600)).await;
    // Both are answered in the end; until it is, the one that waits keeps its room.
    let refused = async {
        loop {
            let mut stream = port.connect(&ask("POST /echo", 600)).await;
            until(&mut stream, "HTTP/1.1 ").await;
            if stream.read_u8().await.unwrap() == b'4' {
                return;
            }
        }
    };
    timeout(PATIENCE, refused).await.expect("it is refused");
    let mut small = port.connect(&ask("POST /echo", 100)).await;
    until(&mut small, "200 OK").await;
    port.release.notify_one();
    until(&mut holding, "late").await;
    drop(holding);
    let mut again = port.connect(&ask("POST /echo", 900)).await;
    until(&mut again, "200 OK").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_over_before_anybody_looked_has_been_one() {
    for (asked, expected) in [(false, LONG), (true, SHORT)] {
        let open = Open::new();
        let count = open.subscribe();
        if asked {
            drop(open.one());
        }
        let waited = idle(count, LONG, SHORT);
        assert_eq!(timeout(LONG / 2, waited).await.is_ok(), expected == SHORT, "{asked}");
    }
}
