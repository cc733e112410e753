//! From recorded series (slo-and-alerts.md §3) to a report of a fleet. Pure.
//!
//! What is not recorded is absent in the report as well: no event, no ratio. Counts of events are estimates, because rates
//! are what is recorded; ratios and what is left of budgets are as recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::http::quoted;
use super::prometheus::Sample;
use crate::rules::series::{
    BUDGET_REMAINING, COVERAGE, ERROR_RATIO, EVENTS, LATENCY_THRESHOLD, OBJECTIVE, PERIOD, window,
};
use crate::slo::report::{Budget, ObjectiveReport, State, TierReport, Window};
use crate::slo::{Plan, Report, Target, Tier, tier};

const DAY: f64 = 86_400.0;

/// The usual period, where none is recorded.
const USUAL_PERIOD: Duration = Duration::from_secs(30 * 86_400);

/// The names of the series of objectives, whoever is measured; a regular expression.
pub(super) fn of_objectives() -> String {
    [OBJECTIVE, PERIOD, LATENCY_THRESHOLD].join("|")
}

/// The names of the series of objectives of servers; a regular expression.
pub(super) fn of_servers() -> String {
    format!("({}).+", [EVENTS, ERROR_RATIO, BUDGET_REMAINING, COVERAGE].join("|"))
}

/// All that was recorded, at one moment.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Series of objectives.
    pub constants: Vec<Sample>,
    /// Series of objectives of servers.
    pub series: Vec<Sample>,
    /// Means of event rates over windows that have no event rate of their own.
    pub means: Vec<Mean>,
}

/// A mean of event rates.
#[derive(Debug)]
pub struct Mean {
    /// The window of the rate.
    pub rate: Duration,
    /// The window of the mean.
    pub over: Duration,
    /// One per objective of a server; these have no name.
    pub samples: Vec<Sample>,
}

/// Namespace, server, objective.
type Key = (String, String, String);

#[derive(Default)]
struct Group {
    events: BTreeMap<Duration, f64>,
    error_ratio: BTreeMap<Duration, f64>,
    remaining: BTreeMap<Duration, f64>,
    coverage: BTreeMap<Duration, f64>,
    means: BTreeMap<Duration, f64>,
}

/// What is the same for all servers of an objective.
#[derive(Default)]
struct Constants {
    sli: String,
    target: Option<Target>,
    period: Option<Duration>,
    threshold: Option<f64>,
}

fn key(sample: &Sample) -> Key {
    let label = |name| sample.label(name).to_owned();
    (label("namespace"), label("mcp_server"), label("slo"))
}

fn groups(recorded: &Recorded) -> BTreeMap<Key, Group> {
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    for sample in &recorded.series {
        let name = sample.label("__name__");
        let group = groups.entry(key(sample)).or_default();
        let places = [
            (EVENTS, &mut group.events),
            (ERROR_RATIO, &mut group.error_ratio),
            (BUDGET_REMAINING, &mut group.remaining),
            (COVERAGE, &mut group.coverage),
        ];
        for (stem, place) in places {
            if let Some(window) = window(name, stem) {
                place.insert(window, sample.number());
            }
        }
    }
    for mean in &recorded.means {
        for sample in &mean.samples {
            let Some(group) = groups.get_mut(&key(sample)) else { continue };
            if group.shortest() == Some(mean.rate) {
                group.means.insert(mean.over, sample.number());
            }
        }
    }
    groups
}

/// The means to be asked for: of which rate, over which window.
pub(super) fn lacking(recorded: &Recorded) -> BTreeSet<(Duration, Duration)> {
    let mut lacking = BTreeSet::new();
    for group in groups(recorded).values() {
        let Some(rate) = group.shortest() else { continue };
        let over = group.windows().into_iter().filter(|over| !group.events.contains_key(over));
        lacking.extend(over.map(|over| (rate, over)));
    }
    lacking
}

impl Group {
    fn shortest(&self) -> Option<Duration> {
        self.events.keys().next().copied()
    }

    fn windows(&self) -> BTreeSet<Duration> {
        let all = [&self.events, &self.error_ratio, &self.remaining, &self.coverage];
        all.into_iter().flat_map(|windows| windows.keys().copied()).collect()
    }

