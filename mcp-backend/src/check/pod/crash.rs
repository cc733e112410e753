//! Containers that ended, or end again and again.

use k8s_openapi::api::core::v1::ContainerStateTerminated;

use super::PodFacts;
use super::view::{Unit, event_message, event_reason, excerpt, finished_at};
use crate::check::look::span;
use crate::check::{Finding, Rule, RuleDoc};
use crate::quantity::{Amount, Resource};
use crate::report::Severity;

pub(super) const CRASH_LOOP: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-001",
        kind: "CrashLoopBackOff",
        severity: Severity::Critical,
        rule: "state.waiting.reason is CrashLoopBackOff; or restartCount ≥ 3, not ready, and \
               lastState.terminated.finishedAt less than 10 minutes ago: between two back-offs the state reads \
               running or terminated. Not if the liveness probe kills it (exit code 137 or 143 with an event that \
               says so): that is POD-011.",
        meaning: "The container starts, ends, and is started again after a pause that doubles from 10 s to 300 s \
                  (the kubelet may have a lower maximum) and is reset after 10 minutes of running. Whatever it \
                  serves is down most of the time.",
        runbook: "1. Read the last lines of the instance that ended: get_pod_logs with previous=true. \
                  2. Look at the exit code: 1 and 2 are the application's own, 126 and 127 mean a wrong command, \
                  137 without OOMKilled is a kill from outside. \
                  3. Compare with what changed last: image, configuration, a dependency it needs at start. \
                  4. After a fix, the next start may be up to 300 s away; deleting the pod starts at once.",
    },
    needs: &[],
    deep: false,
    explains: &["POD-005", "POD-006", "POD-010", "POD-023"],
    find: crash_loop,
};

pub(super) const OUT_OF_MEMORY: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-004",
        kind: "OOMKilled",
        severity: Severity::Critical,
        rule: "state.terminated.reason or lastState.terminated.reason is OOMKilled. Critical if it is the state now \
               or was less than an hour ago, else medium. Exit code 137 without this reason is another SIGKILL: a \
               liveness probe, a grace period that was over, an eviction.",
        meaning: "The container used more memory than its limit allows, and the kernel killed it without warning. \
                  Requests it was working on are lost. A crash loop that comes from it is named here, not as \
                  POD-001.",
        runbook: "1. Compare limit and usage: check_resource_usage. \
                  2. Growing without end: a leak; look at what came with the last release. \
                  3. High from the start: raise resources.limits.memory, and the request with it. \
                  4. Runtimes with a heap of their own (JVM, Node.js) must be told the limit.",
    },
    needs: &[],
    deep: false,
    explains: &["POD-001", "POD-005", "POD-006"],
    find: out_of_memory,
};

pub(super) const FAILED: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-005",
        kind: "ContainerFailed",
        severity: Severity::High,
        rule: "state.terminated with exitCode ≠ 0. Not for pods that are being deleted or were evicted and whose \
               containers ended by SIGTERM or SIGKILL: they were told to.",
        meaning: "The container ended with an error and does not run. Exit codes: 1–2 the application, 126 not \
                  executable, 127 not found, 128+n signal n (134 abort, 137 kill, 139 segmentation fault, 143 \
                  terminate).",
        runbook: "1. get_pod_logs for its last lines. 2. For 126 and 127 check command, args and the image. \
                  3. For 139 and 134 look for a native crash. 4. With restartPolicy Never nothing starts it again: \
                  its Job decides.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: failed,
};

pub(super) const RESTARTS: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-006",
        kind: "HighRestartCount",
        severity: Severity::Medium,
        rule: "restartCount > 5. Medium if the last restart was less than 24 hours ago, else low.",
        meaning: "The container was restarted often in its life. Many restarts long ago are history, not an incident.",
        runbook: "1. See when the last restart was. 2. If recent, get_pod_logs with previous=true. \
                  3. Look for a rhythm: the same hour each day points at a job, a backup or a certificate.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: restarts,
};

