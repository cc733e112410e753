//! `diagnose_deployment`: a workload, its rollout, and what its pods have in common.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::look;
use crate::check::pod::references::claim_names;
use crate::check::pod::status_reason;
use crate::check::workload::{self, AutoscalerFacts, BudgetFacts, Workload, WorkloadFacts};
use crate::cluster::{Kind, KindInfo, PodMetrics, ReadError, Reader};
use crate::report::{Issue, Overall, Truncated, Verdict, clean, clip};

use super::causes::{cut, fit, grouped, recommendations, sort};
use super::survey::Survey;
use super::{Context, Name, Namespace, Tool, ToolError, health_checks};

/// The most pods that are shown.
const PODS: usize = 10;

/// How many bytes each list of issues may have.
const ROOM: usize = 2_600;

/// What is read around the workload.
const KINDS: [&KindInfo; 12] = [
    Pod::INFO,
    Event::INFO,
    PodMetrics::INFO,
    Node::INFO,
    PersistentVolumeClaim::INFO,
    ConfigMap::INFO,
    ReplicaSet::INFO,
    Job::INFO,
    Service::INFO,
    HorizontalPodAutoscaler::INFO,
    PodDisruptionBudget::INFO,
    StorageClass::INFO,
];

/// The tool.
pub(super) struct DiagnoseDeployment;

/// Which workload.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    namespace: Namespace,
    /// Name of the workload.
    deployment_name: Name,
    /// Its kind.
    #[serde(default)]
    kind: WorkloadKind,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[schemars(inline)]
