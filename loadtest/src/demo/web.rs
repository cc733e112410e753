//! HTTP/1.1 connections to loopback.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longest wait for a connection, or for a page of the admin port.
const LIMIT: Duration = Duration::from_secs(5);
/// Longest page that is read.
const PAGE_LIMIT: usize = 8 << 20;

/// Why a page could not be read, or a connection not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// Nothing listens, or not in time.
    #[error("cannot connect to {0}: {1}")]
    Connect(SocketAddr, std::io::Error),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// Something that cannot stand in a request.
    #[error("not sendable: {0}")]
    Request(#[from] http::Error),
    /// The body broke off, or is too long.
    #[error("the body cannot be read: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time.
    #[error("no answer from {0} after {LIMIT:?}")]
    Late(SocketAddr),
}

/// What requests are sent on.
pub(super) type Sender = SendRequest<Full<Bytes>>;

/// Opens a connection; it closes when its sender and the last body are dropped.
pub(super) async fn connect(address: SocketAddr) -> Result<Sender, HttpError> {
    let stream = tokio::time::timeout(LIMIT, TcpStream::connect(address))
        .await
        .map_err(|_| HttpError::Late(address))?
        .map_err(|error| HttpError::Connect(address, error))?;
    // Small messages should not wait for each other; that it is not possible is no reason to do without.
    drop(stream.set_nodelay(true));
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its error is that of the request on it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// One page.
pub(super) async fn get(address: SocketAddr, path: &str) -> Result<(StatusCode, Bytes), HttpError> {
    let page = async {
        let mut sender = connect(address).await?;
        let request = Request::get(path).header(HOST, address.to_string()).body(Full::default())?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), PAGE_LIMIT).collect().await.map_err(HttpError::Body)?;
        Ok((status, body.to_bytes()))
    };
    tokio::time::timeout(LIMIT, page).await.map_err(|_| HttpError::Late(address))?
}
