//! Pods that find no node.

use super::PodFacts;
use super::view::{STARTING, event_message, event_reason, excerpt};
use crate::check::look::span;
use crate::check::{Finding, Rule, RuleDoc};
use crate::report::Severity;

pub(super) const UNSCHEDULABLE: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-007",
        kind: "Unschedulable",
        severity: Severity::Critical,
        rule: "phase Pending and condition PodScheduled=False with reason Unschedulable; the message \"0/N nodes are \
               available: …\" is split by cause. Reason SchedulingGated: low. Another reason, or no word of a \
               scheduler for more than a minute: high.",
        meaning: "No node can take the pod, so nothing of it runs. Each cause excludes some nodes; together they \
                  exclude all. A gated pod waits on purpose for a controller to lift the gate.",
        runbook: "1. Insufficient cpu or memory: lower the requests, or add a node; diagnose_node shows what is \
                  taken. 2. Taints: a toleration, if the pod belongs there. 3. Affinity or selector: do any nodes \
                  have these labels? 4. Claims: get_resource of the claim and its storage class. 5. Ports: hostPort \
                  is taken on every node. 6. SchedulingGated: find the controller that owns the gate.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: unschedulable,
};

/// Why some nodes cannot take the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    /// How many nodes; `None`: it is said of the pod as such.
    pub(super) nodes: Option<u32>,
    /// In the scheduler's words.
    pub(super) text: String,
    pub(super) cause: Cause,
}

/// The kinds of obstacles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Cpu,
    Memory,
    Storage,
    OtherResource,
    Selector,
    Taint,
    PodAffinity,
    Spread,
    VolumePlace,
    Claim,
    PodCount,
    Ports,
    Cordoned,
    Other,
}

impl Cause {
    fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        let has = |word: &str| text.contains(word);
        let words: [(bool, Self); 16] = [
            (has("insufficient cpu"), Self::Cpu),
            (has("insufficient memory"), Self::Memory),
            (has("insufficient ephemeral-storage"), Self::Storage),
            (has("too many pods"), Self::PodCount),
            (has("insufficient pods"), Self::PodCount),
            (has("insufficient"), Self::OtherResource),
            (has("volume node affinity"), Self::VolumePlace),
            (has("persistentvolumeclaim"), Self::Claim),
            (has("persistent volumes") || has("storageclass") || has("binding volumes"), Self::Claim),
            (has("taint"), Self::Taint),
            (has("topology spread"), Self::Spread),
            (has("pod affinity") || has("anti-affinity"), Self::PodAffinity),
            (has("affinity") || has("selector"), Self::Selector),
            (has("free ports"), Self::Ports),
            (has("unschedulable"), Self::Cordoned),
            (true, Self::Other),
        ];
        words.into_iter().find_map(|(holds, cause)| holds.then_some(cause)).unwrap_or(Self::Other)
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Cpu => "lower the cpu request or add nodes",
            Self::Memory => "lower the memory request or add nodes with more memory",
            Self::Storage => "lower the ephemeral-storage request or free disk on the nodes",
            Self::OtherResource => "see which nodes offer the resource (allocatable in diagnose_node)",
            Self::Selector => "correct nodeSelector or node affinity, or label a node",
            Self::Taint => "tolerate the taint if the pod belongs there, or remove the taint",
            Self::PodAffinity => "relax pod affinity or anti-affinity, or add nodes",
            Self::Spread => "relax topologySpreadConstraints or add nodes to the lacking zone",
            Self::VolumePlace => "its volume is bound to nodes that cannot take it: free one of them",
            Self::Claim => "get the claim bound: see its storage class and events",
            Self::PodCount => "the nodes are full of pods: add nodes",
            Self::Ports => "its hostPort is taken: drop it or add nodes",
            Self::Cordoned => "uncordon nodes",
            Self::Other => "read the scheduler's message",
        }
    }
}

/// Splits `0/4 nodes are available: 1 Insufficient cpu, 3 node(s) had untolerated taint {a: b}. preemption: …`.
pub(super) fn obstacles(message: &str) -> Vec<Obstacle> {
    let (_, causes) = message.split_once("are available:").unwrap_or(("", message));
    let causes = causes.split(" preemption:").next().unwrap_or_default();
    let mut obstacles: Vec<Obstacle> = Vec::new();
    for part in outside_braces(causes) {
        let part = part.trim().trim_end_matches('.').trim();
        if part.is_empty() {
            continue;
        }
        // Older schedulers write a comma within a cause.
        if let Some(before) = obstacles.last_mut().filter(|_| part.starts_with("that the pod")) {
            before.text = format!("{}, {part}", before.text);
            continue;
        }
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
        let (nodes, text) = match part[..digits].parse() {
            Ok(nodes) => (Some(nodes), part[digits..].trim()),
            Err(_) => (None, part),
        };
        obstacles.push(Obstacle { nodes, text: text.to_owned(), cause: Cause::of(text) });
    }
    obstacles
}

