//! The accounts that upkeep and readers keep of what traffic counted: which increments the engine has seen.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::slo::engine::MAX_RETIRED;
use crate::slo::{Engine, Plan, Report, Restored, StateError, Time};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::names::{Metric, label};
use crate::telemetry::registry::Registry;

use super::objectives::{Active, Counts};
use super::spend::Spending;

/// One objective's counters, and how much of them the engine has seen.
#[derive(Debug)]
struct Account {
    name: String,
    counts: Counts,
    good: u64,
    bad: u64,
}

/// Everything that is known beyond counters.
#[derive(Debug)]
pub(in crate::telemetry) struct Books {
    engine: Engine,
    /// Objectives that are gone first, the one gone longest at the front; then those of the configuration.
    accounts: Vec<Account>,
    /// Objectives whose budget is shown.
    shown: BTreeSet<String>,
    spending: Spending,
}

impl Books {
    /// Nothing is counted yet.
    pub(super) fn new(plan: Arc<Plan>, server: &str, active: &Active, now: Time) -> Self {
        let accounts = active.counts().map(|(name, counts)| Account::new(name, counts)).collect();
        Self {
            engine: Engine::new(plan, server, now),
            accounts,
            shown: BTreeSet::new(),
            spending: Spending::default(),
        }
    }

    /// Hands the engine what was counted since the last time.
    pub(in crate::telemetry) fn settle(&mut self, now: Time) {
        for account in &mut self.accounts {
            let good = account.counts.good.load(Ordering::Relaxed);
            let bad = account.counts.bad.load(Ordering::Relaxed);
            let (more_good, more_bad) = (good - account.good, bad - account.bad);
            if more_good > 0 || more_bad > 0 {
                self.engine.observe(&account.name, more_good, more_bad, now);
                (account.good, account.bad) = (good, bad);
            }
        }
    }

    /// Goes on with other objectives. What has the same name goes on counting; what is gone keeps its series, as long
    /// as there are not too many of them. To be called after [`Books::settle`], and before traffic has the new set.
    pub(super) fn reload(&mut self, plan: Arc<Plan>, active: &Active, registry: &Registry, now: Time) {
        self.engine.configure(plan, now);
        let mut current: Vec<Account> = Vec::new();
        for (name, counts) in active.counts() {
            let known = self.accounts.iter().position(|account| account.name == name);
            current.push(match known {
                Some(place) => self.accounts.remove(place),
                None => Account::new(name, counts),
            });
        }
        let too_many = self.accounts.len().saturating_sub(MAX_RETIRED);
        for account in self.accounts.drain(..too_many) {
            Counts::remove(registry, &account.name);
        }
        self.accounts.append(&mut current);
    }

    /// How the objectives stand. To be called after [`Books::settle`].
    pub(super) fn report(&mut self, now: Time) -> Report {
        self.engine.report(now)
    }

    /// Sets the gauges: budgets, and what a call costs. What nobody can tell is absent, not 0.
    pub(super) fn show(&mut self, metrics: &Metrics, now: Time) {
        let registry = metrics.registry();
        let report = self.engine.report(now);
        let mut gone = std::mem::take(&mut self.shown);
        for objective in report.objectives {
            if let Some(remaining) = objective.budget.remaining {
                let labels = [(label::SLI_NAME, objective.slo.as_str())];
                registry.gauge(Metric::SliBudget, &labels).set(remaining * 100.0);
                gone.remove(&objective.slo);
                self.shown.insert(objective.slo);
            }
        }
        for slo in gone {
            registry.remove_gauge(Metric::SliBudget, &[(label::SLI_NAME, &slo)]);
        }
        self.spending.show(metrics, now);
    }

    /// The engine's state as bytes. To be called after [`Books::settle`].
    pub(super) fn save(&self, now: Time) -> Vec<u8> {
        self.engine.save(now)
    }

    /// Takes in the state of an earlier process.
    pub(super) fn restore(&mut self, bytes: &[u8], now: Time) -> Result<Restored, StateError> {
        self.engine.restore(bytes, now)
    }
}

impl Account {
    fn new(name: &str, counts: &Counts) -> Self {
        Self { name: name.to_owned(), counts: counts.clone(), good: 0, bad: 0 }
    }
}
