//! One keep-alive connection of an MCP client.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::check::{Check, Wrong};
use crate::address::LoopbackUrl;
use crate::payload::Answer;

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

const INITIALIZE: &str = concat!(
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"#,
    r#""clientInfo":{"name":"mcp-loadtest","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}}"#
);
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const TOOLS_LIST: &str = r#"{"jsonrpc":"2.0","id":"tools","method":"tools/list"}"#;

/// Why a call has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The connection could not be made.
    #[error("cannot connect to {url}: {source}")]
    Connect {
        /// Where to.
        url: LoopbackUrl,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// A header or path that HTTP does not allow.
    #[error("not sendable: {0}")]
    Http(#[from] http::Error),
    /// Another answer than the fixture's.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// A step of the handshake got this status.
    #[error("the handshake was answered with status {0}")]
    Handshake(u16),
}

/// A connection that has done its handshake.
#[derive(Debug)]
pub(super) struct Connection {
    url: LoopbackUrl,
    sender: SendRequest<Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
}

impl Connection {
    /// Connects, initializes a session and lists the tools, as every client does.
    pub(super) async fn open(url: &LoopbackUrl) -> Result<Self, CallError> {
        let sender = connect(url).await?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::try_from(url.address().to_string()).map_err(http::Error::from)?);
        headers.insert(USER_AGENT, HeaderValue::from_static("mcp-loadtest"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let uri = Uri::try_from(url.path()).map_err(http::Error::from)?;
        let mut connection = Self { url: url.clone(), sender, uri, headers };
        if let Some(session) = connection.step(INITIALIZE).await? {
            connection.headers.insert(SESSION_ID, session);
        }
        connection.headers.insert(PROTOCOL_VERSION, HeaderValue::from_static("2025-11-25"));
        connection.step(INITIALIZED).await?;
        connection.step(TOOLS_LIST).await?;
        Ok(connection)
    }

    /// One call and its whole answer.
    pub(super) async fn call(&mut self, body: Bytes, id: u64, answer: &Answer) -> Result<(), CallError> {
        let mut response = self.send(body).await?;
        if response.status() != http::StatusCode::OK {
            return Err(Wrong::Status(response.status().as_u16()).into());
        }
        let id = id.to_string();
        let mut check = Check::new(answer, &id);
        while let Some(frame) = response.frame().await {
            if let Some(data) = frame?.data_ref() {
                check.feed(data)?;
            }
        }
        Ok(check.finish()?)
    }

    /// A server may close a connection after an answer (nginx does after a thousand); then the call goes out on a new
    /// one. A call that was sent is never repeated.
    async fn send(&mut self, body: Bytes) -> Result<http::Response<Incoming>, CallError> {
        if self.sender.ready().await.is_err() {
            self.sender = connect(&self.url).await?;
            self.sender.ready().await?;
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        Ok(self.sender.send_request(request).await?)
    }

    /// A step of the handshake; the session id of its answer, if there is one.
    async fn step(&mut self, body: &'static str) -> Result<Option<HeaderValue>, CallError> {
        let mut response = self.send(Bytes::from_static(body.as_bytes())).await?;
        if !response.status().is_success() {
            return Err(CallError::Handshake(response.status().as_u16()));
        }
        while let Some(frame) = response.frame().await {
            frame?;
        }
        Ok(response.headers_mut().remove(SESSION_ID))
    }
}

async fn connect(url: &LoopbackUrl) -> Result<SendRequest<Full<Bytes>>, CallError> {
    let failed = |source| CallError::Connect { url: url.clone(), source };
    let stream = TcpStream::connect(url.address()).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its end shows in the sender.
    tokio::spawn(connection);
    Ok(sender)
}
