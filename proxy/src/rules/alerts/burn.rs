//! The alerts of an objective: burn, budget, absence, sanity (slo-and-alerts.md §5).

use std::time::Duration;

use super::{BUDGET_DASHBOARD, Draft, SLO_DASHBOARD};
use crate::rules::Expected;
use crate::rules::duration::{text, words};
use crate::rules::model::Rule;
use crate::rules::series::{self, BY};
use crate::rules::shape::{Shape, counter, quoted, selector};
use crate::slo::{Fraction, Objective, Severity, Tier};
use crate::telemetry::names::{Metric, label};

/// Ratios above one by less than this are noise of floats.
const ABOVE_ONE: &str = "1.000001";
/// History of less than this part of the period says nothing of its budget: of a hundred events a single failure would
/// use up that of a month. [`thin`] tells so before.
const MIN_COVERAGE: &str = "0.1";

/// All alerts of an objective.
pub(in crate::rules) fn objective(
    shape: &Shape<'_>,
    objective: &Objective,
    warnings: &mut Vec<String>,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    let (able, unable): (Vec<&Tier>, Vec<&Tier>) =
        shape.plan.tiers.iter().partition(|tier| tier.can_fire(shape.plan.period, objective.target));
    for tier in &unable {
        warnings.push(format!(
            "objective {}: the {} tier {}/{} is left out, for it can never fire: {} times the budget of {} % is not \
             less than everything",
            objective.name,
            tier.severity.as_str(),
            text(tier.long),
            text(tier.short),
            tier.factor(shape.plan.period).to_decimal(),
            objective.target
        ));
    }
    if !able.iter().any(|tier| tier.severity == Severity::Page) {
        warnings.push(format!(
            "objective {}: NO PAGE TIER IS LEFT, nobody is woken up however bad it gets: raise the target of {} % or \
             give a page tier a smaller part of the budget",
            objective.name, objective.target
        ));
    }
    rules.extend(able.iter().map(|tier| burn(shape, objective, tier)));
    rules.extend([budget_low(shape, objective), exhausted(shape, objective)]);
    if shape.settings.absence {
        rules.extend(absence(shape, objective));
    }
    rules.extend([invalid(shape, objective), thin(shape, objective)]);
    rules
}

/// The name of an objective's burn alert.
pub(in crate::rules) fn name(objective: &Objective, severity: Severity) -> &'static str {
    match (objective.name.as_str(), severity) {
        ("availability", Severity::Page) => super::AVAILABILITY_FAST,
        ("availability", Severity::Ticket) => super::AVAILABILITY_SLOW,
        ("latency", _) => super::LATENCY,
        ("quality", _) => super::QUALITY,
        _ => super::BURN_RATE,
    }
}

