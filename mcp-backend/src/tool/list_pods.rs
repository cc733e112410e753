//! `list_pods`: the pods of a namespace or of the cluster, a page at a time.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::look;
use crate::check::pod::{ready_count, status_reason};
use crate::cluster::{Query, ReadError};
use crate::report::{Truncated, clean, clip};

use super::{Context, ErrorType, Namespace, Number, Tool, ToolError, limit};

/// The longest selector: it stands in an address.
const SELECTOR_BYTES: usize = 1_000;

/// The tool.
pub(super) struct ListPods;

/// Which pods.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Default: "default".
    namespace: Option<Namespace>,
    /// Look in every namespace.
    #[serde(default)]
    all_namespaces: bool,
    /// As "app=web,tier!=db".
    #[schemars(length(max = 1000))]
    label_selector: Option<String>,
    /// Only pods in this phase.
    phase: Option<Phase>,
    /// Only pods that do not run well.
    #[serde(default)]
    only_unhealthy: bool,
    /// Pods per page.
    #[serde(default)]
    limit: Number<1, 200, 50>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1000))]
    cursor: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }
}

/// A page of pods.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    pods: Vec<Row>,
    /// How many there are on all pages.
    pod_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    name: String,
    namespace: String,
    phase: String,
    reason: String,
    ready: String,
    restarts: i64,
    age_seconds: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

impl Tool for ListPods {
    const NAME: &'static str = "list_pods";
    const TITLE: &'static str = "List pods";
    const DESCRIPTION: &'static str = "Lists pods with the status that kubectl shows (reason), readiness, restarts, \
        age, node and owner. Use only_unhealthy to find those to diagnose.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let after = arguments.cursor.as_deref().map(place).transpose()?;
        let namespace = match &arguments.namespace {
            _ if arguments.all_namespaces => None,
            Some(namespace) => Some(namespace.as_str()),
            None => Some("default"),
        };
        if arguments.label_selector.as_ref().is_some_and(|selector| selector.len() > SELECTOR_BYTES) {
            return Err(not_a_selector());
        }
        let query = Query { labels: arguments.label_selector.clone(), fields: None };
        let listed = context
            .reader
            .list::<Pod>(namespace, &query)
            .await
            .map_err(|error| failure(error, arguments.label_selector.is_some()))?;
        let mut pods: Vec<&Arc<Pod>> = listed.items.iter().filter(|pod| arguments.wants(pod)).collect();
        pods.sort_by_key(|pod| key(pod));
        let pod_count = pods.len();
        let later = pods.iter().skip_while(|pod| {
            after.as_ref().is_some_and(|(namespace, name)| key(pod) <= (namespace.as_str(), name.as_str()))
        });
        let size = arguments.limit.size();
        let mut rows: Vec<Row> = later.take(size + 1).map(|pod| row(pod, context.now)).collect();
        let shown = limit::fitting(&rows, limit::LIST_BYTES).min(size);
        let more = rows.len() > shown;
        rows.truncate(shown);
        let next_cursor = rows.last().filter(|_| more).map(|row| cursor(&row.namespace, &row.name));
        let truncated = (!listed.complete).then(|| Truncated {
            what: "pods".to_owned(),
            shown: listed.items.len() as u64,
            total: listed.items.len() as u64 + 1,
            hint: "the cluster has more pods than are read: ask for one namespace or by label_selector"
                .to_owned(),
        });
        Ok(Output { pods: rows, pod_count, next_cursor, truncated })
    }
}

/// The API refuses a selector that is none with the status 400.
fn failure(error: ReadError, by_selector: bool) -> ToolError {
    if by_selector && error.status == Some(400) {
        return not_a_selector();
    }
    error.into()
}

fn not_a_selector() -> ToolError {
    ToolError::new(
        ErrorType::Validation,
        "label_selector is not a selector",
        format!("write it as \"app=web,tier!=db\", in at most {SELECTOR_BYTES} characters"),
    )
}

impl Arguments {
    fn wants(&self, pod: &Pod) -> bool {
        self.phase.is_none_or(|wanted| look::phase(pod) == wanted.as_str())
            && (!self.only_unhealthy || !is_healthy(pod))
    }
}

/// Finished, or running with every container ready.
fn is_healthy(pod: &Pod) -> bool {
    let (ready, total) = ready_count(pod);
    match status_reason(pod).as_str() {
        "Completed" | "Succeeded" => true,
        "Running" => ready == total,
        _ => false,
    }
}

