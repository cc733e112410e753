//! A client's request body, which spares its connection a poll for nothing.
//!
//! hyper hands a request body over through a channel whose receiver wakes the sender for more. Both ends are in the
//! same task here, so each request would wake its own task once more after its last byte was taken: a walk through the
//! whole stack that finds nothing.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::relay::Relay;

pin_project! {
    /// See the module.
    pub struct RequestBody {
        #[pin]
        inner: Incoming,
        relay: Option<Arc<Relay>>,
    }
}

impl RequestBody {
    /// `relay` is that of the client's connection; over HTTP/2 there must be none, since there the taking of a frame
    /// wakes the connection for the flow control's sake.
    pub(super) const fn new(inner: Incoming, relay: Option<Arc<Relay>>) -> Self {
        Self { inner, relay }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut this = self.project();
        // What was noted before is not of this body's making.
        let clean = this.relay.as_ref().filter(|relay| !relay.is_woken());
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        if let Some(relay) = clean
            && this.inner.is_end_stream()
        {
            relay.take_woken();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
