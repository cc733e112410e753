//! What is recorded when: the one consumer of [`Event`](crate::exchange::event::Event)s, and what is shown of them.
//!
//! ```text
//!   Event ─► recorder ─► metrics ─► registry ─► export/prometheus ─► GET /metrics, file of metrics
//!               │           (handles per label set)        └─► export/otlp/metrics ─► collector
//!               ├─► sli: verdicts ─► counters of objectives ─► slo::Engine ─► GET /slo, gauges, state file
//!               ├─► quality: queue ─► judged on a thread of its own ─► counters of objectives, findings, scores
//!               ├─► operations: ring of the last operations ───────► GET /operations
//!               ├─► traces: those that are kept ─► export/otlp ────► collector
//!               └─► backlog: pages of tools/list ─► catalogue ─────► GET /catalogue
//! ```
//!
//! Traffic threads call [`Telemetry::emit`](crate::exchange::event::Sink::emit), which looks up handles and adds to
//! atomics. It takes no lock that another request or a reader can hold. All that takes long waits for
//! [`Telemetry::upkeep`], once a second, or for the next reader; whether an answer is sound waits for
//! [`Telemetry::judge_waiting`].
//!
//! The ledger:
//! - Every ended `tools/call` request is in `mcp_tool_requests_total` once, under one result. A call that became a
//!   task is counted when the task ends, by the task. Notifications are no calls.
//! - Every one of them whose result is not `success` is in `mcp_proxy_faults_total` once, under one fault.
//! - `mcp_tool_duration_seconds` has as many observations; `tool_response_*` only those that were answered.
//! - A request that is over while its call is not (`input_required`, accepted as a task, redirected) is only in
//!   `mcp_proxy_interim_results_total`.
//! - Every operation that ended with a trace, and every such HTTP exchange, is in `mcp_proxy_trace_decisions_total`
//!   once. Exemplars name the spans of operations that were kept and queued, no others.
//! - `mcp_server_operation_duration_seconds` has every request and notification to the server but
//!   `subscriptions/listen`, seen from the server (otel-mcp.md §4). It leaves out `mcp.protocol.version` and
//!   `network.*`, which hardly differ within one sidecar and would multiply the series.
//! - `sli_requests_total` has one for each good or bad event of availability by the default outcomes; an objective's
//!   `mcp_proxy_slo_events_total` has its good and bad events, and nothing of what is excluded (sli/).
//! - Every answer of a tool that the sample chose is, once, an event of each objective of quality that takes in the tool,
//!   or in `mcp_proxy_quality_unchecked_total` under one reason (quality/).

mod backlog;
mod catalogue;
mod client_type;
mod client_view;
mod complexity;
pub mod cost;
mod drift;
pub mod export;
mod histogram;
mod labels;
mod log;
mod metrics;
pub mod names;
mod operations;
mod process;
pub mod quality;
mod recorder;
mod registry;
mod reload;
mod rolling;
mod server_info;
mod server_view;
mod sli;
mod summary;
mod tokens;
pub mod traces;
mod usage;
mod values;
mod views;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::clock;
use crate::slo::Plan;

pub use catalogue::{Change, Part};
pub use client_type::ClientType;
pub use complexity::Complexity;
pub use histogram::{BucketHistogram, Exemplar, HistogramReading};
pub use labels::{ClientIdMode, OTHER};
pub use operations::{OperationView, RECENT};
pub use registry::{Cell, Registry};
pub use rolling::RollingSummary;
pub use summary::{LatencyView, SummaryView, WorstView};
pub use values::FloatCell;
pub use views::{CatalogueView, ChangeView, ToolView};

/// What telemetry is told by configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The constant label `mcp_server`; never learned from traffic, so that series do not break.
    pub server_name: String,
    /// Deployment environment, for `mcp_server_info`.
    pub environment: String,
    /// Region, for `mcp_server_info`.
    pub region: String,
    /// Version of this proxy.
    pub version: String,
    /// What `client_id` shows.
    pub client_id: ClientIdMode,
    /// Most tools with a label of their own.
    pub max_tools: usize,
    /// Most prompts with a label of their own.
    pub max_prompts: usize,
    /// Most clients with a label of their own.
    pub max_clients: usize,
    /// Series of one family from which on the label with the most values is `_other` in new ones.
    pub max_series: usize,
    /// Weight of all calls of a tool, in place of that of their arguments.
    pub complexity: BTreeMap<String, Complexity>,
    /// The objectives at the start; [`Telemetry::reload`] replaces them.
    pub plan: Arc<Plan>,
    /// What calls cost at the start.
    pub prices: cost::Prices,
    /// What of answers is judged at the start.
    pub quality: quality::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_name: String::new(),
            environment: String::new(),
            region: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            client_id: ClientIdMode::default(),
            max_tools: 200,
            max_prompts: 100,
            max_clients: 100,
            max_series: 10_000,
            complexity: BTreeMap::new(),
            plan: Arc::default(),
            prices: cost::Prices::default(),
            quality: quality::Settings::default(),
        }
    }
}

