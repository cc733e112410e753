//! The rules about a claim of a volume (`PVC-…`).

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;

use crate::report::{Issue, Object, Severity, quote};

use super::{Facts, Finding, Input, Rule, RuleDoc, look, run};

/// A claim and what is known around it. `None`: could not be read.
#[derive(Clone, Debug)]
pub struct ClaimFacts {
    /// Ages are counted from here.
    pub now: Timestamp,
    /// The claim.
    pub claim: Arc<PersistentVolumeClaim>,
    /// The events about this claim.
    pub events: Option<Vec<Arc<Event>>>,
    /// The storage classes of the cluster.
    pub classes: Option<Vec<Arc<StorageClass>>>,
}

impl Facts for ClaimFacts {
    fn has(&self, input: Input) -> bool {
        match input {
            Input::Events => self.events.is_some(),
            Input::Related => self.classes.is_some(),
            _ => false,
        }
    }

    fn deep(&self) -> bool {
        false
    }
}

impl ClaimFacts {
    fn phase(&self) -> &str {
        self.claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
    }

    fn object(&self) -> Object {
        look::object("PersistentVolumeClaim", &self.claim.metadata)
    }

    /// The class that the claim names. An empty name asks for a volume that somebody made by hand.
    fn class(&self) -> Option<&str> {
        self.claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref())
    }
}

/// What is wrong with the claim, worst first.
pub fn issues(facts: &ClaimFacts) -> Vec<Issue> {
    run(RULES, facts)
}

/// Whether this is the class of claims that name none.
pub(crate) fn is_default(class: &StorageClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"]
        .iter()
        .any(|key| annotations.and_then(|all| all.get(*key)).is_some_and(|value| value == "true"))
}

/// Every rule about a claim.
pub const RULES: &[Rule<ClaimFacts>] = &[
    Rule {
        doc: RuleDoc {
            id: "PVC-001",
            kind: "ClaimPending",
            severity: Severity::Critical,
            rule: "status.phase is Pending, and the storage class is missing or an event ProvisioningFailed or \
                   FailedBinding tells why; waiting for the first pod (WaitForFirstConsumer) is normal",
            meaning: "No volume will be made for this claim as it stands, so every pod that names it stays Pending.",
            runbook: "1. Read the message of the event. 2. Compare spec.storageClassName with the storage classes of \
                      the cluster; a claim without a class needs a default class. 3. The class of a claim cannot be \
                      changed: delete the unbound claim and make it again with the right class; for a StatefulSet \
                      correct volumeClaimTemplates too. 4. If the class is right, look at the provisioner's pods and \
                      its quota.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: pending,
    },
    Rule {
        doc: RuleDoc {
            id: "PVC-002",
            kind: "ClaimLost",
            severity: Severity::Critical,
            rule: "status.phase is Lost",
            meaning: "The volume that the claim was bound to is gone, and its data with it as far as the cluster \
                      knows. Pods that name the claim cannot start.",
            runbook: "1. Look for the PersistentVolume named in spec.volumeName and for the disk behind it. 2. If the \
                      disk is there, make the PersistentVolume again with a claimRef to this claim. 3. Otherwise \
                      restore from a backup into a new claim.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: lost,
    },
];

fn pending(facts: &ClaimFacts) -> Vec<Finding> {
    if facts.phase() != "Pending" {
        return Vec::new();
    }
    let failed = look::latest(facts.events.as_ref(), &["ProvisioningFailed", "FailedBinding"]);
    let no_class = missing_class(facts);
    let name = look::name(&facts.claim.metadata);
    let (message, next) = match (&no_class, failed) {
        (Some(problem), _) => (
            format!("claim {name} is Pending: {problem}"),
            "make the claim again with a storage class that exists, or make the class",
        ),
        (None, Some(event)) => (
            format!(
                "claim {name} is Pending: its volume cannot be made ({})",
                event.reason.as_deref().unwrap_or_default()
            ),
            "do what the event says; look at the provisioner of the storage class and its quota",
        ),
        (None, None) => return Vec::new(),
    };
    let evidence = [
        Some("status.phase: Pending".to_owned()),
        Some(format!("spec.storageClassName: {}", facts.class().unwrap_or("(none)"))),
        failed.and_then(|event| event.message.as_deref()).map(|text| format!("event: {}", quote(text))),
        classes_text(facts),
    ];
    let found = Finding::new(Severity::Critical, facts.object(), message)
        .evidence(evidence.into_iter().flatten())
        .recommend(next)
        .since(look::created(&facts.claim.metadata));
    vec![found]
}

/// In a sentence, why there is no class for the claim. `None`: there is one, or the classes are not known.
fn missing_class(facts: &ClaimFacts) -> Option<String> {
    let classes = facts.classes.as_ref()?;
    match facts.class() {
        Some("") => None,
        Some(name) if classes.iter().any(|class| look::name(&class.metadata) == name) => None,
        Some(name) => Some(format!("storage class {name} does not exist")),
        None if classes.iter().any(|class| is_default(class)) => None,
        None => Some("it names no storage class, and no class is the default".to_owned()),
    }
}

fn classes_text(facts: &ClaimFacts) -> Option<String> {
    let names: Vec<&str> = facts.classes.as_ref()?.iter().map(|class| look::name(&class.metadata)).collect();
    Some(format!(
        "storage classes: {}",
        if names.is_empty() { "none".to_owned() } else { look::some(&names, 6) }
    ))
}

fn lost(facts: &ClaimFacts) -> Vec<Finding> {
    if facts.phase() != "Lost" {
        return Vec::new();
    }
    let volume = facts.claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).unwrap_or("(none)");
    let message = format!("claim {} is Lost: its volume {volume} is gone", look::name(&facts.claim.metadata));
    let found = Finding::new(Severity::Critical, facts.object(), message)
        .evidence([format!("status.phase: Lost, spec.volumeName: {volume}")])
        .recommend(
            "look for the disk behind the volume; bind it again or restore from a backup into a new claim",
        );
    vec![found]
}

#[cfg(test)]
mod tests;
