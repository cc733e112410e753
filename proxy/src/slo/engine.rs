//! The engine: counts what happened to each objective, and says how it stands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::burn;
use super::coverage::Coverage;
use super::objective::{Objective, Sli};
use super::plan::{MAX_OBJECTIVES, Plan};
use super::report::{Budget, ObjectiveReport, Report, TierReport, Window};
use super::state::{self, Restored, StateError};
use super::time::Time;
use super::window::{Counts, Layout, Rings, millis};

/// Most objectives that are no longer in force and whose counts are kept, in case they come back.
pub const MAX_RETIRED: usize = 64;

/// The counts of one objective.
#[derive(Debug, Clone)]
pub(super) struct Book {
    pub(super) rings: Rings,
    pub(super) coverage: Coverage,
    /// When it was taken out of force; `None`: it is in force.
    pub(super) retired: Option<Time>,
}

impl Book {
    fn new(layout: &Layout) -> Self {
        Self { rings: Rings::new(layout), coverage: Coverage::default(), retired: None }
    }

    /// Takes over the events and the history of the same objective.
    fn absorb(&mut self, other: &Self, now: Time, horizon: u64) {
        self.rings.absorb(&other.rings, now);
        // What the other could not count is no history.
        let reach = other.rings.each().last().map_or(0, |ring| ring.shape().span());
        let oldest = now.0.saturating_sub(reach);
        for (from, to) in other.coverage.spans(now) {
            self.coverage.add(from.max(oldest), to);
        }
        self.coverage.forget(now, horizon);
    }
}

/// Counts of all objectives of one server, and how they stand.
///
/// Counts are kept by the objective's name. An objective that is not in the plan any more is retired: it is not
/// reported, but its counts stay until they are older than the period, or until [`MAX_RETIRED`] others were retired
/// after it.
#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    server: String,
    layout: Layout,
    books: BTreeMap<String, Book>,
    /// The latest moment that it was told of.
    last: Time,
}

impl Engine {
    /// Nothing happened yet. Objectives that are not for this server are left out.
    #[must_use]
    pub fn new(plan: Arc<Plan>, server: &str, now: Time) -> Self {
        let layout = Layout::of(&plan);
        let mut engine = Self { plan, server: server.to_owned(), layout, books: BTreeMap::new(), last: now };
        engine.settle(now);
        engine
    }

    /// Another plan is in force. Counts are kept by name; where windows differ they are moved to the new slots.
    pub fn configure(&mut self, plan: Arc<Plan>, now: Time) {
        let now = self.pass(now);
        // A shorter period may be a mistake that is taken back: nothing is thrown away for it.
        let layout = Layout::of(&plan).reaching(self.layout.horizon());
        if layout != self.layout {
            for book in self.books.values_mut() {
                let mut other = Rings::new(&layout);
                other.absorb(&book.rings, now);
                book.rings = other;
            }
            // Beyond the old horizon there are no counts, so there is no history either.
            let horizon = self.layout.horizon().min(layout.horizon());
            self.books.values_mut().for_each(|book| book.coverage.forget(now, horizon));
            self.layout = layout;
        }
        self.plan = plan;
        self.settle(now);
    }

    /// Counts events of an objective. Names that are unknown are no objectives of this server.
    pub fn observe(&mut self, slo: &str, good: u64, bad: u64, at: Time) {
        let at = self.pass(at);
        if let Some(book) = self.books.get_mut(slo) {
            book.rings.add(Counts::new(good, bad), at);
        }
    }

    /// How all objectives stand, in the order of the plan.
    #[must_use]
    pub fn report(&self, now: Time) -> Report {
        let now = now.max(self.last);
        Report {
            source: "process".to_owned(),
            unix_ms: now.0,
            period_seconds: self.plan.period.as_secs(),
            objectives: self
                .in_force()
                .filter_map(|objective| {
                    Some(self.objective(objective, self.books.get(&objective.name)?, now))
                })
                .collect(),
        }
    }

    /// Everything that has to outlast the process, as bytes.
    #[must_use]
    pub fn save(&self, now: Time) -> Vec<u8> {
        state::encode(&self.server, &self.books, now.max(self.last))
    }