    /// No number contradicts what it means: ratios are 0 to 1, no more than all of a budget is left.
    fn is_valid(&self) -> bool {
        let ratios = [&self.error_ratio, &self.coverage];
        // A count within a window with both edges has one sample more than intervals.
        let ratio = |value: &f64| (0.0..=1.01).contains(value);
        let error = |value: &f64| (0.0..=1.0).contains(value);
        ratios[1].values().all(ratio)
            && ratios[0].values().all(error)
            && self.remaining.values().all(|value| value.is_finite() && *value <= 1.0)
            && self.events.values().all(|value| value.is_finite() && *value >= 0.0)
    }

    /// The events of a window; `history` is how many seconds of history there are.
    fn window(&self, over: Duration, target: Option<Target>, history: f64) -> Window {
        let seconds = over.as_secs_f64();
        let coverage = (history / seconds).clamp(0.0, 1.0);
        let error_ratio = self.error_ratio.get(&over).copied().filter(|ratio| ratio.is_finite());
        // `rate` is over the whole window, a mean is over the samples that there are.
        let rate = self.events.get(&over).map(|rate| rate * seconds);
        let mean = self.means.get(&over).map(|rate| rate * seconds * coverage);
        let total = rate.or(mean).filter(|total| total.is_finite()).unwrap_or_default().max(0.0);
        let bad = total * error_ratio.unwrap_or_default();
        Window {
            seconds,
            good: (total - bad).max(0.0),
            bad,
            sli: error_ratio.map(|ratio| 1.0 - ratio),
            error_ratio,
            burn: error_ratio.zip(target).map(|(ratio, target)| ratio / target.budget().to_f64()),
            coverage,
        }
    }
}

/// Makes the report, and says in words what is doubtful.
#[must_use]
pub fn report(recorded: &Recorded, plan: Option<&Plan>) -> (Report, Vec<String>) {
    let mut doubts = Vec::new();
    let mut objectives = Vec::new();
    for (key, group) in groups(recorded) {
        let constants = constants(&recorded.constants, &key, &mut doubts);
        let slo = quoted(&key.2);
        let objective = objective(key, &group, &constants, plan);
        if plan.is_none() && objective.tiers.is_empty() {
            doubts.push(format!(
                "the tiers of the objective `{slo}` are not the usual ones and not recorded: give them by --config, or \
                 it never shows as burning"
            ));
        }
        objectives.push(objective);
    }
    let newest = recorded.series.iter().map(|sample| sample.value.0).fold(0.0, f64::max);
    let period = objectives.first().map_or(0.0, |first| first.budget.events.seconds);
    let report = Report {
        source: "prometheus".to_owned(),
        unix_ms: (newest * 1000.0) as u64,
        period_seconds: period.round() as u64,
        objectives,
    };
    (report, doubts)
}

/// Series of objectives may have the labels of a server; those without are of all.
fn constants(samples: &[Sample], key: &Key, doubts: &mut Vec<String>) -> Constants {
    let (namespace, server, slo) = key;
    let shown = quoted(slo);
    let agrees = |sample: &Sample, label, value: &str| ["", value].contains(&sample.label(label));
    let mut found = Constants::default();
    let mut targets = BTreeSet::new();
    for sample in samples.iter().filter(|sample| {
        sample.label("slo") == slo
            && agrees(sample, "namespace", namespace)
            && agrees(sample, "mcp_server", server)
    }) {
        let value = sample.number();
        match sample.label("__name__") {
            OBJECTIVE => {
                sample.label("sli").clone_into(&mut found.sli);
                targets.extend(target(value));
            }
            PERIOD => {
                found.period =
                    Duration::try_from_secs_f64(value * DAY).ok().filter(|period| !period.is_zero())
            }
            LATENCY_THRESHOLD => found.threshold = Some(value).filter(|value| value.is_finite()),
            _ => {}
        }
    }
    if targets.len() > 1 {
        doubts.push(format!("several targets are recorded for the objective `{shown}`"));
    } else if targets.is_empty() {
        doubts.push(format!("no target is recorded for the objective `{shown}` ({OBJECTIVE})"));
    } else {
        found.target = targets.pop_first();
    }
    found
}

