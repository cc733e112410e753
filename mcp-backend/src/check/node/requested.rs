//! How much of a node its pods ask for.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Node, Pod};
use schemars::JsonSchema;
use serde::Serialize;

use crate::check::look;
use crate::quantity::{Amount, Resource, ResourceUse};

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
    let allocatable = |what: &str| {
        let allocatable = node.status.as_ref()?.allocatable.as_ref()?;
        Amount::of(allocatable.get(what)?)
    };
    let percent = |resource: Resource| {
        let total: Amount = running.iter().map(|pod| of_pod(pod, resource)).sum();
        total.percent_of(allocatable(resource.as_str())?)
    };
    Requested {
        cpu: percent(Resource::Cpu),
        memory: percent(Resource::Memory),
        pods: allocatable("pods").and_then(|most| Amount::whole(running.len() as u32).percent_of(most)),
    }
}

/// What the scheduler counts for a pod: its containers together, or its largest init container if that is more. Init
/// containers that go on running count as containers.
fn of_pod(pod: &Pod, resource: Resource) -> Amount {
    let Some(spec) = &pod.spec else { return Amount::default() };
    let asked =
        |container: &Container| ResourceUse::of(container, resource, None).request.unwrap_or_default();
    let mut running = Amount::default();
    let mut peak = Amount::default();
    for container in spec.init_containers.iter().flatten() {
        if look::is_restartable(container) {
            running = running + asked(container);
            peak = peak.max(running);
        } else {
            peak = peak.max(running + asked(container));
        }
    }
    running = running + spec.containers.iter().map(asked).sum();
    let overhead = spec.overhead.as_ref().and_then(|overhead| overhead.get(resource.as_str()));
    running.max(peak) + overhead.and_then(Amount::of).unwrap_or_default()
}