    /// Adds what was saved to what was counted since. Slots that are too old by now do not come back, and what was
    /// counted with other windows is moved to the present ones. After an error nothing has changed.
    ///
    /// # Errors
    /// The bytes are damaged, of another server or format, or from the future.
    pub fn restore(&mut self, bytes: &[u8], now: Time) -> Result<Restored, StateError> {
        let now = now.max(self.last);
        let saved = state::decode(bytes, &self.server, now)?;
        // A saved moment may be a little ahead of a clock that was set back; the windows wait for it.
        let at = self.pass(now.max(saved.at));
        let (mut objectives, mut retired) = (0, 0);
        for (name, saved) in saved.books {
            let horizon = self.layout.horizon();
            if let Some(book) = self.books.get_mut(&name) {
                book.absorb(&saved, at, horizon);
                objectives += usize::from(book.retired.is_none());
                retired += usize::from(book.retired.is_some());
            } else {
                let mut book = Book::new(&self.layout);
                book.retired = Some(saved.retired.unwrap_or(at));
                book.absorb(&saved, at, horizon);
                self.books.insert(name, book);
                retired += 1;
            }
        }
        self.forget_retired(at);
        Ok(Restored { at: saved.at, objectives, retired })
    }

    /// The time that passed; it never runs backwards.
    fn pass(&mut self, now: Time) -> Time {
        self.last = self.last.max(now);
        self.last
    }

    /// The objectives of this server.
    fn in_force(&self) -> impl Iterator<Item = &Objective> {
        let mine = |objective: &&Objective| objective.is_for(&self.server);
        self.plan.objectives.iter().filter(mine).take(MAX_OBJECTIVES)
    }

    /// Gives each objective in force a book and retires the others.
    fn settle(&mut self, now: Time) {
        let names: Vec<String> = self.in_force().map(|objective| objective.name.clone()).collect();
        let horizon = self.layout.horizon();
        for (name, book) in &mut self.books {
            if book.retired.is_none() && !names.contains(name) {
                book.retired = Some(now);
                book.coverage.end(now, horizon);
            }
        }
        for name in names {
            let book = self.books.entry(name).or_insert_with(|| Book::new(&self.layout));
            book.retired = None;
            book.coverage.begin(now);
        }
        self.forget_retired(now);
    }

    /// Keeps the retired within bounds: those that were retired last, and none that has no counts any more.
    fn forget_retired(&mut self, now: Time) {
        let horizon = self.layout.horizon();
        let held = |at: Time| now.0.saturating_sub(at.0) < horizon;
        self.books.retain(|_, book| book.retired.is_none_or(held));
        let mut retired: Vec<_> =
            self.books.iter().filter_map(|(name, book)| Some((book.retired?, name.clone()))).collect();
        retired.sort_unstable();
        let surplus = retired.len().saturating_sub(MAX_RETIRED);
        for (_, name) in retired.drain(..surplus) {
            self.books.remove(&name);
        }
    }

    fn objective(&self, objective: &Objective, book: &Book, now: Time) -> ObjectiveReport {
        let (plan, target) = (&self.plan, objective.target);
        // Each window is added up once: several tiers share them.
        let sums: Vec<_> =
            plan.windows().into_iter().map(|window| (window, book.rings.sum(window, now))).collect();
        let counts = |window: Duration| {
            sums.iter().find(|(length, _)| *length == window).map_or(Counts::ZERO, |(_, counts)| *counts)
        };
        let covered = |window: Duration| Duration::from_millis(book.coverage.within(millis(window), now));
        let shown = |window: Duration| {
            Window::of(window, counts(window), target, burn::share(covered(window), window))
        };
        let met: Vec<bool> = plan
            .tiers
            .iter()
            .map(|tier| burn::met(tier, plan.period, target, counts(tier.long), counts(tier.short)))
            .collect();
        let (window, period) = (counts(plan.window), counts(plan.period));
        ObjectiveReport {
            slo: objective.name.clone(),
            mcp_server: self.server.clone(),
            namespace: None,
            sli: objective.sli.as_str().to_owned(),
            target: target.to_string(),
            threshold_seconds: match objective.sli {
                Sli::Latency { threshold } => Some(threshold.as_secs_f64()),
                Sli::Availability | Sli::Quality => None,
            },
            tools: objective.tools.iter().map(ToString::to_string).collect(),
            state: burn::state(window, period, target, met.contains(&true)),
            window: shown(plan.window),
            budget: Budget::of(plan.period, period, window, target, covered(plan.period)),
            burn: tier_windows(plan).into_iter().map(shown).collect(),
            tiers: plan
                .tiers
                .iter()
                .zip(met)
                .map(|(tier, met)| TierReport::of(tier, plan.period, met))
                .collect(),
        }
    }
}

/// Every window of the tiers, each once, from short to long.
fn tier_windows(plan: &Plan) -> Vec<Duration> {
    let mut windows: Vec<_> = plan.tiers.iter().flat_map(|tier| [tier.short, tier.long]).collect();
    windows.sort_unstable();
    windows.dedup();
    windows
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
