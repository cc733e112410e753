//! A client's request body.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::wire::{Wire, lock};
use crate::http::h1::error::BodyError;
use crate::http::h1::spelling::{FromWire, Spelling};
use crate::http::tunnel::Opener;

/// See the module.
pub struct RequestBody {
    kind: Kind,
    spelling: Option<Spelling>,
    tunnel: Option<Opener>,
}

enum Kind {
    Empty,
    /// All of it came with the head. `sized`: whether the head states its length.
    Whole {
        data: Bytes,
        sized: bool,
    },
    /// It is still arriving.
    Arriving(Arriving),
    Http2(Incoming),
}

/// A body on a connection that may be at a later request by now.
struct Arriving {
    wire: Arc<Mutex<Wire>>,
    number: u64,
}

impl Arriving {
    /// The connection, while it is at the request of this body; after that the body is over.
    fn wire(&self) -> Option<MutexGuard<'_, Wire>> {
        Some(lock(&self.wire)).filter(|wire| wire.number() == self.number)
    }
}

impl RequestBody {
    /// None.
    pub(super) const fn empty() -> Self {
        Self::of(Kind::Empty)
    }

    /// One that is there already.
    pub(super) const fn whole(data: Bytes, sized: bool) -> Self {
        Self::of(Kind::Whole { data, sized })
    }

    /// One that arrives over `wire`, which was told so, with its request of this number.
    pub(super) const fn arriving(wire: Arc<Mutex<Wire>>, number: u64) -> Self {
        Self::of(Kind::Arriving(Arriving { wire, number }))
    }

    /// That of a stream of HTTP/2.
    pub(super) const fn http2(body: Incoming) -> Self {
        Self::of(Kind::Http2(body))
    }

    const fn of(kind: Kind) -> Self {
        Self { kind, spelling: None, tunnel: None }
    }

    /// The same, with how its request's head was written, and with what makes its connection a tunnel.
    pub(super) fn with(mut self, spelling: Spelling, tunnel: Option<Opener>) -> Self {
        (self.spelling, self.tunnel) = (Some(spelling), tunnel);
        self
    }
}

impl FromWire for RequestBody {
    fn take_spelling(&mut self) -> Option<Spelling> {
        self.spelling.take()
    }

    fn take_tunnel(&mut self) -> Option<Opener> {
        self.tunnel.take()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let kind = &mut self.get_mut().kind;
        match kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Whole { data, .. } => {
                let data = std::mem::take(data);
                *kind = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Kind::Arriving(body) => body.wire().map_or(Poll::Ready(None), |mut wire| wire.poll_frame(cx)),
            Kind::Http2(body) => Pin::new(body).poll_frame(cx).map_err(BodyError::Http2),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Whole { .. } => false,
            Kind::Arriving(body) => body.wire().is_none_or(|wire| wire.is_body_over()),
            Kind::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole { data, sized: true } => SizeHint::with_exact(data.len() as u64),
            Kind::Whole { .. } => SizeHint::default(),
            Kind::Arriving(body) => {
                body.wire().map_or_else(|| SizeHint::with_exact(0), |wire| wire.size_hint())
            }
            Kind::Http2(body) => body.size_hint(),
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Kind::Arriving(body) = &self.kind
            && let Some(mut wire) = body.wire()
        {
            wire.abandon();
        }
    }
}
