//! An OTLP collector that does what it is told: HTTP/protobuf (any path, gzip too) and gRPC on one port, on the official
//! messages. It keeps the spans and metrics it takes, and it can be every kind of bad collector.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcp_tap::clock;
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
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tower::ServiceExt;

use super::PATIENCE;
use super::process::fail;
use super::spans::{self, Span};

/// What the collector does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Keeps what comes and says so.
    Store,
    /// Says so, and keeps nothing.
    Lose,
    /// Nothing listens, and what was connected is cut. Not for a script of several behaviours.
    Refuse,
    /// Takes the request and never answers.
    Hang,
    /// Takes the request and resets the connection.
    Reset,
    /// Refuses for now: an HTTP status (over gRPC 503 is UNAVAILABLE, 429 RESOURCE_EXHAUSTED) and the seconds to wait.
    Busy(u16, Option<u64>),
    /// Refuses for good: 400, INVALID_ARGUMENT.
    Invalid,
    /// Answers 200 with bytes that are no message.
    Garbage,
    /// Keeps all but so many spans of each request and tells how many it rejected; of metrics it says so only.
    Partial(usize),
    /// Keeps what comes after a while.
    Slow(Duration),
}

/// What arrived, whatever became of it.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// When.
    pub(crate) at: std::time::Instant,
    /// `grpc` or `http/protobuf`.
    pub(crate) protocol: &'static str,
    /// The path of the request.
    pub(crate) path: String,
    /// `gzip`, or empty.
    pub(crate) encoding: String,
    /// The header `authorization`, or empty.
    pub(crate) authorization: String,
}

/// A running collector; it ends when this is dropped.
pub(crate) struct Collector {
    /// Where it listens, or listened before it refused.
    pub(crate) address: SocketAddr,
    orders: watch::Sender<Orders>,
    store: Arc<Store>,
}

#[derive(Clone)]
struct Orders {
    /// One after another, from the start again.
    script: Arc<[Behaviour]>,
    stop: bool,
}

impl Orders {
    fn refuse(&self) -> bool {
        self.script[..] == [Behaviour::Refuse]
    }
}

#[derive(Default)]
struct Store {
    kept: Mutex<Kept>,
    changed: Condvar,
    requests: AtomicUsize,
}

#[derive(Default)]
struct Kept {
    spans: Vec<Span>,
    metrics: Vec<ExportMetricsServiceRequest>,
    arrivals: Vec<Arrival>,
    rejected: usize,
}

impl Collector {
    /// A good one.
    pub(crate) fn start() -> Self {
        Self::behaving(&[Behaviour::Store])
    }

    /// One that treats request after request as the script says, and then from its start again.
    pub(crate) fn behaving(script: &[Behaviour]) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket option");
        let address = listener.local_addr().expect("it is bound");
        let (orders, heard) = watch::channel(Orders { script: script.into(), stop: false });
        let store = Arc::<Store>::default();
        let shared = Arc::clone(&store);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(accept(listener, address, heard, shared));
        });
        Self { address, orders, store }
    }

    /// The URL for `--otlp-endpoint`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Behaves otherwise from now on; the script begins anew.
    pub(crate) fn behave(&self, script: &[Behaviour]) {
        self.store.requests.store(0, Ordering::SeqCst);
        self.orders.send_modify(|orders| orders.script = script.into());
    }

    /// What it has kept so far, in the order of arrival.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.store.kept.lock().unwrap().spans.clone()
    }

    /// The requests of metrics that it has kept so far, in the order of arrival.
    pub(crate) fn metrics(&self) -> Vec<ExportMetricsServiceRequest> {
        self.store.kept.lock().unwrap().metrics.clone()
    }

    /// The requests so far.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.store.kept.lock().unwrap().arrivals.clone()
    }

    /// The spans it said it rejected.
    pub(crate) fn rejected(&self) -> usize {
        self.store.kept.lock().unwrap().rejected
    }

    /// Waits until what it has kept is as wanted; gives all of it.
    pub(crate) fn await_spans(&self, what: &str, wanted: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let deadline = clock::now() + PATIENCE;
        let mut kept = self.store.kept.lock().unwrap();
        while !wanted(&kept.spans) {
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero() {
                fail(&format!(
                    "no {what} in {PATIENCE:?}; there are:\n{}",
                    spans::tree(&kept.spans, &[], &[])
                ));
            }
            kept = self.store.changed.wait_timeout(kept, left).unwrap().0;
        }
        kept.spans.clone()
    }

    /// Waits for so many spans, and fails if there are more.
    pub(crate) fn await_count(&self, count: usize) -> Vec<Span> {
        let spans = self.await_spans(&format!("{count} spans"), |spans| spans.len() >= count);
        if spans.len() > count {
            fail(&format!("{count} spans expected, there are:\n{}", spans::tree(&spans, &[], &[])));
        }
        spans
    }

    /// Waits until so many requests have arrived.
    pub(crate) fn await_arrivals(&self, count: usize) {
        let kept = self.store.kept.lock().unwrap();
        let few = |kept: &mut Kept| kept.arrivals.len() < count;
        let (_kept, waited) = self.store.changed.wait_timeout_while(kept, PATIENCE, few).unwrap();
        assert!(!waited.timed_out(), "less than {count} requests arrived in {PATIENCE:?}");
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.orders.send_modify(|orders| orders.stop = true);
    }
}

