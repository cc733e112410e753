//! The rules about a node (`NOD-…`).

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Pod};

use crate::report::{Issue, Object, Severity, quote};

use super::look::{self, Condition};
use super::{Facts, Finding, Input, Rule, RuleDoc, run};

mod requested;

pub use requested::{Requested, requested};

/// A node and the pods on it. `None`: could not be read.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// Ages are counted from here.
    pub now: Timestamp,
    /// The node.
    pub node: Arc<Node>,
    /// The pods that are bound to it.
    pub pods: Option<Vec<Arc<Pod>>>,
}

impl Facts for NodeFacts {
    fn has(&self, input: Input) -> bool {
        input == Input::Pods && self.pods.is_some()
    }

    fn deep(&self) -> bool {
        false
    }
}

impl NodeFacts {
    fn object(&self) -> Object {
        look::object("Node", &self.node.metadata)
    }

    fn name(&self) -> &str {
        look::name(&self.node.metadata)
    }

    fn conditions(&self) -> &[NodeCondition] {
        let conditions = self.node.status.as_ref().and_then(|status| status.conditions.as_deref());
        conditions.unwrap_or_default()
    }
}

/// What is wrong with the node, worst first.
pub fn issues(facts: &NodeFacts) -> Vec<Issue> {
    run(RULES, facts)
}

/// Whether the node is ready.
pub fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    look::condition(conditions, "Ready").is_some_and(|ready| ready.status == "True")
}

/// How long a node may take to become ready, in seconds.
const JOINING: i64 = 120;

/// What a node is short of, and what that does to pods.
const PRESSURES: [(&str, &str); 4] = [
    ("MemoryPressure", "pods are evicted; find what uses the memory, set requests and limits"),
    ("DiskPressure", "pods are evicted and images removed; free the disk: logs, images, emptyDir volumes"),
    ("PIDPressure", "no process can be started; find the pod with too many processes, set podPidsLimit"),
    ("NetworkUnavailable", "pods get no network; look at the network plugin's pod on this node"),
];

