//! Waits for the response head.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::Settings;
use super::body::{TappedBody, guarded};
use super::watch::{self, BodyEnd, Listener, Tell};
use crate::clock;
use crate::exchange::Handle;
use crate::exchange::event::EndReason;
use crate::fault::TransportFailure;
use crate::http::forward::ForwardError;
use crate::protocol::traceparent::Hex;

pin_project! {
    /// The response to come, of [`Inspect`](super::Inspect).
    ///
    /// Without a response the exchange ends here; with one its end is that of the response body.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        open: Open<Handle>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, open: Open<Handle>) -> Self {
        Self { inner, open }
    }
}

impl<F, B> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, ForwardError>>,
    B: Body,
{
    type Output = Result<Response<TappedBody<B>>, ForwardError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(match ready!(this.inner.poll(cx)) {
            Ok(response) => Ok(this.open.answer(response)),
            Err(error) => {
                this.open.tell(&error);
                this.open.fail(error.failure, error.is_client());
                Err(error)
            }
        })
    }
}

/// An exchange without a response so far. Dropped as it is, the client went away.
pub(super) struct Open<L: Listener> {
    /// `None` when the exchange went on or ended, and when it could not be opened.
    listener: Option<L>,
    settings: Arc<Settings>,
    /// Whether the time that is spent on it is measured.
    measured: bool,
}

impl<L: Listener> Open<L> {
    pub(super) const fn new(listener: Option<L>, settings: Arc<Settings>) -> Self {
        Self { listener, settings, measured: false }
    }

    /// The same, of which is measured what time is spent.
    pub(super) fn measured(mut self, measured: bool) -> Self {
        self.measured = measured;
        self
    }

    /// The response head is there: the exchange goes on with the body.
    pub(super) fn answer<B: Body>(&mut self, response: Response<B>) -> Response<TappedBody<B>> {
        let watch = self.listener.take().and_then(|listener| {
            let status = response.status().as_u16();
            guarded(|| {
                let at = clock::now();
                let mut watch = watch::response(listener, status, response.headers(), &self.settings, at);
                if self.measured {
                    watch.spend(clock::now().saturating_duration_since(at));
                }
                watch
            })
        });
        response.map(|body| TappedBody::new(body, watch))
    }

    /// Logs why there is no response. For those who look for it only: a server that is gone fails every request, and
    /// the metrics count them.
    fn tell(&self, error: &ForwardError) {
        let ids = || self.listener.as_ref().and_then(|listener| listener.tell().trace_ids());
        tracing::debug!(
            failure = error.failure.as_str(),
            source = error.source().map(display),
            trace_id = ids().map(|(id, _)| display(Hex(id))),
            span_id = ids().map(|(_, id)| display(Hex(id))),
            "no response"
        );
    }

    /// No response comes, for one reason or because the client broke its request off.
    pub(super) fn fail(&mut self, failure: TransportFailure, by_client: bool) {
        let Some(listener) = self.listener.take() else { return };
        guarded(move || {
            let at = clock::now();
            let mut told = listener.tell();
            if by_client {
                told.end(EndReason::ClientGone, at);
            } else {
                told.no_response(failure, at);
                told.end(EndReason::NoResponse, at);
            }
        });
    }
}

impl<L: Listener> Drop for Open<L> {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.take() {
            let reason = self.settings.reason(BodyEnd::Dropped);
            guarded(move || listener.tell().end(reason, clock::now()));
        }
    }
}
