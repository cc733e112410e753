//! How the spans of the backend leave it, and what it costs where nobody takes them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mcp_tap::clock;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::bench::{Backend, END, call, exchange, program};
use super::support::collector::{Behaviour, Collector};

/// Longer than any test.
const NEVER: &str = "600000";

fn list_pods(backend: &Backend, id: u64) {
    let message = call(id, "list_pods", json!({"namespace": "payments"}), json!({}));
    assert_eq!(exchange(backend.address, &message, &[]).status(), 200);
}

#[test]
fn both_protocols_are_spoken_and_the_end_flushes() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start();
        let mut command = program();
        command.env("OTEL_BSP_SCHEDULE_DELAY", NEVER);
        command.args(["--otlp-endpoint", &collector.endpoint(), "--otlp-protocol", protocol]);
        let backend = Backend::start_by(&mut command);
        list_pods(&backend, 1);
        assert!(collector.spans().is_empty(), "{protocol}");
        backend.stop();
        let spans = collector.spans();
        let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        names.sort_unstable();
        let expected =
            ["execute_tool", "format_response", "k8s.list_pods", "mcp.handle_request", "validate_input"];
        assert_eq!(names, expected, "{protocol}");
        for span in &spans {
            assert_eq!((span.service(), span.scope.0.as_str()), ("mcp-backend", "mcp-backend"), "{protocol}");
            assert!(span.resource.contains_key("service.version"), "{protocol}");
        }
        let arrivals: Vec<_> = collector.arrivals().iter().map(|arrival| arrival.protocol).collect();
        assert_eq!(arrivals, [protocol]);
    }
}

/// Every call is as fast as without, and the end is in time: what cannot be sent is given up.
#[test]
fn a_dead_collector_costs_nothing() {
    for protocol in ["grpc", "http/protobuf"] {
        for behaviour in [Behaviour::Refuse, Behaviour::Hang, Behaviour::Reset, Behaviour::Busy(503, None)] {
            let collector = Collector::behaving(&[behaviour]);
            let mut command = program();
            command.env("OTEL_BSP_SCHEDULE_DELAY", "1").env("OTEL_BSP_MAX_QUEUE_SIZE", "16");
            command.args(["--otlp-endpoint", &collector.endpoint(), "--otlp-protocol", protocol]);
            let backend = Backend::start_by(&mut command);
            let mut slowest = Duration::ZERO;
            // More spans than the queue has room for.
            for id in 1..=40 {
                let began = clock::now();
                list_pods(&backend, id);
                slowest = slowest.max(began.elapsed());
            }
            // Time limits of exports are seconds; this is far below them, and generous to a busy machine.
            assert!(slowest < Duration::from_secs(2), "{protocol} {behaviour:?}: {slowest:?}");
            let began = clock::now();
            let (status, log) = backend.end();
            assert!(began.elapsed() < END, "{protocol} {behaviour:?}");
            assert!(status.success(), "{protocol} {behaviour:?}: {status} {log}");
        }
    }
}

/// Listens with TLS for this collector, in both protocols; its port, and the certificate that it shows.
fn tls_before(collector: SocketAddr) -> (u16, String) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the process of the tests.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let (Ok(mut client), Ok(mut server)) =
                        (acceptor.accept(stream).await, TcpStream::connect(collector).await)
                    else {
                        return;
                    };
                    tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
                });
            }
        });
    });
    (port, own.cert.pem())
}

#[test]
fn spans_go_over_tls_to_a_collector_that_is_trusted_and_to_no_other() {
    let folder = tempfile::tempdir().unwrap();
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start();
        let (port, certificate) = tls_before(collector.address);
        let (_, another) = tls_before(collector.address);
        for (trusted, arrive) in [(another, false), (certificate, true)] {
            let file = folder.path().join("trusted.pem");
            std::fs::write(&file, trusted).unwrap();
            let endpoint = format!("https://localhost:{port}");
            let mut command = program();
            command.env("OTEL_EXPORTER_OTLP_CERTIFICATE", &file);
            command.args(["--otlp-endpoint", &endpoint, "--otlp-protocol", protocol]);
            let backend = Backend::start_by(&mut command);
            list_pods(&backend, 1);
            let log = backend.stop();
            assert_eq!(!collector.spans().is_empty(), arrive, "{protocol}: {log}");
        }
    }
}
