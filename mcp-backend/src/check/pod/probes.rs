//! Probes that fail.

use k8s_openapi::api::core::v1::{Event, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::PodFacts;
use super::view::{Unit, event_message, event_reason, told};
use crate::check::look::{first_seen, last_seen, span, times_seen};
use crate::check::{Finding, Input, Rule, RuleDoc};
use crate::report::Severity;

/// A container that is ready and has answered its probe for so long has recovered, in seconds.
const OVER: i64 = 600;

pub(super) const READINESS: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-010",
        kind: "ReadinessProbeFailed",
        severity: Severity::High,
        rule: "phase Running, the container started but is not ready, and an event Unhealthy says \"Readiness probe \
               failed\". Not for pods that are being deleted, nor in the first minute of a container's first run.",
        meaning: "The container runs but says that it cannot serve, so Services send it no traffic. The others have \
                  to carry its share.",
        runbook: "1. Look at the probe's path, port and answer. 2. Refused connection: does the program listen on \
                  that port? 3. 5xx: most often a dependency that it checks; read its log. \
                  4. Timeout: raise timeoutSeconds only if slow answers are expected.",
    },
    needs: &[Input::Events],
    deep: false,
    explains: &[],
    find: readiness,
};

pub(super) const LIVENESS: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-011",
        kind: "LivenessProbeFailed",
        severity: Severity::High,
        rule: "An event Unhealthy says \"Liveness probe failed\", or an event Killing says \"failed liveness probe\". \
               Low if the container is ready, was never killed for it and the last failure is more than 10 minutes \
               ago. Patience is initialDelaySeconds + periodSeconds · failureThreshold; compare it with the time the \
               container needs to start.",
        meaning: "The kubelet restarts the container each time the probe fails often enough. A probe with too little \
                  patience kills a program that is merely slow to start, for ever.",
        runbook: "1. Compare the patience with how long a start takes in the log. 2. Slow start: add a startupProbe \
                  instead of a longer delay. 3. Failing later: the program hangs or is starved; look at CPU \
                  throttling. 4. A liveness probe must not check dependencies.",
    },
    needs: &[Input::Events],
    deep: false,
    explains: &["POD-005", "POD-006", "POD-010", "POD-023"],
    find: liveness,
};

pub(super) const STARTUP: Rule<PodFacts> = Rule {
    doc: RuleDoc {
        id: "POD-012",
        kind: "StartupProbeFailed",
        severity: Severity::High,
        rule: "An event Unhealthy says \"Startup probe failed\" about a container that has not started. Once started \
               it has served its purpose.",
        meaning: "The container did not finish its start in the time the probe allows, and is restarted when the \
                  probe gives up.",
        runbook: "1. Read the log of the start. 2. If it only needs longer, raise failureThreshold. \
                  3. If it hangs, fix what it waits for.",
    },
    needs: &[Input::Events],
    deep: false,
    explains: &[],
    find: startup,
};

/// Where a probe looks.
pub(super) fn target(probe: &Probe) -> String {
    let port = |port: &IntOrString| match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    };
    if let Some(get) = &probe.http_get {
        return format!("GET {} on port {}", get.path.as_deref().unwrap_or("/"), port(&get.port));
    }
    if let Some(socket) = &probe.tcp_socket {
        return format!("TCP port {}", port(&socket.port));
    }
    if let Some(grpc) = &probe.grpc {
        return format!("gRPC health on port {}", grpc.port);
    }
    "a command in the container".to_owned()
}

/// After how many seconds without success the probe acts.
pub(super) fn patience(probe: &Probe) -> i64 {
    let or = |value: Option<i32>, default: i64| value.map(i64::from).filter(|it| *it > 0).unwrap_or(default);
    or(probe.initial_delay_seconds, 0) + or(probe.period_seconds, 10) * or(probe.failure_threshold, 3)
}

/// The events that say so about this container, the newest first.
fn unhealthy<'a>(facts: &'a PodFacts, unit: &Unit<'_>, which: &str) -> Vec<&'a Event> {
    facts.events(|event| is_unhealthy(event, which) && facts.is_about(event, unit))
}

pub(super) fn is_unhealthy(event: &Event, which: &str) -> bool {
    event_reason(event) == "Unhealthy" && event_message(event).contains(which)
}

fn describe(kind: &str, probe: Option<&Probe>) -> Option<String> {
    let probe = probe?;
    let timeout = probe.timeout_seconds.unwrap_or(1);
    Some(format!("{kind} probe: {}, timeout {timeout} s, patience {}", target(probe), span(patience(probe))))
}

