//! What holds for every plan.

use std::time::Duration;

use super::{Case, Check, Server, firing};
use crate::rules::alerts;
use crate::rules::duration::text;
use crate::rules::series;
use crate::rules::shape::{Shape, quoted};
use crate::slo::{Objective, Severity, Tier};

/// Events in one scrape interval, but for tiers that want more bad ones.
const EVENTS: u64 = 100;
/// Most evaluations of one test.
const EVALUATIONS: u128 = 400;

pub(super) fn cases(shape: &Shape<'_>) -> Vec<Case> {
    let mut cases = vec![healthy(shape), idle(shape), young(shape)];
    if !pages(shape).is_empty() {
        cases.push(outage(shape));
    }
    if shape.plan.tiers.iter().any(|tier| tier.severity == Severity::Page && tier.min_bad > 1) {
        cases.push(one_failure(shape));
    }
    if shape.settings.absence {
        cases.extend(gone(shape));
    }
    cases
}

/// The tiers that wake somebody up, each with its objective.
fn pages<'a>(shape: &Shape<'a>) -> Vec<(&'a Objective, &'a Tier)> {
    let of = |objective: &'a Objective| {
        shape
            .plan
            .tiers
            .iter()
            .filter(move |tier| {
                tier.severity == Severity::Page && tier.can_fire(shape.plan.period, objective.target)
            })
            .map(move |tier| (objective, tier))
    };
    shape.plan.objectives.iter().flat_map(of).collect()
}

/// As long as the longest window that wakes somebody up.
fn long(shape: &Shape<'_>) -> Duration {
    let longest = pages(shape).iter().map(|(_, tier)| tier.long).max().unwrap_or(shape.base * 12);
    aligned(shape, longest)
}

/// The next moment at which rules are evaluated and something is scraped.
fn aligned(shape: &Shape<'_>, time: Duration) -> Duration {
    let interval = shape.settings.interval.as_millis().max(1);
    Duration::from_millis(u64::try_from(time.as_millis().next_multiple_of(interval)).unwrap_or(u64::MAX))
}

/// Scrapes within a time, one more than are needed.
fn scrapes(shape: &Shape<'_>, time: Duration) -> u64 {
    let scrape = shape.settings.scrape_interval.as_millis().max(1);
    u64::try_from(time.as_millis().div_ceil(scrape)).unwrap_or(u64::MAX - 1) + 1
}

fn rate(shape: &Shape<'_>) -> u64 {
    EVENTS + shape.plan.tiers.iter().map(|tier| tier.min_bad).max().unwrap_or_default()
}

/// Series of all objectives, with the values of good and bad events.
fn everywhere(shape: &Shape<'_>, good: &str, bad: &str) -> Vec<(String, String)> {
    let mut series = Vec::new();
    for objective in &shape.plan.objectives {
        for server in Server::all(shape, objective) {
            series.push((server.events(objective, "good", ""), good.to_owned()));
            series.push((server.events(objective, "bad", ""), bad.to_owned()));
        }
    }
    series
}

