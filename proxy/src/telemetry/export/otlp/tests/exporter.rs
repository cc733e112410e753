//! What becomes of spans, by what the collector does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use opentelemetry_http::HttpClient as _;

use super::super::client::Client;
use super::super::target::Target;
use super::super::{Compression, Headers, Protocol, Settings};
use super::collector::{Act, Collector, until};
use super::{BOTH, Rig, settings};
use crate::clock;
use crate::telemetry::traces::tests::examples::{call, http};
use crate::telemetry::traces::{Ended, Kept, Queue, QueueLimits};

/// Five spans are pushed; every request is answered by the plan, the last act of which goes on.
#[track_caller]
fn check(protocol: Protocol, plan: &'static [Act], requests: usize, expected: &[(&'static str, usize)]) {
    let collector = Collector::start(protocol, None, Arc::new(|number| plan[number.min(plan.len() - 1)]));
    let settings = Settings { timeout: Duration::from_millis(300), ..settings(protocol, collector.address) };
    let rig = Rig::start_after(&settings, QueueLimits::default(), five);
    rig.settle();
    assert_eq!(rig.ledger(), expected.iter().copied().collect(), "{protocol:?} {plan:?}");
    assert_eq!(collector.seen.requests.load(Ordering::SeqCst), requests, "{protocol:?} {plan:?}");
    let (_, _, log) = rig.stop(Duration::from_secs(5));
    assert!(!log.contains("canary"), "{log}");
}

pub(super) fn five(queue: &Queue) {
    for kept in [call(), call(), http()] {
        queue.push(kept);
    }
}

/// What no traffic makes: its end is beyond all instants, and building its span panics.
fn endless() -> Kept {
    let mut kept = http();
    if let Ended::Http(record) = &mut kept.what {
        record.duration = Duration::MAX;
    }
    kept
}

#[test]
fn a_span_that_cannot_be_built_is_counted_and_the_others_are_exported() {
    let collector = Collector::start(Protocol::HttpProtobuf, None, Arc::new(|_| Act::Accept));
    let settings = settings(Protocol::HttpProtobuf, collector.address);
    let rig = Rig::start_after(&settings, QueueLimits::default(), |queue| {
        for kept in [call(), endless(), call(), endless()] {
            queue.push(kept);
        }
    });
    rig.settle();
    assert_eq!(rig.ledger(), [("exported", 4), ("failed", 2)].into());
    // And alone, and after that.
    rig.queue.push(endless());
    rig.settle();
    rig.queue.push(http());
    rig.settle();
    assert_eq!(rig.ledger(), [("exported", 5), ("failed", 3)].into());
    rig.stop(Duration::from_secs(5));
}

#[test]
fn what_is_taken_is_exported_and_what_is_refused_is_rejected() {
    for protocol in BOTH {
        check(protocol, &[Act::Accept], 1, &[("exported", 5)]);
        check(protocol, &[Act::Refuse(2)], 1, &[("exported", 3), ("rejected", 2)]);
    }
}

#[test]
fn a_lying_collector_refuses_no_more_than_it_got_and_no_less_than_nothing() {
    for protocol in BOTH {
        check(protocol, &[Act::Refuse(i64::MAX)], 1, &[("rejected", 5)]);
        check(protocol, &[Act::Refuse(-3)], 1, &[("exported", 5)]);
    }
}

#[test]
fn what_fails_for_now_is_tried_again() {
    for protocol in BOTH {
        check(protocol, &[Act::Busy(None), Act::Busy(None), Act::Accept], 3, &[("exported", 5)]);
        check(protocol, &[Act::Silent, Act::Accept], 2, &[("exported", 5)]);
    }
    check(Protocol::HttpProtobuf, &[Act::Status(429), Act::Accept], 2, &[("exported", 5)]);
    check(Protocol::HttpProtobuf, &[Act::Reset, Act::Accept], 2, &[("exported", 5)]);
    check(Protocol::HttpProtobuf, &[Act::Noise, Act::Accept], 2, &[("exported", 5)]);
}

#[test]
fn what_fails_again_and_again_is_given_up_and_what_is_wrong_at_once() {
    for protocol in BOTH {
        check(protocol, &[Act::Busy(None)], 4, &[("failed", 5)]);
        check(protocol, &[Act::Silent], 4, &[("failed", 5)]);
        check(protocol, &[Act::Status(400)], 1, &[("failed", 5)]);
    }
    check(Protocol::HttpProtobuf, &[Act::Status(302)], 1, &[("failed", 5)]);
    check(Protocol::HttpProtobuf, &[Act::Reset], 4, &[("failed", 5)]);
}

