//! The rules about one pod (`POD-…`).

use std::sync::Arc;

use jiff::Timestamp;
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
    /// The claims of its namespace.
    pub claims: Option<Vec<Arc<PersistentVolumeClaim>>>,
    /// The configuration maps of its namespace.
    pub config_maps: Option<Vec<Arc<ConfigMap>>>,
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

/// Every rule about a pod.
pub const RULES: &[Rule<PodFacts>] = &[];

/// What is wrong with the pod, worst first.
pub fn issues(facts: &PodFacts) -> Vec<Issue> {
    run(RULES, facts)
}
