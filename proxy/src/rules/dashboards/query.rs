//! What dashboards ask Prometheus: recorded series of the rules, metrics of the sidecars, and the pieces between.

use std::time::Duration;

use crate::rules::{duration, series};
use crate::slo::{Plan, Tier};
use crate::telemetry::names::{Metric, label};

/// Which series of a fleet: those that the variables of the dashboard name.
const FLEET: &str = "namespace=~\"$namespace\",mcp_server=~\"$mcp_server\"";
/// What stands for the range of `rate` where no recorded series does: at least four scrapes long.
const RANGE: &str = "$__rate_interval";

/// A metric of the chosen servers, by its name; `more` are further matchers.
pub(super) fn metric(metric: Metric, more: &[(&str, &str)]) -> String {
    selected(metric.name(), more)
}

/// The buckets of a histogram of the chosen servers.
fn buckets(metric: Metric, more: &[(&str, &str)]) -> String {
    selected(&format!("{}_bucket", metric.name()), more)
}

fn selected(name: &str, more: &[(&str, &str)]) -> String {
    let more: String = more.iter().map(|(label, pattern)| format!(",{label}=~\"{pattern}\"")).collect();
    format!("{name}{{{FLEET}{more}}}")
}

/// The matcher of the variable for tools.
pub(super) const CHOSEN_TOOLS: (&str, &str) = (label::TOOL, "$tool_name");
/// The matcher of the variable for objectives.
pub(super) const CHOSEN_OBJECTIVES: (&str, &str) = (label::SLO, "$slo");

/// How often something was counted per second.
pub(super) fn rate(series: &str) -> String {
    format!("rate({series}[{RANGE}])")
}

/// The sum of rates, by labels.
pub(super) fn sum_rate(by: &[&str], series: &str) -> String {
    sum(by, &rate(series))
}

/// The sum, by labels.
pub(super) fn sum(by: &[&str], vector: &str) -> String {
    match by {
        [] => format!("sum({vector})"),
        _ => format!("sum by ({}) ({vector})", by.join(", ")),
    }
}

/// The greatest, by labels.
pub(super) fn max(by: &[&str], vector: &str) -> String {
    format!("max by ({}) ({vector})", by.join(", "))
}

/// A quantile of a histogram of the chosen servers, by labels.
pub(super) fn quantile(quantile: &str, by: &[&str], histogram: Metric, more: &[(&str, &str)]) -> String {
    let by: Vec<_> = by.iter().copied().chain(["le"]).collect();
    format!("histogram_quantile({quantile}, {})", sum_rate(&by, &buckets(histogram, more)))
}

/// How many observations per second fell into each bucket.
pub(super) fn heat(histogram: Metric, more: &[(&str, &str)]) -> String {
    sum_rate(&["le"], &buckets(histogram, more))
}

/// The mean of the observations of a histogram, by labels.
pub(super) fn mean(by: &[&str], histogram: Metric, more: &[(&str, &str)]) -> String {
    let part = |part: &str| sum_rate(by, &selected(&format!("{}_{part}", histogram.name()), more));
    format!("{} / ({} > 0)", part("sum"), part("count"))
}

/// Observations per second that were above a bound of the histogram, by labels.
pub(super) fn slower_than(bound: &str, by: &[&str], histogram: Metric, more: &[(&str, &str)]) -> String {
    let all = sum_rate(by, &selected(&format!("{}_count", histogram.name()), more));
    // Both spellings of a whole bound: what stores of both generations of Prometheus hold.
    let le = format!("{bound}(\\\\.0)?");
    let bounded: Vec<_> = more.iter().copied().chain([("le", le.as_str())]).collect();
    format!("{all} - {}", sum_rate(by, &buckets(histogram, &bounded)))
}

/// A part of a whole: no value where the whole is nothing.
pub(super) fn share(part: &str, whole: &str) -> String {
    format!("{part} / ({whole} > 0)")
}

/// Zero where nothing of it is there.
pub(super) fn or_zero(vector: &str) -> String {
    format!("{vector} or vector(0)")
}

/// The recorded series of a plan, for the chosen servers and objectives.
pub(super) struct Recorded<'a> {
    plan: &'a Plan,
    interval: Duration,
}

impl<'a> Recorded<'a> {
    pub(super) const fn new(plan: &'a Plan, interval: Duration) -> Self {
        Self { plan, interval }
    }