#[test]
fn an_answer_that_cannot_be_read_is_its_status() {
    check(Protocol::HttpProtobuf, &[Act::Garbage], 1, &[("exported", 5)]);
    check(Protocol::HttpProtobuf, &[Act::Huge], 1, &[("exported", 5)]);
}

#[test]
fn a_collector_that_says_when_is_not_asked_before() {
    for protocol in BOTH {
        let start = clock::now();
        check(protocol, &[Act::Busy(Some(1)), Act::Accept], 2, &[("exported", 5)]);
        assert!(clock::now() - start >= Duration::from_secs(1), "{protocol:?}");
    }
}

#[test]
fn requests_carry_headers_and_resource_over_one_connection() {
    for protocol in BOTH {
        for compression in [Compression::None, Compression::Gzip] {
            let collector = Collector::start(protocol, None, Arc::new(|_| Act::Accept));
            let header = (HeaderName::from_static("x-key"), HeaderValue::from_static("secret"));
            let settings = Settings {
                headers: Headers(vec![header]),
                compression,
                resource: vec![("service.name".to_owned(), "a".to_owned())],
                ..settings(protocol, collector.address)
            };
            let rig = Rig::start(&settings, QueueLimits::default());
            for round in 1..=3 {
                five(&rig.queue);
                until("the round is exported", || rig.exported() == 5 * round);
            }
            let seen = &collector.seen;
            assert_eq!(seen.spans.load(Ordering::SeqCst), 15);
            assert_eq!(*seen.resource.lock().unwrap(), [("service.name".to_owned(), "a".to_owned())]);
            let heads = seen.heads.lock().unwrap().clone();
            let sound = |head: &String| {
                head.contains("secret") && head.contains("mcp-tap/") && !head.contains("theirs")
            };
            assert!(heads.iter().all(sound), "{heads:?}");
            if protocol == Protocol::HttpProtobuf {
                assert_eq!(seen.connections.load(Ordering::SeqCst), 1);
                assert!(heads[0].starts_with("post /v1/traces http/1.1\r\n"), "{heads:?}");
                assert!(heads[0].contains("content-type: application/x-protobuf"), "{heads:?}");
                assert_eq!(heads[0].contains("gzip"), compression == Compression::Gzip, "{heads:?}");
            }
            let (_, _, log) = rig.stop(Duration::from_secs(5));
            assert_eq!(log, "");
        }
    }
}

/// The library reads these itself; every one of them would break the export, or show in it.
const VARIABLES: [(&str, &str); 9] = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "nonsense"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "nonsense"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=theirs,x-other=theirs"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere"),
    ("OTEL_SERVICE_NAME", "theirs"),
    ("OTEL_RESOURCE_ATTRIBUTES", "x=theirs"),
];

