//! Bytes on their way into a connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;

/// Pieces up to this size are copied behind what waits; a larger one is written from where it lies.
const COPIED: usize = 4 * 1024;

/// So much waits at most before it must be written.
const FULL: usize = 16 * 1024;

/// Kept of the buffer between two writes; a stream that waits holds no more.
const KEPT: usize = 1024;

/// What waits to be written: small pieces in one buffer, then at most one large one, then what closes its chunk.
#[derive(Debug, Default)]
pub(in crate::http) struct Output {
    buffer: Vec<u8>,
    /// Of the buffer.
    written: usize,
    large: Bytes,
    after: &'static [u8],
    /// Whether a byte of what was ever put in was written.
    begun: bool,
    /// Whether the socket may hold back some of what it took.
    unflushed: bool,
}

impl Output {
    /// Where heads and the lines of chunks are put. Only while nothing large waits.
    pub(in crate::http) fn buffer(&mut self) -> &mut Vec<u8> {
        debug_assert!(self.large.is_empty() && self.after.is_empty(), "nothing comes behind a large piece");
        &mut self.buffer
    }

    /// Adds a piece, and what stands behind it.
    pub(in crate::http) fn push(&mut self, data: Bytes, after: &'static [u8]) {
        if data.len() <= COPIED {
            self.buffer().extend_from_slice(&data);
            self.buffer.extend_from_slice(after);
        } else {
            (self.large, self.after) = (data, after);
        }
    }

    /// Whether nothing waits.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.written == self.buffer.len() && self.large.is_empty() && self.after.is_empty()
    }

    /// Whether nothing may be added before what waits was written. What was written of the buffer counts as well: it is
    /// given up only with the rest, and a socket that takes a little each time would let it grow for ever.
    pub(in crate::http) fn is_full(&self) -> bool {
        !self.large.is_empty() || !self.after.is_empty() || self.buffer.len() >= FULL
    }

    /// Whether a byte was ever written.
    pub(in crate::http) const fn begun(&self) -> bool {
        self.begun
    }

    /// Writes all that waits.
    pub(in crate::http) fn poll_write<I: AsyncWrite + Unpin>(
        &mut self,
        io: &mut I,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let small = self.buffer.get(self.written..).unwrap_or_default();
            let written = if self.large.is_empty() && self.after.is_empty() {
                ready!(Pin::new(&mut *io).poll_write(cx, small))?
            } else {
                let slices = [IoSlice::new(small), IoSlice::new(&self.large), IoSlice::new(self.after)];
                ready!(Pin::new(&mut *io).poll_write_vectored(cx, &slices))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            (self.begun, self.unflushed) = (true, true);
            self.advance(written);
        }
        self.buffer.clear();
        self.written = 0;
        if self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
        if self.unflushed {
            // Of the sockets that are used here only TLS holds anything back, and nobody else would ask it again.
            ready!(Pin::new(io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut count: usize) {
        let small = count.min(self.buffer.len() - self.written);
        self.written += small;
        count -= small;
        let large = count.min(self.large.len());
        if large == self.large.len() {
            // Emptied in a way that lets go of the memory.
            self.large = Bytes::new();
        } else {
            drop(self.large.split_to(large));
        }
        self.after = self.after.get(count - large..).unwrap_or_default();
    }
}
