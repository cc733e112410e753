//! The objects of metrics.k8s.io, which no crate of the Kubernetes API describes.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::Deserialize;

/// What the containers of a pod use.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PodMetrics {
    /// Name and namespace of the pod.
    pub metadata: ObjectMeta,
    /// When it was measured.
    pub timestamp: Option<Time>,
    /// One for each container.
    #[serde(default)]
    pub containers: Vec<ContainerMetrics>,
}

/// What one container uses.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ContainerMetrics {
    /// Its name.
    pub name: String,
    /// How much.
    pub usage: UsedAmounts,
}

/// What a node uses.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NodeMetrics {
    /// Name of the node.
    pub metadata: ObjectMeta,
    /// How much.
    pub usage: UsedAmounts,
}

/// Amounts of processor and memory.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct UsedAmounts {
    /// As `150m` or `1234567n`.
    pub cpu: Option<Quantity>,
    /// As `123456Ki`.
    pub memory: Option<Quantity>,
}
