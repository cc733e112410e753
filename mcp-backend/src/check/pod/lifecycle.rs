//! The pod as a whole: evicted, stuck, on a bad node, not ready, and what events say besides.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Event, NodeCondition};

use super::view::{event_message, event_reason, excerpt, finished_at};
use super::{PodFacts, crash, probes, scheduling, start, storage};
use crate::check::look::{first_seen, last_seen, span, times_seen};
use crate::check::{Finding, Input, Rule, RuleDoc};
use crate::report::Severity;

pub(super) const EVICTED: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-014",
        kind: "Evicted",
        severity: Severity::High,
        rule: "phase Failed with reason Evicted, or condition DisruptionTarget=True.",
        meaning: "The pod was made to go: the node ran out of memory, disk or process ids (see NOD-002), it was \
                  drained, or a more important pod needed the place. A controller makes a new one elsewhere.",
        runbook: "1. The message names the resource. 2. diagnose_node for pressure (NOD-002). 3. Set requests that \
                  are true: pods above their requests go first. 4. Evicted pods stay listed until somebody deletes \
                  them; they use nothing.",
    },
    needs: &[],
    deep: false,
    explains: &["POD-023"],
    find: evicted,
};

pub(super) const TERMINATING: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-015",
        kind: "StuckTerminating",
        severity: Severity::Medium,
        rule: "deletionTimestamp, which has the grace period in it, is more than 60 s ago.",
        meaning: "The pod was deleted but does not go: a finalizer waits for its controller, or the node does not \
                  answer. Its name and its volumes stay taken.",
        runbook: "1. Look at metadata.finalizers: is the controller that owns them running? 2. diagnose_node: does \
                  the node answer? 3. Only if the node is gone for good may the pod be deleted by force.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: terminating,
};

pub(super) const NODE: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-020",
        kind: "NodeUnhealthy",
        severity: Severity::High,
        rule: "The pod's node is not Ready, or MemoryPressure, DiskPressure, PIDPressure or NetworkUnavailable is \
               True.",
        meaning: "What goes wrong in the pod may come from its node, and pods may be evicted from it at any moment.",
        runbook: "1. diagnose_node (NOD-001, NOD-002). 2. Until it is well, see whether the workload has replicas on \
                  other nodes.",
    },
    needs: &[Input::Node],
    deep: false,
    explains: &[],
    find: node,
};

pub(super) const NOT_READY: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-023",
        kind: "NotReady",
        severity: Severity::High,
        rule: "Condition Ready=False for more than 60 s in a running pod, and no other rule found a cause (high or \
               worse).",
        meaning: "The pod gets no traffic, and what is known does not tell why: the events may be gone (they live \
                  one hour), or a readiness gate waits for another controller.",
        runbook: "1. See which container is not ready, and its log. 2. readinessGates: which controller sets that \
                  condition? 3. Compare with the pods beside it.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: not_ready,
};

pub(super) const WARNINGS: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-024",
        kind: "WarningEvents",
        severity: Severity::Medium,
        rule: "Warning events of the last hour that no other rule speaks of, grouped by reason. Medium from 5 in 10 \
               minutes, else low.",
        meaning: "Something around the pod reports trouble that has no rule of its own. No events prove nothing: \
                  they live one hour by default.",
        runbook: "1. Read the messages: get_events with name set to the pod. 2. Search the reason in the docs of \
                  the component that reports it.",
    },
    needs: &[Input::Events],
    deep: false,
    explains: &[],
    find: warnings,
};

fn evicted(facts: &PodFacts) -> Vec<Finding> {
    let status = facts.pod.status.as_ref();
    let reason = status.and_then(|status| status.reason.as_deref());
    let target = facts.condition("DisruptionTarget").filter(|condition| condition.status == "True");
    let is_evicted = facts.phase() == "Failed" && reason == Some("Evicted");
    if !is_evicted && target.is_none() {
        return Vec::new();
    }
    let message = status.and_then(|status| status.message.as_deref()).unwrap_or_default();
    let said = target.and_then(|condition| condition.message.as_deref()).unwrap_or(message);
    let text = if message.is_empty() { said } else { message };
    let resource = ["memory", "ephemeral-storage", "inodes", "pids"].iter().find(|it| text.contains(**it));
    let cause = resource.map(|it| format!(" because its node ran low on {it}")).unwrap_or_default();
    let verb = if is_evicted { "was evicted" } else { "is to make way" };
    let since = target.and_then(|condition| condition.last_transition_time.as_ref()).map(|at| at.0);
    let ends = facts.units().into_iter().filter_map(|unit| unit.terminated().and_then(finished_at)).max();
    let old = facts.is_over() && since.or(ends).is_some_and(|at| facts.age(at) > 86_400);
    let why = target.and_then(|condition| condition.reason.as_deref());
    let by_node = is_evicted || matches!(why, None | Some("TerminationByKubelet"));
    vec![
        Finding::new(Severity::High, facts.object(), format!("The pod {verb}{cause}"))
            .evidence((!text.is_empty()).then(|| format!("message: {}", excerpt(text))))
            .evidence(target.map(|condition| {
                format!("DisruptionTarget=True, reason {}", condition.reason.as_deref().unwrap_or("none"))
            }))
            .evidence(facts.node_name().map(|node| {
                if by_node { format!("node: {node} (NOD-002)") } else { format!("node: {node}") }
            }))
            .recommend(if old {
                "It uses nothing; delete it to tidy up"
            } else {
                displaced_advice(by_node, why)
            })
            .since(since.or(ends)),
    ]
}

