//! `check_resource_usage`: what containers use, next to what they ask for and may use.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Input, look};
use crate::cluster::{ContainerMetrics, PodMetrics, Query, ReadError};
use crate::quantity::{Amount, Resource, ResourceUse};
use crate::report::{Partial, Truncated, Usage};

use super::{Context, Name, Namespace, Number, Tool, ToolError, limit};

/// From here on, restarts are worth a word.
const MANY_RESTARTS: i32 = 5;

/// The tool.
pub(super) struct CheckResourceUsage;

/// Which containers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    namespace: Namespace,
    /// Default: every pod that is not finished.
    pod_name: Option<Name>,
    /// The most first.
    #[serde(default)]
    sort_by: SortBy,
    /// Containers to show.
    #[serde(default)]
    limit: Number<1, 100, 20>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum SortBy {
    #[default]
    Memory,
    Cpu,
    Restarts,
}

/// What containers use.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    containers: Vec<Row>,
    recommendations: Vec<String>,
    partial: Vec<Partial>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Row {
    pod_name: String,
    name: String,
    cpu: Usage,
    memory: Usage,
    issues: Vec<String>,
}

impl Tool for CheckResourceUsage {
    const NAME: &'static str = "check_resource_usage";
    const TITLE: &'static str = "Check resource usage";
    const DESCRIPTION: &'static str = "Compares CPU and memory use of containers with their requests and limits, and \
        names what is close to a limit or has none.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let namespace = Some(arguments.namespace.as_str());
        let reader = &context.reader;
        let (pods, metrics, complete) = match &arguments.pod_name {
            Some(name) => {
                let (pod, metrics) = futures_util::future::join(
                    reader.get::<Pod>(namespace, name.as_str()),
                    reader.get::<PodMetrics>(namespace, name.as_str()),
                )
                .await;
                let metrics = metrics.map_err(|error| error.of_metrics("pod"));
                (vec![pod?], metrics.map(|metrics| vec![metrics]), true)
            }
            None => {
                let query = Query::default();
                let (pods, metrics) = futures_util::future::join(
                    reader.list::<Pod>(namespace, &query),
                    reader.list::<PodMetrics>(namespace, &query),
                )
                .await;
                let mut pods = pods?;
                pods.items.retain(|pod| !look::is_finished(pod));
                let measured = metrics.as_ref().map_or(true, |listed| listed.complete);
                (pods.items, metrics.map(|listed| listed.items), pods.complete && measured)
            }
        };
        Ok(output(&pods, metrics, complete, &arguments))
    }
}

/// One container with everything as numbers.
struct Measured {
    pod: String,
    name: String,
    cpu: ResourceUse,
    memory: ResourceUse,
    restarts: i32,
}

/// What rows are sorted by: use, or without it what was asked for.
fn weight(of: ResourceUse) -> Option<Amount> {
    of.used.or(of.request)
}

fn output(
    pods: &[Arc<Pod>],
    metrics: Result<Vec<Arc<PodMetrics>>, ReadError>,
    complete: bool,
    arguments: &Arguments,
) -> Output {
    let mut partial = Vec::new();
    let metrics = metrics.unwrap_or_else(|error| {
        let reason = format!("only requests and limits are shown: {}", error.message);
        partial.push(Input::Usage.missing(&reason));
        Vec::new()
    });
    let used: HashMap<&str, &[ContainerMetrics]> = metrics
        .iter()
        .filter_map(|pod| Some((pod.metadata.name.as_deref()?, pod.containers.as_slice())))
        .collect();
    let mut all: Vec<Measured> = pods.iter().flat_map(|pod| measured(pod, &used)).collect();
    all.sort_by(|a, b| {
        let order = match arguments.sort_by {
            SortBy::Memory => weight(b.memory).cmp(&weight(a.memory)),
            SortBy::Cpu => weight(b.cpu).cmp(&weight(a.cpu)),
            SortBy::Restarts => b.restarts.cmp(&a.restarts),
        };
        order.then_with(|| (&a.pod, &a.name).cmp(&(&b.pod, &b.name)))
    });
    let recommendations = recommendations(&all, partial.is_empty());
    let total = all.len();
    let restarts = arguments.sort_by == SortBy::Restarts;
    let rows = all.iter().take(arguments.limit.size()).map(|one| row(one, restarts));
    let mut containers: Vec<Row> = rows.collect();
    containers.truncate(limit::fitting(&containers, limit::LIST_BYTES - 5_000));
    let truncated = (containers.len() < total || !complete).then(|| Truncated {
        what: "containers".to_owned(),
        shown: containers.len() as u64,
        // A namespace that was not read to its end has more than are known.
        total: total as u64 + u64::from(!complete),
        hint: "raise limit, or ask for one pod by pod_name".to_owned(),
    });
    Output { containers, recommendations, partial, truncated }
}

