//! Bytes that arrived on a connection and were not taken yet.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// Read at once while little is expected. It lies on the stack, so that a connection that waits holds nothing: what
/// arrives is copied from here into just as much memory.
const SMALL: usize = 16 * 1024;

/// Read at once while much is expected. More would leave the processor's cache between reading and writing.
const LARGE: usize = 256 * 1024;

/// The bytes.
#[derive(Debug, Default)]
pub(in crate::http) struct Input {
    buffer: BytesMut,
    /// Whether the last read brought all that was asked for, so that more is likely there.
    more: bool,
}

impl Input {
    /// What is there.
    pub(in crate::http) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// What is there, to be taken from its front.
    pub(in crate::http) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether nothing is there.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Forgets what is there.
    pub(in crate::http) fn discard(&mut self) {
        self.buffer = BytesMut::new();
    }

    /// Reads once; gives the number of bytes that came, 0 at the end. `expected`: how many are known to follow.
    pub(in crate::http) fn poll_read<I: AsyncRead + Unpin>(
        &mut self,
        io: &mut I,
        expected: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if expected > SMALL as u64 || self.more {
            return self.poll_large(io, expected, cx);
        }
        let mut scratch = [MaybeUninit::uninit(); SMALL];
        let mut read = ReadBuf::uninit(&mut scratch);
        let polled = Pin::new(io).poll_read(cx, &mut read);
        if polled.is_pending() {
            self.give_back();
            return Poll::Pending;
        }
        ready!(polled)?;
        let read = read.filled();
        self.more = read.len() == SMALL;
        self.buffer.extend_from_slice(read);
        Poll::Ready(Ok(read.len()))
    }

    /// Reads into memory that is handed on without a copy.
    fn poll_large<I: AsyncRead + Unpin>(
        &mut self,
        io: &mut I,
        expected: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let size =
            if self.more { LARGE } else { usize::try_from(expected).map_or(LARGE, |size| size.min(LARGE)) };
        let held = self.buffer.len();
        self.buffer.reserve(size);
        // A future of one read holds no state: dropped while it waits, it is as if it had not been.
        let polled = pin!(io.read_buf(&mut self.buffer)).poll(cx);
        match &polled {
            Poll::Pending => {
                self.more = false;
                if expected <= SMALL as u64 {
                    self.give_back();
                }
            }
            Poll::Ready(_) => self.more = self.buffer.len() - held >= size,
        }
        polled
    }

    /// Nothing comes now: without bytes no memory is held.
    fn give_back(&mut self) {
        // One without capacity may still hold on to what was taken from it.
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }
}
