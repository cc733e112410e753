//! What calls cost: sums that only grow, added up by traffic, and the mean of the last five minutes, kept by upkeep.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::slo::Time;
use crate::telemetry::cost::Resource;
use crate::telemetry::metrics::{Metrics, ToolMetrics};
use crate::telemetry::names::{Metric, label};
use crate::telemetry::registry::Registry;
use crate::telemetry::values::FloatCell;

/// Length of one window, in milliseconds.
const WINDOW: u64 = 30_000;
/// Windows that the mean is taken over: 5 minutes.
const WINDOWS: usize = 10;

/// Dollars by what they are for.
type Usd = [f64; Resource::ALL.len()];

/// What the calls of one tool cost so far.
#[derive(Debug, Default)]
pub(in crate::telemetry) struct ToolCost {
    /// Those that have a price.
    calls: AtomicU64,
    compute: OnceLock<Arc<FloatCell>>,
    usd: [OnceLock<Arc<FloatCell>>; Resource::ALL.len()],
}

impl ToolCost {
    /// Adds seconds that the server was busy with a call.
    pub(super) fn add_time(&self, registry: &Registry, tool: &str, busy: f64) {
        if busy > 0.0 {
            let new = || registry.float_counter(Metric::ComputeSeconds, &[(label::TOOL, tool)]);
            self.compute.get_or_init(new).add(busy);
        }
    }

    /// Counts a call that has a price. What costs nothing makes no series.
    pub(super) fn add_call(&self, registry: &Registry, tool: &str, usd: Usd) {
        for (resource, amount) in Resource::ALL.into_iter().zip(usd) {
            if amount > 0.0 {
                let new = || registry.float_counter(Metric::CostUsd, &labels(tool, resource));
                self.usd[resource as usize].get_or_init(new).add(amount);
            }
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> (u64, Usd) {
        let usd = self.usd.each_ref().map(|cell| cell.get().map_or(0.0, |cell| cell.get()));
        (self.calls.load(Ordering::Relaxed), usd)
    }
}

fn labels(tool: &str, resource: Resource) -> [(&'static str, &str); 2] {
    [(label::TOOL, tool), (label::RESOURCE_TYPE, resource.as_str())]
}

/// The means of all tools, by the place of their label: as many as have one.
#[derive(Debug, Default)]
pub(super) struct Spending(Vec<Recent>);

/// One tool's last five minutes.
#[derive(Debug, Clone, Default)]
struct Recent {
    windows: [Spent; WINDOWS],
    /// What was read the last time.
    calls: u64,
    usd: Usd,
    /// What is shown.
    shown: [Option<f64>; Resource::ALL.len()],
}

/// What was spent in one window.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    number: u64,
    calls: u64,
    usd: Usd,
}

impl Spending {
    /// Takes in what was spent since the last time, and sets the gauges.
    pub(super) fn show(&mut self, metrics: &Metrics, now: Time) {
        metrics.tools.visit(|tool| {
            if self.0.len() <= tool.place() {
                self.0.resize(tool.place() + 1, Recent::default());
            }
            self.0[tool.place()].show(metrics.registry(), tool, now.0 / WINDOW);
        });
    }
}

impl Recent {
    fn show(&mut self, registry: &Registry, tool: &ToolMetrics, number: u64) {
        self.take_in(tool.cost.read(), number);
        let means = self.means(number);
        for (resource, (mean, shown)) in Resource::ALL.into_iter().zip(means.into_iter().zip(&mut self.shown))
        {
            if mean == *shown {
                continue;
            }
            match mean {
                Some(mean) => registry.gauge(Metric::RequestCost, &labels(tool.name(), resource)).set(mean),
                None => {
                    registry.remove_gauge(Metric::RequestCost, &labels(tool.name(), resource));
                }
            }
            *shown = mean;
        }
    }

    fn take_in(&mut self, (calls, usd): (u64, Usd), number: u64) {
        if calls == self.calls {
            // Prices are added just before the call is; the rest is taken in with it.
            return;
        }
        let window = &mut self.windows[(number % WINDOWS as u64) as usize];
        if window.number != number {
            *window = Spent { number, ..Spent::default() };
        }
        window.calls += calls - self.calls;
        for ((spent, now), before) in window.usd.iter_mut().zip(usd).zip(self.usd) {
            *spent += now - before;
        }
        (self.calls, self.usd) = (calls, usd);
    }

    /// The mean cost of a call; `None` without a call, or where it costs nothing.
    fn means(&self, number: u64) -> [Option<f64>; Resource::ALL.len()] {
        let mut calls = 0;
        let mut usd = Usd::default();
        for window in self.windows.iter().filter(|window| window.number + WINDOWS as u64 > number) {
            calls += window.calls;
            usd.iter_mut().zip(window.usd).for_each(|(sum, spent)| *sum += spent);
        }
        usd.map(|sum| (calls > 0 && sum > 0.0).then(|| sum / calls as f64))
    }
}
