//! Formats of other tools: OpenSLO v1, and the specification of Sloth (`prometheus/v1`).
//!
//! Both say less than our rules: windows of alerts are the tools' own (Sloth), or one for each policy (OpenSLO), and
//! neither knows guards for low traffic, absence, or sanity.

use std::collections::BTreeSet;

use super::{Format, Options, header};
use crate::rules::alerts::{self, runbook_name};
use crate::rules::duration::text;
use crate::rules::series::BY;
use crate::rules::shape::{Shape, counter};
use crate::rules::yaml::{Node, documents};
use crate::slo::{Objective, Severity, Tier};
use crate::telemetry::names::label;

/// The longest name of an object.
const MAX_NAME: usize = 63;

const BAD: &str = r#"verdict="bad""#;
const GOOD: &str = r#"verdict="good""#;

/// A service, an SLO for each objective, a policy for each tier that can fire, and the targets that they notify.
pub(super) fn openslo(shape: &Shape<'_>, warnings: &mut Vec<String>, options: &Options) -> String {
    if shape.plan.windows().iter().any(|window| !window.as_secs().is_multiple_of(60)) {
        warnings.push(
            "OpenSLO knows no durations shorter than a minute: tools may refuse the windows".to_owned(),
        );
    }
    let mut objects = vec![object(
        "Service",
        &options.name,
        Node::texts([("description", "The MCP servers that mcp-tap looks at.")]),
    )];
    for severity in [Severity::Page, Severity::Ticket] {
        let target = Node::texts([
            ("description", "Stands for the receiver of alerts with this severity; put the real one here."),
            ("target", severity.as_str()),
        ]);
        objects.push(object("AlertNotificationTarget", severity.as_str(), target));
    }
    let mut names = BTreeSet::new();
    for objective in &shape.plan.objectives {
        let policies: Vec<_> = tiers(shape, objective)
            .into_iter()
            .map(|tier| (policy_name(objective, tier, &mut names), tier))
            .collect();
        objects.push(object("SLO", &objective.name, slo(shape, objective, &policies, options)));
        objects.extend(
            policies
                .iter()
                .map(|(name, tier)| object("AlertPolicy", name, policy(shape, objective, tier, name))),
        );
    }
    let what = "Service levels of mcp-tap as OpenSLO v1.";
    documents(&header(what, Format::OpenSlo), &objects)
}

fn tiers<'a>(shape: &Shape<'a>, objective: &Objective) -> Vec<&'a Tier> {
    let plan = shape.plan;
    plan.tiers.iter().filter(|tier| tier.can_fire(plan.period, objective.target)).collect()
}

fn object(kind: &str, name: &str, spec: Node) -> Node {
    Node::map([
        ("apiVersion", Node::text("openslo/v1")),
        ("kind", Node::text(kind)),
        ("metadata", Node::texts([("name", name)])),
        ("spec", spec),
    ])
}

fn slo(shape: &Shape<'_>, objective: &Objective, policies: &[(String, &Tier)], options: &Options) -> Node {
    let source = |query: String| {
        let spec = Node::texts([("query", query.as_str())]);
        let source = Node::map([("type", Node::text("Prometheus")), ("spec", spec)]);
        Node::map([("metricSource", source)])
    };
    let ratio = Node::map([
        ("counter", Node::literal(true)),
        ("good", source(format!("sum by ({BY}) ({})", counter(objective, GOOD)))),
        ("total", source(format!("sum by ({BY}) ({})", counter(objective, "")))),
    ]);
    let indicator = Node::map([
        ("metadata", Node::texts([("name", objective.name.as_str())])),
        ("spec", Node::map([("ratioMetric", ratio)])),
    ]);
    let window =
        Node::map([("duration", Node::text(text(shape.plan.period))), ("isRolling", Node::literal(true))]);
    let target = Node::map([
        ("displayName", Node::text(format!("{} %", objective.target))),
        ("target", Node::literal(objective.target.good().to_decimal())),
    ]);
    let policies =
        policies.iter().map(|(name, _)| Node::texts([("alertPolicyRef", name.as_str())])).collect();
    Node::map([
        ("description", Node::text(description(objective))),
        ("service", Node::text(&options.name)),
        ("indicator", indicator),
        ("timeWindow", Node::List(vec![window])),
        ("budgetingMethod", Node::text("Occurrences")),
        ("objectives", Node::List(vec![target])),
        ("alertPolicies", Node::List(policies)),
    ])
}

