//! `diagnose_service`: whether a service leads to pods that answer, and what leads to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::service::{self, IngressFacts, ServiceFacts, ingress_problems, leads_to};
use crate::check::{Input, look};
use crate::cluster::{Kind, KindInfo, PodMetrics, Query, Reader};
use crate::report::{Issue, Partial, Truncated, Verdict, clip};

use super::causes::{cut, fit, recommendations};
use super::survey::Survey;
use super::{Context, Name, Namespace, Tool, ToolError, health_checks};

/// The most names of pods, ports or ingresses that are shown.
const NAMES: usize = 15;

/// How many bytes the issues may have.
const ROOM: usize = 4_000;

const KINDS: [&KindInfo; 9] = [
    Pod::INFO,
    Event::INFO,
    PodMetrics::INFO,
    Node::INFO,
    PersistentVolumeClaim::INFO,
    ConfigMap::INFO,
    Ingress::INFO,
    IngressClass::INFO,
    NetworkPolicy::INFO,
];

/// The tool.
pub(super) struct DiagnoseService;

/// Which service.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    namespace: Namespace,
    /// Name of the service.
    service_name: Name,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    verdict: Verdict,
    service_type: String,
    ports: Vec<Port>,
    selector: BTreeMap<String, String>,
    /// Absent: not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<Endpoints>,
    ingresses: Vec<Route>,
    issues: Vec<Issue>,
    recommendations: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Port {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    port: i32,
    target_port: String,
    protocol: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Endpoints {
    ready: usize,
    not_ready: usize,
    pods: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Route {
    name: String,
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Tool for DiagnoseService {
    const NAME: &'static str = "diagnose_service";
    const TITLE: &'static str = "Diagnose a service";
    const DESCRIPTION: &'static str = "Diagnose why a service does not answer: selector, endpoints, ports, ingresses \
                                       and network policies.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let namespace = arguments.namespace.as_str();
        let name = arguments.service_name.as_str();
        let (service, slices, survey) = tokio::join!(
            context.reader.get::<Service>(Some(namespace), name),
            slices(&context.reader, namespace, name),
            Survey::read(&context.reader, Some(namespace), &KINDS, context.now),
        );
        Ok(diagnose(service?, slices, survey))
    }
}

async fn slices(reader: &Reader, namespace: &str, name: &str) -> Result<Vec<Arc<EndpointSlice>>, Partial> {
    let query = Query { labels: Some(format!("kubernetes.io/service-name={name}")), fields: None };
    let list = reader.list::<EndpointSlice>(Some(namespace), &query).await;
    list.map(|list| list.items).map_err(|error| Input::Related.missing(&error.message))
}

fn diagnose(
    service: Arc<Service>,
    slices: Result<Vec<Arc<EndpointSlice>>, Partial>,
    mut survey: Survey,
) -> Output {
    let slices = slices.map_err(|missing| survey.partial.push(missing)).ok();
    let mut facts = ServiceFacts {
        now: survey.now,
        service,
        slices,
        pods: survey.pods.clone(),
        pod_issues: Vec::new(),
        ingresses: survey.ingresses.clone(),
        classes: survey.ingress_classes.clone(),
        policies: survey.policies.clone(),
    };
    let selected: Vec<Arc<Pod>> = facts.selected().unwrap_or_default().into_iter().cloned().collect();
    let (mut issues, verdict) = health_checks(|| {
        facts.pod_issues = survey.pod_issues(&selected);
        let issues = service::issues(&facts);
        let verdict = Verdict::of(&issues, survey.partial.clone(), survey.now);
        (issues, verdict)
    });
    let recommendations = recommendations(&issues);
    let issues_cut = fit(&mut issues, ROOM, "issues", "see the pods with diagnose_pod");
    let spec = facts.service.spec.as_ref();
    let ports = spec.and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let known = facts.endpoints();
    let is_known = known.is_some();
    let endpoints = known.unwrap_or_default();
    let total = endpoints.ready.len() + endpoints.not_ready.len();
    let pods: Vec<String> = endpoints.not_ready.iter().chain(&endpoints.ready).take(NAMES).cloned().collect();
    let pods_cut = cut("endpoints", pods.len(), total, "list them with list_pods and a label_selector");
    Output {
        verdict,
        service_type: facts.service_type().to_owned(),
        ports: ports.iter().take(NAMES).map(port).collect(),
        selector: facts.selector(),
        endpoints: is_known.then_some(Endpoints {
            ready: endpoints.ready.len(),
            not_ready: endpoints.not_ready.len(),
            pods,
        }),
        ingresses: routes(&facts),
        issues,
        recommendations,
        truncated: issues_cut.or(pods_cut),
    }
}

fn port(port: &ServicePort) -> Port {
    let target_port = match &port.target_port {
        Some(IntOrString::Int(number)) => number.to_string(),
        Some(IntOrString::String(name)) => name.clone(),
        None => port.port.to_string(),
    };
    let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
    Port { name: port.name.clone(), port: port.port, target_port, protocol }
}

/// The ingresses that lead here, one row for each host.
fn routes(facts: &ServiceFacts) -> Vec<Route> {
    let name = look::name(&facts.service.metadata);
    let mut found = Vec::new();
    for ingress in facts.ingresses.iter().flatten() {
        let hosts = leads_to(ingress, name);
        if hosts.is_empty() {
            continue;
        }
        let problems = ingress_problems(
            &IngressFacts {
                ingress: Arc::clone(ingress),
                services: Some(vec![Arc::clone(&facts.service)]),
                classes: facts.classes.clone(),
            },
            Some(name),
        );
        let problem = problems.first().map(|problem| clip(problem, 200).into_owned());
        found.extend(hosts.into_iter().map(|host| Route {
            name: look::name(&ingress.metadata).to_owned(),
            host: host.to_owned(),
            problem: problem.clone(),
        }));
    }
    found.truncate(NAMES);
    found
}
