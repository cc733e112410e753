//! Collectors that are dead, hang, are slow, come and go, or lie: traffic does not notice, memory stays bounded, every
//! span is accounted for, and the sidecar ends in time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "collectors/attackers.rs"]
mod attackers;
#[path = "collectors/itself.rs"]
mod itself;
mod support;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use mcp_tap::clock;
use serde_json::json;
use support::client::RawClient;
use support::collector::{Behaviour, Collector};
use support::scrape::Scrape;
use support::server::ScriptedServer;
use support::tap::{EXECUTABLE, Tap, through_proxy, traced_by};

const PROTOCOLS: [&str; 2] = ["http/protobuf", "grpc"];
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}]}}"#;

/// A server that answers every call.
fn upstream() -> String {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    let server = ScriptedServer::answering(format!("{head}{}\r\n\r\n{ANSWER}", ANSWER.len()));
    format!("http://{}", server.address)
}

/// The sidecar with short waits for its collector, and these further variables.
fn tap(upstream: &str, collector: &Collector, protocol: &str, variables: &[(&str, &str)]) -> Tap {
    let mut command = Command::new(EXECUTABLE);
    command.env("OTEL_EXPORTER_OTLP_TIMEOUT", "400").env("OTEL_BSP_EXPORT_TIMEOUT", "1000");
    command.envs(variables.iter().copied());
    traced_by(&mut command, upstream, collector, &["--otlp-protocol", protocol])
}

/// Makes calls over one connection; all must be answered right. Gives how long each took.
fn call(tap: &Tap, count: usize) -> Vec<Duration> {
    let mut client = RawClient::connect(tap.traffic);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {}}})
        .to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let one = |_| {
        let start = clock::now();
        let answer = client.exchange(request.as_bytes());
        let took = start.elapsed();
        assert_eq!((answer.status(), &answer.body[..]), (200, ANSWER.as_bytes()));
        took
    };
    (0..count).map(one).collect()
}

/// What became of the spans.
#[derive(Debug, PartialEq)]
struct Ledger {
    all: f64,
    exported: f64,
    dropped: f64,
    queued: f64,
}

impl Ledger {
    fn of(scrape: &Scrape) -> Self {
        Self {
            all: scrape.sum("mcp_proxy_spans_total"),
            exported: scrape.sum("mcp_proxy_spans_exported_total"),
            dropped: scrape.sum("mcp_proxy_spans_dropped_total"),
            queued: scrape.sum("mcp_proxy_spans_queued"),
        }
    }

    fn balanced(&self) -> bool {
        self.all == self.exported + self.dropped + self.queued
    }
}

/// Waits until the books are balanced with `all` spans, and `wanted` holds.
fn settle(tap: &Tap, all: usize, what: &str, wanted: impl Fn(&Ledger, &Scrape) -> bool) -> Ledger {
    let last = std::cell::RefCell::new(None);
    let look = || {
        let scrape = Scrape::of(tap.admin);
        let ledger = Ledger::of(&scrape);
        let good = ledger.all == all as f64 && ledger.balanced() && wanted(&ledger, &scrape);
        last.replace(Some(ledger));
        good.then(|| last.take()).flatten()
    };
    tap.wait_until(what, look)
}

fn dropped(scrape: &Scrape, reason: &str) -> f64 {
    scrape.sum_where("mcp_proxy_spans_dropped_total", &[("reason", reason)])
}

