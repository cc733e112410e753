//! One keep-alive connection of an MCP client.

use std::time::Instant;

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
use crate::clock;
use crate::payload::{Call, Client, Era, MODERN, NAME, Routing, envelope};

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");

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
    /// No thread for the schedule of an open loop.
    #[error("no thread can be started for the schedule: {0}")]
    Schedule(std::io::Error),
    /// A step of the handshake got this status.
    #[error("the handshake was answered with status {0}")]
    Handshake(u16),
}

/// When an answer came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Came {
    /// The first byte of its body.
    pub(super) first_byte: Instant,
    /// The last one.
    pub(super) end: Instant,
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
    /// Connects, begins as the client's revision wants it and lists the tools, as every client does.
    pub(super) async fn open(url: &LoopbackUrl, client: &Client) -> Result<Self, CallError> {
        let sender = connect(url).await?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::try_from(url.address().to_string()).map_err(http::Error::from)?);
        headers.insert(USER_AGENT, HeaderValue::from_static(NAME));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let uri = Uri::try_from(url.path()).map_err(http::Error::from)?;
        let mut connection = Self { url: url.clone(), sender, uri, headers };
        match client.era {
            Era::Session(version) => connection.begin_session(&client.name, version).await?,
            Era::Stateless => connection.discover(&client.name).await?,
        }
        Ok(connection)
    }

    /// Initializes one more session on this connection and leaves it open; for a server that is to have many.
    pub(super) async fn add_session(&mut self, client: &str, version: &str) -> Result<(), CallError> {
        self.headers.remove(SESSION_ID);
        let initialize = format!(
            r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{}},"clientInfo":{{"name":"{client}","version":"1"}}}}}}"#
        );
        if let Some(session) = self.step(initialize.into(), None).await? {
            self.headers.insert(SESSION_ID, session);
        }
        self.step(INITIALIZED.into(), None).await?;
        Ok(())
    }

    async fn begin_session(&mut self, client: &str, version: &'static str) -> Result<(), CallError> {
        self.add_session(client, version).await?;
        // The revision with batches has no such header.
        if version != "2025-03-26" {
            self.headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(version));
        }
        self.step(TOOLS_LIST.into(), None).await?;
        Ok(())
    }

    async fn discover(&mut self, client: &str) -> Result<(), CallError> {
        self.headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(MODERN));
        for method in ["server/discover", "tools/list"] {
            let envelope = envelope(client);
            let body =
                format!(r#"{{"jsonrpc":"2.0","id":"{method}","method":"{method}","params":{{{envelope}}}}}"#);
            self.step(body.into(), Some(Routing { method, name: None })).await?;
        }
        Ok(())
    }

    /// Goes on with a new connection.
    pub(super) async fn reconnect(&mut self) -> Result<(), CallError> {
        self.sender = connect(&self.url).await?;
        Ok(())
    }

    /// One call and its whole answer; how late each event came is added to `delays`.
    pub(super) async fn call(&mut self, call: &Call, delays: &mut Vec<u64>) -> Result<Came, CallError> {
        let mut response = self.send(call.body.clone(), call.routing).await?;
        if response.status() != http::StatusCode::OK {
            return Err(Wrong::Status(response.status().as_u16()).into());
        }
        let mut first_byte = None;
        let mut check = Check::new(call);
        while let Some(frame) = response.frame().await {
            if let Some(data) = frame?.data_ref() {
                first_byte.get_or_insert_with(clock::now);
                let now = if call.events > 0 { clock::monotonic_nanos() } else { 0 };
                check.feed(data, &mut |sent| delays.push(now.saturating_sub(sent)))?;
            }
        }
        check.finish()?;
        let end = clock::now();
        Ok(Came { first_byte: first_byte.unwrap_or(end), end })
    }

    /// A server may close a connection after an answer (nginx does after a thousand); then the call goes out on a new
    /// one. A call that was sent is never repeated.
    async fn send(
        &mut self,
        body: Bytes,
        routing: Option<Routing>,
    ) -> Result<http::Response<Incoming>, CallError> {
        if self.sender.ready().await.is_err() {
            self.sender = connect(&self.url).await?;
            self.sender.ready().await?;
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(Routing { method, name }) = routing {
            request.headers_mut().insert(MCP_METHOD, HeaderValue::from_static(method));
            if let Some(name) = name {
                request.headers_mut().insert(MCP_NAME, HeaderValue::from_static(name));
            }
        }
        Ok(self.sender.send_request(request).await?)
    }

    /// A step of the handshake; the session id of its answer, if there is one.
    async fn step(
        &mut self,
        body: Bytes,
        routing: Option<Routing>,
    ) -> Result<Option<HeaderValue>, CallError> {
        let mut response = self.send(body, routing).await?;
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
