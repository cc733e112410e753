//! Events of the core API, as components write them: equal ones are counted, and none outlives an hour.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::{Builder, HOUR, after, hash, time};
use super::pod::{Pod, State};

/// How long the API server keeps an event after it happened last.
const KEPT: i64 = HOUR;

/// What an event is about.
#[derive(Clone)]
pub(super) struct Subject {
    api: &'static str,
    kind: &'static str,
    namespace: &'static str,
    name: String,
    uid: String,
    field: Option<String>,
    host: Option<&'static str>,
}

impl Subject {
    /// A container of a pod, or all of it.
    pub(super) fn pod(pod: &Pod, container: Option<&str>) -> Self {
        let init = |name: &str| pod.template.init.iter().any(|init| init.name == name);
        let field = container.map(|name| match init(name) {
            true => format!("spec.initContainers{{{name}}}"),
            false => format!("spec.containers{{{name}}}"),
        });
        let (name, uid, host) = (pod.name.clone(), pod.uid.clone(), pod.node);
        Self { api: "v1", kind: "Pod", namespace: pod.namespace, name, uid, field, host }
    }
}

/// An event.
pub(super) struct Event {
    subject: Subject,
    warning: bool,
    reason: &'static str,
    message: String,
    by: &'static str,
    first: Timestamp,
    last: Timestamp,
    count: u32,
}

/// How often, and when first and last.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u32,
}

impl Times {
    pub(super) fn once(at: Timestamp) -> Self {
        Self { first: at, last: at, count: 1 }
    }
}

impl Builder {
    /// Every so many seconds from a first time on, until now.
    pub(super) fn every(&self, first: Timestamp, period: i64) -> Times {
        let (count, last) = self.recurring(first, period).unwrap_or((1, first));
        Times { first, last, count }
    }

    pub(super) fn subject(
        &self,
        api: &'static str,
        kind: &'static str,
        namespace: &'static str,
        name: &str,
    ) -> Subject {
        let uid = self.uid(kind, namespace, name);
        // Those of a node name it by its name, and lie in the default namespace.
        let uid = if kind == "Node" { name.to_owned() } else { uid };
        Subject { api, kind, namespace, name: name.to_owned(), uid, field: None, host: None }
    }

    pub(super) fn warn(
        &mut self,
        subject: Subject,
        by: &'static str,
        reason: &'static str,
        message: impl Into<String>,
        times: Times,
    ) {
        self.happened(true, subject, by, reason, message.into(), times);
    }

    pub(super) fn note(
        &mut self,
        subject: Subject,
        by: &'static str,
        reason: &'static str,
        message: impl Into<String>,
        times: Times,
    ) {
        self.happened(false, subject, by, reason, message.into(), times);
    }

    fn happened(
        &mut self,
        warning: bool,
        subject: Subject,
        by: &'static str,
        reason: &'static str,
        message: String,
        times: Times,
    ) {
        let Times { first, last, count } = times;
        if first <= self.now && self.since(last) < KEPT {
            self.plan.events.push(Event { subject, warning, reason, message, by, first, last, count });
        }
    }

    /// What is written of every pod that starts.
    pub(super) fn starts(&mut self) {
        let mut notes = Vec::new();
        for pod in self.plan.pods.iter().filter(|pod| self.since(pod.created) < KEPT) {
            let Some(node) = pod.node else { continue };
            let whole = Subject::pod(pod, None);
            let placed = format!("Successfully assigned {}/{} to {node}", pod.namespace, pod.name);
            notes.push((
                Subject { host: None, ..whole },
                "default-scheduler",
                "Scheduled",
                placed,
                pod.created,
            ));
            for (container, status) in pod.containers() {
                let subject = Subject::pod(pod, Some(container.name));
                let (State::Running(at) | State::Ended(super::pod::Ended { started: at, .. })) = status.state
                else {
                    continue;
                };
                let name = container.name;
                let pulled = format!("Container image \"{}\" already present on machine", container.image);
                notes.push((subject.clone(), "kubelet", "Pulled", pulled, after(at, -1)));
                notes.push((
                    subject.clone(),
                    "kubelet",
                    "Created",
                    format!("Created container: {name}"),
                    after(at, -1),
                ));
                notes.push((subject, "kubelet", "Started", format!("Started container {name}"), at));
            }
        }
        for (subject, by, reason, message, at) in notes {
            self.note(subject, by, reason, message, Times::once(at));
        }
    }

    pub(super) fn events(&self) -> Vec<Value> {
        self.plan.events.iter().map(|event| self.render_event(event)).collect()
    }

    fn render_event(&self, event: &Event) -> Value {
        let subject = &event.subject;
        let namespace = if subject.namespace.is_empty() { "default" } else { subject.namespace };
        let id = hash(self.seed, &[&subject.uid, event.reason, &event.message]);
        let mut involved = json!({
            "kind": subject.kind, "name": subject.name, "uid": subject.uid, "apiVersion": subject.api,
        });
        if !subject.namespace.is_empty() {
            involved["namespace"] = json!(subject.namespace);
        }
        if let Some(field) = &subject.field {
            involved["fieldPath"] = json!(field);
        }
        let mut source = json!({"component": event.by});
        if let Some(host) = subject.host.filter(|_| event.by == "kubelet") {
            source["host"] = json!(host);
        }
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {
                "name": format!("{}.{id:016x}", subject.name), "namespace": namespace,
                "uid": self.uid("Event", namespace, &format!("{id:x}")),
                "resourceVersion": (2_000_000 + id % 500_000 + u64::from(event.count)).to_string(),
                "creationTimestamp": time(event.first),
            },
            "involvedObject": involved,
            "type": if event.warning { "Warning" } else { "Normal" },
            "reason": event.reason, "message": event.message,
            "source": source, "reportingComponent": event.by,
            "reportingInstance": source["host"].as_str().unwrap_or(""),
            "firstTimestamp": time(event.first), "lastTimestamp": time(event.last),
            "eventTime": null, "count": event.count,
        })
    }
}