/// What the kubelet or the convention of shells says an exit code means.
pub(super) fn exit_meaning(code: i32) -> String {
    match code {
        0 => "success".to_owned(),
        1 | 2 => "the application's own error".to_owned(),
        126 => "the command cannot be executed".to_owned(),
        127 => "the command was not found".to_owned(),
        134 => "SIGABRT, it gave up by itself".to_owned(),
        137 => "SIGKILL, killed from outside".to_owned(),
        139 => "SIGSEGV, segmentation fault".to_owned(),
        143 => "SIGTERM, told to end".to_owned(),
        129..=192 => format!("signal {}", code - 128),
        // Windows ends programs with a status of 32 bits, which the API writes as a negative number.
        ..0 => format!("status 0x{:08X} of Windows", code.cast_unsigned()),
        _ => "the application's own code".to_owned(),
    }
}

/// What to do about an end that the program itself chose.
const OWN_FAULT: &str = "Read the last lines of the run that ended (get_pod_logs) and fix what they name";

fn exit_advice(code: i32) -> &'static str {
    match code {
        0 => "It ends by itself with success: a server must keep running, a task belongs in a Job",
        126 | 127 => "Check command, args and that the image holds the program for this architecture",
        137 => {
            "Not out of memory: look for a failing liveness probe, an eviction or a grace period that was over"
        }
        139 | 134 => "A native crash: look at the release, native libraries and the processor's architecture",
        143 => "It was told to end: look for a failing probe or something that deletes or drains",
        _ => OWN_FAULT,
    }
}

fn ended(facts: &PodFacts, terminated: &ContainerStateTerminated) -> String {
    let reason = terminated.reason.as_deref().unwrap_or("no reason");
    let message = terminated.message.as_deref().filter(|message| !message.trim().is_empty());
    let message = message.map(|message| format!(": {}", excerpt(message))).unwrap_or_default();
    let when = facts.ago(finished_at(terminated));
    format!("exit code {} ({reason}) {when}{message}", terminated.exit_code)
}

/// Whether the kubelet ended its last run because of the liveness probe.
fn killed_by_probe(facts: &PodFacts, unit: &Unit<'_>) -> bool {
    let signal = unit.last().is_some_and(|last| {
        matches!(last.exit_code, 137 | 143) && last.reason.as_deref() != Some("OOMKilled")
    });
    signal
        && !facts
            .events(|event| {
                event_reason(event) == "Killing"
                    && event_message(event).contains("failed liveness probe")
                    && facts.is_about(event, unit)
            })
            .is_empty()
}

/// Whether the container ends again and again, by itself or by a limit.
pub(super) fn loops(facts: &PodFacts, unit: &Unit<'_>) -> bool {
    let waits = unit.waiting().is_some_and(|(reason, _)| reason == "CrashLoopBackOff");
    let recently = unit.last().and_then(finished_at).is_some_and(|at| facts.age(at) < 600);
    let between = unit.restarts() >= 3 && !unit.is_ready() && recently;
    (waits || between && !facts.deleting() && !facts.is_over()) && !killed_by_probe(facts, unit)
}

fn crash_loop(facts: &PodFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in facts.units() {
        if !loops(facts, &unit) {
            continue;
        }
        let waits = unit.waiting().filter(|(reason, _)| *reason == "CrashLoopBackOff");
        let last = unit.last().or_else(|| unit.terminated());
        let code = last.map(|last| last.exit_code);
        let exit = code.map(|code| format!(", last exit code {code} ({})", exit_meaning(code)));
        let message = format!(
            "The {} ends again and again: {} restarts{}",
            unit.title(),
            unit.restarts(),
            exit.unwrap_or_default()
        );
        let state = match waits {
            Some((reason, message)) => format!("state: waiting, {reason}: {}", excerpt(message)),
            None => "state: between two back-offs, not ready".to_owned(),
        };
        findings.push(
            Finding::new(Severity::Critical, unit.object(facts), message)
                .evidence([state])
                .evidence(last.map(|last| format!("last run: {}", ended(facts, last))))
                .evidence(facts.last_lines(&unit, 3))
                .recommend(code.map_or("Read its log and its events", |code| match exit_advice(code) {
                    // The run that ended is the one before, unless the state itself tells of it.
                    OWN_FAULT if unit.last().is_some() => {
                        "Read its last lines (get_pod_logs with previous=true) and fix what they name"
                    }
                    advice => advice,
                }))
                .since(last.and_then(finished_at))
                .times(unit.restarts()),
        );
    }
    findings
}

