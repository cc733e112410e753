//! Decides which requests are held.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::EXPECT;
use http::{Method, Request, Response};
use tower::Service;

use super::held::Held;
use super::{HOLD_SIZE, HeldBody, OfExchange, ResponseFuture, Settings, write};

/// Writes trace context into the requests for the service inside.
#[derive(Debug, Clone)]
pub struct Trace<S> {
    inner: S,
    settings: Settings,
}

impl<S> Trace<S> {
    pub(super) const fn new(inner: S, settings: Settings) -> Self {
        Self { inner, settings }
    }
}

impl<S, B, R> Service<Request<B>> for Trace<S>
where
    S: Service<Request<HeldBody<B>>, Response = Response<R>> + Clone,
    B: OfExchange,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Some(handle) = request.body_mut().take_handle() else {
            return ResponseFuture::sent(self.inner.call(request.map(HeldBody::passing)));
        };
        if self.settings.hold && is_held(&request) {
            // The one that was found ready goes with the request.
            let next = self.inner.clone();
            let ready = std::mem::replace(&mut self.inner, next);
            return ResponseFuture::holding(Held::new(
                ready,
                request,
                handle,
                Arc::clone(&self.settings.memory),
            ));
        }
        let (mut parts, body) = request.into_parts();
        write::forward(&handle, &mut parts.headers, &mut []);
        ResponseFuture::sent(self.inner.call(Request::from_parts(parts, HeldBody::passing(body))))
    }
}

/// Whether the messages of the request are worth waiting for. MCP has messages in POSTs only.
fn is_held<B: OfExchange>(request: &Request<B>) -> bool {
    request.method() == Method::POST
        && !request.body().is_end_stream()
        && request.body().size_hint().lower() <= HOLD_SIZE as u64
        && !request.headers().contains_key(EXPECT)
}
