use serde_json::{Value, json};

use super::{check, healthy};

#[test]
fn remarks_on_probes_come_with_deep_analysis_only() {
    let get = json!({ "httpGet": { "path": "/ready", "port": 8080 }, "periodSeconds": 5 });
    let patient = json!({ "httpGet": { "path": "/live", "port": 8080 }, "failureThreshold": 3 });
    let hasty = json!({ "httpGet": { "path": "/live", "port": 8080 }, "failureThreshold": 2,
        "initialDelaySeconds": 9 });
    for (patch, found) in [
        (json!({ "readinessProbe": null }), true),
        (json!({ "readinessProbe": null, "ports": null }), false),
        (json!({ "livenessProbe": patient }), false),
        (json!({ "livenessProbe": hasty }), true),
        (json!({ "livenessProbe": hasty, "startupProbe": get }), false),
        (json!({ "livenessProbe": get, "startupProbe": get }), true),
    ] {
        let case = healthy().container(patch.clone());
        check(&case, &[]);
        let expected: &[&str] = if found { &["POD-013 low app"] } else { &[] };
        check(&case.deep(), expected);
    }
}

#[test]
fn an_image_needs_a_tag_that_stays() {
    for (image, fixed) in [
        ("web", false),
        ("web:latest", false),
        ("registry.example:5000/web", false),
        ("registry.example:5000/web:1", true),
        ("web@sha256:00", true),
        ("web:latest@sha256:00", true),
    ] {
        let case = healthy().container(json!({ "image": image }));
        check(&case, &[]);
        let expected: &[&str] = if fixed { &[] } else { &["POD-021 low app"] };
        check(&case.deep(), expected);
    }
}

#[test]
fn limits_and_requests_are_asked_for() {
    let resources = |value: Value| {
        let mut case = healthy();
        case.pod["spec"]["containers"][0]["resources"] = value;
        case
    };
    let no_limit = resources(json!({ "requests": { "cpu": "1" }, "limits": { "cpu": "1" } }));
    check(&no_limit, &["POD-016 low app"]);
    assert!(no_limit.issue("POD-016").message.ends_with("has no memory limit"));
    let neither = resources(json!({}));
    assert!(neither.issue("POD-016").message.ends_with("has no memory limit and no requests"));
    let best_effort = neither.pod(json!({ "status": { "qosClass": "BestEffort" } }));
    check(&best_effort, &["POD-016 low"]);
}

#[test]
fn usage_is_compared_with_limit_and_request() {
    for (cpu, memory, expected) in [
        ("100m", "128Mi", &[] as &[&str]),
        ("101m", "129Mi", &["POD-017 low app", "POD-017 low app"]),
        ("50m", "241591910", &["POD-017 low app"]),
        ("50m", "241591911", &["POD-017 high app"]),
        ("899m", "1Mi", &["POD-017 low app"]),
        ("900m", "1Mi", &["POD-017 medium app"]),
        ("900000000n", "250Mi", &["POD-017 high app", "POD-017 medium app"]),
        ("odd", "", &[]),
    ] {
        check(&healthy().usage(cpu, memory), expected);
    }
    let issue = healthy().usage("1m", "250Mi").issue("POD-017");
    assert!(issue.message.contains("98 % of its memory limit"), "{}", issue.message);
    assert_eq!(issue.evidence, ["memory: 250Mi used, limit 256Mi"]);
    let measured = healthy().usage("209220001n", "1Ki").issue("POD-017");
    assert_eq!(measured.evidence, ["cpu: 210m used, request 100m"]);
}

#[test]
fn a_pod_without_a_controller_is_not_made_anew() {
    let mut case = healthy();
    case.pod["metadata"]["ownerReferences"] = json!([{ "kind": "ConfigMap", "name": "x" }]);
    check(&case, &["POD-022 low"]);
}

#[test]
fn wide_rights_are_told_with_deep_analysis() {
    let privileged = healthy().container(json!({ "securityContext": { "privileged": true } }));
    check(&privileged, &[]);
    check(&privileged.deep(), &["POD-025 low app"]);
    let host = healthy().pod(json!({ "spec": { "hostNetwork": true, "hostPID": true } })).deep();
    check(&host, &["POD-025 low"]);
    assert!(host.issue("POD-025").message.contains("hostNetwork, hostPID"));
    let none = healthy().pod(json!({ "spec": { "securityContext": null } }));
    check(&none.clone().deep(), &["POD-025 low app"]);
    check(&none.container(json!({ "securityContext": { "runAsNonRoot": true } })).deep(), &[]);
}
