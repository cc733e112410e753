//! What the rules about a service look for behind it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::check::{Finding, look};
use crate::report::{Issue, Severity};

use super::{ServiceFacts, nearest};

/// A load balancer is given this long, in seconds.
const BALANCER_PATIENCE: i64 = 120;

/// A pod may take so long to become ready, in seconds.
const POD_PATIENCE: i64 = 60;

fn selector_text(facts: &ServiceFacts) -> String {
    let pairs: Vec<String> = facts.selector().iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}

pub(super) fn none_ready(facts: &ServiceFacts) -> Vec<Finding> {
    let Some(endpoints) = facts.endpoints().filter(|found| found.ready.is_empty()) else { return Vec::new() };
    let has_slices = facts.slices.as_ref().is_some_and(|slices| !slices.is_empty());
    if facts.is_external() || facts.selector().is_empty() && !has_slices {
        return Vec::new();
    }
    let name = facts.name();
    let found = |message: String| Finding::new(Severity::Critical, facts.object(), message);
    let selector = selector_text(facts);
    let finding = match facts.selected() {
        Some(pods) if pods.is_empty() => no_pod(facts, found, &selector),
        Some(pods) if pods.iter().all(|pod| pod.metadata.deletion_timestamp.is_some()) => {
            let names: Vec<&str> = pods.iter().map(|pod| look::name(&pod.metadata)).collect();
            found(format!(
                "service {name} has no ready endpoint: all of its {} pods are being deleted",
                pods.len()
            ))
            .evidence([format!("selector {selector} takes {}", look::some(&names, 3))])
            .evidence(causes(facts, &names))
            .recommend("see why no new pods are made: diagnose_deployment, or diagnose_pod if they do not go")
        }
        Some(pods) if pods.iter().any(|pod| serves(pod)) => {
            let ready = pods.iter().filter(|pod| serves(pod)).count();
            found(format!(
                "service {name} has no ready endpoint, although {ready} of its {} pods are ready",
                pods.len()
            ))
            .evidence([format!("selector {selector}; EndpointSlices: {} endpoints", endpoints.not_ready.len())])
            .recommend("ask again in a moment; if it stays, see whether kube-controller-manager writes EndpointSlices")
        }
        Some(pods) => {
            let names: Vec<&str> = pods.iter().map(|pod| look::name(&pod.metadata)).collect();
            let is_new = |pod: &&Arc<Pod>| {
                look::created(&pod.metadata).is_some_and(|at| look::age(facts.now, at) < POD_PATIENCE)
            };
            let (severity, why) = match pods.iter().all(is_new) {
                true => (Severity::Medium, "; all are younger than a minute"),
                false => (Severity::Critical, ""),
            };
            let message = format!(
                "service {name} has no ready endpoint: none of its {} pods is ready{why}",
                pods.len()
            );
            Finding::new(severity, facts.object(), message)
                .evidence([format!("selector {selector} takes {}", look::some(&names, 3))])
                .evidence(causes(facts, &names))
                .recommend("diagnose the pods: see the issues in the evidence, or call diagnose_pod")
        }
        None => found(format!("service {name} has no ready endpoint"))
            .evidence([format!("{} endpoints, none ready", endpoints.not_ready.len())])
            .recommend("see what stands behind the addresses of its EndpointSlices"),
    };
    vec![finding]
}

/// Whether an endpoint of the pod should be ready.
fn serves(pod: &Pod) -> bool {
    look::is_ready(pod) && pod.metadata.deletion_timestamp.is_none()
}

/// The selector takes nothing: which labels did it mean?
fn no_pod(facts: &ServiceFacts, found: impl Fn(String) -> Finding, selector: &str) -> Finding {
    let near = nearest::nearest(&facts.selector(), facts.pods.as_deref().unwrap_or_default());
    let hint = near.first().map(|near| format!("; the nearest is {near}")).unwrap_or_default();
    let next = if near.is_empty() {
        "label the pods as the selector asks, correct the selector, or scale the workload up from zero"
    } else {
        "correct the selector of the service, or the labels of the pod template"
    };
    found(format!("service {} has no endpoint: selector {selector} matches no pod{hint}", facts.name()))
        .evidence([format!("spec.selector: {selector}")])
        .evidence(near.iter().map(|near| format!("nearest: {near}")))
        .recommend(next)
}

/// The worst that is wrong with these pods, in a line each.
fn causes(facts: &ServiceFacts, pods: &[&str]) -> Vec<String> {
    let about = |issue: &&Issue| pods.contains(&issue.object.name.as_str()) && issue.severity < Severity::Low;
    let mut worst: Vec<&Issue> = facts.pod_issues.iter().filter(about).collect();
    worst.sort_by_key(|issue| issue.severity);
    let mut told: Vec<String> = Vec::new();
    for issue in worst {
        let text = format!("{}: {}", issue.check, issue.message);
        // Pods of one workload mostly say the same.
        if told.len() < 3 && !told.contains(&text) {
            told.push(text);
        }
    }
    told
}

