//! The leaf of the stack: sends a request to the server and gives back its response, with nothing in between.
//!
//! A request goes out on exactly one connection and is never repeated. The one exception is no repetition: a
//! connection that turns out closed before the first byte was written gives the request back, and it goes on another.

mod connect;
mod error;
mod headers;
mod http2;
mod link;
mod pool;
mod request;
mod response;
mod target;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use tower::Service;

pub use connect::Connector;
pub use error::ForwardError;
pub(in crate::http) use error::is_reset;
pub(in crate::http) use headers::{connection_says, expects_continue, keep_named, remove as remove_header};
pub use request::OutgoingBody;
pub use response::ResponseBody;

use super::h1::decoder::Decoder;
use super::h1::framing::{self, Framing};
use super::h1::spelling::{FromWire, Spelling};
use crate::clock;
use crate::fault::TransportFailure;
use headers::Keep;
use link::{Detached, Link, LinkError, Upload};
use pool::Pool;
use response::After;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How often idle connections that grew too old are closed.
const SWEEP: Duration = Duration::from_secs(1);

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamAddress {
    /// Cleartext TCP.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// TLS over TCP; `host` is also the name that the certificate must have.
    Tls {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl UpstreamAddress {
    /// Host and port, or the path, without the scheme: as the constant label shows it.
    #[must_use]
    pub fn authority(&self) -> String {
        match self {
            Self::Tcp { host, port } | Self::Tls { host, port } if host.contains(':') => {
                format!("[{host}]:{port}")
            }
            Self::Tcp { host, port } | Self::Tls { host, port } => format!("{host}:{port}"),
            Self::Unix(path) => format!("unix:{}", path.display()),
        }
    }
}

/// Which HTTP the server is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// HTTP/1.1 (HTTP/1.0 for clients that speak that).
    Http1,
    /// HTTP/2, over TLS by ALPN, else by prior knowledge.
    Http2,
}

/// How the server is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is.
    pub address: UpstreamAddress,
    /// What it is spoken to in.
    pub protocol: UpstreamProtocol,
    /// PEM file of the certificates to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Longest time for opening a connection; `None`: as long as the system takes.
    pub connect_timeout: Option<Duration>,
    /// Longest time from the request to the response head; `None`: no limit.
    pub response_timeout: Option<Duration>,
    /// How long an unused connection is kept, unless the server says it closes earlier.
    pub idle_timeout: Duration,
    /// Most unused connections that one worker keeps.
    pub max_idle: usize,
}

impl Settings {
    /// The defaults for a server at `address`.
    #[must_use]
    pub fn new(address: UpstreamAddress) -> Self {
        Self {
            address,
            protocol: UpstreamProtocol::Http1,
            ca_file: None,
            connect_timeout: None,
            response_timeout: None,
            // Node and uvicorn close after 5 s, Node without saying so to HTTP/1.1 clients that do not ask.
            idle_timeout: Duration::from_secs(4),
            max_idle: 256,
        }
    }
}

/// The service. One per worker; its clones share the worker's connections.
pub struct Forward<B>(Arc<Shared<B>>);

struct Shared<B> {
    settings: Settings,
    connector: Connector,
    idle: Arc<Pool<Link>>,
    http2: http2::Connections<B>,
}

impl<B> Clone for Forward<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B> Forward<B>
where
    B: Body<Data = Bytes> + FromWire + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    /// A service with no connections yet. Must be called within the runtime that will use it.
    pub fn new(settings: Settings, connector: Connector) -> Self {
        let idle = Arc::new(Pool::new(settings.max_idle, settings.idle_timeout));
        let swept = Arc::downgrade(&idle);
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(SWEEP);
            loop {
                tick.tick().await;
                let Some(idle) = swept.upgrade() else { return };
                idle.sweep(clock::now());
            }
        });
        Self(Arc::new(Shared { settings, connector, idle, http2: http2::Connections::default() }))
    }
}

/// The future of [`Forward`].
pub type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, ForwardError>> + Send>>;

impl<B> Service<Request<B>> for Forward<B>
where
    B: Body<Data = Bytes> + FromWire + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = ForwardError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ForwardError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        let request = request.map(OutgoingBody::new);
        match shared.settings.protocol {
            UpstreamProtocol::Http1 => Box::pin(send_http1(shared, request)),
            UpstreamProtocol::Http2 => Box::pin(send_http2(shared, request)),
        }
    }
}

