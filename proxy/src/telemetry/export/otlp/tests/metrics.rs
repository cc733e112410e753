//! What becomes of metrics, by what the collector does.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use tokio::sync::oneshot;

use super::super::{Compression, Endpoint, Headers, MetricExporter, Protocol, Settings, Signal, Tls};
use super::collector::{Act, Collector, until};
use super::{BOTH, logged, text};
use crate::clock;
use crate::telemetry::names::Metric;
use crate::telemetry::registry::Cell;
use crate::telemetry::{self, Telemetry};

/// Time enough for everything.
const ENOUGH: Duration = Duration::from_secs(20);
/// No export but the last one.
const NEVER: Duration = Duration::from_secs(86_400);

/// An exporter on its thread.
struct Rig {
    telemetry: Telemetry,
    log: Arc<Mutex<Vec<u8>>>,
    stop: oneshot::Sender<Duration>,
    thread: JoinHandle<()>,
}

fn settings(protocol: Protocol, collector: &Collector, interval: Duration) -> Settings {
    let settings = super::settings(protocol, collector.address);
    Settings { signal: Signal::Metrics, schedule_delay: interval, batch: 1000, ..settings }
}

impl Rig {
    fn start(settings: &Settings) -> Self {
        let telemetry = telemetry::Settings { server_name: "s".to_owned(), ..telemetry::Settings::default() };
        let telemetry = Telemetry::new(telemetry, clock::now());
        let exporter = MetricExporter::new(settings, &telemetry).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (log, thread) = logged(|| exporter.run(async { stopped.await.unwrap_or_default() }));
        Self { telemetry, log, stop, thread }
    }

    /// Exports by their end, without what is zero.
    fn exports(&self) -> BTreeMap<String, u64> {
        let mut exports = BTreeMap::new();
        self.telemetry.registry().visit(Metric::MetricsExports, |labels, cell| {
            let Cell::Counter(count) = cell else { panic!("it is a counter") };
            exports.insert(labels.to_owned(), count.load(Ordering::SeqCst));
        });
        assert_eq!(exports.len(), 3, "all ends are there from the start: {exports:?}");
        exports.retain(|_, count| *count > 0);
        exports
    }

    fn count(&self, result: &str) -> u64 {
        self.exports().get(&format!("result=\"{result}\"")).copied().unwrap_or_default()
    }

    fn stop(self, left: Duration) -> (BTreeMap<String, u64>, String) {
        self.stop.send(left).ok();
        self.thread.join().unwrap();
        let rig = Self { stop: oneshot::channel().0, thread: std::thread::spawn(|| ()), ..self };
        (rig.exports(), text(&rig.log))
    }
}

/// The last export alone; every request is answered by the plan, the last act of which goes on.
#[track_caller]
fn check(protocol: Protocol, plan: &'static [Act], requests: usize, expected: &str) {
    let collector = Collector::start(protocol, None, Arc::new(|number| plan[number.min(plan.len() - 1)]));
    let timeout = Duration::from_millis(300);
    let settings = Settings { timeout, ..settings(protocol, &collector, NEVER) };
    let (exports, log) = Rig::start(&settings).stop(ENOUGH);
    let expected = BTreeMap::from([(format!("result=\"{expected}\""), 1)]);
    assert_eq!(exports, expected, "{protocol:?} {plan:?} {log}");
    assert_eq!(collector.seen.requests.load(Ordering::SeqCst), requests, "{protocol:?} {plan:?}");
    assert!(!log.contains("canary"), "{log}");
    let lines = log.lines().count();
    assert_eq!(lines, usize::from(expected.keys().all(|end| !end.contains("success"))), "{log}");
}

#[test]
fn what_is_taken_is_a_success_and_what_is_refused_in_part_is_none() {
    for protocol in BOTH {
        check(protocol, &[Act::Accept], 1, "success");
        check(protocol, &[Act::Refuse(2)], 1, "partial");
        check(protocol, &[Act::Refuse(i64::MAX)], 1, "partial");
        check(protocol, &[Act::Refuse(-3)], 1, "success");
    }
}

#[test]
fn what_fails_for_now_is_tried_again() {
    for protocol in BOTH {
        check(protocol, &[Act::Busy(None), Act::Busy(None), Act::Accept], 3, "success");
        check(protocol, &[Act::Silent, Act::Accept], 2, "success");
    }
    check(Protocol::HttpProtobuf, &[Act::Status(429), Act::Accept], 2, "success");
    check(Protocol::HttpProtobuf, &[Act::Reset, Act::Accept], 2, "success");
    check(Protocol::HttpProtobuf, &[Act::Noise, Act::Accept], 2, "success");
}

#[test]
fn what_fails_again_and_again_is_given_up_and_what_is_wrong_at_once() {
    for protocol in BOTH {
        check(protocol, &[Act::Busy(None)], 4, "failure");
        check(protocol, &[Act::Silent], 4, "failure");
        check(protocol, &[Act::Status(400)], 1, "failure");
    }
    check(Protocol::HttpProtobuf, &[Act::Status(302)], 1, "failure");
    check(Protocol::HttpProtobuf, &[Act::Reset], 4, "failure");
}

