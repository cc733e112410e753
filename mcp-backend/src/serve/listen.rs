//! Accepts connections and keeps each within bounds: hyper itself waits for a client for ever.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use tower::ServiceExt as _;

use super::open::Open;

/// How long to wait when a connection could not be accepted for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a connection that is told to end may take.
const GRACE: Duration = Duration::from_secs(1);

/// The longest head of a request, in bytes, over either version of HTTP.
const HEAD: usize = 32 * 1024;

/// Requests at a time on one HTTP/2 connection (a proxy may bring many sessions on one, each with its stream), and what
/// each may send ahead of its being read.
const STREAMS: u32 = 250;
const WINDOW: u32 = 64 * 1024;

/// What a port grants its clients.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Connections at a time; further ones wait in the kernel.
    pub(super) connections: usize,
    /// Until the first request of a connection has begun, its head complete.
    pub(super) first: Duration,
    /// Between requests, until the head of the next is complete.
    pub(super) idle: Duration,
    /// Until the body of a request is complete.
    pub(super) body: Duration,
    /// Bytes in all bodies of requests that are not answered yet; what is more is refused.
    pub(super) bodies: usize,
}

impl Bounds {
    /// For a port with so many connections: all ports together stay beneath the 1 024 descriptors that a process
    /// commonly has, with some left for the cluster.
    pub(super) const fn most(connections: usize) -> Self {
        let (first, idle) = (Duration::from_secs(10), Duration::from_secs(90));
        Self { connections, first, idle, body: Duration::from_secs(10), bodies: 64 << 20 }
    }
}

/// Serves until `stop`, then until the last connection is over; calls under way are finished.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let mut connections = JoinSet::new();
    let (tell, told) = watch::channel(false);
    let held = Arc::new(AtomicUsize::new(0));
    let mut stop = pin!(stop);
    let mut full = false;
    loop {
        let room = connections.len() < bounds.connections;
        if !room && !full {
            tracing::warn!(connections = bounds.connections, "no more connections, further ones wait");
        }
        // Told again only when there was much room in between.
        full = !room || (full && connections.len() * 2 > bounds.connections);
        tokio::select! {
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, router.clone(), Room { bounds, held: Arc::clone(&held) }, told.clone()));
                }
                Err(error) => pause_after(&error).await,
            },
            // Reaps what has ended, so that the set does not grow.
            Some(_) = connections.join_next() => {}
            () = &mut stop => break,
        }
    }
    drop(listener);
    tell.send(true).ok();
    while connections.join_next().await.is_some() {}
}

/// A connection that was gone before it was accepted is no trouble; anything else would come back at once.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tracing::debug!(%error, "cannot accept connections");
        sleep(ACCEPT_PAUSE).await;
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD);
    let list = u32::try_from(HEAD).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(list)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW)
        .max_send_buf_size(WINDOW as usize);
    builder
}

/// Serves one connection until it is over, has been idle for too long, or is told to end.
async fn connection(stream: TcpStream, router: Router, room: Room, mut told: watch::Receiver<bool>) {
    let bounds = room.bounds;
    // Answers are small: waiting for more to send only delays them. Fails only on a connection that is gone.
    stream.set_nodelay(true).ok();
    let open = Open::new();
    // From the beginning: the first request may be over before anybody looks.
    let (counting, count) = (open.clone(), open.subscribe());
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, one) = (router.clone(), counting.one());
        let held = Arc::new(Held { room: room.clone(), bytes: AtomicUsize::new(0) });
        async move {
            let due = Box::pin(sleep(bounds.body));
            let request = request.map(|body| Body::new(Bounded { body, due, held: Arc::clone(&held) }));
            let Ok(response) = router.oneshot(request).await;
            let frames = response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _until_the_end = (&one, &held);
                    frame
                }))
            });
            Ok::<Response<Body>, Infallible>(frames)
        }
    });
    let builder = builder();
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ending = async {
        tokio::select! {
            () = idle(count, bounds.first, bounds.idle) => {}
            _ = told.wait_for(|stop| *stop) => {}
        }
    };
    // How a connection breaks is the client's business.
    tokio::select! {
        _ = serving.as_mut() => return,
        () = ending => serving.as_mut().graceful_shutdown(),
    }
    // A request that came at the last moment is answered.
    tokio::select! {
        _ = serving => {}
        () = idle(open.subscribe(), GRACE, GRACE) => {}
    }
}

/// What all connections share.
#[derive(Clone)]
struct Room {
    bounds: Bounds,
    /// Bytes of bodies.
    held: Arc<AtomicUsize>,
}

/// What one request holds until it is answered.
struct Held {
    room: Room,
    bytes: AtomicUsize,
}

impl Held {
    /// Whether there is room for more.
    fn more(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.room.held.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.room.bounds.bodies
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.held.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

/// A body that has to be complete in time, and for which there has to be room.
struct Bounded {
    body: Incoming,
    due: Pin<Box<Sleep>>,
    held: Arc<Held>,
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let bytes = match &frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                _ => 0,
            };
            if !self.held.more(bytes) {
                return Poll::Ready(Some(Err("there is no room for more requests of this size".into())));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.due.as_mut().poll(context));
        Poll::Ready(Some(Err("the body did not come in time".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// Returns when nothing was counted for a time: `first` until something was, `idle` after it.
async fn idle(mut count: watch::Receiver<usize>, first: Duration, idle: Duration) {
    let mut time = if count.has_changed().unwrap_or_default() { idle } else { first };
    loop {
        // It ends with its sender, which the connection has.
        count.wait_for(|count| *count == 0).await.ok();
        if timeout(time, count.changed()).await.is_err() {
            return;
        }
        time = idle;
    }
}

#[cfg(test)]
#[path = "tests/listen.rs"]
mod tests;