fn out_of_memory(facts: &PodFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in facts.units() {
        let killed =
            |terminated: &&ContainerStateTerminated| terminated.reason.as_deref() == Some("OOMKilled");
        let (now, last) = (unit.terminated().filter(killed), unit.last().filter(killed));
        let Some(end) = now.or(last) else { continue };
        let at = finished_at(end);
        let recent = now.is_some() || at.is_some_and(|at| facts.age(at) < 3_600);
        let limit = unit.spec.resources.as_ref().and_then(|it| it.limits.as_ref()?.get("memory"));
        let allowed = limit.map_or("no memory limit of its own".to_owned(), |it| format!("limit {}", it.0));
        let message = format!(
            "The {} was killed {} because it used more memory than allowed ({allowed}); {} restarts",
            unit.title(),
            facts.ago(at),
            unit.restarts()
        );
        let used = super::usage::of_unit(facts, &unit, Resource::Memory).used;
        let advice = if limit.is_some() {
            "Compare limit and usage (check_resource_usage); raise resources.limits.memory or find what grows"
        } else {
            "The node itself had no memory left: set requests and limits, look at diagnose_node"
        };
        let of = |used: Amount| format!("memory used now: {}", used.memory());
        findings.push(
            Finding::new(
                if recent { Severity::Critical } else { Severity::Medium },
                unit.object(facts),
                message,
            )
            .evidence([format!(
                "{}: {}",
                if now.is_some() { "state" } else { "last run" },
                ended(facts, end)
            )])
            .evidence(used.map(of))
            .evidence(facts.last_lines(&unit, 2))
            .recommend(advice)
            .since(at)
            .times(unit.restarts()),
        );
    }
    findings
}

fn failed(facts: &PodFacts) -> Vec<Finding> {
    let told = facts.deleting() || facts.displaced();
    let mut findings = Vec::new();
    for unit in facts.units() {
        let Some(end) = unit.terminated().filter(|end| end.exit_code != 0) else { continue };
        if told && matches!(end.exit_code, 137 | 143) {
            continue;
        }
        // The kubelet writes 137 where it found nothing left of the container: nobody knows how it ended.
        let lost = end.reason.as_deref() == Some("ContainerStatusUnknown");
        let message = if lost {
            format!("The {} is gone, and how it ended is not known", unit.title())
        } else {
            let code = end.exit_code;
            format!("The {} ended with exit code {code} ({})", unit.title(), exit_meaning(code))
        };
        let advice = if lost {
            "See whether its node was restarted or lost (diagnose_node); the exit code tells nothing here"
        } else {
            exit_advice(end.exit_code)
        };
        findings.push(
            Finding::new(Severity::High, unit.object(facts), message)
                .evidence([format!("state: {}", ended(facts, end))])
                .evidence(facts.last_lines(&unit, 3))
                .recommend(advice)
                .since(finished_at(end)),
        );
    }
    findings
}

fn restarts(facts: &PodFacts) -> Vec<Finding> {
    let often = facts.units().into_iter().filter(|unit| unit.restarts() > 5);
    often
        .map(|unit| {
            let at = unit.last_restart();
            let recent = at.is_some_and(|at| facts.age(at) < 86_400);
            let when = at.map_or("unknown when last".to_owned(), |at| {
                format!("the last one {} ago", span(facts.age(at)))
            });
            let message = format!("The {} was restarted {} times, {when}", unit.title(), unit.restarts());
            let advice = if recent {
                "See why the last run ended: get_pod_logs with previous=true"
            } else {
                "Old restarts are no incident; nothing to do now"
            };
            Finding::new(if recent { Severity::Medium } else { Severity::Low }, unit.object(facts), message)
                .evidence(unit.last().map(|last| format!("last run: {}", ended(facts, last))))
                .recommend(advice)
                .times(unit.restarts())
        })
        .collect()
}