/// What to do depends on who wanted the pod gone.
fn displaced_advice(by_node: bool, reason: Option<&str>) -> &'static str {
    match reason {
        _ if by_node => {
            "Look at the node (diagnose_node, NOD-002) and set requests to what the pod really uses"
        }
        Some("PreemptionByScheduler") => {
            "A pod of higher priority takes its place: raise its priorityClassName, or add nodes"
        }
        Some("DeletionByTaintManager") => {
            "Its node has a taint that it does not tolerate: see why with diagnose_node (NOD-001)"
        }
        Some("DeletionByPodGC") => "Its node is gone; see that its controller has made a new pod elsewhere",
        Some("EvictionByEvictionAPI") => {
            "Somebody drains its node or moves it; see that its controller has made a new pod elsewhere"
        }
        _ => "Find out who deletes it by the message, and see that its controller has made a new pod",
    }
}

fn terminating(facts: &PodFacts) -> Vec<Finding> {
    let meta = &facts.pod.metadata;
    let Some(at) = meta.deletion_timestamp.as_ref().map(|at| at.0) else { return Vec::new() };
    let of_spec = facts.pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    let grace = meta.deletion_grace_period_seconds.or(of_spec).unwrap_or(30);
    let age = facts.age(at);
    // The API sets it to the end of the grace period.
    if age <= 60 {
        return Vec::new();
    }
    let finalizers = meta.finalizers.as_deref().unwrap_or_default();
    let advice = if finalizers.is_empty() {
        "See whether its node answers (diagnose_node): the kubelet has not confirmed that the containers are gone"
    } else {
        "See whether the controller that owns the finalizer runs; it must remove it"
    };
    let state = facts.node.as_ref().map(|node| {
        let ready = condition(node.status.as_ref().and_then(|it| it.conditions.as_deref()), "Ready");
        format!("node Ready={}", ready.map_or("unknown", |ready| ready.status.as_str()))
    });
    vec![
        Finding::new(
            Severity::Medium,
            facts.object(),
            format!("The pod was to be gone {} ago (grace period {grace} s) and is still there", span(age)),
        )
        .evidence(finalizers.iter().take(4).map(|finalizer| format!("finalizer: {finalizer}")))
        .evidence(state)
        .recommend(advice)
        .since(Some(at)),
    ]
}

fn condition<'a>(conditions: Option<&'a [NodeCondition]>, kind: &str) -> Option<&'a NodeCondition> {
    conditions?.iter().find(|condition| condition.type_ == kind)
}

fn node(facts: &PodFacts) -> Vec<Finding> {
    let Some(node) = facts.node.as_ref().filter(|_| facts.phase() != "Failed") else { return Vec::new() };
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref());
    let mut bad: Vec<&NodeCondition> = Vec::new();
    bad.extend(condition(conditions, "Ready").filter(|ready| ready.status != "True"));
    for kind in ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"] {
        bad.extend(condition(conditions, kind).filter(|condition| condition.status == "True"));
    }
    if bad.is_empty() {
        return Vec::new();
    }
    let words: Vec<String> = bad.iter().map(|bad| format!("{}={}", bad.type_, bad.status)).collect();
    let name = facts.node_name().unwrap_or_default();
    let rule = if bad[0].type_ == "Ready" { "NOD-001" } else { "NOD-002" };
    vec![
        Finding::new(
            Severity::High,
            facts.object(),
            format!("The pod's node \"{name}\" is not well: {} ({rule})", words.join(", ")),
        )
        .evidence(
            bad.iter()
                .take(4)
                .map(|bad| format!("{}: {}", bad.type_, excerpt(bad.message.as_deref().unwrap_or_default()))),
        )
        .recommend("diagnose_node; until it is well, see whether the workload has replicas elsewhere")
        .since(bad[0].last_transition_time.as_ref().map(|at| at.0)),
    ]
}

