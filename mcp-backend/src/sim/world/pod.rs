//! Pods: what decides their state, and how the API writes them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::{Builder, after, time};
use super::template::{Container, Template, cpu_text, map, memory_text};

/// How a run of a container ended.
#[derive(Clone)]
pub(super) struct Ended {
    pub(super) reason: &'static str,
    pub(super) code: i32,
    pub(super) started: Timestamp,
    pub(super) finished: Timestamp,
}

/// What a container does.
#[derive(Clone)]
pub(super) enum State {
    Waiting(&'static str, String),
    Running(Timestamp),
    Ended(Ended),
}

/// What the kubelet says of a container.
#[derive(Clone)]
pub(super) struct Status {
    pub(super) state: State,
    pub(super) last: Option<Ended>,
    pub(super) restarts: u32,
    pub(super) ready: bool,
}

impl Status {
    pub(super) fn running(since: Timestamp) -> Self {
        Self { state: State::Running(since), last: None, restarts: 0, ready: true }
    }

    pub(super) fn waiting(reason: &'static str, message: impl Into<String>) -> Self {
        Self { state: State::Waiting(reason, message.into()), last: None, restarts: 0, ready: false }
    }

    pub(super) fn ended(reason: &'static str, code: i32, started: Timestamp, finished: Timestamp) -> Self {
        let ended = Ended { reason, code, started, finished };
        Self { state: State::Ended(ended), last: None, restarts: 0, ready: false }
    }

    pub(super) fn not_ready(mut self) -> Self {
        self.ready = false;
        self
    }

