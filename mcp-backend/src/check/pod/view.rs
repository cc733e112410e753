//! How the rules look at a pod: its containers with their states, its conditions, its events.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerStateTerminated, ContainerStatus, Event, PodCondition};

use super::{ContainerLog, PodFacts};
use crate::check::look::{self, is_restartable, span};
use crate::report::{Object, clip, quote};

/// What has run for less is still starting, in seconds: that it is not ready yet is no fault.
pub(super) const STARTING: i64 = 60;

/// How a container takes part in a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Runs as long as the pod.
    Main,
    /// Is done before the others start: the n-th (from 1) of so many.
    Init(usize, usize),
}

/// A container: what was asked for and what became of it.
pub(super) struct Unit<'a> {
    pub(super) spec: &'a Container,
    pub(super) status: Option<&'a ContainerStatus>,
    pub(super) role: Role,
}

impl<'a> Unit<'a> {
    pub(super) fn name(&self) -> &'a str {
        &self.spec.name
    }

    /// `container "app"` or `init container "wait"`.
    pub(super) fn title(&self) -> String {
        let kind = if self.role == Role::Main { "container" } else { "init container" };
        format!("{kind} \"{}\"", self.name())
    }

    pub(super) fn object(&self, facts: &PodFacts) -> Object {
        facts.object().container(self.name())
    }

    /// Reason and message while it waits.
    pub(super) fn waiting(&self) -> Option<(&'a str, &'a str)> {
        let waiting = self.status?.state.as_ref()?.waiting.as_ref()?;
        Some((waiting.reason.as_deref().unwrap_or_default(), waiting.message.as_deref().unwrap_or_default()))
    }

    /// Since when it runs, if it does.
    pub(super) fn running_since(&self) -> Option<Timestamp> {
        let running = self.status?.state.as_ref()?.running.as_ref()?;
        running.started_at.as_ref().map(|at| at.0)
    }

    pub(super) fn is_running(&self) -> bool {
        self.status.and_then(|status| status.state.as_ref()).is_some_and(|state| state.running.is_some())
    }

    /// How it ended, if it does not run now.
    pub(super) fn terminated(&self) -> Option<&'a ContainerStateTerminated> {
        self.status?.state.as_ref()?.terminated.as_ref()
    }

    /// How the instance before ended.
    pub(super) fn last(&self) -> Option<&'a ContainerStateTerminated> {
        self.status?.last_state.as_ref()?.terminated.as_ref()
    }

    /// Its first run has only just begun.
    pub(super) fn is_starting(&self, facts: &PodFacts) -> bool {
        self.restarts() == 0 && self.running_since().is_some_and(|at| facts.age(at) < STARTING)
    }

    pub(super) fn restarts(&self) -> u32 {
        self.status.map_or(0, |status| u32::try_from(status.restart_count).unwrap_or(0))
    }

    pub(super) fn is_ready(&self) -> bool {
        self.status.is_some_and(|status| status.ready)
    }

    /// When it last started anew.
    pub(super) fn last_restart(&self) -> Option<Timestamp> {
        self.running_since().or_else(|| self.terminated().or(self.last()).and_then(finished_at))
    }
}

/// When a run ended.
pub(super) fn finished_at(terminated: &ContainerStateTerminated) -> Option<Timestamp> {
    terminated.finished_at.as_ref().map(|at| at.0)
}

impl PodFacts {
    /// The pod as issues name it.
    pub(super) fn object(&self) -> Object {
        look::object("Pod", &self.pod.metadata)
    }

    pub(super) fn phase(&self) -> &str {
        look::phase(&self.pod)
    }

