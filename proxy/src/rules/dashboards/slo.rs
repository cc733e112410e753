//! Are the objectives kept, and how fast do budgets burn?

use crate::rules::alerts as names;
use crate::rules::{Settings, duration, series};
use crate::slo::{Fraction, Plan, Severity};
use crate::telemetry::names::{Metric, label};

use super::Dashboard;
use super::frame::{Row, alerts, explained, to_dashboard};
use super::panel::{Panel, Unit, plain};
use super::query::{Recorded, max, metric, or_zero, quantile, sum, sum_rate};

pub(super) fn rows(plan: &Plan, settings: &Settings) -> Vec<Row> {
    let recorded = Recorded::new(plan, settings.interval);
    vec![
        Row::new("Are the objectives kept?", kept(plan, &recorded, settings)),
        Row::new("How does it go against the targets?", course(&recorded)),
        Row::new("How fast do the budgets burn?", burning(plan, &recorded, settings)),
        Row::new("What is behind the numbers?", events(&recorded, settings)),
    ]
}

fn kept(plan: &Plan, recorded: &Recorded<'_>, settings: &Settings) -> Vec<Panel> {
    let window = recorded.window();
    let table = Panel::table(
        format!("Objectives over the last {window}"),
        "One row per server and objective: what was good, what must be good, how fast the budget burns \
         (1 is exactly what the period allows) and what is left of it. Start with the rows whose burn is \
         red. Without events in the window there is no SLI: the objective is idle, neither kept nor \
         missed.",
    )
    .column("SLI", Unit::Ratio, plain(), recorded.sli())
    .column("Target", Unit::Ratio, plain(), recorded.target())
    .column(
        "Burn",
        Unit::Number,
        ("green", vec![(1.0, "orange"), (page_factor(plan), "red")]),
        recorded.burn(plan.window),
    )
    .column("Budget left", Unit::Ratio, ("red", vec![(0.0, "orange"), (0.1, "green")]), recorded.remaining())
    .column("Events per second", Unit::PerSecond, plain(), recorded.events())
    .sort_by("Burn", true)
    .link("Error budgets", to_dashboard(settings, Dashboard::ErrorBudget));
    let firing = Panel::number(
        "Alerts firing",
        "Alerts of the chosen servers that fire now, pages and tickets. Not 0: see the table of alerts \
         beside it.",
    )
    .size(4, 9)
    .steps("green", &[(1.0, "red")])
    .ask("alerts", or_zero(&format!("count({})", firing())));
    let idle = Panel::number(
        "Idle objectives",
        "Objectives of a server that had no event lately. Fine for a server that nobody uses; else look \
         whether its traffic goes around the sidecar.",
    )
    .size(4, 9)
    .ask("idle", or_zero(&format!("count({} == 0)", recorded.events())));
    let list = Panel::table(
        "Alerts, pending and firing",
        "Every alert of these servers, with its windows, and for how long its condition has held. Each \
         has a runbook: its name in lower case with dashes.",
    )
    .size(16, 9)
    .empty("no alert")
    .column("Since", Unit::Seconds, plain(), alert_ages())
    .sort_by("Since", true);
    vec![table, firing, idle, list]
}

fn firing() -> String {
    format!("ALERTS{{alertstate=\"firing\",{}}}", alerts(Dashboard::Slo))
}

/// How long each alert has been pending or firing.
fn alert_ages() -> String {
    let alerts = alerts(Dashboard::Slo);
    format!(
        "ALERTS{{{alerts}}} * ignoring (alertstate) group_left () (time() - ALERTS_FOR_STATE{{{alerts}}})"
    )
}

fn course(recorded: &Recorded<'_>) -> Vec<Panel> {
    let sli = Panel::lines(
        format!("SLI over {} and its target", recorded.window()),
        "Good events by all events over the sliding window, per server and objective; the dashed line is \
         the target. Below its line an objective would be missed if it went on like this for the whole \
         period.",
    )
    .size(16, 9)
    .unit(Unit::Ratio)
    .ask("{{namespace}}/{{mcp_server}} {{slo}}", recorded.sli())
    .ask("target {{slo}}", max(&[label::SLO], &format!("{}{{slo=~\"$slo\"}}", series::OBJECTIVE)));
    let now = Panel::lines(
        format!("Bad by all events, last {}", duration::text(recorded.shortest())),
        "The same upside down and over the shortest window: what happens right now. A gap is a time \
         without events.",
    )
    .size(8, 9)
    .unit(Unit::Ratio)
    .scale(Some(0.0), None)
    .ask("{{namespace}}/{{mcp_server}} {{slo}}", recorded.error_ratio(recorded.shortest()));
    vec![sli, now]
}