fn total(events: &[&Event]) -> u32 {
    events.iter().map(|event| times_seen(event)).fold(0, u32::saturating_add)
}

fn readiness(facts: &PodFacts) -> Vec<Finding> {
    if facts.phase() != "Running" || facts.deleting() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for unit in facts.units() {
        let started = unit.status.is_some_and(|status| status.started == Some(true));
        let events = unhealthy(facts, &unit, "Readiness probe failed");
        if unit.is_ready() || !started || events.is_empty() || unit.is_starting(facts) {
            continue;
        }
        let probe = unit.spec.readiness_probe.as_ref();
        let place = probe.map(|probe| format!(" ({})", target(probe))).unwrap_or_default();
        let message = format!(
            "The {} runs but is not ready: its readiness probe fails{place}; it gets no traffic",
            unit.title()
        );
        findings.push(
            Finding::new(Severity::High, unit.object(facts), message)
                .evidence(events.iter().take(2).map(|event| told(event)))
                .evidence(describe("readiness", probe))
                .evidence(facts.last_lines(&unit, 2))
                .recommend(
                    "Read the answer of the probe and the log: most often a dependency it checks is down, or \
                            it does not listen on that port",
                )
                .since(events.iter().filter_map(|event| first_seen(event)).min())
                .times(total(&events)),
        );
    }
    findings
}

fn liveness(facts: &PodFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in facts.units() {
        let mut events = unhealthy(facts, &unit, "Liveness probe failed");
        let kills = facts.events(|event| {
            let killed = event_reason(event) == "Killing";
            killed && event_message(event).contains("failed liveness probe") && facts.is_about(event, &unit)
        });
        let killed = !kills.is_empty();
        events.extend(kills);
        if events.is_empty() || facts.deleting() {
            continue;
        }
        let probe = unit.spec.liveness_probe.as_ref();
        let allowed = probe.map(|probe| format!(" after {}", span(patience(probe)))).unwrap_or_default();
        let last = events.iter().filter_map(|event| last_seen(event)).max();
        let (title, restarts) = (unit.title(), unit.restarts());
        let message = if killed || restarts > 0 {
            format!(
                "The liveness probe of the {title} fails, and the kubelet restarts it{allowed}; {restarts} restarts so far"
            )
        } else {
            let when = facts.ago(last);
            format!(
                "The liveness probe of the {title} failed, last {when}; not often enough in a row for a restart yet"
            )
        };
        let recovered = !killed && unit.is_ready() && last.is_some_and(|at| facts.age(at) > OVER);
        let severity = if recovered { Severity::Low } else { Severity::High };
        let advice = if unit.spec.startup_probe.is_some() {
            "Find why it stops answering: its log, CPU throttling, deadlocks; the probe must not check dependencies"
        } else {
            "If its start takes longer than the probe waits, add a startupProbe; else find why it stops answering"
        };
        findings.push(
            Finding::new(severity, unit.object(facts), message)
                .evidence(events.iter().take(2).map(|event| told(event)))
                .evidence(describe("liveness", probe))
                .evidence(ready_time(&unit))
                .recommend(advice)
                .since(events.iter().filter_map(|event| first_seen(event)).min())
                .times(total(&events)),
        );
    }
    findings
}

/// How long the last run was: a probe that kills at start gives runs as long as its patience.
fn ready_time(unit: &Unit<'_>) -> Option<String> {
    let last = unit.last()?;
    let (from, to) = (last.started_at.as_ref()?.0, last.finished_at.as_ref()?.0);
    Some(format!("last run: {} long, exit code {}", span(to.as_second() - from.as_second()), last.exit_code))
}

fn startup(facts: &PodFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in facts.units() {
        let events = unhealthy(facts, &unit, "Startup probe failed");
        let started = unit.status.is_some_and(|status| status.started == Some(true));
        if events.is_empty() || started || facts.deleting() {
            continue;
        }
        let probe = unit.spec.startup_probe.as_ref();
        let message = format!("The {} does not finish its start: its startup probe fails", unit.title());
        findings.push(
            Finding::new(Severity::High, unit.object(facts), message)
                .evidence(events.iter().take(2).map(|event| told(event)))
                .evidence(describe("startup", probe))
                .evidence(facts.last_lines(&unit, 2))
                .recommend("Raise failureThreshold of the startupProbe, or fix what the start waits for")
                .since(events.iter().filter_map(|event| first_seen(event)).min())
                .times(total(&events)),
        );
    }
    findings
}
