//! `cluster_health`: every rule over everything, worst first.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Event, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::look;
use crate::check::node::{self, NodeFacts};
use crate::check::service::{self, IngressFacts, ServiceFacts};
use crate::check::workload::{self, AutoscalerFacts, BudgetFacts, Workload, WorkloadFacts};
use crate::cluster::{KINDS, KindInfo};
use crate::report::{Issue, Overall, Severity, Truncated, Verdict};

use super::causes::{cut, fit, grouped, sort};
use super::survey::{Survey, of_namespace};
use super::{Context, Namespace, Number, Tool, ToolError, health_checks};

/// How many bytes the issues may have.
const ROOM: usize = 38_000;

/// The tool.
pub(super) struct ClusterHealth;

/// Where to look, and what to tell.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Default: all.
    namespace: Option<Namespace>,
    /// The mildest to tell; default "medium".
    #[serde(default = "medium")]
    min_severity: Severity,
    /// Issues to tell.
    #[serde(default)]
    limit: Number<1, 100, 20>,
}

fn medium() -> Severity {
    Severity::Medium
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    verdict: Verdict,
    nodes: Nodes,
    pods_by_phase: BTreeMap<String, usize>,
    workloads: Workloads,
    issues: Vec<Issue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Nodes {
    ready: usize,
    total: usize,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Workloads {
    ok: usize,
    total: usize,
}

impl Tool for ClusterHealth {
    const NAME: &'static str = "cluster_health";
    const TITLE: &'static str = "Check the cluster";
    const DESCRIPTION: &'static str = "Run every health check over the cluster or a namespace; issues worst first. \
                                       Start here.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let namespace = arguments.namespace.as_ref().map(Namespace::as_str);
        let kinds: Vec<&KindInfo> = KINDS.to_vec();
        let survey = Survey::read(&context.reader, namespace, &kinds, context.now).await;
        Ok(judge(&survey, arguments.min_severity, arguments.limit.size()))
    }
}

fn judge(survey: &Survey, min_severity: Severity, limit: usize) -> Output {
    let tops = workloads(survey);
    let pods = survey.pods.as_deref().unwrap_or_default();
    let mut bad = HashSet::new();
    let (mut issues, verdict) = health_checks(|| {
        let mut issues = every_issue(survey, &tops, &mut bad);
        // What is not asked for is not shown, but it is there.
        let mut verdict = Verdict::of(&issues, survey.partial.clone(), survey.now);
        if survey.pods.is_none() && verdict.overall == Overall::Healthy {
            verdict.overall = Overall::Unknown;
        }
        issues.retain(|issue| issue.severity <= min_severity);
        (issues, verdict)
    });
    let total = issues.len();
    issues.truncate(limit);
    let hint = "raise min_severity or limit, or name a namespace";
    fit(&mut issues, ROOM, "issues", hint);
    let truncated = cut("issues", issues.len(), total, hint);
    let all_nodes = survey.nodes.as_deref().unwrap_or_default();
    let mut pods_by_phase = BTreeMap::new();
    for pod in pods {
        // Phases are known words; an answer must not grow with those of others.
        let known = ["Pending", "Running", "Succeeded", "Failed"];
        let phase = known.into_iter().find(|known| *known == look::phase(pod)).unwrap_or("Unknown");
        *pods_by_phase.entry(phase.to_owned()).or_insert(0) += 1;
    }
    Output {
        verdict,
        nodes: Nodes {
            ready: all_nodes.iter().filter(|node| node::is_ready(node)).count(),
            total: all_nodes.len(),
        },
        pods_by_phase,
        workloads: Workloads { ok: tops.len() - bad.len().min(tops.len()), total: tops.len() },
        issues,
        truncated,
    }
}

/// What every rule finds, worst first; the workloads that have an issue above low are put into `bad`.
fn every_issue<'a>(
    survey: &'a Survey,
    tops: &'a [(&'a str, Workload)],
    bad: &mut HashSet<&'a str>,
) -> Vec<Issue> {
    let pods = survey.pods.as_deref().unwrap_or_default();
    let owned = survey.pods_by_workload().unwrap_or_default();
    let mut issues = Vec::new();
    // Pods of one workload share their causes.
    let mut of_pod: HashMap<(&str, &str), &str> = HashMap::new();
    for (uid, workload) in tops {
        for pod in owned.get(uid).into_iter().flatten() {
            of_pod.insert((look::namespace(&pod.metadata), look::name(&pod.metadata)), uid);
        }
        let found = workload_issues(survey, workload, owned.get(uid).map(Vec::as_slice));
        if found.iter().any(|issue| issue.severity < Severity::Low) {
            bad.insert(uid);
        }
        issues.extend(found);
    }
    let pod_issues = survey.pod_issues(pods);
    let owner = |issue: &Issue| {
        let object = &issue.object;
        of_pod.get(&(object.namespace.as_deref().unwrap_or_default(), object.name.as_str())).copied()
    };
    bad.extend(pod_issues.iter().filter(|issue| issue.severity < Severity::Low).filter_map(owner));
    issues.extend(services(survey, &pod_issues));
    issues.extend(grouped(pod_issues.clone(), |issue| match owner(issue) {
        Some(uid) => uid.to_owned(),
        None => format!("{:?}/{}", issue.object.namespace, issue.object.name),
    }));
    issues.extend(guards(survey, tops));
    issues.extend(nodes(survey));
    issues.extend(survey.claim_issues(|_| true));
    sort(&mut issues);
    issues
}

