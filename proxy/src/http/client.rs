//! One client connection: HTTP/1 or HTTP/2 as the client begins, until it ends or the drain ends it.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1::{Parts, UpgradeableConnection};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower::Service;

use super::drain::Drain;
use super::forward::is_reset;
use super::relay::Relay;
use super::{MAX_HEAD_SIZE, MAX_HEADERS, RequestBody};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a connection that was accepted while draining has to bring the request that was likely on its way.
const LATE: Duration = Duration::from_millis(100);

/// What every HTTP/2 connection begins with (RFC 9113 §3.4), and no HTTP/1 request does.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What hyper is told for every connection.
#[derive(Clone)]
pub(super) struct Builder {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Builder {
    pub(super) fn new() -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .preserve_header_case(true)
            .auto_date_header(false)
            .max_headers(MAX_HEADERS)
            // Slow heads are the server's business; no timeouts of our own.
            .header_read_timeout(None)
            // The end of the client's sending means it left: only so does an idle stream notice.
            .half_close(false);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2.auto_date_header(false).max_header_list_size(u32::try_from(MAX_HEAD_SIZE).unwrap_or(u32::MAX));
        Self { http1, http2 }
    }
}

/// Serves the connection until it is over.
///
/// HTTP/1 is tried first and gives back what turns out to be HTTP/2: looking before would cost each connection a read,
/// and hyper's buffer would double for the few bytes that were looked at.
pub(super) async fn serve<S, R>(builder: Builder, stream: TcpStream, service: S, drain: Drain)
where
    S: Service<Request<RequestBody>, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    if drain.started() {
        let _late = tokio::time::timeout(LATE, stream.readable()).await;
    }
    // Fails only on a connection that is gone already, which the first read finds as well.
    let _gone = stream.set_nodelay(true);
    let breaking = Arc::new(Breaking::default());
    let relay = Arc::new(Relay::default());
    let io = ClientIo { stream, begun: None, replay: Bytes::new(), breaking: Arc::clone(&breaking) };
    let service = ClientService { service, relay: Arc::clone(&relay), breaking };
    let mut http1 = builder.http1.serve_connection(TokioIo::new(io), service).with_upgrades();
    let mut ended =
        drive(Pin::new(&mut http1), UpgradeableConnection::graceful_shutdown, &drain, &relay).await;
    if let Some(Parts { io, read_buf, service, .. }) = ended.as_ref().err().and_then(|_| http1.into_parts())
        && io.inner().begun == Some(Version::HTTP_2)
    {
        let mut io = io.into_inner();
        io.replay = read_buf;
        // On the heap: the task of an HTTP/1 connection needs no room for it.
        let mut http2 = Box::pin(builder.http2.serve_connection(TokioIo::new(io), service));
        ended = drive(http2.as_mut(), http2::Connection::graceful_shutdown, &drain, &relay).await;
    }
    if let Err(error) = ended {
        tracing::debug!(%error, "client connection broke");
    }
}

/// Moves a connection until it is over; once the drain starts, `finish` tells it to end after what it is at.
async fn drive<C: Future>(
    mut connection: Pin<&mut C>,
    finish: fn(Pin<&mut C>),
    drain: &Drain,
    relay: &Arc<Relay>,
) -> C::Output {
    let waker = Waker::from(Arc::clone(relay));
    let mut begun = pin!(drain.wait());
    let (mut begun_serving, mut ending) = (false, false);
    poll_fn(|cx| {
        if !begun_serving {
            // Once is enough: it leaves this task's waker, and the drain is asked directly afterwards.
            let _pending = begun.as_mut().poll(cx);
        }
        loop {
            // Before a response is written, so that it says `Connection: close`; but not before a request that came
            // with the connection was read.
            if begun_serving && !ending && drain.started() {
                ending = true;
                finish(connection.as_mut());
            }
            begun_serving = true;
            relay.enter(cx.waker());
            let polled = connection.as_mut().poll(&mut Context::from_waker(&waker));
            relay.leave();
            if polled.is_ready() || ending || !drain.started() {
                return polled;
            }
        }
    })
    .await
}