fn measured(pod: &Pod, used: &HashMap<&str, &[ContainerMetrics]>) -> Vec<Measured> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let name = look::name(&pod.metadata);
    let used = used.get(name).copied().unwrap_or_default();
    // Init containers that keep running use something as long as the pod lives.
    let beside = spec.init_containers.iter().flatten().filter(|container| look::is_restartable(container));
    let one = |container: &Container| {
        let usage = used.iter().find(|used| used.name == container.name).map(|used| &used.usage);
        let (cpu, memory) = usage.map(|usage| (&usage.cpu, &usage.memory)).unzip();
        Measured {
            pod: name.to_owned(),
            name: container.name.clone(),
            cpu: ResourceUse::of(container, Resource::Cpu, cpu.and_then(Option::as_ref)),
            memory: ResourceUse::of(container, Resource::Memory, memory.and_then(Option::as_ref)),
            restarts: restarts(pod, &container.name),
        }
    };
    spec.containers.iter().chain(beside).map(one).collect()
}

fn restarts(pod: &Pod, container: &str) -> i32 {
    let Some(status) = &pod.status else { return 0 };
    [&status.container_statuses, &status.init_container_statuses]
        .into_iter()
        .flat_map(|statuses| statuses.iter().flatten())
        .find(|status| status.name == container)
        .map_or(0, |status| status.restart_count)
}

fn row(one: &Measured, every_restart: bool) -> Row {
    let mut issues = Vec::new();
    if let Some(percent) = one.memory.percent_near_limit() {
        issues.push(format!("memory at {percent} % of its limit: it will be killed at 100 %"));
    }
    if let Some(percent) = one.cpu.percent_near_limit() {
        issues.push(format!("CPU at {percent} % of its limit: it is slowed down"));
    }
    if one.memory.limit.is_none() {
        issues.push("no memory limit".to_owned());
    }
    if one.cpu.request.is_none() || one.memory.request.is_none() {
        issues.push("no requests: the scheduler does not count it".to_owned());
    }
    for (resource, amounts) in [("memory", one.memory), ("CPU", one.cpu)] {
        if amounts.percent_near_limit().is_none()
            && amounts.request.is_some_and(|asked| amounts.used > Some(asked))
        {
            issues.push(format!("uses more {resource} than it requests"));
        }
    }
    if one.restarts > MANY_RESTARTS || every_restart && one.restarts > 0 {
        issues.push(format!("{} restarts", one.restarts));
    }
    Row {
        pod_name: one.pod.clone(),
        name: one.name.clone(),
        cpu: one.cpu.into(),
        memory: one.memory.into(),
        issues,
    }
}

