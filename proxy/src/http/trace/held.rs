//! A request that waits for its body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use tokio::time::Sleep;

use super::body::{HeldBody, Tail};
use super::{HOLD_FRAMES, HOLD_SIZE, HOLD_TIME, OfExchange, write};
use crate::http::inspect::{Budget, Reservation};

/// The request, where it goes, and what was read of its body.
pub(super) struct Held<S, B: OfExchange> {
    service: S,
    parts: Parts,
    body: B,
    handle: B::Handle,
    frames: Vec<Bytes>,
    /// How many of these are memory of their own.
    own: usize,
    size: usize,
    tail: Tail<B::Error>,
    memory: Arc<Budget>,
    waiting: Option<Waiting>,
}

/// What only a request needs whose body is not there at once.
struct Waiting {
    over: Pin<Box<Sleep>>,
    memory: Reservation,
}

impl<S, B: OfExchange> Held<S, B> {
    pub(super) fn new(service: S, request: Request<B>, handle: B::Handle, memory: Arc<Budget>) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            service,
            parts,
            body,
            handle,
            frames: Vec::new(),
            own: 0,
            size: 0,
            tail: Tail::Open,
            memory,
            waiting: None,
        }
    }

    /// Reads on until the request need not wait any longer.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.size < HOLD_SIZE && self.frames.len() < HOLD_FRAMES {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return self.wait(cx),
                Poll::Ready(None) => self.tail = Tail::End,
                Poll::Ready(Some(Err(error))) => self.tail = Tail::Error(error),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        if self.frames.is_empty() {
                            // Most bodies are one frame.
                            self.frames.reserve_exact(1);
                        }
                        self.size += data.len();
                        self.frames.push(data);
                        if !self.body.is_end_stream() {
                            continue;
                        }
                    }
                    Err(other) => self.tail = other.into_trailers().map_or(Tail::Open, Tail::Trailers),
                },
            }
            break;
        }
        Poll::Ready(())
    }

    /// Nothing more is there now. Only from here on memory is held while others run, so only here it is asked for.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            over: Box::pin(tokio::time::sleep(HOLD_TIME)),
            memory: Reservation::empty(&self.memory),
        });
        // A frame is a part of the buffer that it was read into, and keeps all of it: of one byte, kilobytes.
        for frame in self.frames.iter_mut().skip(self.own) {
            *frame = Bytes::copy_from_slice(frame);
        }
        self.own = self.frames.len();
        if !waiting.memory.resize(self.size + self.frames.len() * size_of::<Bytes>()) {
            return Poll::Ready(());
        }
        waiting.over.as_mut().poll(cx)
    }

    /// The request as it goes on.
    pub(super) fn release(self) -> (S, Request<HeldBody<B>>) {
        let Self { service, mut parts, body, handle, mut frames, tail, waiting, .. } = self;
        write::forward(&handle, &mut parts.headers, &mut frames);
        let memory = waiting.map(|waiting| waiting.memory);
        (service, Request::from_parts(parts, HeldBody::replaying(body, frames, tail, memory)))
    }
}
