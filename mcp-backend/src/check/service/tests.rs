use serde_json::{Value, json};

use super::*;
use crate::report::Severity;

fn parsed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn service(spec: Value) -> Arc<Service> {
    parsed(json!({
        "metadata": {"name": "catalog", "namespace": "shop", "creationTimestamp": "2026-11-22T11:58:00Z"},
        "spec": spec, "status": {"loadBalancer": {}},
    }))
}

fn pod(name: &str, labels: Value) -> Arc<Pod> {
    parsed(json!({
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"containers": [{"name": "app", "ports": [{"containerPort": 8080, "name": "http"}]}]},
        "status": {"phase": "Running"},
    }))
}

fn slice(endpoints: &[(&str, bool, bool)]) -> Arc<EndpointSlice> {
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|(pod, ready, terminating)| {
            json!({
                "addresses": ["10.0.0.1"], "conditions": {"ready": ready, "terminating": terminating},
                "targetRef": {"kind": "Pod", "name": pod},
            })
        })
        .collect();
    parsed(json!({"metadata": {}, "addressType": "IPv4", "endpoints": endpoints}))
}

fn facts(spec: Value, slices: Vec<Arc<EndpointSlice>>, pods: Vec<Arc<Pod>>) -> ServiceFacts {
    ServiceFacts {
        now: "2026-11-22T12:00:00Z".parse().unwrap(),
        service: service(spec),
        slices: Some(slices),
        pods: Some(pods),
        pod_issues: Vec::new(),
        ingresses: None,
        classes: None,
        policies: None,
    }
}

fn found(facts: &ServiceFacts) -> Vec<(&'static str, Severity)> {
    issues(facts).iter().map(|issue| (issue.check, issue.severity)).collect()
}

fn web() -> Value {
    json!({"selector": {"app": "catalog"}, "ports": [{"port": 80, "targetPort": "http"}]})
}

#[test]
fn a_mistyped_selector_shows_the_nearest_labels() {
    let pods = vec![pod("catalog-1", json!({"app": "catalog"})), pod("cart-1", json!({"app": "cart"}))];
    for typo in [json!({"app": "catlog"}), json!({"ap": "catalog"})] {
        let facts = facts(json!({"selector": typo}), vec![], pods.clone());
        let issue = issues(&facts).remove(0);
        assert_eq!((issue.check, issue.severity), ("SVC-001", Severity::Critical));
        assert!(issue.message.ends_with("the nearest is app=catalog on pod catalog-1"), "{}", issue.message);
    }
    let far = issues(&facts(json!({"selector": {"app": "warehouse"}}), vec![], pods)).remove(0);
    assert!(far.message.ends_with("matches no pod"), "{}", far.message);
}

#[test]
fn endpoints_are_read_from_slices() {
    let pods = || vec![pod("catalog-1", json!({"app": "catalog"}))];
    let one = |pod, ready, terminating| vec![slice(&[(pod, ready, terminating)])];
    let two = vec![slice(&[("catalog-1", true, false)]), slice(&[("catalog-2", false, false)])];
    let leaving = vec![slice(&[("catalog-1", true, false), ("catalog-2", false, true)])];
    for (slices, expected) in [
        (one("catalog-1", true, false), vec![]),
        (one("catalog-1", false, false), vec![("SVC-001", Severity::Critical)]),
        (vec![], vec![("SVC-001", Severity::Critical)]),
        (two, vec![("SVC-002", Severity::Medium)]),
        (leaving, vec![]),
    ] {
        assert_eq!(found(&facts(web(), slices.clone(), pods())), expected, "{slices:?}");
    }
    let unread = ServiceFacts { slices: None, ..facts(web(), vec![], pods()) };
    assert_eq!(found(&unread), [], "slices that could not be read prove nothing");
}

