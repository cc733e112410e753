//! The series that are recorded for an objective (slo-and-alerts.md §3), and the bands of tools' durations.

use std::time::Duration;

use super::duration::text;
use super::model::Rule;
use super::series::{self, BY, BY_TOOL};
use super::shape::{Shape, counter, selector};
use crate::slo::{Fraction, Objective, Sli};
use crate::telemetry::names::{Metric, label};

/// The percentile whose band is recorded.
const PERCENTILE: &str = "0.95";

/// Constants, SLIs over every window, the rest of the budget, and coverage; in the order in which they need each other.
pub(super) fn objective(shape: &Shape<'_>, objective: &Objective) -> Vec<Rule> {
    let mut rules = constants(shape, objective);
    for window in shape.plan.windows() {
        if shape.is_long(window) {
            rules.push(long(shape, objective, window));
        } else {
            rules.extend(short(shape, objective, window));
        }
    }
    let period = shape.plan.period;
    let selected = selector(objective, "");
    rules.push(Rule::record(
        series::budget_remaining(period),
        format!("1 - {}{selected} / {}", series::error_ratio(period), objective.target.budget().to_decimal()),
    ));
    let samples = ratio(period, shape.settings.interval).to_decimal();
    rules.push(Rule::record(
        series::coverage(period),
        format!("count_over_time({}{selected}[{}]) / {samples}", series::events(shape.base), text(period)),
    ));
    rules
}

fn constants(shape: &Shape<'_>, objective: &Objective) -> Vec<Rule> {
    let constant = |name: &str, value: Fraction| {
        Rule::record(name, format!("vector({})", value.to_decimal())).label(label::SLO, &objective.name)
    };
    let day = Duration::from_secs(24 * 60 * 60);
    let mut rules = vec![
        constant(series::OBJECTIVE, objective.target.good()).label("sli", objective.sli.as_str()),
        constant(series::PERIOD, ratio(shape.plan.period, day)),
    ];
    if let Sli::Latency { threshold } = objective.sli {
        rules.push(constant(series::LATENCY_THRESHOLD, ratio(threshold, Duration::from_secs(1))));
    }
    rules
}

/// From the counter. Without a bad event there may be no bad series: then the ratio is 0, not absent. Without any event
/// it is absent, for 0/0 would be stored and spoil every longer window.
fn short(shape: &Shape<'_>, objective: &Objective, window: Duration) -> [Rule; 3] {
    let selected = selector(objective, "");
    let range = shape.range(window);
    let (events, bad) = (series::events(window), series::bad_events(window));
    [
        Rule::record(&events, format!("sum by ({BY}) (rate({}[{range}]))", counter(objective, ""))),
        Rule::record(
            &bad,
            format!(
                "sum by ({BY}) (rate({}[{range}]))\nor\n0 * {events}{selected}",
                counter(objective, r#"verdict="bad""#)
            ),
        ),
        Rule::record(series::error_ratio(window), format!("{bad}{selected}\n/\n({events}{selected} > 0)")),
    ]
}

/// From what was recorded: weighted by traffic, cheap, and gaps cancel out. Never the mean of ratios.
fn long(shape: &Shape<'_>, objective: &Objective, window: Duration) -> Rule {
    let selected = selector(objective, "");
    let range = text(window);
    let (events, bad) = (series::events(shape.base), series::bad_events(shape.base));
    Rule::record(
        series::error_ratio(window),
        format!(
            "sum_over_time({bad}{selected}[{range}])\n/\n(sum_over_time({events}{selected}[{range}]) > 0)"
        ),
    )
}

/// How long tools take, and how long they usually take. Recorded, so that a week is read from one sample per evaluation.
pub(super) fn tools(shape: &Shape<'_>) -> Vec<Rule> {
    let duration = Metric::ToolDuration.name();
    let range = shape.range(shape.base);
    let latency = series::tool_latency(shape.base);
    let week = week(shape);
    // Without the last hour: what goes on now must not be part of what is usual.
    let before = format!("{latency}[{}] offset {}", text(week), text(shape.minutes(60)));
    vec![
        Rule::record(
            series::tool_calls(shape.base),
            format!("sum by ({BY_TOOL}) (increase({duration}_count[{range}]))"),
        ),
        // The comparison drops NaN, which is what a quantile of nothing is.
        Rule::record(
            &latency,
            format!(
                "histogram_quantile({PERCENTILE}, sum by ({BY_TOOL}, le) (rate({duration}_bucket[{range}]))) >= 0"
            ),
        ),
        Rule::record(series::tool_latency_mean(week), format!("avg_over_time({before})")),
        Rule::record(series::tool_latency_deviation(week), format!("stddev_over_time({before})")),
        Rule::record(series::tool_latency_samples(week), format!("count_over_time({before})")),
    ]
}

/// How far back the bands of tools look.
pub(super) fn week(shape: &Shape<'_>) -> Duration {
    shape.scaled(Duration::from_secs(7 * 24 * 60 * 60))
}

fn ratio(part: Duration, whole: Duration) -> Fraction {
    let millis = |duration: Duration| i128::try_from(duration.as_millis()).unwrap_or(i128::MAX);
    Fraction::new(millis(part), millis(whole))
}