/// The parts between commas that do not stand in braces.
fn outside_braces(text: &str) -> Vec<&str> {
    let (mut depth, mut from) = (0_u32, 0);
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// What the scheduler says, if it found no node: in the condition, else in its latest event.
pub(super) fn scheduler_message(facts: &PodFacts) -> Option<String> {
    let condition = facts.condition("PodScheduled").filter(|condition| condition.status == "False")?;
    if condition.reason.as_deref() != Some("Unschedulable") || facts.phase() != "Pending" {
        return None;
    }
    let message = condition.message.clone().filter(|message| !message.trim().is_empty());
    message.or_else(|| {
        let events = facts.events(|event| event_reason(event) == "FailedScheduling");
        Some(events.first().map(|event| event_message(event).to_owned()).unwrap_or_default())
    })
}

/// The part `0/4 nodes` of the message.
fn nodes_of(message: &str) -> Option<&str> {
    let head = message.split_once(" nodes are available")?.0;
    head.rsplit_once('/').map(|(_, nodes)| nodes).filter(|nodes| nodes.bytes().all(|b| b.is_ascii_digit()))
}

fn unschedulable(facts: &PodFacts) -> Vec<Finding> {
    let condition = facts.condition("PodScheduled").filter(|condition| condition.status == "False");
    let since = condition.and_then(|condition| condition.last_transition_time.as_ref()).map(|at| at.0);
    if facts.phase() == "Pending"
        && condition.is_some_and(|condition| condition.reason.as_deref() == Some("SchedulingGated"))
    {
        let spec = facts.pod.spec.as_ref();
        let gates = spec.and_then(|spec| spec.scheduling_gates.as_deref()).unwrap_or_default();
        return vec![
            Finding::new(
                Severity::Low,
                facts.object(),
                "The pod waits on purpose: scheduling gates hold it back from every node",
            )
            .evidence(gates.iter().map(|gate| format!("scheduling gate: {}", gate.name)))
            .recommend("Find the controller that owns the gate; it lifts it when its condition is met")
            .since(since),
        ];
    }
    let Some(message) = scheduler_message(facts) else { return no_scheduler(facts) };
    let obstacles = obstacles(&message);
    let nodes = nodes_of(&message).map_or("No node".to_owned(), |nodes| format!("None of {nodes} nodes"));
    let said: Vec<String> = obstacles
        .iter()
        .take(4)
        .map(|it| match it.nodes {
            Some(count) => format!("{count}× {}", excerpt(&it.text)),
            None => excerpt(&it.text),
        })
        .collect();
    let mut advice: Vec<&str> = Vec::new();
    for obstacle in &obstacles {
        if !advice.contains(&obstacle.cause.advice()) {
            advice.push(obstacle.cause.advice());
        }
    }
    advice.truncate(4);
    let advice = if advice.is_empty() { "read get_events of the pod".to_owned() } else { advice.join("; ") };
    vec![
        Finding::new(
            Severity::Critical,
            facts.object(),
            format!(
                "{nodes} can take the pod: {}",
                if said.is_empty() { "no cause is told".to_owned() } else { said.join(", ") }
            ),
        )
        .evidence([format!("PodScheduled=False: {}", excerpt(&message))])
        .evidence(asks(facts))
        .recommend(format!("One of: {advice}"))
        .since(since),
    ]
}

/// Nobody looks for a node: the scheduler that the pod names does not run, or it fails.
fn no_scheduler(facts: &PodFacts) -> Vec<Finding> {
    let condition = facts.condition("PodScheduled");
    let created = facts.pod.metadata.creation_timestamp.as_ref().map(|at| at.0);
    let age = created.map_or(0, |at| facts.age(at));
    let placed = facts.node_name().is_some() || condition.is_some_and(|it| it.status == "True");
    if facts.phase() != "Pending" || placed || facts.deleting() || age <= STARTING {
        return Vec::new();
    }
    let spec = facts.pod.spec.as_ref();
    let scheduler = spec.and_then(|spec| spec.scheduler_name.as_deref()).unwrap_or("default-scheduler");
    let said = condition.map(|condition| {
        let reason = condition.reason.as_deref().unwrap_or("no reason");
        let message = excerpt(condition.message.as_deref().unwrap_or_default());
        format!("PodScheduled={}, {}: {message}", condition.status, excerpt(reason))
    });
    let message = format!("No scheduler has found a place for the pod in {}", span(age));
    vec![
        Finding::new(Severity::High, facts.object(), message)
            .evidence([format!("schedulerName: {}", excerpt(scheduler))])
            .evidence([said.unwrap_or_else(|| "condition PodScheduled: absent".to_owned())])
            .recommend(
                "See whether the scheduler of that name runs (list_pods in kube-system), or correct the name",
            )
            .since(created),
    ]
}

/// What the pod asks of a node.
fn asks(facts: &PodFacts) -> Vec<String> {
    let units = facts.units();
    let requests = units.iter().filter_map(|unit| {
        let requests = unit.spec.resources.as_ref()?.requests.as_ref()?;
        let list: Vec<String> =
            requests.iter().map(|(name, amount)| format!("{name} {}", amount.0)).collect();
        (!list.is_empty()).then(|| format!("{} requests {}", unit.title(), list.join(", ")))
    });
    let mut asks: Vec<String> = requests.take(3).collect();
    let selector = facts.pod.spec.as_ref().and_then(|spec| spec.node_selector.as_ref());
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        let pairs: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        asks.push(format!("nodeSelector {}", pairs.join(",")));
    }
    asks
}