async fn send_http1<B>(
    shared: Arc<Shared<B>>,
    mut request: Request<OutgoingBody<B>>,
) -> Result<Response<ResponseBody>, ForwardError>
where
    B: Body<Data = Bytes> + FromWire + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let from_http2 = request.version() == Version::HTTP_2;
    let upgrading = request.version() == Version::HTTP_11 && headers::wants_upgrade(request.headers());
    headers::strip(request.headers_mut(), Keep { framing: true, upgrade: upgrading });
    if from_http2 {
        target::http2_to_http1(&mut request);
        // Equal lengths are one to HTTP/2, but not to every server of HTTP/1.
        framing::length(request.headers_mut())
            .map_err(|error| ForwardError::new(TransportFailure::Local, error))?;
    }
    // To HTTP/1.0 the connection is over with the answer, whether the server says so or not.
    let lasting = request.version() == Version::HTTP_11;
    let tunnel = if upgrading { request.body_mut().take_tunnel() } else { None };
    let continued = request::hold_for_continue(&mut request);
    let mut upload = Upload::new(request, continued);
    let (mut link, (mut parts, spelling)) =
        limit(shared.settings.response_timeout, exchange(&shared, &mut upload)).await?;

    let reusable = lasting
        && parts.version == Version::HTTP_11
        && !headers::connection_says(&parts.headers, "close")
        && !framing::is_doubtful(&parts.headers);
    let framing = framing::of_response(&upload.method, parts.status, parts.version, &mut parts.headers)
        .map_err(|error| ForwardError::link(LinkError::Head(error)))?;
    link.keep_alive = headers::keep_alive_timeout(&parts.headers);
    parts.version = Version::HTTP_11;
    let upgraded = parts.status == StatusCode::SWITCHING_PROTOCOLS;
    // 426 says by `Upgrade` what the client should have asked for.
    let speaks_of_upgrade = upgraded || parts.status == StatusCode::UPGRADE_REQUIRED;
    headers::strip(&mut parts.headers, Keep { framing: true, upgrade: speaks_of_upgrade && !from_http2 });
    let decoder = Decoder::new(framing);
    let body = if upgraded {
        let Some(tunnel) = tunnel.filter(|_| upload.is_done()) else {
            return Err(ForwardError::new(TransportFailure::Protocol, "101 without a request to switch"));
        };
        let (io, mut input) = link.into_parts();
        tunnel.open(io, input.buffer().split().freeze());
        ResponseBody::empty(Some(spelling))
    } else if upload.is_done() {
        let pool = (reusable && framing != Framing::Close).then(|| Arc::clone(&shared.idle));
        let after = After { pool, keep_alive: link.keep_alive };
        ResponseBody::over(decoder, link, after, spelling)
    } else {
        let (io, input) = link.into_parts();
        let (io, upload) = Detached::start(io, upload);
        ResponseBody::over_half(decoder, input, io, upload, spelling)
    };
    Ok(Response::from_parts(parts, body))
}

/// Sends the request on the connection used last, or on a new one.
async fn exchange<B>(
    shared: &Shared<B>,
    upload: &mut Upload<B>,
) -> Result<(Link, (Parts, Spelling)), ForwardError>
where
    B: Body<Data = Bytes> + FromWire + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    while let Some(mut link) = shared.idle.take(clock::now()) {
        if !link.is_alive().await {
            continue;
        }
        match link.exchange(upload).await {
            Ok(head) => return Ok((link, head)),
            // The server closed it while it was idle. Not a byte was written: nothing is repeated.
            Err(LinkError::Io(_) | LinkError::Closed) if !upload.begun() => {}
            Err(error) => return Err(ForwardError::link(error)),
        }
    }
    // Boxed is what is rare, so that the future of every other request stays small.
    let mut link = match Box::pin(limit(shared.settings.connect_timeout, Link::open(&shared.connector))).await
    {
        Ok(link) => link,
        Err(error) => {
            Box::pin(upload.read_on()).await;
            return Err(error);
        }
    };
    match link.exchange(upload).await {
        Ok(head) => Ok((link, head)),
        Err(error) => Err(ForwardError::link(error)),
    }
}

async fn send_http2<B>(
    shared: Arc<Shared<B>>,
    mut request: Request<OutgoingBody<B>>,
) -> Result<Response<ResponseBody>, ForwardError>
where
    B: Body<Data = Bytes> + FromWire + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    headers::strip(request.headers_mut(), Keep { framing: false, upgrade: false });
    target::for_http2(&mut request, &shared.settings.address)?;
    let connecting = limit(shared.settings.connect_timeout, shared.http2.stream(&shared.connector));
    let (sender, guard) = match connecting.await {
        Ok(stream) => stream,
        Err(error) => {
            request.into_body().read_on().await;
            return Err(error);
        }
    };
    let method = request.method().clone();
    let response = limit(shared.settings.response_timeout, http2::exchange(sender, request)).await?;
    let (mut parts, body) = response.into_parts();
    parts.version = Version::HTTP_11;
    // HTTP/2 frames by itself; what the head says must be fit for a client of HTTP/1.
    framing::of_response(&method, parts.status, parts.version, &mut parts.headers)
        .map_err(|error| ForwardError::link(LinkError::Head(error)))?;
    Ok(Response::from_parts(parts, ResponseBody::shared(body, guard)))
}

async fn limit<T>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, ForwardError>>,
) -> Result<T, ForwardError> {
    match limit {
        None => work.await,
        Some(limit) => tokio::time::timeout(limit, work)
            .await
            .unwrap_or_else(|elapsed| Err(ForwardError::new(TransportFailure::Timeout, elapsed))),
    }
}