/// Every rule about a node.
pub const RULES: &[Rule<NodeFacts>] = &[
    Rule {
        doc: RuleDoc {
            id: "NOD-001",
            kind: "NodeNotReady",
            severity: Severity::Critical,
            rule: "condition Ready is not True (False, Unknown or absent); low in the first two minutes of a node",
            meaning: "The node takes no new pods. After five minutes (the default toleration) its pods are evicted; \
                      with Ready=Unknown the kubelet has not been heard of and pods stay Terminating.",
            runbook: "1. Unknown: is the machine up, does it reach the API server? 2. False: read the message of the \
                      condition; look at kubelet and container runtime on the machine. 3. Drain and replace the node \
                      if it does not come back.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: not_ready,
    },
    Rule {
        doc: RuleDoc {
            id: "NOD-002",
            kind: "NodePressure",
            severity: Severity::High,
            rule: "condition MemoryPressure, DiskPressure, PIDPressure or NetworkUnavailable is True; a condition of \
                   another type that is True is only a remark (low)",
            meaning: "The node is short of something. Pods on it are evicted, those with the lowest priority and the \
                      most use above their requests first, and new ones are kept away by a taint.",
            runbook: "1. Find the pods that use most (check_resource_usage). 2. Look at evicted pods for the resource \
                      named (POD-014). 3. Free or add the resource; the condition goes away some minutes later.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: pressure,
    },
    Rule {
        doc: RuleDoc {
            id: "NOD-003",
            kind: "NodeCordoned",
            severity: Severity::Low,
            rule: "spec.unschedulable is true",
            meaning: "Somebody keeps new pods away from this node, mostly for maintenance.",
            runbook: "1. Ask who works on it. 2. `kubectl uncordon` when the work is over.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: cordoned,
    },
    Rule {
        doc: RuleDoc {
            id: "NOD-004",
            kind: "NodeFull",
            severity: Severity::Medium,
            rule: "requests of the pods that run on it are more than 90 % of status.allocatable for cpu, memory or \
                   the number of pods",
            meaning: "The scheduler places by requests, not by use: hardly another pod fits on this node.",
            runbook: "1. Compare requests with real use; lower what is far too high. 2. Add nodes, or let an \
                      autoscaler do so.",
        },
        needs: &[Input::Pods],
        deep: false,
        explains: &[],
        find: full,
    },
];

fn not_ready(facts: &NodeFacts) -> Vec<Finding> {
    let ready = facts.conditions().iter().find(|condition| condition.type_ == "Ready");
    if ready.is_some_and(|ready| ready.status == "True") {
        return Vec::new();
    }
    let status = ready.map_or("absent", |ready| ready.status.as_str());
    let since = ready.and_then(Condition::since);
    let length = since.map(|at| format!(" for {}", look::span(look::age(facts.now, at)))).unwrap_or_default();
    let next = if status == "False" {
        "read the message; look at kubelet and container runtime on the machine"
    } else {
        "the kubelet is not heard of: see whether the machine runs and reaches the API server"
    };
    // Its network comes up after the kubelet: every new node begins so.
    let joined = look::created(&facts.node.metadata).map(|at| look::age(facts.now, at));
    let joined = joined.filter(|age| *age < JOINING);
    let severity = if joined.is_some() { Severity::Low } else { Severity::Critical };
    let found = Finding::new(severity, facts.object(), format!("node {} is not ready{length}", facts.name()))
        .evidence([ready.map_or_else(|| "condition Ready: absent".to_owned(), written)])
        .evidence(joined.map(|age| format!("joined the cluster {} ago", look::span(age))))
        .recommend(next)
        .since(since);
    vec![found]
}

/// A condition as evidence.
fn written(condition: &NodeCondition) -> String {
    format!(
        "condition {}={}, {}: {}",
        condition.type_,
        condition.status,
        condition.reason(),
        quote(condition.message())
    )
}

fn pressure(facts: &NodeFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for condition in facts.conditions().iter().filter(|condition| condition.status == "True") {
        match PRESSURES.iter().find(|(kind, _)| *kind == condition.type_) {
            Some((kind, next)) => found.push(
                Finding::new(Severity::High, facts.object(), format!("node {} has {kind}", facts.name()))
                    .evidence([written(condition)])
                    .recommend(next)
                    .since(condition.since()),
            ),
            None if condition.type_ != "Ready" => unknown.push(condition),
            None => {}
        }
    }
    if !unknown.is_empty() {
        let kinds: Vec<&str> = unknown.iter().map(|condition| condition.type_.as_str()).collect();
        let message = format!("node {} has other conditions: {}", facts.name(), look::some(&kinds, 5));
        found.push(
            Finding::new(Severity::Low, facts.object(), message)
                .evidence(unknown.iter().map(|condition| written(condition)))
                .recommend("ask whoever sets these conditions (an agent on the node) what they mean"),
        );
    }
    found
}

fn cordoned(facts: &NodeFacts) -> Vec<Finding> {
    if facts.node.spec.as_ref().is_none_or(|spec| spec.unschedulable != Some(true)) {
        return Vec::new();
    }
    let message = format!("node {} is cordoned: it takes no new pods", facts.name());
    let found = Finding::new(Severity::Low, facts.object(), message)
        .evidence(["spec.unschedulable: true"])
        .recommend("uncordon the node when the maintenance is over");
    vec![found]
}

fn full(facts: &NodeFacts) -> Vec<Finding> {
    let requested = requested(&facts.node, facts.pods.as_deref().unwrap_or_default());
    let over: Vec<String> = [("cpu", requested.cpu), ("memory", requested.memory), ("pods", requested.pods)]
        .into_iter()
        .filter_map(|(what, percent)| percent.map(|percent| (what, percent)))
        .filter(|(_, percent)| *percent > 90.0)
        .map(|(what, percent)| format!("{what} {percent:.0} %"))
        .collect();
    if over.is_empty() {
        return Vec::new();
    }
    let message = format!("node {} is nearly full by requests: {}", facts.name(), over.join(", "));
    let found = Finding::new(Severity::Medium, facts.object(), message)
        .evidence(over.iter().map(|text| format!("requested of allocatable: {text}")))
        .recommend("lower requests that are far above use, or add nodes");
    vec![found]
}

#[cfg(test)]
mod tests;