pub(super) fn some_not_ready(facts: &ServiceFacts) -> Vec<Finding> {
    let Some(endpoints) = facts.endpoints() else { return Vec::new() };
    let (ready, not_ready) = (endpoints.ready.len(), endpoints.not_ready.len());
    if ready == 0 || not_ready == 0 {
        return Vec::new();
    }
    let names: Vec<&str> = endpoints.not_ready.iter().map(String::as_str).collect();
    let message =
        format!("service {}: {not_ready} of {} endpoints are not ready", facts.name(), ready + not_ready);
    let found = Finding::new(Severity::Medium, facts.object(), message)
        .evidence([format!("not ready: {}", look::some(&names, 5))])
        .evidence(causes(facts, &names))
        .recommend("diagnose the pods that are not ready");
    vec![found]
}

pub(super) fn unknown_target_port(facts: &ServiceFacts) -> Vec<Finding> {
    let Some(pods) = facts.selected().filter(|pods| !pods.is_empty()) else { return Vec::new() };
    let names = port_names(&pods);
    let ports = facts.spec().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let mut found = Vec::new();
    for port in ports {
        let Some(IntOrString::String(target)) = &port.target_port else { continue };
        if names.contains(&target.as_str()) || target.parse::<u16>().is_ok() {
            continue;
        }
        let message = format!(
            "service {}: port {} leads to \"{target}\", which no port of its {} pods is called",
            facts.name(),
            port.port,
            pods.len()
        );
        let known = if names.is_empty() { "none".to_owned() } else { look::some(&names, 6) };
        found.push(
            Finding::new(Severity::Critical, facts.object(), message)
                .evidence([format!("targetPort: {target}"), format!("named ports of the pods: {known}")])
                .recommend("set targetPort to the name or number of the port that the container listens on"),
        );
    }
    found
}

fn port_names<'a>(pods: &[&'a Arc<Pod>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for spec in pods.iter().filter_map(|pod| pod.spec.as_ref()) {
        let sidecars = spec.init_containers.iter().flatten();
        for port in
            spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten())
        {
            names.extend(port.name.as_deref());
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

pub(super) fn balancer_pending(facts: &ServiceFacts) -> Vec<Finding> {
    let status = facts.service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let placed = status.is_some_and(|balancer| balancer.ingress.iter().flatten().next().is_some());
    let created = look::created(&facts.service.metadata);
    let waited = created.map_or(0, |at| look::age(facts.now, at));
    if facts.service_type() != "LoadBalancer" || placed || waited <= BALANCER_PATIENCE {
        return Vec::new();
    }
    let message = format!("service {} waits for a load balancer for {}", facts.name(), look::span(waited));
    let found = Finding::new(Severity::Medium, facts.object(), message)
        .evidence(["status.loadBalancer.ingress: empty"])
        .recommend("read the service's events with get_events; is there a controller for load balancers?")
        .since(created);
    vec![found]
}

pub(super) fn no_selector(facts: &ServiceFacts) -> Vec<Finding> {
    let slices = facts.slices.as_deref().unwrap_or_default();
    if facts.is_external() || !facts.selector().is_empty() || !slices.is_empty() {
        return Vec::new();
    }
    let message = format!("service {} has neither a selector nor endpoint slices", facts.name());
    let found = Finding::new(Severity::Medium, facts.object(), message)
        .evidence(["spec.selector: empty", "EndpointSlices: none"])
        .recommend("add a selector, or make the EndpointSlice by hand");
    vec![found]
}

/// Whether the policy says who may reach the pods; without types it does.
fn guards_ingress(policy: &NetworkPolicy) -> bool {
    let types = policy.spec.as_ref().and_then(|spec| spec.policy_types.as_deref());
    types.is_none_or(|types| types.is_empty() || types.iter().any(|kind| kind == "Ingress"))
}

pub(super) fn isolated(facts: &ServiceFacts) -> Vec<Finding> {
    let (Some(pods), Some(policies)) = (facts.selected(), &facts.policies) else { return Vec::new() };
    let mut shut: Vec<&str> = Vec::new();
    let mut by: Vec<&str> = Vec::new();
    for pod in pods {
        let labels = pod.metadata.labels.as_ref();
        let selecting: Vec<&NetworkPolicy> = policies
            .iter()
            .map(Arc::as_ref)
            .filter(|policy| guards_ingress(policy))
            .filter(|policy| {
                let selector = policy.spec.as_ref().and_then(|spec| spec.pod_selector.as_ref());
                selector.is_none_or(|selector| look::selects(selector, labels))
            })
            .collect();
        let rules = selecting.iter().filter_map(|policy| policy.spec.as_ref()?.ingress.as_ref()).flatten();
        if !selecting.is_empty() && rules.count() == 0 {
            shut.push(look::name(&pod.metadata));
            by.extend(selecting.iter().map(|policy| look::name(&policy.metadata)));
        }
    }
    if shut.is_empty() {
        return Vec::new();
    }
    by.sort_unstable();
    by.dedup();
    let message =
        format!("service {}: network policies admit nobody to {} of its pods", facts.name(), shut.len());
    let found = Finding::new(Severity::Medium, facts.object(), message)
        .evidence([format!("policies: {}", look::some(&by, 5)), format!("pods: {}", look::some(&shut, 3))])
        .recommend("add an ingress rule that admits the callers, or remove the policy");
    vec![found]
}
