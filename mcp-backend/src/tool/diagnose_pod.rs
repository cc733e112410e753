//! `diagnose_pod`: everything the rules find about one pod, with what they found it by.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::look;
use crate::check::pod::{ContainerLog, PodFacts, issues};
use crate::log::{parse_text, template};
use crate::quantity::{Resource, ResourceUse};
use crate::report::{Event, Issue, Severity, Truncated, Usage, Verdict, clean, clip};

use super::gather::{Gathered, Wanted, pod_facts};
use super::{Context, Name, Namespace, Tool, ToolError, get_events, health_checks, limit};

/// The most bytes of an answer as JSON.
const ROOM: usize = 8_000;

/// The most events.
const EVENTS: usize = 10;

/// The most lines that tell of errors, and of warnings.
const LINES: (usize, usize) = (10, 5);

/// The most conditions.
const CONDITIONS: usize = 12;

/// The most containers.
const CONTAINERS: usize = 16;

/// The most recommendations.
const ADVICE: usize = 6;

/// The tool.
pub(super) struct DiagnosePod;

/// Which pod.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    namespace: Namespace,
    pod_name: Name,
    /// Read logs.
    #[serde(default = "yes")]
    check_logs: bool,
    /// Read events.
    #[serde(default = "yes")]
    check_events: bool,
    /// Remarks on probes, images and rights too; not from the cache.
    #[serde(default)]
    deep_analysis: bool,
}

fn yes() -> bool {
    true
}

