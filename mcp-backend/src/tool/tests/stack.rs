//! What a call leaves behind: the tree of its spans (backend-tools.md §8) and its metrics.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::client::Body as ClientBody;
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceContextExt as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tower::ServiceExt as _;
use tracing::instrument::WithSubscriber as _;

use super::*;
use crate::cluster::{self, LogQuery, Query};
use crate::report::Verdict;
use crate::telemetry::traces::Traces;
use crate::telemetry::{log, parent};
use crate::tool::{Entry, ErrorType, Name, Namespace, Tool, ToolError, health_checks};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    namespace: Namespace,
    pod_name: Name,
}

#[derive(Serialize, JsonSchema)]
struct Output {
    overall: &'static str,
}

/// Reads as `diagnose_pod` does.
struct Probe;

impl Tool for Probe {
    const NAME: &'static str = "probe";
    const TITLE: &'static str = "Probe";
    const DESCRIPTION: &'static str = "Probes.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let (namespace, pod) = (arguments.namespace.as_str(), arguments.pod_name.as_str());
        let (reader, query) = (&context.reader, Query::default());
        let log = LogQuery { namespace: namespace.to_owned(), pod: pod.to_owned(), ..LogQuery::default() };
        let (pod, events, log) = tokio::join!(
            reader.get::<Pod>(Some(namespace), pod),
            reader.list::<Event>(Some(namespace), &query),
            reader.log(&log)
        );
        pod?;
        events?;
        log?;
        let (_, verdict) = health_checks(|| (Vec::new(), Verdict::of(&[], Vec::new(), context.now)));
        Ok(Output { overall: verdict.overall.as_str() })
    }
}

/// Never ends.
struct Stuck;

impl Tool for Stuck {
    const NAME: &'static str = "stuck";
    const TITLE: &'static str = "Stuck";
    const DESCRIPTION: &'static str = "Waits.";
    type Arguments = Arguments;
    type Output = Output;

    fn run(_: Context, _: Arguments) -> impl Future<Output = Result<Output, ToolError>> + Send {
        std::future::pending()
    }
}

/// Panics after its first read.
struct Broken;

impl Tool for Broken {
    const NAME: &'static str = "broken";
    const TITLE: &'static str = "Broken";
    const DESCRIPTION: &'static str = "Breaks off.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        context.reader.get::<Pod>(Some(arguments.namespace.as_str()), "web").await?;
        panic!("canary of {}", arguments.pod_name.as_str());
    }
}

static BROKEN: LazyLock<Entry> = LazyLock::new(Entry::of::<Broken>);
static PROBE: LazyLock<Entry> = LazyLock::new(Entry::of::<Probe>);
static STUCK: LazyLock<Entry> = LazyLock::new(Entry::of::<Stuck>);

fn client() -> kube::Client {
    let service = tower::service_fn(|request: http::Request<ClientBody>| async move {
        let path = request.uri().path();
        let (status, body) = match path {
            "/api/v1/namespaces/shop/pods/web/log" => (200, "a line\n".to_owned()),
            "/api/v1/namespaces/shop/events" => (200, json!({ "items": [] }).to_string()),
            "/api/v1/namespaces/shop/pods/web" => (200, json!({ "metadata": { "name": "web" } }).to_string()),
            _ => (403, json!({ "kind": "Status", "message": "no" }).to_string()),
        };
        let mut response = http::Response::new(ClientBody::from(body.into_bytes()));
        *response.status_mut() = http::StatusCode::from_u16(status)?;
        // As a library would.
        tracing::info_span!(target: "kube_client", "HTTP").in_scope(|| tracing::info!("asked"));
        Ok::<_, tower::BoxError>(response)
    });
    kube::Client::new(service, "default")
}

fn tools(metrics: &Metrics) -> ToolStack {
    let reads = cluster::stack_with(client(), &cluster::Settings::default(), metrics);
    stack_with(reads, Clock::system(), &Settings::default(), metrics)
}

fn call(entry: &'static Entry, arguments: serde_json::Value, parent: opentelemetry::Context) -> ToolCall {
    ToolCall { entry, arguments: arguments.as_object().cloned().unwrap_or_default(), parent }
}