#[test]
fn pods_that_are_not_ready_bring_their_issues_along() {
    let issue = Issue {
        check: "POD-010",
        kind: "NotReady",
        severity: Severity::High,
        object: Object::new("Pod", "shop", "catalog-1"),
        message: "redis refused".to_owned(),
        evidence: vec![],
        recommendation: String::new(),
        first_seen: None,
        count: None,
    };
    let facts = facts(
        web(),
        vec![slice(&[("catalog-1", false, false)])],
        vec![pod("catalog-1", json!({"app": "catalog"}))],
    );
    let found = issues(&ServiceFacts { pod_issues: vec![issue], ..facts }).remove(0);
    assert_eq!(found.evidence, ["selector app=catalog takes catalog-1", "POD-010: redis refused"]);
}

#[test]
fn a_named_port_must_be_known_to_the_pods() {
    let pods = || vec![pod("catalog-1", json!({"app": "catalog"}))];
    let ready = || vec![slice(&[("catalog-1", true, false)])];
    for (target, expected) in [
        (json!("http"), vec![]),
        (json!(8080), vec![]),
        (json!("web"), vec![("SVC-003", Severity::Critical)]),
    ] {
        let spec = json!({"selector": {"app": "catalog"}, "ports": [{"port": 80, "targetPort": target}]});
        assert_eq!(found(&facts(spec, ready(), pods())), expected, "{target}");
    }
}

#[test]
fn services_without_selector_or_balancer_are_told_apart() {
    let ready = || vec![slice(&[("x", true, false)])];
    for (spec, slices, expected) in [
        (json!({}), vec![], vec![("SVC-005", Severity::Medium)]),
        (json!({}), ready(), vec![]),
        (json!({"type": "ExternalName", "externalName": "db.example"}), vec![], vec![]),
        (json!({"type": "LoadBalancer"}), ready(), vec![]),
    ] {
        assert_eq!(found(&facts(spec.clone(), slices, vec![])), expected, "{spec}");
    }
    let mut later = facts(json!({"type": "LoadBalancer"}), ready(), vec![]);
    later.now = "2026-11-22T12:00:01Z".parse().unwrap();
    assert_eq!(found(&later), [("SVC-004", Severity::Medium)], "just over two minutes");
}

