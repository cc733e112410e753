//! Serves one connection of HTTP/1: one request after the other, each answered before the next is looked at.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, request};
use http_body::Body;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tower::Service;

use super::BoxError;
use super::body::RequestBody;
use super::http2::PREFACE;
use super::wire::{BodyState, Wire, Writer, lock};
use crate::http::drain::Drain;
use crate::http::forward::{connection_says, expects_continue, is_reset};
use crate::http::h1::encoder::{self, Answer};
use crate::http::h1::error::HeadError;
use crate::http::h1::framing;
use crate::http::h1::output::Output;
use crate::http::h1::spelling::{FromWire, Spelling};
use crate::http::h1::transfer::{Failed, Transfer};
use crate::http::tunnel::Tunnel;

/// Longest time that an ending connection waits for the client to end it as well.
const LINGER: Duration = Duration::from_millis(500);

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The connection, and the service of its requests.
pub(super) struct Connection<S> {
    wire: Arc<Mutex<Wire>>,
    output: Output,
    service: S,
}

/// What became of the connection.
pub(super) enum Ended {
    /// It is over.
    Closed,
    /// The client speaks HTTP/2; nothing was answered.
    Http2,
    /// Protocols were switched, and the client knows it.
    Tunnel(Tunnel),
}

/// What the client began with, or the end.
#[expect(
    clippy::large_enum_variant,
    reason = "taken apart at once; a box would be an allocation for each request"
)]
enum Begun {
    Request(request::Parts, Spelling),
    Refused(HeadError),
    Http2,
    Over,
}

/// What is asked, as far as its answer depends on it.
struct Asked {
    method: Method,
    version: Version,
    /// Whether the client wants to go on with the connection.
    keeps: bool,
    tunnel: Option<Tunnel>,
}

/// How an answer ended.
enum Answered {
    /// Whole.
    Whole {
        /// Whether the connection can carry another one behind it.
        keeps: bool,
    },
    /// Protocols were switched.
    Tunnel(Tunnel),
    /// The client left.
    Gone,
    /// It broke off.
    Broken {
        /// Only a reset can show it.
        reset: bool,
    },
}

impl<S> Connection<S> {
    pub(super) fn new(stream: TcpStream, service: S) -> Self {
        Self { wire: Arc::new(Mutex::new(Wire::new(stream))), output: Output::default(), service }
    }

    /// The parts, with what was read and not taken; `None` while a body still has the connection.
    pub(super) fn into_parts(self) -> Option<(TcpStream, Bytes, S)> {
        let wire = Arc::into_inner(self.wire)?.into_inner().ok()?;
        let (stream, begun) = wire.into_parts();
        Some((stream, begun, self.service))
    }
}

