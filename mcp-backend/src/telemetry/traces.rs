//! Our spans, sent to a collector by OTLP over gRPC or HTTP/protobuf.
//!
//! Spans are made by `tracing` where the work is; here they become OpenTelemetry spans and leave in batches. Sampling
//! follows the caller: [`parent`](super::parent) says whether its trace is sampled, and a trace that begins here is
//! (`OTEL_TRACES_SAMPLER` changes that). The queue is bounded (`OTEL_BSP_MAX_QUEUE_SIZE`, 2048 spans); a dead collector
//! costs spans, never a call.

use std::path::PathBuf;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::tls::Tls;

/// How spans are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP/1.1.
    HttpProtobuf,
}

/// Where spans go, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// The whole URL.
    pub endpoint: String,
    /// How.
    pub protocol: Protocol,
    /// The certificates that are trusted where the endpoint is `https://`; `None`: those of the system.
    pub ca_file: Option<PathBuf>,
}

/// Why there can be no traces.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct TraceError {
    /// The flag or variable.
    pub setting: &'static str,
    /// What is wrong with it; never its value, which may hold credentials.
    pub problem: String,
}

impl TraceSettings {
    /// What flags and standard variables say together; `None`: no traces. Flags win over variables, and
    /// `OTEL_SDK_DISABLED` and `OTEL_TRACES_EXPORTER=none` win over both. Headers, time limit, compression, queue and
    /// sampler are read from their standard variables by the library.
    pub fn read(
        endpoint: Option<&str>,
        protocol: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, TraceError> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| variable(name).map(|value| (name, value)))
        };
        let is =
            |name: &str, word: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
        let off = is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none");
        let found = match endpoint {
            Some(endpoint) => Some(("--otlp-endpoint", endpoint.to_owned())),
            None if off => None,
            None => first(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]),
        };
        let protocol = match protocol.map(|value| ("--otlp-protocol", value.to_owned())) {
            // Whoever set the variable meant others.
            None if off || found.is_none() => None,
            None => first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]),
            flag => flag,
        };
        let protocol = match protocol {
            None => Protocol::HttpProtobuf,
            Some((_, value)) if value == "grpc" => Protocol::Grpc,
            Some((_, value)) if value == "http/protobuf" => Protocol::HttpProtobuf,
            Some((setting, _)) => {
                return Err(TraceError { setting, problem: "is not grpc or http/protobuf".to_owned() });
            }
        };
        let Some((setting, endpoint)) = found else { return Ok(None) };
        let endpoint = address(setting, endpoint.trim(), protocol)?;
        let ca_file = first(["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"]);
        let ca_file = ca_file.map(|(_, path)| PathBuf::from(path.trim()));
        Ok((!off).then_some(Self { endpoint, protocol, ca_file }))
    }
}

/// The whole URL. The variable for traces alone is one already; the others name the collector.
fn address(setting: &'static str, endpoint: &str, protocol: Protocol) -> Result<String, TraceError> {
    let wrong = |problem: &str| TraceError { setting, problem: problem.to_owned() };
    let uri: http::Uri = endpoint.parse().map_err(|_| wrong("is not a URL"))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err(wrong("is not a collector's URL; write http://HOST:PORT")),
    }
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err(wrong("holds credentials; give them in OTEL_EXPORTER_OTLP_HEADERS"));
    }
    let whole = setting == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" || endpoint.ends_with("/v1/traces");
    if protocol == Protocol::HttpProtobuf && !whole {
        return Ok(format!("{}/v1/traces", endpoint.trim_end_matches('/')));
    }
    Ok(endpoint.to_owned())
}

