//! A message on its way out: the head, then the body, frame by frame.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;
use tokio::io::AsyncWrite;

use super::encoder::Encoder;
use super::output::Output;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What is left of the message.
pub(in crate::http) struct Transfer<B> {
    output: Output,
    encoder: Encoder,
    /// `None` once it is over or broke.
    body: Option<B>,
    failed: Option<Failed>,
}

/// Why a message did not go out whole.
#[derive(Debug)]
pub(in crate::http) enum Failed {
    /// The connection broke.
    Io(io::Error),
    /// The body broke; what came before it was written.
    Body(BoxError),
    /// The body ended before its stated length.
    TooShort,
}

impl<B> Transfer<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// A message whose head, already in the output, made this encoder.
    pub(in crate::http) fn new(output: Output, encoder: Encoder, body: B) -> Self {
        let body = (!encoder.is_over()).then_some(body);
        Self { output, encoder, body, failed: None }
    }

    /// Whether a byte of it was written.
    pub(in crate::http) const fn begun(&self) -> bool {
        self.output.begun()
    }

    /// Whether the connection can carry another message behind this one.
    pub(in crate::http) const fn keeps(&self) -> bool {
        self.encoder.keeps()
    }

    /// The body, unless it is over.
    pub(in crate::http) const fn body(&mut self) -> Option<&mut B> {
        self.body.as_mut()
    }

    /// The emptied output, for the next message.
    pub(in crate::http) fn into_output(self) -> Output {
        self.output
    }

    /// Moves on until all is written or something has to be waited for. What is there goes out before anything is waited
    /// for, and frames that are there at the same time go out together.
    pub(in crate::http) fn poll<I>(&mut self, io: &mut I, cx: &mut Context<'_>) -> Poll<Result<(), Failed>>
    where
        I: AsyncWrite + Unpin,
    {
        loop {
            let Some(body) = self.body.as_mut().filter(|_| !self.output.is_full()) else {
                ready!(self.output.poll_write(io, cx)).map_err(Failed::Io)?;
                match (self.failed.take(), &self.body) {
                    (Some(failed), _) => return Poll::Ready(Err(failed)),
                    (None, None) => return Poll::Ready(Ok(())),
                    (None, Some(_)) => continue,
                }
            };
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending => {
                    ready!(self.output.poll_write(io, cx)).map_err(Failed::Io)?;
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame))) => {
                    let last = body.is_end_stream();
                    self.encoder.frame(frame, last, &mut self.output);
                    if self.encoder.is_over() {
                        self.body = None;
                    }
                }
                Poll::Ready(None) => {
                    self.failed = self.encoder.end(&mut self.output).err().map(|_| Failed::TooShort);
                    self.body = None;
                }
                Poll::Ready(Some(Err(error))) => {
                    self.failed = Some(Failed::Body(error.into()));
                    self.body = None;
                }
            }
        }
    }
}
