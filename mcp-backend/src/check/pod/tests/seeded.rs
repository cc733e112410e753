//! The faults of the simulated cluster, as the rules see them: each must show its cause first.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use serde::de::DeserializeOwned;

use super::super::{PodLists, facts_from_lists, issues};
use super::now;
use crate::cluster::Kind;
use crate::report::{Issue, Severity};
use crate::sim::World;

fn list<K: Kind + DeserializeOwned>(world: &World) -> Vec<Arc<K>> {
    let objects = world.objects(K::INFO.prefix, K::INFO.plural);
    objects.iter().map(|object| Arc::new(serde_json::from_value(object.clone()).unwrap())).collect()
}

/// The pods with what is wrong with each.
fn judged(at: Timestamp) -> Vec<(Arc<Pod>, Vec<Issue>)> {
    let world = World::at(1, now(), at);
    let lists = PodLists {
        pods: list(&world),
        events: Some(list(&world)),
        usage: Some(list(&world)),
        nodes: Some(list(&world)),
        claims: Some(list(&world)),
        config_maps: Some(list(&world)),
        jobs: Some(list(&world)),
    };
    let facts = facts_from_lists(&lists, false, at);
    facts.iter().map(|facts| (Arc::clone(&facts.pod), issues(facts))).collect()
}

#[test]
fn each_seeded_fault_shows_its_cause_first() {
    for seconds in [0, 45, 180, 600, 1_800, 7_200, 86_400] {
        faults_at(now().saturating_add(SignedDuration::from_secs(seconds)).unwrap());
    }
}

fn faults_at(at: Timestamp) {
    let judged = judged(at);
    for (namespace, name, expected) in [
        ("payments", "api-", "POD-001"),
        ("shop", "recommender-", "POD-004"),
        ("shop", "frontend-canary-", "POD-002"),
        ("batch", "report-", "POD-007"),
        ("batch", "train-", "POD-007"),
        ("shop", "cart-", "POD-010"),
        ("shop", "search-", "POD-011"),
        ("payments", "worker-", "POD-003"),
        ("payments", "ledger-db-1", "POD-018"),
        ("platform", "agent-", "POD-015"),
        ("shop", "import-", "POD-009"),
    ] {
        let of = |pod: &Pod| {
            pod.metadata.namespace.as_deref() == Some(namespace)
                && pod.metadata.name.as_deref().is_some_and(|it| it.starts_with(name))
        };
        let mut pods = judged.iter().filter(|(pod, _)| of(pod));
        let found = pods.any(|(_, issues)| issues.first().is_some_and(|issue| issue.check == expected));
        let all: Vec<_> = judged.iter().filter(|(pod, _)| of(pod)).map(|(_, issues)| issues).collect();
        assert!(found, "{at} {namespace}/{name} {expected}: {all:#?}");
    }
    let evicted = judged.iter().flat_map(|(_, issues)| issues.first()).any(|issue| issue.check == "POD-014");
    assert!(evicted);
}

#[test]
fn most_pods_have_no_issue_above_low() {
    let judged = judged(now());
    let well = |issues: &[Issue]| issues.iter().all(|issue| issue.severity == Severity::Low);
    let ill: Vec<String> = judged
        .iter()
        .filter(|(_, issues)| !well(issues))
        .map(|(pod, issues)| {
            let ids: Vec<&str> = issues.iter().map(|issue| issue.check).collect();
            format!("{}: {}", pod.metadata.name.as_deref().unwrap_or_default(), ids.join(" "))
        })
        .collect();
    assert!(judged.len() - ill.len() >= 25, "{} of {}: {ill:#?}", ill.len(), judged.len());
    for name in ["web-", "nightly-", "chatty-"] {
        for (pod, issues) in &judged {
            if pod.metadata.name.as_deref().is_some_and(|it| it.starts_with(name)) {
                assert!(well(issues), "{name}: {issues:#?}");
            }
        }
    }
}
