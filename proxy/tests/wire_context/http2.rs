//! Contexts where one side or both speak HTTP/2: lengths that are told must be those of what is sent.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::support::random::Random;
use super::support::tap::through_proxy_with;
use super::{ON, PATIENCE, align, documents, server, tap};

type Seen = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A body in pieces, of which nobody knows the length beforehand.
struct Pieces(mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// A server that notes head and body.
async fn http2_server() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Seen::default());
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let noted = Arc::clone(&noted);
            let service = service_fn(move |request: Request<Incoming>| {
                let noted = Arc::clone(&noted);
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    noted.lock().unwrap().push((parts.headers, body));
                    Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("{}")))
                }
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, seen)
}

/// Sends bodies in pieces, with and without a length, and gives them to `check` with their number.
async fn send(proxy: SocketAddr, mut check: impl FnMut(usize, bool, &[u8])) {
    let stream = TcpStream::connect(proxy).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake::<_, _, Pieces>(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let mut random = Random::new(4);
    for number in 0..super::rounds() {
        let body = documents::document(&mut random);
        let told = random.below(2) == 0;
        let mut request = Request::post("http://h/mcp").header("x-number", number);
        if told {
            request = request.header("content-length", body.len());
        }
        let (frames, received) = mpsc::channel(1);
        let request = request.body(Pieces(received)).unwrap();
        let size = [1_000_000, 3_000, 200][random.below(3)].max(body.len() / 20);
        let pauses = random.below(3) == 0;
        let pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
        tokio::spawn(async move {
            for piece in pieces {
                if pauses {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                frames.send(piece).await.ok();
            }
        });
        let answer = tokio::time::timeout(PATIENCE, client.send_request(request)).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200, "request {number}");
        answer.into_body().collect().await.unwrap();
        check(number, told, &body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_http2_to_http1() {
    let (server, requests) = server();
    let tap = tap(&server, "full");
    let mut count = 0;
    send(tap.traffic, |number, told, body| {
        let got = requests.recv_timeout(PATIENCE).unwrap();
        let written = align::written(body, &got.body);
        assert!(written.is_some() && got.complete, "{number}: {}", String::from_utf8_lossy(&got.body));
        count += written.unwrap();
        let length = got.body.len().to_string();
        if told {
            assert_eq!(got.header("content-length"), Some(&*length), "{number}");
        }
        assert!(got.header("traceparent").is_some());
    })
    .await;
    assert!(count > super::rounds() / 4, "{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_http2_to_http2() {
    let (address, seen) = http2_server().await;
    let flags = [&ON[..], &["--propagate", "full", "--upstream-protocol", "http2"]].concat();
    let tap = through_proxy_with(&format!("http://{address}"), &flags);
    let mut count = 0;
    send(tap.traffic, |number, told, body| {
        let (headers, got) = seen.lock().unwrap().pop().unwrap();
        let written = align::written(body, &got);
        assert!(written.is_some(), "{number}: {}", String::from_utf8_lossy(&got));
        count += written.unwrap();
        assert!(!told || headers["content-length"] == got.len().to_string(), "{number}");
        assert!(headers.contains_key("traceparent"));
    })
    .await;
    assert!(count > super::rounds() / 4, "{count}");
}
