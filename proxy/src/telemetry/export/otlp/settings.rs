//! Where traces and metrics go, and how.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Most data points of one request: some 500 bytes each, where collectors take 4 MiB over gRPC unless told otherwise.
pub(super) const MOST_POINTS: usize = 1000;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signal {
    /// Spans.
    #[default]
    Traces,
    /// Series.
    Metrics,
}

impl Signal {
    const ALL: [Self; 2] = [Self::Traces, Self::Metrics];

    /// Its path below a collector's address (HTTP only).
    const fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
        }
    }
}

/// Where one signal goes, and how. Every option is decided.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is sent.
    pub signal: Signal,
    /// The collector.
    pub endpoint: Endpoint,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Sent with every request.
    pub headers: Headers,
    /// For one attempt, connecting included.
    pub timeout: Duration,
    /// For one batch with all its retries (`OTEL_BSP_EXPORT_TIMEOUT`), or for all metrics with theirs
    /// (`OTEL_METRIC_EXPORT_TIMEOUT`).
    pub export_timeout: Duration,
    /// Whether bodies are compressed.
    pub compression: Compression,
    /// For `https` endpoints.
    pub tls: Tls,
    /// What is said about this process, complete.
    pub resource: Vec<(String, String)>,
    /// How long spans wait for others before they are sent (`OTEL_BSP_SCHEDULE_DELAY`); the time from one export of
    /// metrics to the next (`OTEL_METRIC_EXPORT_INTERVAL`).
    pub schedule_delay: Duration,
    /// Most spans (`OTEL_BSP_MAX_EXPORT_BATCH_SIZE`) or data points of one request.
    pub batch: usize,
    /// What happens when a request fails.
    pub retry: Retry,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            signal: Signal::default(),
            endpoint: Endpoint::default(),
            protocol: Protocol::default(),
            headers: Headers::default(),
            timeout: Duration::from_secs(10),
            export_timeout: Duration::from_secs(30),
            compression: Compression::None,
            tls: Tls::default(),
            resource: Vec::new(),
            schedule_delay: Duration::from_secs(5),
            batch: 512,
            retry: Retry::default(),
        }
    }
}

/// A collector's address.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Endpoint {
    /// The protocol's default port on this machine.
    #[default]
    Default,
    /// Of all signals (`--otlp-endpoint`, `OTEL_EXPORTER_OTLP_ENDPOINT`): over HTTP each has a path below it.
    Base(String),
    /// Of one signal, used as it is (`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`).
    Exact(String),
}

/// Without credentials.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("Default"),
            Self::Base(url) => f.debug_tuple("Base").field(&public(url)).finish(),
            Self::Exact(url) => f.debug_tuple("Exact").field(&public(url)).finish(),
        }
    }
}

impl Endpoint {
    /// The URL to send to. A base that names the path of a signal already is not given a second one.
    #[must_use]
    pub fn url(&self, signal: Signal, protocol: Protocol) -> String {
        let path = signal.path();
        match (self, protocol) {
            (Self::Exact(url), _) => url.clone(),
            (Self::Base(url), Protocol::Grpc) => url.clone(),
            (Self::Base(url), Protocol::HttpProtobuf) => {
                let base = url.trim_end_matches('/');
                let named = Signal::ALL.into_iter().find_map(|signal| base.strip_suffix(signal.path()));
                format!("{}{path}", named.unwrap_or(base))
            }
            (Self::Default, Protocol::Grpc) => "http://localhost:4317".to_owned(),
            (Self::Default, Protocol::HttpProtobuf) => format!("http://localhost:4318{path}"),
        }
    }
}

/// A URL as far as everybody may see it: without credentials, query and fragment.
#[must_use]
pub(super) fn public(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
}

/// How a collector is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// gRPC, by default on port 4317.
    Grpc,
    /// Protobuf in HTTP/1.1 requests, by default on port 4318.
    #[default]
    HttpProtobuf,
}

impl Protocol {
    /// As flags and variables spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
        }
    }

    /// The reverse of [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Grpc, Self::HttpProtobuf].into_iter().find(|protocol| protocol.as_str() == text)
    }
}

/// Whether bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// They are not.
    #[default]
    None,
    /// By gzip.
    Gzip,
}

/// Headers of every request; their values are secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(http::HeaderName, http::HeaderValue)>);

/// Names only.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name.as_str())).finish()
    }
}

/// TLS towards the collector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the certificates that are trusted, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of our own certificate.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub client_key: Option<PathBuf>,
    /// gRPC endpoints without a scheme are spoken to without TLS.
    pub insecure: bool,
}

/// What happens when a request fails for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts after the first.
    pub most: usize,
    /// Before the first of them; it doubles with each.
    pub first: Duration,
    /// Between two of them, unless the collector asks for more.
    pub longest: Duration,
    /// Chance added to each.
    pub jitter: Duration,
}

impl Default for Retry {
    /// Survives a collector's restart: some 20 seconds.
    fn default() -> Self {
        Self {
            most: 5,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(8),
            jitter: Duration::from_millis(500),
        }
    }
}

impl Retry {
    /// As the library takes it.
    pub(super) fn policy(&self) -> opentelemetry_otlp::RetryPolicy {
        opentelemetry_otlp::RetryPolicy::recommended()
            .with_max_retries(self.most)
            .with_initial_delay(self.first)
            .with_max_delay(self.longest)
            .with_max_jitter(self.jitter)
    }
}
