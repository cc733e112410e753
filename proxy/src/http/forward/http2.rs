//! Connections to a server that speaks HTTP/2, shared by the exchanges of one worker.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::BoxError;
use super::connect::Connector;
use super::error::ForwardError;
use super::request::OutgoingBody;
use super::response::StreamGuard;
use crate::http::MAX_HEAD_SIZE;

/// Streams on one connection after which another is opened, should the server allow more: one connection is one
/// TCP window and one task.
const MAX_STREAMS: usize = 100;

/// The open connections.
pub(super) struct Connections<B>(Mutex<Vec<Shared<B>>>);

struct Shared<B> {
    sender: SendRequest<OutgoingBody<B>>,
    streams: Arc<AtomicUsize>,
    /// What the server allows at present.
    allowed: Arc<AtomicUsize>,
}

impl<B> Default for Connections<B> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<B> Connections<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    /// Room for one stream on an open connection, or on a new one.
    pub(super) async fn stream(
        &self,
        connector: &Connector,
    ) -> Result<(SendRequest<OutgoingBody<B>>, StreamGuard), ForwardError> {
        if let Some(open) = self.with_room() {
            return Ok(open);
        }
        let io = TokioIo::new(connector.connect().await?);
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .max_header_list_size(u32::try_from(MAX_HEAD_SIZE).unwrap_or(u32::MAX))
            .handshake(io)
            .await
            .map_err(ForwardError::exchange)?;
        let shared = Shared { sender, streams: Arc::default(), allowed: Arc::new(MAX_STREAMS.into()) };
        let (mut connection, allowed) = (connection, Arc::clone(&shared.allowed));
        // It ends when the server closes it, or with the last sender and stream; errors reach the streams.
        tokio::spawn(poll_fn(move |cx| {
            let ended = Pin::new(&mut connection).poll(cx).map(drop);
            allowed.store(connection.current_max_send_streams(), Ordering::Relaxed);
            ended
        }));
        let stream = shared.stream();
        self.lock().push(shared);
        Ok(stream)
    }

    fn with_room(&self) -> Option<(SendRequest<OutgoingBody<B>>, StreamGuard)> {
        let mut open = self.lock();
        open.retain(|shared| !shared.sender.is_closed());
        let shared = open.iter().find(|shared| {
            let allowed = shared.allowed.load(Ordering::Relaxed).clamp(1, MAX_STREAMS);
            shared.streams.load(Ordering::Relaxed) < allowed
        })?;
        Some(shared.stream())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Shared<B>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> Shared<B> {
    fn stream(&self) -> (SendRequest<OutgoingBody<B>>, StreamGuard) {
        self.streams.fetch_add(1, Ordering::Relaxed);
        (self.sender.clone(), Box::new(Stream(Arc::clone(&self.streams))))
    }
}

struct Stream(Arc<AtomicUsize>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) async fn exchange<B>(
    mut sender: SendRequest<OutgoingBody<B>>,
    request: Request<OutgoingBody<B>>,
) -> Result<Response<Incoming>, ForwardError>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    sender.ready().await.map_err(ForwardError::exchange)?;
    sender.send_request(request).await.map_err(ForwardError::exchange)
}