/// The diagnosis.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    verdict: Verdict,
    pod_name: String,
    namespace: String,
    status: Status,
    issues: Vec<Issue>,
    recommendations: Vec<String>,
    events: Vec<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<Logs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Vec<Resources>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Status {
    phase: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    qos_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    conditions: Vec<Condition>,
    container_statuses: Vec<ContainerLine>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ContainerLine {
    name: String,
    ready: bool,
    restarts: i32,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_state: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Logs {
    container: String,
    previous: bool,
    errors: Vec<String>,
    warnings: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Resources {
    container: String,
    cpu: Usage,
    memory: Usage,
}

impl Tool for DiagnosePod {
    const NAME: &'static str = "diagnose_pod";
    const TITLE: &'static str = "Diagnose pod";
    const DESCRIPTION: &'static str = "Finds what is wrong with one pod from its status, events, logs, usage, node, \
        claims and config maps, with evidence and what to do next. Start here for a failing pod.";
    type Arguments = Arguments;
    type Output = Output;

    fn fresh(arguments: &Arguments) -> bool {
        arguments.deep_analysis
    }

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let wanted = Wanted {
            events: arguments.check_events,
            logs: arguments.check_logs,
            deep: arguments.deep_analysis,
        };
        let (namespace, name) = (arguments.namespace.as_str(), arguments.pod_name.as_str());
        let gathered = pod_facts(&context.reader, namespace, name, wanted, context.now).await?;
        Ok(output(&gathered, namespace, name))
    }
}

fn output(gathered: &Gathered, namespace: &str, name: &str) -> Output {
    let Gathered { facts, partial } = gathered;
    let (issues, verdict) = health_checks(|| {
        let issues = issues(facts);
        let verdict = Verdict::of(&issues, partial.clone(), facts.now);
        (issues, verdict)
    });
    let mut owners = facts.pod.metadata.owner_references.iter().flatten();
    let owner = owners.find(|owner| owner.controller == Some(true));
    let mut cut = Cut::default();
    let mut events = get_events::group(facts.events.iter().flatten());
    cut.at_most("events", &mut events, EVENTS);
    let mut output = Output {
        verdict,
        pod_name: name.to_owned(),
        namespace: namespace.to_owned(),
        status: status(&facts.pod, &mut cut),
        recommendations: recommendations(&issues),
        issues,
        events,
        logs: facts.logs.as_ref().and_then(|logs| telling(logs)),
        resources: resources(facts, &mut cut),
        owner: owner.map(|owner| text(&format!("{}/{}", owner.kind, owner.name), 253)),
        truncated: None,
    };
    cut.shrink(&mut output);
    output
}

/// What is to be done, each once, the most urgent first. Remarks speak for themselves.
fn recommendations(issues: &[Issue]) -> Vec<String> {
    let urgent = issues.iter().filter(|issue| issue.severity < Severity::Low);
    let mut advice: Vec<String> = Vec::new();
    for issue in urgent {
        if advice.len() < ADVICE && !advice.contains(&issue.recommendation) {
            advice.push(issue.recommendation.clone());
        }
    }
    advice
}

fn text(text: &str, most: usize) -> String {
    clip(&clean(text), most).into_owned()
}

fn status(pod: &Pod, cut: &mut Cut) -> Status {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let mut conditions: Vec<Condition> = conditions
        .iter()
        .map(|condition| Condition {
            kind: text(&condition.type_, 100),
            status: text(&condition.status, 20),
            reason: condition.reason.as_deref().filter(|reason| !reason.is_empty()).map(|it| text(it, 100)),
        })
        .collect();
    cut.at_most("status.conditions", &mut conditions, CONDITIONS);
    let all = status.map(|status| [&status.init_container_statuses, &status.container_statuses]);
    let all = all.into_iter().flatten().flat_map(|statuses| statuses.iter().flatten());
    let mut container_statuses: Vec<ContainerLine> = all.map(line).collect();
    cut.at_most("status.container_statuses", &mut container_statuses, CONTAINERS);
    Status {
        phase: text(look::phase(pod), 20),
        qos_class: status.and_then(|status| status.qos_class.as_deref()).map(|class| text(class, 20)),
        node: look::node_name(pod).map(ToOwned::to_owned),
        conditions,
        container_statuses,
    }
}

fn line(status: &ContainerStatus) -> ContainerLine {
    ContainerLine {
        name: text(&status.name, 63),
        ready: status.ready,
        restarts: status.restart_count,
        state: status.state.as_ref().and_then(state).unwrap_or_else(|| "waiting".to_owned()),
        last_state: status.last_state.as_ref().and_then(state),
    }
}

/// As `running since 2026-11-22T11:00:00Z`, `waiting: CrashLoopBackOff` or `terminated: Error, exit code 1, at …`.
fn state(state: &ContainerState) -> Option<String> {
    if let Some(running) = &state.running {
        let since = running.started_at.as_ref().map(|at| format!(" since {}", at.0));
        return Some(format!("running{}", since.unwrap_or_default()));
    }
    if let Some(waiting) = &state.waiting {
        return Some(text(&format!("waiting: {}", waiting.reason.as_deref().unwrap_or("no reason")), 100));
    }
    let ended = state.terminated.as_ref()?;
    let at = ended.finished_at.as_ref().map(|at| format!(", at {}", at.0)).unwrap_or_default();
    let reason = ended.reason.as_deref().unwrap_or("no reason");
    Some(text(&format!("terminated: {reason}, exit code {}{at}", ended.exit_code), 150))
}

/// The first log that tells of errors, else of warnings, else the first.
fn telling(logs: &[ContainerLog]) -> Option<Logs> {
    let all: Vec<Logs> = logs.iter().map(findings).collect();
    let best = all
        .iter()
        .position(|log| !log.errors.is_empty())
        .or_else(|| all.iter().position(|log| !log.warnings.is_empty()));
    all.into_iter().nth(best.unwrap_or(0))
}

/// The newest lines of each kind in the order of the log. Of lines that differ only in numbers, the newest stands for
/// all.
fn findings(log: &ContainerLog) -> Logs {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for raw in log.lines.iter().rev() {
        let line = parse_text(raw);
        let (lines, most) = match (line.is_error(), line.is_warning()) {
            (true, _) => (&mut errors, LINES.0),
            (_, true) => (&mut warnings, LINES.1),
            _ => continue,
        };
        if lines.len() < most && seen.insert(template(&line.message)) {
            lines.push(text(raw, 300));
        }
    }
    errors.reverse();
    warnings.reverse();
    Logs { container: text(&log.container, 63), previous: log.previous, errors, warnings }
}

/// What its containers use, if that is known.
fn resources(facts: &PodFacts, cut: &mut Cut) -> Option<Vec<Resources>> {
    let used = facts.usage.as_ref()?;
    let spec = facts.pod.spec.as_ref()?;
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let mut resources: Vec<Resources> = used
        .containers
        .iter()
        .filter_map(|used| {
            let container = containers.clone().find(|container| container.name == used.name)?;
            Some(Resources {
                container: text(&used.name, 63),
                cpu: ResourceUse::of(container, Resource::Cpu, used.usage.cpu.as_ref()).into(),
                memory: ResourceUse::of(container, Resource::Memory, used.usage.memory.as_ref()).into(),
            })
        })
        .collect();
    cut.at_most("resources", &mut resources, CONTAINERS);
    Some(resources)
}

/// What was left out, to be announced.
#[derive(Default)]
struct Cut(BTreeMap<&'static str, (u64, u64)>);

impl Cut {
    fn at_most<T>(&mut self, what: &'static str, list: &mut Vec<T>, most: usize) {
        if list.len() > most {
            self.note(what, most as u64, list.len() as u64);
            list.truncate(most);
        }
    }

    fn note(&mut self, what: &'static str, shown: u64, total: u64) {
        self.0.entry(what).and_modify(|(known, _)| *known = shown).or_insert((shown, total));
    }

    /// Takes out the last of one list.
    fn shorten<T>(&mut self, what: &'static str, list: &mut Vec<T>, least: usize) -> bool {
        let total = list.len();
        if total <= least {
            return false;
        }
        list.truncate(total - 1);
        self.note(what, total as u64 - 1, total as u64);
        true
    }

    /// Shortens lists, the least telling first, until the answer has its size; then says so.
    fn shrink(mut self, output: &mut Output) {
        self.announce(output);
        while limit::bytes(output) > ROOM && self.step(output) {
            self.announce(output);
        }
    }

    fn step(&mut self, output: &mut Output) -> bool {
        if let Some(logs) = &mut output.logs
            && (self.shorten("logs.warnings", &mut logs.warnings, 0)
                || self.shorten("logs.errors", &mut logs.errors, 4))
        {
            return true;
        }
        self.shorten("events", &mut output.events, 3)
            || output.resources.as_mut().is_some_and(|list| self.shorten("resources", list, 4))
            || self.shorten("issues", &mut output.issues, 8)
            || self.shorten("status.container_statuses", &mut output.status.container_statuses, 8)
            || self.shorten("recommendations", &mut output.recommendations, 2)
            || self.shorten("events", &mut output.events, 0)
            || output.logs.as_mut().is_some_and(|logs| self.shorten("logs.errors", &mut logs.errors, 0))
            || self.shorten("issues", &mut output.issues, 2)
    }

    fn announce(&self, output: &mut Output) {
        if self.0.is_empty() {
            return;
        }
        let names: Vec<&str> = self.0.keys().copied().collect();
        output.truncated = Some(Truncated {
            what: names.join(", "),
            shown: self.0.values().map(|(shown, _)| shown).sum(),
            total: self.0.values().map(|(_, total)| total).sum(),
            hint: "set check_logs or check_events to false, or see get_events and get_pod_logs".to_owned(),
        });
    }
}