/// Spans on their way to a collector.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Sends spans as these settings say. Nothing is connected yet. Must be called within a runtime, which sends.
    pub fn new(settings: &TraceSettings) -> Result<Self, TraceError> {
        let https = settings.endpoint.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        let tls = https.then(|| Tls::read(settings.ca_file.as_deref())).transpose()?;
        let exporter = match settings.protocol {
            Protocol::Grpc => {
                let builder = SpanExporter::builder().with_tonic().with_endpoint(&settings.endpoint);
                match tls {
                    Some(tls) => builder.with_tls_config(tls.for_grpc()).build(),
                    None => builder.build(),
                }
            }
            Protocol::HttpProtobuf => {
                let builder = SpanExporter::builder()
                    .with_http()
                    .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
                    .with_endpoint(&settings.endpoint);
                match tls {
                    Some(tls) => builder.with_http_client(tls.for_http()?).build(),
                    None => builder.build(),
                }
            }
        };
        let exporter = exporter
            .map_err(|error| TraceError { setting: "--otlp-endpoint", problem: error.to_string() })?;
        Ok(Self::by(exporter))
    }

    /// Sends spans by this exporter, in batches.
    pub fn by(exporter: impl opentelemetry_sdk::trace::SpanExporter + 'static) -> Self {
        // `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are read by the builder, but a name that is set wins.
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let mut resource = Resource::builder().with_attribute(version);
        if std::env::var_os("OTEL_SERVICE_NAME").is_none_or(|name| name.is_empty()) {
            resource = resource.with_service_name("mcp-backend");
        }
        let processor = BatchSpanProcessor::builder(exporter, Tokio).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_span_processor(processor)
            .build();
        Self { provider }
    }

    /// What turns the spans of `tracing` into ours. Spans of libraries stay out, and so do lines of the log, which may
    /// quote what others wrote.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let own = |metadata: &Metadata<'_>| {
            metadata.is_span()
                && metadata.level() <= &tracing::Level::INFO
                && metadata.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"))
        };
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("mcp-backend"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(own))
    }

    /// Sends what still waits, for at most this long. Whether all of it was sent.
    ///
    /// The library waits by blocking, so it does that on a thread of its own; one that hangs is left behind and does not
    /// hold up the end of the process.
    pub async fn stop(self, limit: Duration) -> bool {
        let (done, ended) = tokio::sync::oneshot::channel();
        let provider = self.provider;
        let flush = move || done.send(provider.shutdown().is_ok()).ok();
        if std::thread::Builder::new().name("traces".to_owned()).spawn(flush).is_err() {
            return false;
        }
        matches!(tokio::time::timeout(limit, ended).await, Ok(Ok(true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: (Option<&str>, Option<&str>), variables: &[(&str, &str)]) -> String {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        match TraceSettings::read(flags.0, flags.1, variable) {
            Ok(None) => "off".to_owned(),
            Ok(Some(settings)) => format!("{:?} {}", settings.protocol, settings.endpoint),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn flags_win_over_variables_and_off_wins_over_all() {
        const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318/");
        const TRACES: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:1/here");
        const GRPC: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let flag = (Some("http://flag:4318"), None);
        for (flags, variables, expected) in [
            ((None, None), &[][..], "off"),
            ((None, None), &[GRPC], "off"),
            ((None, None), &[BASE], "HttpProtobuf http://base:4318/v1/traces"),
            ((None, None), &[BASE, TRACES], "HttpProtobuf http://traces:1/here"),
            ((None, None), &[BASE, GRPC], "Grpc http://base:4318/"),
            (flag, &[BASE, TRACES], "HttpProtobuf http://flag:4318/v1/traces"),
            (
                (Some("http://flag:4318"), Some("http/protobuf")),
                &[GRPC],
                "HttpProtobuf http://flag:4318/v1/traces",
            ),
            ((Some("http://flag:4317"), Some("grpc")), &[], "Grpc http://flag:4317"),
            ((Some("https://c:4317"), Some("grpc")), &[], "Grpc https://c:4317"),
            (flag, &[("OTEL_SDK_DISABLED", "TRUE")], "off"),
            (flag, &[("OTEL_SDK_DISABLED", "")], "HttpProtobuf http://flag:4318/v1/traces"),
            (flag, &[("OTEL_TRACES_EXPORTER", "none")], "off"),
            ((None, None), &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], "off"),
            (
                (None, None),
                &[BASE, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), ("OTEL_SDK_DISABLED", "true")],
                "off",
            ),
            ((None, Some("smoke")), &[], "--otlp-protocol: is not grpc or http/protobuf"),
            (
                (Some("collector:4318"), None),
                &[],
                "--otlp-endpoint: is not a collector's URL; write http://HOST:PORT",
            ),
            (
                (Some("http://me:secret@c:1"), None),
                &[],
                "--otlp-endpoint: holds credentials; give them in OTEL_EXPORTER_OTLP_HEADERS",
            ),
        ] {
            assert_eq!(read(flags, variables), expected, "{flags:?} {variables:?}");
        }
    }

    #[tokio::test]
    async fn a_file_without_certificates_is_refused_and_named_by_its_variable() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        for (file, problem) in
            [(empty, "holds no certificate"), (folder.path().join("absent.pem"), "cannot be read")]
        {
            for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
                let settings = TraceSettings {
                    endpoint: "https://localhost:1/v1/traces".to_owned(),
                    protocol,
                    ca_file: Some(file.clone()),
                };
                let error = Traces::new(&settings).unwrap_err();
                assert_eq!(error.setting, "OTEL_EXPORTER_OTLP_CERTIFICATE");
                assert!(error.problem.starts_with(problem), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn a_collector_that_never_answers_does_not_hold_up_the_end() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
            let endpoint = format!("http://{}", silent.local_addr().unwrap());
            let traces = Traces::new(&TraceSettings { endpoint, protocol, ca_file: None }).unwrap();
            let log = super::super::log::subscriber(Default::default(), Some(&traces), std::io::sink);
            tracing::subscriber::with_default(log, || tracing::info_span!("lost").in_scope(|| ()));
            assert!(!traces.stop(Duration::from_millis(50)).await);
        }
    }
    #[tokio::test]
    async fn spans_of_ours_arrive_over_http_and_those_of_libraries_do_not() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let collector = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/v1/traces", collector.local_addr().unwrap());
        let received = tokio::spawn(async move {
            let (mut connection, _) = collector.accept().await.unwrap();
            let (mut request, mut piece) = (Vec::new(), [0; 4_096]);
            // The name of the service comes before the spans, and these after the head.
            while !String::from_utf8_lossy(&request).contains("arrives") {
                let length = connection.read(&mut piece).await.unwrap();
                assert_ne!(length, 0, "the collector's client left");
                request.extend_from_slice(&piece[..length]);
            }
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&request).into_owned()
        });
        let settings = TraceSettings { endpoint, protocol: Protocol::HttpProtobuf, ca_file: None };
        let traces = Traces::new(&settings).unwrap();
        let log = super::super::log::subscriber(Default::default(), Some(&traces), std::io::sink);
        tracing::subscriber::with_default(log, || {
            tracing::info_span!("arrives").in_scope(|| {
                tracing::info_span!(target: "hyper", "foreign").in_scope(|| tracing::info!("words"));
            });
        });
        assert!(traces.stop(Duration::from_secs(10)).await);
        let request = received.await.unwrap();
        assert!(request.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("service.name") && request.contains("mcp-backend"), "{request}");
        assert!(!request.contains("foreign") && !request.contains("words"), "{request}");
    }
}
