//! Waits for the request to be whole, then for the response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::held::Held;
use super::{HeldBody, OfExchange};

pin_project! {
    /// The future of [`Trace`](super::Trace).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<HeldBody<B>>>,
        B: OfExchange,
    {
        // Boxed, for the sake of where traces are not made: a request within would make every future around it larger.
        held: Option<Box<Held<S, B>>>,
        #[pin]
        sent: Option<S::Future>,
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<HeldBody<B>>>,
    B: OfExchange,
{
    pub(super) const fn sent(response: S::Future) -> Self {
        Self { held: None, sent: Some(response) }
    }

    pub(super) fn holding(held: Held<S, B>) -> Self {
        Self { held: Some(Box::new(held)), sent: None }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<HeldBody<B>>, Response = Response<R>>,
    B: OfExchange,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(held) = this.held {
            ready!(held.poll(cx));
        }
        if let Some(held) = this.held.take() {
            let (mut service, request) = held.release();
            this.sent.set(Some(service.call(request)));
        }
        // There is always one: this was made with it, or it was made just now.
        this.sent.as_pin_mut().map_or(Poll::Pending, |response| response.poll(cx))
    }
}
