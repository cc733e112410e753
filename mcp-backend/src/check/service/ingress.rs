//! Whether ingresses lead to what is there.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{Ingress, IngressBackend, IngressClass};

use crate::check::{Facts, Finding, Input, Rule, RuleDoc, look, run};
use crate::report::{Issue, Severity};

use super::ServiceFacts;

/// An ingress and what it leads to. `None`: could not be read.
#[derive(Clone, Debug)]
pub struct IngressFacts {
    /// The ingress.
    pub ingress: Arc<Ingress>,
    /// The services of its namespace.
    pub services: Option<Vec<Arc<Service>>>,
    /// The ingress classes of the cluster.
    pub classes: Option<Vec<Arc<IngressClass>>>,
}

impl Facts for IngressFacts {
    fn has(&self, _: Input) -> bool {
        false
    }

    fn deep(&self) -> bool {
        false
    }
}

/// What `checks://` tells of the rule that services and ingresses share.
pub(super) const DOC: RuleDoc = RuleDoc {
    id: "SVC-006",
    kind: "IngressBroken",
    severity: Severity::High,
    rule: "an ingress names a class that does not exist, a service that does not exist, or a port that the service \
           does not have",
    meaning: "Requests from outside get 404 or 503, or the ingress is never served at all.",
    runbook: "1. Class: compare spec.ingressClassName with the IngressClasses of the cluster. 2. Service and port: \
              compare backend.service with the services of the same namespace; a port is named or numbered as in \
              spec.ports of the service, not as in the container.",
};

const RULES: &[Rule<IngressFacts>] =
    &[Rule { doc: DOC, needs: &[], deep: false, explains: &[], find: of_ingress }];

/// What is wrong with the ingress.
pub fn issues(facts: &IngressFacts) -> Vec<Issue> {
    run(RULES, facts)
}

/// Every backend that names a service: the host (or `*`) and the backend.
fn backends(ingress: &Ingress) -> Vec<(&str, &IngressBackend)> {
    let Some(spec) = &ingress.spec else { return Vec::new() };
    let rules = spec.rules.iter().flatten().flat_map(|rule| {
        let host = rule.host.as_deref().unwrap_or("*");
        rule.http.iter().flat_map(move |http| http.paths.iter().map(move |path| (host, &path.backend)))
    });
    rules.chain(spec.default_backend.iter().map(|backend| ("*", backend))).collect()
}

/// The hosts by which the ingress leads to this service; `*` is any host.
pub fn leads_to<'a>(ingress: &'a Ingress, service: &str) -> BTreeSet<&'a str> {
    let named =
        |backend: &IngressBackend| backend.service.as_ref().is_some_and(|named| named.name == service);
    backends(ingress).into_iter().filter(|(_, backend)| named(backend)).map(|(host, _)| host).collect()
}

/// What is wrong with the ingress, in a few words each. `only`: leave out backends of other services.
pub fn problems(facts: &IngressFacts, only: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    let class = facts.ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref());
    if let (Some(class), Some(classes)) = (class, &facts.classes)
        && !classes.iter().any(|known| look::name(&known.metadata) == class)
    {
        found.push(format!("ingress class {class} does not exist"));
    }
    if let Some(services) = &facts.services {
        let named = backends(&facts.ingress);
        let wanted = |name: &str| only.is_none_or(|only| only == name);
        found.extend(named.iter().filter_map(|(host, backend)| {
            let service = backend.service.as_ref().filter(|service| wanted(&service.name))?;
            let problem = backend_problem(services, backend)?;
            Some(format!("host {host}: service {} {problem}", service.name))
        }));
    }
    found.dedup();
    found
}

fn backend_problem(services: &[Arc<Service>], backend: &IngressBackend) -> Option<String> {
    let named = backend.service.as_ref()?;
    let Some(service) = services.iter().find(|service| look::name(&service.metadata) == named.name) else {
        return Some("does not exist".to_owned());
    };
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let port = named.port.as_ref()?;
    // A name outside the cluster needs no ports.
    if ports.is_empty() && service.spec.as_ref().is_some_and(|it| it.type_.as_deref() == Some("ExternalName"))
    {
        return None;
    }
    match (&port.name, port.number) {
        (Some(name), _) if !ports.iter().any(|port| port.name.as_ref() == Some(name)) => {
            Some(format!("has no port called {name}"))
        }
        (None, Some(number)) if !ports.iter().any(|port| port.port == number) => {
            Some(format!("has no port {number}"))
        }
        _ => None,
    }
}

fn finding(facts: &IngressFacts, only: Option<&str>) -> Vec<Finding> {
    let problems = problems(facts, only);
    let Some(first) = problems.first() else { return Vec::new() };
    let message = format!("ingress {}: {first}", look::name(&facts.ingress.metadata));
    let found = Finding::new(Severity::High, look::object("Ingress", &facts.ingress.metadata), message)
        .evidence(&problems)
        .recommend("correct the class, service or port in the ingress, or make what it names");
    vec![found]
}

fn of_ingress(facts: &IngressFacts) -> Vec<Finding> {
    finding(facts, None)
}

/// The ingresses that name this service, as far as it is concerned.
pub(super) fn of_service(facts: &ServiceFacts) -> Vec<Finding> {
    let ingresses = facts.ingresses.as_deref().unwrap_or_default();
    let name = facts.name();
    let names_it = |ingress: &&Arc<Ingress>| !leads_to(ingress, name).is_empty();
    let of_one = |ingress: &Arc<Ingress>| {
        let facts = IngressFacts {
            ingress: Arc::clone(ingress),
            services: Some(vec![Arc::clone(&facts.service)]),
            classes: facts.classes.clone(),
        };
        finding(&facts, Some(name))
    };
    ingresses.iter().filter(names_it).flat_map(of_one).collect()
}