#[test]
fn traffic_goes_on_and_every_span_is_accounted_for() {
    let upstream = upstream();
    for protocol in PROTOCOLS {
        for behaviour in [
            Behaviour::Store,
            Behaviour::Refuse,
            Behaviour::Hang,
            Behaviour::Reset,
            Behaviour::Busy(503, None),
            Behaviour::Busy(429, Some(1)),
            Behaviour::Invalid,
            Behaviour::Garbage,
            Behaviour::Lose,
            Behaviour::Slow(Duration::from_millis(200)),
        ] {
            let collector = Collector::behaving(&[behaviour]);
            let tap = tap(&upstream, &collector, protocol, &[]);
            call(&tap, 50);
            let ledger = settle(&tap, 100, "the books are balanced", |_, _| true);
            assert!(ledger.balanced(), "{protocol} {behaviour:?}: {ledger:?}");
            let start = clock::now();
            let (status, log) = tap.stop();
            let took = start.elapsed();
            assert!(
                status.success() && took < Duration::from_secs(8),
                "{protocol} {behaviour:?}: {status}, {took:?}"
            );
            let warnings = log.lines().filter(|line| line.contains(r#""WARN""#)).count();
            assert!(warnings <= 4, "{protocol} {behaviour:?}: {warnings} warnings\n{log}");
            if behaviour == Behaviour::Store {
                assert_eq!(collector.spans().len(), 100, "{protocol}");
            }
        }
    }
}

#[test]
fn a_collector_that_says_yes_is_believed() {
    // Nobody can know better: what it loses counts as exported.
    let collector = Collector::behaving(&[Behaviour::Lose]);
    let tap = tap(&upstream(), &collector, "http/protobuf", &[]);
    call(&tap, 10);
    let ledger = settle(&tap, 20, "all are exported", |ledger, _| ledger.queued == 0.0);
    assert_eq!((ledger.exported, ledger.dropped), (20.0, 0.0));
}

#[test]
fn what_is_rejected_is_dropped_and_not_sent_again() {
    let upstream = upstream();
    for protocol in PROTOCOLS {
        let collector = Collector::behaving(&[Behaviour::Partial(2)]);
        let tap = tap(&upstream, &collector, protocol, &[]);
        call(&tap, 30);
        let ledger = settle(&tap, 60, "all are exported or rejected", |ledger, scrape| {
            ledger.queued == 0.0 && dropped(scrape, "rejected") == ledger.dropped && ledger.dropped > 0.0
        });
        assert_eq!(ledger.dropped, collector.rejected() as f64, "{protocol}");
        assert_eq!(ledger.exported, collector.spans().len() as f64, "{protocol}");

        let collector = Collector::behaving(&[Behaviour::Invalid]);
        let tap = self::tap(&upstream, &collector, protocol, &[]);
        call(&tap, 1);
        let failed = settle(&tap, 2, "they are given up", |_, scrape| dropped(scrape, "failed") == 2.0);
        assert_eq!(failed.queued, 0.0, "{protocol}");
        assert_eq!(collector.arrivals().len(), 1, "{protocol}: a message that is no good is not sent again");
    }
}

#[test]
fn a_refusal_for_now_is_tried_again_when_the_collector_wants() {
    let upstream = upstream();
    for protocol in PROTOCOLS {
        for status in [503, 429] {
            let collector = Collector::behaving(&[Behaviour::Busy(status, Some(2)), Behaviour::Store]);
            let patient = [("OTEL_BSP_EXPORT_TIMEOUT", "30000"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000")];
            let tap = tap(&upstream, &collector, protocol, &patient);
            call(&tap, 1);
            let ledger = settle(&tap, 2, "they are exported", |ledger, _| ledger.exported == 2.0);
            assert_eq!(ledger.dropped, 0.0, "{protocol} {status}");
            let arrivals = collector.arrivals();
            let waited = arrivals[1].at - arrivals[0].at;
            assert!(waited >= Duration::from_millis(1900), "{protocol} {status}: waited {waited:?}");
        }
    }
}

#[test]
fn a_collector_that_comes_and_goes_gets_what_it_can() {
    let upstream = upstream();
    for protocol in PROTOCOLS {
        let collector = Collector::start();
        let tap = tap(&upstream, &collector, protocol, &[]);
        for round in 0..6 {
            let script = [Behaviour::Store, Behaviour::Refuse, Behaviour::Reset][round % 3];
            collector.behave(&[script]);
            call(&tap, 50);
        }
        collector.behave(&[Behaviour::Store]);
        call(&tap, 1);
        let ledger = settle(&tap, 602, "nothing waits any more", |ledger, _| ledger.queued == 0.0);
        let kept: BTreeSet<String> = collector.spans().into_iter().map(|span| span.span_id).collect();
        // An answer that was cut off leaves spans that were kept and count as dropped, or were sent again.
        assert!(kept.len() as f64 >= ledger.exported, "{protocol}: {} kept, {ledger:?}", kept.len());
        assert!(ledger.exported >= 2.0, "{protocol}: {ledger:?}");
    }
}

#[test]
fn a_full_queue_drops_and_memory_stays() {
    let upstream = upstream();
    let limits = [("OTEL_BSP_MAX_QUEUE_SIZE", "64"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16")];
    for behaviour in [Behaviour::Hang, Behaviour::Refuse] {
        let collector = Collector::behaving(&[behaviour]);
        let tap = tap(&upstream, &collector, "http/protobuf", &limits);
        call(&tap, 1000);
        let before = tap.resident_kib();
        call(&tap, 4000);
        let grown = tap.resident_kib().saturating_sub(before);
        assert!(grown < 8 * 1024, "{behaviour:?}: {grown} KiB for 4000 calls");
        settle(&tap, 10_000, "most are dropped", |ledger, scrape| {
            dropped(scrape, "queue_full") + dropped(scrape, "failed") == ledger.dropped
                && ledger.dropped > 9000.0
                // Two spans for each of 64 operations, and a batch under way.
                && ledger.queued <= 2.0 * (64.0 + 16.0)
        });
        let (status, _) = tap.stop();
        assert!(status.success());
    }
}

#[test]
fn bad_collectors_do_not_slow_calls() {
    const ROUNDS: usize = 7;
    const CALLS: usize = 60;
    let upstream = upstream();
    let off = through_proxy(&upstream);
    let collectors: Vec<(Behaviour, Collector)> =
        [Behaviour::Refuse, Behaviour::Hang, Behaviour::Slow(Duration::from_millis(300)), Behaviour::Garbage]
            .map(|behaviour| (behaviour, Collector::behaving(&[behaviour])))
            .into();
    let taps: Vec<Tap> =
        collectors.iter().map(|(_, collector)| tap(&upstream, collector, "http/protobuf", &[])).collect();
    let mut took: Vec<Vec<Duration>> = vec![Vec::new(); taps.len() + 1];
    for _ in 0..ROUNDS {
        for (tap, took) in std::iter::once(&off).chain(&taps).zip(&mut took) {
            took.extend(call(tap, CALLS));
        }
    }
    let medians: Vec<Duration> = took
        .into_iter()
        .map(|mut took| {
            took.sort();
            took[took.len() / 2]
        })
        .collect();
    // A call through a debug build takes some hundred microseconds; waiting for a collector would take hundreds of
    // milliseconds.
    let bound = medians[0] * 2 + Duration::from_millis(1);
    for ((behaviour, _), median) in collectors.iter().zip(&medians[1..]) {
        assert!(*median < bound, "{behaviour:?}: {median:?}, off: {:?}", medians[0]);
    }
}
