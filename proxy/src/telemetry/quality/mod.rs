//! Whether answers of tools are sound; looked at off the traffic path.
//!
//! ```text
//!   tools/list ─► catalogue ─► schemas ─► Keep: what the exchange keeps of whose answers
//!   answer ─► recorder ─► queue (bounded; never waits) ─► thread `quality`: judge ─► objectives, findings, score
//! ```
//!
//! An answer is an event of quality when its tool was listed, the sample chose its call, and it could be judged; whatever
//! else is no event, and counted by its reason ([`Unchecked`]). Bounds: [`QUEUE`] answers and [`ROOM`] bytes of them wait;
//! judging one takes at most about half a second (`compile.rs`), and what would take longer is not judged.

mod compile;
mod cost;
mod judge;
mod schemas;
mod score;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use compact_str::CompactString;
use crossbeam_queue::ArrayQueue;
use metrics::Counter;

use crate::exchange::event::{Client, Operation, OperationKind};
use crate::exchange::keep::{Keep, Kept, Parts, Wanted};
use crate::protocol::message::Content;
use crate::protocol::outcome::Ending;
use crate::protocol::version::Version;
use crate::slo::{Outcome, Pattern};

use super::labels::{OTHER, Table, table};
use super::metrics::Metrics;
use super::names::{Metric, label};
use super::registry::Registry;
use super::{Inner, Telemetry};

pub use self::compile::STACK;
pub use self::judge::{Finding, Unchecked};
pub(super) use self::schemas::{Declared, Schemas};
pub(super) use self::score::Scores;

use self::judge::{Answer, Judgement, Rules};

/// Most answers that wait.
pub const QUEUE: usize = 4096;
/// Most bytes that answers hold from their end until they were judged.
pub const ROOM: usize = 16 << 20;

/// What is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Part of the answers that are judged, 0 to 1; the others are no quality events.
    pub sample: f64,
    /// Longest `structuredContent` that is validated, in bytes; longer ones are not judged.
    pub size_limit: usize,
    /// Tools whose answers may be empty.
    pub may_be_empty: Vec<Pattern>,
    /// Tools that report failure as `"success": false` in a result that is no error.
    pub reports_failure: Vec<Pattern>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sample: 1.0, size_limit: 256 << 10, may_be_empty: Vec::new(), reports_failure: Vec::new() }
    }
}

/// What traffic and the judging thread share.
#[derive(Debug)]
pub(super) struct Quality {
    keep: Arc<Keep>,
    settings: ArcSwap<Settings>,
    /// The listed tools.
    tools: Table<CompactString, Arc<Tool>>,
    queue: ArrayQueue<Waiting>,
    /// Who judges, once it does.
    thread: OnceLock<Thread>,
    unchecked: [Counter; Unchecked::ALL.len()],
    scores: Mutex<Scores>,
}

/// A listed tool.
#[derive(Debug)]
struct Tool {
    name: Box<str>,
    current: schemas::Current,
}

/// An answer that waits to be judged. Small: the queue has room for all of them from the start.
#[derive(Debug)]
struct Waiting {
    tool: Arc<Tool>,
    is_error: bool,
    content: Content,
    version: Option<Version>,
    kept: Option<Arc<Kept>>,
}

impl Quality {
    /// No tool is known yet.
    pub(super) fn new(settings: Settings, window: Duration, registry: &Registry) -> Self {
        let quality = Self {
            keep: Keep::new(ROOM),
            settings: ArcSwap::from_pointee(settings),
            tools: table(),
            queue: ArrayQueue::new(QUEUE),
            thread: OnceLock::new(),
            unchecked: Unchecked::ALL.map(|reason| {
                registry.counter(Metric::QualityUnchecked, &[(label::REASON, reason.as_str())])
            }),
            scores: Mutex::new(Scores::new(window)),
        };
        quality.want();
        quality
    }

    /// From now on these settings hold.
    pub(super) fn configure(&self, settings: Settings, window: Duration) {
        self.settings.store(Arc::new(settings));
        self.scores().resize(window);
        self.want();
    }

    /// Takes in the tools of a page of the catalogue, and those that are gone.
    pub(super) fn learn(
        &self,
        schemas: &mut Schemas,
        declared: Vec<(String, Declared)>,
        removed: &[&str],
        client: &Client,
        now: Instant,
    ) {
        let audience = foldhash::quality::FixedState::default().hash_one(client);
        let mut changed = false;
        for (name, declared) in declared {
            if schemas.learn(&name, declared, audience, now) {
                let current = schemas.current(&name, now);
                let tool = Arc::new(Tool { name: name.as_str().into(), current });
                if self.tools.len() < schemas::TOOLS || self.tools.pin().contains_key(name.as_str()) {
                    self.tools.pin().insert(CompactString::new(&name), tool);
                }
                changed = true;
            }
        }
        for name in removed {
            changed |= schemas.remove(name);
            self.tools.pin().remove(*name);
        }
        if changed {
            self.want();
        }
    }

