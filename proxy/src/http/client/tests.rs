//! The connection that a request's body shares with who serves it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Body;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::body::RequestBody;
use super::wire::{BodyState, Wire, lock};
use crate::http::h1::framing::Framing;

/// Two ends of a connection.
async fn connection() -> (TcpStream, Arc<Mutex<Wire>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a port");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
    let (stream, _) = listener.accept().await.expect("one that connects");
    (client, Arc::new(Mutex::new(Wire::new(stream))))
}

/// Waits for the next frame's data; `None` at the end.
async fn data(body: &mut RequestBody) -> Option<Bytes> {
    let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    frame.expect("it does not break").into_data().ok()
}

fn poll_now(body: &mut RequestBody) -> Poll<bool> {
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())).map(|frame| frame.is_none())
}

#[tokio::test]
async fn a_body_that_outlives_its_request_leaves_the_next_one_alone() {
    let (mut client, wire) = connection().await;
    let mut first = Wire::begin_body(&wire, Framing::Chunked, false);
    client.write_all(b"1\r\na\r\n0\r\n\r\n").await.expect("it reads");
    assert_eq!(data(&mut first).await.as_deref(), Some(&b"a"[..]));
    while !first.is_end_stream() {
        assert_eq!(data(&mut first).await, None);
    }
    assert_eq!(lock(&wire).body(), BodyState::Over);

    let mut second = Wire::begin_body(&wire, Framing::Length(2), false);
    assert!(first.is_end_stream() && first.size_hint().exact() == Some(0));
    assert_eq!(poll_now(&mut first), Poll::Ready(true));
    client.write_all(b"bc").await.expect("it reads");
    drop(first);
    assert_eq!(lock(&wire).body(), BodyState::Arriving);
    assert_eq!(data(&mut second).await.as_deref(), Some(&b"bc"[..]));
    assert_eq!(lock(&wire).body(), BodyState::Over);
}

#[tokio::test]
async fn a_body_that_nobody_wants_is_skipped_if_it_is_there() {
    let (mut client, wire) = connection().await;
    client.write_all(b"1\r\na\r\n0\r\n\r\nGET").await.expect("it reads");
    let mut body = Wire::begin_body(&wire, Framing::Chunked, false);
    assert!(data(&mut body).await.is_some());
    drop(body);
    assert!(lock(&wire).skip_body());
    assert_eq!(lock(&wire).input(), b"GET");

    let body = Wire::begin_body(&wire, Framing::Length(4), false);
    drop(body);
    assert_eq!(lock(&wire).body(), BodyState::Abandoned);
    assert!(!lock(&wire).skip_body());
}
