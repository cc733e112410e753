//! The metrics of this server, and their scrape as Prometheus text.
//!
//! Handles are given from hand to hand instead of through a global recorder, so that two servers in one process (as in
//! tests) count apart. Every label is `&'static str`: no word of a caller can become a series.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Histogram, Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::names;

/// Bounds of all durations, in seconds: from a cached answer to the longest call.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// How often waiting samples are put into their buckets; until then each takes memory.
const UPKEEP: Duration = Duration::from_secs(5);

/// What a cache did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOperation {
    /// Answered from memory, or by a load that was under way already.
    Hit,
    /// Asked the API.
    Miss,
    /// Let go of an entry by its age or for want of room.
    Evict,
}

impl CacheOperation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Evict => "evict",
        }
    }
}

/// The metrics; clones are the same.
///
/// ```
/// use mcp_backend::telemetry::Metrics;
///
/// let metrics = Metrics::new();
/// metrics.tool_ended("list_pods", "success");
/// assert!(metrics.render().contains("mcp_backend_tool_calls_total{tool_name=\"list_pods\",result=\"success\"} 1"));
/// ```
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    page: PrometheusHandle,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics of which none has a value yet.
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &SECONDS)
            .expect("only an empty list of bounds is refused")
            .build_recorder();
        for (name, help) in [
            (names::TOOL_CALLS, "Tool calls ended, by tool and result."),
            (names::CACHE_OPERATIONS, "What the cache of cluster reads did."),
            (names::READS, "Requests to the API of the cluster."),
        ] {
            recorder.describe_counter(name.into(), None, help.into());
        }
        for (name, help) in [
            (names::TOOL_SECONDS, "Time until a tool had its answer."),
            (names::READ_SECONDS, "Time until the API of the cluster had answered."),
        ] {
            recorder.describe_histogram(name.into(), Some(Unit::Seconds), help.into());
        }
        recorder.describe_gauge(
            names::BUILD_INFO.into(),
            None,
            "Constant 1: version and kind of cluster.".into(),
        );
        let page = recorder.handle();
        Self(Arc::new(Inner { recorder, page }))
    }

    /// The scrape, as Prometheus text 0.0.4.
    pub fn render(&self) -> String {
        self.0.page.render()
    }

    /// Never ends: keeps samples from piling up between scrapes. To be spawned.
    pub async fn upkeep(self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            self.0.page.run_upkeep();
        }
    }

    /// Says once which version runs on which kind of cluster (`sim`, `kube`).
    pub fn build(&self, cluster: &'static str) {
        let labels = [("version", env!("CARGO_PKG_VERSION")), ("cluster", cluster)];
        self.0.recorder.register_gauge(&key(names::BUILD_INFO, &labels), &OURS).set(1.0);
    }

    /// A call of a tool ended, with `success`, an error type, or `cancelled`.
    pub fn tool_ended(&self, tool: &'static str, result: &'static str) {
        self.counter(names::TOOL_CALLS, &[(names::TOOL, tool), (names::RESULT, result)]).increment(1);
    }

    /// A tool had its answer after this long.
    pub fn tool_took(&self, tool: &'static str, time: Duration) {
        self.histogram(names::TOOL_SECONDS, &[(names::TOOL, tool)]).record(time);
    }

    /// A request to the API of the cluster ended after this long.
    pub fn read_ended(
        &self,
        verb: &'static str,
        resource: &'static str,
        result: &'static str,
        time: Duration,
    ) {
        let labels = [(names::VERB, verb), (names::RESOURCE, resource), (names::RESULT, result)];
        self.counter(names::READS, &labels).increment(1);
        self.histogram(names::READ_SECONDS, &[(names::VERB, verb)]).record(time);
    }

    /// The cache did something, and its outcome was good or not.
    pub fn cache(&self, operation: CacheOperation, success: bool) {
        let result = if success { "success" } else { "failure" };
        let labels = [(names::OPERATION, operation.as_str()), (names::RESULT, result)];
        self.counter(names::CACHE_OPERATIONS, &labels).increment(1);
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, &'static str)]) -> Counter {
        self.0.recorder.register_counter(&key(name, labels), &OURS)
    }

    fn histogram(&self, name: &'static str, labels: &[(&'static str, &'static str)]) -> Histogram {
        self.0.recorder.register_histogram(&key(name, labels), &OURS)
    }
}

/// The exporter asks for it, and uses none of it.
const OURS: Metadata<'static> = Metadata::new("mcp_backend", Level::INFO, None);

fn key(name: &'static str, labels: &[(&'static str, &'static str)]) -> Key {
    let labels: Vec<Label> =
        labels.iter().map(|(name, value)| Label::from_static_parts(name, value)).collect();
    Key::from_parts(name, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_has_every_family_with_help_and_bounds() {
        let metrics = Metrics::new();
        metrics.build("sim");
        metrics.tool_ended("list_pods", "success");
        metrics.tool_took("list_pods", Duration::from_millis(20));
        metrics.read_ended("list", "pods", "success", Duration::from_millis(3));
        metrics.cache(CacheOperation::Miss, true);
        metrics.cache(CacheOperation::Evict, true);
        let page = metrics.render();
        for line in [
            concat!("mcp_backend_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\",cluster=\"sim\"} 1"),
            "mcp_backend_tool_calls_total{tool_name=\"list_pods\",result=\"success\"} 1",
            "mcp_backend_tool_duration_seconds_bucket{tool_name=\"list_pods\",le=\"0.025\"} 1",
            "mcp_backend_tool_duration_seconds_bucket{tool_name=\"list_pods\",le=\"0.01\"} 0",
            "mcp_backend_kube_requests_total{verb=\"list\",resource=\"pods\",result=\"success\"} 1",
            "mcp_backend_kube_request_duration_seconds_count{verb=\"list\"} 1",
            "mcp_cache_operations_total{operation=\"miss\",result=\"success\"} 1",
            "mcp_cache_operations_total{operation=\"evict\",result=\"success\"} 1",
            "# TYPE mcp_backend_tool_duration_seconds histogram",
            "# HELP mcp_cache_operations_total What the cache of cluster reads did.",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn two_servers_count_apart() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.cache(CacheOperation::Hit, true);
        assert!(one.render().contains("hit") && !other.render().contains("hit"));
    }
}
