//! Tests of the codec: heads and bodies in every cut, sockets that follow a script.

mod decoder;
mod encoder;
mod framing;
mod head;
mod input;
mod spelling;
mod transfer;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, request};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::error::HeadError;
use super::head::Progress;
use super::input::Input;
use super::spelling::Spelling;

/// An input that these bytes have arrived in.
fn input(bytes: &[u8]) -> Input {
    let mut input = Input::default();
    input.buffer().extend_from_slice(bytes);
    input
}

/// The bytes, cut at these places, whatever their order and number.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut start = 0;
    for place in places.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[start..place]);
        start = place;
    }
    pieces
}

/// What became of a request head.
type Taken = Result<Option<(request::Parts, Spelling)>, HeadError>;

/// What becomes of a request head that arrives in these pieces, and what is left of the input.
fn request(pieces: &[&[u8]]) -> (Taken, Vec<u8>) {
    let (mut input, mut progress) = (Input::default(), Progress::default());
    let mut head = Ok(None);
    for piece in pieces {
        input.buffer().extend_from_slice(piece);
        if matches!(head, Ok(None)) {
            head = super::head::request(&mut input, &mut progress);
        }
    }
    (head, input.bytes().to_vec())
}

/// A request head that came whole.
fn whole_request(bytes: &[u8]) -> (request::Parts, Spelling) {
    request(&[bytes]).0.expect("it is one").expect("it is whole")
}

/// The lines of a head as they are written.
fn lines(spelling: &Spelling, headers: &HeaderMap) -> String {
    let mut out = Vec::new();
    spelling.write(headers, &mut out);
    out.iter().map(|byte| char::from(*byte)).collect()
}

/// A socket that follows a script. Where the script is over it takes everything and has nothing to read.
#[derive(Debug, Default)]
struct Socket {
    /// What it does when something is written.
    takes: VecDeque<Take>,
    /// What it took.
    taken: Vec<u8>,
    /// How often it was written to.
    writes: usize,
    /// How often it does not flush yet.
    unflushed: usize,
    /// How often it flushed.
    flushes: usize,
    /// What can be read; an empty piece is the end.
    readable: VecDeque<Vec<u8>>,
}

#[derive(Debug, Clone, Copy)]
enum Take {
    Up(usize),
    Pending,
    Broken,
}

impl Socket {
    fn taking(takes: impl IntoIterator<Item = Take>) -> Self {
        Self { takes: takes.into_iter().collect(), ..Self::default() }
    }

    fn text(&self) -> String {
        self.taken.iter().map(|byte| char::from(*byte)).collect()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut piece) = self.readable.pop_front() else { return Poll::Pending };
        if piece.len() > buffer.remaining() {
            let rest = piece.split_off(buffer.remaining());
            self.readable.push_front(rest);
        }
        buffer.put_slice(&piece);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let count = match self.takes.pop_front() {
            None => all.len(),
            Some(Take::Up(count)) => count.min(all.len()),
            Some(Take::Pending) => return Poll::Pending,
            Some(Take::Broken) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        };
        self.writes += 1;
        self.taken.extend_from_slice(&all[..count]);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unflushed > 0 {
            self.unflushed -= 1;
            return Poll::Pending;
        }
        self.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
