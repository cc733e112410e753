//! One HTTP/1 connection to the server. It is driven by the exchange that uses it: no task of its own.
//!
//! So dropping the exchange closes the connection at once, and a response costs no wake-up between tasks.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, response};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};

use super::BoxError;
use super::connect::{Connector, UpstreamIo};
use super::error::ForwardError;
use super::request::{Continue, OutgoingBody};
use crate::http::h1::encoder;
use crate::http::h1::error::HeadError;
use crate::http::h1::head::{self, Progress};
use crate::http::h1::input::Input;
use crate::http::h1::output::Output;
use crate::http::h1::spelling::{FromWire, Spelling};
use crate::http::h1::transfer::{Failed, Transfer};

/// See the module.
pub(super) struct Link {
    io: UpstreamIo,
    input: Input,
    /// After how long the server said it closes an idle connection.
    pub(super) keep_alive: Option<Duration>,
}

/// A request on its way out, with what its answer depends on.
pub(super) struct Upload<B> {
    transfer: Transfer<OutgoingBody<B>>,
    pub(super) method: Method,
    /// Waits for the server's word.
    continued: Option<Continue>,
    done: bool,
}

/// Why an exchange has no response.
pub(super) enum LinkError {
    /// The request's own body broke or ended early.
    Client(BoxError),
    /// The connection broke.
    Io(io::Error),
    /// The connection ended.
    Closed,
    /// What came is no response.
    Head(HeadError),
}

impl<B> Upload<B>
where
    B: Body<Data = Bytes> + FromWire + Unpin,
    B::Error: Into<BoxError>,
{
    pub(super) fn new(request: Request<OutgoingBody<B>>, continued: Option<Continue>) -> Self {
        let (parts, mut body) = request.into_parts();
        let mut output = Output::default();
        let spelling = body.take_spelling();
        let encoder = encoder::request(&parts, spelling.as_ref(), &body.size_hint(), output.buffer());
        Self { transfer: Transfer::new(output, encoder, body), method: parts.method, continued, done: false }
    }

    /// Whether a byte of it was written.
    pub(super) const fn begun(&self) -> bool {
        self.transfer.begun()
    }

    /// Whether all of it was written.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    /// See [`OutgoingBody::read_on`].
    pub(super) async fn read_on(&mut self) {
        if let Some(body) = self.transfer.body() {
            body.read_on().await;
        }
    }

    fn poll<I: AsyncWrite + Unpin>(&mut self, io: &mut I, cx: &mut Context<'_>) -> Result<(), LinkError> {
        if self.done {
            return Ok(());
        }
        match self.transfer.poll(io, cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(())) => {
                self.done = true;
                Ok(())
            }
            Poll::Ready(Err(Failed::Io(error))) => Err(LinkError::Io(error)),
            Poll::Ready(Err(Failed::Body(error))) => Err(LinkError::Client(error)),
            Poll::Ready(Err(Failed::TooShort)) => {
                Err(LinkError::Client("the body is shorter than its stated length".into()))
            }
        }
    }
}

impl Link {
    pub(super) async fn open(connector: &Connector) -> Result<Self, ForwardError> {
        Ok(Self { io: connector.connect().await?, input: Input::default(), keep_alive: None })
    }

    /// Whether the connection still waits for a request, as far as is known here.
    pub(super) async fn is_alive(&mut self) -> bool {
        // It has nothing to say before it is asked: whatever can be read is its end, or nothing that can be used.
        poll_fn(|cx| Poll::Ready(self.input.poll_read(&mut self.io, 0, cx).is_pending())).await
    }

    /// Sends a request and waits for the head of its response. The request may still be going out by then.
    pub(super) async fn exchange<B>(
        &mut self,
        upload: &mut Upload<B>,
    ) -> Result<(response::Parts, Spelling), LinkError>
    where
        B: Body<Data = Bytes> + FromWire + Unpin,
        B::Error: Into<BoxError>,
    {
        let Self { io, input, .. } = self;
        let mut progress = Progress::default();
        poll_fn(|cx| {
            let broken = match upload.poll(io, cx) {
                // A server that does not want to read on may have said why.
                Err(LinkError::Io(error)) => Some(error),
                sent => sent.map(|()| None)?,
            };
            match poll_head(io, input, &mut progress, upload.continued.as_ref(), cx) {
                Poll::Pending => broken.map_or(Poll::Pending, |error| Poll::Ready(Err(LinkError::Io(error)))),
                head => head,
            }
        })
        .await
    }

    /// Whether nothing was sent that nobody asked for.
    pub(super) fn is_clean(&self) -> bool {
        self.input.is_empty()
    }

    /// The socket and what was read too much.
    pub(super) fn into_parts(self) -> (UpstreamIo, Input) {
        (self.io, self.input)
    }

    /// The same, put together again.
    pub(super) const fn from_parts(io: UpstreamIo, input: Input, keep_alive: Option<Duration>) -> Self {
        Self { io, input, keep_alive }
    }
}

/// The head of the final response.
fn poll_head<I: AsyncRead + Unpin>(
    io: &mut I,
    input: &mut Input,
    progress: &mut Progress,
    continued: Option<&Continue>,
    cx: &mut Context<'_>,
) -> Poll<Result<(response::Parts, Spelling), LinkError>> {
    loop {
        match head::response(input, progress).map_err(LinkError::Head)? {
            Some((parts, _)) if parts.status == StatusCode::CONTINUE => {
                if let Some(continued) = continued {
                    continued.open();
                }
                continue;
            }
            // Others would need a way through the stack, and no client of MCP knows one.
            Some((parts, _)) if is_interim(parts.status) => continue,
            Some(head) => return Poll::Ready(Ok(head)),
            None => {}
        }
        match input.poll_read(io, 0, cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(LinkError::Closed)),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(LinkError::Io(error))),
        }
    }
}

fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// The rest of a request that goes out while its response already comes in, as a task: both directions must move on
/// their own. It ends when the request is out, or when it is dropped before the response has ended.
pub(super) struct Detached {
    task: tokio::task::JoinHandle<()>,
}

impl Detached {
    /// Takes the writing side of the connection.
    pub(super) fn start<B>(io: UpstreamIo, mut upload: Upload<B>) -> (ReadHalf<UpstreamIo>, Self)
    where
        B: Body<Data = Bytes> + FromWire + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let (read, mut write): (_, WriteHalf<UpstreamIo>) = tokio::io::split(io);
        let task = tokio::spawn(async move {
            let sent = poll_fn(|cx| match upload.poll(&mut write, cx) {
                Ok(()) if !upload.done => Poll::Pending,
                sent => Poll::Ready(sent),
            });
            if sent.await.is_err() {
                // The server sees that no more comes.
                let _gone = tokio::io::AsyncWriteExt::shutdown(&mut write).await;
            }
        });
        (read, Self { task })
    }

    /// Breaks the request off.
    pub(super) fn cut(&self) {
        self.task.abort();
    }
}
