//! Containers that cannot start: images, configuration, volumes, init containers.

use super::PodFacts;
use super::crash::exit_meaning;
use super::view::{Role, Unit, event_message, event_reason, excerpt, finished_at, told};
use crate::check::look::span;
use crate::check::{Finding, Rule, RuleDoc};
use crate::report::Severity;

/// How long a start may take before it is an issue, in seconds.
const PATIENCE: i64 = 300;

pub(super) const IMAGE: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-002",
        kind: "ImagePullBackOff",
        severity: Severity::Critical,
        rule: "state.waiting.reason is one of ImagePullBackOff, ErrImagePull, InvalidImageName, ErrImageNeverPull, \
               ImageInspectError, RegistryUnavailable, SignatureValidationFailed.",
        meaning: "The node cannot get the image, so the container never starts. The kubelet tries again with growing \
                  pauses; without a change the result stays the same.",
        runbook: "1. Read the message: not found or manifest unknown: the tag is wrong; unauthorized or denied: \
                  imagePullSecrets; no such host or timeout: the registry cannot be reached from the node; \
                  toomanyrequests: a rate limit. 2. Compare name and tag with what the registry has. \
                  3. See whether other pods on the node pull the same image.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: image,
};

pub(super) const CREATE: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-003",
        kind: "CreateContainerError",
        severity: Severity::Critical,
        rule: "state.waiting.reason is one of CreateContainerConfigError, CreateContainerError, RunContainerError, \
               PreStartHookError, PostStartHookError, PreCreateHookError.",
        meaning: "The image is there, but the container cannot be made or run: most often a ConfigMap, Secret or key \
                  that it names does not exist, or its command is not in the image.",
        runbook: "1. The message names what is missing. 2. For a ConfigMap: get_resource kind=ConfigMap shows its \
                  keys. 3. Create it, or correct the reference; the kubelet then starts the container by itself. \
                  4. For a command: compare command and args with the image.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: create,
};

pub(super) const STUCK: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-008",
        kind: "StuckCreating",
        severity: Severity::High,
        rule: "phase Pending, scheduled, and more than 5 minutes in ContainerCreating, PodInitializing or a reason \
               that no other rule knows, or without any state, while no init container runs or fails. Names the latest FailedMount, FailedAttachVolume, \
               FailedCreatePodSandBox or NetworkNotReady event.",
        meaning: "The node has the pod but cannot prepare it: a volume that does not attach or mount, a network that \
                  is not ready, or a very large image.",
        runbook: "1. get_events for the pod. 2. Multi-Attach: another node still holds the volume; see whether the \
                  old pod is gone. 3. FailedMount: the ConfigMap, Secret or claim it names. \
                  4. FailedCreatePodSandBox or NetworkNotReady: the network plugin on the node, diagnose_node.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: stuck,
};

pub(super) const INIT: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-009",
        kind: "InitContainerBlocked",
        severity: Severity::High,
        rule: "An init container fails (rules POD-001 to POD-005 hold for it) or runs for more than 5 minutes. Not \
               for init containers with restartPolicy Always: they count as containers.",
        meaning: "Init containers run one after another before the containers of the pod. While one does not \
                  succeed, nothing after it starts.",
        runbook: "1. get_pod_logs with container set to its name. 2. Waiting for something: is that service there, \
                  and does its name resolve? 3. Failing: fix it as any container.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: init,
};

const IMAGE_REASONS: [&str; 7] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

pub(super) const CREATE_REASONS: [&str; 6] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreStartHookError",
    "PostStartHookError",
    "PreCreateHookError",
];