fn healthy(shape: &Shape<'_>) -> Case {
    let at = aligned(shape, shape.base * 12);
    let good = format!("0+{}x{}", rate(shape), scrapes(shape, at));
    let bad = format!("0x{}", scrapes(shape, at));
    let watchdog = format!(r#"{{alertname="{}",severity="none"}}"#, alerts::WATCHDOG);
    let mut checks = vec![
        Check::nothing(at, firing(r#"severity=~"page|ticket""#)),
        Check::value(at, firing(r#"severity="none""#), &watchdog, "1"),
    ];
    for objective in &shape.plan.objectives {
        let constant = format!("{}{{slo={}}}", series::OBJECTIVE, quoted(&objective.name));
        let labels = format!(
            "{}{{sli={},slo={}}}",
            series::OBJECTIVE,
            quoted(objective.sli.as_str()),
            quoted(&objective.name)
        );
        checks.push(Check::value(at, constant, &labels, &objective.target.good().to_decimal()));
    }
    Case {
        name: "a healthy service alerts nobody".to_owned(),
        about: "Only the heartbeat fires.",
        series: everywhere(shape, &good, &bad),
        checks,
    }
}

fn idle(shape: &Shape<'_>) -> Case {
    let at = aligned(shape, shape.base * 2);
    let constant = format!("7x{}", scrapes(shape, at));
    let mut checks = vec![Check::nothing(at, firing(r#"severity=~"page|ticket""#))];
    for objective in &shape.plan.objectives {
        let selected = format!("{{slo={}}}", quoted(&objective.name));
        for window in [shape.base, shape.plan.period] {
            checks.push(Check::nothing(at, format!("{}{selected}", series::error_ratio(window))));
        }
        let remaining = series::budget_remaining(shape.plan.period);
        checks.push(Check::nothing(at, format!("{remaining}{selected}")));
        checks.push(Check::nothing(at, format!("{}{selected} != 0", series::events(shape.base))));
    }
    Case {
        name: "without events there is no ratio and no alert".to_owned(),
        about: "Not 100 %, not 0, not NaN: no sample.",
        series: everywhere(shape, &constant, &constant),
        checks,
    }
}

/// The part of the period without which budgets alert nobody is a tenth. Where that takes too many evaluations, only
/// the silence before it is tested.
fn young(shape: &Shape<'_>) -> Case {
    let tenth = shape.plan.period / 10;
    let early = aligned(shape, (tenth / 2).min(shape.base * 24));
    let late = aligned(shape, tenth + shape.minutes(15) + shape.settings.interval * 3);
    let question = firing(r#"category="budget""#);
    let mut checks = vec![Check::nothing(early, question.clone())];
    let mut end = early;
    if late.as_millis() / shape.settings.interval.as_millis().max(1) < EVALUATIONS {
        let of = |objective: &Objective| {
            let servers = Server::all(shape, objective).len().to_string();
            let labels = |alert| {
                format!("{{alertname={},slo={},severity=\"ticket\"}}", quoted(alert), quoted(&objective.name))
            };
            [alerts::BUDGET_LOW, alerts::BUDGET_EXHAUSTED].map(|alert| (labels(alert), servers.clone()))
        };
        let mut expected: Vec<_> = shape.plan.objectives.iter().flat_map(of).collect();
        expected.sort();
        checks.push(Check::nothing(
            aligned(shape, tenth.saturating_sub(shape.settings.interval * 3)),
            question.clone(),
        ));
        checks.push(Check { at: late, expr: question, expected });
        end = late;
    }
    // One failure and nothing else.
    let after = scrapes(shape, end);
    Case {
        name: "a failure soon after the start does not say that a budget is gone".to_owned(),
        about: "It uses up the budget of what was seen; budgets alert when a tenth of the period was.",
        series: everywhere(shape, &format!("0x{after}"), &format!("0x3 1x{after}")),
        checks,
    }
}

fn outage(shape: &Shape<'_>) -> Case {
    let start = aligned(shape, shape.base * 2);
    let at =
        aligned(shape, start + long(shape) + shape.settings.scrape_interval * 2 + shape.settings.interval);
    let rate = rate(shape);
    let (before, after) = (scrapes(shape, start), scrapes(shape, at.saturating_sub(start)));
    let good = format!("0+{rate}x{before} {}x{after}", rate * before);
    let bad = format!("0x{before} {rate}+{rate}x{after}");
    let question = firing(r#"category="burn_rate",severity="page""#);
    let mut expected: Vec<_> = pages(shape)
        .iter()
        .map(|(objective, tier)| {
            let labels = format!(
                "{{alertname={},slo={},severity=\"page\",long_window={}}}",
                quoted(alerts::burn_name(objective, tier.severity)),
                quoted(&objective.name),
                quoted(&text(tier.long))
            );
            (labels, Server::all(shape, objective).len().to_string())
        })
        .collect();
    expected.sort();
    Case {
        name: "in a full outage every page tier fires".to_owned(),
        about: "All good for a while, then all bad for as long as the longest window of a page.",
        series: everywhere(shape, &good, &bad),
        checks: vec![Check::nothing(start, question.clone()), Check { at, expr: question, expected }],
    }
}

/// The server that nobody expects, where an objective is for any server.
const UNEXPECTED: &str = "unexpected";

/// Expected servers and one that is not, of all of which the series end. Objectives that are missed late are left out.
fn gone(shape: &Shape<'_>) -> Option<Case> {
    let interval = shape.settings.interval;
    let holds = |objective: &&Objective| {
        let hold = alerts::absence_hold(shape, objective);
        hold.as_millis() / interval.as_millis().max(1) < EVALUATIONS / 2
    };
    let seen: Vec<_> = shape.plan.objectives.iter().filter(holds).collect();
    let longest = seen.iter().map(|objective| alerts::absence_hold(shape, objective)).max()?;
    let end = aligned(shape, shape.base);
    let at = aligned(shape, end + longest + shape.settings.scrape_interval * 2 + interval * 2);
    let values = format!("0+{}x{} stale", rate(shape), scrapes(shape, end));
    let (mut series, mut expected) = (Vec::new(), Vec::new());
    for objective in seen {
        let mut servers: Vec<_> =
            shape.settings.expected.iter().filter(|one| objective.is_for(&one.server)).cloned().collect();
        let pages = |one: &&crate::rules::Expected| {
            alerts::pages_absence(shape, &one.server).is_some_and(|first| first.name == objective.name)
        };
        let paged = servers.iter().filter(pages).count();
        if objective.is_for(UNEXPECTED) {
            let (server, namespace) = (UNEXPECTED.to_owned(), "test".to_owned());
            servers.push(crate::rules::Expected { server, namespace });
        }
        for (severity, count) in [("page", paged), ("ticket", servers.len() - paged)] {
            let slo = quoted(&objective.name);
            let labels =
                format!("{{alertname=\"{}\",slo={slo},severity=\"{severity}\"}}", alerts::NO_TELEMETRY);
            expected.extend((count > 0).then(|| (labels, count.to_string())));
        }
        series.extend(servers.into_iter().map(|one| {
            let server = Server { name: one.server, namespace: one.namespace };
            (server.events(objective, "good", ""), values.clone())
        }));
    }
    expected.sort();
    let question = Check { at, expr: firing(r#"category="absence""#), expected };
    Some(Case {
        name: "servers whose series end are missed".to_owned(),
        about: "An expected one by a page of the objective that is missed first, and tickets; any other by tickets.",
        series,
        checks: vec![Check::nothing(end, firing(r#"category="absence""#)), question],
    })
}

fn one_failure(shape: &Shape<'_>) -> Case {
    let at = aligned(shape, shape.base * 2);
    let before = scrapes(shape, shape.base);
    let pages = format!(
        "{} unless on (long_window) count by (long_window) (ALERTS{{long_window=~{}}})",
        firing(r#"category="burn_rate",severity="page""#),
        quoted(&eager(shape))
    );
    let after = scrapes(shape, at);
    let ratio = |objective: &Objective, server: &Server| {
        let labels = format!("{}{{{}}}", series::error_ratio(shape.base), server.labels(&objective.name));
        let query = format!("{}{{slo={}}}", series::error_ratio(shape.base), quoted(&objective.name));
        Check::value(at, query, &labels, "1")
    };
    let first = shape.plan.objectives.first();
    let mut checks = vec![Check::nothing(at, pages)];
    if let Some(objective) = first {
        let servers = Server::all(shape, objective);
        if let [server] = servers.as_slice() {
            checks.push(ratio(objective, server));
        }
    }
    Case {
        name: "one failure without traffic wakes nobody up".to_owned(),
        about: "The ratio is 1, and above every limit; but it is one event.",
        series: everywhere(shape, &format!("0x{}", before + after), &format!("0x{before} 1x{after}")),
        checks,
    }
}

/// The long windows of page tiers that alert at one event already.
fn eager(shape: &Shape<'_>) -> String {
    let eager = shape.plan.tiers.iter().filter(|tier| tier.severity == Severity::Page && tier.min_bad <= 1);
    eager.map(|tier| text(tier.long)).collect::<Vec<_>>().join("|")
}
