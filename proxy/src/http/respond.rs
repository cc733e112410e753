//! Answers where the server gave none: plain text, never JSON, so that no client takes it for an MCP answer and draws
//! conclusions from it (mcp-wire.md §19.7).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::forward::ForwardError;
use super::{FromWire, Spelling};
use crate::fault::TransportFailure;

/// Makes [`Respond`].
#[derive(Debug, Clone, Copy, Default)]
pub struct RespondLayer;

impl<S> Layer<S> for RespondLayer {
    type Service = Respond<S>;

    fn layer(&self, inner: S) -> Respond<S> {
        Respond { inner }
    }
}

/// Turns a [`ForwardError`] into an answer of status 502, 503 or 504 (400 if the client's own body was the reason), and
/// `CONNECT` into 501.
#[derive(Debug, Clone)]
pub struct Respond<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Respond<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = ForwardError>,
{
    type Response = Response<RespondBody<R>>;
    type Error = std::convert::Infallible;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // All services below are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.method() == Method::CONNECT {
            return ResponseFuture { inner: None };
        }
        ResponseFuture { inner: Some(self.inner.call(request)) }
    }
}

pin_project! {
    /// The future of [`Respond`].
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Option<F>,
    }
}

impl<F, R> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, ForwardError>>,
{
    type Output = Result<Response<RespondBody<R>>, std::convert::Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(inner) = self.project().inner.as_pin_mut() else {
            return Poll::Ready(Ok(text(StatusCode::NOT_IMPLEMENTED, &"CONNECT is not supported")));
        };
        Poll::Ready(Ok(match ready!(inner.poll(cx)) {
            Ok(response) => response.map(|inner| RespondBody::Server { inner }),
            Err(error) => text(status(&error), &error),
        }))
    }
}

fn status(error: &ForwardError) -> StatusCode {
    if error.is_client() {
        return StatusCode::BAD_REQUEST;
    }
    match error.failure {
        TransportFailure::Timeout => StatusCode::GATEWAY_TIMEOUT,
        TransportFailure::Local => StatusCode::SERVICE_UNAVAILABLE,
        TransportFailure::Dns
        | TransportFailure::Refused
        | TransportFailure::Tls
        | TransportFailure::Reset
        | TransportFailure::Protocol => StatusCode::BAD_GATEWAY,
    }
}

fn text<R>(status: StatusCode, what: &dyn std::fmt::Display) -> Response<RespondBody<R>> {
    let text = Bytes::from(format!("mcp-tap: {what}\n"));
    let length = HeaderValue::from(text.len());
    let mut response = Response::new(RespondBody::Own { text: Some(text) });
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response
}

pin_project! {
    /// The server's body, or our short text.
    #[project = Projected]
    #[expect(missing_docs, reason = "the variants say it")]
    pub enum RespondBody<R> {
        Server { #[pin] inner: R },
        Own { text: Option<Bytes> },
    }
}

impl<R: FromWire> FromWire for RespondBody<R> {
    fn take_spelling(&mut self) -> Option<Spelling> {
        match self {
            Self::Server { inner } => inner.take_spelling(),
            Self::Own { .. } => None,
        }
    }
}

impl<R: Body<Data = Bytes>> Body for RespondBody<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        match self.project() {
            Projected::Server { inner } => inner.poll_frame(cx),
            Projected::Own { text } => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Server { inner } => inner.is_end_stream(),
            Self::Own { text } => text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Server { inner } => inner.size_hint(),
            Self::Own { text } => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
        }
    }
}
