//! Tiers: when burning the budget is an alert (slo-and-alerts.md §4).

use std::time::Duration;

use super::target::{Fraction, Target};

/// How loud an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody is woken up.
    Page,
    /// Somebody looks at it at work.
    Ticket,
}

impl Severity {
    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// One tier: it alerts while the burn over both windows is above the factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// How loud.
    pub severity: Severity,
    /// The window that says how much is lost.
    pub long: Duration,
    /// The window that says that it still goes on.
    pub short: Duration,
    /// The part of the period's budget that may be used up in the long window.
    pub budget: Fraction,
    /// Bad events in the long window below which nobody is told.
    pub min_bad: u64,
}

impl Tier {
    /// How many times faster than allowed the budget burns at the limit: `budget · period / long`.
    #[must_use]
    pub fn factor(&self, period: Duration) -> Fraction {
        self.budget.times(Fraction::new(millis(period), millis(self.long)))
    }

    /// The error ratio at the limit, `factor · (1 - target)`; the condition is strictly greater.
    #[must_use]
    pub fn threshold(&self, period: Duration, target: Target) -> Fraction {
        self.factor(period).times(target.budget())
    }

    /// Whether any error ratio is above the limit.
    #[must_use]
    pub fn can_fire(&self, period: Duration, target: Target) -> bool {
        self.threshold(period, target) < Fraction::ONE
    }
}

fn millis(duration: Duration) -> i128 {
    i128::try_from(duration.as_millis()).unwrap_or(i128::MAX)
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The four tiers for a period: the usual percentages, or those of slo-and-alerts.md §4 where the usual ones would alert
/// on a healthy service (28 days, 7 days).
#[must_use]
pub fn defaults(period: Duration) -> Vec<Tier> {
    // Parts per thousand of the budget, from loud to quiet.
    let budgets = match period.as_secs() / DAY {
        0..=13 => [80, 125, 200, 430],
        14..=27 => [40, 75, 120, 220],
        28 | 29 => [20, 50, 100, 110],
        _ => [20, 50, 100, 100],
    };
    let windows = [(HOUR, 5 * MINUTE), (6 * HOUR, 30 * MINUTE), (DAY, 2 * HOUR), (3 * DAY, 6 * HOUR)];
    windows
        .into_iter()
        .zip(budgets)
        .enumerate()
        .map(|(place, ((long, short), budget))| Tier {
            severity: if place < 2 { Severity::Page } else { Severity::Ticket },
            long: Duration::from_secs(long),
            short: Duration::from_secs(short),
            budget: Fraction::new(budget, 1000),
            min_bad: if place < 2 { 3 } else { 1 },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_those_of_the_burn_table() {
        for (days, expected) in [
            (30, ["14.4", "6", "3", "1"]),
            (28, ["13.44", "5.6", "2.8", "1.026666666667"]),
            (90, ["43.2", "18", "9", "3"]),
            (7, ["13.44", "3.5", "1.4", "1.003333333333"]),
        ] {
            let period = Duration::from_secs(days * DAY);
            let factors: Vec<_> =
                defaults(period).iter().map(|tier| tier.factor(period).to_decimal()).collect();
            assert_eq!(factors, expected, "{days} days");
        }
    }

    #[test]
    fn default_factors_never_alert_on_a_healthy_service() {
        for days in 7..=400 {
            let period = Duration::from_secs(days * DAY);
            let healthy = |tier: &Tier| tier.factor(period) < Fraction::ONE;
            assert!(!defaults(period).iter().any(healthy), "{days} days");
        }
    }
}
