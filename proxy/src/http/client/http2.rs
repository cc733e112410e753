//! A client that speaks HTTP/2, from the first byte: served by hyper.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower::Service;

use super::BoxError;
use super::body::RequestBody;
use crate::http::MAX_HEAD_SIZE;
use crate::http::drain::Drain;

/// What every HTTP/2 connection begins with (RFC 9113 §3.4), and no HTTP/1 request does.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What hyper is told for every connection.
#[derive(Clone)]
pub(in crate::http) struct Builder(http2::Builder<TokioExecutor>);

impl Builder {
    pub(in crate::http) fn new() -> Self {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .auto_date_header(false)
            .max_header_list_size(u32::try_from(MAX_HEAD_SIZE).unwrap_or(u32::MAX));
        Self(builder)
    }

    /// Serves a connection of which `begun` was read, until it is over; once the drain starts, it ends after the requests
    /// that it is at.
    pub(super) async fn serve<S, R>(self, stream: TcpStream, begun: Bytes, service: S, drain: Drain)
    where
        S: Service<Request<RequestBody>, Response = Response<R>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        let io = TokioIo::new(Replayed { begun, stream });
        let mut connection = pin!(self.0.serve_connection(io, ClientService(service)));
        let mut draining = pin!(drain.wait());
        let mut ending = false;
        let ended = poll_fn(|cx| {
            loop {
                if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                    return Poll::Ready(ended);
                }
                // Not before a request that came with the connection was read.
                if ending || draining.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
        })
        .await;
        if let Err(error) = ended {
            tracing::debug!(%error, "client connection broke");
        }
    }
}

/// A socket of which the beginning was read already.
struct Replayed {
    begun: Bytes,
    stream: TcpStream,
}

impl AsyncRead for Replayed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.begun.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let size = self.begun.len().min(buffer.remaining());
        buffer.put_slice(self.begun.get(..size).unwrap_or_default());
        self.begun.advance(size);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replayed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The stack as hyper calls it. The services of the stack are always ready.
struct ClientService<S>(S);

impl<S, R> hyper::service::Service<Request<Incoming>> for ClientService<S>
where
    S: Service<Request<RequestBody>, Response = Response<R>> + Clone,
{
    type Response = Response<ClientBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        ResponseFuture { inner: self.0.clone().call(request.map(RequestBody::http2)) }
    }
}

pin_project! {
    struct ResponseFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ClientBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.project().inner.poll(cx))?;
        Poll::Ready(Ok(response.map(|inner| ClientBody { inner, error: None })))
    }
}

pin_project! {
    /// A response body that keeps an error back once around: hyper drops what it has not written yet when a body fails,
    /// but its connection's own task comes first and takes what is queued.
    struct ClientBody<R> {
        #[pin]
        inner: R,
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
        if let Some(error) = this.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match ready!(this.inner.poll_frame(cx)) {
            Some(Err(error)) => {
                *this.error = Some(error.into());
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            frame => Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.error.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
