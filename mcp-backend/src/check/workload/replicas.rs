//! What the rules look for at workloads that keep a number of pods.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Event, Pod};

use crate::check::look::{self, Condition};
use crate::check::{Finding, volume};
use crate::report::{Severity, quote};

use super::{Workload, WorkloadFacts};

/// How long a refusal to make a pod counts as current, in seconds.
const RECENT: i64 = 600;

/// What was made less than so many seconds ago is still starting.
const STARTING: i64 = 60;

fn find(facts: &WorkloadFacts, severity: Severity, message: &str) -> Finding {
    let workload = &facts.workload;
    let kind = workload.kind();
    Finding::new(severity, workload.object(), format!("{kind} {}: {message}", workload.name()))
}

/// Names of the pods that still should become ready.
fn unready(facts: &WorkloadFacts) -> Vec<&str> {
    let pods = facts.pods.iter().flatten();
    pods.filter(|pod| !look::is_ready(pod) && !look::is_finished(pod))
        .map(|pod| look::name(&pod.metadata))
        .collect()
}

fn is_young(facts: &WorkloadFacts, pod: &Pod) -> bool {
    look::created(&pod.metadata).is_some_and(|at| look::age(facts.now, at) < STARTING)
}

/// Whether all that is missing are pods that were made a moment ago: a new workload, or one that is being scaled up.
fn is_starting(facts: &WorkloadFacts) -> bool {
    let counts = facts.workload.counts();
    let missing = usize::try_from(counts.desired.saturating_sub(counts.ready)).unwrap_or(0);
    let pods = facts.pods.iter().flatten();
    let unready: Vec<_> = pods.filter(|pod| !look::is_ready(pod) && !look::is_finished(pod)).collect();
    missing > 0 && unready.len() >= missing && unready.iter().all(|pod| is_young(facts, pod))
}

pub(super) fn not_ready(facts: &WorkloadFacts) -> Vec<Finding> {
    let counts = facts.workload.counts();
    let keeps = matches!(facts.workload, Workload::Deployment(_) | Workload::StatefulSet(_));
    if !keeps || counts.ready >= counts.desired {
        return Vec::new();
    }
    // A rollout that is stuck explains the missing part, but not that nothing is left.
    if counts.ready > 0 && facts.workload.deadline_exceeded().is_some() {
        return Vec::new();
    }
    let starting = is_starting(facts);
    let severity = match counts.ready {
        _ if starting => Severity::Low,
        0 => Severity::Critical,
        _ => Severity::High,
    };
    let names = unready(facts);
    let pods = if names.is_empty() { None } else { Some(format!("not ready: {}", look::some(&names, 5))) };
    let counted = format!(
        "ready {}, available {}, updated {} of {}",
        counts.ready, counts.available, counts.updated, counts.desired
    );
    let found = find(facts, severity, &format!("{} of {} replicas are ready", counts.ready, counts.desired))
        .evidence([Some(counted), pods].into_iter().flatten())
        .evidence(starting.then_some("the pods that are not ready were made less than a minute ago"))
        .recommend(if starting {
            "ask again in a minute: its pods are only starting"
        } else {
            "look at what its pods have in common (root_causes of diagnose_deployment)"
        });
    vec![found]
}

pub(super) fn stuck(facts: &WorkloadFacts) -> Vec<Finding> {
    let Some(message) = facts.workload.deadline_exceeded() else { return Vec::new() };
    let Workload::Deployment(deployment) = &facts.workload else { return Vec::new() };
    let seconds = deployment.spec.as_ref().and_then(|spec| spec.progress_deadline_seconds).unwrap_or(600);
    let conditions = deployment.status.as_ref().and_then(|status| status.conditions.as_ref());
    let since = look::condition(conditions, "Progressing").and_then(Condition::since);
    let counts = facts.workload.counts();
    let text = format!(
        "the rollout made no progress within {seconds} s: {} of {} replicas updated, {} ready",
        counts.updated, counts.desired, counts.ready
    );
    let found = find(facts, Severity::High, &text)
        .evidence([
            "condition Progressing=False, ProgressDeadlineExceeded".to_owned(),
            format!("message: {}", quote(message)),
        ])
        .recommend("diagnose the pods of the newest replica set; correct the template or undo the rollout")
        .since(since);
    vec![found]
}

