//! Opens an exchange for each request and wraps both bodies.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::body::{TappedBody, guarded};
use super::future::{Open, ResponseFuture};
use super::layer::Shared;
use super::watch;
use super::{context, head, measure};
use crate::clock;
use crate::http::forward::ForwardError;
use crate::http::trace::HOLD_SIZE;

/// Shows the traffic of the service inside to the exchange core.
#[derive(Clone)]
pub struct Inspect<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Inspect<S> {
    pub(super) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }
}

impl<S, B, R> Service<Request<B>> for Inspect<S>
where
    S: Service<Request<TappedBody<B>>, Response = Response<R>, Error = ForwardError>,
    B: Body<Data = Bytes>,
    R: Body<Data = Bytes>,
{
    type Response = Response<TappedBody<R>>;
    type Error = ForwardError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ForwardError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Shared { exchange, connection, settings } = &*self.shared;
        let (parts, body) = request.into_parts();
        let opened = guarded(|| {
            let at = clock::now();
            let mut head = head::request(&parts, settings.identity_header.as_ref());
            let writes = exchange.writes_messages();
            if settings.contexts {
                head.context = context::of(&parts.headers, parts.version);
                if writes {
                    let upper = body.size_hint().upper();
                    let needed = upper.map_or(HOLD_SIZE, |size| size.min(HOLD_SIZE as u64) as usize);
                    head.context.sealed = context::seal(&parts.headers, settings.memory.has_room(needed));
                }
            }
            let measured = measure::next();
            let handle = if measured {
                exchange.open(connection, &head, at)
            } else {
                exchange.open_unmeasured(connection, &head, at)
            };
            let mut watch =
                watch::request(&handle, &parts.headers, body.is_end_stream(), writes, settings, at);
            if measured {
                let spent = clock::now().saturating_duration_since(at);
                // Told with what the body takes, where there is one.
                match &mut watch {
                    Some(watch) => watch.spend(spent),
                    None => handle.overhead(spent),
                }
            }
            (handle, watch, measured)
        });
        let (handle, watch, measured) = match opened {
            Some((handle, watch, measured)) => (Some(handle), watch, measured),
            None => (None, None, false),
        };
        let told = if settings.contexts { handle.clone() } else { None };
        let open = Open::new(handle, Arc::clone(settings)).measured(measured);
        let request = Request::from_parts(parts, TappedBody::new(body, watch).of_exchange(told));
        ResponseFuture::new(self.inner.call(request), open)
    }
}
