//! A stand-in for `slo::Engine` until that is there: it counts, and knows no windows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::slo::report::{Budget, ObjectiveReport, State, Window};
use crate::slo::{Plan, Report, Sli, Time};

#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    server: String,
    counts: BTreeMap<String, (u64, u64)>,
}

#[derive(Debug)]
pub struct Restored;

#[derive(Debug, thiserror::Error)]
#[error("the state is damaged")]
pub struct StateError;

impl Engine {
    pub fn new(plan: Arc<Plan>, server: &str, _: Time) -> Self {
        Self { plan, server: server.to_owned(), counts: BTreeMap::new() }
    }

    pub fn configure(&mut self, plan: Arc<Plan>, _: Time) {
        self.plan = plan;
    }

    pub fn observe(&mut self, slo: &str, good: u64, bad: u64, _: Time) {
        let counts = self.counts.entry(slo.to_owned()).or_default();
        counts.0 += good;
        counts.1 += bad;
    }

    pub fn report(&self, now: Time) -> Report {
        let mine = self.plan.objectives.iter().filter(|objective| objective.is_for(&self.server));
        let objectives = mine
            .map(|objective| {
                let (good, bad) = self.counts.get(&objective.name).copied().unwrap_or_default();
                let total = good + bad;
                let ratio = |part: u64| (total > 0).then(|| part as f64 / total as f64);
                let budget = objective.target.budget().to_f64();
                let window = Window {
                    seconds: 0.0,
                    good: good as f64,
                    bad: bad as f64,
                    sli: ratio(good),
                    error_ratio: ratio(bad),
                    burn: ratio(bad).map(|ratio| ratio / budget),
                    coverage: 0.0,
                };
                ObjectiveReport {
                    slo: objective.name.clone(),
                    mcp_server: self.server.clone(),
                    namespace: None,
                    sli: objective.sli.as_str().to_owned(),
                    target: objective.target.to_string(),
                    threshold_seconds: match objective.sli {
                        Sli::Latency { threshold } => Some(threshold.as_secs_f64()),
                        _ => None,
                    },
                    tools: Vec::new(),
                    state: State::Ok,
                    budget: Budget {
                        remaining: window.burn.map(|burn| 1.0 - burn),
                        events: window.clone(),
                        allowed_bad: 0.0,
                        exhausted_in_seconds: None,
                        coverage_seconds: 0.0,
                    },
                    window,
                    burn: Vec::new(),
                    tiers: Vec::new(),
                }
            })
            .collect();
        Report {
            source: "process".to_owned(),
            unix_ms: now.0,
            period_seconds: self.plan.period.as_secs(),
            objectives,
        }
    }

    pub fn save(&self, _: Time) -> Vec<u8> {
        format!("{:?}", self.counts).into_bytes()
    }

    pub fn restore(&mut self, bytes: &[u8], _: Time) -> Result<Restored, StateError> {
        if bytes == self.save(Time(0)) { Ok(Restored) } else { Err(StateError) }
    }
}