    /// Nothing of it will run again.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase(), "Succeeded" | "Failed")
    }

    pub(super) fn node_name(&self) -> Option<&str> {
        look::node_name(&self.pod)
    }

    /// Somebody deleted it, and it is not gone yet.
    pub(super) fn deleting(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    /// It was told to go by the node or for the sake of another pod.
    pub(super) fn displaced(&self) -> bool {
        let reason = self.pod.status.as_ref().and_then(|status| status.reason.as_deref());
        reason == Some("Evicted") || self.condition("DisruptionTarget").is_some_and(|it| it.status == "True")
    }

    pub(super) fn condition(&self, kind: &str) -> Option<&PodCondition> {
        look::condition(self.pod.status.as_ref()?.conditions.as_ref(), kind)
    }

    /// All containers, in the order in which they start.
    pub(super) fn units(&self) -> Vec<Unit<'_>> {
        let Some(spec) = &self.pod.spec else { return Vec::new() };
        let status = self.pod.status.as_ref();
        let main = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
        let init = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
        fn find<'a>(all: &'a [ContainerStatus], name: &str) -> Option<&'a ContainerStatus> {
            all.iter().find(|status| status.name == name)
        }
        let first = spec.init_containers.as_deref().unwrap_or_default();
        let initial = first.iter().enumerate().map(|(at, container)| Unit {
            spec: container,
            status: find(init, &container.name),
            role: if is_restartable(container) { Role::Main } else { Role::Init(at + 1, first.len()) },
        });
        let rest = spec.containers.iter().map(|container| Unit {
            spec: container,
            status: find(main, &container.name),
            role: Role::Main,
        });
        initial.chain(rest).collect()
    }

    /// Seconds since then; what lies ahead is no time ago.
    pub(super) fn age(&self, at: Timestamp) -> i64 {
        look::age(self.now, at)
    }

    /// `"3 min ago"`, or nothing known.
    pub(super) fn ago(&self, at: Option<Timestamp>) -> String {
        at.map_or_else(|| "at an unknown time".to_owned(), |at| format!("{} ago", span(self.age(at))))
    }

    /// The events that the test takes, the newest first.
    pub(super) fn events(&self, test: impl Fn(&Event) -> bool) -> Vec<&Event> {
        let all = self.events.as_deref().unwrap_or_default();
        let mut found: Vec<&Event> = all.iter().map(AsRef::as_ref).filter(|event| test(event)).collect();
        found.sort_by_key(|event| std::cmp::Reverse(look::last_seen(event)));
        found
    }

    /// Whether the event is about this container; with one container only, every event is.
    pub(super) fn is_about(&self, event: &Event, unit: &Unit<'_>) -> bool {
        match look::container(&event.involved_object) {
            Some(name) => name == unit.name(),
            None => self.pod.spec.as_ref().is_some_and(|spec| {
                spec.containers.len() == 1 && spec.init_containers.as_deref().unwrap_or_default().is_empty()
            }),
        }
    }

    /// The last lines of the container that ended, else of the running one.
    pub(super) fn last_lines(&self, unit: &Unit<'_>, most: usize) -> Vec<String> {
        let logs = self.logs.as_deref().unwrap_or_default();
        let of =
            |previous: bool| logs.iter().find(|log| log.container == unit.name() && log.previous == previous);
        let Some(log) = of(true).or_else(|| of(false)) else { return Vec::new() };
        excerpts(log, most)
    }
}

fn excerpts(log: &ContainerLog, most: usize) -> Vec<String> {
    let which = if log.previous { "previous log" } else { "log" };
    let lines: Vec<&String> =
        log.lines.iter().rev().filter(|line| !line.trim().is_empty()).take(most).collect();
    lines.into_iter().rev().map(|line| format!("{which}: {}", excerpt(line))).collect()
}

/// A quotation short enough to stand beside a few words in a piece of evidence.
pub(super) fn excerpt(text: &str) -> String {
    quote(&clip(text.trim(), 150))
}

pub(super) fn event_reason(event: &Event) -> &str {
    event.reason.as_deref().unwrap_or_default()
}

pub(super) fn event_message(event: &Event) -> &str {
    event.message.as_deref().unwrap_or_default()
}

/// A piece of evidence out of an event.
pub(super) fn told(event: &Event) -> String {
    format!("event {} ×{}: {}", event_reason(event), look::times_seen(event), excerpt(event_message(event)))
}
