//! What TLS towards a collector needs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::traces::TraceError;

/// The setting that names trusted certificates.
const CA: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";

/// The longest that one request may take; the exporter's own time limit may be shorter.
const REQUEST: Duration = Duration::from_secs(10);

/// The certificates that are trusted.
pub(super) struct Tls {
    roots: RootCertStore,
}

impl Tls {
    /// Those in this PEM file, else those of the system.
    pub(super) fn read(ca_file: Option<&Path>) -> Result<Self, TraceError> {
        let mut roots = RootCertStore::empty();
        let certificates = match ca_file {
            Some(path) => in_file(path)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        // A system may trust certificates that rustls does not take; the rest still counts.
        roots.add_parsable_certificates(certificates);
        if roots.is_empty() {
            return Err(wrong(match ca_file {
                Some(_) => "holds no certificate".to_owned(),
                None => "is not set, and the system trusts no certificate".to_owned(),
            }));
        }
        Ok(Self { roots })
    }

    /// For gRPC.
    pub(super) fn for_grpc(self) -> ClientTlsConfig {
        ClientTlsConfig::new().trust_anchors(self.roots.roots)
    }

    /// For HTTP/1.1.
    pub(super) fn for_http(self) -> Result<HyperClient<HttpsConnector<HttpConnector>>, TraceError> {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?
            .with_root_certificates(self.roots)
            .with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().build();
        Ok(HyperClient::new(connector, REQUEST, None))
    }
}

fn in_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, TraceError> {
    let pem = std::fs::read(path).map_err(|error| wrong(format!("cannot be read ({error})")))?;
    CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(format!("is no PEM file ({error})")))
}

fn wrong(problem: String) -> TraceError {
    TraceError { setting: CA, problem }
}
