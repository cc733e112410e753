//! Service levels: what traffic counts for them, and how they are handed to the engine (`crate::slo`).
//!
//! ```text
//!   traffic ─► Sli ─► outcome ─► objectives: verdicts ─► atomic counters (mcp_proxy_slo_events_total)
//!               └──► spend: seconds and dollars                │
//!   upkeep, scrapes, GET /slo ─► Books ◄───── increments ──────┘
//!                                 └─► slo::Engine ─► reports, gauges, state
//! ```
//!
//! The objectives and prices that hold are one value behind an atomic pointer: a reload swaps it, and a request that
//! ends meanwhile counts by the old or the new one, into the same counters where the name is the same.

mod books;
mod objectives;
mod outcome;
mod spend;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use metrics::Counter;

use crate::exchange::event::{Operation, OperationKind};
use crate::fault::Fault;
use crate::protocol::message::Content;
use crate::protocol::outcome::{CallResult, Ending};
use crate::slo::{self, Outcome, Plan, Report, Restored, Sample, StateError, Time};

use super::cost::{Prices, Usage};
use super::histogram::BucketHistogram;
use super::metrics::{Metrics, ToolMetrics};
use super::names::{Metric, label};
use super::recorder::Seconds;
use super::{Inner, Telemetry, tokens};

use self::objectives::Active;

pub(super) use self::books::Books;
pub(super) use self::spend::ToolCost;

/// What a count of `sli_requests_total` is under, in the order of its handles.
const RESULTS: [CallResult; 3] = [CallResult::Success, CallResult::Error, CallResult::Timeout];

/// What traffic needs.
#[derive(Debug)]
pub(super) struct Sli {
    active: ArcSwap<Active>,
    requests: [Counter; RESULTS.len()],
    durations: Arc<BucketHistogram>,
    start: Instant,
    /// What the wall clock showed at `start`.
    start_time: Time,
}

/// Thresholds of latency objectives, in seconds.
pub(super) fn thresholds(plan: &Plan) -> impl Iterator<Item = f64> {
    plan.objectives.iter().filter_map(|objective| match objective.sli {
        slo::Sli::Latency { threshold } => Some(threshold.as_secs_f64()),
        _ => None,
    })
}

/// What traffic needs, and what upkeep does. The series of all objectives stand at 0.
pub(super) fn new(metrics: &Metrics, start: Instant, wall: SystemTime) -> (Sli, Books) {
    let registry = metrics.registry();
    let settings = metrics.settings();
    let server = settings.server_name.as_str();
    let active = Active::new(&settings.plan, settings.prices.clone(), server, settings.max_tools, registry);
    let start_time = Time(unix_ms(wall));
    let books = Books::new(Arc::clone(&settings.plan), server, &active, start_time);
    let sli = Sli {
        active: ArcSwap::from_pointee(active),
        requests: RESULTS
            .map(|result| registry.counter(Metric::SliRequests, &[(label::RESULT, result.as_str())])),
        durations: registry.histogram(Metric::SliDuration, &[]),
        start,
        start_time,
    };
    (sli, books)
}

