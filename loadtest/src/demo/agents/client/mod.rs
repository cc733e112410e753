//! An MCP client over Streamable HTTP, in the revisions of its [`Era`].

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::knowledge::Tool;
use super::persona::{Era, FALLBACK, MODERN, Persona};
use super::script::Patience;
use super::sse::{Events, TooLong};
use crate::address::LoopbackUrl;
use crate::demo::web::{HttpError, Sender, connect};

/// Longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(30);
/// Longest JSON body that is read.
const BODY_LIMIT: usize = 8 << 20;
/// How long a stream may stay open behind the answer, before its connection is given up.
const REST: Duration = Duration::from_millis(200);

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// The connection.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A status without a JSON-RPC message.
    #[error("status {0} without an answer")]
    Status(StatusCode),
    /// A body that is no answer.
    #[error("not an answer: {0}")]
    Body(String),
    /// The stream ended first.
    #[error("the stream ended without the answer")]
    Ended,
    /// Nothing came.
    #[error("no answer after {LIMIT:?}")]
    Late,
    /// An event without an end.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

impl From<hyper::Error> for ClientError {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error.into())
    }
}

/// How a request ended.
#[derive(Debug)]
pub(super) enum Reply {
    /// With a result.
    Result(Value),
    /// With a JSON-RPC error.
    Error,
    /// The client did not wait.
    GivenUp,
}

/// Where messages go, and the headers of all of them.
#[derive(Debug, Clone)]
struct Wire {
    url: LoopbackUrl,
    headers: HeaderMap,
}

/// A client and its session.
#[derive(Debug)]
pub(super) struct Client {
    wire: Wire,
    persona: &'static Persona,
    era: Era,
    /// The handshake is done, or none is needed.
    ready: bool,
    connection: Option<Sender>,
    next_id: u64,
}

impl Client {
    /// A client that has not connected yet.
    pub(super) fn new(url: LoopbackUrl, persona: &'static Persona) -> Result<Self, ClientError> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, plain(&url.address().to_string())?);
        headers.insert(USER_AGENT, HeaderValue::from_static(persona.user_agent));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let wire = Wire { url, headers };
        Ok(Self { wire, persona, era: persona.era, ready: false, connection: None, next_id: 1 })
    }

    /// Does what the revision asks for before the first request.
    pub(super) async fn prepare(&mut self) -> Result<(), ClientError> {
        if self.ready {
            return Ok(());
        }
        if self.era == Era::Modern {
            match self.send("server/discover", json!({}), &HeaderMap::new(), Patience::Wait).await {
                Ok(Reply::Result(_)) => {
                    self.ready = true;
                    return Ok(());
                }
                // A server of an older revision: the handshake follows, as with every client that knows both.
                Ok(_) | Err(ClientError::Status(_)) => self.era = FALLBACK,
                Err(error) => return Err(error),
            }
        }
        self.initialize().await
    }

