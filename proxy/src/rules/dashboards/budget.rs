//! What is left of the budgets, how long it lasts, and where the rest went.

use crate::rules::Settings;
use crate::rules::alerts as names;
use crate::slo::Plan;
use crate::telemetry::names::{Metric, label};

use super::Dashboard;
use super::frame::{Row, explained, to_dashboard};
use super::panel::{Panel, Steps, Unit, plain};
use super::query::{Recorded, metric, sum};

/// The parties at fault that objectives hold failures against by default.
const FAULTS: &str = "tool|server_protocol|server_transport|timeout|proxy";

pub(super) fn rows(plan: &Plan, settings: &Settings) -> Vec<Row> {
    let recorded = Recorded::new(plan, settings.interval);
    vec![
        Row::new(format!("What is left of the last {}?", recorded.period()), left(plan, &recorded, settings)),
        Row::new("How was it used?", used(plan, &recorded, settings)),
        Row::new("Where does it go?", places(plan, &recorded, settings)),
    ]
}

fn remaining_steps() -> Steps {
    ("red", vec![(0.0, "orange"), (0.1, "yellow"), (0.25, "green")])
}

fn left(plan: &Plan, recorded: &Recorded<'_>, settings: &Settings) -> Vec<Panel> {
    let (first, steps) = remaining_steps();
    let period = plan.period.as_secs_f64();
    let gauge = Panel::gauge(
        "Budget left",
        "The part of each error budget that is left over the sliding period: 100 % is untouched, 0 % is \
         used up, negative is an objective that is missed. Below 10 %: no risky changes until old \
         failures fall out of the period.",
    )
    .unit(Unit::Ratio)
    .scale(Some(0.0), Some(1.0))
    .steps(first, &steps)
    .ask("{{namespace}}/{{mcp_server}} {{slo}}", recorded.remaining());
    let allowed = Panel::number(
        "Bad events still allowed",
        "How many more events may be bad before the budget is used up, of as many events as the period \
         had. Negative: so many were too many. A handful: single failures decide, think of a lower \
         target.",
    )
    .size(6, 7)
    .steps("red", &[(0.0, "orange"), (10.0, "green")])
    .ask("{{namespace}}/{{mcp_server}} {{slo}}", recorded.allowed());
    let exhausted = Panel::number(
        "Used up in",
        "When nothing is left if it goes on burning as over the shown window. Nothing is shown while \
         nothing burns, and when nothing is left.",
    )
    .size(6, 7)
    .unit(Unit::Seconds)
    .steps("red", &[(period / 30.0, "orange"), (period, "green")])
    .empty("not burning, or used up")
    .ask("{{namespace}}/{{mcp_server}} {{slo}}", recorded.exhausted_in());
    vec![
        explained(settings, gauge, names::BUDGET_EXHAUSTED),
        allowed,
        explained(settings, exhausted, names::BUDGET_LOW),
    ]
}

fn used(plan: &Plan, recorded: &Recorded<'_>, settings: &Settings) -> Vec<Panel> {
    let remaining = Panel::lines(
        "Budget left over time",
        "How the budgets went down, and up again when old failures fell out of the period. Steep steps \
         are incidents: red lines mark the alerts of that time.",
    )
    .size(12, 9)
    .unit(Unit::Ratio)
    .steps("red", &[(0.0, "orange"), (0.1, "green")])
    .limits()
    .ask("{{namespace}}/{{mcp_server}} {{slo}}", recorded.remaining());
    let window = recorded.window();
    let consumed = Panel::lines(
        format!("Part of the budget used within {window}"),
        "How much of the whole period's budget each window took. An even use stays below the window's \
         share of the period; peaks are incidents and say how expensive they were.",
    )
    .size(12, 9)
    .unit(Unit::Ratio)
    .scale(Some(0.0), None)
    .ask("{{namespace}}/{{mcp_server}} {{slo}}", recorded.used(plan.window));
    let bad = Panel::lines(
        "Bad events per second",
        "What uses up the budgets. Compare with the failures by tool below.",
    )
    .size(24, 7)
    .unit(Unit::PerSecond)
    .scale(Some(0.0), None)
    .stacked()
    .ask("{{namespace}}/{{mcp_server}} {{slo}}", recorded.bad());
    vec![explained(settings, remaining, names::BUDGET_LOW), consumed, bad]
}

fn places(plan: &Plan, recorded: &Recorded<'_>, settings: &Settings) -> Vec<Panel> {
    let worst = Panel::table(
        "Worst servers",
        "Every server and objective, least budget first: what is left, how fast it burns, how many bad \
         events are still allowed, and when it is used up.",
    )
    .size(24, 9)
    .column("Budget left", Unit::Ratio, remaining_steps(), recorded.remaining())
    .column("Burn", Unit::Number, ("green", vec![(1.0, "orange")]), recorded.burn(plan.window))
    .column("Bad still allowed", Unit::Number, ("red", vec![(0.0, "green")]), recorded.allowed())
    .column("Used up in", Unit::Seconds, plain(), recorded.exhausted_in())
    .sort_by("Budget left", false)
    .link("Service levels", to_dashboard(settings, Dashboard::Slo));
    let faults = sum(
        &[label::SERVER, label::TOOL, label::FAULT],
        &format!("increase({}[$__range])", metric(Metric::Faults, &[(label::FAULT, FAULTS)])),
    );
    let tools = Panel::table(
        "Tools that failed most in the shown time",
        "Calls that did not succeed, by tool and the one party at fault; without the caller's own \
         mistakes and cancelled calls. The first rows are where budget is won back.",
    )
    .size(16, 9)
    .empty("no failure")
    .column("Failures", Unit::Number, plain(), format!("topk(20, {faults} > 0)"))
    .sort_by("Failures", true)
    .link("Tools", to_dashboard(settings, Dashboard::Tools));
    let processes = Panel::number(
        "As the sidecars count it",
        "The least budget left by the counts of a single sidecar since it started, or since its saved \
         state. It knows only its own traffic: for fleets believe the panels above, which alerts use \
         too.",
    )
    .size(8, 9)
    .unit(Unit::Percent)
    .steps("red", &[(0.0, "orange"), (10.0, "green")])
    .ask(
        "{{namespace}}/{{mcp_server}} {{sli_name}}",
        format!(
            "min by (namespace, {}, {}) ({})",
            label::SERVER,
            label::SLI_NAME,
            metric(Metric::SliBudget, &[(label::SLI_NAME, "$slo")])
        ),
    );
    vec![worst, tools, processes]
}
