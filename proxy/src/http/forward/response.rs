//! The response body on its way from the server.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::io::ReadHalf;

use super::connect::UpstreamIo;
use super::link::{Detached, Link};
use super::pool::Pool;
use crate::clock;
use crate::http::h1::decoder::{Decoder, Piece};
use crate::http::h1::error::BodyError;
use crate::http::h1::input::Input;
use crate::http::h1::spelling::{FromWire, Spelling};

/// A response body. Dropped before its end it closes the connection to the server (HTTP/2: resets the stream).
pub struct ResponseBody {
    kind: Kind,
    spelling: Option<Spelling>,
}

enum Kind {
    Empty,
    /// HTTP/1: the body reads from its connection itself.
    Driven(Box<Driven>),
    /// HTTP/2: the connection is shared.
    Shared {
        body: Incoming,
        _stream: StreamGuard,
    },
}

/// Held as long as a stream of a shared connection is in use.
pub(super) type StreamGuard = Box<dyn std::any::Any + Send + Sync>;

/// A body of HTTP/1 that is not over.
struct Driven {
    decoder: Decoder,
    input: Input,
    source: Source,
}

/// Where its bytes come from.
enum Source {
    /// A connection of its own.
    Own { io: UpstreamIo, after: After },
    /// One on which the request still goes out.
    Half { io: ReadHalf<UpstreamIo>, upload: Detached },
    /// None any more: it broke, or was given back.
    Gone,
}

/// What becomes of the connection behind the body.
pub(super) struct After {
    /// Where it goes if it can carry another exchange; `None` if it cannot.
    pub(super) pool: Option<Arc<Pool<Link>>>,
    /// After how long the server said it closes it.
    pub(super) keep_alive: Option<Duration>,
}

impl After {
    fn release(self, io: UpstreamIo, input: Input) {
        if let Some(pool) = self.pool {
            release(Link::from_parts(io, input, self.keep_alive), &pool);
        }
    }
}

/// Gives a connection back whose exchange is over in both directions.
pub(super) fn release(link: Link, pool: &Pool<Link>) {
    // What came unasked is nobody's answer, and neither is what follows.
    if link.is_clean() {
        let keep_alive = link.keep_alive;
        pool.put(link, keep_alive, clock::now());
    }
}

impl ResponseBody {
    pub(super) const fn empty(spelling: Option<Spelling>) -> Self {
        Self { kind: Kind::Empty, spelling }
    }

    /// A body that comes over `link`, which has sent its request.
    pub(super) fn over(decoder: Decoder, link: Link, after: After, spelling: Spelling) -> Self {
        let (io, input) = link.into_parts();
        if decoder.is_done() {
            after.release(io, input);
            return Self::empty(Some(spelling));
        }
        Self::driven(Driven { decoder, input, source: Source::Own { io, after } }, spelling)
    }

    /// A body whose request is still being sent.
    pub(super) fn over_half(
        decoder: Decoder,
        input: Input,
        io: ReadHalf<UpstreamIo>,
        upload: Detached,
        spelling: Spelling,
    ) -> Self {
        if decoder.is_done() {
            return Self::empty(Some(spelling));
        }
        Self::driven(Driven { decoder, input, source: Source::Half { io, upload } }, spelling)
    }

    pub(super) fn shared(body: Incoming, stream: StreamGuard) -> Self {
        Self { kind: Kind::Shared { body, _stream: stream }, spelling: None }
    }

    fn driven(driven: Driven, spelling: Spelling) -> Self {
        Self { kind: Kind::Driven(Box::new(driven)), spelling: Some(spelling) }
    }
}

impl FromWire for ResponseBody {
    fn take_spelling(&mut self) -> Option<Spelling> {
        self.spelling.take()
    }
}

impl Driven {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Piece::Data(data)) => {
                    if self.decoder.is_done() {
                        self.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(Piece::Trailers(trailers)) => {
                    self.end();
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Ok(Piece::End) => {
                    self.end();
                    return Poll::Ready(None);
                }
                Ok(Piece::More) => {}
                Err(error) => return self.fail(error),
            }
            match ready!(self.poll_read(cx)) {
                Ok(0) => {
                    if let Err(error) = self.decoder.close() {
                        return self.fail(error);
                    }
                    self.source = Source::Gone;
                    return Poll::Ready(None);
                }
                Ok(_) => {}
                Err(error) => return self.fail(BodyError::Io(error)),
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let expected = self.decoder.expected();
        match &mut self.source {
            Source::Own { io, .. } => self.input.poll_read(io, expected, cx),
            Source::Half { io, .. } => self.input.poll_read(io, expected, cx),
            Source::Gone => Poll::Ready(Ok(0)),
        }
    }

    /// The body is over; its connection goes on, or its request does.
    fn end(&mut self) {
        if let Source::Own { io, after } = std::mem::replace(&mut self.source, Source::Gone) {
            after.release(io, std::mem::take(&mut self.input));
        }
    }

    /// The body broke, and its connection with it.
    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Source::Half { upload, .. } = &self.source {
            upload.cut();
        }
        self.source = Source::Gone;
        Poll::Ready(Some(Err(error)))
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        // A connection of its own is closed by being dropped; half a one must be told, unless only the request is left.
        if let Source::Half { upload, .. } = &self.source {
            upload.cut();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Driven(driven) => driven.poll_frame(cx),
            Kind::Shared { body, .. } => Pin::new(body).poll_frame(cx).map_err(BodyError::Http2),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Driven(driven) => driven.decoder.is_done(),
            Kind::Shared { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Driven(driven) => driven.decoder.size_hint(),
            Kind::Shared { body, .. } => body.size_hint(),
        }
    }
}