fn not_ready(facts: &PodFacts) -> Vec<Finding> {
    if facts.phase() != "Running" || facts.deleting() {
        return Vec::new();
    }
    let Some(ready) = facts.condition("Ready").filter(|condition| condition.status == "False") else {
        return Vec::new();
    };
    let since = ready.last_transition_time.as_ref().map(|at| at.0);
    let Some(age) = since.map(|at| facts.age(at)).filter(|age| *age > 60) else { return Vec::new() };
    let units = facts.units();
    let names: Vec<String> = units
        .iter()
        .filter(|unit| unit.role == super::view::Role::Main && !unit.is_ready())
        .map(|unit| format!("\"{}\"", unit.name()))
        .collect();
    let spec = facts.pod.spec.as_ref();
    let gates = spec.and_then(|spec| spec.readiness_gates.as_deref()).unwrap_or_default();
    let gates: Vec<String> = gates
        .iter()
        .map(|gate| (gate, facts.condition(&gate.condition_type)))
        .filter(|(_, condition)| condition.is_none_or(|condition| condition.status != "True"))
        .map(|(gate, condition)| {
            let status = condition.map_or("not set", |condition| condition.status.as_str());
            format!("readiness gate {}: {status}", gate.condition_type)
        })
        .collect();
    let what = match (names.is_empty(), gates.is_empty()) {
        (false, _) => format!("container {} is not ready", names.join(", ")),
        (true, false) => "a readiness gate is not met".to_owned(),
        (true, true) => "all its containers are".to_owned(),
    };
    vec![
        Finding::new(
            Severity::High,
            facts.object(),
            format!("The pod is not ready for {}: {what}; no other rule tells why", span(age)),
        )
        .evidence([format!(
            "Ready=False, reason {}: {}",
            ready.reason.as_deref().unwrap_or("none"),
            excerpt(ready.message.as_deref().unwrap_or_default())
        )])
        .evidence(gates)
        .recommend(
            "Read the log of the container that is not ready, or find the controller that sets the gate",
        )
        .since(since),
    ]
}

/// Whether a rule that holds speaks of the event already.
fn spoken_of(facts: &PodFacts, event: &Event) -> bool {
    let any = |rules: &[&Rule<PodFacts>]| {
        rules.iter().any(|rule| {
            rule.needs.iter().all(|input| crate::check::Facts::has(facts, *input))
                && !(rule.find)(facts).is_empty()
        })
    };
    match event_reason(event) {
        "BackOff" | "Failed" | "InspectFailed" | "ErrImageNeverPull" | "FailedPostStartHook" => any(&[
            &crash::CRASH_LOOP,
            &crash::OUT_OF_MEMORY,
            &start::IMAGE,
            &start::CREATE,
            &start::INIT,
            &probes::LIVENESS,
        ]),
        "Unhealthy" => {
            probes::is_unhealthy(event, "Readiness probe failed")
                && (facts.units().iter().any(|unit| unit.is_starting(facts))
                    || any(&[&probes::READINESS, &probes::LIVENESS, &crash::CRASH_LOOP]))
                || probes::is_unhealthy(event, "Liveness probe failed")
                || probes::is_unhealthy(event, "Startup probe failed") && any(&[&probes::STARTUP])
        }
        // It has found its node since.
        "FailedScheduling" if facts.node_name().is_some() => true,
        "FailedScheduling" => any(&[&scheduling::UNSCHEDULABLE]),
        reason if start::EVENT_REASONS.contains(&reason) => {
            any(&[&start::STUCK, &storage::CLAIM, &storage::CONFIG_MAP])
        }
        "Evicted" | "Preempted" | "TaintManagerEviction" => any(&[&EVICTED]),
        _ => false,
    }
}

/// The most reasons that POD-024 speaks of, the worst first: whoever writes events must not drown the other issues.
const WARNED: usize = 5;

/// How many reports fall into the last ten minutes, if they are spread evenly between the first and the last.
fn lately(facts: &PodFacts, event: &Event) -> f64 {
    let Some(last) = last_seen(event).map(|at| facts.age(at)).filter(|age| *age < 600) else { return 0.0 };
    let count = f64::from(times_seen(event));
    let first = first_seen(event).map_or(last, |at| facts.age(at)).max(last);
    if first <= 600 {
        return count;
    }
    let share = (600 - last) as f64 / (first - last) as f64;
    (count * share).max(1.0)
}

fn warnings(facts: &PodFacts) -> Vec<Finding> {
    let events = facts.events(|event| {
        event.type_.as_deref() == Some("Warning")
            && last_seen(event).is_some_and(|at| facts.age(at) < 3_600)
            && !spoken_of(facts, event)
    });
    let mut groups: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        groups.entry(event_reason(event)).or_default().push(event);
    }
    let is_ready = facts.condition("Ready").is_some_and(|ready| ready.status == "True");
    let mut findings: Vec<(Severity, Finding)> = Vec::new();
    for (reason, events) in groups {
        let count = events.iter().map(|event| times_seen(event)).fold(0, u32::saturating_add);
        let recent: f64 = events.iter().map(|event| lately(facts, event)).sum();
        // What kept a pod from starting is over once the pod is ready.
        let over = is_ready && start::EVENT_REASONS.contains(&reason);
        let severity = if recent >= 5.0 && !over { Severity::Medium } else { Severity::Low };
        let latest = events.first().and_then(|event| last_seen(event));
        findings.push((
            severity,
            Finding::new(
                severity,
                facts.object(),
                format!("Warning {} × {count}, the last {}", excerpt(reason), facts.ago(latest)),
            )
            .evidence(events.iter().take(3).map(|event| excerpt(event_message(event))))
            .recommend("Read what it says (get_events with name set to the pod)")
            .since(events.iter().filter_map(|event| first_seen(event)).min())
            .times(count),
        ));
    }
    findings.sort_by_key(|(severity, _)| *severity);
    findings.into_iter().map(|(_, finding)| finding).take(WARNED).collect()
}
