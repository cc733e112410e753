//! Accepting admin connections, a bounded number of them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use super::listener::{Bound, Listener};
use super::{AdminState, routes};
use crate::registry::OwnFile;

/// Most connections at a time. The oldest gives way to a new one: clients that hang must not lock out the probes
/// that decide over this process' life.
pub const MAX_CONNECTIONS: usize = 64;
/// How long a request head may take, and a connection be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after an accept that failed, which is mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the admin port until `shutdown` is over; then open connections are dropped, and the file of a Unix socket is
/// removed.
///
/// # Errors
/// The listener cannot be waited for.
pub async fn serve(
    listener: Listener,
    state: AdminState,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let acceptor = Acceptor::new(listener)?;
    let mut shutdown = pin!(shutdown);
    let mut connections = Connections::default();
    loop {
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            accepted = acceptor.accept(&state) => match accepted {
                Ok(connection) => connections.add(connection),
                Err(error) => {
                    tracing::warn!(%error, "admin connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

/// A listener that is waited for.
enum Acceptor {
    Tcp(TcpListener),
    /// The file is dropped first, as in [`Bound`].
    Unix(#[expect(dead_code, reason = "it is there to be dropped")] OwnFile, UnixListener),
}

impl Acceptor {
    fn new(listener: Listener) -> io::Result<Self> {
        match listener.socket {
            Bound::Tcp(listener) => TcpListener::from_std(listener).map(Self::Tcp),
            Bound::Unix(file, listener) => {
                UnixListener::from_std(listener).map(|listener| Self::Unix(file, listener))
            }
        }
    }

    /// Accepts one connection, which is then served.
    async fn accept(&self, state: &AdminState) -> io::Result<JoinHandle<()>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(tokio::spawn(connection(stream, state.clone())))
            }
            Self::Unix(_, listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(tokio::spawn(connection(stream, state.clone())))
            }
        }
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, state: AdminState) {
    let service = service_fn(|request| {
        let answer = routes::respond(&state, &request);
        async { Ok::<_, Infallible>(answer) }
    });
    let result = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = result {
        tracing::debug!(%error, "admin connection ended");
    }
}

/// The open connections, oldest first; all end with it.
#[derive(Default)]
struct Connections(VecDeque<JoinHandle<()>>);

impl Connections {
    fn add(&mut self, connection: JoinHandle<()>) {
        self.0.retain(|connection| !connection.is_finished());
        if self.0.len() >= MAX_CONNECTIONS
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.abort();
        }
        self.0.push_back(connection);
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