impl<S, R> Connection<S>
where
    S: Service<Request<RequestBody>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes> + FromWire + Unpin,
    R::Error: Into<BoxError>,
{
    /// Serves requests until the connection is over. Once the drain has begun it ends behind the present request.
    pub(super) async fn serve(&mut self, drain: &Drain) -> Ended {
        let mut draining = pin!(drain.wait());
        // Once is enough: it leaves this task's waker, and the drain is asked directly afterwards.
        let _begun = poll_fn(|cx| Poll::Ready(draining.as_mut().poll(cx))).await;
        let mut first = true;
        loop {
            let (parts, spelling) = match poll_fn(|cx| self.poll_begin(drain, first, cx)).await {
                Begun::Request(parts, spelling) => (parts, spelling),
                Begun::Refused(error) => return self.refuse(error).await,
                Begun::Http2 => return Ended::Http2,
                Begun::Over => break,
            };
            first = false;
            let (request, mut asked) = match self.request(parts, spelling) {
                Ok(request) => request,
                Err(error) => return self.refuse(error).await,
            };
            match self.answer(request, &mut asked, drain).await {
                Answered::Whole { keeps } => {
                    if !keeps || !self.finish_request().await || drain.started() {
                        break;
                    }
                }
                Answered::Tunnel(tunnel) => return Ended::Tunnel(tunnel),
                Answered::Gone => return Ended::Closed,
                Answered::Broken { reset } => {
                    if reset {
                        let _gone = lock(&self.wire).stream().set_zero_linger();
                    }
                    return Ended::Closed;
                }
            }
        }
        let sending = lock(&self.wire).is_sending();
        self.close(sending).await;
        Ended::Closed
    }

    /// Ends the connection behind an answer. Where the client may still be sending, what comes is read for a moment: closed
    /// with bytes unread, the connection would be reset, and the answer lost on its way (RFC 9112 §9.6).
    async fn close(&self, sending: bool) {
        if Writer(&self.wire).shutdown().await.is_err() || !sending {
            return;
        }
        let reading = poll_fn(|cx| lock(&self.wire).poll_end(cx));
        tokio::time::timeout(LINGER, reading).await.ok();
    }

    /// Waits for a request. One that came with the connection, or of which a part is there, is waited for by a drain too.
    fn poll_begin(&mut self, drain: &Drain, first: bool, cx: &mut Context<'_>) -> Poll<Begun> {
        let mut wire = lock(&self.wire);
        wire.enter(cx);
        loop {
            let input = wire.input();
            if first && input.len() < PREFACE.len() && PREFACE.starts_with(input) {
                // Nothing, or the beginning of either.
            } else if input.starts_with(PREFACE) {
                // Behind a request nobody can begin with it.
                return Poll::Ready(if first { Begun::Http2 } else { Begun::Over });
            } else {
                match wire.take_head() {
                    Ok(None) => {}
                    Ok(Some((parts, spelling))) => return Poll::Ready(Begun::Request(parts, spelling)),
                    Err(error) => return Poll::Ready(Begun::Refused(error)),
                }
            }
            match wire.poll_read(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Begun::Over),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending if wire.input().is_empty() && drain.started() => {
                    return Poll::Ready(Begun::Over);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The request as the stack takes it.
    fn request(
        &self,
        mut parts: request::Parts,
        spelling: Spelling,
    ) -> Result<(Request<RequestBody>, Asked), HeadError> {
        let keeps = keeps(parts.version, &parts.headers) && !framing::is_doubtful(&parts.headers);
        let framing = framing::of_request(parts.version, &mut parts.headers)?;
        let expects = expects_continue(parts.version, &parts.headers);
        let (opener, tunnel) = match parts.headers.contains_key(http::header::UPGRADE) {
            true => Some(Tunnel::new()).unzip(),
            false => (None, None),
        };
        let asked = Asked { method: parts.method.clone(), version: parts.version, keeps, tunnel };
        let body = Wire::begin_body(&self.wire, framing, expects).with(spelling, opener);
        Ok((Request::from_parts(parts, body), asked))
    }

    /// Has the request answered, and writes the answer.
    async fn answer(&mut self, request: Request<RequestBody>, asked: &mut Asked, drain: &Drain) -> Answered {
        let response = {
            let mut call = pin!(self.service.call(request));
            let (wire, output) = (&self.wire, &mut self.output);
            poll_fn(|cx| {
                lock(wire).enter(cx);
                if let Poll::Ready(response) = call.as_mut().poll(cx) {
                    return Poll::Ready(Some(response.map_err(drop)));
                }
                let mut writer = Writer(wire);
                if lock(wire).take_continue() {
                    output.buffer().extend_from_slice(CONTINUE);
                }
                let broken = matches!(output.poll_write(&mut writer, cx), Poll::Ready(Err(_)));
                let mut wire = lock(wire);
                // Where the request broke off, the call ends by that: the server is to see as much of it as came.
                let gone = broken || wire.body() != BodyState::Broken && wire.poll_gone(cx).is_ready();
                if gone { Poll::Ready(None) } else { Poll::Pending }
            })
            .await
        };
        match response {
            None => Answered::Gone,
            // The services of the stack answer in words what they cannot do.
            Some(Err(())) => Answered::Broken { reset: false },
            Some(Ok(response)) => self.write(response, asked, drain).await,
        }
    }

    async fn write(&mut self, response: Response<R>, asked: &mut Asked, drain: &Drain) -> Answered {
        let (parts, mut body) = response.into_parts();
        let keeps = asked.keeps
            && !drain.started()
            && matches!(lock(&self.wire).body(), BodyState::Over | BodyState::Arriving);
        let answer = Answer { method: &asked.method, version: asked.version, keeps };
        let mut output = std::mem::take(&mut self.output);
        let spelling = body.take_spelling();
        let encoder =
            encoder::response(&parts, spelling.as_ref(), answer, &body.size_hint(), output.buffer());
        let status = parts.status;
        drop((parts, spelling));
        let mut transfer = Transfer::new(output, encoder, body);
        let wire = &self.wire;
        let done = poll_fn(|cx| {
            lock(wire).enter(cx);
            if let Poll::Ready(done) = transfer.poll(&mut Writer(wire), cx) {
                return Poll::Ready(Some(done));
            }
            ready!(lock(wire).poll_gone(cx));
            Poll::Ready(None)
        })
        .await;
        let old = asked.version == Version::HTTP_10;
        match done {
            None => Answered::Gone,
            Some(Ok(())) if status == StatusCode::SWITCHING_PROTOCOLS => match asked.tunnel.take() {
                Some(tunnel) => Answered::Tunnel(tunnel),
                None => Answered::Broken { reset: false },
            },
            Some(Ok(())) => {
                let keeps = keeps && transfer.keeps();
                self.output = transfer.into_output();
                Answered::Whole { keeps }
            }
            Some(Err(Failed::Io(_))) => Answered::Gone,
            Some(Err(Failed::TooShort)) => Answered::Broken { reset: old },
            // Where the end of the connection is the end of the body, a plain close would look complete.
            Some(Err(Failed::Body(error))) => {
                Answered::Broken { reset: old || !transfer.keeps() || is_reset(error.as_ref()) }
            }
        }
    }

    /// Waits until the body of the request that was answered is out of the way; `false` if it never will be.
    async fn finish_request(&self) -> bool {
        poll_fn(|cx| {
            let mut wire = lock(&self.wire);
            wire.enter(cx);
            match wire.body() {
                BodyState::Over => Poll::Ready(true),
                BodyState::Arriving => Poll::Pending,
                BodyState::Abandoned => Poll::Ready(wire.skip_body()),
                BodyState::Broken => Poll::Ready(false),
            }
        })
        .await
    }

    /// Says what is wrong with a head, and ends.
    async fn refuse(&mut self, error: HeadError) -> Ended {
        let status = match error {
            HeadError::Malformed(_) => StatusCode::BAD_REQUEST,
            HeadError::TargetTooLong => StatusCode::URI_TOO_LONG,
            HeadError::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        };
        tracing::debug!(%error, "refused a client's request");
        let reason = status.canonical_reason().unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {} {reason}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            status.as_u16()
        );
        if Writer(&self.wire).write_all(head.as_bytes()).await.is_ok() {
            self.close(true).await;
        }
        Ended::Closed
    }
}

/// Whether the client goes on with the connection (RFC 9112 §9.3).
fn keeps(version: Version, headers: &HeaderMap) -> bool {
    let closes = connection_says(headers, "close");
    !closes && (version != Version::HTTP_10 || connection_says(headers, "keep-alive"))
}
