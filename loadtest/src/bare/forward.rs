//! One request to the upstream and its answer back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::headers::remove_hop_by_hop;
use super::pool::{Pool, Sender};

/// Forwards a request; whatever goes wrong before the head of the answer is a 502 without a body.
pub(super) async fn forward(pool: Arc<Pool>, mut request: Request<Incoming>) -> Response<Forwarded> {
    remove_hop_by_hop(request.headers_mut());
    let Ok(mut sender) = pool.take().await else { return bad_gateway() };
    match sender.send_request(request).await {
        Ok(mut response) => {
            remove_hop_by_hop(response.headers_mut());
            response.map(|body| Forwarded::new(body, sender, pool))
        }
        Err(_) => bad_gateway(),
    }
}

fn bad_gateway() -> Response<Forwarded> {
    let mut response = Response::new(Forwarded { body: None, lease: None });
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

/// The upstream's body. At its end the connection goes back to the pool; dropped before, the connection is closed.
pub(super) struct Forwarded {
    body: Option<Incoming>,
    lease: Option<(Sender, Arc<Pool>)>,
}

impl Forwarded {
    fn new(body: Incoming, sender: Sender, pool: Arc<Pool>) -> Self {
        let mut forwarded = Self { body: Some(body), lease: Some((sender, pool)) };
        // hyper does not poll a body that is empty from the start.
        forwarded.release_at_end();
        forwarded
    }

    fn release_at_end(&mut self) {
        if self.is_end_stream() {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some((sender, pool)) = self.lease.take() {
            pool.put(sender);
        }
    }
}

impl Body for Forwarded {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        match &frame {
            Some(Ok(_)) => self.release_at_end(),
            Some(Err(_)) => self.lease = None,
            None => self.release(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