fn burning(plan: &Plan, recorded: &Recorded<'_>, settings: &Settings) -> Vec<Panel> {
    let mut burn = Panel::lines(
        "Burn by window, worst server",
        "How many times faster than allowed each objective's budget is used up, by window; 1 uses up \
         exactly the budget of a period in a period. Short windows react first, long ones say how much \
         is really lost. Dashed: the limits of the tiers.",
    )
    .size(14, 9)
    .steps("green", &limits(plan))
    .limits()
    .scale(Some(0.0), None);
    for window in recorded.burn_windows() {
        let name = format!("{{{{slo}}}} {}", duration::text(window));
        burn = burn.ask(name, max(&[label::SLO], &recorded.burn(window)));
    }
    let mut tiers = Panel::number(
        "How near the tiers are to their alerts",
        "Per objective and tier the smaller burn of its two windows by the tier's limit, of the worst \
         server: at 100 % the tier alerts, if it also saw its least number of bad events. The tiers are, \
         from loud to quiet, pages and tickets.",
    )
    .size(10, 9)
    .unit(Unit::Ratio)
    .steps("green", &[(0.5, "orange"), (1.0, "red")]);
    for tier in &plan.tiers {
        let windows = format!("{}/{}", duration::text(tier.long), duration::text(tier.short));
        let name = format!("{{{{slo}}}} {} {windows}", tier.severity.as_str());
        tiers = tiers.ask(name, recorded.nearness(tier));
    }
    vec![
        explained(settings, burn, names::AVAILABILITY_FAST),
        explained(settings, tiers, names::AVAILABILITY_SLOW),
    ]
}

fn events(recorded: &Recorded<'_>, settings: &Settings) -> Vec<Panel> {
    let by_objective = |series: &str| sum(&[label::SLO], series);
    let counted = Panel::lines(
        "Events per second",
        "Good and bad events per objective. Requests that are no event (the caller's mistakes, cancelled \
         ones, pings) are not here. Few events make ratios jump: one bad of ten is 10 %.",
    )
    .unit(Unit::PerSecond)
    .scale(Some(0.0), None)
    .ask("good {{slo}}", by_objective(&format!("({} - {})", recorded.events(), recorded.bad())))
    .ask("bad {{slo}}", by_objective(&recorded.bad()));
    let requests = Panel::lines(
        "Requests that count for availability",
        "By how they ended. Timeouts are errors of their own kind: look at the tool's latency first.",
    )
    .unit(Unit::PerSecond)
    .stacked()
    .ask("{{result}}", sum_rate(&[label::RESULT], &metric(Metric::SliRequests, &[])));
    let percentile = |share: &str| quantile(share, &[], Metric::SliDuration, &[]);
    let latency = Panel::lines(
        "Duration of answered tool calls",
        "Percentiles of what the latency objectives judge, with their thresholds. Points are single \
         calls that have a trace: click one of the slow ones.",
    )
    .size(16, 8)
    .unit(Unit::Seconds)
    .exemplars()
    .ask("p95", percentile("0.95"))
    .ask("p50", percentile("0.5"))
    .ask("p99", percentile("0.99"))
    .ask("target {{slo}}", max(&[label::SLO], series::LATENCY_THRESHOLD));
    let coverage = Panel::number(
        format!("History of the last {}", recorded.period()),
        "The part of the period that Prometheus has data of, least server per objective. Below half of \
         it budgets are estimates: keep the data for longer than the period.",
    )
    .size(8, 8)
    .unit(Unit::Ratio)
    .steps("orange", &[(0.5, "green")])
    .ask("{{slo}}", format!("min by ({}) ({})", label::SLO, recorded.coverage()));
    vec![
        counted,
        requests,
        explained(settings, latency, names::LATENCY),
        explained(settings, coverage, names::THIN_DATA),
    ]
}

/// The least factor of a page: beyond it somebody is woken up.
fn page_factor(plan: &Plan) -> f64 {
    let pages = plan.tiers.iter().filter(|tier| tier.severity == Severity::Page);
    pages.map(|tier| tier.factor(plan.period)).min().unwrap_or(Fraction::new(6, 1)).to_f64()
}

/// The limits of all tiers as steps: tickets orange, pages red.
fn limits(plan: &Plan) -> Vec<(f64, &'static str)> {
    let mut tiers: Vec<_> = plan.tiers.iter().map(|tier| (tier.factor(plan.period), tier.severity)).collect();
    tiers.sort_unstable();
    tiers.dedup_by_key(|(factor, _)| *factor);
    let color = |severity| if severity == Severity::Page { "red" } else { "orange" };
    tiers.into_iter().map(|(factor, severity)| (factor.to_f64(), color(severity))).collect()
}
