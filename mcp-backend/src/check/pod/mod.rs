//! The rules about one pod (`POD-…`).

mod lists;
pub mod references;
mod status;

pub use lists::{PodLists, facts_from_lists};
pub use status::{ready_count, status_reason};

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod};

use crate::cluster::PodMetrics;
use crate::report::Issue;

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

/// Every rule about a pod.
pub const RULES: &[Rule<PodFacts>] = &[];

/// What is wrong with the pod, worst first.
pub fn issues(facts: &PodFacts) -> Vec<Issue> {
    run(RULES, facts)
}
