//! What the backend counts, and that the sidecar before it counts the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::bench::{Backend, Bench, LEGACY, answer, call, exchange, message, open_session};
use super::support::promtool;
use super::support::scrape::{Scrape, page};

const CALLS: &str = "mcp_backend_tool_calls_total";
const CACHE: &str = "mcp_cache_operations_total";

/// Tools and what they are given; of each way a call can end in the simulated cluster, one at least.
fn mixed() -> Vec<(&'static str, Value)> {
    let pod = |name: &str| json!({"namespace": "payments", "pod_name": name});
    vec![
        ("cluster_health", json!({})),
        ("list_pods", json!({"namespace": "payments"})),
        ("diagnose_pod", pod("ledger-db-0")),
        ("diagnose_pod", pod("nobody-0")),
        ("diagnose_pod", json!({"namespace": "payments", "pod_name": "Not/A\"Name"})),
        ("get_pod_logs", pod("ledger-db-0")),
        ("get_pod_logs", pod("nobody-0")),
        ("analyze_logs", pod("ledger-db-0")),
        ("get_events", json!({"namespace": "payments"})),
        ("check_resource_usage", json!({"namespace": "payments"})),
        ("list_pods", json!({"namespace": "payments", "more": true})),
        ("list_pods", json!({"namespace": "payments"})),
        ("diagnose_pod", pod("ledger-db-0")),
    ]
}

fn count(scrape: &Scrape, operation: &str) -> f64 {
    scrape.sum_where(CACHE, &[("operation", operation)])
}

#[test]
fn promtool_accepts_the_page_and_labels_are_bounded() {
    let backend = Backend::start(&["--cache-ttl", "1s"]);
    for (id, (tool, arguments)) in (1..).zip(mixed()) {
        answer(&exchange(backend.address, &call(id, tool, arguments, json!({})), &[]));
    }
    for id in 100..120 {
        let tool = format!("canary_{id}");
        let arguments = json!({"namespace": "payments", "pod_name": format!("canary-{id}")});
        exchange(backend.address, &call(id, &tool, json!({}), json!({})), &[]);
        exchange(backend.address, &call(id + 100, "diagnose_pod", arguments, json!({})), &[]);
    }
    let text = page(backend.admin, "/metrics");
    promtool::accepts_page(&text);
    assert!(!text.contains("canary"), "{text}");

    let scrape = Scrape::of(backend.admin);
    let values = |name: &str, label: &str| -> BTreeSet<String> {
        scrape.by(name, [label]).into_keys().map(|[value]| value).collect()
    };
    let of = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    let called = mixed().iter().map(|(tool, _)| (*tool).to_owned()).collect();
    assert_eq!(values(CALLS, "tool_name"), called);
    assert_eq!(values(CALLS, "result"), of(&["success", "not_found", "validation_error"]));
    assert_eq!(values("mcp_backend_kube_requests_total", "verb"), of(&["get", "list", "log"]));
    assert_eq!(values("mcp_backend_build_info", "cluster"), of(&["sim"]));
}

/// First asked, then remembered, then forgotten; and each answer says so in `_meta`.
#[test]
fn the_cache_counts_and_tells_what_it_does() {
    let backend = Backend::start(&["--cache-ttl", "60s"]);
    let pod = |logs: bool| json!({"namespace": "payments", "pod_name": "ledger-db-0", "check_logs": logs});
    let missing = || json!({"namespace": "payments", "pod_name": "nobody-0"});
    let mut before = (0.0, 0.0);
    for (id, (tool, arguments, said, asks, remembers)) in (1..).zip([
        ("diagnose_pod", pod(false), "miss", true, false),
        ("diagnose_pod", pod(false), "hit", false, true),
        ("diagnose_pod", pod(true), "partial", true, true),
        ("get_pod_logs", missing(), "miss", true, false),
        ("get_pod_logs", missing(), "hit", false, true),
    ]) {
        let message = call(id, tool, arguments, json!({}));
        let reply = answer(&exchange(backend.address, &message, &[]));
        assert_eq!(reply["result"]["_meta"]["io.github.mcp-backend/cache"], said, "{id}: {reply}");
        let scrape = Scrape::of(backend.admin);
        let now = (count(&scrape, "miss"), count(&scrape, "hit"));
        assert_eq!((now.0 > before.0, now.1 > before.1), (asks, remembers), "{id}: {before:?} {now:?}");
        before = now;
    }
    assert_eq!(count(&Scrape::of(backend.admin), "evict"), 0.0);

    let backend = Backend::start(&["--cache-ttl", "20ms"]);
    // The cache looks for old entries only while it is used.
    backend.wait_until("an entry is evicted", || {
        answer(&exchange(backend.address, &call(1, "list_pods", json!({}), json!({})), &[]));
        (count(&Scrape::of(backend.admin), "evict") > 0.0).then_some(())
    });
}

/// In both eras. What the backend calls by the reason of its failure is to the sidecar an error of the tool; a tool
/// that does not exist is a call to the sidecar alone.
#[test]
fn both_count_the_same_calls() {
    let bench = Bench::start("header");
    bench.ask(&message(1, "tools/list", json!({}), json!({})), &[]);
    for (id, (tool, arguments)) in (2..).zip(mixed()) {
        bench.ask(&call(id, tool, arguments, json!({})), &[]);
    }
    let session = open_session(bench.tap.traffic);
    for (id, (tool, arguments)) in (2..).zip(mixed()) {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": tool, "arguments": arguments}});
        bench.ask(&message, &[("mcp-session-id", &session), ("mcp-protocol-version", LEGACY)]);
    }
    let unknown = call(99, "no_such_tool", json!({}), json!({}));
    exchange(bench.tap.traffic, &unknown, &[]);

    let of_tap = bench.tap.scrape_when_idle();
    let of_backend = Scrape::of(bench.backend.admin);
    let mut expected = BTreeMap::new();
    for ([tool, result], calls) in of_backend.by(CALLS, ["tool_name", "result"]) {
        let result = if result == "success" { ["success", ""] } else { ["error", "tool_error"] };
        *expected.entry([tool, result[0].to_owned(), result[1].to_owned()]).or_default() += calls;
    }
    let mut counted = of_tap.by("mcp_tool_requests_total", ["tool_name", "result", "error_type"]);
    let mut elsewhere = 0.0;
    counted.retain(|[tool, ..], calls| {
        let known = tool != "_other";
        elsewhere += if known { 0.0 } else { *calls };
        known
    });
    assert_eq!(elsewhere, 1.0);
    assert_eq!(counted, expected);
    let all: f64 = expected.values().sum();
    assert_eq!(all, 2.0 * mixed().len() as f64);
    bench.finish();
}