fn key(pod: &Pod) -> (&str, &str) {
    (look::namespace(&pod.metadata), look::name(&pod.metadata))
}

fn row(pod: &Pod, now: Timestamp) -> Row {
    let (namespace, name) = key(pod);
    let (ready, total) = ready_count(pod);
    let created = pod.metadata.creation_timestamp.as_ref();
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let owner = owners.iter().find(|owner| owner.controller == Some(true));
    Row {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        phase: clip(&clean(look::phase(pod)), 20).into_owned(),
        reason: clip(&clean(&status_reason(pod)), 100).into_owned(),
        ready: format!("{ready}/{total}"),
        restarts: restarts(pod),
        age_seconds: created.map_or(0, |created| now.duration_since(created.0).as_secs().max(0)),
        node: look::node_name(pod).map(ToOwned::to_owned),
        owner: owner.map(|owner| format!("{}/{}", owner.kind, owner.name)),
    }
}

/// Of all containers; of init containers as long as they are not done.
fn restarts(pod: &Pod) -> i64 {
    let Some(status) = &pod.status else { return 0 };
    let done = |status: &&ContainerStatus| {
        let ended = status.state.as_ref().and_then(|state| state.terminated.as_ref());
        ended.is_some_and(|ended| ended.exit_code == 0)
    };
    let init = status.init_container_statuses.iter().flatten().filter(|status| !done(status));
    let all = status.container_statuses.iter().flatten().chain(init);
    all.map(|status| i64::from(status.restart_count)).sum()
}

