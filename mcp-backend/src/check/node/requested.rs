//! How much of a node its pods ask for.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Node, Pod};
use schemars::JsonSchema;
use serde::Serialize;

use crate::check::{look, quantity};

/// Requests of the pods on a node, in percent of what it can give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Requested {
    /// Of the processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Of the memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<f64>,
    /// Of the number of pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<f64>,
}

/// What the pods that still run ask for. An amount that the node does not tell stays unknown.
pub fn requested(node: &Node, pods: &[Arc<Pod>]) -> Requested {
    let running: Vec<&Pod> = pods.iter().map(Arc::as_ref).filter(|pod| !look::is_finished(pod)).collect();
    let total = |what: &str| running.iter().map(|pod| of_pod(pod, what)).sum::<f64>();
    Requested {
        cpu: percent(total("cpu"), node, "cpu"),
        memory: percent(total("memory"), node, "memory"),
        pods: percent(running.len() as f64, node, "pods"),
    }
}

fn percent(used: f64, node: &Node, what: &str) -> Option<f64> {
    let allocatable = node.status.as_ref()?.allocatable.as_ref()?.get(what).and_then(quantity::amount)?;
    (allocatable > 0.0).then(|| (used / allocatable * 1000.0).round() / 10.0)
}

/// What the scheduler counts for a pod: its containers together, or its largest init container if that is more. Init
/// containers that go on running count as containers.
fn of_pod(pod: &Pod, what: &str) -> f64 {
    let Some(spec) = &pod.spec else { return 0.0 };
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let mut running: f64 = 0.0;
    let mut peak: f64 = 0.0;
    for container in init {
        let asked = of_container(container, what);
        if container.restart_policy.as_deref() == Some("Always") {
            running += asked;
            peak = peak.max(running);
        } else {
            peak = peak.max(running + asked);
        }
    }
    running += spec.containers.iter().map(|container| of_container(container, what)).sum::<f64>();
    let overhead = spec.overhead.as_ref().and_then(|overhead| overhead.get(what)).and_then(quantity::amount);
    running.max(peak) + overhead.unwrap_or(0.0)
}

fn of_container(container: &Container, what: &str) -> f64 {
    let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    requests.and_then(|requests| requests.get(what)).and_then(quantity::amount).unwrap_or(0.0)
}