fn burn(shape: &Shape<'_>, objective: &Objective, tier: &Tier) -> Rule {
    let period = shape.plan.period;
    let selected = selector(objective, "");
    let (long, short) = (text(tier.long), text(tier.short));
    let limit = tier.threshold(period, objective.target).to_decimal();
    let factor = tier.factor(period).to_decimal();
    let expr = format!(
        "(\n  {}{selected} > {limit}\nand\n  {}{selected} > {limit}\n)\nand on ({BY})\n  \
         sum by ({BY}) (increase({}[{}])) >= {}",
        series::error_ratio(tier.long),
        series::error_ratio(tier.short),
        counter(objective, r#"verdict="bad""#),
        shape.range(tier.long),
        tier.min_bad
    );
    Draft {
        name: name(objective, tier.severity),
        severity: tier.severity.as_str(),
        expr,
        // The long window is the damping already.
        hold: Duration::ZERO,
        keep: shape.minutes(5),
        labels: vec![("long_window", long.clone()), ("short_window", short), ("burn_factor", factor.clone())],
        summary: format!(
            "{{{{ $labels.mcp_server }}}}: the error budget of {} burns more than {factor} times as fast as it may",
            objective.name
        ),
        description: format!(
            "{{{{ $value | humanizePercentage }}}} of the events of the last {long} were bad; {} % of them must be \
             good, counted over {}. {}",
            objective.target,
            text(period),
            time_left(shape, objective, tier)
        ),
        dashboard: SLO_DASHBOARD,
    }
    .finish(shape.settings)
}

/// A template for how long the rest of the budget lasts: `remaining · period / burn`.
fn time_left(shape: &Shape<'_>, objective: &Objective, tier: &Tier) -> String {
    let period = shape.plan.period;
    let millis = i128::try_from(period.as_millis()).unwrap_or(i128::MAX);
    let seconds = Fraction::new(millis, 1000).times(objective.target.budget()).to_decimal();
    let labels = format!("namespace=%q,mcp_server=%q,slo={}", quoted(&objective.name));
    let query = format!(
        "{}{{{labels}}} * {seconds} / {}{{{labels}}} > 0",
        series::budget_remaining(period),
        series::error_ratio(tier.long)
    );
    let arguments = "$labels.namespace $labels.mcp_server";
    format!(
        "{{{{ with printf `{query}` {arguments} {arguments} | query }}}}At this rate the rest of the budget lasts \
         {{{{ . | first | value | humanizeDuration }}}}.{{{{ else }}}}Nothing of the budget is left.{{{{ end }}}}"
    )
}

fn budget_low(shape: &Shape<'_>, objective: &Objective) -> Rule {
    budget(
        shape,
        objective,
        (super::BUDGET_LOW, "0.1", shape.minutes(15)),
        format!("{{{{ $labels.mcp_server }}}}: little of the error budget of {} is left", objective.name),
    )
}

fn exhausted(shape: &Shape<'_>, objective: &Objective) -> Rule {
    budget(
        shape,
        objective,
        (super::BUDGET_EXHAUSTED, "0", shape.minutes(5)),
        format!("{{{{ $labels.mcp_server }}}}: the error budget of {} is used up", objective.name),
    )
}

fn budget(
    shape: &Shape<'_>,
    objective: &Objective,
    (name, limit, hold): (&'static str, &str, Duration),
    summary: String,
) -> Rule {
    let period = shape.plan.period;
    let selected = selector(objective, "");
    Draft {
        name,
        severity: "ticket",
        expr: format!(
            "{}{selected} < {limit}\nand\n{}{selected} >= {MIN_COVERAGE}",
            series::budget_remaining(period),
            series::coverage(period)
        ),
        hold,
        keep: Duration::ZERO,
        labels: Vec::new(),
        summary,
        description: format!(
            "{{{{ $value | humanizePercentage }}}} of the error budget of {} is left: {} % of the events of the last \
             {} must be good.",
            objective.name,
            objective.target,
            text(period)
        ),
        dashboard: BUDGET_DASHBOARD,
    }
    .finish(shape.settings)
}

/// Series that are gone. A server that is down together with its sidecar burns nothing, so nothing else would alert. Every
/// server that was there within the last hour is missed, the expected ones by rules of their own.
fn absence(shape: &Shape<'_>, objective: &Objective) -> Vec<Rule> {
    let hold = absence_hold(shape, objective);
    let expected: Vec<_> =
        shape.settings.expected.iter().filter(|expected| objective.is_for(&expected.server)).collect();
    // Longer than the hold, or it would be over before it fires.
    let recent = text(shape.minutes(60).max(hold * 3));
    let all = counter(objective, "");
    let mut expr =
        format!("group by ({BY}) (present_over_time({all}[{recent}]))\nunless\ngroup by ({BY}) ({all})");
    for expected in &expected {
        let one = counter_of(expected, objective);
        expr.push_str(&format!("\nunless\ngroup by ({BY}) (present_over_time({one}[{recent}]))"));
    }
    let mut rules = vec![no_telemetry(shape, objective, hold, "ticket", expr)];
    rules.extend(expected.into_iter().map(|expected| {
        let pages = pages_absence(shape, &expected.server).is_some_and(|first| first.name == objective.name);
        let severity = if pages { Severity::Page } else { Severity::Ticket };
        let expr = format!("absent({})", counter_of(expected, objective));
        let mut rule = no_telemetry(shape, objective, hold, severity.as_str(), expr);
        rule.say(label::SERVER, &expected.server);
        if !expected.namespace.is_empty() {
            rule.say("namespace", &expected.namespace);
        }
        rule
    }));
    rules
}

/// The objective whose absence wakes somebody up, where a server is expected: that which is missed first. All objectives of
/// a lost server are gone at once, and one page is enough.
pub(in crate::rules) fn pages_absence<'a>(shape: &Shape<'a>, server: &str) -> Option<&'a Objective> {
    let objectives = shape.plan.objectives.iter().filter(|objective| objective.is_for(server));
    objectives.min_by_key(|objective| absence_hold(shape, objective))
}