/// Every workload by its uid, also those that an operator's own kind controls. Jobs of a CronJob are judged with it.
fn workloads(survey: &Survey) -> Vec<(&str, Workload)> {
    let deployments =
        survey.deployments.iter().flatten().map(|it| (&it.metadata, Workload::Deployment(Arc::clone(it))));
    let sets = survey.stateful_sets.iter().flatten();
    let sets = sets.map(|it| (&it.metadata, Workload::StatefulSet(Arc::clone(it))));
    let daemons =
        survey.daemon_sets.iter().flatten().map(|it| (&it.metadata, Workload::DaemonSet(Arc::clone(it))));
    let jobs = survey.jobs.iter().flatten().map(|it| (&it.metadata, Workload::Job(Arc::clone(it))));
    let scheduled: HashSet<&str> =
        survey.cron_jobs.iter().flatten().filter_map(|it| it.metadata.uid.as_deref()).collect();
    let crons = survey.cron_jobs.iter().flatten().map(|it| (&it.metadata, Workload::CronJob(Arc::clone(it))));
    deployments
        .chain(sets)
        .chain(daemons)
        .chain(jobs)
        .chain(crons)
        .filter(|(meta, _)| look::controller(meta).is_none_or(|owner| !scheduled.contains(owner)))
        .filter_map(|(meta, workload)| Some((meta.uid.as_deref()?, workload)))
        .collect()
}

fn workload_issues(survey: &Survey, workload: &Workload, pods: Option<&[Arc<Pod>]>) -> Vec<Issue> {
    let namespace = look::namespace(workload.meta());
    let mut found = of_workload(survey, workload.clone(), pods, namespace);
    if let Workload::CronJob(cron_job) = workload {
        found.extend(survey.job_issues(cron_job));
    }
    found
}

fn of_workload(
    survey: &Survey,
    workload: Workload,
    pods: Option<&[Arc<Pod>]>,
    namespace: &str,
) -> Vec<Issue> {
    let uid = workload.meta().uid.clone().unwrap_or_default();
    let wants_lists = matches!(workload, Workload::StatefulSet(_));
    let services =
        of_namespace(survey.services.as_ref().filter(|_| wants_lists), namespace, |it| &it.metadata);
    let events: Option<Vec<Arc<Event>>> = match &workload {
        // Their conditions tell what events would.
        Workload::Deployment(_) | Workload::CronJob(_) => Some(Vec::new()),
        _ => survey.events_about(&HashSet::from([uid.as_str()])),
    };
    workload::issues(&WorkloadFacts {
        now: survey.now,
        pods: survey.pods.as_ref().map(|_| pods.unwrap_or_default().to_vec()),
        events,
        services,
        classes: survey.storage_classes.clone().filter(|_| wants_lists),
        workload,
    })
}

