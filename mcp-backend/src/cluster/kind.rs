//! The kinds of objects that are read: nothing else of the API is ever asked for. Secrets are not among them.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, Namespace, Node, PersistentVolumeClaim, Pod, ResourceQuota, Service,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use serde::de::DeserializeOwned;

use super::{NodeMetrics, PodMetrics};

/// Where a kind stands in the API.
#[derive(Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// As `Pod`.
    pub name: &'static str,
    /// As `/api/v1` or `/apis/apps/v1`.
    pub prefix: &'static str,
    /// As `pods`.
    pub plural: &'static str,
    /// Whether its objects stand in a namespace.
    pub namespaced: bool,
    /// Whether `get_resource` may show it.
    pub shown: bool,
    /// The span around reading one or many, as `k8s.get_pod` and `k8s.list_pods`.
    pub spans: (&'static str, &'static str),
}

impl KindInfo {
    /// The path of all objects of this kind, in one namespace or in all.
    pub fn path(&self, namespace: Option<&str>) -> String {
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{}/namespaces/{namespace}/{}", self.prefix, self.plural),
            None => format!("{}/{}", self.prefix, self.plural),
        }
    }
}

/// A type whose objects can be read.
pub trait Kind: DeserializeOwned + Send + Sync + 'static {
    /// Where it stands in the API.
    const INFO: &'static KindInfo;
}

macro_rules! kinds {
    ($($kind:ident $prefix:literal $plural:literal $namespaced:literal $shown:literal $get:literal $list:literal;)*) => {
        $(impl Kind for $kind {
            const INFO: &'static KindInfo = &KindInfo {
                name: stringify!($kind),
                prefix: $prefix,
                plural: $plural,
                namespaced: $namespaced,
                shown: $shown,
                spans: ($get, $list),
            };
        })*

        /// Every kind that is read.
        pub const KINDS: &[&KindInfo] = &[$($kind::INFO),*];
    };
}

// kind, path, plural, namespaced, shown by get_resource, spans
kinds! {
    Pod "/api/v1" "pods" true true "k8s.get_pod" "k8s.list_pods";
    Deployment "/apis/apps/v1" "deployments" true true "k8s.get_deployment" "k8s.list_deployments";
    ReplicaSet "/apis/apps/v1" "replicasets" true true "k8s.get_replicaset" "k8s.list_replicasets";
    StatefulSet "/apis/apps/v1" "statefulsets" true true "k8s.get_statefulset" "k8s.list_statefulsets";
    DaemonSet "/apis/apps/v1" "daemonsets" true true "k8s.get_daemonset" "k8s.list_daemonsets";
    Job "/apis/batch/v1" "jobs" true true "k8s.get_job" "k8s.list_jobs";
    CronJob "/apis/batch/v1" "cronjobs" true true "k8s.get_cronjob" "k8s.list_cronjobs";
    Service "/api/v1" "services" true true "k8s.get_service" "k8s.list_services";
    Ingress "/apis/networking.k8s.io/v1" "ingresses" true true "k8s.get_ingress" "k8s.list_ingresses";
    PersistentVolumeClaim "/api/v1" "persistentvolumeclaims" true true "k8s.get_claim" "k8s.list_claims";
    Node "/api/v1" "nodes" false true "k8s.get_node" "k8s.list_nodes";
    Namespace "/api/v1" "namespaces" false true "k8s.get_namespace" "k8s.list_namespaces";
    HorizontalPodAutoscaler "/apis/autoscaling/v2" "horizontalpodautoscalers" true true
        "k8s.get_autoscaler" "k8s.list_autoscalers";
    PodDisruptionBudget "/apis/policy/v1" "poddisruptionbudgets" true true
        "k8s.get_disruption_budget" "k8s.list_disruption_budgets";
    NetworkPolicy "/apis/networking.k8s.io/v1" "networkpolicies" true true
        "k8s.get_network_policy" "k8s.list_network_policies";
    ResourceQuota "/api/v1" "resourcequotas" true true "k8s.get_quota" "k8s.list_quotas";
    ConfigMap "/api/v1" "configmaps" true true "k8s.get_config_map" "k8s.list_config_maps";
    Event "/api/v1" "events" true false "k8s.get_event" "k8s.get_events";
    EndpointSlice "/apis/discovery.k8s.io/v1" "endpointslices" true false
        "k8s.get_endpoint_slice" "k8s.list_endpoint_slices";
    IngressClass "/apis/networking.k8s.io/v1" "ingressclasses" false false
        "k8s.get_ingress_class" "k8s.list_ingress_classes";
    StorageClass "/apis/storage.k8s.io/v1" "storageclasses" false false
        "k8s.get_storage_class" "k8s.list_storage_classes";
    PodMetrics "/apis/metrics.k8s.io/v1beta1" "pods" true false "k8s.get_pod_metrics" "k8s.list_pod_metrics";
    NodeMetrics "/apis/metrics.k8s.io/v1beta1" "nodes" false false "k8s.get_node_metrics" "k8s.list_node_metrics";
}
