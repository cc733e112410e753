//! Opens connections to the server: TCP, TLS over TCP, or a Unix socket.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::ForwardError;
use super::{Settings, UpstreamAddress, UpstreamProtocol};
use crate::fault::TransportFailure;

/// Knows how to reach the server. Cheap to clone, made once for all workers.
#[derive(Clone)]
pub struct Connector(Arc<Reach>);

enum Reach {
    Tcp { host: String, port: u16 },
    Tls { host: String, port: u16, name: ServerName<'static>, tls: TlsConnector },
    Unix(PathBuf),
}

impl Connector {
    /// Reads the trusted certificates when the server is to be reached by TLS.
    ///
    /// # Errors
    /// When the host is no valid name for TLS, or no trusted certificate can be read.
    pub fn new(settings: &Settings) -> io::Result<Self> {
        Ok(Self(Arc::new(match &settings.address {
            UpstreamAddress::Tcp { host, port } => Reach::Tcp { host: host.clone(), port: *port },
            UpstreamAddress::Unix(path) => Reach::Unix(path.clone()),
            UpstreamAddress::Tls { host, port } => Reach::Tls {
                host: host.clone(),
                port: *port,
                name: ServerName::try_from(bare(host).to_owned())
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
                tls: TlsConnector::from(Arc::new(client_config(settings)?)),
            },
        })))
    }

    /// Opens one connection.
    pub(super) async fn connect(&self) -> Result<UpstreamIo, ForwardError> {
        match &*self.0 {
            Reach::Tcp { host, port } => Ok(UpstreamIo::Tcp(tcp(host, *port).await?)),
            Reach::Unix(path) => {
                UnixStream::connect(path).await.map(UpstreamIo::Unix).map_err(ForwardError::connect)
            }
            Reach::Tls { host, port, name, tls } => {
                let stream = tcp(host, *port).await?;
                let stream = tls
                    .connect(name.clone(), stream)
                    .await
                    .map_err(|error| ForwardError::new(TransportFailure::Tls, error))?;
                Ok(UpstreamIo::Tls(Box::new(stream)))
            }
        }
    }
}

/// Tries the addresses of the host in their order.
async fn tcp(host: &str, port: u16) -> Result<TcpStream, ForwardError> {
    let addresses = tokio::net::lookup_host((bare(host), port))
        .await
        .map_err(|error| ForwardError::new(TransportFailure::Dns, error))?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(ForwardError::connect)?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(
        || ForwardError::new(TransportFailure::Dns, "the name has no address"),
        ForwardError::connect,
    ))
}

/// An IPv6 address in a URL stands in brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn client_config(settings: &Settings) -> io::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(path) = &settings.ca_file {
        let certificates = CertificateDer::pem_file_iter(path).map_err(io::Error::other)?;
        for certificate in certificates {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
    } else {
        // A system's store may hold certificates that rustls does not take; the rest still counts.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no trusted certificate found"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![match settings.protocol {
        UpstreamProtocol::Http1 => b"http/1.1".to_vec(),
        UpstreamProtocol::Http2 => b"h2".to_vec(),
    }];
    Ok(config)
}

/// A connection to the server.
pub(super) enum UpstreamIo {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

macro_rules! each_io {
    ($self:expr, $io:ident => $call:expr) => {
        match $self.get_mut() {
            UpstreamIo::Tcp($io) => $call,
            UpstreamIo::Tls($io) => $call,
            UpstreamIo::Unix($io) => $call,
        }
    };
}

impl AsyncRead for UpstreamIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each_io!(self, io => Pin::new(io).poll_read(cx, buffer))
    }
}

impl AsyncWrite for UpstreamIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each_io!(self, io => Pin::new(io).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each_io!(self, io => Pin::new(io).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(io) => io.is_write_vectored(),
            Self::Tls(io) => io.is_write_vectored(),
            Self::Unix(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each_io!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each_io!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}
