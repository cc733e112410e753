//! Everything that is agreed on: objectives, the period of their budgets, the tiers of their alerts.

use std::time::Duration;

use super::objective::{Objective, Sli};
use super::outcome::Outcomes;
use super::target::Target;
use super::tier::{self, Tier};

/// Most objectives of a plan.
pub const MAX_OBJECTIVES: usize = 64;

/// What is agreed on. Checked by configuration: names are unique, windows are in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What budgets are counted over.
    pub period: Duration,
    /// What SLIs are shown over.
    pub window: Duration,
    /// When burning is an alert, from loud to quiet.
    pub tiers: Vec<Tier>,
    /// The objectives, in the order of the configuration.
    pub objectives: Vec<Objective>,
    /// Period and windows may be far too short for production: alerts are to be seen at work within minutes.
    pub trial: bool,
}

impl Default for Plan {
    /// Availability 99.9 %, latency 95 % under 1 s, quality 99 %; budgets over 30 days.
    fn default() -> Self {
        let period = Duration::from_secs(30 * 24 * 60 * 60);
        let objective = |name: &str, sli, target: &str| {
            Some(Objective {
                name: name.to_owned(),
                description: String::new(),
                sli,
                target: target.parse::<Target>().ok()?,
                servers: Vec::new(),
                tools: Vec::new(),
                outcomes: Outcomes::default(),
            })
        };
        Self {
            period,
            window: Duration::from_secs(60 * 60),
            tiers: tier::defaults(period),
            objectives: [
                objective("availability", Sli::Availability, "99.9"),
                objective("latency", Sli::Latency { threshold: Duration::from_secs(1) }, "95"),
                objective("quality", Sli::Quality, "99"),
            ]
            .into_iter()
            .flatten()
            .collect(),
            trial: false,
        }
    }
}

impl Plan {
    /// Every window that something is computed over, each once, from short to long; the period is the last.
    #[must_use]
    pub fn windows(&self) -> Vec<Duration> {
        let mut windows: Vec<_> = self.tiers.iter().flat_map(|tier| [tier.short, tier.long]).collect();
        windows.extend([self.window, self.period]);
        windows.sort_unstable();
        windows.dedup();
        windows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_plan_has_the_objectives_and_windows_of_the_product() {
        let plan = Plan::default();
        let objectives: Vec<_> = plan
            .objectives
            .iter()
            .map(|objective| (objective.name.as_str(), objective.target.to_string()))
            .collect();
        let expected = [("availability", "99.9"), ("latency", "95"), ("quality", "99")];
        assert_eq!(objectives, expected.map(|(name, target)| (name, target.to_owned())));
        let minutes: Vec<_> = plan.windows().iter().map(|window| window.as_secs() / 60).collect();
        assert_eq!(minutes, [5, 30, 60, 120, 360, 1440, 4320, 43_200]);
    }
}