    /// After restarts, the last run ended so.
    pub(super) fn restarted(mut self, restarts: u32, last: Ended) -> Self {
        self.restarts = restarts;
        self.last = Some(last);
        self
    }
}

/// What controls an object.
#[derive(Clone)]
pub(super) struct Owner {
    pub(super) api: &'static str,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) uid: String,
}

impl Owner {
    pub(super) fn render(&self) -> Value {
        json!([{
            "apiVersion": self.api, "kind": self.kind, "name": self.name, "uid": self.uid,
            "controller": true, "blockOwnerDeletion": true,
        }])
    }
}

/// A pod.
#[derive(Clone)]
pub(super) struct Pod {
    pub(super) namespace: &'static str,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) version: u64,
    pub(super) owner: Option<Owner>,
    pub(super) template: Arc<Template>,
    /// Besides those of the template.
    pub(super) labels: Vec<(String, String)>,
    pub(super) annotations: Vec<(String, String)>,
    pub(super) created: Timestamp,
    /// `None`: not scheduled.
    pub(super) node: Option<&'static str>,
    pub(super) ip: String,
    pub(super) phase: &'static str,
    /// Of the whole pod, as for an evicted one.
    pub(super) reason: Option<(&'static str, String)>,
    pub(super) init: Vec<Status>,
    pub(super) statuses: Vec<Status>,
    /// Why the scheduler finds no node.
    pub(super) unscheduled: Option<String>,
    /// When its readiness last changed.
    pub(super) turned: Timestamp,
    /// Since when it is to be gone, and who keeps it.
    pub(super) deleted: Option<(Timestamp, &'static str)>,
}

impl Pod {
    /// A pod that runs and is ready, all its containers from a few seconds after it was made.
    pub(super) fn healthy(
        b: &Builder,
        namespace: &'static str,
        name: String,
        template: &Arc<Template>,
        node: &'static str,
        created: Timestamp,
    ) -> Self {
        let hash = b.hash(&["pod", namespace, &name]);
        let host = node.bytes().last().map_or(0, |last| last.wrapping_sub(b'0') % 10);
        let init = (0u32..)
            .zip(&template.init)
            .map(|_| Status::ended("Completed", 0, after(created, 2), after(created, 4)))
            .collect();
        Self {
            uid: b.uid("Pod", namespace, &name),
            version: 1_000_000 + hash % 900_000,
            owner: None,
            labels: Vec::new(),
            annotations: Vec::new(),
            created,
            node: Some(node),
            ip: format!("10.244.{host}.{}", hash % 240 + 8),
            phase: "Running",
            reason: None,
            init,
            statuses: template.containers.iter().map(|_| Status::running(after(created, 4))).collect(),
            unscheduled: None,
            turned: after(created, 12),
            deleted: None,
            template: Arc::clone(template),
            namespace,
            name,
        }
    }

    pub(super) fn ready(&self) -> bool {
        self.phase == "Running" && self.statuses.iter().all(|status| status.ready)
    }

    /// Finished or failed for good.
    pub(super) fn over(&self) -> bool {
        matches!(self.phase, "Succeeded" | "Failed")
    }

    /// Its scheduler finds no node for it.
    pub(super) fn unschedulable(&mut self, message: &str) {
        (self.node, self.phase) = (None, "Pending");
        self.unscheduled = Some(message.to_owned());
        self.init.clear();
        self.statuses.clear();
        self.ip.clear();
    }

    /// Its first container waits for good, and never ran.
    pub(super) fn never_started(&mut self, reason: &'static str, message: impl Into<String>) {
        self.phase = "Pending";
        self.turned = self.created;
        self.statuses = vec![Status::waiting(reason, message)];
    }

    /// It ran to its end.
    pub(super) fn finished(&mut self, code: i32, at: Timestamp) {
        let (phase, reason) = if code == 0 { ("Succeeded", "Completed") } else { ("Failed", "Error") };
        self.phase = phase;
        self.turned = at;
        self.statuses = vec![Status::ended(reason, code, after(self.created, 4), at)];
    }

    /// All labels, as the API shows them.
    pub(super) fn all_labels(&self) -> impl Iterator<Item = &(String, String)> {
        self.template.labels.iter().chain(&self.labels)
    }

    /// Its containers, those that only prepare it first, with what the kubelet says of each.
    pub(super) fn containers(&self) -> impl Iterator<Item = (&Container, &Status)> {
        self.template.init.iter().zip(&self.init).chain(self.template.containers.iter().zip(&self.statuses))
    }

    pub(super) fn render(&self) -> Value {
        let labels: Vec<_> = self.all_labels().cloned().collect();
        let mut meta = json!({
            "name": self.name, "namespace": self.namespace, "uid": self.uid,
            "resourceVersion": self.version.to_string(),
            "creationTimestamp": time(self.created),
            "labels": map(&labels),
            "managedFields": [{
                "manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": time(self.turned),
                "fieldsType": "FieldsV1", "subresource": "status",
                "fieldsV1": {"f:status": {"f:conditions": {}, "f:containerStatuses": {}, "f:phase": {}}},
            }],
        });
        let notes: Vec<_> = self.template.annotations.iter().chain(&self.annotations).cloned().collect();
        if !notes.is_empty() {
            meta["annotations"] = map(&notes);
        }
        if let Some((base, _)) = self.name.rsplit_once('-')
            && self.owner.as_ref().is_some_and(|owner| owner.kind != "Node" && owner.kind != "StatefulSet")
        {
            meta["generateName"] = json!(format!("{base}-"));
        }
        if let Some(owner) = &self.owner {
            meta["ownerReferences"] = owner.render();
        }
        if let Some((at, finalizer)) = self.deleted {
            meta["deletionTimestamp"] = json!(time(at));
            meta["deletionGracePeriodSeconds"] = json!(30);
            meta["finalizers"] = json!([finalizer]);
        }
        let mut spec = self.template.spec();
        if let Some(node) = self.node {
            spec["nodeName"] = json!(node);
        }
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": self.status(),
        })
    }