/// The target as it was written, from its nearest float.
fn target(ratio: f64) -> Option<Target> {
    let text = format!("{:.6}", ratio * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').parse().ok()
}

fn objective(key: Key, group: &Group, constants: &Constants, plan: Option<&Plan>) -> ObjectiveReport {
    let (namespace, mcp_server, slo) = key;
    let target = constants.target;
    let recorded = group.remaining.keys().chain(group.coverage.keys()).max().copied();
    let period = constants.period.filter(|period| group.windows().contains(period)).or(recorded);
    let period = period.or(constants.period).unwrap_or(USUAL_PERIOD);
    let history = group.coverage.get(&period).copied().filter(|part| part.is_finite()).unwrap_or_default();
    let history = history.clamp(0.0, 1.0) * period.as_secs_f64();
    let window = |over| group.window(over, target, history);
    let shown = window(shown(group, period, plan));
    let tiers = plan.map_or_else(|| usual(group, period), |plan| plan.tiers.clone());
    let tiers: Vec<_> = tiers.iter().map(|tier| reported(tier, period, target, &window)).collect();
    let remaining = group.remaining.get(&period).copied().filter(|part| part.is_finite());
    let events = window(period);
    let total = events.good + events.bad;
    let burn = shown.burn.filter(|burn| *burn > 0.0);
    let left = remaining.filter(|remaining| *remaining > 0.0);
    ObjectiveReport {
        state: state(group.is_valid() && target.is_some(), &shown, remaining, &tiers),
        burn: group.windows().into_iter().filter(|over| *over < period).map(window).collect(),
        slo,
        mcp_server,
        namespace: Some(namespace).filter(|namespace| !namespace.is_empty()),
        sli: constants.sli.clone(),
        target: target.map(|target| target.to_string()).unwrap_or_default(),
        threshold_seconds: constants.threshold,
        tools: Vec::new(),
        budget: Budget {
            events,
            allowed_bad: target.map_or(0.0, |target| target.budget().to_f64() * total),
            remaining,
            exhausted_in_seconds: left.zip(burn).map(|(left, burn)| left * period.as_secs_f64() / burn),
            coverage_seconds: history,
        },
        window: shown,
        tiers,
    }
}

/// The usual tiers, where their windows are recorded. Tiers of other windows are not known: none is better than those that
/// never were in effect.
fn usual(group: &Group, period: Duration) -> Vec<Tier> {
    let (tiers, windows) = (tier::defaults(period), group.windows());
    // Without traffic only the short windows are there.
    let all = tiers.iter().all(|tier| windows.contains(&tier.short));
    if all { tiers } else { Vec::new() }
}

/// The window that SLIs are shown over: that of the plan, else an hour where the shortest window is five minutes.
fn shown(group: &Group, period: Duration, plan: Option<&Plan>) -> Duration {
    if let Some(plan) = plan {
        return plan.window;
    }
    let windows = group.windows();
    let Some(shortest) = windows.first().copied() else { return Plan::default().window };
    let hour = shortest * 12;
    let longer = windows.range(hour..).find(|window| **window < period);
    longer.or_else(|| windows.iter().rfind(|window| **window < period)).copied().unwrap_or(shortest)
}

fn reported(
    tier: &Tier,
    period: Duration,
    target: Option<Target>,
    window: &dyn Fn(Duration) -> Window,
) -> TierReport {
    let (long, short) = (window(tier.long), window(tier.short));
    // Over the same threshold as the rules, so that rounding is theirs as well.
    let over = |window: &Window| {
        let limit = target.map(|target| tier.threshold(period, target).to_f64());
        window.error_ratio.zip(limit).is_some_and(|(ratio, limit)| ratio > limit)
    };
    TierReport {
        severity: tier.severity.as_str().to_owned(),
        long_seconds: long.seconds,
        short_seconds: short.seconds,
        factor: tier.factor(period).to_f64(),
        // The estimate of a whole number is that number.
        met: over(&long) && over(&short) && long.bad.round() >= tier.min_bad as f64,
    }
}

/// The same order as for one process.
fn state(valid: bool, shown: &Window, remaining: Option<f64>, tiers: &[TierReport]) -> State {
    match () {
        () if !valid => State::Invalid,
        () if shown.error_ratio.is_none() => State::Idle,
        () if remaining.is_some_and(|remaining| remaining <= 0.0) => State::Exhausted,
        () if tiers.iter().any(|tier| tier.met) => State::Burning,
        () => State::Ok,
    }
}