/// The counter of an expected server's events; without a namespace, of all servers of that name.
fn counter_of(expected: &Expected, objective: &Objective) -> String {
    let mut matchers = format!("{}={}", label::SERVER, quoted(&expected.server));
    if !expected.namespace.is_empty() {
        matchers = format!("namespace={},{matchers}", quoted(&expected.namespace));
    }
    format!("{}{{{matchers},{}={}}}", Metric::SloEvents.name(), label::SLO, quoted(&objective.name))
}

/// What the first tier needs in a full outage and two minutes more, in whole minutes.
pub(in crate::rules) fn absence_hold(shape: &Shape<'_>, objective: &Objective) -> Duration {
    let mut tiers = shape.plan.tiers.iter();
    let first = tiers.find(|tier| tier.can_fire(shape.plan.period, objective.target));
    let Some(tier) = first else { return shape.minutes(15) };
    let share = tier.threshold(shape.plan.period, objective.target).to_f64();
    let hold = tier.long.mul_f64(share.clamp(0.0, 1.0)) + shape.minutes(2);
    let unit = shape.minutes(1).as_secs().max(1);
    let seconds = hold.as_millis().div_ceil(1000);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX - unit).next_multiple_of(unit))
}

fn no_telemetry(
    shape: &Shape<'_>,
    objective: &Objective,
    hold: Duration,
    severity: &'static str,
    expr: String,
) -> Rule {
    Draft {
        name: super::NO_TELEMETRY,
        severity,
        expr,
        hold,
        keep: Duration::ZERO,
        labels: Vec::new(),
        summary: format!("{{{{ $labels.mcp_server }}}}: no telemetry of {} arrives", objective.name),
        description: format!(
            "Prometheus has no series of events of this objective, for {} or longer. Sidecar and server are down, \
             moved, or not scraped; no other alert of the objective can fire.",
            words(hold)
        ),
        dashboard: SLO_DASHBOARD,
    }
    .finish(shape.settings)
}

fn invalid(shape: &Shape<'_>, objective: &Objective) -> Rule {
    let selected = selector(objective, "");
    let base = shape.base;
    Draft {
        name: super::INVALID,
        severity: "ticket",
        expr: format!(
            "{}{selected} > {ABOVE_ONE}\nor\n{}{selected} > 0 unless {}{selected} > 0\nor\n{}{selected} > {ABOVE_ONE}",
            series::error_ratio(base),
            series::bad_events(base),
            series::events(base),
            series::budget_remaining(shape.plan.period)
        ),
        hold: Duration::ZERO,
        keep: Duration::ZERO,
        labels: Vec::new(),
        summary: format!("{{{{ $labels.mcp_server }}}}: the figures of {} cannot be", objective.name),
        description: "More events are bad than there are, or more of the budget is left than all ({{ $value }}): \
                      counters or rules are damaged, and no figure of this objective can be trusted."
            .to_owned(),
        dashboard: BUDGET_DASHBOARD,
    }
    .finish(shape.settings)
}

fn thin(shape: &Shape<'_>, objective: &Objective) -> Rule {
    let period = shape.plan.period;
    Draft {
        name: super::THIN_DATA,
        severity: "info",
        expr: format!("{}{} < 0.5", series::coverage(period), selector(objective, "")),
        hold: shape.minutes(60),
        keep: Duration::ZERO,
        labels: Vec::new(),
        summary: format!("{{{{ $labels.mcp_server }}}}: the budget of {} rests on little history", objective.name),
        description: format!(
            "There is history of {{{{ $value | humanizePercentage }}}} of the last {}: the budget is that of the time \
             that is there.",
            text(period)
        ),
        dashboard: BUDGET_DASHBOARD,
    }
    .finish(shape.settings)
}