#[test]
fn an_answer_that_cannot_be_read_is_its_status() {
    check(Protocol::HttpProtobuf, &[Act::Garbage], 1, "success");
    check(Protocol::HttpProtobuf, &[Act::Huge], 1, "success");
}

#[test]
fn a_collector_that_says_when_is_not_asked_before() {
    for protocol in BOTH {
        let start = clock::now();
        check(protocol, &[Act::Busy(Some(1)), Act::Accept], 2, "success");
        assert!(clock::now() - start >= Duration::from_secs(1), "{protocol:?}");
    }
}

/// Times that no clock can add up, and such as lie in the past.
#[test]
fn a_collector_that_wants_to_be_left_alone_for_ever_gets_the_last_export() {
    for protocol in BOTH {
        for seconds in [u64::MAX, i64::MAX as u64, i64::MIN as u64, 1 << 60, 0] {
            let act = move |number| if number == 0 { Act::Busy(Some(seconds)) } else { Act::Accept };
            let collector = Collector::start(protocol, None, Arc::new(act));
            let rig = Rig::start(&settings(protocol, &collector, Duration::from_millis(10)));
            until("a request came", || collector.seen.requests.load(Ordering::SeqCst) > 0);
            let (exports, log) = rig.stop(ENOUGH);
            assert!(exports.keys().any(|end| end.contains("success")), "{protocol:?} {seconds} {log}");
        }
    }
}

#[test]
fn exports_come_at_intervals_with_headers_over_one_connection() {
    for protocol in BOTH {
        for compression in [Compression::None, Compression::Gzip] {
            let collector = Collector::start(protocol, None, Arc::new(|_| Act::Accept));
            let header = (HeaderName::from_static("x-key"), HeaderValue::from_static("secret"));
            let settings = Settings {
                headers: Headers(vec![header]),
                compression,
                resource: vec![("service.name".to_owned(), "a".to_owned())],
                ..settings(protocol, &collector, Duration::from_millis(10))
            };
            let rig = Rig::start(&settings);
            until("some are exported", || rig.count("success") >= 3);
            let (_, log) = rig.stop(ENOUGH);
            assert_eq!(log, "");
            let seen = &collector.seen;
            let heads = seen.heads.lock().unwrap().clone();
            let sound = |head: &String| head.contains("secret") && head.contains("mcp-tap/");
            assert!(heads.iter().all(sound), "{heads:?}");
            if protocol == Protocol::HttpProtobuf {
                assert!(heads[0].starts_with("post /v1/metrics http/1.1\r\n"), "{heads:?}");
                assert!(heads[0].contains("content-type: application/x-protobuf"), "{heads:?}");
                assert_eq!(heads[0].contains("gzip"), compression == Compression::Gzip, "{heads:?}");
                // One that the end cut short is replaced.
                assert!(seen.connections.load(Ordering::SeqCst) <= 2);
            }
        }
    }
}

#[test]
fn a_large_snapshot_is_one_export_of_many_requests() {
    for protocol in BOTH {
        let collector = Collector::start(protocol, None, Arc::new(|_| Act::Accept));
        let rig = Rig::start(&Settings { batch: 5, ..settings(protocol, &collector, NEVER) });
        let tools = 50;
        for tool in 0..tools {
            let labels = [("tool_name", &*format!("t{tool}"))];
            rig.telemetry.registry().counter(Metric::RepeatedCalls, &labels).increment(tool);
        }
        let (exports, _) = rig.stop(ENOUGH);
        assert_eq!(exports, BTreeMap::from([("result=\"success\"".to_owned(), 1)]));
        let requests = collector.seen.metrics.lock().unwrap();
        let values = requests.iter().flat_map(|request| counts(request, Metric::RepeatedCalls));
        assert_eq!(values.sum::<i64>(), (0..tools as i64).sum::<i64>());
        assert!(requests.len() > 10, "{}", requests.len());
    }
}

/// Whole numbers of a family's points.
fn counts(request: &ExportMetricsServiceRequest, metric: Metric) -> Vec<i64> {
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value::AsInt;
    let families = request.resource_metrics.iter().flat_map(|all| &all.scope_metrics);
    let families = families.flat_map(|all| &all.metrics).filter(|family| family.name == metric.name());
    let points = families.flat_map(|family| match &family.data {
        Some(Data::Sum(sum)) => sum.data_points.clone(),
        _ => Vec::new(),
    });
    points.filter_map(|point| if let Some(AsInt(count)) = point.value { Some(count) } else { None }).collect()
}

