use serde_json::{Value, json};

use super::*;

fn facts(phase: &str, class: Option<&str>, classes: Option<&[&str]>, event: Option<&str>) -> ClaimFacts {
    let claim = json!({
        "metadata": {"name": "data", "namespace": "payments"},
        "spec": {"storageClassName": class, "volumeName": "pv-7"},
        "status": {"phase": phase},
    });
    let event_of = |reason: &str| -> Arc<Event> {
        let event = json!({
            "metadata": {}, "involvedObject": {}, "reason": reason, "message": "no such class",
            "lastTimestamp": "2026-11-22T10:00:00Z",
        });
        serde_json::from_value(event).unwrap()
    };
    let class_of = |name: &&str| -> Arc<StorageClass> {
        let default: Value = if *name == "standard" {
            json!({"storageclass.kubernetes.io/is-default-class": "true"})
        } else {
            json!({})
        };
        let class = json!({"metadata": {"name": name, "annotations": default}, "provisioner": "disk"});
        serde_json::from_value(class).unwrap()
    };
    ClaimFacts {
        now: "2026-11-22T12:00:00Z".parse().unwrap(),
        claim: serde_json::from_value(claim).unwrap(),
        events: Some(event.map(event_of).into_iter().collect()),
        classes: classes.map(|names| names.iter().map(class_of).collect()),
    }
}

#[test]
fn a_pending_claim_is_told_from_one_that_waits() {
    let both = Some(&["fast", "standard"][..]);
    let ids = |facts: &ClaimFacts| issues(facts).iter().map(|issue| issue.check).collect::<Vec<_>>();
    for (phase, class, classes, event, expected) in [
        ("Pending", Some("fats"), both, None, vec!["PVC-001"]),
        ("Pending", Some("fast"), both, Some("ProvisioningFailed"), vec!["PVC-001"]),
        ("Pending", Some("fast"), both, Some("WaitForFirstConsumer"), vec![]),
        ("Pending", Some("fast"), both, None, vec![]),
        ("Pending", Some("fats"), None, None, vec![]),
        ("Pending", None, both, None, vec![]),
        ("Pending", None, Some(&["fast"][..]), None, vec!["PVC-001"]),
        ("Pending", Some(""), Some(&[][..]), None, vec![]),
        ("Pending", Some(""), Some(&[][..]), Some("FailedBinding"), vec!["PVC-001"]),
        ("Bound", Some("fats"), both, Some("ProvisioningFailed"), vec![]),
        ("Lost", Some("fast"), both, None, vec!["PVC-002"]),
    ] {
        let facts = facts(phase, class, classes, event);
        assert_eq!(ids(&facts), expected, "{phase} {class:?} {classes:?} {event:?}");
    }
}

#[test]
fn the_wrong_class_is_named_beside_those_that_exist() {
    let issue = issues(&facts("Pending", Some("fats"), Some(&["fast", "standard"]), None)).remove(0);
    assert_eq!(issue.message, "Claim data is Pending: storage class fats does not exist");
    assert_eq!(issue.evidence[2], "storage classes: fast, standard");
}