impl Sli {
    /// How long there has been telemetry.
    pub(super) fn uptime(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    /// An instant as the engine takes it.
    pub(super) fn time(&self, at: Instant) -> Time {
        let passed = at.saturating_duration_since(self.start).as_millis();
        Time(self.start_time.0.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
    }

    /// Counts an answer that was judged for the objectives of quality; `sound` says what looking at a success found.
    /// Off the traffic path: tools are compared by name.
    pub(super) fn judged(&self, tool: &str, outcome: Outcome, sound: bool) {
        self.active.load().judged(tool, outcome, sound);
    }

    fn count_request(&self, outcome: Outcome) {
        if let Some(result) = result(outcome) {
            self.requests[result as usize].increment(1);
        }
    }
}

impl Inner {
    /// Counts an operation that ended for the service levels; takes no lock and keeps nothing. Not inlined: its caller
    /// would grow so much that its own calls no longer are, which costs more.
    #[inline(never)]
    pub(super) fn record_sli(&self, tool: Option<&ToolMetrics>, operation: &Operation, seconds: &Seconds) {
        let Some(outcome) = outcome::of_event(operation) else { return };
        let name = operation.tool();
        let sample =
            Sample { outcome, duration: seconds.duration, waited_for_client: operation.waited_for_client };
        self.sli.count_request(outcome);
        let active = self.sli.active.load();
        let (Some(tool), Some(name)) = (tool, name) else { return active.count(None, &sample) };
        let mut own = None;
        let for_tool = active.for_tool(tool, name, &mut own);
        active.count(Some(for_tool), &sample);
        if !operation.waited_for_client && is_answered(&operation.ending) {
            seconds.observe(&self.sli.durations);
        }
        // Where the client was waited for, or for the answer of a stream that could be resumed, nobody knows how long the
        // server was busy.
        let unknown = operation.waited_for_client || is_unseen(&operation.ending);
        let busy = if unknown { 0.0 } else { seconds.value };
        let registry = self.metrics.registry();
        tool.cost.add_time(registry, tool.name(), busy);
        if let Some(rates) = &for_tool.rates {
            tool.cost.add_call(registry, tool.name(), rates.cost(&usage(operation, busy)));
        }
    }

    /// Goes on with other objectives and prices. To be called after [`Books::settle`].
    pub(super) fn reload_sli(&self, books: &mut Books, plan: Arc<Plan>, prices: Prices, now: Instant) {
        let settings = self.metrics.settings();
        let registry = self.metrics.registry();
        let active = Active::new(&plan, prices, &settings.server_name, settings.max_tools, registry);
        books.reload(plan, &active, registry, self.sli.time(now));
        self.sli.active.store(Arc::new(active));
        self.show_sli(books, now);
    }

    /// Sets the gauges of service levels.
    pub(super) fn show_sli(&self, books: &mut Books, now: Instant) {
        books.show(&self.metrics, self.sli.time(now));
    }
}

/// What `sli_requests_total` calls an outcome; `None` of those that are excluded by default.
const fn result(outcome: Outcome) -> Option<CallResult> {
    match outcome {
        Outcome::Success => Some(CallResult::Success),
        Outcome::Timeout => Some(CallResult::Timeout),
        Outcome::CallerError | Outcome::Cancelled => None,
        Outcome::ToolError
        | Outcome::ServerError
        | Outcome::RateLimited
        | Outcome::TransportError
        | Outcome::ProxyError => Some(CallResult::Error),
    }
}

/// Whether the server answered what was asked: an error that is the caller's own mistake tells nothing of the tool.
fn is_answered(ending: &Ending) -> bool {
    match ending {
        Ending::Success | Ending::ToolError => true,
        Ending::RpcError { .. } => ending.fault() != Some(Fault::Caller),
        _ => false,
    }
}

/// Whether the call may have been over long before: it was kept open in case that its answer still came.
const fn is_unseen(ending: &Ending) -> bool {
    matches!(ending, Ending::StreamClosed | Ending::SessionClosed { .. } | Ending::Abandoned)
}

/// What a call used, of which the server was busy for some seconds.
fn usage(operation: &Operation, busy: f64) -> Usage {
    let content = &operation.content;
    // The end of a task may be seen without its result.
    let unseen = operation.kind == OperationKind::Task && *content == Content::default();
    let answered = matches!(operation.ending, Ending::Success | Ending::ToolError) && !unseen;
    let elements = content.text + content.image + content.audio + content.resource + content.other;
    Usage {
        seconds: busy,
        bytes: elements + content.structured.unwrap_or(0),
        tokens: if answered { tokens::of_result(content) } else { 0 },
    }
}

fn unix_ms(wall: SystemTime) -> u64 {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Telemetry {
    /// How the objectives stand as this process counts. `now` and `wall` are the same moment on both clocks.
    #[must_use]
    pub fn slo(&self, now: Instant, wall: SystemTime) -> Report {
        let report = self.desk(now).books.report(self.0.sli.time(now));
        Report { unix_ms: unix_ms(wall), ..report }
    }

    /// The state of all budgets as bytes, for [`Telemetry::slo_restore`] of a later process.
    #[must_use]
    pub fn slo_save(&self, now: Instant) -> Vec<u8> {
        self.desk(now).books.save(self.0.sli.time(now))
    }

    /// Takes in the state of an earlier process; what was counted since the start of this one is added to it.
    ///
    /// # Errors
    /// What is wrong with the state; nothing is changed then.
    pub fn slo_restore(&self, bytes: &[u8], now: Instant) -> Result<Restored, StateError> {
        self.desk(now).books.restore(bytes, self.0.sli.time(now))
    }
}
