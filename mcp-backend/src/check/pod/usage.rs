//! What containers use, and what they are allowed to.

use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::PodFacts;
use super::view::Unit;
use crate::check::quantity::amount;
use crate::check::{Finding, Input, Rule, RuleDoc};
use crate::cluster::UsedAmounts;
use crate::report::Severity;

pub(super) const LIMITS: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-016",
        kind: "MissingResourceLimits",
        severity: Severity::Low,
        rule: "A container has no memory limit, or no requests; or the pod's QoS class is BestEffort.",
        meaning: "Without requests the scheduler does not know what the pod needs; without a memory limit a leak \
                  takes the node down with it. BestEffort pods are evicted first.",
        runbook: "1. check_resource_usage shows what it really uses. 2. Set requests to the usual and a memory limit \
                  to what it may use at most. 3. A CPU limit is a matter of taste: it throttles.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: limits,
};

pub(super) const USAGE: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-017",
        kind: "ResourceUsageHigh",
        severity: Severity::High,
        rule: "Memory usage ≥ 90 % of the limit (high), CPU usage ≥ 90 % of the limit (medium), or usage above the \
               request (low). Needs metrics.k8s.io.",
        meaning: "Near its memory limit a container is killed at the next peak; near its CPU limit it is throttled \
                  and answers slowly; above its request it lives on what others left over.",
        runbook: "1. Memory: raise the limit, or find what grows. 2. CPU: raise or remove the limit, or add \
                  replicas. 3. Above the request: set the request to what it really uses.",
    },
    needs: &[Input::Usage],
    deep: false,
    explains: &[],
    find: usage,
};

/// What metrics.k8s.io says of this container.
pub(super) fn of_container<'a>(facts: &'a PodFacts, name: &str) -> Option<&'a UsedAmounts> {
    let containers = &facts.usage.as_ref()?.containers;
    containers.iter().find(|container| container.name == name).map(|container| &container.usage)
}

fn limit<'a>(container: &'a Container, resource: &str) -> Option<&'a Quantity> {
    container.resources.as_ref()?.limits.as_ref()?.get(resource)
}

fn request<'a>(container: &'a Container, resource: &str) -> Option<&'a Quantity> {
    container.resources.as_ref()?.requests.as_ref()?.get(resource)
}

/// A measured amount as people write it: the metrics come in billionths and in single kibibytes.
pub(super) fn spell(resource: &str, used: &Quantity) -> String {
    match (amount(used), resource) {
        (Some(cores), "cpu") => format!("{:.0}m", (cores * 1_000.0).ceil()),
        (Some(bytes), _) if bytes >= 1_048_576.0 => format!("{:.0}Mi", bytes / 1_048_576.0),
        _ => used.0.clone(),
    }
}

fn limits(facts: &PodFacts) -> Vec<Finding> {
    let advice =
        "Set requests to what it usually uses and a memory limit to what it may use (check_resource_usage)";
    let class = facts.pod.status.as_ref().and_then(|status| status.qos_class.as_deref());
    if class == Some("BestEffort") {
        return vec![
            Finding::new(
                Severity::Low,
                facts.object(),
                "No container of the pod has requests or limits (QoS BestEffort): it is evicted first",
            )
            .evidence(["qosClass: BestEffort"])
            .recommend(advice),
        ];
    }
    let mut findings = Vec::new();
    for unit in facts.units() {
        let mut missing = Vec::new();
        if limit(unit.spec, "memory").is_none() {
            missing.push("no memory limit");
        }
        // The API fills requests from limits, so only one that is really missing is absent.
        let requests = unit.spec.resources.as_ref().and_then(|it| it.requests.as_ref());
        if requests.is_none_or(std::collections::BTreeMap::is_empty) {
            missing.push("no requests");
        }
        if !missing.is_empty() {
            let message = format!("The {} has {}", unit.title(), missing.join(" and "));
            findings.push(Finding::new(Severity::Low, unit.object(facts), message).recommend(advice));
        }
    }
    findings
}

fn usage(facts: &PodFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in facts.units() {
        let Some(used) = of_container(facts, unit.name()) else { continue };
        let memory = ("memory", used.memory.as_ref(), Severity::High);
        let cpu = ("cpu", used.cpu.as_ref(), Severity::Medium);
        for (resource, used, severity) in [memory, cpu] {
            findings.extend(used.and_then(|used| judge(facts, &unit, resource, used, severity)));
        }
    }
    findings
}

fn judge(
    facts: &PodFacts,
    unit: &Unit<'_>,
    resource: &str,
    used: &Quantity,
    severity: Severity,
) -> Option<Finding> {
    let share = |allowed: Option<&Quantity>| {
        let allowed = allowed.and_then(amount).filter(|allowed| *allowed > 0.0)?;
        Some(amount(used)? / allowed * 100.0)
    };
    let (limit, request) = (limit(unit.spec, resource), request(unit.spec, resource));
    let numbers = |allowed: &Quantity, word: &str| {
        format!("{resource}: {} used, {word} {}", spell(resource, used), allowed.0)
    };
    // A tiny slack: shares of decimal fractions are not exact.
    if let Some((share, limit)) = share(limit).filter(|share| *share >= 90.0 - 1e-9).zip(limit) {
        let (risk, advice) = match severity {
            Severity::High => (
                "the next peak gets it killed",
                "Raise resources.limits.memory, or find what grows before it is OOMKilled",
            ),
            _ => ("it is being throttled", "Raise or remove the cpu limit, or add replicas"),
        };
        let message = format!("The {} uses {share:.0} % of its {resource} limit: {risk}", unit.title());
        let finding = Finding::new(severity, unit.object(facts), message);
        return Some(finding.evidence([numbers(limit, "limit")]).recommend(advice));
    }
    let (share, request) = share(request).filter(|share| *share > 100.0).zip(request)?;
    let message = format!("The {} uses {share:.0} % of the {resource} it requests", unit.title());
    Some(
        Finding::new(Severity::Low, unit.object(facts), message)
            .evidence([numbers(request, "request")])
            .recommend(format!("Set resources.requests.{resource} to what it really uses")),
    )
}
