//! Event streams that are open and silent.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::address::LoopbackUrl;

/// How long a stream may take to open.
const ANSWER: Duration = Duration::from_secs(10);
const NO_ANSWER: &str =
    "no answer within 10 s; is there a bound on clients, or on one worker's share of them?";

/// Longest response head.
const HEAD_LIMIT: usize = 8 << 10;

/// Open streams; they are closed when this is dropped. Plain sockets: the client's own memory does not matter, but
/// ten thousand of them must be quick to open.
#[derive(Debug)]
pub struct IdleStreams(Vec<TcpStream>);

impl IdleStreams {
    pub(super) async fn open(url: &LoopbackUrl, count: usize) -> io::Result<Self> {
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\nmcp-protocol-version: 2025-11-25\r\n\r\n",
            url.path(),
            url.address()
        );
        let mut streams = Vec::with_capacity(count);
        for opened in 0..count {
            let open = tokio::time::timeout(ANSWER, open_one(url, request.as_bytes())).await;
            let open = open.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, NO_ANSWER)));
            streams.push(open.map_err(|error| {
                io::Error::new(error.kind(), format!("stream {opened} of {count}: {error}"))
            })?);
        }
        Ok(Self(streams))
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// How many are still open and silent.
    #[must_use]
    pub fn still_open(&self) -> usize {
        let silent = |stream: &&TcpStream| matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        self.0.iter().filter(silent).count()
    }
}

async fn open_one(url: &LoopbackUrl, request: &[u8]) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(url.address()).await?;
    stream.write_all(request).await?;
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > HEAD_LIMIT {
            return Err(io::Error::other("the response head has no end"));
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    if !head.starts_with(b"HTTP/1.1 200 ") {
        let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default());
        return Err(io::Error::other(format!("answered `{line}`")));
    }
    Ok(stream)
}