    fn status(&self) -> Value {
        let mut status = json!({
            "phase": self.phase,
            "qosClass": self.template.qos(),
            "conditions": self.conditions(),
        });
        if let Some((reason, message)) = &self.reason {
            status["reason"] = json!(reason);
            status["message"] = json!(message);
        }
        let Some(node) = self.node else { return status };
        status["startTime"] = json!(time(self.created));
        status["hostIP"] = json!(super::nodes::address(node));
        if !self.ip.is_empty() && self.phase != "Failed" {
            status["podIP"] = json!(self.ip);
            status["podIPs"] = json!([{"ip": self.ip}]);
        }
        if !self.init.is_empty() {
            status["initContainerStatuses"] = self.written(&self.template.init, &self.init);
        }
        if !self.statuses.is_empty() {
            status["containerStatuses"] = self.written(&self.template.containers, &self.statuses);
        }
        status
    }

    fn written(&self, containers: &[Container], statuses: &[Status]) -> Value {
        containers.iter().zip(statuses).map(|(container, status)| self.container(container, status)).collect()
    }

    fn container(&self, container: &Container, status: &Status) -> Value {
        let pulled = !matches!(status.state, State::Waiting(..)) || status.restarts > 0;
        let id = |run: u32| {
            format!("containerd://{:064x}", super::build::hash(run.into(), &[&self.uid, container.name]))
        };
        let state = match &status.state {
            State::Waiting(reason, message) if message.is_empty() => json!({"waiting": {"reason": reason}}),
            State::Waiting(reason, message) => json!({"waiting": {"reason": reason, "message": message}}),
            State::Running(since) => json!({"running": {"startedAt": time(*since)}}),
            State::Ended(end) => json!({"terminated": ended(end, &id(status.restarts))}),
        };
        let last = match &status.last {
            None => json!({}),
            Some(end) => json!({"terminated": ended(end, &id(status.restarts.saturating_sub(1)))}),
        };
        // A container that prepares counts as ready once it has ended well.
        let prepared = self.is_init(container) && matches!(&status.state, State::Ended(end) if end.code == 0);
        let mut written = json!({
            "name": container.name,
            "image": container.image,
            "imageID": "",
            "ready": status.ready || prepared,
            "started": matches!(status.state, State::Running(_)),
            "restartCount": status.restarts,
            "state": state,
            "lastState": last,
        });
        if pulled {
            let digest = super::build::hash(0, &[&container.image]);
            written["imageID"] = json!(format!("{}@sha256:{digest:064x}", container.image));
            written["containerID"] = json!(id(status.restarts));
        }
        written
    }

    fn is_init(&self, container: &Container) -> bool {
        self.template.init.iter().any(|init| init.name == container.name)
    }

    fn conditions(&self) -> Value {
        if let Some(message) = &self.unscheduled {
            return json!([{
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
                "lastProbeTime": null, "lastTransitionTime": time(self.created),
            }]);
        }
        let one = |kind: &str, holds: bool, at: Timestamp, why: Option<(&str, String)>| {
            let mut condition = json!({
                "type": kind, "status": if holds { "True" } else { "False" },
                "lastProbeTime": null, "lastTransitionTime": time(at),
            });
            if let (false, Some((reason, message))) = (holds, why) {
                condition["reason"] = json!(reason);
                condition["message"] = json!(message);
            }
            condition
        };
        let prepared =
            self.init.iter().all(|status| matches!(&status.state, State::Ended(end) if end.code == 0));
        let over = self.phase == "Succeeded";
        let why = || {
            if over {
                return ("PodCompleted", String::new());
            }
            if self.phase == "Failed" {
                return ("PodFailed", String::new());
            }
            ("ContainersNotReady", format!("containers with unready status: [{}]", self.unready()))
        };
        let ran = self.phase != "Pending";
        let mut conditions = vec![
            one("PodReadyToStartContainers", !self.over(), after(self.created, 3), None),
            one("Initialized", prepared, after(self.created, 4), {
                let names: Vec<_> = self.template.init.iter().map(|init| init.name).collect();
                Some((
                    "ContainersNotInitialized",
                    format!("containers with incomplete status: [{}]", names.join(" ")),
                ))
            }),
            one("Ready", self.ready(), self.turned, Some(why())),
            one("ContainersReady", self.ready() && ran, self.turned, Some(why())),
            one("PodScheduled", true, self.created, None),
        ];
        if let Some(("Evicted", message)) = &self.reason {
            conditions.push(json!({
                "type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet",
                "message": message, "lastProbeTime": null, "lastTransitionTime": time(self.turned),
            }));
        }
        Value::from(conditions)
    }