fn guards(survey: &Survey, tops: &[(&str, Workload)]) -> Vec<Issue> {
    let known: HashSet<(&str, &str, &str)> = tops
        .iter()
        .map(|(_, workload)| (workload.kind(), look::namespace(workload.meta()), workload.name()))
        .collect();
    let mut found = Vec::new();
    for scaler in survey.autoscalers.iter().flatten() {
        let target = scaler.spec.as_ref().map(|spec| &spec.scale_target_ref);
        let read = target.is_some_and(|target| match target.kind.as_str() {
            "Deployment" => survey.deployments.is_some(),
            "StatefulSet" => survey.stateful_sets.is_some(),
            _ => false,
        });
        let namespace = look::namespace(&scaler.metadata);
        let target_exists = target
            .filter(|_| read)
            .map(|target| known.contains(&(target.kind.as_str(), namespace, target.name.as_str())));
        found.extend(workload::autoscaler_issues(&AutoscalerFacts {
            autoscaler: Arc::clone(scaler),
            target_exists,
        }));
    }
    for budget in survey.budgets.iter().flatten() {
        found.extend(workload::budget_issues(&BudgetFacts { budget: Arc::clone(budget) }));
    }
    found
}

fn services(survey: &Survey, pod_issues: &[Issue]) -> Vec<Issue> {
    let mut slices: HashMap<(&str, &str), Vec<Arc<EndpointSlice>>> = HashMap::new();
    for slice in survey.slices.iter().flatten() {
        let labels = slice.metadata.labels.as_ref();
        if let Some(name) = labels.and_then(|labels| labels.get("kubernetes.io/service-name")) {
            slices.entry((look::namespace(&slice.metadata), name)).or_default().push(Arc::clone(slice));
        }
    }
    // Looked up for every service: walking all pods and issues for each would take seconds in a large cluster.
    let mut pods: HashMap<&str, Vec<Arc<Pod>>> = HashMap::new();
    for pod in survey.pods.iter().flatten() {
        pods.entry(look::namespace(&pod.metadata)).or_default().push(Arc::clone(pod));
    }
    let mut told: HashMap<(&str, &str), Vec<&Issue>> = HashMap::new();
    for issue in pod_issues {
        let namespace = issue.object.namespace.as_deref().unwrap_or_default();
        told.entry((namespace, &issue.object.name)).or_default().push(issue);
    }
    let of_one = |service: &Arc<Service>| {
        let namespace = look::namespace(&service.metadata);
        let own = slices.get(&(namespace, look::name(&service.metadata)));
        let mut facts = ServiceFacts {
            now: survey.now,
            service: Arc::clone(service),
            slices: survey.slices.as_ref().map(|_| own.cloned().unwrap_or_default()),
            pods: survey.pods.as_ref().map(|_| pods.get(namespace).cloned().unwrap_or_default()),
            pod_issues: Vec::new(),
            // Told of the ingress itself, below.
            ingresses: None,
            classes: None,
            policies: of_namespace(survey.policies.as_ref(), namespace, |policy| &policy.metadata),
        };
        let selected = facts.selected().unwrap_or_default();
        let about = selected.iter().filter_map(|pod| told.get(&(namespace, look::name(&pod.metadata))));
        let about: Vec<Issue> = about.flatten().map(|issue| (*issue).clone()).collect();
        facts.pod_issues = about;
        service::issues(&facts)
    };
    let mut found: Vec<Issue> = survey.services.iter().flatten().flat_map(of_one).collect();
    for ingress in survey.ingresses.iter().flatten() {
        let namespace = look::namespace(&ingress.metadata);
        found.extend(service::ingress_issues(&IngressFacts {
            ingress: Arc::clone(ingress),
            services: of_namespace(survey.services.as_ref(), namespace, |service| &service.metadata),
            classes: survey.ingress_classes.clone(),
        }));
    }
    found
}

fn nodes(survey: &Survey) -> Vec<Issue> {
    let mut by_node: HashMap<&str, Vec<Arc<Pod>>> = HashMap::new();
    for pod in survey.pods.iter().flatten() {
        if let Some(node) = look::node_name(pod) {
            by_node.entry(node).or_default().push(Arc::clone(pod));
        }
    }
    let of_one = |it: &Arc<k8s_openapi::api::core::v1::Node>| {
        let pods = by_node.get(look::name(&it.metadata)).cloned().unwrap_or_default();
        node::issues(&NodeFacts {
            now: survey.now,
            node: Arc::clone(it),
            pods: survey.pods.as_ref().map(|_| pods),
        })
    };
    survey.nodes.iter().flatten().flat_map(of_one).collect()
}
