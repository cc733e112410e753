//! Collectors that do as they are told, over HTTP and gRPC.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tonic::codec::CompressionEncoding;

use super::super::Protocol;

/// What a collector does with one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Act {
    /// Takes it.
    Accept,
    /// Takes it and says that it refused so many spans.
    Refuse(i64),
    /// Is busy, and says for how many seconds if it knows.
    Busy(Option<u64>),
    /// Another status of HTTP (gRPC: invalid argument).
    Status(u16),
    /// Never answers.
    Silent,
    /// Closes the connection (HTTP only).
    Reset,
    /// Takes it, and closes the connection after the answer without a word (HTTP only).
    Leave,
    /// Answers with what is no HTTP (HTTP only).
    Noise,
    /// Takes it, and answers with what is no message (HTTP only).
    Garbage,
    /// Takes it, and answers with ten megabytes (HTTP only).
    Huge,
}

/// By the number of the request, from 0.
pub(super) type Plan = Arc<dyn Fn(usize) -> Act + Send + Sync>;

/// What came.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) connections: AtomicUsize,
    pub(super) requests: AtomicUsize,
    /// Of requests that were taken.
    pub(super) spans: AtomicUsize,
    /// Spans of the biggest request.
    pub(super) biggest: AtomicUsize,
    /// Requests of metrics that were taken.
    pub(super) metrics: Mutex<Vec<ExportMetricsServiceRequest>>,
    pub(super) heads: Mutex<Vec<String>>,
    pub(super) resource: Mutex<Vec<(String, String)>>,
}

impl Seen {
    fn read(&self, request: &ExportTraceServiceRequest, taken: bool) {
        let mut spans = 0;
        for group in &request.resource_spans {
            let attributes = group.resource.iter().flat_map(|resource| &resource.attributes);
            *self.resource.lock().unwrap() = attributes
                .filter_map(|attribute| match attribute.value.as_ref()?.value.as_ref()? {
                    Value::StringValue(text) => Some((attribute.key.clone(), text.clone())),
                    _ => None,
                })
                .collect();
            spans += group.scope_spans.iter().map(|scope| scope.spans.len()).sum::<usize>();
        }
        self.biggest.fetch_max(spans, Ordering::SeqCst);
        if taken {
            self.spans.fetch_add(spans, Ordering::SeqCst);
        }
    }

    fn read_metrics(&self, request: ExportMetricsServiceRequest, taken: bool) {
        if taken {
            self.metrics.lock().unwrap().push(request);
        }
    }
}

/// A collector on a thread of its own, until it is dropped.
pub(super) struct Collector {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Seen>,
    _stop: oneshot::Sender<()>,
}

/// For a collector that speaks TLS, in PEM.
#[derive(Clone)]
pub(super) struct Pem {
    pub(super) certificate: String,
    pub(super) key: String,
    /// Whose clients it wants.
    pub(super) clients: Option<String>,
}

impl Collector {
    pub(super) fn start(protocol: Protocol, tls: Option<Pem>, plan: Plan) -> Self {
        let seen = Arc::new(Seen::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = std::sync::mpsc::channel();
        let service = Service { seen: Arc::clone(&seen), plan };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = service.serve(protocol, listener, tls) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: address.recv().unwrap(), seen, _stop: stop }
    }
}

#[derive(Clone)]
struct Service {
    seen: Arc<Seen>,
    plan: Plan,
}

impl Service {
    async fn serve(self, protocol: Protocol, listener: TcpListener, tls: Option<Pem>) {
        match protocol {
            Protocol::Grpc => self.serve_grpc(listener, tls).await,
            Protocol::HttpProtobuf => self.serve_http(listener, tls).await,
        }
    }

    async fn serve_grpc(self, listener: TcpListener, tls: Option<Pem>) {
        let mut server = tonic::transport::Server::builder();
        if let Some(pem) = tls {
            let identity = tonic::transport::Identity::from_pem(pem.certificate, pem.key);
            let mut tls = tonic::transport::ServerTlsConfig::new().identity(identity);
            if let Some(clients) = pem.clients {
                tls = tls.client_ca_root(tonic::transport::Certificate::from_pem(clients));
            }
            server = server.tls_config(tls).unwrap();
        }
        let metrics = MetricsServiceServer::new(self.clone()).accept_compressed(CompressionEncoding::Gzip);
        let traces = TraceServiceServer::new(self).accept_compressed(CompressionEncoding::Gzip);
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        server.add_service(traces).add_service(metrics).serve_with_incoming(incoming).await.unwrap();
    }