impl Store {
    /// Keeps the spans but for the last `reject` ones; gives the answer.
    fn take(&self, request: ExportTraceServiceRequest, reject: usize) -> ExportTraceServiceResponse {
        let mut spans = spans::of(request);
        let rejected = reject.min(spans.len());
        spans.truncate(spans.len() - rejected);
        let mut kept = self.kept.lock().unwrap();
        kept.spans.extend(spans);
        kept.rejected += rejected;
        self.changed.notify_all();
        ExportTraceServiceResponse {
            partial_success: (rejected > 0).then(|| ExportTracePartialSuccess {
                rejected_spans: i64::try_from(rejected).expect("few"),
                error_message: "no room".into(),
            }),
        }
    }
}

impl Store {
    /// Keeps the metrics; gives the answer.
    fn take_metrics(
        &self,
        request: ExportMetricsServiceRequest,
        reject: usize,
    ) -> ExportMetricsServiceResponse {
        let mut kept = self.kept.lock().unwrap();
        kept.metrics.push(request);
        self.changed.notify_all();
        ExportMetricsServiceResponse {
            partial_success: (reject > 0).then(|| ExportMetricsPartialSuccess {
                rejected_data_points: i64::try_from(reject).expect("few"),
                error_message: "no room".into(),
            }),
        }
    }
}

/// Takes connections, and listens only while it is not told to refuse.
async fn accept(
    listener: std::net::TcpListener,
    address: SocketAddr,
    mut heard: watch::Receiver<Orders>,
    store: Arc<Store>,
) {
    let mut listener = TcpListener::from_std(listener).ok();
    loop {
        let orders = heard.borrow_and_update().clone();
        if orders.stop {
            return;
        }
        if orders.refuse() {
            listener = None;
            if heard.changed().await.is_err() {
                return;
            }
            continue;
        }
        let listening = match listener.take() {
            Some(listening) => listening,
            None => TcpListener::bind(address).await.expect("the port is still free"),
        };
        tokio::select! {
            accepted = listening.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(serve(stream, heard.clone(), Arc::clone(&store)));
                }
            }
            changed = heard.changed() => if changed.is_err() { return },
        }
        listener = Some(listening);
    }
}

/// Serves one connection until its end, until it is to be reset, or until the collector refuses.
async fn serve(stream: TcpStream, mut heard: watch::Receiver<Orders>, store: Arc<Store>) {
    let socket = socket2::SockRef::from(&stream).try_clone().expect("a second handle");
    let cut = Arc::new(Notify::new());
    let order = heard.clone();
    let (each_store, each_cut) = (Arc::clone(&store), Arc::clone(&cut));
    let service = service_fn(move |request| {
        let script = Arc::clone(&order.borrow().script);
        let turn = each_store.requests.fetch_add(1, Ordering::SeqCst);
        let behaviour = script[turn % script.len()];
        handle(request, behaviour, Arc::clone(&each_store), Arc::clone(&each_cut))
    });
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let ended = tokio::select! {
        _ended = server.serve_connection(TokioIo::new(stream), service) => true,
        () = cut.notified() => false,
        _refuses = heard.wait_for(|orders| orders.refuse() || orders.stop) => false,
    };
    if !ended {
        // The connection is dropped already: this handle is the last one, and closing it resets.
        socket.set_linger(Some(Duration::ZERO)).ok();
    }
}

async fn handle(
    request: Request<Incoming>,
    behaviour: Behaviour,
    store: Arc<Store>,
    cut: Arc<Notify>,
) -> Result<Response<Body>, std::convert::Infallible> {
    let arrival = arrival(&request);
    let grpc = arrival.protocol == "grpc";
    {
        let mut kept = store.kept.lock().unwrap();
        kept.arrivals.push(arrival);
        store.changed.notify_all();
    }
    match behaviour {
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Reset | Behaviour::Refuse => {
            cut.notify_one();
            std::future::pending().await
        }
        Behaviour::Slow(time) => tokio::time::sleep(time).await,
        _ => {}
    }
    Ok(match (behaviour, grpc) {
        (Behaviour::Garbage, true) => {
            answer(200, "application/grpc", &[][..], b"\0\0\0\0\x04\xff\xff\xff\xff")
        }
        (Behaviour::Garbage, false) => {
            answer(200, "application/x-protobuf", &[][..], b"\xff\xff\xff\xff<html>")
        }
        (_, true) if of_metrics(&request) => MetricsServiceServer::new(Grpc { behaviour, store })
            .accept_compressed(CompressionEncoding::Gzip)
            .oneshot(request)
            .await
            .expect("it cannot fail"),
        (_, true) => TraceServiceServer::new(Grpc { behaviour, store })
            .accept_compressed(CompressionEncoding::Gzip)
            .oneshot(request)
            .await
            .expect("it cannot fail"),
        (_, false) => http(request, behaviour, &store).await,
    })
}

