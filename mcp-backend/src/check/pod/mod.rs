//! The rules about one pod (`POD-…`).

mod crash;
mod lifecycle;
mod lists;
mod logs;
mod probes;
pub mod references;
mod scheduling;
mod specification;
mod start;
mod status;
mod storage;
#[cfg(test)]
mod tests;
mod usage;
mod view;

pub use lists::{PodLists, facts_from_lists};
pub use logs::{LogChoice, log_choices};
pub use status::{ready_count, status_reason};

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod};

use crate::cluster::PodMetrics;
use crate::report::{Issue, Severity};

use super::{Facts, Input, Rule, run};

/// A pod and what is known around it. `None`: not asked for, or could not be read.
#[derive(Clone, Debug)]
pub struct PodFacts {
    /// Ages are counted from here.
    pub now: Timestamp,
    /// Remarks on the specification too.
    pub deep: bool,
    /// The pod.
    pub pod: Arc<Pod>,
    /// The events about this very pod (by name and uid).
    pub events: Option<Vec<Arc<Event>>>,
    /// The last lines of its containers.
    pub logs: Option<Vec<ContainerLog>>,
    /// What it uses.
    pub usage: Option<Arc<PodMetrics>>,
    /// The node it runs on.
    pub node: Option<Arc<Node>>,
    /// The claims of its namespace, at least those that it names.
    pub claims: Option<Vec<Arc<PersistentVolumeClaim>>>,
    /// The configuration maps of its namespace, at least those that it names.
    pub config_maps: Option<Vec<Arc<ConfigMap>>>,
    /// The job that made it, if one did.
    pub job: Option<Arc<Job>>,
}

impl PodFacts {
    /// The pod alone: nothing around it was read.
    pub fn of_pod(pod: Arc<Pod>, now: Timestamp) -> Self {
        Self {
            now,
            deep: false,
            pod,
            events: None,
            logs: None,
            usage: None,
            node: None,
            claims: None,
            config_maps: None,
            job: None,
        }
    }
}

/// The tail of a container's log.
#[derive(Clone, Debug)]
pub struct ContainerLog {
    /// Its name.
    pub container: String,
    /// Of the instance before the running one.
    pub previous: bool,
    /// Lines without the timestamps of the API.
    pub lines: Vec<String>,
}

impl Facts for PodFacts {
    fn has(&self, input: Input) -> bool {
        match input {
            Input::Events => self.events.is_some(),
            Input::Logs => self.logs.is_some(),
            Input::Usage => self.usage.is_some(),
            Input::Node => self.node.is_some(),
            Input::Claims => self.claims.is_some(),
            Input::ConfigMaps => self.config_maps.is_some(),
            Input::Pods | Input::Related => false,
        }
    }

    fn deep(&self) -> bool {
        self.deep
    }
}

/// The name of the controlling owner, if it is of this kind.
pub fn owner_of_kind<'a>(pod: &'a Pod, kind: &str) -> Option<&'a str> {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    (owner.kind == kind).then_some(owner.name.as_str())
}

/// Every rule about a pod, in the order of their ids.
pub const RULES: &[Rule<PodFacts>] = &[
    crash::CRASH_LOOP,
    start::IMAGE,
    start::CREATE,
    crash::OUT_OF_MEMORY,
    crash::FAILED,
    crash::RESTARTS,
    scheduling::UNSCHEDULABLE,
    start::STUCK,
    start::INIT,
    probes::READINESS,
    probes::LIVENESS,
    probes::STARTUP,
    specification::PROBES,
    lifecycle::EVICTED,
    lifecycle::TERMINATING,
    usage::LIMITS,
    usage::USAGE,
    storage::CLAIM,
    storage::CONFIG_MAP,
    lifecycle::NODE,
    specification::TAG,
    specification::OWNER,
    lifecycle::NOT_READY,
    lifecycle::WARNINGS,
    specification::SECURITY,
];

/// What is wrong with the pod, worst first. A pod that did its work is healthy, whatever it looks like now.
pub fn issues(facts: &PodFacts) -> Vec<Issue> {
    if is_done(facts) {
        return Vec::new();
    }
    let mut issues = run(RULES, facts);
    // POD-023 is for what nothing else tells.
    let id = lifecycle::NOT_READY.doc.id;
    let told = issues.iter().any(|issue| issue.check != id && issue.severity <= Severity::High);
    issues.retain(|issue| issue.check != id || !told);
    issues
}

/// Whether its phase is Succeeded, or its job is complete.
fn is_done(facts: &PodFacts) -> bool {
    let status = facts.job.as_ref().and_then(|job| job.status.as_ref());
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    facts.phase() == "Succeeded"
        || conditions.iter().any(|condition| condition.type_ == "Complete" && condition.status == "True")
}
