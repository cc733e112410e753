//! What the pod names must be there: claims and configuration maps.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim};

use super::PodFacts;
use super::references::{claim_names, config_map_uses};
use super::scheduling::{Cause, obstacles, scheduler_message};
use super::start::CREATE_REASONS;
use super::view::{STARTING, excerpt};
use crate::check::{Finding, Input, Rule, RuleDoc};
use crate::report::Severity;

pub(super) const CLAIM: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-018",
        kind: "ClaimNotBound",
        severity: Severity::Critical,
        rule: "A PersistentVolumeClaim that the pod names is missing, Lost, or Pending. A claim that is Pending only \
               because the scheduler has not chosen a node yet (WaitForFirstConsumer) is normal: it counts only if \
               the scheduler names claims or storage classes as the sole cause. Not for pods that have ended or are \
               being deleted, nor for a claim that is missing in the first minute of the pod.",
        meaning: "The pod cannot start without its volume. A Lost claim means that the volume behind it is gone, \
                  with its data.",
        runbook: "1. get_resource kind=PersistentVolumeClaim: phase and storageClassName. 2. Does that storage class \
                  exist? A misspelt one stays Pending for ever (PVC-001). 3. ProvisioningFailed events name the \
                  driver's reason. 4. Lost: restore the volume from a backup (PVC-002).",
    },
    needs: &[Input::Claims],
    deep: false,
    explains: &["POD-007", "POD-008"],
    find: claims,
};

pub(super) const CONFIG_MAP: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-019",
        kind: "ConfigMapMissing",
        severity: Severity::Critical,
        rule: "A ConfigMap, or a key of it, that the pod names without optional=true does not exist. Not for one \
               that the message of POD-003 names already. Secrets are not read: they show only in the messages of \
               POD-003 and POD-008. Not for pods that have ended or are being deleted.",
        meaning: "The container or the volume cannot be made without it. A pod that already runs keeps running, but \
                  its next start fails.",
        runbook: "1. Compare the name with what is there: get_resource kind=ConfigMap shows the keys. 2. Was it \
                  renamed or left out of the last release? 3. Create it or correct the reference; the kubelet then \
                  goes on by itself.",
    },
    needs: &[Input::ConfigMaps],
    deep: false,
    explains: &["POD-008"],
    find: config_maps,
};

fn claims(facts: &PodFacts) -> Vec<Finding> {
    // What has ended needs its volumes no more: they may be gone by right.
    if facts.is_over() || facts.deleting() {
        return Vec::new();
    }
    let there = facts.claims.as_deref().unwrap_or_default();
    // While no node is chosen, a pending claim is the cause only if the scheduler says so, and nothing else.
    let to_blame = facts.node_name().is_some()
        || scheduler_message(facts).is_some_and(|message| {
            let obstacles = obstacles(&message);
            !obstacles.is_empty() && obstacles.iter().all(|obstacle| obstacle.cause == Cause::Claim)
        });
    let created = facts.pod.metadata.creation_timestamp.as_ref();
    let is_new = created.is_some_and(|at| facts.age(at.0) < STARTING);
    let mut findings = Vec::new();
    for name in claim_names(&facts.pod) {
        let claim = there.iter().find(|claim| claim.metadata.name.as_deref() == Some(name.as_str()));
        let phase = claim.and_then(|claim| claim.status.as_ref()?.phase.as_deref());
        let (state, advice) = match (claim, phase) {
            // A claim that is made for the pod comes a moment after it.
            (None, _) if is_new => continue,
            (None, _) => ("does not exist", "Create the claim, or correct claimName in the pod's volumes"),
            (Some(_), Some("Lost")) => (
                "is Lost: its volume is gone",
                "Restore the volume from a backup and bind the claim anew (PVC-002)",
            ),
            (Some(_), Some("Bound")) => continue,
            (Some(_), Some(phase)) if phase != "Pending" => continue,
            (Some(_), _) if !to_blame => continue,
            (Some(_), _) => (
                "is Pending: no volume is bound to it",
                "Check its storage class and its events (PVC-001); a class that does not exist never binds",
            ),
        };
        findings.push(
            Finding::new(
                Severity::Critical,
                facts.object(),
                format!("The claim \"{name}\" of the pod {state}"),
            )
            .evidence(claim.map(describe))
            .evidence(scheduler_message(facts).map(|message| format!("scheduler: {}", excerpt(&message))))
            .recommend(advice)
            .since(claim.and_then(|claim| claim.metadata.creation_timestamp.as_ref()).map(|at| at.0)),
        );
    }
    findings
}

/// The claim as `PVC-001` would name it.
fn describe(claim: &Arc<PersistentVolumeClaim>) -> String {
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("no phase");
    let class = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    let rule = if phase == "Lost" { "PVC-002" } else { "PVC-001" };
    format!("{rule}: claim phase {phase}, storage class {}", class.map_or("the default".to_owned(), excerpt))
}

fn config_maps(facts: &PodFacts) -> Vec<Finding> {
    if facts.is_over() || facts.deleting() {
        return Vec::new();
    }
    let there = facts.config_maps.as_deref().unwrap_or_default();
    let units = facts.units();
    let said: Vec<&str> = units
        .iter()
        .filter_map(super::view::Unit::waiting)
        .filter(|(reason, _)| CREATE_REASONS.contains(reason))
        .map(|(_, message)| message)
        .collect();
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for used in config_map_uses(&facts.pod).into_iter().filter(|used| !used.optional) {
        let map = there.iter().find(|map| map.metadata.name.as_deref() == Some(used.name.as_str()));
        let missing_key = match (map, &used.key) {
            (None, _) => None,
            (Some(map), Some(key)) if !has_key(map, key) => Some(key.clone()),
            (Some(_), _) => continue,
        };
        let named = said.iter().any(|message| names(message, &used.name));
        if named || !seen.insert((used.name.clone(), missing_key.clone())) {
            continue;
        }
        let what = match &missing_key {
            Some(key) => format!("The ConfigMap \"{}\" has no key \"{key}\"", used.name),
            None => format!("The ConfigMap \"{}\" does not exist", used.name),
        };
        let place = used.container.as_ref().map_or("a volume of the pod needs it".to_owned(), |container| {
            format!("the environment of container \"{container}\" needs it")
        });
        let object = match &used.container {
            Some(container) => facts.object().container(container),
            None => facts.object(),
        };
        findings.push(
            Finding::new(Severity::Critical, object, format!("{what}; {place}"))
                .evidence(used.key.iter().map(|key| format!("key: {key}")))
                .recommend("Create it, or correct the name in the pod template, or mark it optional"),
        );
    }
    findings
}

fn has_key(map: &Arc<ConfigMap>, key: &str) -> bool {
    map.data.iter().any(|data| data.contains_key(key))
        || map.binary_data.iter().any(|data| data.contains_key(key))
}

/// Whether the message names the map: as a whole word, in quotes or after a slash.
fn names(message: &str, name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    message.split(|c: char| !inner(c)).any(|word| word.trim_matches('.') == name)
}