/// The cause of a failed pull in our words, and what to do.
fn pull_cause(reason: &str, message: &str) -> (&'static str, &'static str) {
    let text = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if reason == "InvalidImageName" {
        ("the name is not a valid image reference", "Correct the image name in the pod template")
    } else if reason == "ErrImageNeverPull" {
        (
            "it is not on the node and imagePullPolicy is Never",
            "Load the image on the node or set imagePullPolicy to IfNotPresent",
        )
    } else if reason == "SignatureValidationFailed" {
        (
            "its signature was refused",
            "Sign the image as the cluster's policy asks, or use one that is signed",
        )
    } else if has(&["toomanyrequests", "too many requests", "rate limit"]) {
        (
            "the registry limits the rate of pulls",
            "Wait, pull with credentials (imagePullSecrets) or through a mirror",
        )
    } else if has(&["no such host", "i/o timeout", "connection refused", "connection reset"]) {
        (
            "the registry cannot be reached from the node",
            "Check the registry's host name, DNS and network of the node",
        )
    } else if has(&["not found", "manifest unknown", "no such image"]) {
        ("there is no such image or tag", "Correct the tag, or push the image; then roll out again")
    } else if has(&["unauthorized", "denied", "forbidden", "authentication required"]) {
        (
            "the registry refuses the credentials",
            "Check imagePullSecrets of the pod and its service account; a private name may also be misspelt",
        )
    } else {
        (
            "the message names no known cause",
            "Read the events of the pod (get_events) for the first failed pull",
        )
    }
}

fn image(facts: &PodFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in facts.units() {
        let Some((reason, message)) = unit.waiting().filter(|(reason, _)| IMAGE_REASONS.contains(reason))
        else {
            continue;
        };
        let pulls = facts.events(|event| {
            let failed = event_reason(event) == "Failed" && event_message(event).contains("pull image");
            failed && facts.is_about(event, &unit)
        });
        // While it backs off, the state only says so; the cause then stands in the event of the failed pull.
        let told_by = pulls.first().map(|event| event_message(event)).unwrap_or_default();
        let (cause, advice) = pull_cause(reason, &format!("{message} {told_by}"));
        let image = unit.spec.image.as_deref().unwrap_or_default();
        findings.push(
            Finding::new(
                Severity::Critical,
                unit.object(facts),
                format!("The image of the {} cannot be pulled: {cause}", unit.title()),
            )
            .evidence([
                format!("image: {}", excerpt(image)),
                format!("state: waiting, {reason}: {}", excerpt(message)),
            ])
            .evidence(pulls.first().map(|event| told(event)))
            .recommend(advice),
        );
    }
    findings
}

fn create(facts: &PodFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in facts.units() {
        let Some((reason, message)) = unit.waiting().filter(|(reason, _)| CREATE_REASONS.contains(reason))
        else {
            continue;
        };
        let text = message.to_lowercase();
        let advice = if text.contains("configmap") {
            "Create the ConfigMap or key that the message names, or correct the reference"
        } else if text.contains("secret") {
            "Create the Secret or key that the message names (this server may not read Secrets), or correct it"
        } else if text.contains("executable") || text.contains("no such file") {
            "The command is not in the image: correct command and args"
        } else if reason.contains("Hook") {
            "Fix the lifecycle hook of the container, or remove it"
        } else {
            "Fix what the message names; the kubelet then starts the container by itself"
        };
        findings.push(
            Finding::new(
                Severity::Critical,
                unit.object(facts),
                format!("The {} cannot be created: {}", unit.title(), excerpt(message)),
            )
            .evidence([format!("state: waiting, {reason}")])
            .recommend(advice),
        );
    }
    findings
}

/// Whether the init container has begun and is not done.
fn busy(unit: &Unit<'_>) -> bool {
    matches!(unit.role, Role::Init(..))
        && (unit.is_running()
            || unit.terminated().is_some_and(|end| end.exit_code != 0)
            || unit.waiting().is_some_and(|(reason, _)| !reason.is_empty() && !is_creating(reason)))
}

fn is_creating(reason: &str) -> bool {
    matches!(reason, "ContainerCreating" | "PodInitializing")
}

/// Whether it has not been made and no other rule tells why; the kubelet may not have reported anything yet.
fn is_unmade(unit: &Unit<'_>) -> bool {
    let known = |reason: &str| {
        reason == "CrashLoopBackOff" || IMAGE_REASONS.contains(&reason) || CREATE_REASONS.contains(&reason)
    };
    let state = unit.status.and_then(|status| status.state.as_ref());
    let blank = state.is_none_or(|state| state.running.is_none() && state.terminated.is_none());
    blank && unit.waiting().is_none_or(|(reason, _)| !known(reason))
}

