//! What containers use, and what they are allowed to.

use super::PodFacts;
use super::view::Unit;
use crate::check::{Finding, Input, Rule, RuleDoc};
use crate::cluster::UsedAmounts;
use crate::quantity::{Amount, Resource, ResourceUse};
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
fn of_container<'a>(facts: &'a PodFacts, name: &str) -> Option<&'a UsedAmounts> {
    let containers = &facts.usage.as_ref()?.containers;
    containers.iter().find(|container| container.name == name).map(|container| &container.usage)
}

/// What the container uses of this and may use of it.
pub(super) fn of_unit(facts: &PodFacts, unit: &Unit<'_>, resource: Resource) -> ResourceUse {
    let used = of_container(facts, unit.name()).and_then(|used| match resource {
        Resource::Cpu => used.cpu.as_ref(),
        Resource::Memory => used.memory.as_ref(),
    });
    ResourceUse::of(unit.spec, resource, used)
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
    // Resources of the pod as a whole stand for those that its containers lack.
    let whole = facts.pod.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let limited = whole.is_some_and(|whole| whole.limits.iter().flatten().any(|(name, _)| name == "memory"));
    let requested = whole.is_some_and(|whole| whole.requests.iter().flatten().next().is_some());
    let mut findings = Vec::new();
    for unit in facts.units() {
        let mut missing = Vec::new();
        if !limited && ResourceUse::of(unit.spec, Resource::Memory, None).limit.is_none() {
            missing.push("no memory limit");
        }
        // The API fills requests from limits, so only one that is really missing is absent.
        let requests = unit.spec.resources.as_ref().and_then(|it| it.requests.as_ref());
        if !requested && requests.is_none_or(std::collections::BTreeMap::is_empty) {
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
        let resources = [Resource::Memory, Resource::Cpu];
        findings.extend(resources.into_iter().filter_map(|resource| judge(facts, &unit, resource)));
    }
    findings
}

fn judge(facts: &PodFacts, unit: &Unit<'_>, resource: Resource) -> Option<Finding> {
    let of = of_unit(facts, unit, resource);
    let name = resource.as_str();
    let numbers = |word: &str, allowed: Amount| {
        let used = of.used.map(|used| resource.spell(used)).unwrap_or_default();
        format!("{name}: {used} used, {word} {}", resource.spell(allowed))
    };
    if let Some((share, limit)) = of.percent_near_limit().zip(of.limit) {
        let (severity, risk, advice) = match resource {
            Resource::Memory => (
                Severity::High,
                "the next peak gets it killed",
                "Raise resources.limits.memory, or find what grows before it is OOMKilled",
            ),
            Resource::Cpu => {
                (Severity::Medium, "it is being throttled", "Raise or remove the cpu limit, or add replicas")
            }
        };
        let message = format!("The {} uses {share:.0} % of its {name} limit: {risk}", unit.title());
        let finding = Finding::new(severity, unit.object(facts), message);
        return Some(finding.evidence([numbers("limit", limit)]).recommend(advice));
    }
    let (share, request) = of.percent_of_request().zip(of.request).filter(|_| of.used > of.request)?;
    let message = format!("The {} uses {share:.0} % of the {name} it requests", unit.title());
    Some(
        Finding::new(Severity::Low, unit.object(facts), message)
            .evidence([numbers("request", request)])
            .recommend(format!("Set resources.requests.{name} to what it really uses")),
    )
}
