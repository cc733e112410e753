//! What the simulated cluster holds at a moment: objects as the API writes them, and logs.
//!
//! ```text
//!   nodes, shop, payments, batch, platform, system   what there is, and what is wrong with it
//!        │  fill
//!        ▼
//!      Builder (seed, start, now) with its Plan: pods, workloads, jobs, services, events
//!        │  rendered by kind when asked for
//!        ▼
//!      World: objects as JSON; counts, endpoints, usage follow from the pods
//! ```
//!
//! Everything follows from the seed, the start and the moment: no state is kept between two of them.

mod batch;
mod build;
mod events;
mod job;
mod logs;
mod network;
mod nodes;
mod payments;
mod platform;
mod pod;
mod shop;
mod storage;
mod system;
mod template;
#[cfg(test)]
mod tests;
mod workload;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::Value;

use build::Builder;

/// The cluster at a moment.
pub struct World {
    builder: Builder,
    /// In the order of [`KINDS`]; written when they are asked for.
    objects: [OnceLock<Vec<Value>>; KINDS.len()],
}

/// What there is, before it is written as the API does.
#[derive(Default)]
struct Plan {
    pods: Vec<pod::Pod>,
    workloads: Vec<workload::Workload>,
    jobs: Vec<job::Job>,
    services: Vec<network::Service>,
    events: Vec<events::Event>,
    /// What nothing follows from, by prefix and plural.
    written: BTreeMap<(&'static str, &'static str), Vec<Value>>,
}

type Render = fn(&Builder) -> Vec<Value>;

/// How the kinds are written that follow from others.
const KINDS: &[(&str, &str, Render)] = &[
    ("/api/v1", "pods", |b| b.plan.pods.iter().map(pod::Pod::render).collect()),
    ("/api/v1", "nodes", nodes::nodes),
    ("/api/v1", "services", Builder::services),
    ("/api/v1", "events", Builder::events),
    ("/api/v1", "resourcequotas", |b| vec![nodes::quota(b)]),
    ("/api/v1", "namespaces", |b| b.written("/api/v1", "namespaces")),
    ("/api/v1", "configmaps", |b| b.written("/api/v1", "configmaps")),
    ("/api/v1", "persistentvolumeclaims", |b| b.written("/api/v1", "persistentvolumeclaims")),
    ("/apis/apps/v1", "deployments", |b| b.workloads("Deployment")),
    ("/apis/apps/v1", "replicasets", Builder::replica_sets),
    ("/apis/apps/v1", "statefulsets", |b| b.workloads("StatefulSet")),
    ("/apis/apps/v1", "daemonsets", |b| b.workloads("DaemonSet")),
    ("/apis/batch/v1", "jobs", Builder::jobs),
    ("/apis/batch/v1", "cronjobs", |b| b.written("/apis/batch/v1", "cronjobs")),
    ("/apis/autoscaling/v2", "horizontalpodautoscalers", |b| {
        b.written("/apis/autoscaling/v2", "horizontalpodautoscalers")
    }),
    ("/apis/policy/v1", "poddisruptionbudgets", |b| b.written("/apis/policy/v1", "poddisruptionbudgets")),
    ("/apis/networking.k8s.io/v1", "ingresses", |b| b.written("/apis/networking.k8s.io/v1", "ingresses")),
    ("/apis/networking.k8s.io/v1", "ingressclasses", |b| {
        b.written("/apis/networking.k8s.io/v1", "ingressclasses")
    }),
    ("/apis/networking.k8s.io/v1", "networkpolicies", |b| {
        b.written("/apis/networking.k8s.io/v1", "networkpolicies")
    }),
    ("/apis/discovery.k8s.io/v1", "endpointslices", Builder::slices),
    ("/apis/storage.k8s.io/v1", "storageclasses", |b| b.written("/apis/storage.k8s.io/v1", "storageclasses")),
    ("/apis/metrics.k8s.io/v1beta1", "pods", |b| {
        b.plan.pods.iter().filter_map(|pod| pod.usage(b.seed, b.now)).collect()
    }),
    ("/apis/metrics.k8s.io/v1beta1", "nodes", nodes::usage),
];

/// The log of one container.
pub struct Log {
    /// How many lines.
    pub len: usize,
    /// A line by its index, the oldest first; lines are made when they are asked for.
    pub line: Box<dyn Fn(usize) -> LogLine + Send>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// Without the timestamp.
    pub text: String,
}

impl World {
    /// The cluster of this seed that started then, as it is now (in its own time).
    pub fn at(seed: u64, started: Timestamp, now: Timestamp) -> Self {
        let mut builder = Builder::new(seed, started, now);
        nodes::fill(&mut builder);
        storage::fill(&mut builder);
        shop::fill(&mut builder);
        payments::fill(&mut builder);
        batch::fill(&mut builder);
        platform::fill(&mut builder);
        system::fill(&mut builder);
        builder.starts();
        Self { builder, objects: [const { OnceLock::new() }; KINDS.len()] }
    }

    /// The objects of a kind, sorted by namespace and name, with `apiVersion` and `kind`; empty for a kind that it does
    /// not have.
    pub fn objects(&self, prefix: &str, plural: &str) -> &[Value] {
        let mut kinds = KINDS.iter().zip(&self.objects);
        let Some(((_, _, render), objects)) = kinds.find(|(kind, _)| kind.0 == prefix && kind.1 == plural)
        else {
            return &[];
        };
        objects.get_or_init(|| {
            let mut objects = render(&self.builder);
            objects.sort_by(|a, b| key(a).cmp(&key(b)));
            objects
        })
    }

    /// The log of a container; `None` if it never ran.
    pub fn log(&self, namespace: &str, pod: &str, container: &str, previous: bool) -> Option<Log> {
        let mut pods = self.builder.plan.pods.iter();
        let pod = pods.find(|it| it.namespace == namespace && it.name == pod)?;
        let (container, status) = pod.containers().find(|(it, _)| it.name == container)?;
        logs::log(&self.builder, pod, container, status, previous)
    }
}

fn key(object: &Value) -> (&str, &str) {
    let word = |name: &str| object["metadata"][name].as_str().unwrap_or("");
    (word("namespace"), word("name"))
}

impl Builder {
    /// An object that nothing follows from.
    fn put(&mut self, prefix: &'static str, plural: &'static str, object: Value) {
        self.plan.written.entry((prefix, plural)).or_default().push(object);
    }

    fn written(&self, prefix: &'static str, plural: &'static str) -> Vec<Value> {
        self.plan.written.get(&(prefix, plural)).cloned().unwrap_or_default()
    }
}
