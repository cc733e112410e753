//! What TLS towards a collector needs, read from files once.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tonic::transport::{ClientTlsConfig, Identity};

use super::error::ExportError;
use super::settings::Tls;

const CA: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE";
const KEY: &str = "OTEL_EXPORTER_OTLP_CLIENT_KEY";

/// Trusted certificates and our own.
pub(super) struct Material {
    roots: rustls::RootCertStore,
    /// PEM texts of our certificate and its key.
    own: Option<(Vec<u8>, Vec<u8>)>,
}

impl Material {
    /// Reads what the settings name, else the system's trusted certificates.
    pub(super) fn read(settings: &Tls) -> Result<Self, ExportError> {
        let own = match (&settings.client_certificate, &settings.client_key) {
            (Some(certificate), Some(key)) => Some((file(CERTIFICATE, certificate)?, file(KEY, key)?)),
            (None, None) => None,
            (Some(path), None) => {
                return Err(alone(CERTIFICATE, path, "set OTEL_EXPORTER_OTLP_CLIENT_KEY too"));
            }
            (None, Some(path)) => {
                return Err(alone(KEY, path, "set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE too"));
            }
        };
        let material = Self { roots: roots(settings.ca_file.as_deref())?, own };
        // What is wrong with our own certificate shows here, for both protocols.
        material.for_http()?;
        Ok(material)
    }

    /// For HTTP/1.1.
    pub(super) fn for_http(&self) -> Result<rustls::ClientConfig, ExportError> {
        let wrong = |setting| move |why: String| ExportError::new(setting, "", why, "check the file");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(CA)(error.to_string()))?
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = CertificateDer::pem_slice_iter(certificate)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| wrong(CERTIFICATE)(format!("is no PEM file ({error})")))?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|error| wrong(KEY)(format!("holds no key in PEM ({error})")))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| wrong(CERTIFICATE)(format!("cannot be used ({error})")))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// For gRPC.
    pub(super) fn for_grpc(self) -> ClientTlsConfig {
        let config = ClientTlsConfig::new().trust_anchors(self.roots.roots);
        match self.own {
            Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
            None => config,
        }
    }
}

fn roots(ca_file: Option<&Path>) -> Result<rustls::RootCertStore, ExportError> {
    let mut roots = rustls::RootCertStore::empty();
    let Some(path) = ca_file else {
        // A system's store may hold certificates that rustls does not take; the rest still counts.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            let remedy = "name a file of certificates";
            return Err(ExportError::new(CA, "", "is not set, and the system trusts no certificate", remedy));
        }
        return Ok(roots);
    };
    let shown = path.display().to_string();
    let wrong = |why: String| ExportError::new(CA, shown.clone(), why, "name a PEM file of certificates");
    for certificate in CertificateDer::pem_slice_iter(&file(CA, path)?) {
        let certificate = certificate.map_err(|error| wrong(format!("is no PEM file ({error})")))?;
        roots.add(certificate).map_err(|error| wrong(format!("holds a bad certificate ({error})")))?;
    }
    if roots.is_empty() {
        return Err(wrong("holds no certificate".to_owned()));
    }
    Ok(roots)
}

fn file(setting: &'static str, path: &Path) -> Result<Vec<u8>, ExportError> {
    std::fs::read(path).map_err(|error| {
        let why = format!("cannot be read ({error})");
        ExportError::new(setting, path.display().to_string(), why, "name a PEM file that exists")
    })
}

fn alone(setting: &'static str, path: &Path, remedy: &'static str) -> ExportError {
    ExportError::new(setting, path.display().to_string(), "is no use alone", remedy)
}