    /// The window that SLIs are shown over.
    pub(super) fn window(&self) -> String {
        duration::text(self.plan.window)
    }

    /// What budgets are counted over.
    pub(super) fn period(&self) -> String {
        duration::text(self.plan.period)
    }

    /// The shortest window: what happens now.
    pub(super) fn shortest(&self) -> Duration {
        self.plan.windows().first().copied().unwrap_or(self.plan.window)
    }

    /// Every window of a tier, from short to long.
    pub(super) fn burn_windows(&self) -> Vec<Duration> {
        let mut windows: Vec<_> = self.plan.tiers.iter().flat_map(|tier| [tier.short, tier.long]).collect();
        windows.sort_unstable();
        windows.dedup();
        windows
    }

    /// Bad events by all events.
    pub(super) fn error_ratio(&self, window: Duration) -> String {
        recorded(&series::error_ratio(window))
    }

    /// The SLI over the shown window.
    pub(super) fn sli(&self) -> String {
        format!("1 - {}", self.error_ratio(self.plan.window))
    }

    /// Events per second, over the shortest window.
    pub(super) fn events(&self) -> String {
        recorded(&series::events(self.shortest()))
    }

    /// Bad events per second, over the shortest window.
    pub(super) fn bad(&self) -> String {
        recorded(&series::bad_events(self.shortest()))
    }

    /// How many times faster than allowed the budget burns.
    pub(super) fn burn(&self, window: Duration) -> String {
        format!("{} / {}", self.error_ratio(window), of_objective(&budget()))
    }

    /// What must be good, of every server that is there, idle or not.
    pub(super) fn target(&self) -> String {
        format!("0 * {} + {}", self.events(), of_objective(series::OBJECTIVE))
    }

    /// The part of the budget that is left.
    pub(super) fn remaining(&self) -> String {
        recorded(&series::budget_remaining(self.plan.period))
    }

    /// The part of the period that there is history of.
    pub(super) fn coverage(&self) -> String {
        recorded(&series::coverage(self.plan.period))
    }

    /// The part of the period's budget that the window used.
    pub(super) fn used(&self, window: Duration) -> String {
        let part = crate::slo::Fraction::new(millis(window), millis(self.plan.period));
        format!("{} * {}", self.burn(window), part.to_decimal())
    }

    /// How many more events may be bad, of as many as the period had; none where it had none.
    pub(super) fn allowed(&self) -> String {
        let period = self.period();
        let sum = |series: &str| format!("sum_over_time({series}[{period}])");
        let (events, bad) = (sum(&self.events()), sum(&self.bad()));
        // Series hold rates, one sample per evaluation: their sum is the number by the evaluation's interval.
        format!("(({events} > 0) * {} - {bad}) * {}", of_objective(&budget()), seconds(self.interval))
    }

    /// Seconds until nothing is left at the burn of the shown window; none where nothing burns, or nothing is left.
    pub(super) fn exhausted_in(&self) -> String {
        let days = of_objective(&format!("({} * 86400)", series::PERIOD));
        format!("({} > 0) * {days} / ({} > 0)", self.remaining(), self.burn(self.plan.window))
    }

    /// How near a tier is to its alert: 1 and beyond is when both windows burn faster than its factor.
    pub(super) fn nearness(&self, tier: &Tier) -> String {
        let window = |window: Duration, name: &str| {
            format!("label_replace({}, \"window\", \"{name}\", \"\", \"\")", self.burn(window))
        };
        let both = format!("{} or {}", window(tier.short, "short"), window(tier.long, "long"));
        let least = format!("min by ({}) ({both})", series::BY);
        format!("{} / {}", max(&[label::SLO], &least), tier.factor(self.plan.period).to_decimal())
    }
}

/// The part that may be bad, one series of each objective.
fn budget() -> String {
    format!("(1 - {})", series::OBJECTIVE)
}

/// Joins what each objective has once to what each server has of it.
fn of_objective(vector: &str) -> String {
    format!("on (slo) group_left () {vector}")
}

fn recorded(name: &str) -> String {
    selected(name, &[CHOSEN_OBJECTIVES])
}

fn millis(duration: Duration) -> i128 {
    i128::try_from(duration.as_millis()).unwrap_or(i128::MAX)
}

fn seconds(duration: Duration) -> String {
    crate::slo::Fraction::new(millis(duration), 1000).to_decimal()
}
