//! What the counts of a window mean, computed exactly (slo-and-alerts.md §1, §7).

use std::time::Duration;

use super::report::{Budget, State, TierReport, Window};
use super::target::{Fraction, Target};
use super::tier::Tier;
use super::window::Counts;

impl Counts {
    /// All events. The sum of two counts of 64 bits needs one more.
    #[must_use]
    pub const fn total(self) -> i128 {
        self.good as i128 + self.bad as i128
    }

    /// `good / total`; `None` without an event.
    #[must_use]
    pub const fn sli(self) -> Option<Fraction> {
        ratio(self.good, self.total())
    }

    /// `bad / total`; `None` without an event.
    #[must_use]
    pub const fn error_ratio(self) -> Option<Fraction> {
        ratio(self.bad, self.total())
    }

    /// How many times faster than allowed the budget goes: `error ratio / (1 - target)`.
    #[must_use]
    pub fn burn(self, target: Target) -> Option<Fraction> {
        self.error_ratio()?.over(target.budget())
    }

    /// What is left of the budget if these are the events of its period: `1 - burn`, not clamped.
    #[must_use]
    pub fn remaining(self, target: Target) -> Option<Fraction> {
        Some(Fraction::ONE.minus(self.burn(target)?))
    }

    /// How many of so many events may be bad.
    #[must_use]
    pub fn allowed_bad(self, target: Target) -> Fraction {
        target.budget().times(Fraction::new(self.total(), 1))
    }

    /// Whether the target is kept: `sli ≥ target`. Also true at a budget that is exactly used up.
    #[must_use]
    pub fn meet(self, target: Target) -> Option<bool> {
        Some(self.sli()? >= target.good())
    }

    /// Counts at the top have stopped counting, so that ratios of them say nothing.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.good < u64::MAX && self.bad < u64::MAX
    }
}

const fn ratio(part: u64, total: i128) -> Option<Fraction> {
    if total == 0 { None } else { Some(Fraction::new(part as i128, total)) }
}

/// When the budget is used up if it goes on burning like this: `remaining · period / burn`. `None`: never, or already.
#[must_use]
pub fn exhausted_in(remaining: Option<Fraction>, burn: Option<Fraction>, period: Duration) -> Option<f64> {
    let (remaining, burn) = (remaining?, burn?);
    if remaining <= Fraction::ZERO || burn <= Fraction::ZERO {
        return None;
    }
    // A product of three exact numbers may be too long for exact arithmetic; milliseconds are enough for a forecast.
    let seconds = remaining.to_f64() * period.as_secs_f64() / burn.to_f64();
    Some((seconds * 1000.0).round() / 1000.0).filter(|seconds| seconds.is_finite())
}

/// Whether a tier's condition holds: both windows burn faster than its factor, and enough of the long one is bad.
#[must_use]
pub fn met(tier: &Tier, period: Duration, target: Target, long: Counts, short: Counts) -> bool {
    let factor = tier.factor(period);
    let above = |counts: Counts| counts.burn(target).is_some_and(|burn| burn > factor);
    above(long) && above(short) && long.bad >= tier.min_bad
}

/// How an objective stands, by its window, its period and its tiers.
///
/// A window without events is idle whatever else is true: nothing is known of the present. Then what is worse comes
/// first: a budget of which nothing is left, also exactly nothing, before one that burns.
#[must_use]
pub fn state(window: Counts, period: Counts, target: Target, any_met: bool) -> State {
    let exhausted = || period.remaining(target).is_some_and(|remaining| remaining <= Fraction::ZERO);
    match () {
        () if !window.is_valid() || !period.is_valid() => State::Invalid,
        () if window.is_zero() => State::Idle,
        () if exhausted() => State::Exhausted,
        () if any_met => State::Burning,
        () => State::Ok,
    }
}

impl Window {
    /// A window of counts; `coverage` is the part of it that there is history of.
    #[must_use]
    pub fn of(length: Duration, counts: Counts, target: Target, coverage: f64) -> Self {
        let float = |fraction: Option<Fraction>| fraction.map(Fraction::to_f64);
        Self {
            seconds: length.as_secs_f64(),
            good: counts.good as f64,
            bad: counts.bad as f64,
            sli: float(counts.sli()),
            error_ratio: float(counts.error_ratio()),
            burn: float(counts.burn(target)),
            coverage,
        }
    }
}

