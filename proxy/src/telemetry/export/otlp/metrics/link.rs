//! One request to a collector, over HTTP or gRPC, and what is to be done when it fails.
//!
//! The bytes of a request are made once, whatever the protocol and however often they are sent.

use std::error::Error as _;
use std::io::Write as _;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use opentelemetry_http::HttpClient as _;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::telemetry::export::otlp::client::Client;
use crate::telemetry::export::otlp::grpc;
use crate::telemetry::export::otlp::settings::{Compression, Settings};

/// The service's method.
const METHOD: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// The way to a collector.
pub(super) enum Link {
    /// By HTTP/1.1.
    Http { client: Client, compression: Compression },
    /// By gRPC.
    Grpc {
        client: Box<Grpc<Channel>>,
        /// Sent with every request.
        metadata: MetadataMap,
        /// For one request.
        timeout: Duration,
    },
}

/// Why a request failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// In words that hold nothing the collector wrote.
    pub(super) reason: String,
    /// Whether the same request may do better later.
    pub(super) for_now: bool,
    /// How long the collector wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Link {
    /// By HTTP.
    pub(super) fn http(client: Client, settings: &Settings) -> Self {
        Self::Http { client, compression: settings.compression }
    }

    /// By gRPC. It connects when there is something to send; inside of a runtime only.
    pub(super) fn grpc(endpoint: &Endpoint, settings: &Settings) -> Self {
        let client = Grpc::new(endpoint.connect_lazy());
        let client = match settings.compression {
            Compression::None => client,
            Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
        };
        let metadata = MetadataMap::from_headers(settings.headers.0.iter().cloned().collect::<HeaderMap>());
        Self::Grpc { client: Box::new(client), metadata, timeout: settings.timeout }
    }

    /// The bytes as they are sent, for all attempts.
    pub(super) fn pack(&self, request: Bytes) -> Bytes {
        match self {
            Self::Http { compression: Compression::Gzip, .. } => gzip(&request),
            // gRPC compresses by itself.
            _ => request,
        }
    }

    /// Sends one request; how many of its points the collector refused.
    pub(super) async fn send(&mut self, request: Bytes) -> Result<usize, Failed> {
        let answer = match self {
            Self::Http { client, compression } => over_http(client, *compression, request).await?,
            Self::Grpc { client, metadata, timeout } => {
                let call = over_grpc(client, metadata.clone(), request);
                let slow = || Failed {
                    reason: format!("no answer within {}", humantime::format_duration(*timeout)),
                    for_now: true,
                    retry_after: None,
                };
                tokio::time::timeout(*timeout, call).await.map_err(|_| slow())??
            }
        };
        // One that cannot be read is its status.
        let answer = ExportMetricsServiceResponse::decode(answer).unwrap_or_default();
        let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_data_points);
        Ok(usize::try_from(rejected).unwrap_or(0))
    }
}

async fn over_http(client: &Client, compression: Compression, body: Bytes) -> Result<Bytes, Failed> {
    let mut request = Request::new(body);
    *request.method_mut() = http::Method::POST;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    if compression == Compression::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let answer = client.send_bytes(request).await;
    let failure = client.failure();
    let failed = |for_now| Failed {
        reason: failure.reason.clone().unwrap_or_default(),
        for_now,
        retry_after: failure.retry_after,
    };
    match answer {
        Ok(response) if response.status().is_success() => Ok(response.into_body()),
        Ok(response) => Err(failed(is_for_now(response.status()))),
        Err(_) => Err(failed(true)),
    }
}

/// By the specification of OTLP.
fn is_for_now(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

async fn over_grpc(
    client: &mut Grpc<Channel>,
    metadata: MetadataMap,
    message: Bytes,
) -> Result<Bytes, Failed> {
    client.ready().await.map_err(|error| Failed {
        reason: told(&error),
        for_now: true,
        retry_after: None,
    })?;
    let mut request = tonic::Request::new(message);
    *request.metadata_mut() = metadata;
    let answer = client.unary(request, PathAndQuery::from_static(METHOD), Raw).await;
    answer.map(tonic::Response::into_inner).map_err(|status| refused(&status))
}

/// What a status says, by the specification of OTLP.
fn refused(status: &Status) -> Failed {
    let retry_after = retry_delay(status.details());
    let for_now = match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::ResourceExhausted => retry_after.is_some(),
        // What the transport did not get through: the collector answers with codes of its own.
        Code::Unknown => status.source().is_some(),
        _ => false,
    };
    // Without a source it is the collector that speaks, and its words are not for our log.
    let why = status.source().map_or_else(String::new, |error| format!(": {}", told(error)));
    let reason = grpc::plain(&format!("gRPC code: {:?}{why}", status.code()));
    Failed { reason, for_now, retry_after }
}

/// An error with what is behind it, each once: `transport error` alone helps nobody.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let words = error.to_string();
        if !told.contains(&words) {
            told = format!("{told}: {words}");
        }
        source = error.source();
    }
    told
}

/// The delay of a `google.rpc.RetryInfo` among the details of a `google.rpc.Status`.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(details).ok()?;
    let info = status.details.iter().find(|any| any.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&*info.value).ok()?.retry_delay?;
    let (seconds, nanoseconds) = (u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?);
    Some(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanoseconds.into())))
}

#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Level::default());
    // Writing to memory does not fail.
    encoder.write_all(bytes).ok();
    encoder.finish().unwrap_or_default().into()
}

/// Messages that are bytes already.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_do_better_later_is_what_the_standard_says() {
        for (code, expected) in [
            (Code::Unavailable, true),
            (Code::DeadlineExceeded, true),
            (Code::ResourceExhausted, false),
            (Code::InvalidArgument, false),
            (Code::Unimplemented, false),
            (Code::Unauthenticated, false),
            (Code::Unknown, false),
        ] {
            let failed = refused(&Status::new(code, "canary"));
            assert_eq!(failed.for_now, expected, "{code:?}");
            assert!(!failed.reason.contains("canary"), "{}", failed.reason);
        }
        let told = refused(&Status::new(Code::Unimplemented, "")).reason;
        assert!(told.ends_with("set otlp_protocol to http/protobuf"), "{told}");
        for (status, expected) in [(429, true), (503, true), (400, false), (404, false), (500, false)] {
            assert_eq!(is_for_now(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }

    #[test]
    fn a_collector_says_when_over_grpc() {
        let details = |seconds, nanos| {
            let retry_delay = Some(Delay { seconds, nanos });
            let value = RetryInfo { retry_delay }.encode_to_vec();
            let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
            RpcStatus { details: vec![Any { type_url, value }] }.encode_to_vec()
        };
        assert_eq!(retry_delay(&details(2, 500_000_000)), Some(Duration::from_millis(2500)));
        assert_eq!(
            retry_delay(&details(i64::MAX, i32::MAX)).map(|delay| delay.as_secs() > 1 << 60),
            Some(true)
        );
        for nothing in [details(-1, 0), details(1, -1), vec![], b"\xff\xff".to_vec()] {
            assert_eq!(retry_delay(&nothing), None, "{nothing:?}");
        }
        let status = Status::with_details(Code::ResourceExhausted, "", details(3, 0).into());
        let failed = refused(&status);
        assert!(failed.for_now && failed.retry_after == Some(Duration::from_secs(3)), "{failed:?}");
    }
}