/// The place after this pod. In digits, so that nobody takes it apart.
fn cursor(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}").bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The pod that a cursor stands after.
fn place(cursor: &str) -> Result<(String, String), ToolError> {
    let digits = |at: usize| u8::from_str_radix(cursor.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..cursor.len()).step_by(2).map(digits).collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let place = text.as_deref().and_then(|text| text.split_once('/'));
    place.map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).ok_or_else(|| {
        ToolError::new(
            ErrorType::Validation,
            "cursor is not one that list_pods gave",
            "pass next_cursor as it is, or leave it out to start again",
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn restarts_of_init_containers_count_until_they_are_done() {
        let of = |state: Value| {
            let statuses =
                |state: Value, count: i32| json!([{ "name": "a", "restartCount": count, "state": state }]);
            let pod = json!({ "status": { "initContainerStatuses": statuses(state, 4),
                "containerStatuses": statuses(json!({}), 2) } });
            restarts(&serde_json::from_value(pod).unwrap())
        };
        assert_eq!(of(json!({ "waiting": { "reason": "CrashLoopBackOff" } })), 6);
        assert_eq!(of(json!({ "running": {} })), 6);
        assert_eq!(of(json!({ "terminated": { "exitCode": 0 } })), 2);
        assert_eq!(restarts(&Pod::default()), 0);
    }

    use crate::tool::tests::fake::{Fake, assert_valid};

    fn pod(namespace: &str, name: &str, state: Value) -> Value {
        let ready = state.get("running").is_some();
        let phase = if state.get("terminated").is_some() { "Succeeded" } else { "Running" };
        json!({
            "metadata": {
                "name": name, "namespace": namespace, "creationTimestamp": "2026-11-22T11:00:00Z",
                "ownerReferences": [
                    { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "1", "controller": true },
                ],
            },
            "spec": { "nodeName": "worker-1", "containers": [{ "name": "app" }] },
            "status": {
                "phase": phase,
                "containerStatuses": [{
                    "name": "app", "ready": ready, "restartCount": 3, "image": "", "imageID": "", "state": state,
                }],
            },
        })
    }

    fn running() -> Value {
        json!({ "running": {} })
    }

    async fn list(fake: &Fake, arguments: Value) -> Value {
        let answer = fake.call("list_pods", arguments).await.unwrap();
        assert_valid("list_pods", &answer);
        answer
    }

    fn names(answer: &Value) -> Vec<&str> {
        answer["pods"].as_array().unwrap().iter().map(|pod| pod["name"].as_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_row_says_what_kubectl_says() {
        let fake = Fake::default().list(
            "/api/v1/namespaces/default/pods",
            &[pod("default", "web", json!({ "waiting": { "reason": "CrashLoopBackOff" } }))],
        );
        let answer = list(&fake, json!({})).await;
        assert_eq!(
            answer,
            json!({
                "pods": [{
                    "name": "web", "namespace": "default", "phase": "Running", "reason": "CrashLoopBackOff",
                    "ready": "0/1", "restarts": 3, "age_seconds": 3600, "node": "worker-1", "owner": "ReplicaSet/web-1",
                }],
                "pod_count": 1,
            })
        );
    }

    #[tokio::test]
    async fn pods_are_chosen_by_phase_and_health() {
        let fake = Fake::default().list(
            "/api/v1/namespaces/shop/pods",
            &[
                pod("shop", "done", json!({ "terminated": { "exitCode": 0, "reason": "Completed" } })),
                pod("shop", "fine", running()),
                pod("shop", "sick", json!({ "waiting": { "reason": "ImagePullBackOff" } })),
            ],
        );
        for (arguments, expected) in [
            (json!({ "namespace": "shop" }), vec!["done", "fine", "sick"]),
            (json!({ "namespace": "shop", "only_unhealthy": true }), vec!["sick"]),
            (json!({ "namespace": "shop", "phase": "Succeeded" }), vec!["done"]),
            (json!({ "namespace": "shop", "phase": "Succeeded", "only_unhealthy": true }), vec![]),
        ] {
            assert_eq!(names(&list(&fake, arguments.clone()).await), expected, "{arguments}");
        }
    }

    #[tokio::test]
    async fn pages_show_every_pod_once_even_if_the_one_at_the_seam_goes() {
        let all: Vec<Value> = (0..7)
            .map(|at| pod(if at < 3 { "a" } else { "b" }, &format!("p{}", 6 - at), running()))
            .collect();
        let fake = Fake::default().list("/api/v1/pods", &all);
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let arguments = match &cursor {
                None => json!({ "all_namespaces": true, "limit": 3 }),
                Some(cursor) => json!({ "all_namespaces": true, "limit": 3, "cursor": cursor }),
            };
            let answer = list(&fake, arguments).await;
            assert_eq!(answer["pod_count"], 7);
            seen.extend(names(&answer).into_iter().map(str::to_owned));
            match answer.get("next_cursor") {
                Some(next) => cursor = Some(next.clone()),
                None => break,
            }
        }
        assert_eq!(seen, ["p4", "p5", "p6", "p0", "p1", "p2", "p3"]);
        let without: Vec<Value> = all.into_iter().filter(|pod| pod["metadata"]["name"] != "p6").collect();
        let fake = Fake::default().list("/api/v1/pods", &without);
        let rest = json!({ "all_namespaces": true, "cursor": super::cursor("a", "p6") });
        assert_eq!(names(&list(&fake, rest).await), ["p0", "p1", "p2", "p3"]);
    }

    #[tokio::test]
    async fn the_largest_page_of_the_longest_names_fits() {
        let pods: Vec<Value> = (0..250)
            .map(|at| {
                let mut pod = pod(&"n".repeat(63), &format!("{}{at:03}", "x".repeat(250)), running());
                pod["spec"]["nodeName"] = json!("y".repeat(253));
                pod
            })
            .collect();
        let fake = Fake::default().list("/api/v1/pods", &pods);
        let answer = list(&fake, json!({ "all_namespaces": true, "limit": 200 })).await;
        assert!(names(&answer).len() > 20);
        assert!(answer.get("next_cursor").is_some());
    }

    #[tokio::test]
    async fn wrong_arguments_say_what_is_wrong() {
        let fake = Fake::default().status("/api/v1/namespaces/default/pods", 400);
        for (arguments, kind, word) in [
            (json!({ "cursor": "zz" }), ErrorType::Validation, "cursor"),
            (json!({ "cursor": "ä" }), ErrorType::Validation, "cursor"),
            (json!({ "cursor": "6" }), ErrorType::Validation, "cursor"),
            (json!({ "limit": 0 }), ErrorType::Validation, "200"),
            (json!({ "limit": 201 }), ErrorType::Validation, "200"),
            (json!({ "namespace": "A" }), ErrorType::Validation, "namespace"),
            (json!({ "other": 1 }), ErrorType::Validation, "other"),
            (json!({ "label_selector": "((" }), ErrorType::Validation, "label_selector"),
            (json!({ "label_selector": "a".repeat(1_001) }), ErrorType::Validation, "1000"),
            (json!({ "namespace": "none" }), ErrorType::NotFound, "none"),
        ] {
            let error = fake.call("list_pods", arguments.clone()).await.unwrap_err();
            assert!(error.kind == kind && error.to_string().contains(word), "{arguments}: {error:?}");
        }
    }
}