/// How the response of a connection breaks off.
///
/// hyper drops what it has not written yet when a body fails, be it the head; a client of the server itself would have
/// got it. So over HTTP/1 a body keeps its error until all before it was written.
#[derive(Default)]
struct Breaking {
    /// Only a reset can show it.
    reset: AtomicBool,
    /// An error waits until all was written.
    waiting: AtomicBool,
}

/// The client's socket. Closes by reset if that was how the server broke off.
struct ClientIo {
    stream: TcpStream,
    /// What the client began with: HTTP/2 or anything else.
    begun: Option<Version>,
    /// Read already, and to be read again.
    replay: Bytes,
    breaking: Arc<Breaking>,
}

impl Drop for ClientIo {
    fn drop(&mut self) {
        if self.breaking.reset.load(Ordering::Relaxed) {
            let _gone = self.stream.set_zero_linger();
        }
    }
}

impl ClientIo {
    /// Reads what the client begins with. A part of the HTTP/2 preface is held back until more is there: hyper knows
    /// the preface only whole.
    fn poll_begin(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let start = buffer.filled().len();
        let again = self.replay.split_to(self.replay.len().min(buffer.remaining()));
        buffer.put_slice(&again);
        while self.begun.is_none() {
            let held = buffer.filled().len() - start;
            let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
            let bytes = buffer.filled().get(start..).unwrap_or_default();
            if read.is_pending() {
                self.replay = Bytes::copy_from_slice(bytes);
                buffer.set_filled(start);
                return Poll::Pending;
            }
            ready!(read)?;
            if bytes.starts_with(PREFACE) {
                self.begun = Some(Version::HTTP_2);
            } else if bytes.len() == held || !PREFACE.starts_with(bytes) {
                self.begun = Some(Version::HTTP_11);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.begun.is_some() && self.replay.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        self.poll_begin(cx, buffer)
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper comes here once it has written all that it had.
        if self.breaking.waiting.load(Ordering::Relaxed) {
            self.breaking.waiting.store(false, Ordering::Relaxed);
            cx.waker().wake_by_ref();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The stack as hyper calls it. The services of the stack are always ready.
struct ClientService<S> {
    service: S,
    relay: Arc<Relay>,
    breaking: Arc<Breaking>,
}

impl<S, R> hyper::service::Service<Request<Incoming>> for ClientService<S>
where
    S: Service<Request<RequestBody>, Response = Response<R>> + Clone,
{
    type Response = Response<ClientBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let version = request.version();
        let breaking = Arc::clone(&self.breaking);
        let relay = (version < Version::HTTP_2).then(|| Arc::clone(&self.relay));
        let request = request.map(|body| RequestBody::new(body, relay));
        ResponseFuture { inner: self.service.clone().call(request), version, breaking }
    }
}

pin_project! {
    struct ResponseFuture<F> {
        #[pin]
        inner: F,
        version: Version,
        breaking: Arc<Breaking>,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ClientBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        Poll::Ready(Ok(response.map(|inner| ClientBody {
            inner,
            version: *this.version,
            breaking: Arc::clone(this.breaking),
            error: None,
        })))
    }
}

pin_project! {
    /// The response body; notices how it breaks off.
    struct ClientBody<R> {
        #[pin]
        inner: R,
        version: Version,
        breaking: Arc<Breaking>,
        error: Option<BoxError>,
    }
}

impl<R> Body for ClientBody<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if this.error.is_none() {
            match ready!(this.inner.poll_frame(cx)) {
                Some(Err(error)) => {
                    *this.error = Some(error.into());
                    if *this.version == Version::HTTP_2 {
                        // Once around: the connection's own task comes first and takes what is queued.
                        cx.waker().wake_by_ref();
                    } else {
                        this.breaking.waiting.store(true, Ordering::Relaxed);
                    }
                    return Poll::Pending;
                }
                frame => return Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
            }
        }
        if this.breaking.waiting.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        Poll::Ready(this.error.take().map(|error| {
            // Where the end of the connection is the end of the body, a plain close would look complete.
            if *this.version == Version::HTTP_10 || is_reset(error.as_ref()) {
                this.breaking.reset.store(true, Ordering::Relaxed);
            }
            Err(error)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.error.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