pub(super) fn not_created(facts: &WorkloadFacts) -> Vec<Finding> {
    let (reason, message, since) = match &facts.workload {
        Workload::Deployment(it) => {
            let conditions = it.status.as_ref().and_then(|status| status.conditions.as_ref());
            match look::condition(conditions, "ReplicaFailure") {
                Some(failure) if failure.status == "True" => {
                    (failure.reason().to_owned(), failure.message().to_owned(), failure.since())
                }
                _ => return Vec::new(),
            }
        }
        _ => match refused(facts) {
            Some(event) => {
                ("FailedCreate".to_owned(), event.message.clone().unwrap_or_default(), look::last_seen(event))
            }
            None => return Vec::new(),
        },
    };
    let found = find(facts, Severity::Critical, &format!("its pods cannot be made ({reason})"))
        .evidence([format!("message: {}", quote(&message))])
        .recommend(refusal_advice(&message))
        .since(since);
    vec![found]
}

/// The newest event that tells of a pod that was refused, if it is recent and pods are missing.
fn refused(facts: &WorkloadFacts) -> Option<&Event> {
    let counts = facts.workload.counts();
    let missing = match &facts.workload {
        Workload::Job(_) => facts.workload.ended().is_none() && counts.updated == 0,
        Workload::CronJob(_) => false,
        _ => {
            let pods = facts.pods.as_ref()?.iter().filter(|pod| !look::is_finished(pod)).count();
            i32::try_from(pods).unwrap_or(i32::MAX) < counts.desired
        }
    };
    let event = look::latest(facts.events.as_ref(), &["FailedCreate"])?;
    let recent = look::last_seen(event).is_some_and(|at| look::age(facts.now, at) <= RECENT);
    (missing && recent).then_some(event)
}

fn refusal_advice(message: &str) -> &'static str {
    let message = message.to_lowercase();
    if message.contains("quota") {
        "raise the ResourceQuota of the namespace, or ask for less"
    } else if message.contains("serviceaccount") || message.contains("service account") {
        "make the service account that the template names"
    } else if message.contains("webhook") || message.contains("podsecurity") || message.contains("denied") {
        "change the template so that admission allows it"
    } else {
        "read the message: the API refused to make the pod"
    }
}

pub(super) fn rolling(facts: &WorkloadFacts) -> Vec<Finding> {
    let counts = facts.workload.counts();
    let rolls =
        matches!(facts.workload, Workload::Deployment(_) | Workload::StatefulSet(_) | Workload::DaemonSet(_));
    if !rolls || counts.updated >= counts.desired {
        return Vec::new();
    }
    let Some((held, next)) = rollout_state(&facts.workload) else { return Vec::new() };
    let text =
        format!("a rollout is running: {} of {} replicas updated{held}", counts.updated, counts.desired);
    let found = find(facts, Severity::Low, &text)
        .evidence([format!("updated {} of {}", counts.updated, counts.desired)])
        .recommend(next);
    vec![found]
}

/// What holds the rollout, if something does, and what to do; `None`: pods are missing, but of one revision only.
fn rollout_state(workload: &Workload) -> Option<(&'static str, &'static str)> {
    if workload.is_paused() {
        return Some((", and it is paused", "`kubectl rollout resume` lets it go on"));
    }
    let wait = ("", "wait; if the numbers stay, look at the newest pods");
    let Workload::StatefulSet(set) = workload else { return Some(wait) };
    let status = set.status.as_ref()?;
    if status.update_revision.is_some() && status.current_revision == status.update_revision {
        return None;
    }
    let strategy = set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref());
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") {
        return Some((", with strategy OnDelete", "delete the old pods one by one to update them"));
    }
    if rolling.and_then(|rolling| rolling.partition).is_some_and(|partition| partition > 0) {
        return Some((", held by a partition", "lower updateStrategy.rollingUpdate.partition to go on"));
    }
    Some(wait)
}