/// A process of its own, since variables belong to all tests of one.
#[test]
fn variables_that_the_library_reads_itself_change_nothing() {
    let name = format!("{}::{}", module_path!(), "requests_carry_headers_and_resource_over_one_connection");
    let name = name.split_once("::").unwrap().1;
    let ran = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .envs(VARIABLES)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_connection_that_the_collector_left_is_replaced_without_a_retry() {
    let collector = Collector::start(Protocol::HttpProtobuf, None, Arc::new(|_| Act::Leave));
    let mut settings = settings(Protocol::HttpProtobuf, collector.address);
    settings.retry.most = 0;
    let rig = Rig::start(&settings, QueueLimits::default());
    for round in 1..=3 {
        rig.queue.push(call());
        until("the round is exported", || rig.exported() == 2 * round);
    }
    assert_eq!(collector.seen.connections.load(Ordering::SeqCst), 3);
}

#[test]
fn a_collector_that_wants_more_time_than_there_is_gets_it_before_the_next_batch() {
    let act = |number| if number == 0 { Act::Busy(Some(3600)) } else { Act::Accept };
    let collector = Collector::start(Protocol::HttpProtobuf, None, Arc::new(act));
    let settings = settings(Protocol::HttpProtobuf, collector.address);
    let rig = Rig::start_after(&settings, QueueLimits::default(), five);
    until("the batch is given up", || rig.dropped("failed") == 5);
    five(&rig.queue);
    // Many times the schedule.
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!((rig.queued(), collector.seen.requests.load(Ordering::SeqCst)), (5, 1));
    // The end cannot wait for that.
    let (_, _, log) = rig.stop(Duration::from_secs(5));
    assert_eq!(collector.seen.spans.load(Ordering::SeqCst), 5, "{log}");
}

/// Times that no clock can add up, and such as lie in the past.
#[test]
fn a_collector_that_wants_to_be_left_alone_for_ever_is_tried_again() {
    for protocol in BOTH {
        for seconds in [u64::MAX, i64::MAX as u64, i64::MIN as u64, 1 << 60, 0] {
            let act = move |number| if number == 0 { Act::Busy(Some(seconds)) } else { Act::Accept };
            let collector = Collector::start(protocol, None, Arc::new(act));
            let settings = Settings {
                export_timeout: Duration::from_millis(300),
                ..settings(protocol, collector.address)
            };
            let rig = Rig::start(&settings, QueueLimits::default());
            rig.queue.push(call());
            until("it was given up or sent again", || rig.queued() == 0);
            rig.queue.push(call());
            let (_, _, log) = rig.stop(Duration::from_secs(5));
            let sent = collector.seen.spans.load(Ordering::SeqCst);
            assert!(sent == 2 || sent == 4, "{protocol:?} {seconds}: {sent} {log}");
        }
    }
}

#[test]
fn the_log_says_when_exports_begin_to_fail_and_when_they_work_again() {
    for protocol in BOTH {
        let act = |number| if number < 2 { Act::Status(400) } else { Act::Accept };
        let collector = Collector::start(protocol, None, Arc::new(act));
        let rig = Rig::start(&settings(protocol, collector.address), QueueLimits::default());
        for round in 1..=4 {
            rig.queue.push(call());
            until("the round is over", || rig.exported() + rig.dropped("failed") == 2 * round);
        }
        let (_, _, log) = rig.stop(Duration::from_secs(5));
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(lines[0].contains("WARN") && lines[0].contains("spans cannot be exported"), "{log}");
        assert!(
            lines[1].contains("INFO") && lines[1].contains("again") && lines[1].contains("lost=4"),
            "{log}"
        );
    }
}

#[test]
fn the_log_says_so_long_before_retries_are_over() {
    let started = BOTH.map(|protocol| {
        let collector = Collector::start(protocol, None, Arc::new(|_| Act::Silent));
        let settings = Settings {
            timeout: Duration::from_secs(3600),
            export_timeout: Duration::from_secs(3600),
            ..settings(protocol, collector.address)
        };
        (collector, Rig::start_after(&settings, QueueLimits::default(), five))
    });
    for (_collector, rig) in started {
        until("the log says it", || rig.logged().contains("spans cannot be exported yet: trying again"));
        let (_, _, log) = rig.stop(Duration::ZERO);
        assert_eq!(log.lines().count(), 2, "{log}");
    }
}

#[test]
fn a_dead_collector_costs_a_bounded_queue_and_one_line() {
    for protocol in BOTH {
        // Bound and closed again: nobody listens there.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = Settings { schedule_delay: Duration::from_secs(3600), ..settings(protocol, address) };
        let limits = QueueLimits { length: 10, batch: 100, ..QueueLimits::default() };
        let rig = Rig::start(&settings, limits);
        for _ in 0..100 {
            rig.queue.push(http());
        }
        assert_eq!(rig.ledger(), [("queued", 10), ("queue_full", 90)].into());
        let (registry, queue, log) = rig.stop(Duration::from_secs(10));
        let mut failed = 0;
        registry.visit(crate::telemetry::names::Metric::SpansDropped, |labels, cell| {
            let crate::telemetry::registry::Cell::Counter(value) = cell else { return };
            failed += if labels.contains("failed") { value.load(Ordering::SeqCst) } else { 0 };
        });
        assert_eq!(failed, 10, "{log}");
        assert!(!queue.push(http()), "nobody takes any more");
        assert_eq!(log.lines().count(), 1, "{log}");
        let shown = format!("endpoint=\"http://{address}");
        assert!(log.contains("WARN") && log.contains("refused") && log.contains(&shown), "{log}");
    }
}

#[test]
fn a_full_batch_goes_at_once_and_no_request_is_bigger() {
    for protocol in BOTH {
        let collector = Collector::start(protocol, None, Arc::new(|_| Act::Accept));
        let delay = Duration::from_secs(3600);
        let settings = Settings { schedule_delay: delay, batch: 4, ..settings(protocol, collector.address) };
        let rig = Rig::start(&settings, QueueLimits { batch: 4, ..QueueLimits::default() });
        for _ in 0..3 {
            rig.queue.push(call());
        }
        assert_eq!(rig.queued(), 6, "no batch is full yet");
        rig.queue.push(call());
        until("the batch is exported", || rig.exported() == 8);
        for _ in 0..3 {
            rig.queue.push(call());
        }
        let (_, _, log) = rig.stop(Duration::from_secs(10));
        assert_eq!((collector.seen.spans.load(Ordering::SeqCst), log.as_str()), (14, ""), "the end flushes");
        assert_eq!(collector.seen.biggest.load(Ordering::SeqCst), 4);
    }
}

#[test]
fn a_batch_of_one_splits_the_spans_of_a_call() {
    let collector = Collector::start(Protocol::HttpProtobuf, None, Arc::new(|_| Act::Accept));
    let settings = Settings { batch: 1, ..settings(Protocol::HttpProtobuf, collector.address) };
    let rig = Rig::start(&settings, QueueLimits::default());
    five(&rig.queue);
    rig.settle();
    assert_eq!(rig.ledger(), [("exported", 5)].into());
    assert_eq!(collector.seen.biggest.load(Ordering::SeqCst), 1);
}

#[test]
fn the_end_waits_for_a_silent_collector_no_longer_than_it_may() {
    for protocol in BOTH {
        let collector = Collector::start(protocol, None, Arc::new(|_| Act::Silent));
        let settings = Settings {
            batch: 2,
            timeout: Duration::from_secs(3600),
            export_timeout: Duration::from_secs(3600),
            ..settings(protocol, collector.address)
        };
        let rig = Rig::start(&settings, QueueLimits::default());
        five(&rig.queue);
        until("a request is under way", || collector.seen.requests.load(Ordering::SeqCst) == 1);
        let start = clock::now();
        let (registry, _, log) = rig.stop(Duration::from_millis(200));
        assert!(clock::now() - start < Duration::from_secs(10), "{protocol:?}");
        assert_eq!(log.lines().count(), 1, "{protocol:?} {log}");
        assert!(log.contains("the last spans are not exported: time is up"), "{protocol:?} {log}");
        let mut seen = Vec::new();
        registry.visit(crate::telemetry::names::Metric::SpansDropped, |labels, cell| {
            let crate::telemetry::registry::Cell::Counter(value) = cell else { return };
            let value = value.load(Ordering::SeqCst);
            if value > 0 {
                seen.push((labels.to_owned(), value));
            }
        });
        assert_eq!(seen, [("reason=\"shutdown\"".to_owned(), 5)], "{protocol:?}");
    }
}

#[test]
fn a_flapping_collector_under_load_loses_no_span_unaccounted() {
    for protocol in BOTH {
        let acts = [Act::Accept, Act::Busy(None), Act::Status(400), Act::Refuse(3), Act::Accept];
        let collector = Collector::start(protocol, None, Arc::new(move |number| acts[number % acts.len()]));
        let settings = Settings { batch: 16, ..settings(protocol, collector.address) };
        let rig = Rig::start(&settings, QueueLimits { length: 64, batch: 16, ..QueueLimits::default() });
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for turn in 0..500 {
                        rig.queue.push(if turn % 3 == 0 { http() } else { call() });
                        if turn % 50 == 0 {
                            std::thread::yield_now();
                        }
                    }
                });
            }
        });
        rig.settle();
        let ledger = rig.ledger();
        let (taken, rejected) = (collector.seen.spans.load(Ordering::SeqCst), rig.dropped("rejected"));
        assert_eq!(rig.exported() + rejected, taken, "{protocol:?} {ledger:?}");
        let (_, _, log) = rig.stop(Duration::from_secs(5));
        assert!(log.lines().count() <= 3 && !log.contains("canary"), "{log}");
    }
}

/// What is given up is not sent on behind our back, holding its memory and its connection.
#[tokio::test]
async fn a_request_that_nobody_reads_is_given_up_with_its_connection() {
    const BODY: usize = 64 << 20;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings =
        Settings { timeout: Duration::from_millis(200), ..settings(Protocol::HttpProtobuf, address) };
    let client = Client::new(&settings, Target::new(&settings).unwrap()).unwrap();
    let request = http::Request::post("/").body(bytes::Bytes::from(vec![b'x'; BODY])).unwrap();
    let (answer, stream) = tokio::join!(client.send_bytes(request), listener.accept());
    let (mut stream, _) = stream.unwrap();
    assert!(answer.is_err() && client.failure().reason.is_some());
    let mut read = 0;
    let reading = async {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(count @ 1..) = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await {
            read += count;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("it is closed");
    assert!(read < BODY, "all of it was sent in the end");
}
