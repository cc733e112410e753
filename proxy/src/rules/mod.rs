//! From the plan to what others evaluate: Prometheus rules, their tests, and dashboards. Pure and deterministic.

pub mod alerts;
pub mod dashboards;
pub mod duration;
mod formats;
pub mod model;
mod recording;
pub mod series;
mod shape;
mod testing;
mod yaml;

use crate::slo::Plan;
use crate::telemetry::names::label;
use model::{Group, Rules};
use shape::Shape;

pub use alerts::runbook_name;
pub use formats::{Format, Options};

/// Makes the rules of a plan: a group for each objective, and groups for what is not of one.
#[must_use]
pub fn generate(plan: &Plan, settings: &Settings) -> Rules {
    let shape = Shape::new(plan, settings);
    let mut warnings = warnings(&shape);
    let group = |name: &str, about: &str, rules| Group {
        name: name.to_owned(),
        about: about.to_owned(),
        interval: settings.interval,
        rules,
    };
    let mut groups = Vec::new();
    for objective in &plan.objectives {
        let mut rules = recording::objective(&shape, objective);
        rules.extend(alerts::objective(&shape, objective, &mut warnings));
        for rule in &mut rules {
            rule.say(label::SLO, &objective.name);
        }
        let about =
            format!("{} % of {} over {}.", objective.target, objective.name, duration::text(plan.period));
        groups.push(group(&format!("mcp-tap-slo-{}", objective.name), &about, rules));
    }
    let mut anomalies = recording::tools(&shape);
    anomalies.extend(alerts::anomalies(&shape));
    groups.push(group("mcp-tap-anomaly", "How long tools take, and usually take.", anomalies));
    groups.push(group("mcp-tap-tools", "What tools say and how agents use them.", alerts::tools(&shape)));
    groups.push(group("mcp-tap-health", "The sidecars themselves.", alerts::health(&shape)));
    Rules { groups, warnings }
}

/// Writes the rules of a plan, and says what people should know about them.
#[must_use]
pub fn write(plan: &Plan, settings: &Settings, format: Format, options: &Options) -> (String, Vec<String>) {
    let mut rules = generate(plan, settings);
    let text = formats::write(&Shape::new(plan, settings), &mut rules, format, options);
    (text, rules.warnings)
}

fn warnings(shape: &Shape<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let base = duration::text(shape.base);
    if shape.is_too_short() {
        warnings.push(format!(
            "the shortest window, {base}, holds fewer than four scrapes: rates over it are computed over {}",
            shape.range(shape.base)
        ));
    }
    if shape.settings.interval > shape.base {
        warnings.push(format!(
            "rules are evaluated every {}, less often than the shortest window, {base}: events between are missed by \
             the long windows",
            duration::text(shape.settings.interval)
        ));
    }
    warnings
}

/// What rules are told by configuration beyond the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How often rules are evaluated.
    pub interval: std::time::Duration,
    /// How often Prometheus scrapes the sidecars; ranges of `rate` are at least four times as long.
    pub scrape_interval: std::time::Duration,
    /// Where runbooks are: `{alert}` stands for the name of the alert in lower case with dashes.
    pub runbook_url: String,
    /// Where dashboards are: `{dashboard}` stands for the uid of the dashboard.
    pub dashboard_url: String,
    /// Labels that every alert gets beside its own.
    pub labels: Vec<(String, String)>,
    /// Whether servers whose series are gone are an alert; not where scaling to zero is normal.
    pub absence: bool,
    /// Servers that must always be there; of all others, those that were there within the last hour are missed.
    pub expected: Vec<Expected>,
}

/// A server that must always be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its label `mcp_server`.
    pub server: String,
    /// Its namespace; empty for any: then a server of that name anywhere is enough.
    pub namespace: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: std::time::Duration::from_secs(60),
            scrape_interval: std::time::Duration::from_secs(30),
            runbook_url: "deploy/docs/runbooks/{alert}.md".to_owned(),
            dashboard_url: "/d/{dashboard}".to_owned(),
            labels: Vec::new(),
            absence: true,
            expected: Vec::new(),
        }
    }
}
