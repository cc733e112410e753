//! The API of a cluster as clients meet it: HTTP over TLS on loopback, behind a bearer token.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use kube::client::Body;
use mcp_backend::sim::Sim;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower::{BoxError, ServiceExt};

/// The token that the server takes.
pub(crate) const TOKEN: &str = "PLANTED-SECRET-token";

/// How the server treats its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers.
    Answer,
    /// Never says a word.
    SilentBeforeTls,
    /// Never answers a request.
    Silent,
    /// Resets connections once TLS is up.
    Reset,
    /// Ends connections within the body of an answer.
    CutBody,
    /// Answers with something else than an API server would.
    Foreign,
}

/// A running server; it ends with its runtime.
pub(crate) struct ApiServer {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    ca: String,
    shared: Arc<Shared>,
}

struct Shared {
    sim: Sim,
    manner: Mutex<Manner>,
    connections: AtomicUsize,
    requests: AtomicUsize,
}

impl ApiServer {
    /// A server of this cluster.
    pub(crate) async fn start(sim: Sim) -> Self {
        let (ca, acceptor) = certificates();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            sim,
            manner: Mutex::new(Manner::Answer),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
        });
        let served = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                served.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&served)));
            }
        });
        Self { address, ca, shared }
    }

    /// From now on it is like this to new connections and requests.
    pub(crate) fn treat(&self, manner: Manner) {
        *self.shared.manner.lock().expect("not poisoned") = manner;
    }

    /// How many connections and requests there were.
    pub(crate) fn seen(&self) -> (usize, usize) {
        let read = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        (read(&self.shared.connections), read(&self.shared.requests))
    }

    /// The certificate of its authority, in PEM.
    pub(crate) fn ca(&self) -> &str {
        &self.ca
    }

    /// Writes a kubeconfig for it with everything within.
    pub(crate) fn kubeconfig(&self, folder: &Path, token: &str) -> PathBuf {
        let cluster = format!("certificate-authority-data: {}", base64(self.ca.as_bytes()));
        self.write(folder, &cluster, &format!("token: {token}"))
    }

    /// Writes a kubeconfig for it that names files beside it.
    pub(crate) fn kubeconfig_of_files(&self, folder: &Path) -> PathBuf {
        std::fs::write(folder.join("ca.pem"), &self.ca).expect("written");
        std::fs::write(folder.join("token"), TOKEN).expect("written");
        self.write(folder, "certificate-authority: ca.pem", "tokenFile: token")
    }

    fn write(&self, folder: &Path, cluster: &str, user: &str) -> PathBuf {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             contexts:\n- name: test\n  context: {{cluster: test, user: test}}\n\
             clusters:\n- name: test\n  cluster:\n    server: https://{}\n    {cluster}\n\
             users:\n- name: test\n  user:\n    {user}\n",
            self.address
        );
        let path = folder.join("kubeconfig");
        std::fs::write(&path, text).expect("written");
        path
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let manner = || *shared.manner.lock().expect("not poisoned");
    if manner() == Manner::SilentBeforeTls {
        let _open = stream;
        return std::future::pending().await;
    }
    let Ok(stream) = acceptor.accept(stream).await else { return };
    if manner() == Manner::Reset {
        stream.get_ref().0.set_zero_linger().expect("a socket");
        return;
    }
    let service = hyper::service::service_fn(|request| respond(request, Arc::clone(&shared)));
    // A client that went away is no failure of the server.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Body>, BoxError> {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(&format!("Bearer {TOKEN}")) {
        let status = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#;
        return answer(StatusCode::UNAUTHORIZED, status);
    }
    let manner = *shared.manner.lock().expect("not poisoned");
    match manner {
        Manner::Silent => std::future::pending().await,
        Manner::CutBody => {
            let mut cut = answer(StatusCode::OK, "{\"kind\":")?;
            cut.headers_mut().insert("content-length", "1000".parse()?);
            Ok(cut)
        }
        Manner::Foreign => answer(StatusCode::OK, "<html>please log in</html>"),
        _ => shared.sim.clone().oneshot(request.map(|_| Body::empty())).await,
    }
}

fn answer(status: StatusCode, body: &'static str) -> Result<Response<Body>, BoxError> {
    let mut response = Response::new(Body::from(body.as_bytes().to_vec()));
    *response.status_mut() = status;
    Ok(response)
}

/// An authority, and the server that it vouches for.
fn certificates() -> (String, TlsAcceptor) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(params, key);
    let server_key = KeyPair::generate().expect("a key");
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let server = CertificateParams::new(names).expect("parameters");
    let server = server.signed_by(&server_key, &issuer).expect("a certificate").pem();
    let chain = vec![CertificateDer::from_pem_slice(server.as_bytes()).expect("PEM")];
    let key = PrivateKeyDer::from_pem_slice(server_key.serialize_pem().as_bytes()).expect("PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    (ca, TlsAcceptor::from(Arc::new(config)))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let padded = [0, chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
        let bits = u32::from_be_bytes(padded) as usize;
        for place in 0..4 {
            let digit = DIGITS[bits >> (18 - 6 * place) & 63] as char;
            text.push(if place <= chunk.len() { digit } else { '=' });
        }
    }
    text
}