/// Whether it is one of metrics and not of traces, over either protocol.
fn of_metrics(request: &Request<Incoming>) -> bool {
    let path = request.uri().path();
    path.ends_with("/v1/metrics") || path.contains(".MetricsService/")
}

fn arrival(request: &Request<Incoming>) -> Arrival {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let grpc = header("content-type").starts_with("application/grpc");
    Arrival {
        at: clock::now(),
        protocol: if grpc { "grpc" } else { "http/protobuf" },
        path: request.uri().path().to_owned(),
        encoding: header(if grpc { "grpc-encoding" } else { "content-encoding" }).replace("identity", ""),
        authorization: header("authorization"),
    }
}

async fn http(request: Request<Incoming>, behaviour: Behaviour, store: &Store) -> Response<Body> {
    let metrics = of_metrics(&request);
    let protobuf = request.headers().get("content-type").is_some_and(|kind| kind == "application/x-protobuf");
    let gzip = request.headers().get("content-encoding").is_some_and(|coding| coding == "gzip");
    let Ok(body) = request.into_body().collect().await else { return answer(400, "text/plain", &[], b"cut") };
    let mut bytes = body.to_bytes().to_vec();
    if gzip {
        let mut plain = Vec::new();
        if flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain).is_err() {
            return answer(400, "text/plain", &[], b"no gzip");
        }
        bytes = plain;
    }
    let message = if metrics {
        ExportMetricsServiceRequest::decode(&bytes[..]).map(Signal::Metrics)
    } else {
        ExportTraceServiceRequest::decode(&bytes[..]).map(Signal::Traces)
    };
    let Ok(message) = message else { return answer(400, "text/plain", &[], b"no request of that path") };
    let reject = match behaviour {
        _ if !protobuf => return answer(415, "text/plain", &[], b"application/x-protobuf is wanted"),
        Behaviour::Busy(status, wait) => {
            let wait = wait.map(|seconds| ("retry-after", seconds.to_string()));
            return answer(status, "text/plain", wait.as_slice(), b"later");
        }
        Behaviour::Invalid => return answer(400, "text/plain", &[], b"never"),
        Behaviour::Lose => return answer(200, "application/x-protobuf", &[], b""),
        Behaviour::Partial(reject) => reject,
        _ => 0,
    };
    let taken = match message {
        Signal::Traces(message) => store.take(message, reject).encode_to_vec(),
        Signal::Metrics(message) => store.take_metrics(message, reject).encode_to_vec(),
    };
    answer(200, "application/x-protobuf", &[], &taken)
}

enum Signal {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
}

fn answer(status: u16, kind: &str, headers: &[(&str, String)], body: &[u8]) -> Response<Body> {
    let mut response = Response::builder().status(status).header("content-type", kind);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(Body::new(Full::new(Bytes::copy_from_slice(body)))).expect("a response")
}

struct Grpc {
    behaviour: Behaviour,
    store: Arc<Store>,
}

impl Grpc {
    /// What it answers without a look at the message, or how much of it it rejects.
    fn reject<T: Default>(&self) -> Result<usize, Result<tonic::Response<T>, tonic::Status>> {
        match self.behaviour {
            Behaviour::Busy(status, wait) => {
                let code =
                    if status == 429 { tonic::Code::ResourceExhausted } else { tonic::Code::Unavailable };
                let details = wait.map(|seconds| retry_info(code, seconds)).unwrap_or_default();
                Err(Err(tonic::Status::with_details(code, "later", details.into())))
            }
            Behaviour::Invalid => Err(Err(tonic::Status::invalid_argument("never"))),
            Behaviour::Lose => Err(Ok(tonic::Response::new(T::default()))),
            Behaviour::Partial(reject) => Ok(reject),
            _ => Ok(0),
        }
    }
}

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        match self.reject() {
            Ok(reject) => Ok(tonic::Response::new(self.store.take(request.into_inner(), reject))),
            Err(answer) => answer,
        }
    }
}

#[tonic::async_trait]
impl MetricsService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        match self.reject() {
            Ok(reject) => Ok(tonic::Response::new(self.store.take_metrics(request.into_inner(), reject))),
            Err(answer) => answer,
        }
    }
}

/// `google.rpc.Status` with a `google.rpc.RetryInfo`, the gRPC form of `Retry-After`.
fn retry_info(code: tonic::Code, seconds: u64) -> Vec<u8> {
    #[derive(Clone, PartialEq, Message)]
    struct Delay {
        #[prost(uint64, tag = "1")]
        seconds: u64,
    }
    #[derive(Clone, PartialEq, Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<Delay>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    let info = RetryInfo { retry_delay: Some(Delay { seconds }) };
    let details = vec![Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".into(),
        value: info.encode_to_vec(),
    }];
    Status { code: code.into(), message: "later".into(), details }.encode_to_vec()
}
