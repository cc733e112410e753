//! Every tool of the backend has an `outputSchema`, and its answers keep it, as the sidecar sees them.

use std::collections::BTreeSet;

use serde_json::json;

use super::bench::{Bench, LEGACY, call, message, open_session};
use super::support::scrape::Scrape;

#[test]
fn every_answer_of_the_backend_is_sound_in_both_eras() {
    let bench = Bench::start("header");
    let (tap, session) = (&bench.tap, open_session(bench.tap.traffic));
    let listed = bench.ask(&message(1, "tools/list", json!({}), json!({})), &[]);
    let listed = listed["result"]["tools"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 11);
    tap.wait_until("the catalogue is known", || {
        (Scrape::of(tap.admin).sum("mcp_proxy_catalogue_tools") == 11.0).then_some(())
    });
    let pod = json!({"namespace": "payments", "pod_name": "ledger-db-0"});
    let calls = [
        ("cluster_health", json!({})),
        ("list_pods", json!({"all_namespaces": true})),
        ("diagnose_pod", pod.clone()),
        ("diagnose_deployment", json!({"namespace": "shop", "deployment_name": "web"})),
        ("diagnose_service", json!({"namespace": "shop", "service_name": "web"})),
        ("diagnose_node", json!({"node_name": "worker-1"})),
        ("get_pod_logs", pod.clone()),
        ("analyze_logs", pod),
        ("get_events", json!({})),
        ("check_resource_usage", json!({"namespace": "payments"})),
        ("get_resource", json!({"kind": "Pod", "namespace": "payments", "name": "ledger-db-0"})),
    ];
    for (id, (tool, arguments)) in (2..).zip(&calls) {
        bench.ask(&call(id, tool, arguments.clone(), json!({})), &[]);
        let legacy = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": tool, "arguments": arguments}});
        bench.ask(&legacy, &[("mcp-session-id", &session), ("mcp-protocol-version", LEGACY)]);
    }
    let scrape = tap.wait_until("all answers were judged", || {
        let scrape = Scrape::of(tap.admin);
        (scrape.sum_where("mcp_proxy_slo_events_total", &[("slo", "quality")]) == 22.0).then_some(scrape)
    });
    let found = scrape.by("mcp_proxy_quality_findings_total", ["tool_name", "finding"]);
    assert_eq!(found, [].into(), "{found:?}");
    assert_eq!(scrape.sum("mcp_proxy_quality_unchecked_total"), 0.0);
    let scores = scrape.by("sli_quality_score", ["tool_name"]);
    assert!(scores.values().all(|score| *score == 100.0), "{scores:?}");
    let named: BTreeSet<_> = scores.keys().map(|[tool]| tool.as_str()).collect();
    assert_eq!(named, calls.iter().map(|(tool, _)| *tool).collect());
}
