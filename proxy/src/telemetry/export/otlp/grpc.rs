//! gRPC to a collector: the library's client on a channel of our making.

use http::HeaderMap;
use opentelemetry_otlp::{
    ExporterBuildError, SpanExporter, WithExportConfig as _, WithTonicConfig as _,
    tonic_types::metadata::MetadataMap,
};
use tonic::transport::Endpoint;

use super::error::ExportError;
use super::settings::{Compression, Settings};
use super::target::Target;
use super::{USER_AGENT, tls};

/// Where and how to connect. Nothing is connected yet.
pub(super) fn endpoint(settings: &Settings, target: &Target) -> Result<Endpoint, ExportError> {
    let wrong = |error: tonic::transport::Error| {
        let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        ExportError::new("otlp_endpoint", target.shown.clone(), why, "check the address and the certificates")
    };
    let endpoint = Endpoint::from(target.uri.clone())
        .user_agent(USER_AGENT)
        .map_err(wrong)?
        .timeout(settings.timeout)
        .connect_timeout(settings.timeout)
        // A connection that died in silence is given up while a request waits for it.
        .http2_keep_alive_interval(settings.timeout / 2)
        .keep_alive_timeout(settings.timeout / 2);
    if !target.tls {
        return Ok(endpoint);
    }
    let tls = tls::Material::read(&settings.tls)?.for_grpc().timeout(settings.timeout);
    endpoint.tls_config(tls).map_err(wrong)
}

/// The library's exporter. It connects when there is something to send; inside of a runtime only.
pub(super) fn exporter(endpoint: &Endpoint, settings: &Settings) -> Result<SpanExporter, ExporterBuildError> {
    let metadata = MetadataMap::from_headers(settings.headers.0.iter().cloned().collect::<HeaderMap>());
    let builder = SpanExporter::builder()
        .with_tonic()
        .with_channel(endpoint.connect_lazy())
        .with_timeout(settings.export_timeout)
        .with_retry_policy(settings.retry.policy())
        // The library adds headers from variables by its own reading.
        .with_interceptor(move |mut request: tonic::Request<()>| {
            *request.metadata_mut() = metadata.clone();
            Ok(request)
        });
    match settings.compression {
        Compression::None => builder.build(),
        Compression::Gzip => builder.with_compression(opentelemetry_otlp::Compression::Gzip).build(),
    }
}

/// The library's words about a failure without its own names, and with the remedy where the port is most likely that of
/// the other protocol.
pub(super) fn plain(reason: &str) -> String {
    let reason = reason.strip_prefix("TonicTracesClient export failed with ").unwrap_or(reason);
    let other = reason.contains("code: Unimplemented") || reason.contains("frame with invalid size");
    let remedy = "; where OTLP is spoken over HTTP (usually port 4318) set otlp_protocol to http/protobuf";
    format!("{reason}{}", if other { remedy } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_in_plain_words() {
        let library = |why: &str| plain(&format!("TonicTracesClient export failed with gRPC code: {why}"));
        assert_eq!(library("Unavailable: tcp connect error"), "gRPC code: Unavailable: tcp connect error");
        for why in ["Unimplemented", "Unknown: http2 error: frame with invalid size"] {
            assert!(library(why).ends_with("set otlp_protocol to http/protobuf"), "{why}");
        }
        assert_eq!(plain("another"), "another");
    }
}
