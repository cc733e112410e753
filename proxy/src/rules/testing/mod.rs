//! Unit tests of the rules, which promtool runs: what holds for every plan, and the worked examples of
//! slo-and-alerts.md §11 where the plan is the one they are for.
//!
//! Alerts are asked for as the series `ALERTS`, so that one question tells all of them and texts may change. Ranges of
//! Prometheus 2 hold their left edge and those of 3 do not: during a change ratios differ by one scrape, so they are
//! rounded or asked for where both agree. Equality of a ratio and its limit is tested in the pure code, not here.

mod general;
mod worked;

use std::time::Duration;

use super::Options;
use super::duration::text;
use super::formats::Format;
use super::model::Rules;
use super::shape::{Shape, quoted};
use super::yaml::{Node, documents};
use crate::slo::Objective;
use crate::telemetry::names::{Metric, label};

/// One test: what is scraped, and what is then so.
struct Case {
    name: String,
    /// Why it is so, for people who read the file.
    about: &'static str,
    series: Vec<(String, String)>,
    checks: Vec<Check>,
}

/// One question.
struct Check {
    at: Duration,
    expr: String,
    /// Labels and values of all samples.
    expected: Vec<(String, String)>,
}

impl Check {
    /// A query that gives one sample.
    fn value(at: Duration, expr: String, labels: &str, value: &str) -> Self {
        Self { at, expr, expected: vec![(labels.to_owned(), value.to_owned())] }
    }

    /// A query that gives nothing.
    fn nothing(at: Duration, expr: String) -> Self {
        Self { at, expr, expected: Vec::new() }
    }
}

/// A server and namespace that an objective's events may be of.
struct Server {
    name: String,
    namespace: String,
}

impl Server {
    /// The expected ones that the objective is for; else one that fits its patterns.
    fn all(shape: &Shape<'_>, objective: &Objective) -> Vec<Self> {
        let expected = shape.settings.expected.iter().filter(|expected| objective.is_for(&expected.server));
        let mut servers: Vec<_> = expected
            .map(|expected| Self { name: expected.server.clone(), namespace: expected.namespace.clone() })
            .collect();
        if servers.is_empty() {
            let name = objective.servers.first().map_or("tools".to_owned(), |p| p.as_str().replace('*', "a"));
            servers.push(Self { name, namespace: "test".to_owned() });
        }
        servers
    }

    /// The series of events.
    fn events(&self, objective: &Objective, verdict: &str, pod: &str) -> String {
        let mut labels = self.labels(&objective.name);
        labels.push_str(&format!(",{}={}", label::VERDICT, quoted(verdict)));
        if !pod.is_empty() {
            labels.push_str(&format!(",pod={}", quoted(pod)));
        }
        format!("{}{{{labels}}}", Metric::SloEvents.name())
    }

    /// Labels of recorded series.
    fn labels(&self, slo: &str) -> String {
        let mut labels = String::new();
        if !self.namespace.is_empty() {
            labels = format!("namespace={},", quoted(&self.namespace));
        }
        labels + &format!("{}={},{}={}", label::SERVER, quoted(&self.name), label::SLO, quoted(slo))
    }
}

/// A question for alerts that fire, each counted by what tells it apart.
fn firing(matchers: &str) -> String {
    format!("count by (alertname, slo, severity, long_window) (ALERTS{{alertstate=\"firing\",{matchers}}})")
}

pub(super) fn file(shape: &Shape<'_>, rules: &Rules, options: &Options) -> String {
    let mut cases = general::cases(shape);
    cases.extend(worked::cases(shape));
    let order = rules.groups.iter().map(|group| Node::text(&group.name)).collect();
    let document = Node::map([
        ("rule_files", Node::List(vec![Node::text(&options.rule_file)])),
        ("evaluation_interval", Node::text(text(shape.settings.interval))),
        ("group_eval_order", Node::List(order)),
        ("tests", Node::List(cases.iter().map(|case| node(shape, case)).collect())),
    ]);
    let comment = format!(
        "Unit tests of {}: promtool test rules FILE\nWritten by `mcp-tap rules --format {}`; change the configuration, \
         not this file.",
        options.rule_file,
        Format::Tests.as_str()
    );
    documents(&comment, &[document])
}

fn node(shape: &Shape<'_>, case: &Case) -> Node {
    let series = case
        .series
        .iter()
        .map(|(series, values)| Node::texts([("series", series.as_str()), ("values", values.as_str())]));
    let checks = case.checks.iter().map(|check| {
        let expected = check.expected.iter().map(|(labels, value)| {
            Node::map([("labels", Node::text(labels)), ("value", Node::literal(value))])
        });
        Node::map([
            ("expr", Node::text(&check.expr)),
            ("eval_time", Node::text(text(check.at))),
            ("exp_samples", Node::List(expected.collect())),
        ])
    });
    let test = Node::map([
        ("name", Node::text(&case.name)),
        ("interval", Node::text(text(shape.settings.scrape_interval))),
        ("input_series", Node::List(series.collect())),
        ("promql_expr_test", Node::List(checks.collect())),
    ]);
    Node::Commented(case.about.to_owned(), Box::new(test))
}