#[derive(Clone, Debug, Default)]
struct Exported(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Exported {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// The spans of these calls, one after the other.
async fn spans(calls: Vec<ToolCall>) -> Vec<SpanData> {
    let exported = Exported::default();
    let traces = Traces::by(exported.clone());
    let subscriber = log::subscriber(Default::default(), Some(&traces), std::io::sink);
    let work = async {
        let tools = tools(&Metrics::new());
        for call in calls {
            let Ok(_) = tools.clone().oneshot(call).await;
        }
    };
    work.with_subscriber(subscriber).await;
    assert!(traces.stop(Duration::from_secs(10)).await);
    let spans = exported.0.lock().unwrap();
    spans.clone()
}

/// A line for each span, below its parent.
fn tree(spans: &[SpanData]) -> String {
    let mut children: HashMap<SpanId, Vec<&SpanData>> = HashMap::new();
    for span in spans {
        children.entry(span.parent_span_id).or_default().push(span);
    }
    for spans in children.values_mut() {
        spans.sort_by_key(|span| (span.start_time, span.name.clone()));
    }
    let known = |id: SpanId| spans.iter().any(|span| span.span_context.span_id() == id);
    let mut lines = String::new();
    let mut open: Vec<_> =
        spans.iter().filter(|span| !known(span.parent_span_id)).map(|span| (0, span)).collect();
    while let Some((depth, span)) = open.pop() {
        lines.push_str(&format!("{}{}\n", "  ".repeat(depth), span.name));
        let below = children.get(&span.span_context.span_id()).map_or(&[][..], Vec::as_slice);
        open.extend(below.iter().rev().map(|span| (depth + 1, *span)));
    }
    lines
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    span.attributes.iter().find(|pair| pair.key.as_str() == key).map(|pair| pair.value.to_string())
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    spans.iter().find(|span| span.name == name).unwrap()
}

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn below(traceparent: &str) -> opentelemetry::Context {
    parent(json!({ "traceparent": traceparent }).as_object(), None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_is_the_tree_of_the_reference() {
    let web = json!({ "namespace": "shop", "pod_name": "web" });
    let spans = spans(vec![call(&PROBE, web, below(SAMPLED))]).await;
    let tree = tree(&spans);
    let lines: Vec<&str> = tree.lines().collect();
    assert_eq!(lines[..3], ["mcp.handle_request", "  validate_input", "  execute_tool"], "{tree}");
    let mut reads = lines[3..6].to_vec();
    reads.sort_unstable();
    assert_eq!(reads, ["    k8s.get_events", "    k8s.get_logs", "    k8s.get_pod"], "{tree}");
    assert_eq!(lines[6..], ["    health_checks", "  format_response"], "{tree}");

    let request = named(&spans, "mcp.handle_request");
    assert_eq!(request.span_kind, SpanKind::Server);
    assert_eq!(request.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(request.parent_span_id.to_string(), "00f067aa0ba902b7");
    for (span, key, value) in [
        ("mcp.handle_request", "mcp.method.name", Some("tools/call")),
        ("mcp.handle_request", "gen_ai.tool.name", Some("probe")),
        ("mcp.handle_request", "k8s.namespace.name", Some("shop")),
        ("mcp.handle_request", "k8s.pod.name", Some("web")),
        ("mcp.handle_request", "cache", Some("miss")),
        ("mcp.handle_request", "error.type", None),
        ("health_checks", "health.overall", Some("healthy")),
        ("k8s.get_pod", "k8s.pod.name", Some("web")),
        ("k8s.get_pod", "result", Some("success")),
        ("k8s.get_pod", "cached", Some("false")),
        ("k8s.get_events", "k8s.object.name", None),
    ] {
        assert_eq!(attribute(named(&spans, span), key).as_deref(), value, "{key} of {span}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn failures_are_on_their_spans_and_hostile_arguments_on_none() {
    let forbidden = json!({ "namespace": "shop", "pod_name": "other" });
    let hostile = json!({ "namespace": "<canary>", "pod_name": "web" });
    let root = opentelemetry::Context::new;
    let spans = spans(vec![call(&PROBE, forbidden, root()), call(&PROBE, hostile, root())]).await;
    let (failed, refused): (Vec<_>, Vec<_>) = spans
        .iter()
        .filter(|span| span.name == "mcp.handle_request")
        .partition(|span| attribute(span, "error.type").as_deref() == Some("forbidden"));
    assert_eq!((failed.len(), refused.len()), (1, 1));
    assert!(matches!(failed[0].status, Status::Error { .. }));
    assert_eq!(attribute(refused[0], "error.type").as_deref(), Some("validation_error"));
    assert_eq!(attribute(named(&spans, "k8s.get_pod"), "error.type").as_deref(), Some("forbidden"));
    assert_ne!(failed[0].span_context.trace_id(), refused[0].span_context.trace_id());
    assert!(!format!("{spans:?}").contains("canary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn sampling_is_the_callers_and_another_sender_is_a_link() {
    let web = || json!({ "namespace": "shop", "pod_name": "web" });
    assert!(spans(vec![call(&PROBE, web(), below(UNSAMPLED))]).await.is_empty());

    let mut headers = http::HeaderMap::new();
    headers.insert("traceparent", SAMPLED.replace("00f067aa0ba902b7", "b7ad6b7169203331").parse().unwrap());
    let both = parent(json!({ "traceparent": SAMPLED }).as_object(), Some(&headers));
    assert!(both.span().span_context().is_remote());
    let spans = spans(vec![call(&PROBE, web(), both)]).await;
    let request = named(&spans, "mcp.handle_request");
    assert_eq!(request.parent_span_id.to_string(), "00f067aa0ba902b7");
    let links: Vec<_> = request.links.iter().map(|link| link.span_context.span_id().to_string()).collect();
    assert_eq!(links, ["b7ad6b7169203331"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_panic_of_a_tool_is_an_internal_error_on_its_span() {
    let web = || json!({ "namespace": "shop", "pod_name": "web" });
    let metrics = Metrics::new();
    let tools = tools(&metrics);
    let root = opentelemetry::Context::new;
    let Ok(reply) = tools.clone().oneshot(call(&BROKEN, web(), root())).await;
    let error = reply.result.unwrap_err();
    assert_eq!((error.kind, error.failed.as_str()), (ErrorType::Internal, "broken broke off"));
    assert!(!error.to_string().contains("canary"), "{error}");
    assert_eq!(reply.cache, Some(cluster::CacheUse::Miss));
    let Ok(next) = tools.oneshot(call(&PROBE, web(), root())).await;
    assert!(next.result.is_ok(), "the stack goes on");
    let line = "mcp_backend_tool_calls_total{tool_name=\"broken\",result=\"internal_error\"} 1\n";
    assert!(metrics.render().contains(line), "{}", metrics.render());

    let spans = spans(vec![call(&BROKEN, web(), below(SAMPLED))]).await;
    let request = named(&spans, "mcp.handle_request");
    assert!(matches!(request.status, Status::Error { .. }));
    assert_eq!(attribute(request, "error.type").as_deref(), Some("internal_error"));
    assert_eq!(named(&spans, "execute_tool").parent_span_id, request.span_context.span_id());
    assert!(!format!("{spans:?}").contains("canary"));
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_by_how_they_ended() {
    let metrics = Metrics::new();
    let tools = tools(&metrics);
    let run = |entry: &'static Entry, arguments| {
        tools.clone().oneshot(call(entry, arguments, opentelemetry::Context::new()))
    };
    let web = || json!({ "namespace": "shop", "pod_name": "web" });
    let Ok(first) = run(&PROBE, web()).await;
    assert_eq!(*first.result.unwrap(), json!({ "overall": "healthy" }));
    assert_eq!(first.cache, Some(cluster::CacheUse::Miss));
    let Ok(second) = run(&PROBE, web()).await;
    assert_eq!(second.cache, Some(cluster::CacheUse::Hit));
    let Ok(_) = run(&PROBE, json!({ "namespace": "shop", "x": 1 })).await;
    let Ok(slow) = run(&STUCK, web()).await;
    let error = slow.result.unwrap_err();
    assert_eq!(error.kind, ErrorType::Timeout);
    assert_eq!(error.failed, "stuck had no answer within 30s");
    assert!(tokio::time::timeout(Duration::from_secs(1), run(&STUCK, web())).await.is_err());
    let page = metrics.render();
    for (tool, result, count) in [
        ("probe", "success", 2),
        ("probe", "validation_error", 1),
        ("stuck", "timeout", 1),
        ("stuck", "cancelled", 1),
    ] {
        let line =
            format!("mcp_backend_tool_calls_total{{tool_name=\"{tool}\",result=\"{result}\"}} {count}\n");
        assert!(page.contains(&line), "{line} is not in\n{page}");
    }
    assert!(page.contains("mcp_backend_tool_duration_seconds_count{tool_name=\"stuck\"} 1\n"), "{page}");
    assert!(
        page.contains("mcp_backend_kube_requests_total{verb=\"log\",resource=\"log\",result=\"success\"} 1")
    );
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_most_at_once_wait_within_their_time() {
    let pod = json!({ "namespace": "shop", "pod_name": "web" });
    for (at_once, failure) in [(1, Some(ErrorType::Timeout)), (2, None)] {
        let metrics = Metrics::new();
        let reads = cluster::stack_with(client(), &cluster::Settings::default(), &metrics);
        let settings = Settings { at_once, ..Settings::default() };
        let tools = stack_with(reads, Clock::system(), &settings, &metrics);
        let ask = |entry| {
            let called = tools.clone().oneshot(call(entry, pod.clone(), opentelemetry::Context::new()));
            // Without one, spans that are first met here would be off for the tests of spans beside this one.
            called.with_subscriber(log::subscriber(Default::default(), None, std::io::sink))
        };
        let (Ok(stuck), Ok(probe)) = tokio::join!(ask(&STUCK), ask(&PROBE));
        assert_eq!(stuck.result.err().map(|error| error.kind), Some(ErrorType::Timeout));
        assert_eq!(probe.result.err().map(|error| error.kind), failure, "{at_once} at once");
        // Those that are over make room.
        let Ok(after) = ask(&PROBE).await;
        assert!(after.result.is_ok());
    }
}
