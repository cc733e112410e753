//! The body that is looked at while it passes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::watch::{BodyEnd, Watch};
use crate::exchange::Handle;
use crate::http::trace::OfExchange;
use crate::http::{FromWire, Opener, Spelling};

pin_project! {
    /// A body that forwards another one untouched: the same frames, in the same polls, with the same size hint.
    ///
    /// It shows each data frame to its watch before it hands it on: what is there goes out in one write, so a later look
    /// would need a poll of its own, and a frame is so small that it takes some microseconds.
    ///
    /// A body ends in five ways, and this is the one place that knows them: `None`, trailers, an error, the last data
    /// frame of a body that then says so (`is_end_stream`; nobody polls such a body again), and drop. Whichever
    /// comes first is told, once.
    pub struct TappedBody<B>
    where
        B: Body,
    {
        #[pin]
        inner: B,
        tap: Tap,
        handle: Option<Handle>,
    }

    impl<B> PinnedDrop for TappedBody<B>
    where
        B: Body,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if this.tap.is_open() {
                let end = if is_over(&*this.inner) { BodyEnd::Complete } else { BodyEnd::Dropped };
                this.tap.end(end, false);
            }
        }
    }
}

impl<B: Body> TappedBody<B> {
    /// Shows `inner` to `watch`; without a watch it only passes.
    pub(super) fn new(inner: B, watch: Option<Box<dyn Watch>>) -> Self {
        let mut tap = Tap(watch);
        if inner.is_end_stream() {
            tap.end(BodyEnd::Complete, false);
        }
        Self { inner, tap, handle: None }
    }

    /// Remembers the exchange that the body belongs to, for the layers below.
    pub(super) fn of_exchange(mut self, handle: Option<Handle>) -> Self {
        self.handle = handle;
        self
    }
}

impl<B: Body<Data = Bytes>> Body for TappedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.project();
        let polled = ready!(this.inner.as_mut().poll_frame(cx));
        if this.tap.is_open() {
            match &polled {
                None => this.tap.end(BodyEnd::Complete, false),
                Some(Err(_)) => this.tap.end(BodyEnd::Error, false),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        this.tap.chunk(data);
                    }
                    if frame.is_trailers() || this.inner.is_end_stream() {
                        this.tap.end(BodyEnd::Complete, frame.is_data());
                    }
                }
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body + FromWire> FromWire for TappedBody<B> {
    fn take_spelling(&mut self) -> Option<Spelling> {
        self.inner.take_spelling()
    }

    fn take_tunnel(&mut self) -> Option<Opener> {
        self.inner.take_tunnel()
    }
}

impl<B: Body<Data = Bytes> + Unpin> OfExchange for TappedBody<B> {
    type Handle = Handle;

    fn take_handle(&mut self) -> Option<Handle> {
        self.handle.take()
    }
}

/// Whether a body that is dropped had nothing left: a writer that knows the length stops polling when it has it all.
fn is_over(body: &impl Body) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}

/// The watch while there is something to watch. Whatever it does, its panics end here.
struct Tap(Option<Box<dyn Watch>>);

impl Tap {
    const fn is_open(&self) -> bool {
        self.0.is_some()
    }

    fn chunk(&mut self, data: &[u8]) {
        let Some(watch) = &mut self.0 else { return };
        if guarded(|| watch.chunk(data)).is_none() && guarded(|| watch.fail()).is_none() {
            let watch = self.0.take();
            guarded(|| drop(watch));
        }
    }

    fn end(&mut self, end: BodyEnd, at_once: bool) {
        if let Some(mut watch) = self.0.take() {
            guarded(|| watch.end(end, at_once));
            guarded(|| drop(watch));
        }
    }
}

/// Runs what looks at traffic, and keeps its panic from the traffic; `None` if there was one. Free of cost when there is
/// none. State that a panic may have left half-changed is not used again: see [`Watch::fail`].
pub(in crate::http) fn guarded<T>(look: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(look)).ok()
}