/// What to do about all of them, the most urgent first.
fn recommendations(all: &[Measured], measured: bool) -> Vec<String> {
    let mut advice = Vec::new();
    let mut say = |holds: &dyn Fn(&Measured) -> bool, what: &str| {
        let who: Vec<String> =
            all.iter().filter(|one| holds(one)).map(|one| format!("{}/{}", one.pod, one.name)).collect();
        if let Some(first) = who.first() {
            let more = if who.len() > 1 { format!(" and {} more", who.len() - 1) } else { String::new() };
            advice.push(format!("{what}: {first}{more}"));
        }
    };
    say(&|one| one.memory.percent_near_limit().is_some(), "raise the memory limit or find the leak");
    say(&|one| one.cpu.percent_near_limit().is_some(), "raise the CPU limit or spread the load");
    say(
        &|one| one.memory.limit.is_none(),
        "set a memory limit, so that one container cannot starve its node",
    );
    say(
        &|one| one.cpu.request.is_none() || one.memory.request.is_none(),
        "set requests, so that the scheduler finds room and evicts others first",
    );
    say(&|one| one.restarts > MANY_RESTARTS, "find out why it restarts (diagnose_pod)");
    if !measured {
        advice.push("install metrics-server or allow metrics.k8s.io to see what is used".to_owned());
    }
    advice
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::ErrorType;
    use crate::tool::tests::fake::{Fake, assert_valid};

    const PODS: &str = "/api/v1/namespaces/shop/pods";
    const METRICS: &str = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods";

    fn pod(name: &str, resources: Value, restarts: i32) -> Value {
        json!({
            "metadata": { "name": name, "namespace": "shop" },
            "spec": { "containers": [{ "name": "app", "resources": resources }] },
            "status": {
                "phase": "Running",
                "containerStatuses": [
                    { "name": "app", "ready": true, "restartCount": restarts, "image": "", "imageID": "" },
                ],
            },
        })
    }

    fn used(name: &str, cpu: &str, memory: &str) -> Value {
        json!({
            "metadata": { "name": name, "namespace": "shop" },
            "timestamp": "2026-11-22T11:59:30Z",
            "containers": [{ "name": "app", "usage": { "cpu": cpu, "memory": memory } }],
        })
    }

    fn full() -> Value {
        json!({
            "requests": { "cpu": "100m", "memory": "128Mi" },
            "limits": { "cpu": "200m", "memory": "256Mi" },
        })
    }

    async fn check(fake: &Fake, arguments: Value) -> Value {
        let answer = fake.call("check_resource_usage", arguments).await.unwrap();
        assert_valid("check_resource_usage", &answer);
        answer
    }

    #[tokio::test]
    async fn use_is_compared_with_requests_and_limits() {
        let finished = {
            let mut pod = pod("done", full(), 0);
            pod["status"]["phase"] = json!("Succeeded");
            pod
        };
        let fake = Fake::default()
            .list(
                PODS,
                &[pod("big", full(), 7), finished, pod("free", json!({}), 0), pod("small", full(), 0)],
            )
            .list(
                METRICS,
                &[
                    used("big", "150123456n", "250000Ki"),
                    used("free", "1", "1Gi"),
                    used("small", "2m", "20Mi"),
                ],
            );
        let answer = check(&fake, json!({ "namespace": "shop" })).await;
        assert_eq!(
            answer["containers"],
            json!([
                {
                    "pod_name": "free", "name": "app", "cpu": { "usage": "1" }, "memory": { "usage": "1Gi" },
                    "issues": ["no memory limit", "no requests: the scheduler does not count it"],
                },
                {
                    "pod_name": "big", "name": "app",
                    "cpu": { "usage": "151m", "request": "100m", "limit": "200m", "percent_of_limit": 75.1 },
                    "memory": { "usage": "244Mi", "request": "128Mi", "limit": "256Mi", "percent_of_limit": 95.4 },
                    "issues": [
                        "memory at 95.4 % of its limit: it will be killed at 100 %",
                        "uses more CPU than it requests",
                        "7 restarts",
                    ],
                },
                {
                    "pod_name": "small", "name": "app",
                    "cpu": { "usage": "2m", "request": "100m", "limit": "200m", "percent_of_limit": 1.0 },
                    "memory": { "usage": "20Mi", "request": "128Mi", "limit": "256Mi", "percent_of_limit": 7.8 },
                    "issues": [],
                },
            ])
        );
        assert_eq!(answer["partial"], json!([]));
        let first = |answer: Value| answer["containers"][0]["pod_name"].as_str().unwrap().to_owned();
        assert_eq!(first(check(&fake, json!({ "namespace": "shop", "sort_by": "restarts" })).await), "big");
        assert_eq!(first(check(&fake, json!({ "namespace": "shop", "sort_by": "cpu" })).await), "free");
    }

    #[tokio::test]
    async fn without_metrics_requests_and_limits_are_shown() {
        for status in [403, 404, 503] {
            let fake = Fake::default()
                .list(PODS, &[pod("web", full(), 0)])
                .json(&format!("{PODS}/web"), &pod("web", full(), 0))
                .status(METRICS, status)
                .status(&format!("{METRICS}/web"), status);
            for arguments in
                [json!({ "namespace": "shop" }), json!({ "namespace": "shop", "pod_name": "web" })]
            {
                let answer = check(&fake, arguments).await;
                assert_eq!(answer["partial"][0]["input"], "usage");
                assert_eq!(
                    answer["containers"][0]["memory"],
                    json!({ "usage": "unknown", "request": "128Mi", "limit": "256Mi" })
                );
                assert!(answer["recommendations"].to_string().contains("metrics-server"));
            }
        }
        let error = Fake::default()
            .call("check_resource_usage", json!({ "namespace": "shop", "pod_name": "none" }))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorType::NotFound);
    }

    #[tokio::test]
    async fn many_containers_are_cut_and_the_cut_is_announced() {
        let pods: Vec<Value> =
            (0..300).map(|at| pod(&format!("{}{at:03}", "x".repeat(250)), json!({}), 99)).collect();
        let fake = Fake::default().list(PODS, &pods);
        let answer = check(&fake, json!({ "namespace": "shop", "limit": 100, "sort_by": "restarts" })).await;
        let shown = answer["containers"].as_array().unwrap().len();
        assert!((50..=100).contains(&shown), "{shown}");
        assert_eq!(answer["truncated"]["total"], 300);
        assert!(answer["recommendations"].to_string().len() < 5_000);
    }
}
