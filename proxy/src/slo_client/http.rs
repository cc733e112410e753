//! One GET at a time over HTTP/1.1, by TCP, TLS or a Unix socket, with a limit on time and on size.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// How long one answer may take, from the first packet to the last.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer that is read.
pub const LONGEST: usize = 16 << 20;

/// The longest piece of a foreign text that stands in a message.
const LONGEST_QUOTE: usize = 200;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// The processes that run are not those that were asked for.
    #[error("{0}")]
    Process(String),
    /// Nothing answers, or not in a way that can be read.
    #[error("cannot read {url}: {cause}; {remedy}")]
    Answer {
        /// What was asked for.
        url: String,
        /// What happened.
        cause: String,
        /// What to do.
        remedy: String,
    },
}

/// A client of one address.
pub struct Client {
    /// The address without a slash at the end.
    shown: String,
    reach: Reach,
    prefix: String,
    bearer: Option<HeaderValue>,
    remedy: String,
    timeout: Duration,
}

/// How the address is dialled.
enum Reach {
    Tcp(Authority),
    Tls(Authority, Box<(ServerName<'static>, TlsConnector)>),
    Unix(PathBuf),
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// What was asked for.
    pub url: String,
    /// Its status.
    pub status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Client {
    /// Takes the address as users write it; `remedy` is what to do when nothing answers there. Nothing is connected yet.
    ///
    /// # Errors
    /// The address is no URL of `http` or `https` and no `unix:/PATH`, or TLS has no certificates to trust.
    pub fn new(url: &str, remedy: &str) -> Result<Self, Problem> {
        let (shown, reach, prefix) = match url.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => (quoted(url), Reach::Unix(path.into()), String::new()),
            Some(_) => {
                let why = format!("`{}` is no path from the root: write unix:/PATH", quoted(url));
                return Err(Problem::Usage(why));
            }
            None => reach(url)?,
        };
        Ok(Self { shown, reach, prefix, bearer: None, remedy: remedy.to_owned(), timeout: TIMEOUT })
    }

    /// Proves who asks with the token of a file.
    ///
    /// # Errors
    /// The file cannot be read, or holds no token.
    pub fn with_bearer_file(mut self, file: &Path) -> Result<Self, Problem> {
        let wrong = |why: String| Problem::Usage(format!("--bearer-token-file {}: {why}", file.display()));
        let text =
            std::fs::read_to_string(file).map_err(|error| wrong(format!("cannot be read ({error})")))?;
        let token = text.trim();
        if token.is_empty() {
            return Err(wrong("is empty".to_owned()));
        }
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| wrong("holds what no header can hold".to_owned()))?;
        value.set_sensitive(true);
        self.bearer = Some(value);
        Ok(self)
    }

    /// Waits so long and not [`TIMEOUT`].
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Fetches a page below the address.
    ///
    /// # Errors
    /// Nothing answers, not whole, not in time, too much, or with 401, 403 or a redirection.
    pub async fn get(&self, path_and_query: &str) -> Result<Answer, Problem> {
        let path = path_and_query.split('?').next().unwrap_or_default();
        let url = match self.reach {
            Reach::Unix(_) => format!("{path} at {}", self.shown),
            Reach::Tcp(_) | Reach::Tls(..) => format!("{}{path}", self.shown),
        };
        let failed = |cause: String| Problem::Answer { url: url.clone(), cause, remedy: self.remedy.clone() };
        let answer = tokio::time::timeout(self.timeout, self.exchange(path_and_query)).await;
        let (status, headers, body) = match answer {
            Ok(answer) => answer.map_err(failed)?,
            Err(_) => {
                return Err(failed(format!("no answer within {}", humantime::format_duration(self.timeout))));
            }
        };
        let answer = Answer { url, status, headers, body };
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(answer.problem(
                format!("answered {}", status.as_u16()),
                "it wants to know who asks: give --bearer-token-file",
            )),
            status if status.is_redirection() => {
                let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
                let cause = format!("answered {} and points to {}", status.as_u16(), quoted(to));
                Err(answer.problem(cause, "give the address behind it"))
            }
            _ => Ok(answer),
        }
    }