    async fn initialize(&mut self) -> Result<(), ClientError> {
        let Era::Legacy(version) = self.era else { return Ok(()) };
        self.wire.headers.remove(SESSION_ID);
        self.wire.headers.remove(PROTOCOL_VERSION);
        let client = json!({"name": self.persona.name, "version": self.persona.version});
        let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client});
        let reply = self.send("initialize", params, &HeaderMap::new(), Patience::Wait).await?;
        let Reply::Result(result) = reply else {
            return Err(ClientError::Body("initialize was refused".to_owned()));
        };
        let agreed = result["protocolVersion"].as_str().unwrap_or(version);
        if agreed >= "2025-06-18" {
            self.wire.headers.insert(PROTOCOL_VERSION, plain(agreed)?);
        }
        let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        self.wire.notify(&mut self.connection, &body).await?;
        self.ready = true;
        Ok(())
    }

    /// A request that calls no tool.
    pub(super) async fn ask(&mut self, method: &str, params: Value) -> Result<Reply, ClientError> {
        let name = params["name"].as_str().or_else(|| params["uri"].as_str());
        let mut headers = HeaderMap::new();
        if let Some(name) = name.filter(|_| self.era == Era::Modern) {
            headers.insert(NAME, header_value(name)?);
        }
        self.send(method, params, &headers, Patience::Wait).await
    }

    /// Calls a tool; `known` is what the catalogue says of it.
    pub(super) async fn call(
        &mut self,
        name: &str,
        arguments: &Value,
        known: Option<&Tool>,
        patience: Patience,
    ) -> Result<Reply, ClientError> {
        let mut headers = HeaderMap::new();
        if self.era == Era::Modern {
            headers.insert(NAME, header_value(name)?);
            for (argument, header) in known.into_iter().flat_map(|tool| &tool.headers) {
                let value = match &arguments[argument] {
                    Value::String(text) => text.clone(),
                    value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
                    _ => continue,
                };
                let header = HeaderName::try_from(format!("mcp-param-{header}"))
                    .map_err(|error| HttpError::Request(error.into()))?;
                headers.insert(header, header_value(&value)?);
            }
        }
        let params = json!({"name": name, "arguments": arguments});
        self.send("tools/call", params, &headers, patience).await
    }

    async fn send(
        &mut self,
        method: &str,
        mut params: Value,
        more: &HeaderMap,
        patience: Patience,
    ) -> Result<Reply, ClientError> {
        let id = self.next_id;
        self.next_id += 1;
        let mut wire = self.wire.clone();
        wire.headers.extend(more.clone());
        if self.era == Era::Modern {
            wire.headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(MODERN));
            wire.headers.insert(METHOD, plain(method)?);
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo":
                    {"name": self.persona.name, "version": self.persona.version},
            });
        }
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let mut connection = self.connection.take();
        let reply = wait(&wire, &mut connection, &body, id, patience, self.era).await;
        if let Ok(Some((reply, session))) = reply {
            self.connection = connection;
            if let Some(session) = session {
                self.wire.headers.insert(SESSION_ID, session);
            }
            return Ok(reply);
        }
        match reply {
            Ok(_) => Ok(Reply::GivenUp),
            Err(error) => {
                // The session may be what is gone: the next request starts with a new one.
                self.ready = false;
                Err(error)
            }
        }
    }

    /// Ends the session, as clients do that are closed.
    pub(super) async fn close(&mut self) {
        if self.wire.headers.contains_key(SESSION_ID) {
            let wire = self.wire.clone();
            // A server may refuse it; there is nobody left who could care.
            drop(wire.send(&mut self.connection, Method::DELETE, Bytes::new()).await);
        }
        self.connection = None;
        self.ready = false;
    }
}

type Answered = (Reply, Option<HeaderValue>);

/// Waits for the answer as long as the patience lasts; `None` when it did not.
async fn wait(
    wire: &Wire,
    connection: &mut Option<Sender>,
    body: &Value,
    id: u64,
    patience: Patience,
    era: Era,
) -> Result<Option<Answered>, ClientError> {
    let (limit, cancels) = match patience {
        Patience::Wait => (LIMIT, false),
        Patience::Cancel(after) => (after, era != Era::Modern),
        Patience::Leave(after) => (after, false),
    };
    let mut answer = std::pin::pin!(wire.exchange(connection, body, id));
    if let Ok(answer) = tokio::time::timeout(limit, &mut answer).await {
        return answer.map(Some);
    }
    if patience == Patience::Wait {
        return Err(ClientError::Late);
    }
    if cancels {
        let params = json!({"requestId": id, "reason": "The user cancelled."});
        let body = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
        wire.notify(&mut None, &body).await?;
    }
    // Dropping the exchange closes its connection: in the newest revision this is what cancels.
    Ok(None)
}

