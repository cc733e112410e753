//! What is allowed and worth a second look.

use std::fmt;
use std::time::Duration;

use super::{SloConfig, short};
use crate::rules;
use crate::slo::{Fraction, Objective, Plan, Severity};

/// One remark about a valid configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// No error ratio is high enough for a tier.
    TierCannotFire {
        /// The objective.
        objective: String,
        /// Of the tier.
        severity: Severity,
        /// Of the tier.
        long: Duration,
        /// How many times faster than allowed the budget would have to burn.
        factor: Fraction,
    },
    /// Nobody is ever woken up for an objective.
    NoPage {
        /// The objective.
        objective: String,
    },
    /// Objectives that name other servers.
    OtherServers {
        /// The objectives.
        objectives: Vec<String>,
        /// This server.
        server: String,
    },
    /// Nothing is measured.
    NoObjective,
    /// Windows are those of a trial.
    Trial,
    /// Expected servers without a namespace.
    AnyNamespace {
        /// The servers.
        servers: Vec<String>,
    },
    /// A link of alerts that leads nowhere outside of this repository.
    DefaultUrl {
        /// The key of the section.
        key: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TierCannotFire { objective, severity, long, factor } => write!(
                f,
                "objective {objective}: its {} tier over {} can never fire, for {} times the error budget is more than \
                 all requests; the tier is left out",
                severity.as_str(),
                short(*long),
                factor.to_decimal(),
            ),
            Self::NoPage { objective } => write!(
                f,
                "objective {objective}: NOBODY WILL BE PAGED: no page tier can fire at its target; write tiers with \
                 smaller budgets or longer windows"
            ),
            Self::OtherServers { objectives, server } => {
                write!(
                    f,
                    "not measured here, for their servers do not match {server:?}: {}",
                    objectives.join(", ")
                )
            }
            Self::NoObjective => f.write_str("there is no objective: no service level is measured"),
            Self::Trial => f.write_str("slo.trial is on: windows and period may be too short for production"),
            Self::AnyNamespace { servers } => write!(
                f,
                "slo.expected names no namespace of {}: a server of that name in any namespace hides the loss of \
                 another; write {{server, namespace}} unless there is but one",
                servers.join(", ")
            ),
            Self::DefaultUrl { key } => write!(
                f,
                "slo.{key} is not set: links of alerts lead into the repository of mcp-tap, not to a place of yours"
            ),
        }
    }
}

/// What is worth a look at start, for this server or for any.
#[must_use]
pub fn warnings(config: &SloConfig, server: Option<&str>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if config.plan.trial {
        warnings.push(Warning::Trial);
    }
    let ours = |objective: &&Objective| server.is_none_or(|server| objective.is_for(server));
    let (ours, others): (Vec<_>, Vec<_>) = config.plan.objectives.iter().partition(ours);
    if let (Some(server), false) = (server, others.is_empty()) {
        let objectives = others.into_iter().map(|objective| objective.name.clone()).collect();
        warnings.push(Warning::OtherServers { objectives, server: server.to_owned() });
    }
    if ours.is_empty() {
        warnings.push(Warning::NoObjective);
    }
    for objective in ours {
        about_tiers(&config.plan, objective, &mut warnings);
    }
    warnings
}

fn about_tiers(plan: &Plan, objective: &Objective, warnings: &mut Vec<Warning>) {
    let can_fire = |severity: &Severity| {
        let mut tiers = plan.tiers.iter().filter(|tier| tier.severity == *severity);
        tiers.any(|tier| tier.can_fire(plan.period, objective.target))
    };
    for tier in plan.tiers.iter().filter(|tier| !tier.can_fire(plan.period, objective.target)) {
        warnings.push(Warning::TierCannotFire {
            objective: objective.name.clone(),
            severity: tier.severity,
            long: tier.long,
            factor: tier.factor(plan.period),
        });
    }
    if !can_fire(&Severity::Page) {
        warnings.push(Warning::NoPage { objective: objective.name.clone() });
    }
}

/// What is worth a look when rules are made.
#[must_use]
pub fn about_rules(rules: &rules::Settings) -> Vec<Warning> {
    let default = rules::Settings::default();
    let urls = [
        ("runbook_url", rules.runbook_url == default.runbook_url),
        ("dashboard_url", rules.dashboard_url == default.dashboard_url),
    ];
    let mut warnings: Vec<_> =
        urls.into_iter().filter(|(_, same)| *same).map(|(key, _)| Warning::DefaultUrl { key }).collect();
    let anywhere = rules.expected.iter().filter(|expected| expected.namespace.is_empty());
    let servers: Vec<_> = anywhere.map(|expected| expected.server.clone()).collect();
    if rules.absence && !servers.is_empty() {
        warnings.push(Warning::AnyNamespace { servers });
    }
    warnings
}