    async fn exchange(&self, path_and_query: &str) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        match &self.reach {
            Reach::Tcp(authority) => self.ask(dial(authority, 80).await?, path_and_query).await,
            Reach::Tls(authority, tls) => {
                let (name, tls) = &**tls;
                let stream = dial(authority, 443).await?;
                let stream =
                    tls.connect(name.clone(), stream).await.map_err(|error| format!("TLS: {error}"))?;
                self.ask(stream, path_and_query).await
            }
            Reach::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| error.to_string())?;
                self.ask(stream, path_and_query).await
            }
        }
    }

    async fn ask(
        &self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        path_and_query: &str,
    ) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(io)).await.map_err(|error| error.to_string())?;
        let host = match &self.reach {
            Reach::Tcp(authority) | Reach::Tls(authority, _) => authority.as_str(),
            Reach::Unix(_) => "localhost",
        };
        let mut request = Request::get(format!("{}{path_and_query}", self.prefix))
            .header(HOST, host)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("mcp-tap/", env!("CARGO_PKG_VERSION")));
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
        let conversation = async {
            let response = sender.send_request(request).await.map_err(said)?;
            let (head, body) = response.into_parts();
            Ok((head.status, head.headers, read(body).await?))
        };
        // The connection's task is this one: dropped, it is closed. What went wrong the conversation knows.
        tokio::select! {
            biased;
            answer = conversation => answer,
            () = async { drop(connection.await); std::future::pending::<()>().await } => Err("closed".to_owned()),
        }
    }
}

impl Answer {
    /// A problem with this answer.
    #[must_use]
    pub fn problem(&self, cause: String, remedy: &str) -> Problem {
        Problem::Answer { url: self.url.clone(), cause, remedy: remedy.to_owned() }
    }

    /// Reads the body of a success as JSON.
    ///
    /// # Errors
    /// It was no success, or is not what was expected.
    pub fn json<T: DeserializeOwned>(&self, remedy: &str) -> Result<T, Problem> {
        if !self.status.is_success() {
            return Err(self.problem(format!("answered {}", self.status.as_u16()), remedy));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let kind =
                content_type.map_or_else(|| "no type".to_owned(), |value| format!("`{}`", quoted(value)));
            let error = quoted(&error.to_string());
            self.problem(format!("the answer ({kind}) cannot be read ({error})"), remedy)
        })
    }

    /// The same whatever the status; `None` when it cannot be read.
    pub(super) fn json_of_any<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    #[cfg(test)]
    pub(super) fn made(status: u16, content_type: &'static str, body: &str) -> Self {
        Self {
            url: "http://prometheus:9090/api/v1/query".to_owned(),
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }
}

/// A URL as it is shown, how it is dialled, and its path without a slash at the end.
fn reach(url: &str) -> Result<(String, Reach, String), Problem> {
    let usage = |why: &str| Problem::Usage(format!("`{}` {why}", quoted(url)));
    let uri: Uri = url.parse().map_err(|_| usage("is not a URL: write http://HOST:PORT"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(usage("is not a whole URL: write http://HOST:PORT"));
    };
    if authority.as_str().contains('@') {
        return Err(Problem::Usage("a URL must not hold a password: give --bearer-token-file".to_owned()));
    }
    if uri.query().is_some() || url.contains('#') {
        return Err(usage("has a query or a fragment: give the beginning of the address only"));
    }
    let reach = match scheme {
        "http" => Reach::Tcp(authority.clone()),
        "https" => Reach::Tls(authority.clone(), Box::new(connector(authority.host())?)),
        _ => return Err(usage("is neither http nor https")),
    };
    let prefix = uri.path().trim_end_matches('/').to_owned();
    Ok((format!("{scheme}://{authority}{prefix}"), reach, prefix))
}

async fn dial(authority: &Authority, default_port: u16) -> Result<TcpStream, String> {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let port = authority.port_u16().unwrap_or(default_port);
    TcpStream::connect((host, port)).await.map_err(|error| error.to_string())
}

/// Reads a body up to [`LONGEST`].
async fn read(mut body: Incoming) -> Result<Bytes, String> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the answer broke off ({error})"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > LONGEST {
            return Err(format!("the answer is longer than {}", bytesize::ByteSize(LONGEST as u64)));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn said(error: hyper::Error) -> String {
    if error.is_parse() { "the answer is not HTTP/1.1".to_owned() } else { error.to_string() }
}

fn connector(host: &str) -> Result<(ServerName<'static>, TlsConnector), Problem> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare)
        .map_err(|_| Problem::Usage(format!("`{}` is a host that no certificate can name", quoted(host))))?;
    let mut roots = rustls::RootCertStore::empty();
    // A system's store may hold certificates that rustls does not take; the rest still counts.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Problem::Usage("the system trusts no certificate: set SSL_CERT_FILE".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Problem::Usage(format!("TLS cannot be used: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((name, TlsConnector::from(Arc::new(config))))
}

/// A foreign text as it may stand on a terminal: short, and no control characters.
pub(super) fn quoted(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { '?' } else { letter };
    let mut quote: String = text.chars().take(LONGEST_QUOTE).map(plain).collect();
    if text.chars().count() > LONGEST_QUOTE {
        quote.push('…');
    }
    quote
}