    /// Says what of whose answers is to be kept.
    fn want(&self) {
        let settings = self.settings.load();
        let tools = self.tools.pin();
        let parts = tools.iter().filter_map(|(name, tool)| {
            let reports = matches(&settings.reports_failure, name);
            let parts = Parts { structured: needs_schema(&tool.current) || reports, text: reports };
            (parts != Parts::default()).then(|| (name.to_string(), parts))
        });
        let (sample, limit) = (Wanted::share(settings.sample), settings.size_limit);
        let learned = !tools.is_empty();
        self.keep.want(Wanted { sample, limit, learned, tools: parts.collect() });
    }

    /// Lets an answer wait to be judged, if it is one and was chosen. On the traffic path: takes no lock, does not wait.
    pub(super) fn answered(&self, operation: &mut Operation) {
        let kept = operation.kept.take();
        if !operation.chosen || !matches!(operation.ending, Ending::Success | Ending::ToolError) {
            return;
        }
        let name = operation.tool().unwrap_or_default();
        let Some(tool) = self.tools.pin().get(name).cloned() else { return self.skip(Unchecked::Unlisted) };
        let is_error = operation.ending == Ending::ToolError;
        let unseen = operation.kind == OperationKind::Task && operation.content == Content::default();
        if unseen && !is_error {
            return self.skip(Unchecked::Task);
        }
        let (content, version) = (operation.content, operation.version);
        if self.queue.push(Waiting { tool, is_error, content, version, kept }).is_err() {
            self.skip(Unchecked::QueueFull);
        }
        // The thread looks after a while by itself, or upkeep wakes it; only a queue that grows fast cannot wait for
        // that.
        let waiting = self.queue.len();
        if waiting >= QUEUE / 2 && waiting % (QUEUE / 64) < 8 {
            // Not at one number only: two who push at once may both see the next one.
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn skip(&self, reason: Unchecked) {
        self.unchecked[reason as usize].increment(1);
    }

    fn judge(&self, waiting: &Waiting) -> Judgement {
        let settings = self.settings.load();
        let Waiting { tool, is_error, content, version, kept } = waiting;
        let schemas: Vec<_> = tool.current.iter().map(Option::as_deref).collect();
        let rules = Rules {
            may_be_empty: matches(&settings.may_be_empty, &tool.name),
            reports_failure: matches(&settings.reports_failure, &tool.name),
            size_limit: settings.size_limit,
            schemas: &schemas,
        };
        let answer =
            Answer { is_error: *is_error, content: *content, version: *version, ..Answer::default() };
        let judge = || answer.with(kept.as_deref()).judge(&rules);
        // Values and schemas come from outside, and what judges them is not all ours.
        catch_unwind(AssertUnwindSafe(judge)).unwrap_or(Err(Unchecked::Internal))
    }

    fn scores(&self) -> std::sync::MutexGuard<'_, Scores> {
        self.scores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the thread if it has something to do: without work it sleeps until then.
    pub(super) fn look_after(&self) {
        if !self.queue.is_empty() {
            self.wake();
        }
    }

    /// Sets the gauges of scores.
    pub(super) fn show(&self, metrics: &Metrics, now: Instant) {
        self.scores().show(metrics.registry(), now);
    }
}

fn needs_schema(current: &schemas::Current) -> bool {
    !current.is_empty() && current.iter().all(Option::is_some)
}

fn matches(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

impl Inner {
    fn judge_next(&self, now: Instant) -> bool {
        let quality = &self.quality;
        let Some(waiting) = quality.queue.pop() else { return false };
        let finding = match quality.judge(&waiting) {
            Ok(finding) => finding,
            Err(reason) => {
                quality.skip(reason);
                return true;
            }
        };
        let outcome = if waiting.is_error { Outcome::ToolError } else { Outcome::Success };
        self.sli.judged(&waiting.tool.name, outcome, finding.is_none());
        let known = self.metrics.tools.get(&waiting.tool.name).is_some();
        let name = if known { &*waiting.tool.name } else { OTHER };
        if let Some(finding) = finding {
            let labels = [(label::TOOL, name), (label::FINDING, finding.as_str())];
            self.metrics.registry().counter(Metric::QualityFindings, &labels).increment(1);
        }
        quality.scores().add(name, finding.is_none(), now);
        true
    }
}

impl Telemetry {
    /// What the exchange is to keep of answers, always as of now.
    #[must_use]
    pub fn keep(&self) -> Arc<Keep> {
        Arc::clone(&self.0.quality.keep)
    }

    /// The calling thread is the one that judges: it is woken when many answers wait, and by upkeep when any does. It
    /// needs a stack of [`STACK`] bytes.
    pub fn judge_here(&self) {
        self.0.quality.thread.set(std::thread::current()).ok();
    }

    /// Judges the answers that wait until none does, or `stop` says so between two of them; `now` is asked for each.
    /// Says whether there was any.
    pub fn judge_waiting(&self, now: impl Fn() -> Instant, stop: impl Fn(Instant) -> bool) -> bool {
        let mut any = false;
        loop {
            let now = now();
            if stop(now) || !self.0.judge_next(now) {
                return any;
            }
            any = true;
        }
    }

    /// The process ends: what still waits is not judged.
    pub fn judge_no_more(&self) {
        while self.0.quality.queue.pop().is_some() {
            self.0.quality.skip(Unchecked::Shutdown);
        }
    }
}
