//! What traffic counts for: the objectives and prices that hold at the moment, ready to be used.
//!
//! A set never changes; configuration that was read again makes another one. Which objectives a tool counts for, and
//! what its calls cost, is found by names once per tool and set. Tools without a label share a place, so there names
//! are compared at each call, if any objective or price is for some tools only: at most as many as are configured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::slo::plan::MAX_OBJECTIVES;
use crate::slo::{Objective, Outcome, Plan, Sample, Sli, Verdict};
use crate::telemetry::cost::{Prices, Rates};
use crate::telemetry::metrics::{OTHER_PLACE, ToolMetrics};
use crate::telemetry::names::{Metric, label};
use crate::telemetry::registry::Registry;

/// The events of one objective, by its name.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    /// Good events.
    pub good: Arc<AtomicU64>,
    /// Bad events.
    pub bad: Arc<AtomicU64>,
}

impl Counts {
    /// Both series of this name; they begin at 0 before anything is counted (slo-and-alerts.md §2).
    pub(super) fn new(registry: &Registry, name: &str) -> Self {
        let count = |verdict| registry.count(Metric::SloEvents, &labels(name, verdict));
        Self { good: count(Verdict::Good), bad: count(Verdict::Bad) }
    }

    /// Takes both series away.
    pub(super) fn remove(registry: &Registry, name: &str) {
        for verdict in [Verdict::Good, Verdict::Bad] {
            registry.remove_count(Metric::SloEvents, &labels(name, verdict));
        }
    }

    fn add(&self, verdict: Verdict) {
        match verdict {
            Verdict::Good => self.good.fetch_add(1, Ordering::Relaxed),
            Verdict::Bad => self.bad.fetch_add(1, Ordering::Relaxed),
            Verdict::Excluded => return,
        };
    }
}

fn labels(name: &str, verdict: Verdict) -> [(&'static str, &str); 2] {
    [(label::SLO, name), (label::VERDICT, verdict.as_str())]
}

#[derive(Debug)]
struct Entry {
    objective: Objective,
    counts: Counts,
}

/// What holds for the calls of one tool.
#[derive(Debug)]
pub(super) struct ForTool {
    /// The objectives that its calls count for, a bit each.
    objectives: Mask,
    /// What they cost; `None`: nothing.
    pub rates: Option<Rates>,
}

/// A bit for each objective of a set.
type Mask = u64;
const _: () = assert!(MAX_OBJECTIVES <= Mask::BITS as usize, "every objective has a bit");

/// The objectives and prices of one reading of the configuration.
#[derive(Debug)]
pub(super) struct Active {
    entries: Box<[Entry]>,
    /// Objectives that take in requests that are no tool calls.
    others: Mask,
    prices: Prices,
    /// Whether tools that share a label are to be told apart.
    by_name: bool,
    /// By the place of the tool's label.
    tools: Box<[OnceLock<ForTool>]>,
}

impl Active {
    /// The objectives of this server, with their counters; `max_tools` tools have a label.
    pub(super) fn new(
        plan: &Plan,
        prices: Prices,
        server: &str,
        max_tools: usize,
        registry: &Registry,
    ) -> Self {
        let entry = |objective: &Objective| Entry {
            counts: Counts::new(registry, &objective.name),
            objective: objective.clone(),
        };
        let entries: Box<[Entry]> = plan
            .objectives
            .iter()
            .filter(|objective| objective.is_for(server))
            .take(MAX_OBJECTIVES)
            .map(entry)
            .collect();
        let by_name =
            !prices.tools.is_empty() || entries.iter().any(|entry| !entry.objective.tools.is_empty());
        Self {
            others: mask(&entries, None),
            entries,
            prices,
            by_name,
            tools: (0..=max_tools.saturating_add(OTHER_PLACE)).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Names and counters of the objectives.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&str, &Counts)> {
        self.entries.iter().map(|entry| (entry.objective.name.as_str(), &entry.counts))
    }

    /// What holds for a tool; `name` is its own, whatever its label is. What is found anew at each call is put into
    /// `own`.
    #[inline]
    pub(super) fn for_tool<'a>(
        &'a self,
        tool: &ToolMetrics,
        name: &str,
        own: &'a mut Option<ForTool>,
    ) -> &'a ForTool {
        match self.tools.get(tool.place()) {
            Some(known) if tool.place() != OTHER_PLACE || !self.by_name => {
                known.get_or_init(|| self.resolve(name))
            }
            _ => own.insert(self.resolve(name)),
        }
    }

    #[cold]
    fn resolve(&self, name: &str) -> ForTool {
        ForTool {
            objectives: mask(&self.entries, Some(name)),
            rates: Some(self.prices.rates(name)).filter(|rates| !rates.is_free()),
        }
    }

    /// Counts a request for the objectives that take it in; `tool` is what holds for a tool call.
    #[inline]
    pub(super) fn count(&self, tool: Option<&ForTool>, sample: &Sample) {
        let mut left = tool.map_or(self.others, |tool| tool.objectives);
        while left != 0 {
            let entry = &self.entries[left.trailing_zeros() as usize];
            left &= left - 1;
            entry.counts.add(entry.objective.judge(sample));
        }
    }

    /// Counts a judged answer for the objectives of quality.
    pub(super) fn judged(&self, tool: &str, outcome: Outcome, sound: bool) {
        for entry in self.entries.iter().filter(|entry| entry.objective.sli == Sli::Quality) {
            entry.counts.add(entry.objective.sound(tool, outcome, sound));
        }
    }
}

/// The objectives that requests of this kind count for when they end. Quality is judged later, by names.
fn mask(entries: &[Entry], tool: Option<&str>) -> Mask {
    let takes = |entry: &Entry| entry.objective.sli != Sli::Quality && entry.objective.selects(tool);
    let bit = |(place, entry)| Mask::from(takes(entry)) << place;
    entries.iter().enumerate().map(bit).fold(0, |mask, bit| mask | bit)
}