fn stuck(facts: &PodFacts) -> Vec<Finding> {
    let units = facts.units();
    let waiting = units.iter().filter(|unit| is_unmade(unit));
    let names: Vec<String> = waiting.map(|unit| format!("\"{}\"", unit.name())).collect();
    let scheduled = facts.condition("PodScheduled").filter(|condition| condition.status == "True");
    let over = facts.phase() != "Pending" || facts.deleting() || names.is_empty();
    if over || units.iter().any(busy) || scheduled.is_none() && facts.node_name().is_none() {
        return Vec::new();
    }
    let last_init = units.iter().filter_map(|unit| unit.terminated().and_then(finished_at)).max();
    let scheduled_at = scheduled.and_then(|condition| condition.last_transition_time.as_ref());
    let created = facts.pod.metadata.creation_timestamp.as_ref();
    let Some(since) = scheduled_at.or(created).map(|at| at.0).max(last_init) else { return Vec::new() };
    if facts.age(since) <= PATIENCE {
        return Vec::new();
    }
    let events = facts.events(|event| EVENT_REASONS.contains(&event_reason(event)));
    let latest = events.first();
    let advice = match latest.map(|event| (event_reason(event), event_message(event))) {
        Some((_, message)) if message.contains("Multi-Attach") => {
            "Another node still holds the volume: see whether the old pod is gone, or use a volume for many nodes"
        }
        Some(("FailedMount" | "FailedAttachVolume", _)) => {
            "Check the claim, ConfigMap or Secret that the event names, and the storage driver"
        }
        Some(_) => "Check the network plugin on the node: diagnose_node",
        None => {
            "No event tells why; events live one hour. Look at the node (diagnose_node) and the size of the image"
        }
    };
    let message = format!(
        "Scheduled, but not created for {}: {} still waiting",
        span(facts.age(since)),
        names.join(", ")
    );
    vec![
        Finding::new(Severity::High, facts.object(), message)
            .evidence(facts.node_name().map(|node| format!("node: {node}")))
            .evidence(events.iter().take(3).map(|event| told(event)))
            .recommend(advice)
            .since(Some(since)),
    ]
}

fn init(facts: &PodFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in facts.units() {
        let Role::Init(position, of) = unit.role else { continue };
        let failing = unit.waiting().map(|(reason, _)| reason).filter(|reason| !is_creating(reason));
        let ended = unit.terminated().filter(|end| end.exit_code != 0);
        let running = unit.running_since().filter(|at| facts.age(*at) > PATIENCE);
        let loops = unit.is_running() && super::crash::loops(facts, &unit);
        let what = match (failing.filter(|reason| !reason.is_empty()), ended, running) {
            (Some(reason), _, _) => format!("waits in {reason}"),
            (None, Some(end), _) => {
                format!("ended with exit code {} ({})", end.exit_code, exit_meaning(end.exit_code))
            }
            (None, None, _) if loops => format!("fails again and again, {} restarts", unit.restarts()),
            (None, None, Some(at)) => format!("runs for {} without being done", span(facts.age(at))),
            (None, None, None) => continue,
        };
        findings.push(
            Finding::new(
                Severity::High,
                unit.object(facts),
                format!(
                    "The init container \"{}\" ({position} of {of}) {what}; nothing after it has started",
                    unit.name()
                ),
            )
            .evidence(
                unit.waiting()
                    .map(|(reason, message)| format!("state: waiting, {reason}: {}", excerpt(message))),
            )
            .evidence(unit.running_since().map(|at| format!("state: running since {at}")))
            .evidence(facts.last_lines(&unit, 4))
            .recommend(
                "Read its log (get_pod_logs with container set) and provide what it waits for, or fix it",
            )
            .since(unit.running_since().or_else(|| ended.and_then(finished_at)))
            .times(unit.restarts()),
        );
    }
    findings
}

/// Reasons of events that the rules of this file speak of.
pub(super) const EVENT_REASONS: [&str; 4] =
    ["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "NetworkNotReady"];
