//! The rule file of Prometheus, and the same as a resource of its operator.

use super::{Format, Options, header};
use crate::rules::duration::text;
use crate::rules::model::{Alert, Group, Kind, Rule, Rules};
use crate::rules::shape::Shape;
use crate::rules::yaml::{Node, documents};

pub(super) fn file(shape: &Shape<'_>, rules: &Rules) -> String {
    let what = "Rules of mcp-tap for Prometheus: service levels, error budgets, alerts.";
    let comment = format!("{}\n{}", header(what, Format::Prometheus), needs(shape));
    documents(&comment, &[Node::map([("groups", groups(rules))])])
}

pub(super) fn resource(shape: &Shape<'_>, rules: &mut Rules, options: &Options) -> String {
    let mut metadata = vec![("name".to_owned(), Node::text(&options.name))];
    if !options.namespace.is_empty() {
        metadata.push(("namespace".to_owned(), Node::text(&options.namespace)));
    }
    if options.labels.is_empty() {
        rules.warnings.push(
            "the PrometheusRule has no label: a Prometheus that selects rules by label (as kube-prometheus-stack does: \
             release=<name>) will not load it; give --label KEY=VALUE"
                .to_owned(),
        );
    } else {
        let labels = options.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        metadata.push(("labels".to_owned(), Node::texts(labels)));
    }
    let document = Node::map([
        ("apiVersion", Node::text("monitoring.coreos.com/v1")),
        ("kind", Node::text("PrometheusRule")),
        ("metadata", Node::Map(metadata)),
        ("spec", Node::map([("groups", groups(rules))])),
    ]);
    let comment = format!(
        "{}\n{}\nThe labels of metadata must be those that spec.ruleSelector of the Prometheus object asks for.",
        header("Rules of mcp-tap for the Prometheus operator.", Format::PrometheusRule),
        needs(shape)
    );
    documents(&comment, &[document])
}

/// What has to be so that the rules work.
fn needs(shape: &Shape<'_>) -> String {
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    format!(
        "\nNeeds: a retention of at least {} (--storage.tsdb.retention.time; Prometheus keeps 15d unless told), scrapes\n\
         every {} or more often, Prometheus 2.42 or newer.\n\n\
         Windows up to {} are computed from the counter, longer ones from the recorded series of {}. A group records\n\
         first and alerts then, in order, at one time: keep it whole.",
        text(shape.plan.period + day),
        text(shape.settings.scrape_interval),
        text(shape.longest_range()),
        text(shape.base)
    )
}

fn groups(rules: &Rules) -> Node {
    Node::List(rules.groups.iter().map(group).collect())
}

fn group(group: &Group) -> Node {
    let node = Node::map([
        ("name", Node::text(&group.name)),
        ("interval", Node::text(text(group.interval))),
        ("rules", Node::List(group.rules.iter().map(rule).collect())),
    ]);
    Node::Commented(group.about.clone(), Box::new(node))
}

fn rule(rule: &Rule) -> Node {
    let mut pairs = Vec::new();
    let mut put = |key: &str, value: Node| pairs.push((key.to_owned(), value));
    match &rule.kind {
        Kind::Record(name) => put("record", Node::text(name)),
        Kind::Alert(alert) => put("alert", Node::text(alert.name)),
    }
    put("expr", Node::text(&rule.expr));
    if let Kind::Alert(Alert { hold, keep, .. }) = &rule.kind {
        if !hold.is_zero() {
            put("for", Node::text(text(*hold)));
        }
        if !keep.is_zero() {
            put("keep_firing_for", Node::text(text(*keep)));
        }
    }
    if !rule.labels.is_empty() {
        put("labels", Node::texts(rule.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
    }
    if let Kind::Alert(alert) = &rule.kind {
        put("annotations", Node::texts(alert.annotations.iter().map(|(name, text)| (*name, text.as_str()))));
    }
    Node::Map(pairs)
}