    async fn serve_http(self, listener: TcpListener, tls: Option<Pem>) {
        let tls = tls.map(|pem| acceptor(&pem));
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (service, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                service.seen.connections.fetch_add(1, Ordering::SeqCst);
                match tls {
                    Some(tls) => service.converse(tls.accept(stream).await?).await,
                    None => service.converse(stream).await,
                }
            });
        }
    }

    async fn converse(self, mut io: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        loop {
            let (head, body) = request(&mut io).await?;
            let number = self.seen.requests.fetch_add(1, Ordering::SeqCst);
            let act = (self.plan)(number);
            let body = if head.contains("content-encoding: gzip") { gunzip(&body) } else { body };
            let taken = matches!(act, Act::Accept | Act::Leave | Act::Refuse(_) | Act::Garbage | Act::Huge);
            let refused = if let Act::Refuse(refused) = act { refused } else { 0 };
            let response = if head.starts_with("post /v1/metrics ") {
                self.seen.read_metrics(ExportMetricsServiceRequest::decode(&*body).unwrap(), taken);
                partial_metrics(refused).encode_to_vec()
            } else {
                self.seen.read(&ExportTraceServiceRequest::decode(&*body).unwrap(), taken);
                partial(refused).encode_to_vec()
            };
            self.seen.heads.lock().unwrap().push(head);
            match act {
                Act::Accept | Act::Refuse(_) => io.write_all(&answer(200, "", &response)).await?,
                Act::Busy(seconds) => {
                    let after = seconds.map(|seconds| format!("retry-after: {seconds}\r\n"));
                    io.write_all(&answer(503, &after.unwrap_or_default(), b"canary")).await?;
                }
                Act::Status(status) => io.write_all(&answer(status, "", b"canary")).await?,
                Act::Silent => std::future::pending().await,
                Act::Reset => return Ok(()),
                Act::Leave => return io.write_all(&answer(200, "", &[])).await,
                Act::Noise => io.write_all(b"\x00\xffcanary\r\n\r\n").await?,
                Act::Garbage => io.write_all(&answer(200, "", b"\xff\xffcanary")).await?,
                Act::Huge => io.write_all(&answer(200, "", &vec![b'x'; 10 << 20])).await?,
            }
        }
    }
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let act = self.act(request.metadata());
        self.seen.read(request.get_ref(), taken(act));
        self.comply(act).await.map(|refused| tonic::Response::new(partial(refused)))
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        let act = self.act(request.metadata());
        self.seen.read_metrics(request.into_inner(), taken(act));
        self.comply(act).await.map(|refused| tonic::Response::new(partial_metrics(refused)))
    }
}

/// Whether gRPC takes the request.
fn taken(act: Act) -> bool {
    matches!(act, Act::Accept | Act::Refuse(_))
}

impl Service {
    fn act(&self, metadata: &tonic::metadata::MetadataMap) -> Act {
        let number = self.seen.requests.fetch_add(1, Ordering::SeqCst);
        self.seen.heads.lock().unwrap().push(format!("{metadata:?}"));
        (self.plan)(number)
    }

    /// How many spans or points are refused, over gRPC.
    async fn comply(&self, act: Act) -> Result<i64, tonic::Status> {
        match act {
            Act::Accept => Ok(0),
            Act::Refuse(refused) => Ok(refused),
            Act::Busy(None) => Err(tonic::Status::unavailable("canary")),
            Act::Busy(Some(seconds)) => Err(tonic::Status::with_details(
                tonic::Code::ResourceExhausted,
                "canary",
                retry_info(seconds).into(),
            )),
            Act::Silent => std::future::pending().await,
            _ => Err(tonic::Status::invalid_argument("canary")),
        }
    }
}

fn partial(rejected_spans: i64) -> ExportTraceServiceResponse {
    let partial_success = ExportTracePartialSuccess { rejected_spans, error_message: "canary".to_owned() };
    ExportTraceServiceResponse { partial_success: (rejected_spans != 0).then_some(partial_success) }
}

fn partial_metrics(rejected_data_points: i64) -> ExportMetricsServiceResponse {
    let error_message = "canary".to_owned();
    let partial_success = ExportMetricsPartialSuccess { rejected_data_points, error_message };
    ExportMetricsServiceResponse { partial_success: (rejected_data_points != 0).then_some(partial_success) }
}

/// A `google.rpc.Status` with a `google.rpc.RetryInfo` of so many seconds, spelled by hand. Above the greatest signed
/// number they are below zero.
fn retry_info(seconds: u64) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    let mut duration = vec![1 << 3];
    prost::encoding::encode_varint(seconds, &mut duration);
    let info = field(1, &duration);
    let any = [field(1, b"type.googleapis.com/google.rpc.RetryInfo"), field(2, &info)].concat();
    field(3, &any)
}

async fn request(io: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    io.read_exact(&mut body).await?;
    Ok((head, body))
}

fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} So\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn gunzip(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain
}

fn acceptor(pem: &Pem) -> TlsAcceptor {
    use rustls::pki_types::pem::PemObject as _;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate =
        |text: &str| rustls::pki_types::CertificateDer::from_pem_slice(text.as_bytes()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).unwrap();
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match &pem.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(certificate(clients)).unwrap();
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = builder.with_single_cert(vec![certificate(&pem.certificate)], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Waits for a condition, not longer than any of them takes.
#[track_caller]
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = crate::clock::now();
    while !holds() {
        let waited = crate::clock::now() - start;
        assert!(waited < Duration::from_secs(20), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