impl Wire {
    /// One request and its answer, and the session that it opened.
    async fn exchange(
        &self,
        connection: &mut Option<Sender>,
        body: &Value,
        id: u64,
    ) -> Result<Answered, ClientError> {
        let mut response = self.send(connection, Method::POST, Bytes::from(body.to_string())).await?;
        let session = response.headers().get(SESSION_ID).cloned();
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            // A session that the server has forgotten: the next request starts a new one.
            if response.status() == StatusCode::NOT_FOUND && self.headers.contains_key(SESSION_ID) {
                return Err(ClientError::Status(response.status()));
            }
            return Ok((whole(response).await?, session));
        }
        let mut events = Events::default();
        while let Some(frame) = response.frame().await {
            let frame = frame?;
            let Some(data) = frame.data_ref() else { continue };
            for event in events.feed(data)? {
                let Ok(message) = serde_json::from_str::<Value>(&event) else {
                    return Err(ClientError::Body(excerpt(&event)));
                };
                if let Some(reply) = self.read(message, id).await? {
                    let rest = async { while let Some(Ok(_)) = response.frame().await {} };
                    if tokio::time::timeout(REST, rest).await.is_err() {
                        *connection = None;
                    }
                    return Ok((reply, session));
                }
            }
        }
        Err(ClientError::Ended)
    }

    /// The reply in a message of a stream; a ping of the server is answered, everything else is passed over.
    async fn read(&self, mut message: Value, id: u64) -> Result<Option<Reply>, ClientError> {
        if message["method"] == "ping" && !message["id"].is_null() {
            let pong = json!({"jsonrpc": "2.0", "id": message["id"], "result": {}});
            self.notify(&mut None, &pong).await?;
        }
        if message.get("method").is_some() || message["id"] != id {
            return Ok(None);
        }
        if message.get("error").is_some() {
            return Ok(Some(Reply::Error));
        }
        Ok(message.get_mut("result").map(|result| Reply::Result(result.take())))
    }

    /// Sends what has no answer.
    async fn notify(&self, connection: &mut Option<Sender>, body: &Value) -> Result<(), ClientError> {
        let send = async {
            let response = self.send(connection, Method::POST, Bytes::from(body.to_string())).await?;
            // Read to its end, so that the connection can be used again.
            Limited::new(response.into_body(), BODY_LIMIT).collect().await.map_err(HttpError::Body)?;
            Ok(())
        };
        tokio::time::timeout(LIMIT, send).await.map_err(|_| ClientError::Late)?
    }

    /// On the connection if it is still good, else on a new one. What was sent is never repeated.
    async fn send(
        &self,
        connection: &mut Option<Sender>,
        method: Method,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut kept = connection.take();
        if let Some(sender) = &mut kept
            && sender.ready().await.is_err()
        {
            kept = None;
        }
        let mut sender = match kept {
            Some(sender) => sender,
            None => connect(self.url.address()).await?,
        };
        sender.ready().await?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() =
            Uri::try_from(self.url.path()).map_err(|error| HttpError::Request(error.into()))?;
        *request.headers_mut() = self.headers.clone();
        let response = sender.send_request(request).await?;
        *connection = Some(sender);
        Ok(response)
    }
}

/// The answer in a body that is no stream.
async fn whole(response: Response<Incoming>) -> Result<Reply, ClientError> {
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await.map_err(HttpError::Body)?;
    let body = body.to_bytes();
    let message = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    match (message.get("result"), message.get("error")) {
        (Some(result), None) => Ok(Reply::Result(result.clone())),
        (None, Some(_)) => Ok(Reply::Error),
        _ if status.is_success() => Err(ClientError::Body(excerpt(&String::from_utf8_lossy(&body)))),
        _ => Err(ClientError::Status(status)),
    }
}

fn excerpt(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(120).collect()
}

/// A name or an argument as a header: as it is if it is printable ASCII, else in the encoding of the newest revision.
fn header_value(text: &str) -> Result<HeaderValue, ClientError> {
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if printable && text.trim() == text && !text.starts_with("=?base64?") {
        return plain(text);
    }
    plain(&format!("=?base64?{}?=", base64(text.as_bytes())))
}

/// Standard base64 with padding; a handful of lines do not need a library.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

fn plain(text: &str) -> Result<HeaderValue, ClientError> {
    HeaderValue::try_from(text).map_err(|error| HttpError::Request(error.into()).into())
}

#[cfg(test)]
mod tests;
