//! HTTP/1.1 to a collector: one connection, kept open between requests, cleartext or TLS.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, RETRY_AFTER, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::error::ExportError;
use super::settings::Settings;
use super::target::Target;
use super::tls;

/// The longest body of an answer that is read. A collector says `{}` or how much it refused.
const LONGEST_ANSWER: usize = 64 << 10;

/// A connection. Whoever drops it closes it: hyper by itself would go on writing a request that was given up, for as long
/// as the collector does not read, and hold its memory.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The client. Clones are the same.
#[derive(Clone)]
pub(super) struct Client(Arc<Inner>);

struct Inner {
    target: Target,
    tls: Option<(ServerName<'static>, TlsConnector)>,
    headers: HeaderMap,
    timeout: Duration,
    /// Taken for a request, and put back when the answer was read to its end.
    idle: Mutex<Option<Connection>>,
    last: Mutex<Failure>,
}

/// How the last request failed; the library does not pass it on.
#[derive(Debug, Clone, Default)]
pub(super) struct Failure {
    /// In words that hold nothing the collector wrote.
    pub(super) reason: Option<String>,
    /// How long the collector wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("target", &self.0.target.shown).finish_non_exhaustive()
    }
}

impl Client {
    /// Reads certificates when the collector is to be reached by TLS. Nothing is connected yet.
    pub(super) fn new(settings: &Settings, target: Target) -> Result<Self, ExportError> {
        let tls = if target.tls {
            let name = ServerName::try_from(target.host.clone()).map_err(|_| {
                let why = "names a host that no certificate can name";
                ExportError::new("otlp_endpoint", target.shown.clone(), why, "give a name or an address")
            })?;
            let config = tls::Material::read(&settings.tls)?.for_http()?;
            Some((name, TlsConnector::from(Arc::new(config))))
        } else {
            None
        };
        let mut headers: HeaderMap = settings.headers.0.iter().cloned().collect();
        // How a request is framed is no user's choice.
        for name in [CONNECTION, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
            headers.remove(name);
        }
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(super::USER_AGENT));
        let host = HeaderValue::try_from(target.authority.as_str()).map_err(|_| {
            let why = "names a host that no header can name";
            ExportError::new("otlp_endpoint", target.shown.clone(), why, "give a name or an address")
        })?;
        headers.insert(HOST, host);
        let timeout = settings.timeout;
        Ok(Self(Arc::new(Inner {
            target,
            tls,
            headers,
            timeout,
            idle: Mutex::default(),
            last: Mutex::default(),
        })))
    }

    /// How the last request failed, once.
    pub(super) fn failure(&self) -> Failure {
        std::mem::take(&mut *lock(&self.0.last))
    }

    /// Why the last request failed, if it did.
    pub(super) fn last_reason(&self) -> Option<String> {
        lock(&self.0.last).reason.clone()
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Problem> {
        let request = self.request(request);
        let reused = lock(&self.0.idle).take();
        if let Some(mut connection) = reused
            && connection.sender.ready().await.is_ok()
        {
            match connection.sender.send_request(request.clone()).await {
                Ok(response) => return self.read(connection, response).await,
                // It was closed just then, and nothing was sent.
                Err(error) if error.is_canceled() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut connection = self.connect().await?;
        let response = connection.sender.send_request(request).await?;
        self.read(connection, response).await
    }

    /// What is sent in place of what the library made: it adds headers from variables by its own reading.
    fn request(&self, request: Request<Bytes>) -> Request<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let mut headers = self.0.headers.clone();
        for name in [CONTENT_TYPE, CONTENT_ENCODING] {
            match head.headers.get(&name) {
                Some(value) => headers.insert(name, value.clone()),
                None => headers.remove(name),
            };
        }
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = head.method;
        *request.uri_mut() = self.0.target.path.clone().into();
        *request.headers_mut() = headers;
        request
    }

    async fn connect(&self) -> Result<Connection, Problem> {
        let Inner { target, tls, .. } = &*self.0;
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
        stream.set_nodelay(true)?;
        match tls {
            Some((name, tls)) => speak(tls.connect(name.clone(), stream).await?).await,
            None => speak(stream).await,
        }
    }

    /// Reads the answer. One that is too long tells by its status alone.
    async fn read(
        &self,
        connection: Connection,
        response: Response<Incoming>,
    ) -> Result<Response<Bytes>, Problem> {
        let (head, mut body) = response.into_parts();
        let mut bytes = BytesMut::new();
        let mut whole = true;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            whole = bytes.len() + data.len() <= LONGEST_ANSWER;
            if !whole {
                bytes.clear();
                break;
            }
            bytes.extend_from_slice(&data);
        }
        if whole {
            *lock(&self.0.idle) = Some(connection);
        }
        if !head.status.is_success() {
            *lock(&self.0.last) = Failure {
                reason: Some(format!("status {}", head.status.as_u16())),
                retry_after: head.headers.get(RETRY_AFTER).and_then(seconds),
            };
        }
        Ok(Response::from_parts(head, bytes.freeze()))
    }
}

/// The form in seconds; the library reads dates for its own retries.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

async fn speak(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Connection, Problem> {
    let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    // What went wrong the sender knows.
    let task = tokio::spawn(async { drop(connection.await) });
    Ok(Connection { sender, task })
}

/// Nothing that holds a lock can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Http(hyper::Error),
    #[error("the answer is not HTTP/1.1; where gRPC is spoken (usually port 4317) set otlp_protocol to grpc")]
    Foreign,
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Slow(Duration),
}

impl From<hyper::Error> for Problem {
    fn from(error: hyper::Error) -> Self {
        // Of who speaks before it was asked the library only says that the request was not sent, because something came.
        let cause = error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
        let came = |cause: &hyper::Error| cause.source().is_none() && !cause.is_closed();
        let foreign = error.is_parse() || (error.is_canceled() && cause.is_some_and(came));
        if foreign { Self::Foreign } else { Self::Http(error) }
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Client {
    fn send_bytes<'life0, 'async_trait>(&'life0 self, request: Request<Bytes>) -> Answer<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let timeout = self.0.timeout;
            let answer = tokio::time::timeout(timeout, self.send(request)).await;
            answer.unwrap_or(Err(Problem::Slow(timeout))).map_err(|problem| {
                *lock(&self.0.last) = Failure { reason: Some(problem.to_string()), retry_after: None };
                HttpError::from(problem)
            })
        })
    }
}