#[test]
fn the_last_export_says_what_happened_just_before_it() {
    for protocol in BOTH {
        // The one before hangs: the end does not wait for it.
        let act = |number| if number == 0 { Act::Silent } else { Act::Accept };
        let collector = Collector::start(protocol, None, Arc::new(act));
        let settings =
            Settings { timeout: NEVER, ..settings(protocol, &collector, Duration::from_millis(1)) };
        let settings = Settings { export_timeout: NEVER, ..settings };
        let rig = Rig::start(&settings);
        until("an export hangs", || collector.seen.requests.load(Ordering::SeqCst) == 1);
        rig.telemetry.registry().counter(Metric::UnknownToolCalls, &[]).increment(7);
        let (exports, log) = rig.stop(ENOUGH);
        assert_eq!(exports, BTreeMap::from([("result=\"success\"".to_owned(), 1)]), "{protocol:?} {log}");
        let last = collector.seen.metrics.lock().unwrap().last().cloned().unwrap();
        assert_eq!(counts(&last, Metric::UnknownToolCalls), [7], "{protocol:?}");
    }
}

#[test]
fn the_end_waits_for_a_silent_collector_no_longer_than_it_may() {
    for protocol in BOTH {
        let collector = Collector::start(protocol, None, Arc::new(|_| Act::Silent));
        let settings = Settings { timeout: NEVER, ..settings(protocol, &collector, NEVER) };
        let start = clock::now();
        let (exports, log) = Rig::start(&settings).stop(Duration::from_millis(200));
        assert!(clock::now() - start < Duration::from_secs(10), "{protocol:?}");
        assert_eq!(exports, BTreeMap::from([("result=\"failure\"".to_owned(), 1)]), "{protocol:?}");
        assert_eq!(log.lines().count(), 1, "{protocol:?} {log}");
        assert!(log.contains("the last metrics are not exported: time is up"), "{protocol:?} {log}");
    }
}

#[test]
fn a_dead_collector_is_told_once_and_again_when_it_lives() {
    for protocol in BOTH {
        let act = |number| if number < 3 { Act::Status(400) } else { Act::Accept };
        let collector = Collector::start(protocol, None, Arc::new(act));
        let rig = Rig::start(&settings(protocol, &collector, Duration::from_millis(5)));
        until("it works", || rig.count("success") >= 2);
        assert_eq!(rig.count("failure"), 3);
        let (_, log) = rig.stop(ENOUGH);
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(lines[0].contains("WARN") && lines[0].contains("metrics cannot be exported"), "{log}");
        assert!(lines[1].contains("INFO") && lines[1].contains("lost=3"), "{log}");
    }
    // Nothing listens: a port that was free just now.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for protocol in BOTH {
        let collector = Collector::start(protocol, None, Arc::new(|_| Act::Accept));
        let endpoint = Endpoint::Base(format!("http://{address}"));
        let settings = Settings { endpoint, ..settings(protocol, &collector, NEVER) };
        let (exports, log) = Rig::start(&settings).stop(ENOUGH);
        assert_eq!(exports, BTreeMap::from([("result=\"failure\"".to_owned(), 1)]));
        assert!(log.contains("refused") && log.contains(&address.to_string()), "{protocol:?} {log}");
    }
}

/// What a server of HTTP/1.1 says to gRPC, on a thread that ends with the test.
fn http_only() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut preface = [0; 24];
            std::io::Read::read_exact(&mut stream, &mut preface).ok();
            std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
            std::io::copy(&mut stream, &mut std::io::sink()).ok();
        }
    });
    address
}

#[test]
fn the_wrong_protocol_is_told_with_the_remedy() {
    let grpc = Collector::start(Protocol::Grpc, None, Arc::new(|_| Act::Accept));
    for (protocol, address, remedy) in [
        (Protocol::Grpc, http_only(), "set otlp_protocol to http/protobuf"),
        (Protocol::HttpProtobuf, grpc.address, "set otlp_protocol to grpc"),
    ] {
        let endpoint = Endpoint::Base(format!("http://{address}"));
        let settings = Settings { endpoint, ..settings(protocol, &grpc, NEVER) };
        let (_, log) = Rig::start(&settings).stop(ENOUGH);
        assert!(log.contains(remedy), "{protocol:?}: {log}");
    }
}

#[test]
fn what_cannot_be_used_is_told_before_anything_runs() {
    let telemetry = Telemetry::new(telemetry::Settings::default(), clock::now());
    let tls = Tls { ca_file: Some("/nowhere".into()), ..Tls::default() };
    for (endpoint, expected) in [
        ("nonsense", "otlp_endpoint: \"nonsense/v1/metrics\" is no URL"),
        ("https://localhost:1", "OTEL_EXPORTER_OTLP_CERTIFICATE: \"/nowhere\" cannot be read"),
    ] {
        let settings = Settings {
            signal: Signal::Metrics,
            endpoint: Endpoint::Base(endpoint.into()),
            tls: tls.clone(),
            ..Settings::default()
        };
        let error = MetricExporter::new(&settings, &telemetry).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
