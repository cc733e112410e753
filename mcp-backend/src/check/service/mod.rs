//! The rules about a service, the ingresses that lead to it and the policies that guard it (`SVC-…`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Service, ServiceSpec};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};

use crate::report::{Issue, Object};

use super::{Facts, Input, Rule, RuleDoc, look, run};

mod endpoints;
mod ingress;
mod nearest;
mod rules;

pub use ingress::{IngressFacts, issues as ingress_issues, leads_to, problems as ingress_problems};
pub use rules::RULES;

/// A service and what is known around it. `None`: could not be read.
#[derive(Clone, Debug)]
pub struct ServiceFacts {
    /// Ages are counted from here.
    pub now: Timestamp,
    /// The service.
    pub service: Arc<Service>,
    /// Its endpoint slices (by the label `kubernetes.io/service-name`).
    pub slices: Option<Vec<Arc<EndpointSlice>>>,
    /// All pods of its namespace.
    pub pods: Option<Vec<Arc<Pod>>>,
    /// What is wrong with the pods that it selects, if somebody looked.
    pub pod_issues: Vec<Issue>,
    /// The ingresses of its namespace.
    pub ingresses: Option<Vec<Arc<Ingress>>>,
    /// The ingress classes of the cluster.
    pub classes: Option<Vec<Arc<IngressClass>>>,
    /// The network policies of its namespace.
    pub policies: Option<Vec<Arc<NetworkPolicy>>>,
}

impl Facts for ServiceFacts {
    fn has(&self, input: Input) -> bool {
        match input {
            Input::Pods => self.pods.is_some(),
            Input::Related => self.slices.is_some(),
            _ => false,
        }
    }

    fn deep(&self) -> bool {
        false
    }
}

/// Who stands behind a service, by its slices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Names of pods (or addresses) that take traffic.
    pub ready: BTreeSet<String>,
    /// Those that do not.
    pub not_ready: BTreeSet<String>,
}

impl ServiceFacts {
    fn object(&self) -> Object {
        look::object("Service", &self.service.metadata)
    }

    fn name(&self) -> &str {
        look::name(&self.service.metadata)
    }

    fn spec(&self) -> Option<&ServiceSpec> {
        self.service.spec.as_ref()
    }

    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    pub fn service_type(&self) -> &str {
        self.spec().and_then(|spec| spec.type_.as_deref()).unwrap_or("ClusterIP")
    }

    fn is_external(&self) -> bool {
        self.service_type() == "ExternalName"
    }

    /// The labels it selects pods by; empty if it selects none.
    pub fn selector(&self) -> BTreeMap<String, String> {
        self.spec().and_then(|spec| spec.selector.clone()).unwrap_or_default()
    }

    /// The pods it selects that still run. `None`: the pods are not known, or it selects none.
    pub fn selected(&self) -> Option<Vec<&Arc<Pod>>> {
        let selector = self.selector();
        if selector.is_empty() {
            return None;
        }
        let pods = self.pods.as_ref()?.iter();
        Some(
            pods.filter(|pod| !look::is_finished(pod) && nearest::matched(&selector, pod) == selector.len())
                .collect(),
        )
    }

    /// Who stands behind it. `None`: the slices are not known.
    pub fn endpoints(&self) -> Option<Endpoints> {
        let mut found = Endpoints::default();
        for endpoint in self.slices.as_ref()?.iter().flat_map(|slice| &slice.endpoints) {
            let pod = endpoint.target_ref.as_ref().and_then(|target| target.name.clone());
            let Some(name) = pod.or_else(|| endpoint.addresses.first().cloned()) else { continue };
            let conditions = endpoint.conditions.as_ref();
            if conditions.and_then(|all| all.ready) != Some(false) {
                found.ready.insert(name);
            } else if conditions.and_then(|all| all.terminating) != Some(true) {
                found.not_ready.insert(name);
            }
        }
        // With two families of addresses a pod stands in two slices.
        found.not_ready.retain(|name| !found.ready.contains(name));
        Some(found)
    }
}

/// What is wrong with the service, worst first.
pub fn issues(facts: &ServiceFacts) -> Vec<Issue> {
    run(RULES, facts)
}

/// The documentation of these rules.
pub fn docs() -> impl Iterator<Item = &'static RuleDoc> {
    RULES.iter().map(|rule: &Rule<ServiceFacts>| &rule.doc)
}

#[cfg(test)]
mod tests;