#[test]
fn ingresses_lead_to_what_is_there() {
    let ingress = |class: &str, service: &str, port: Value| -> Arc<Ingress> {
        let backend = json!({"service": {"name": service, "port": port}});
        parsed(json!({
            "metadata": {"name": "front", "namespace": "shop"},
            "spec": {"ingressClassName": class, "rules": [
                {"host": "shop.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}},
            ]},
        }))
    };
    let class: Arc<IngressClass> = parsed(json!({"metadata": {"name": "nginx"}}));
    for (ingress, problem, of_service) in [
        (ingress("nginx", "catalog", json!({"number": 80})), None, false),
        (
            ingress("ngnix", "catalog", json!({"number": 80})),
            Some("ingress class ngnix does not exist"),
            true,
        ),
        (
            ingress("nginx", "catalog", json!({"number": 8080})),
            Some("host shop.example: service catalog has no port 8080"),
            true,
        ),
        (
            ingress("nginx", "catalog", json!({"name": "http"})),
            Some("host shop.example: service catalog has no port called http"),
            true,
        ),
        (
            ingress("nginx", "catlog", json!({"number": 80})),
            Some("host shop.example: service catlog does not exist"),
            false,
        ),
    ] {
        let ready = vec![slice(&[("catalog-1", true, false)])];
        let base = facts(web(), ready, vec![pod("catalog-1", json!({"app": "catalog"}))]);
        let alone = IngressFacts {
            ingress: Arc::clone(&ingress),
            services: Some(vec![Arc::clone(&base.service)]),
            classes: Some(vec![Arc::clone(&class)]),
        };
        assert_eq!(ingress_problems(&alone, None), problem.into_iter().collect::<Vec<_>>());
        assert_eq!(ingress_issues(&alone).len(), usize::from(problem.is_some()));
        let facts =
            ServiceFacts { ingresses: Some(vec![ingress]), classes: Some(vec![Arc::clone(&class)]), ..base };
        let expected: &[_] = if of_service { &[("SVC-006", Severity::High)] } else { &[] };
        assert_eq!(found(&facts), expected, "{problem:?}");
    }
}

#[test]
fn policies_that_admit_nobody_are_found() {
    let policy = |selector: Value, types: Value, ingress: Value| -> Arc<NetworkPolicy> {
        parsed(json!({
            "metadata": {"name": "deny"},
            "spec": {"podSelector": selector, "policyTypes": types, "ingress": ingress},
        }))
    };
    let deny = || policy(json!({}), json!(["Ingress"]), json!([]));
    let shut: &[_] = &[("SVC-007", Severity::Medium)];
    for (policies, expected) in [
        (vec![], &[][..]),
        (vec![deny()], shut),
        (vec![policy(json!({}), json!(null), json!([]))], shut),
        (vec![deny(), policy(json!({}), json!(["Ingress"]), json!([{}]))], &[]),
        (vec![policy(json!({}), json!(["Egress"]), json!([]))], &[]),
        (vec![policy(json!({"matchLabels": {"app": "cart"}}), json!(["Ingress"]), json!([]))], &[]),
    ] {
        let ready = vec![slice(&[("catalog-1", true, false)])];
        let base = facts(web(), ready, vec![pod("catalog-1", json!({"app": "catalog"}))]);
        let facts = ServiceFacts { policies: Some(policies.clone()), ..base };
        assert_eq!(found(&facts), expected, "{policies:?}");
    }
}

#[test]
fn pods_that_are_ready_are_not_called_unready() {
    let with = |patch: Value| {
        let mut value = serde_json::to_value(&*pod("catalog-1", json!({"app": "catalog"}))).unwrap();
        value["status"]["conditions"] = json!([{"type": "Ready", "status": patch["ready"]}]);
        value["metadata"]["creationTimestamp"] = patch["created"].clone();
        value["metadata"]["deletionTimestamp"] = patch["deleted"].clone();
        let issue = issues(&facts(web(), vec![], vec![parsed(value)])).remove(0);
        (issue.severity, issue.message)
    };
    let (severity, message) = with(json!({"ready": "True", "created": "2026-11-22T11:00:00Z"}));
    assert_eq!(severity, Severity::Critical);
    assert!(message.ends_with("although 1 of its 1 pods are ready"), "{message}");
    let (severity, message) = with(json!({"ready": "False", "created": "2026-11-22T11:59:01Z"}));
    assert_eq!(severity, Severity::Medium);
    assert!(message.ends_with("younger than a minute"), "{message}");
    assert_eq!(with(json!({"ready": "False", "created": "2026-11-22T11:59:00Z"})).0, Severity::Critical);
    let (_, message) = with(json!({"ready": "True", "deleted": "2026-11-22T11:59:00Z"}));
    assert!(message.ends_with("all of its 1 pods are being deleted"), "{message}");
}

#[test]
fn slices_of_real_clusters_are_understood() {
    let slice = |endpoints: Value| -> Arc<EndpointSlice> {
        parsed(json!({"metadata": {}, "addressType": "IPv4", "endpoints": endpoints}))
    };
    let bare = json!([{"addresses": ["192.0.2.1"]}]);
    let unready = json!([{"addresses": ["192.0.2.1"], "conditions": {"ready": false}}]);
    let without = || json!({"ports": [{"port": 80}]});
    for (spec, slices, expected) in [
        // No word on readiness means ready.
        (without(), vec![bare.clone()], vec![]),
        (without(), vec![json!([{"addresses": ["192.0.2.1"], "conditions": {}}])], vec![]),
        // One address in two slices, ready in one of them.
        (without(), vec![bare.clone(), unready.clone()], vec![]),
        (without(), vec![unready], vec![("SVC-001", Severity::Critical)]),
        (without(), vec![json!([])], vec![("SVC-001", Severity::Critical)]),
        (without(), vec![], vec![("SVC-005", Severity::Medium)]),
        (json!({"clusterIP": "None", "selector": {"app": "catalog"}}), vec![bare], vec![]),
        (json!({"type": "ExternalName", "externalName": "db.example"}), vec![], vec![]),
    ] {
        let pods = vec![pod("catalog-1", json!({"app": "catalog"}))];
        let facts = facts(spec.clone(), slices.into_iter().map(slice).collect(), pods);
        assert_eq!(found(&facts), expected, "{spec}");
    }
}
