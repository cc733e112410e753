//! Who is trusted, and how we show who we are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::CertifiedKey;

use super::super::{Endpoint, Exporter, Settings, Tls};
use super::collector::{Act, Collector, Pem};
use super::exporter::five;
use super::{BOTH, Rig, settings};
use crate::telemetry::names::Metric;
use crate::telemetry::registry::Registry;
use crate::telemetry::traces::{Queue, QueueLimits};

fn certificate() -> CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

struct Files(tempfile::TempDir);

impl Files {
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Five spans to a collector that is `server`, and wants our certificate to be by `clients`.
#[track_caller]
fn check(server: &CertifiedKey<rcgen::KeyPair>, clients: Option<String>, tls: &Tls, expected: &'static str) {
    for protocol in BOTH {
        let (certificate, key) = (server.cert.pem(), server.signing_key.serialize_pem());
        let pem = Pem { certificate, key, clients: clients.clone() };
        let collector = Collector::start(protocol, Some(pem), Arc::new(|_| Act::Accept));
        let endpoint = Endpoint::Base(format!("https://localhost:{}", collector.address.port()));
        let settings = Settings { endpoint, tls: tls.clone(), ..settings(protocol, collector.address) };
        let rig = Rig::start(&settings, QueueLimits::default());
        five(&rig.queue);
        rig.settle();
        let (ledger, log) = (rig.ledger(), rig.stop(Duration::from_secs(5)).2);
        assert_eq!(ledger, [(expected, 5)].into(), "{protocol:?} {log}");
    }
}

#[test]
fn who_the_file_names_is_trusted_and_nobody_else() {
    let files = Files(tempfile::tempdir().unwrap());
    let (server, other) = (certificate(), certificate());
    let trusting = |path| Tls { ca_file: Some(path), ..Tls::default() };
    check(&server, None, &trusting(files.write("server", &server.cert.pem())), "exported");
    check(&server, None, &trusting(files.write("other", &other.cert.pem())), "failed");
}

#[test]
fn our_own_certificate_is_shown_to_who_asks_for_it() {
    let files = Files(tempfile::tempdir().unwrap());
    let (server, own) = (certificate(), certificate());
    let anonymous = Tls { ca_file: Some(files.write("server", &server.cert.pem())), ..Tls::default() };
    let named = Tls {
        client_certificate: Some(files.write("own", &own.cert.pem())),
        client_key: Some(files.write("key", &own.signing_key.serialize_pem())),
        ..anonymous.clone()
    };
    check(&server, Some(own.cert.pem()), &named, "exported");
    check(&server, Some(own.cert.pem()), &anonymous, "failed");
}

#[test]
fn files_that_cannot_be_used_are_named_with_their_variable_and_a_remedy() {
    let files = Files(tempfile::tempdir().unwrap());
    let (missing, noise) = (files.0.path().join("missing"), files.write("noise", "noise"));
    let own = certificate();
    let (good, key) =
        (files.write("own", &own.cert.pem()), files.write("key", &own.signing_key.serialize_pem()));
    let (ca, certificate_name, key_name) = (
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    );
    let tls = |ca: Option<&PathBuf>, certificate: Option<&PathBuf>, key: Option<&PathBuf>| Tls {
        ca_file: ca.or(Some(&good)).cloned(),
        client_certificate: certificate.cloned(),
        client_key: key.cloned(),
        insecure: false,
    };
    for (tls, setting) in [
        (tls(Some(&missing), None, None), ca),
        (tls(Some(&noise), None, None), ca),
        (tls(None, Some(&good), None), certificate_name),
        (tls(None, None, Some(&key)), key_name),
        (tls(None, Some(&missing), Some(&key)), certificate_name),
        (tls(None, Some(&noise), Some(&key)), certificate_name),
        (tls(None, Some(&good), Some(&noise)), key_name),
    ] {
        for protocol in BOTH {
            let endpoint = Endpoint::Base("https://localhost:1".to_owned());
            let settings = Settings { endpoint, protocol, tls: tls.clone(), ..Settings::default() };
            let error = error(&settings);
            assert!(error.starts_with(setting) && error.contains("; "), "{tls:?}: {error}");
        }
    }
    let settings = Settings { endpoint: Endpoint::Base("nonsense".into()), ..Settings::default() };
    assert_eq!(
        error(&settings),
        "otlp_endpoint: \"nonsense/v1/traces\" is no URL; give an address like http://collector:4318 \
         (http/protobuf) or http://collector:4317 (grpc)"
    );
}

fn error(settings: &Settings) -> String {
    let registry = Registry::new(crate::clock::now());
    let limits = QueueLimits::default();
    let queue = Arc::new(Queue::new(limits, &registry));
    assert!(!registry.is_empty(Metric::Spans));
    Exporter::new(settings, queue, super::span_settings(limits)).unwrap_err().to_string()
}

#[test]
fn cleartext_needs_no_files() {
    let tls = Tls { ca_file: Some("/nowhere".into()), ..Tls::default() };
    let registry = Registry::new(crate::clock::now());
    for protocol in BOTH {
        let settings = Settings { protocol, tls: tls.clone(), ..Settings::default() };
        let queue = Arc::new(Queue::new(QueueLimits::default(), &registry));
        assert!(Exporter::new(&settings, queue, super::span_settings(QueueLimits::default())).is_ok());
    }
}
