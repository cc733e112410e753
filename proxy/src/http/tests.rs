//! Time on the whole path, with the clock standing still.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::layer::util::Identity;

use super::client;
use super::drain::Drain;
use super::forward::{Connector, Forward, Settings, UpstreamAddress};
use super::stack::stack;
use crate::clock;

const QUIET: Duration = Duration::from_secs(600);

async fn until(stream: &mut TcpStream, mark: &[u8]) {
    let mut read = Vec::new();
    while !read.ends_with(mark) {
        read.push(stream.read_u8().await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_quiet_for_ten_minutes_goes_on() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = server.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = server.accept().await.unwrap();
        until(&mut stream, b"\r\n\r\n").await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        tokio::time::sleep(QUIET).await;
        stream.write_all(b"9\r\ndata: 1\n\n\r\n0\r\n\r\n").await.unwrap();
        until(&mut stream, b"never").await;
    });

    let settings =
        Settings::new(UpstreamAddress::Tcp { host: upstream.ip().to_string(), port: upstream.port() });
    let connector = Connector::new(&settings).unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let drain = Drain::new();
    let forward = Forward::new(settings, connector);
    tokio::spawn(async move {
        let (stream, _) = proxy.accept().await.unwrap();
        client::serve(
            client::Builder::new(),
            stream,
            stack(&Identity::new(), &Identity::new(), forward),
            drain,
        )
        .await;
    });

    let start = clock::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Slow heads are waited for as well.
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    tokio::time::sleep(QUIET).await;
    stream.write_all(b"Host: h\r\n\r\n").await.unwrap();
    until(&mut stream, b"\r\n\r\n").await;
    until(&mut stream, b"9\r\ndata: 1\n\n\r\n0\r\n\r\n").await;
    assert!(clock::now() - start >= 2 * QUIET);
}
