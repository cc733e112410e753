//! The body that replays what was read ahead.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::http::inspect::Reservation;
use crate::http::{FromWire, Opener, Spelling};

pin_project! {
    /// A body of which the beginning was read ahead: gives the same frames, ends and errors as if it had not been, and
    /// goes on with the rest.
    pub struct HeldBody<B>
    where
        B: Body,
    {
        #[pin]
        inner: B,
        replay: Option<Box<Replay<B::Error>>>,
    }
}

/// What was read ahead and is still to be given.
struct Replay<E> {
    frames: std::vec::IntoIter<Bytes>,
    /// Bytes of these.
    left: u64,
    tail: Tail<E>,
    /// Whether the error was kept back for one poll.
    paused: bool,
    _memory: Option<Reservation>,
}

/// What followed the frames that were read ahead.
pub(super) enum Tail<E> {
    /// The rest of the body.
    Open,
    /// Its end, which the body did not know beforehand.
    End,
    /// Trailers.
    Trailers(HeaderMap),
    /// An error.
    Error(E),
}

impl<E> Replay<E> {
    fn is_over(&self) -> bool {
        self.frames.as_slice().is_empty() && matches!(self.tail, Tail::Open)
    }

    /// Whether an error is next that was not kept back yet. Over HTTP/2 hyper drops what it has not written when a body
    /// fails, and writes when a body has nothing: so the server gets what it would have got before the error.
    fn pauses(&mut self) -> bool {
        let error = self.frames.as_slice().is_empty() && matches!(self.tail, Tail::Error(_));
        error && !std::mem::replace(&mut self.paused, true)
    }

    /// The next frame; `None` when the body goes on itself.
    fn next(&mut self) -> Option<Option<Result<Frame<Bytes>, E>>> {
        if let Some(data) = self.frames.next() {
            self.left -= data.len() as u64;
            return Some(Some(Ok(Frame::data(data))));
        }
        match std::mem::replace(&mut self.tail, Tail::Open) {
            Tail::Open => None,
            Tail::End => Some(None),
            Tail::Trailers(trailers) => Some(Some(Ok(Frame::trailers(trailers)))),
            Tail::Error(error) => Some(Some(Err(error))),
        }
    }
}

impl<B: Body<Data = Bytes>> HeldBody<B> {
    /// A body of which nothing was read.
    pub(super) const fn passing(inner: B) -> Self {
        Self { inner, replay: None }
    }

    /// `inner`, of which `frames` and `tail` were read. The memory of these is given back when they have been taken.
    pub(super) fn replaying(
        inner: B,
        frames: Vec<Bytes>,
        tail: Tail<B::Error>,
        memory: Option<Reservation>,
    ) -> Self {
        let left = frames.iter().map(|frame| frame.len() as u64).sum();
        let replay = Replay { frames: frames.into_iter(), left, tail, paused: false, _memory: memory };
        Self { inner, replay: (!replay.is_over()).then(|| Box::new(replay)) }
    }
}

impl<B: Body + FromWire> FromWire for HeldBody<B> {
    fn take_spelling(&mut self) -> Option<Spelling> {
        self.inner.take_spelling()
    }

    fn take_tunnel(&mut self) -> Option<Opener> {
        self.inner.take_tunnel()
    }
}

impl<B: Body<Data = Bytes>> Body for HeldBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if let Some(replay) = this.replay {
            if replay.pauses() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let next = replay.next();
            if replay.is_over() {
                *this.replay = None;
            }
            if let Some(frame) = next {
                return Poll::Ready(frame);
            }
        }
        this.inner.poll_frame(cx)
    }

    /// An end that the body did not know beforehand is not known now either: the server's request would be framed in
    /// another way than the client's.
    fn is_end_stream(&self) -> bool {
        self.replay.is_none() && self.inner.is_end_stream()
    }

    /// Like [`Self::is_end_stream`] no more exact than it was.
    fn size_hint(&self) -> SizeHint {
        let rest = self.inner.size_hint();
        let Some(replay) = &self.replay else { return rest };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(replay.left));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(replay.left));
        }
        hint
    }
}