fn policy(shape: &Shape<'_>, objective: &Objective, tier: &Tier, name: &str) -> Node {
    let condition = Node::map([
        ("kind", Node::text("burnrate")),
        ("op", Node::text("gt")),
        ("threshold", Node::literal(tier.factor(shape.plan.period).to_decimal())),
        ("lookbackWindow", Node::text(text(tier.long))),
        ("alertAfter", Node::text(text(tier.short))),
    ]);
    let condition = Node::map([
        ("kind", Node::text("AlertCondition")),
        ("metadata", Node::texts([("name", name)])),
        ("spec", Node::map([("severity", Node::text(tier.severity.as_str())), ("condition", condition)])),
    ]);
    Node::map([
        (
            "description",
            Node::text(format!(
                "The budget of {} burns over {} and {}; {}.",
                objective.name,
                text(tier.long),
                text(tier.short),
                shape
                    .settings
                    .runbook_url
                    .replace("{alert}", &runbook_name(alerts::burn_name(objective, tier.severity)))
            )),
        ),
        ("alertWhenBreaching", Node::literal(true)),
        ("alertWhenResolved", Node::literal(true)),
        ("alertWhenNoData", Node::literal(false)),
        ("conditions", Node::List(vec![condition])),
        ("notificationTargets", Node::List(vec![Node::texts([("targetRef", tier.severity.as_str())])])),
    ])
}

/// The objective's name, shortened where needed, with what tells its tiers apart, and with a number where another
/// policy has that name: long names may begin alike, and tiers may differ in their short windows only.
fn policy_name(objective: &Objective, tier: &Tier, taken: &mut BTreeSet<String>) -> String {
    let end = format!("-{}-{}", tier.severity.as_str(), text(tier.long));
    let name = |number: usize| {
        let end = if number == 1 { end.clone() } else { format!("{end}-{number}") };
        let room = MAX_NAME.saturating_sub(end.len()).min(objective.name.len());
        let start = objective.name.get(..room).unwrap_or_default().trim_end_matches('-');
        format!("{start}{end}")
    };
    let free = (1..=taken.len() + 1).map(name).find(|name| !taken.contains(name));
    let free = free.expect("of more names than are taken one is free");
    taken.insert(free.clone());
    free
}

fn description(objective: &Objective) -> String {
    if objective.description.is_empty() {
        format!("{} % of the events of {} are good.", objective.target, objective.sli.as_str())
    } else {
        objective.description.clone()
    }
}

/// One specification; Sloth chooses windows and factors itself, from its own table for 30 or 28 days.
pub(super) fn sloth(shape: &Shape<'_>, warnings: &mut Vec<String>, options: &Options) -> String {
    let days = shape.plan.period.as_secs() / (24 * 60 * 60);
    if !matches!(days, 28 | 30) {
        warnings.push(format!(
            "Sloth has windows for 28 and 30 days only: give it --slo-period-windows-path for a period of {}",
            text(shape.plan.period)
        ));
    }
    let slos = shape.plan.objectives.iter().map(|objective| sloth_slo(shape, objective)).collect();
    let document = Node::map([
        ("version", Node::text("prometheus/v1")),
        ("service", Node::text(&options.name)),
        ("slos", Node::List(slos)),
    ]);
    let what = format!(
        "Service levels of mcp-tap for Sloth: sloth generate --default-slo-period={} -i FILE\n\
         Sloth keeps one budget for all servers together; `mcp-tap rules` keeps one for each.",
        text(shape.plan.period)
    );
    documents(&header(&what, Format::Sloth), &[document])
}

fn sloth_slo(shape: &Shape<'_>, objective: &Objective) -> Node {
    let query = |more: &str| Node::text(format!("sum(rate({}[{{{{.window}}}}]))", counter(objective, more)));
    let page = alerts::burn_name(objective, Severity::Page);
    let runbook = shape.settings.runbook_url.replace("{alert}", &runbook_name(page));
    // As `mcp-tap rules` labels them: a page inhibits the tickets that are equal in `slo`.
    let mut labels = vec![
        ("category".to_owned(), Node::text("burn_rate")),
        (label::SLO.to_owned(), Node::text(&objective.name)),
    ];
    for (name, value) in &shape.settings.labels {
        if labels.iter().all(|(known, _)| known != name) {
            labels.push((name.clone(), Node::text(value)));
        }
    }
    let severity = |severity: &str| Node::map([("labels", Node::texts([("severity", severity)]))]);
    Node::map([
        ("name", Node::text(&objective.name)),
        ("objective", Node::literal(objective.target)),
        ("description", Node::text(description(objective))),
        (
            "sli",
            Node::map([("events", Node::map([("error_query", query(BAD)), ("total_query", query(""))]))]),
        ),
        (
            "alerting",
            Node::map([
                ("name", Node::text(page)),
                ("labels", Node::Map(labels)),
                ("annotations", Node::texts([("runbook_url", runbook.as_str())])),
                ("page_alert", severity("page")),
                ("ticket_alert", severity("ticket")),
            ]),
        ),
    ])
}
