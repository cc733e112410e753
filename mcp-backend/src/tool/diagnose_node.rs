//! `diagnose_node`: a node, how full it is, and which of its pods are in trouble.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Event, Node, Pod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::node::{self, NodeFacts, Requested, requested};
use crate::check::pod::status_reason;
use crate::check::{Input, look};
use crate::cluster::{Kind, KindInfo, NodeMetrics, Query, ReadError};
use crate::quantity::Amount;
use crate::report::{Issue, Severity, Truncated, Verdict, clean, clip};

use super::causes::{cut, fit, recommendations};
use super::survey::Survey;
use super::{Context, Name, Tool, ToolError, health_checks};

/// The most rows of each list.
const ROWS: usize = 15;

/// How many bytes the issues may have.
const ROOM: usize = 3_500;

const KINDS: [&KindInfo; 1] = [Event::INFO];

/// The tool.
pub(super) struct DiagnoseNode;

/// Which node.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Name of the node.
    node_name: Name,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    verdict: Verdict,
    conditions: Vec<Condition>,
    taints: Vec<String>,
    unschedulable: bool,
    allocatable: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_percent: Option<Requested>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Used>,
    pods_with_issues: Vec<Row>,
    issues: Vec<Issue>,
    recommendations: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
}

/// What the node uses, in the spelling of Kubernetes.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Used {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Row {
    namespace: String,
    name: String,
    reason: String,
}

impl Tool for DiagnoseNode {
    const NAME: &'static str = "diagnose_node";
    const TITLE: &'static str = "Diagnose a node";
    const DESCRIPTION: &'static str = "Diagnose a node: conditions, taints, how much of it is requested, and its pods \
                                       in trouble.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let name = arguments.node_name.as_str();
        // Only the pods of this node: a large cluster has more of them than a list may give.
        let query = Query { labels: None, fields: Some(format!("spec.nodeName={name}")) };
        let (node, usage, pods, mut survey) = tokio::join!(
            context.reader.get::<Node>(None, name),
            context.reader.get::<NodeMetrics>(None, name),
            context.reader.list::<Pod>(None, &query),
            Survey::read(&context.reader, None, &KINDS, context.now),
        );
        let lost = match pods {
            Ok(list) if list.complete => {
                survey.pods = Some(list.items);
                None
            }
            Ok(list) => Some(format!("more than {} pods", list.items.len())),
            Err(error) => Some(error.message),
        };
        survey.partial.extend(lost.map(|reason| Input::Pods.missing(&reason)));
        Ok(diagnose(node?, usage, survey))
    }
}

fn diagnose(node: Arc<Node>, usage: Result<Arc<NodeMetrics>, ReadError>, mut survey: Survey) -> Output {
    let usage = usage.map_err(|error| error.of_metrics("node"));
    let usage = usage.map_err(|error| survey.partial.push(Input::Usage.missing(&error.message))).ok();
    let name = look::name(&node.metadata).to_owned();
    let here = |pod: &&Arc<Pod>| look::node_name(pod) == Some(name.as_str());
    let pods: Option<Vec<Arc<Pod>>> =
        survey.pods.as_ref().map(|pods| pods.iter().filter(here).cloned().collect());
    let facts = NodeFacts { now: survey.now, node: Arc::clone(&node), pods };
    let (mut issues, verdict) = health_checks(|| {
        let issues = node::issues(&facts);
        let verdict = Verdict::of(&issues, survey.partial.clone(), survey.now);
        (issues, verdict)
    });
    let advice = recommendations(&issues);
    let issues_cut = fit(&mut issues, ROOM, "issues", "see one pod with diagnose_pod");
    let (rows, rows_cut) = rows(&survey, facts.pods.as_deref().unwrap_or_default());
    let spec = node.spec.as_ref();
    Output {
        verdict,
        conditions: conditions(&node),
        taints: taints(&node),
        unschedulable: spec.and_then(|spec| spec.unschedulable).unwrap_or(false),
        allocatable: allocatable(&node),
        requested_percent: facts.pods.as_ref().map(|pods| requested(&node, pods)),
        usage: usage.map(|metrics| Used {
            cpu: metrics.usage.cpu.as_ref().and_then(Amount::of).map(Amount::cpu),
            memory: metrics.usage.memory.as_ref().and_then(Amount::of).map(Amount::memory),
        }),
        pods_with_issues: rows,
        issues,
        recommendations: advice,
        truncated: issues_cut.or(rows_cut),
    }
}

fn conditions(node: &Node) -> Vec<Condition> {
    let all = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let text = |text: &str| clip(&clean(text), 60).into_owned();
    all.iter()
        .take(ROWS)
        .map(|condition| Condition {
            kind: text(&condition.type_),
            status: text(&condition.status),
            reason: text(condition.reason.as_deref().unwrap_or_default()),
        })
        .collect()
}

fn taints(node: &Node) -> Vec<String> {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let written = |taint: &k8s_openapi::api::core::v1::Taint| match taint.value.as_deref() {
        Some(value) if !value.is_empty() => format!("{}={value}:{}", taint.key, taint.effect),
        _ => format!("{}:{}", taint.key, taint.effect),
    };
    taints.iter().take(ROWS).map(written).collect()
}

fn allocatable(node: &Node) -> BTreeMap<String, String> {
    let all = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
    all.into_iter().flatten().take(ROWS).map(|(what, amount)| (what.clone(), amount.0.clone())).collect()
}

/// The pods of the node that have an issue above low.
fn rows(survey: &Survey, pods: &[Arc<Pod>]) -> (Vec<Row>, Option<Truncated>) {
    let issues = survey.pod_issues(pods);
    let bad: BTreeSet<(Option<&str>, &str)> = issues
        .iter()
        .filter(|issue| issue.severity < Severity::Low)
        .map(|issue| (issue.object.namespace.as_deref(), issue.object.name.as_str()))
        .collect();
    let mut rows: Vec<Row> = pods
        .iter()
        .filter(|pod| bad.contains(&(pod.metadata.namespace.as_deref(), look::name(&pod.metadata))))
        .map(|pod| Row {
            namespace: look::namespace(&pod.metadata).to_owned(),
            name: look::name(&pod.metadata).to_owned(),
            reason: clip(&clean(&status_reason(pod)), 60).into_owned(),
        })
        .collect();
    let total = rows.len();
    rows.truncate(ROWS);
    let truncated = cut("pods_with_issues", rows.len(), total, "see cluster_health with a namespace");
    (rows, truncated)
}
