//! A client's connection of HTTP/1, shared by who serves it and the body of the request that is being served.
//!
//! The two are of one task, unless the server speaks HTTP/2 or answers before it has the whole request: then the body is
//! read by another one. A socket tells one task only that there is something to read, so that is always the one that
//! serves the connection; it wakes the body's reader.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::request;
use http_body::{Frame, SizeHint};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use super::body::RequestBody;
use crate::http::h1::decoder::{Decoder, Piece};
use crate::http::h1::error::{BodyError, HeadError};
use crate::http::h1::framing::Framing;
use crate::http::h1::head::{self, Progress};
use crate::http::h1::input::Input;
use crate::http::h1::spelling::Spelling;

/// See the module.
pub(super) struct Wire {
    stream: TcpStream,
    input: Input,
    progress: Progress,
    /// Which request is the present one. A body that is kept beyond its end must not take the next one's for its own.
    number: u64,
    /// Of the present request's body.
    decoder: Decoder,
    body: BodyState,
    expectation: Expectation,
    /// The task that serves the connection.
    server: Option<Waker>,
    /// Another task that waits for the body.
    reader: Option<Waker>,
}

/// What has become of the present request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyState {
    /// It is still arriving, and somebody wants it.
    Arriving,
    /// It was taken to its end.
    Over,
    /// Nobody wants the rest of it.
    Abandoned,
    /// It broke, and whoever wanted it was told.
    Broken,
}

/// Whether the client waits for `100 Continue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expectation {
    None,
    /// It does.
    Waiting,
    /// It does, and its body is wanted.
    Due,
}

pub(super) fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            input: Input::default(),
            progress: Progress::default(),
            number: 0,
            decoder: Decoder::new(Framing::None),
            body: BodyState::Over,
            expectation: Expectation::None,
            server: None,
            reader: None,
        }
    }

    pub(super) const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// What arrived and was not taken yet.
    pub(super) fn input(&self) -> &[u8] {
        self.input.bytes()
    }

    pub(super) fn into_parts(mut self) -> (TcpStream, Bytes) {
        let begun = self.input.buffer().split().freeze();
        (self.stream, begun)
    }

    /// To be called with each poll of the task that serves the connection.
    pub(super) fn enter(&mut self, cx: &Context<'_>) {
        match &mut self.server {
            Some(server) => server.clone_from(cx.waker()),
            None => self.server = Some(cx.waker().clone()),
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Reads once.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.poll_read(&mut self.stream, 0, cx)
    }

    /// Takes the next request's head.
    pub(super) fn take_head(&mut self) -> Result<Option<(request::Parts, Spelling)>, HeadError> {
        head::request(&mut self.input, &mut self.progress)
    }

    /// Which request is the present one.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn body(&self) -> BodyState {
        self.body
    }

    pub(super) fn is_body_over(&self) -> bool {
        self.decoder.is_done()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.decoder.size_hint()
    }

    /// Whether the client is to be told to go on, which is then done.
    pub(super) fn take_continue(&mut self) -> bool {
        let due = self.expectation == Expectation::Due;
        if due {
            self.expectation = Expectation::None;
        }
        due
    }

    /// The next frame of the body, for whoever has it.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.expectation == Expectation::Waiting {
            self.expectation = Expectation::Due;
            self.wake_server(Some(cx.waker()));
        }
        let polled = self.poll_piece(cx);
        match &polled {
            Poll::Ready(Some(Err(_))) => self.body = BodyState::Broken,
            Poll::Ready(_) if self.decoder.is_done() => self.body = BodyState::Over,
            _ => return polled,
        }
        self.wake_server(Some(cx.waker()));
        polled
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Piece::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Piece::Trailers(trailers)) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Ok(Piece::End) => return Poll::Ready(None),
                Ok(Piece::More) if self.body == BodyState::Broken => {
                    return Poll::Ready(Some(Err(BodyError::Incomplete)));
                }
                Ok(Piece::More) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            let expected = self.decoder.expected();
            let read = match &self.server {
                Some(server) if !server.will_wake(cx.waker()) => {
                    match &mut self.reader {
                        Some(reader) => reader.clone_from(cx.waker()),
                        None => self.reader = Some(cx.waker().clone()),
                    }
                    self.input.poll_read(&mut self.stream, expected, &mut Context::from_waker(server))
                }
                _ => self.input.poll_read(&mut self.stream, expected, cx),
            };
            match ready!(read) {
                Ok(0) => return Poll::Ready(self.decoder.close().err().map(Err)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(BodyError::Io(error)))),
            }
        }
    }

    /// The body of a request that was just taken.
    pub(super) fn begin_body(this: &Arc<Mutex<Self>>, framing: Framing, expects: bool) -> RequestBody {
        let mut wire = lock(this);
        wire.number += 1;
        wire.decoder = Decoder::new(framing);
        wire.expectation = Expectation::None;
        if framing == Framing::None {
            wire.body = BodyState::Over;
            return RequestBody::empty();
        }
        let Wire { decoder, input, .. } = &mut *wire;
        // Most bodies come with their head. One that is not whole is begun anew below.
        if is_whole(framing, input)
            && let Ok(Piece::Data(data)) = decoder.decode(input)
        {
            wire.body = BodyState::Over;
            return RequestBody::whole(data, true);
        }
        if expects {
            wire.expectation = Expectation::Waiting;
        }
        wire.body = BodyState::Arriving;
        RequestBody::arriving(Arc::clone(this), wire.number)
    }

    /// Nobody wants the rest of the body.
    pub(super) fn abandon(&mut self) {
        if self.body == BodyState::Arriving {
            self.body = BodyState::Abandoned;
            self.wake_server(None);
        }
        self.reader = None;
    }

    /// Takes what is there of a body that nobody wants; whether that was all of it.
    pub(super) fn skip_body(&mut self) -> bool {
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Piece::Data(_)) => {}
                Ok(Piece::Trailers(_) | Piece::End) => return true,
                Ok(Piece::More) | Err(_) => return false,
            }
        }
    }

    /// Whether the client may still be sending, as far as is known here: not all that it began was taken.
    pub(super) fn is_sending(&self) -> bool {
        self.body != BodyState::Over || !self.input.is_empty()
    }

    /// Reads and forgets, until the client has ended its side.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.input.discard();
            if matches!(ready!(self.poll_read(cx)), Ok(0) | Err(_)) {
                return Poll::Ready(());
            }
        }
    }

    /// Whether the client has left. Noticed while its request is whole, and nothing came behind it.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.body {
                BodyState::Arriving => return Poll::Pending,
                // The connection carries no further request, so that whatever comes may go.
                BodyState::Abandoned | BodyState::Broken => self.input.discard(),
                BodyState::Over if !self.input.is_empty() => return Poll::Pending,
                BodyState::Over => {}
            }
            match ready!(self.poll_read(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
    }

    /// Wakes the task that serves the connection, unless it is the one that is running.
    fn wake_server(&self, running: Option<&Waker>) {
        if let Some(server) = &self.server
            && running.is_none_or(|running| !server.will_wake(running))
        {
            server.wake_by_ref();
        }
    }
}

/// Whether the whole body is there.
fn is_whole(framing: Framing, input: &Input) -> bool {
    matches!(framing, Framing::Length(length) if input.bytes().len() as u64 >= length)
}

/// Writes to the client, without holding the connection in between.
pub(super) struct Writer<'a>(pub(super) &'a Mutex<Wire>);

impl AsyncWrite for Writer<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut lock(self.0).stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut lock(self.0).stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(self.0).stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(self.0).stream).poll_shutdown(cx)
    }
}