enum WorkloadKind {
    #[default]
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    verdict: Verdict,
    kind: &'static str,
    name: String,
    replicas: Replicas,
    rollout: Rollout,
    pods: Vec<Row>,
    root_causes: Vec<Issue>,
    issues: Vec<Issue>,
    recommendations: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Replicas {
    desired: i32,
    ready: i32,
    available: i32,
    updated: i32,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Rollout {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Row {
    name: String,
    reason: String,
    ready: bool,
}

impl Tool for DiagnoseDeployment {
    const NAME: &'static str = "diagnose_deployment";
    const TITLE: &'static str = "Diagnose a workload";
    const DESCRIPTION: &'static str = "Diagnose a Deployment, StatefulSet, DaemonSet, Job or CronJob: rollout, \
                                       replicas and the causes that its pods share.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let namespace = arguments.namespace.as_str();
        let name = arguments.deployment_name.as_str();
        let (workload, survey) = tokio::join!(
            read(&context.reader, arguments.kind, namespace, name),
            Survey::read(&context.reader, Some(namespace), &KINDS, context.now),
        );
        Ok(diagnose(workload?, survey))
    }
}

async fn read(
    reader: &Reader,
    kind: WorkloadKind,
    namespace: &str,
    name: &str,
) -> Result<Workload, ReadError> {
    let namespace = Some(namespace);
    Ok(match kind {
        WorkloadKind::Deployment => Workload::Deployment(reader.get::<Deployment>(namespace, name).await?),
        WorkloadKind::StatefulSet => Workload::StatefulSet(reader.get::<StatefulSet>(namespace, name).await?),
        WorkloadKind::DaemonSet => Workload::DaemonSet(reader.get::<DaemonSet>(namespace, name).await?),
        WorkloadKind::Job => Workload::Job(reader.get::<Job>(namespace, name).await?),
        WorkloadKind::CronJob => Workload::CronJob(reader.get::<CronJob>(namespace, name).await?),
    })
}

fn diagnose(workload: Workload, survey: Survey) -> Output {
    let uid = workload.meta().uid.clone().unwrap_or_default();
    let pods = survey.pods_by_workload().map(|mut of| of.remove(uid.as_str()).unwrap_or_default());
    let facts = WorkloadFacts {
        now: survey.now,
        workload,
        pods,
        events: survey.events_about(&survey.family(&uid)),
        services: survey.services.clone(),
        classes: survey.storage_classes.clone(),
    };
    let pods = facts.pods.as_deref().unwrap_or_default();
    let (mut causes, mut issues) = (Vec::new(), Vec::new());
    let (all, verdict) = health_checks(|| {
        causes = grouped(survey.pod_issues(pods), |_| String::new());
        issues = workload::issues(&facts);
        if let Workload::CronJob(cron_job) = &facts.workload {
            issues.extend(survey.job_issues(cron_job));
        }
        issues.extend(around(&facts, &survey));
        sort(&mut issues);
        let mut all: Vec<Issue> = causes.iter().chain(&issues).cloned().collect();
        sort(&mut all);
        let mut verdict = Verdict::of(&all, survey.partial.clone(), survey.now);
        if facts.workload.is_stale() {
            verdict.overall = Overall::Unknown;
        }
        (all, verdict)
    });
    let (rows, pods_cut) = rows(pods);
    let counts = facts.workload.counts();
    let narrower = "see one pod with diagnose_pod";
    let causes_cut = fit(&mut causes, ROOM, "root_causes", narrower);
    let issues_cut = fit(&mut issues, ROOM, "issues", narrower);
    Output {
        verdict,
        kind: facts.workload.kind(),
        name: facts.workload.name().to_owned(),
        replicas: Replicas {
            desired: counts.desired,
            ready: counts.ready,
            available: counts.available,
            updated: counts.updated,
        },
        rollout: rollout(&facts, &survey),
        pods: rows,
        root_causes: causes,
        issues,
        recommendations: recommendations(&all),
        truncated: causes_cut.or(issues_cut).or(pods_cut),
    }
}

/// What is wrong with what scales the workload, guards it, or holds its data.
fn around(facts: &WorkloadFacts, survey: &Survey) -> Vec<Issue> {
    let workload = &facts.workload;
    let mut found = Vec::new();
    for scaler in survey.autoscalers.iter().flatten() {
        let target = scaler.spec.as_ref().map(|spec| &spec.scale_target_ref);
        if target.is_some_and(|target| target.kind == workload.kind() && target.name == workload.name()) {
            let autoscaler = Arc::clone(scaler);
            found.extend(workload::autoscaler_issues(&AutoscalerFacts {
                autoscaler,
                target_exists: Some(true),
            }));
        }
    }
    let pods = facts.pods.as_deref().unwrap_or_default();
    for budget in survey.budgets.iter().flatten() {
        let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        let takes = |pod: &Arc<Pod>| {
            selector.is_some_and(|selector| look::selects(selector, pod.metadata.labels.as_ref()))
        };
        if pods.iter().any(takes) {
            found.extend(workload::budget_issues(&BudgetFacts { budget: Arc::clone(budget) }));
        }
    }
    let claims: std::collections::BTreeSet<String> = pods.iter().flat_map(|pod| claim_names(pod)).collect();
    found.extend(survey.claim_issues(|meta| claims.contains(look::name(meta))));
    found
}

/// The pods that are worst off first.
fn rows(pods: &[Arc<Pod>]) -> (Vec<Row>, Option<Truncated>) {
    let mut rows: Vec<Row> = pods
        .iter()
        .map(|pod| Row {
            name: look::name(&pod.metadata).to_owned(),
            reason: clip(&clean(&status_reason(pod)), 60).into_owned(),
            ready: look::is_ready(pod),
        })
        .collect();
    rows.sort_by(|a, b| (a.ready, &a.name).cmp(&(b.ready, &b.name)));
    let total = rows.len();
    rows.truncate(PODS);
    let truncated = cut("pods", rows.len(), total, "list them with list_pods and a label_selector");
    (rows, truncated)
}

fn rollout(facts: &WorkloadFacts, survey: &Survey) -> Rollout {
    let workload = &facts.workload;
    let counts = workload.counts();
    let paused = workload.is_paused();
    let state = match workload {
        _ if workload.is_stale() => "stale",
        _ if workload.ended() == Some(false) => "failed",
        _ if workload.ended() == Some(true) => "complete",
        _ if paused => "paused",
        _ if workload.deadline_exceeded().is_some() => "stuck",
        Workload::Job(_) => "progressing",
        Workload::CronJob(_) => "scheduled",
        _ if counts.updated >= counts.desired && counts.ready >= counts.desired => "complete",
        _ => "progressing",
    };
    let message = match workload {
        _ if state == "stale" => Some("the controller has not yet seen the last change".to_owned()),
        _ if state == "stuck" => {
            workload.deadline_exceeded().map(|text| clip(&clean(text), 200).into_owned())
        }
        Workload::Job(_) => Some(format!("{} of {} completions", counts.available, counts.desired)),
        Workload::CronJob(_) => Some(format!("{} active jobs", counts.desired)),
        _ => Some(format!("{} of {} updated, {} ready", counts.updated, counts.desired, counts.ready)),
    };
    Rollout { state, revision: revision(workload, survey), message }
}

/// The number of the newest replica set, or the name of the revision of a set.
fn revision(workload: &Workload, survey: &Survey) -> Option<String> {
    match workload {
        Workload::Deployment(it) => {
            let uid = it.metadata.uid.as_deref()?;
            let sets = survey.replica_sets.as_ref()?.iter().map(|set| &set.metadata);
            let number = |text: &String| text.parse::<u64>().ok();
            sets.filter(|meta| look::controller(meta) == Some(uid))
                .filter_map(|meta| meta.annotations.as_ref()?.get("deployment.kubernetes.io/revision"))
                .filter_map(number)
                .max()
                .map(|number| number.to_string())
        }
        Workload::StatefulSet(it) => it.status.as_ref()?.update_revision.clone(),
        Workload::DaemonSet(_) | Workload::Job(_) | Workload::CronJob(_) => None,
    }
}
