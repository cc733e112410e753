//! The alerts.

mod burn;
mod names;
mod others;

use std::time::Duration;

use super::Settings;
use super::model::{Alert, Kind, Rule};

pub(super) use burn::{absence_hold, name as burn_name, objective, pages_absence};
pub use names::*;
pub(super) use others::{anomalies, health, tools};

/// The uids of the dashboards that alerts link to.
const SLO_DASHBOARD: &str = "mcp-tap-slo";
const BUDGET_DASHBOARD: &str = "mcp-tap-error-budget";
const TOOLS_DASHBOARD: &str = "mcp-tap-tools";

/// What an alert is, before labels and links that all of them have.
struct Draft<'a> {
    name: &'static str,
    severity: &'a str,
    expr: String,
    hold: Duration,
    keep: Duration,
    /// Labels that only this kind of alert has.
    labels: Vec<(&'static str, String)>,
    summary: String,
    description: String,
    dashboard: &'static str,
}

impl Draft<'_> {
    fn finish(self, settings: &Settings) -> Rule {
        let category = NAMES.iter().find(|named| named.name == self.name).map_or("", |named| named.category);
        let own = [("severity", self.severity.to_owned()), ("category", category.to_owned())];
        let own = own.into_iter().chain(self.labels).map(|(name, value)| (name.to_owned(), value));
        // Configured labels never replace ours: routes and inhibitions rest on them.
        let mut labels: Vec<_> = own.collect();
        for (name, value) in &settings.labels {
            if labels.iter().all(|(known, _)| known != name) {
                labels.push((name.clone(), value.clone()));
            }
        }
        let annotations = vec![
            ("summary", self.summary),
            ("description", self.description),
            ("runbook_url", settings.runbook_url.replace("{alert}", &runbook_name(self.name))),
            ("dashboard_url", settings.dashboard_url.replace("{dashboard}", self.dashboard)),
        ];
        let alert = Alert { name: self.name, hold: self.hold, keep: self.keep, annotations };
        Rule { kind: Kind::Alert(alert), expr: self.expr, labels }
    }
}