pub(super) fn set_blocked(facts: &WorkloadFacts) -> Vec<Finding> {
    let Workload::StatefulSet(set) = &facts.workload else { return Vec::new() };
    let counts = facts.workload.counts();
    let mut found: Vec<Finding> =
        [missing_service(facts, set), missing_class(facts, set)].into_iter().flatten().collect();
    let parallel =
        set.spec.as_ref().and_then(|spec| spec.pod_management_policy.as_deref()) == Some("Parallel");
    if let Some((pod, made)) = lowest_unready(facts).filter(|(_, made)| !parallel && *made < counts.desired) {
        let text = format!("{pod} is not ready and blocks the next: {made} of {} pods exist", counts.desired);
        found.push(
            find(facts, Severity::High, &text)
                .evidence([
                    "podManagementPolicy: OrderedReady".to_owned(),
                    format!("lowest not ready: {pod}"),
                ])
                .recommend(format!("diagnose {pod} first: the others follow by themselves")),
        );
    }
    found
}

fn missing_service(facts: &WorkloadFacts, set: &StatefulSet) -> Option<Finding> {
    let wanted = set.spec.as_ref()?.service_name.as_deref().filter(|name| !name.is_empty())?;
    let known = facts.services.as_ref()?.iter().any(|service| look::name(&service.metadata) == wanted);
    (!known).then(|| {
        find(facts, Severity::High, &format!("its service {wanted} does not exist"))
            .evidence([format!("spec.serviceName: {wanted}")])
            .recommend(format!(
                "make the headless service {wanted} (clusterIP: None): the pods get no names without"
            ))
    })
}

fn missing_class(facts: &WorkloadFacts, set: &StatefulSet) -> Option<Finding> {
    let classes = facts.classes.as_ref()?;
    let templates = set.spec.as_ref()?.volume_claim_templates.iter().flatten();
    let mut wanted =
        templates.map(|claim| claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref()));
    let known = |name: &str| classes.iter().any(|class| look::name(&class.metadata) == name);
    let missing = wanted.find_map(|name| match name {
        Some("") => None,
        Some(name) if known(name) => None,
        Some(name) => Some(format!("storage class {name} does not exist")),
        None if classes.iter().any(|class| volume::is_default(class)) => None,
        None => Some("it names no storage class, and no class is the default".to_owned()),
    })?;
    let names: Vec<&str> = classes.iter().map(|class| look::name(&class.metadata)).collect();
    Some(
        find(facts, Severity::High, &format!("its volumes cannot be made: {missing}"))
            .evidence([format!("storage classes: {}", look::some(&names, 6))])
            .recommend("make the class, or make the set again with one that exists (the templates cannot be changed)"),
    )
}

/// The pod of the lowest ordinal that is not ready, and how many pods there are.
fn lowest_unready(facts: &WorkloadFacts) -> Option<(&str, i32)> {
    let pods = facts.pods.as_ref()?;
    let ordinal =
        |pod: &Arc<Pod>| -> Option<u32> { look::name(&pod.metadata).rsplit_once('-')?.1.parse().ok() };
    let unready = pods.iter().filter(|pod| !look::is_ready(pod)).filter_map(|pod| Some((ordinal(pod)?, pod)));
    let (_, lowest) = unready.min_by_key(|(ordinal, _)| *ordinal)?;
    if is_young(facts, lowest) {
        return None;
    }
    Some((look::name(&lowest.metadata), i32::try_from(pods.len()).unwrap_or(i32::MAX)))
}

pub(super) fn daemons(facts: &WorkloadFacts) -> Vec<Finding> {
    let Workload::DaemonSet(set) = &facts.workload else { return Vec::new() };
    let counts = facts.workload.counts();
    let wrong = set.status.as_ref().map_or(0, |status| status.number_misscheduled);
    let mut found = Vec::new();
    if counts.ready < counts.desired {
        let names = unready(facts);
        let text = format!("ready on {} of {} nodes", counts.ready, counts.desired);
        // A node that has just joined gets its pods in a minute.
        let severity = if is_starting(facts) { Severity::Low } else { Severity::High };
        found.push(
            find(facts, severity, &text)
                .evidence([format!("numberReady {}, desired {}", counts.ready, counts.desired)])
                .evidence((!names.is_empty()).then(|| format!("not ready: {}", look::some(&names, 5))))
                .recommend("diagnose the pods that are not ready; check tolerations and room on their nodes"),
        );
    }
    if wrong > 0 {
        found.push(
            find(facts, Severity::Medium, &format!("runs on {wrong} nodes where it should not"))
                .evidence([format!("numberMisscheduled: {wrong}")])
                .recommend("compare node selector and tolerations with these nodes; delete the pods there"),
        );
    }
    found
}
