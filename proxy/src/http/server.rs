//! Accepts clients and serves their connections: per worker one thread, one listener, one single-threaded runtime.
//!
//! The workers share nothing on the way of a request. The kernel spreads connections over their listeners
//! (`SO_REUSEPORT`).

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::Service;

use super::client;
use super::drain::Drain;
use super::{FromWire, RequestBody};
use crate::clock;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long to wait when a connection could not be accepted for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often a trouble that lasts is told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Connections that the kernel keeps for a worker that does not come to accept them.
const BACKLOG: i32 = 1024;

/// Where and how clients are served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address; with port 0 the system chooses one for all workers.
    pub listen: SocketAddr,
    /// Number of threads; at least one is started.
    pub workers: usize,
    /// How long a drain waits for what is still open.
    pub drain: Duration,
}

/// Bound listeners, one per worker.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<StdListener>,
    address: SocketAddr,
    drain_time: Duration,
    most_clients: usize,
}

impl Server {
    /// Binds the address for every worker.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(settings: &Settings) -> io::Result<Self> {
        // With `SO_REUSEPORT` alone another process of the same user would get a share of our clients, or we of its.
        if settings.listen.port() != 0 {
            drop(bound(settings.listen)?);
        }
        let first = listen(settings.listen)?;
        let address = first.local_addr()?;
        let mut listeners = vec![first];
        for _ in 1..settings.workers {
            listeners.push(listen(address)?);
        }
        Ok(Self { listeners, address, drain_time: settings.drain, most_clients: usize::MAX })
    }

    /// Lets at most so many clients be connected at a time, shared evenly by the workers; others wait in the kernel. For
    /// want of descriptors a client that was let in could not be served.
    #[must_use]
    pub fn with_most_clients(self, most_clients: usize) -> Self {
        Self { most_clients, ..self }
    }

    /// The address that clients connect to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the drain has ended; blocks. On each worker's runtime `worker` is called once, and what it returns
    /// once per client connection, with the client's address, for the service of that connection.
    ///
    /// # Errors
    /// When a worker's thread or runtime cannot be started.
    pub fn run<W, C, S, R>(self, drain: &Drain, worker: W) -> io::Result<()>
    where
        W: Fn() -> C + Send + Sync + 'static,
        C: Fn(SocketAddr) -> S,
        S: Service<Request<RequestBody>, Response = Response<R>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        R: Body<Data = Bytes> + FromWire + Send + Unpin + 'static,
        R::Error: Into<BoxError>,
    {
        let worker = Arc::new(worker);
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
        // All or none: a worker that runs cannot be taken back.
        let runtimes: Vec<_> = self.listeners.iter().map(|_| runtime()).collect::<io::Result<_>>()?;
        let share = Share {
            drain_time: self.drain_time,
            most_clients: (self.most_clients / self.listeners.len().max(1)).max(1),
        };
        let mut threads = Vec::with_capacity(self.listeners.len());
        for (number, (listener, runtime)) in self.listeners.into_iter().zip(runtimes).enumerate() {
            let (drain, worker) = (drain.clone(), Arc::clone(&worker));
            threads.push(std::thread::Builder::new().name(format!("traffic-{number}")).spawn(move || {
                runtime.block_on(async move {
                    let listener = TcpListener::from_std(listener)?;
                    let make = worker();
                    serve(listener, &drain, share, make).await;
                    Ok(())
                })
            })?);
        }
        let mut outcome = Ok(());
        for thread in threads {
            let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("a traffic worker panicked")));
            outcome = outcome.and(ended);
        }
        outcome
    }
}

fn listen(address: SocketAddr) -> io::Result<StdListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A socket that has the address for itself: fails if anyone listens there.
fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = socket(address)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier process that are still closing do not keep the address.
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// What holds for one worker.
#[derive(Clone, Copy)]
struct Share {
    drain_time: Duration,
    most_clients: usize,
}

async fn serve<C, S, R>(listener: TcpListener, drain: &Drain, share: Share, make: C)
where
    C: Fn(SocketAddr) -> S,
    S: Service<Request<RequestBody>, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes> + FromWire + Send + Unpin + 'static,
    R::Error: Into<BoxError>,
{
    let builder = client::Builder::new();
    let mut connections = JoinSet::new();
    let mut draining = std::pin::pin!(drain.wait());
    let mut told = Told::default();
    loop {
        let room = connections.len() < share.most_clients;
        if !room && told.again(clock::now()) {
            tracing::warn!(clients = connections.len(), "no descriptors for more clients, further ones wait");
        }
        let accepted = tokio::select! {
            accepted = listener.accept(), if room => accepted,
            // Reaps what has ended, so that the set does not grow.
            Some(_) = connections.join_next() => continue,
            () = &mut draining => break,
        };
        match accepted {
            Ok((stream, client)) => {
                drop(connections.spawn(client::serve(builder.clone(), stream, make(client), drain.clone())))
            }
            Err(error) => pause_after(&error, &mut told).await,
        }
    }
    // Those that have connected already would be reset when the listener closes. The system is asked: tokio may not have
    // heard of them yet.
    if let Ok(listener) = listener.into_std() {
        while let Ok((stream, client)) = listener.accept().and_then(adopt) {
            connections.spawn(client::serve(builder.clone(), stream, make(client), drain.clone()));
        }
    }
    finish(connections, drain, share.drain_time).await;
}

fn adopt((stream, client): (std::net::TcpStream, SocketAddr)) -> io::Result<(TcpStream, SocketAddr)> {
    stream.set_nonblocking(true)?;
    Ok((TcpStream::from_std(stream)?, client))
}

/// Waits for what is open, at most for the drain time, then cuts the rest.
async fn finish(mut connections: JoinSet<()>, drain: &Drain, drain_time: Duration) {
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain_time, finished).await.is_err() {
        drain.cut();
        tracing::info!(open = connections.len(), "drain time is over, cutting what is still open");
        connections.shutdown().await;
    }
}

/// A connection that was gone before it was accepted is no trouble; anything else is a want of descriptors or memory,
/// and the error would come back at once for as long as that lasts.
async fn pause_after(error: &io::Error, told: &mut Told) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        if told.again(clock::now()) {
            tracing::warn!(%error, "cannot accept connections");
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// When a lasting trouble was last told: a log nobody reads must not fill a disk or block a worker.
#[derive(Default)]
struct Told(Option<Instant>);

impl Told {
    fn again(&mut self, now: Instant) -> bool {
        let due = self.0.is_none_or(|last| now.saturating_duration_since(last) >= TELL_EVERY);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_trouble_is_told_now_and_then() {
        let (mut told, start) = (Told::default(), clock::now());
        let second = Duration::from_secs(1);
        let times = [0, 1, 9, 10, 11, 19, 20].map(|after| told.again(start + after * second));
        assert_eq!(times, [true, false, false, true, false, false, true]);
    }
}
