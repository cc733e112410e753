//! Remarks on the specification: nothing is broken, but something is asked for.

use k8s_openapi::api::core::v1::Probe;

use super::PodFacts;
use super::probes::patience;
use super::references::is_mirror;
use super::view::{Role, Unit, excerpt};
use crate::check::look::span;
use crate::check::{Finding, Rule, RuleDoc};
use crate::report::Severity;

pub(super) const PROBES: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-013",
        kind: "ProbeConfiguration",
        severity: Severity::Low,
        rule: "Only with deep_analysis. A container has ports but no readinessProbe; or a livenessProbe without a \
               startupProbe and less than 30 s of patience; or the same liveness and readiness probe.",
        meaning: "Without a readiness probe traffic arrives before the program listens. A hasty liveness probe kills \
                  slow starts. The same probe twice restarts a container that should only be left alone.",
        runbook: "1. Add a readinessProbe that tells whether it can serve. 2. Add a startupProbe for slow starts. \
                  3. Let the liveness probe check the process only, with more patience than readiness.",
    },
    needs: &[],
    deep: true,
    explains: &[],
    find: probes,
};

pub(super) const TAG: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-021",
        kind: "ImageTagNotFixed",
        severity: Severity::Low,
        rule: "Only with deep_analysis. An image without a tag or with :latest, and without a digest.",
        meaning: "Which program runs depends on when the node pulled it: replicas may differ, and a rollback brings \
                  nothing back.",
        runbook: "1. Name a version or a digest in the pod template. 2. Let the release pipeline write it.",
    },
    needs: &[],
    deep: true,
    explains: &[],
    find: tag,
};

pub(super) const OWNER: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-022",
        kind: "NoController",
        severity: Severity::Low,
        rule: "No ownerReference with controller=true.",
        meaning: "If the pod is deleted, evicted or its node is lost, nothing makes it anew.",
        runbook: "1. A server belongs in a Deployment or StatefulSet, a task in a Job. 2. A pod made by hand for a \
                  test: delete it when done.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: owner,
};

pub(super) const SECURITY: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-025",
        kind: "SecuritySettings",
        severity: Severity::Low,
        rule: "Only with deep_analysis. A privileged container; hostNetwork or hostPID; or no securityContext, \
               neither of the pod nor of the container.",
        meaning: "Whoever takes over such a container has more of the node than the program needs.",
        runbook: "1. Drop privileged and host namespaces unless the program is part of the node. 2. Set \
                  runAsNonRoot, drop all capabilities, forbid privilege escalation.",
    },
    needs: &[],
    deep: true,
    explains: &[],
    find: security,
};

fn probes(facts: &PodFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in facts.units().into_iter().filter(|unit| unit.role == Role::Main) {
        let faults = probe_faults(&unit);
        if !faults.is_empty() {
            let message = format!("The {} has {}", unit.title(), faults.join("; "));
            findings.push(Finding::new(Severity::Low, unit.object(facts), message).recommend(
                "Give each probe its own purpose: startup for slow starts, readiness for serving, \
                                liveness for a process that hangs",
            ));
        }
    }
    findings
}

fn probe_faults(unit: &Unit<'_>) -> Vec<String> {
    let spec = unit.spec;
    let mut faults = Vec::new();
    if spec.ports.as_ref().is_some_and(|ports| !ports.is_empty()) && spec.readiness_probe.is_none() {
        faults.push("ports but no readinessProbe".to_owned());
    }
    if let Some(liveness) = &spec.liveness_probe {
        if spec.startup_probe.is_none() && patience(liveness) < 30 {
            faults.push(format!(
                "a livenessProbe that waits only {}, and no startupProbe",
                span(patience(liveness))
            ));
        }
        if spec.readiness_probe.as_ref().is_some_and(|readiness| same(liveness, readiness)) {
            faults.push("the same probe for liveness and readiness".to_owned());
        }
    }
    faults
}

/// Whether both look at the same place with the same patience.
fn same(one: &Probe, other: &Probe) -> bool {
    let place = |probe: &Probe| {
        (probe.http_get.clone(), probe.tcp_socket.clone(), probe.exec.clone(), probe.grpc.clone())
    };
    place(one) == place(other) && patience(one) == patience(other)
}

/// Whether an image reference says which version: by a digest, or by a tag that is not `latest`.
fn is_fixed(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or_default();
    image.contains('@') || last.split_once(':').is_some_and(|(_, tag)| !tag.is_empty() && tag != "latest")
}

fn tag(facts: &PodFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in facts.units() {
        let image = unit.spec.image.as_deref().unwrap_or_default();
        if !image.is_empty() && !is_fixed(image) {
            let message = format!("The image of the {} has no fixed tag: {}", unit.title(), excerpt(image));
            findings.push(
                Finding::new(Severity::Low, unit.object(facts), message)
                    .recommend("Name a version or a digest, so that every replica runs the same program"),
            );
        }
    }
    findings
}

fn owner(facts: &PodFacts) -> Vec<Finding> {
    let owners = facts.pod.metadata.owner_references.as_deref().unwrap_or_default();
    // A static pod is controlled by the kubelet.
    if owners.iter().any(|owner| owner.controller == Some(true)) || is_mirror(&facts.pod) {
        return Vec::new();
    }
    vec![
        Finding::new(
            Severity::Low,
            facts.object(),
            "Nothing controls the pod: once gone, it is not made anew",
        )
        .recommend("Put a server in a Deployment or StatefulSet, a task in a Job"),
    ]
}

fn security(facts: &PodFacts) -> Vec<Finding> {
    let Some(spec) = &facts.pod.spec else { return Vec::new() };
    let mut findings = Vec::new();
    let shared = [("hostNetwork", spec.host_network), ("hostPID", spec.host_pid)];
    let shared: Vec<&str> =
        shared.iter().filter(|(_, on)| *on == Some(true)).map(|(name, _)| *name).collect();
    if !shared.is_empty() {
        findings.push(
            Finding::new(
                Severity::Low,
                facts.object(),
                format!("The pod shares its node's {}", shared.join(", ")),
            )
            .recommend("Drop it unless the program is part of the node"),
        );
    }
    let of_pod = spec.security_context.as_ref().is_some_and(|context| *context != Default::default());
    for unit in facts.units() {
        let own = unit.spec.security_context.as_ref();
        let (message, advice) = if own.is_some_and(|context| context.privileged == Some(true)) {
            ("is privileged", "Drop privileged; add the single capability that it needs")
        } else if own.is_none() && !of_pod {
            ("has no securityContext", "Set runAsNonRoot, drop all capabilities, forbid privilege escalation")
        } else {
            continue;
        };
        let message = format!("The {} {message}", unit.title());
        findings.push(Finding::new(Severity::Low, unit.object(facts), message).recommend(advice));
    }
    findings
}