impl Budget {
    /// The budget of a period with these counts, of which `covered` is known, while `window` goes on.
    #[must_use]
    pub fn of(period: Duration, counts: Counts, window: Counts, target: Target, covered: Duration) -> Self {
        let remaining = counts.remaining(target);
        Self {
            events: Window::of(period, counts, target, share(covered, period)),
            allowed_bad: counts.allowed_bad(target).to_f64(),
            remaining: remaining.map(Fraction::to_f64),
            exhausted_in_seconds: exhausted_in(remaining, window.burn(target), period),
            coverage_seconds: covered.as_secs_f64(),
        }
    }
}

/// The part of a whole, 0 to 1.
#[must_use]
pub fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { (part.as_secs_f64() / whole.as_secs_f64()).min(1.0) }
}

impl TierReport {
    /// A tier and whether its condition holds.
    #[must_use]
    pub fn of(tier: &Tier, period: Duration, met: bool) -> Self {
        Self {
            severity: tier.severity.as_str().to_owned(),
            long_seconds: tier.long.as_secs_f64(),
            short_seconds: tier.short.as_secs_f64(),
            factor: tier.factor(period).to_f64(),
            met,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::tier;

    const DAY: Duration = Duration::from_secs(86_400);
    const PERIOD: Duration = Duration::from_secs(30 * 86_400);

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    fn counts(total: u64, bad: u64) -> Counts {
        Counts::new(total - bad, bad)
    }

    #[test]
    fn budgets_are_those_of_the_worked_examples() {
        // B1 to B8 of slo-and-alerts.md §11.
        for (name, objective, total, bad, expected) in [
            ("B1", "99.9", 1_000_000, 250, Some(("0.99975", "0.25", "0.75"))),
            ("B2", "99.9", 1_000_000, 1_000, Some(("0.999", "1", "0"))),
            ("B3", "99.9", 1_000_000, 1_500, Some(("0.9985", "1.5", "-0.5"))),
            ("B4", "99", 1_000, 10, Some(("0.99", "1", "0"))),
            ("B5", "99.9", 1_000, 10, Some(("0.99", "10", "-9"))),
            ("B6", "99.9", 0, 0, None),
            ("B7", "99.9", 10_000, 20, Some(("0.998", "2", "-1"))),
            ("B8", "95", 200, 7, Some(("0.965", "0.7", "0.3"))),
        ] {
            let (target, counts) = (target(objective), counts(total, bad));
            let [sli, burn, remaining] = [counts.sli(), counts.burn(target), counts.remaining(target)]
                .map(|number| number.map(Fraction::to_decimal));
            let found = sli.zip(burn).zip(remaining).map(|((sli, burn), remaining)| (sli, burn, remaining));
            let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
            assert_eq!(found, expected, "{name}");
            let budget = Budget::of(PERIOD, counts, counts, target, DAY);
            let float = |text: &str| text.parse::<f64>().unwrap();
            assert_eq!(budget.remaining, expected.as_ref().map(|(.., remaining)| float(remaining)), "{name}");
            assert_eq!(budget.events.burn, expected.as_ref().map(|(_, burn, _)| float(burn)), "{name}");
            assert_eq!(budget.events.sli, expected.as_ref().map(|(sli, ..)| float(sli)), "{name}");
        }
    }

    #[test]
    fn a_budget_that_is_exactly_used_up_is_zero_and_its_target_is_met() {
        // B2 and B4: floats give 8.9e-16.
        for (objective, counts) in [("99.9", counts(1_000_000, 1_000)), ("99", counts(1_000, 10))] {
            let target = target(objective);
            assert_eq!(counts.remaining(target), Some(Fraction::ZERO));
            assert_eq!(counts.meet(target), Some(true));
            assert_eq!(state(counts, counts, target, false), State::Exhausted);
            let worse = Counts::new(counts.good - 1, counts.bad + 1);
            assert_eq!(worse.meet(target), Some(false));
            let better = Counts::new(counts.good + 1, counts.bad - 1);
            assert_eq!(state(better, better, target, false), State::Ok);
        }
        assert_eq!(Counts::ZERO.meet(target("99")), None);
    }

    #[test]
    fn coverage_is_the_part_of_the_period_that_is_known() {
        // B7.
        let budget = Budget::of(PERIOD, counts(10_000, 20), Counts::ZERO, target("99.9"), DAY);
        assert_eq!(budget.coverage_seconds, 86_400.0);
        assert_eq!((budget.events.coverage * 30.0).round(), 1.0);
        assert_eq!(budget.allowed_bad, 10.0);
        assert_eq!(budget.exhausted_in_seconds, None);
    }

    #[test]
    fn time_to_exhaustion_is_for_budgets_that_last_and_burn() {
        // B8: at burn 6 from here in 36 h.
        let remaining = counts(200, 7).remaining(target("95"));
        let burn = |numerator| Some(Fraction::new(numerator, 1));
        assert_eq!(exhausted_in(remaining, burn(6), PERIOD), Some(129_600.0));
        assert_eq!(exhausted_in(burn(1), burn(1), PERIOD), Some(2_592_000.0));
        for (remaining, burn) in [
            (remaining, None),
            (None, burn(1)),
            (remaining, burn(0)),
            (burn(0), burn(1)),
            (burn(-1), burn(1)),
        ] {
            assert_eq!(exhausted_in(remaining, burn, PERIOD), None);
        }
    }

    #[test]
    fn a_tier_is_met_strictly_above_its_factor_on_both_windows_with_enough_bad_events() {
        let tier = tier::defaults(PERIOD)[0];
        // 14.4 times 0.001: exactly 144 of 10,000.
        let (at, above) = (counts(10_000, 144), counts(10_000, 145));
        let few = counts(100, 2);
        for (long, short, expected) in [
            (above, above, true),
            (at, above, false),
            (above, at, false),
            (above, counts(1, 1), true),
            (above, Counts::ZERO, false),
            (Counts::ZERO, Counts::ZERO, false),
            (few, few, false),
            (counts(100, 3), counts(10, 1), true),
        ] {
            assert_eq!(met(&tier, PERIOD, target("99.9"), long, short), expected, "{long:?} {short:?}");
        }
        // W8: with one bad event only the tickets.
        let tiers = tier::defaults(PERIOD);
        let w8: Vec<_> =
            tiers.iter().map(|tier| met(tier, PERIOD, target("99.9"), counts(21, 1), counts(1, 1))).collect();
        assert_eq!(w8, [false, false, true, true]);
    }

    #[test]
    fn a_state_is_the_first_that_is_true() {
        let target = target("99");
        let (good, bad, top) = (counts(100, 0), counts(100, 5), Counts::new(u64::MAX, 0));
        for (window, period, any_met, expected) in [
            (good, good, false, State::Ok),
            (bad, good, false, State::Ok),
            (good, good, true, State::Burning),
            (good, bad, true, State::Exhausted),
            (Counts::ZERO, bad, true, State::Idle),
            (Counts::ZERO, Counts::ZERO, false, State::Idle),
            (Counts::ZERO, top, false, State::Invalid),
            (top, good, false, State::Invalid),
        ] {
            assert_eq!(state(window, period, target, any_met), expected, "{window:?} {period:?} {any_met}");
        }
    }

    #[test]
    fn no_number_is_too_large() {
        let top = Counts::new(u64::MAX, u64::MAX);
        for objective in ["0.0001", "50", "99.9999"] {
            let target = target(objective);
            let budget = Budget::of(Duration::MAX, top, top, target, Duration::MAX);
            let json = serde_json::to_string(&budget).unwrap();
            assert!(!json.contains("NaN") && budget.events.sli == Some(0.5), "{json}");
            let huge = Counts::new(1 << 60, 1 << 50);
            for tier in tier::defaults(PERIOD) {
                let expected = huge.burn(target).unwrap().to_f64() > tier.factor(PERIOD).to_f64();
                assert_eq!(met(&tier, PERIOD, target, huge, huge), expected);
            }
        }
    }
}