    fn unready(&self) -> String {
        let pairs = self.template.containers.iter().zip(&self.statuses);
        let names: Vec<_> =
            pairs.filter(|(_, status)| !status.ready).map(|(container, _)| container.name).collect();
        names.join(" ")
    }

    /// What its containers use now, as metrics.k8s.io says it; `None` for one that does not run.
    pub(super) fn usage(&self, seed: u64, now: Timestamp) -> Option<Value> {
        if self.phase != "Running" {
            return None;
        }
        let containers: Vec<Value> = self
            .used(seed, now)
            .into_iter()
            .map(|(name, cpu, memory)| {
                json!({"name": name, "usage": {"cpu": format!("{}n", cpu * 1000), "memory": format!("{memory}Ki")}})
            })
            .collect();
        let window = now.as_second() - now.as_second().rem_euclid(15);
        let at = Timestamp::from_second(window).unwrap_or(now);
        (!containers.is_empty()).then(|| {
            json!({
                "apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics",
                "metadata": {
                    "name": self.name, "namespace": self.namespace, "creationTimestamp": time(at),
                    "labels": map(&self.all_labels().cloned().collect::<Vec<_>>()),
                },
                "timestamp": time(at), "window": "15s", "containers": containers,
            })
        })
    }

    /// By running container: millionths of a processor, and KiB. It drifts by a tenth, anew every 15 seconds.
    pub(super) fn used(&self, seed: u64, now: Timestamp) -> Vec<(&'static str, u64, u64)> {
        let window = (now.as_second() / 15).to_string();
        let pairs = self.template.containers.iter().zip(&self.statuses);
        pairs
            .filter_map(|(container, status)| {
                let State::Running(since) = status.state else { return None };
                let hash = super::build::hash(seed, &["usage", &self.uid, container.name, &window]);
                let drift = |amount: u32, chance: u64| u64::from(amount) * (900 + chance % 200);
                let mut memory = drift(container.uses.1, hash) * 1024 / 1000;
                if let Some(end) = status.last.as_ref().filter(|end| end.reason == "OOMKilled") {
                    memory = leak(container, since, end, now);
                }
                Some((container.name, drift(container.uses.0, hash >> 32), memory))
            })
            .collect()
    }
}

/// What a container uses that grows up to its limit as it did in its last run.
fn leak(container: &Container, since: Timestamp, last: &Ended, now: Timestamp) -> u64 {
    let life = super::build::seconds(last.started, last.finished).max(1);
    let age = super::build::seconds(since, now).clamp(0, life);
    let (low, high) = (u64::from(container.uses.1) * 1024, u64::from(container.limits.1) * 1024);
    low + high.saturating_sub(low) * age as u64 / life as u64
}

fn ended(end: &Ended, id: &str) -> Value {
    json!({
        "exitCode": end.code, "reason": end.reason, "containerID": id,
        "startedAt": time(end.started), "finishedAt": time(end.finished),
    })
}

/// Thousandths of processors and MiB that the pods of these request.
pub(super) fn requested<'a>(pods: impl Iterator<Item = &'a Pod>) -> (String, String, u32) {
    let (mut cpu, mut memory, mut count) = (0, 0, 0);
    for pod in pods {
        count += 1;
        cpu += pod.template.containers.iter().map(|container| container.requests.0).sum::<u32>();
        memory += pod.template.containers.iter().map(|container| container.requests.1).sum::<u32>();
    }
    (cpu_text(cpu), memory_text(memory), count)
}
