//! The response body on its way from the server.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::link::{Detached, Link};
use super::pool::Pool;
use crate::clock;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Next = Option<Result<Frame<Bytes>, hyper::Error>>;

/// Frames that have already arrived are merged up to this size, since each frame costs a write to the client. Nothing
/// ever waits for another frame.
const MERGE: usize = 16 * 1024;

/// A response body. Dropped before its end it closes the connection to the server (HTTP/2: resets the stream).
pub struct ResponseBody<B: Body<Data = Bytes> + 'static>(Kind<B>);

enum Kind<B: Body<Data = Bytes> + 'static> {
    Empty,
    /// No body, though the head states the length that another request's answer would have (304).
    HeadOnly,
    /// HTTP/1: the body moves its connection itself.
    Driven(Box<Driven<B>>),
    /// HTTP/1: the connection is a task, since the request is not all sent yet.
    Detached {
        body: Incoming,
        connection: Detached,
        ended: bool,
    },
    /// HTTP/2: the connection is shared.
    Shared {
        body: Incoming,
        _stream: StreamGuard,
    },
}

/// Held as long as a stream of a shared connection is in use.
pub(super) type StreamGuard = Box<dyn std::any::Any + Send + Sync>;

struct Driven<B: Body<Data = Bytes> + 'static> {
    body: Incoming,
    /// `None` once the body is over and the connection back in the pool or closed.
    link: Option<Box<Link<B>>>,
    pool: Arc<Pool<Box<Link<B>>>>,
    /// What arrived after the frame that was given last and could not be merged with it.
    stash: Option<Next>,
    ended: bool,
}

impl<B> ResponseBody<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    pub(super) fn over_nothing() -> Self {
        Self(Kind::Empty)
    }

    pub(super) fn head_only() -> Self {
        Self(Kind::HeadOnly)
    }

    /// A body that comes over `link`, which then goes back to `pool`.
    pub(super) fn over(body: Incoming, link: Box<Link<B>>, pool: &Arc<Pool<Box<Link<B>>>>) -> Self {
        let over = body.is_end_stream();
        Self(match (over, link.relay.uploading()) {
            (_, true) => Kind::Detached { body, connection: link.detach(), ended: over },
            (true, false) => {
                release(link, pool);
                Kind::Empty
            }
            (false, false) => Kind::Driven(Box::new(Driven {
                body,
                link: Some(link),
                pool: Arc::clone(pool),
                stash: None,
                ended: false,
            })),
        })
    }

    pub(super) fn shared(body: Incoming, stream: StreamGuard) -> Self {
        Self(Kind::Shared { body, _stream: stream })
    }
}

/// Gives the connection back if it can carry another exchange, else closes it.
pub(super) fn release<B>(link: Box<Link<B>>, pool: &Pool<Box<Link<B>>>)
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    if link.is_idle() {
        link.relay.forget();
        let keep_alive = link.keep_alive;
        pool.put(link, keep_alive, clock::now());
    }
}

impl<B> Driven<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let first = match self.stash.take() {
            Some(next) => next,
            None => match self.poll_link(cx) {
                Poll::Ready(next) => next,
                Poll::Pending => return Poll::Pending,
            },
        };
        let Some(Ok(frame)) = first else { return Poll::Ready(self.end(first)) };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(trailers) => return Poll::Ready(self.end(Some(Ok(trailers)))),
        };
        if self.body.is_end_stream() && self.stash.is_none() {
            return Poll::Ready(self.end(Some(Ok(Frame::data(data)))));
        }
        let data = if data.len() < MERGE { self.merge(data, cx) } else { data };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    /// Adds what is already here; the first that is something else or too large waits in the stash.
    fn merge(&mut self, first: Bytes, cx: &mut Context<'_>) -> Bytes {
        let mut merged: Option<BytesMut> = None;
        let mut length = first.len();
        while let Poll::Ready(next) = self.poll_link(cx) {
            match next {
                None => {
                    self.end(None);
                    break;
                }
                Some(Ok(frame)) if frame.data_ref().is_some_and(|data| length + data.len() <= MERGE) => {
                    let Ok(data) = frame.into_data() else { break };
                    length += data.len();
                    merged
                        .get_or_insert_with(|| {
                            let mut start = BytesMut::with_capacity(2 * length);
                            start.extend_from_slice(&first);
                            start
                        })
                        .extend_from_slice(&data);
                    if self.body.is_end_stream() {
                        self.end(None);
                        break;
                    }
                }
                other => {
                    self.stash = Some(other);
                    break;
                }
            }
        }
        merged.map_or(first, BytesMut::freeze)
    }

    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let Self { body, link: Some(link), .. } = self else { return Poll::Ready(None) };
        link.drive(cx, |inner| Pin::new(&mut *body).poll_frame(inner))
    }

    /// The server's part is over; so is the connection, unless it ended well.
    fn end(&mut self, last: Next) -> Next {
        self.ended = true;
        if let Some(link) = self.link.take()
            && !matches!(last, Some(Err(_)))
        {
            release(link, &self.pool);
        }
        last
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next> {
        match &mut self.get_mut().0 {
            Kind::Empty | Kind::HeadOnly => Poll::Ready(None),
            Kind::Driven(driven) if driven.ended && driven.stash.is_none() => Poll::Ready(None),
            Kind::Driven(driven) => driven.poll_frame(cx),
            Kind::Detached { body, ended, .. } => {
                let next = Pin::new(&mut *body).poll_frame(cx);
                *ended = matches!(next, Poll::Ready(None)) || body.is_end_stream();
                next
            }
            Kind::Shared { body, .. } => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::HeadOnly => false,
            Kind::Driven(driven) => driven.stash.is_none() && (driven.ended || driven.body.is_end_stream()),
            Kind::Detached { body, .. } | Kind::Shared { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::HeadOnly => SizeHint::default(),
            Kind::Driven(driven) => driven.size_hint(),
            Kind::Detached { body, .. } | Kind::Shared { body, .. } => body.size_hint(),
        }
    }
}

impl<B: Body<Data = Bytes> + 'static> Driven<B> {
    fn size_hint(&self) -> SizeHint {
        let stashed = match &self.stash {
            Some(Some(Ok(frame))) => frame.data_ref().map_or(0, Bytes::len) as u64,
            _ => 0,
        };
        match self.body.size_hint().exact() {
            Some(left) => SizeHint::with_exact(left + stashed),
            None => SizeHint::default(),
        }
    }
}

impl<B: Body<Data = Bytes> + 'static> Drop for ResponseBody<B> {
    fn drop(&mut self) {
        // A driven connection is closed by being dropped; a detached one must be told, unless only the request is left.
        if let Kind::Detached { connection, ended: false, .. } = &self.0 {
            connection.cut();
        }
    }
}