/// The telemetry of one server. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub struct Telemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: metrics::Metrics,
    backlog: backlog::Backlog,
    used: usage::Waiting,
    ring: operations::Ring,
    /// `None` where no traces are made.
    tracer: Option<traces::Tracer>,
    server: server_info::ServerInfo,
    /// Names of the catalogue, for traffic to look up.
    listed: labels::Names<()>,
    sli: sli::Sli,
    quality: quality::Quality,
    /// Taken by upkeep and readers only, never by traffic.
    desk: Mutex<Desk>,
}

/// What only upkeep and readers touch.
#[derive(Debug)]
struct Desk {
    catalogue: catalogue::Catalogue,
    recent: VecDeque<operations::Recent>,
    server: server_info::Shown,
    books: sli::Books,
    schemas: quality::Schemas,
}

impl Telemetry {
    /// Nothing happened yet, and no traces will be made. `start` is the moment from which windows are counted.
    #[must_use]
    pub fn new(settings: Settings, start: Instant) -> Self {
        Self::with(metrics::Metrics::new(settings, start), None, start)
    }

    /// The same with traces: what is kept waits in [`Telemetry::queue`].
    #[must_use]
    pub fn traced(settings: Settings, start: Instant, traces: traces::Settings) -> Self {
        let metrics = metrics::Metrics::new(settings, start);
        let moment = traces::Moment { now: clock::now(), wall: clock::wall() };
        let tracer = traces::Tracer::new(traces, start, moment, metrics.registry());
        Self::with(metrics, Some(tracer), start)
    }

    fn with(metrics: metrics::Metrics, tracer: Option<traces::Tracer>, start: Instant) -> Self {
        let moment = traces::Moment { now: clock::now(), wall: clock::wall() };
        let (sli, books) = sli::new(&metrics, start, moment.wall_at(start));
        let desk = Desk {
            catalogue: catalogue::Catalogue::default(),
            recent: VecDeque::default(),
            server: server_info::Shown::default(),
            books,
            schemas: quality::Schemas::default(),
        };
        let settings = metrics.settings();
        let quality =
            quality::Quality::new(settings.quality.clone(), settings.plan.window, metrics.registry());
        Self(Arc::new(Inner {
            metrics,
            backlog: backlog::Backlog::default(),
            used: usage::Waiting::default(),
            ring: operations::Ring::default(),
            tracer,
            server: server_info::ServerInfo::default(),
            listed: labels::Names::new(()),
            sli,
            quality,
            desk: Mutex::new(desk),
        }))
    }

    /// What waits for export, where traces are made.
    #[must_use]
    pub fn queue(&self) -> Option<Arc<traces::Queue>> {
        self.0.tracer.as_ref().map(traces::Tracer::queue)
    }

    /// Does what traffic left for later; to be called about once a second, and once at the end.
    pub fn upkeep(&self, now: Instant) {
        let mut desk = self.desk(now);
        self.0.ring.drain_into(&mut desk.recent);
        self.0.show_sli(&mut desk.books, now);
        self.0.quality.look_after();
        self.0.quality.show(&self.0.metrics, now);
        self.0.metrics.registry().expire(now);
        if let Some(tracer) = &self.0.tracer {
            tracer.set_clock(traces::Moment { now, wall: clock::wall() });
        }
    }

    /// All metrics in the format that an `Accept` header asks for, with its content type.
    #[must_use]
    pub fn render(&self, accept: Option<&str>, now: Instant) -> (&'static str, String) {
        self.refresh(now);
        let format = export::accept::negotiate(accept);
        let server = &self.0.metrics.settings().server_name;
        let body = export::prometheus::render(self.0.metrics.registry(), server, format, now);
        (format.content_type(), body)
    }

    /// Brings the series up to date that are made when somebody looks.
    pub(in crate::telemetry) fn refresh(&self, now: Instant) {
        self.0.show_sli(&mut self.desk(now).books, now);
        self.0.quality.show(&self.0.metrics, now);
        process::refresh(self.0.metrics.registry());
    }

    /// The settings.
    pub(in crate::telemetry) fn settings(&self) -> &Settings {
        self.0.metrics.settings()
    }

    /// The series, for tests and for parts that record metrics of their own.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.0.metrics.registry()
    }

    /// The desk with no work left on it.
    fn desk(&self, now: Instant) -> MutexGuard<'_, Desk> {
        let mut desk = self.0.desk.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.work_off(&mut desk, now);
        desk.books.settle(self.0.sli.time(now));
        desk
    }
}

#[cfg(test)]
mod tests;
