//! One HTTP/1 connection to the server, driven by the exchange that uses it: no task of its own.
//!
//! So dropping the exchange closes the connection at once, and a response costs no wake-up between tasks.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, Parts, SendRequest};
use hyper_util::rt::TokioIo;

use super::connect::{Connector, UpstreamIo};
use super::error::ForwardError;
use super::request::OutgoingBody;
use crate::http::MAX_HEADERS;
use crate::http::relay::Relay;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Http1<B> = Connection<TokioIo<UpstreamIo>, OutgoingBody<B>>;

/// See the module.
pub(super) struct Link<B: Body<Data = Bytes> + 'static> {
    sender: SendRequest<OutgoingBody<B>>,
    /// `None` once it is over and nothing more can come from it.
    connection: Option<Http1<B>>,
    /// The connection's future is over and must not be polled again.
    finished: bool,
    /// It can carry another request, as far as the last response told.
    pub(super) reusable: bool,
    /// After how long the server said it closes an idle connection.
    pub(super) keep_alive: Option<Duration>,
    pub(super) relay: Arc<Relay>,
    waker: Waker,
}

impl<B> Link<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    pub(super) async fn open(connector: &Connector) -> Result<Box<Self>, ForwardError> {
        let io = TokioIo::new(connector.connect().await?);
        let (sender, connection) = Builder::new()
            .preserve_header_case(true)
            .max_headers(MAX_HEADERS)
            .handshake(io)
            .await
            .map_err(ForwardError::exchange)?;
        let relay = Arc::new(Relay::default());
        let waker = Waker::from(Arc::clone(&relay));
        Ok(Box::new(Self {
            sender,
            connection: Some(connection),
            finished: false,
            reusable: true,
            keep_alive: None,
            relay,
            waker,
        }))
    }

    /// Moves the connection and what depends on it, until that has something or all wait.
    pub(super) fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut dependent: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.relay.enter(cx.waker());
        let mut inner = Context::from_waker(&self.waker);
        let outcome = loop {
            // Its error, if any, reaches the dependent.
            if let Some(connection) = &mut self.connection
                && !self.finished
            {
                self.finished = Pin::new(connection).poll(&mut inner).is_ready();
            }
            let outcome = dependent(&mut inner);
            if outcome.is_ready() {
                // Whoever got something asks again, and then the connection moves as well: what was noted is void.
                self.relay.take_woken();
                break outcome;
            }
            if self.finished && self.connection.take().is_some() {
                // Only with the connection do its channels close, and a request that was not written comes back.
                continue;
            }
            if !self.relay.take_woken() {
                break outcome;
            }
        };
        self.relay.leave();
        outcome
    }

    /// Sends the request; on failure gives it back if not a byte of it was written.
    pub(super) async fn exchange(
        &mut self,
        mut request: Request<OutgoingBody<B>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<OutgoingBody<B>>>> {
        request.body_mut().sent_on(&self.relay);
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        poll_fn(|cx| self.drive(cx, |inner| answer.as_mut().poll(inner))).await
    }

    /// Whether the last exchange is over on the wire in both directions and the connection waits for another.
    pub(super) fn is_idle(&self) -> bool {
        !self.finished && self.reusable && self.sender.is_ready()
    }

    /// Lets the connection run on as a task: the server answered before it had the whole request, so now both
    /// directions must move on their own. It ends when both are over, or when told.
    pub(super) fn detach(self) -> Detached {
        let connection = self.connection.filter(|_| !self.finished);
        let task = tokio::spawn(async move {
            if let Some(connection) = connection {
                // Its error reaches the bodies.
                let _ended = connection.await;
            }
        });
        Detached { task }
    }

    /// After `101 Switching Protocols`: waits until HTTP is over and takes the socket and what was read too much.
    pub(super) async fn into_io(self) -> Option<(UpstreamIo, Bytes)> {
        let mut connection = self.connection?;
        if !self.finished {
            poll_fn(|cx| Pin::new(&mut connection).poll(cx)).await.ok()?;
        }
        let Parts { io, read_buf, .. } = connection.into_parts();
        Some((io.into_inner(), read_buf))
    }
}

/// A connection that runs as a task.
pub(super) struct Detached {
    task: tokio::task::JoinHandle<()>,
}

impl Detached {
    /// Breaks the exchange off.
    pub(super) fn cut(&self) {
        self.task.abort();
    }
}
