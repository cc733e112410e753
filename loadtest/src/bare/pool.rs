//! Idle upstream connections of one worker.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Idle connections kept per worker; more are closed.
const MAX_IDLE: usize = 1024;

/// A sender of requests on one upstream connection.
pub(super) type Sender = SendRequest<Incoming>;

/// Why no connection could be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The system refused.
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    /// The connection broke before it could be used.
    #[error("connection broke: {0}")]
    Handshake(#[from] hyper::Error),
}

/// The pool. Its mutex is only ever taken by one thread: it stands here because spawned tasks must be `Send`.
#[derive(Debug)]
pub(super) struct Pool {
    upstream: SocketAddr,
    idle: Mutex<Vec<Sender>>,
}

impl Pool {
    pub(super) const fn new(upstream: SocketAddr) -> Self {
        Self { upstream, idle: Mutex::new(Vec::new()) }
    }

    /// The connection used last that still lives, or a new one.
    pub(super) async fn take(&self) -> Result<Sender, ConnectError> {
        while let Some(mut sender) = self.pop() {
            // A connection put back a moment ago may need one turn until it takes the next request.
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        sender.ready().await?;
        Ok(sender)
    }

    /// Takes back a connection whose answer was read to its end.
    pub(super) fn put(&self, sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(sender);
        }
    }

    fn pop(&self) -> Option<Sender> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}
