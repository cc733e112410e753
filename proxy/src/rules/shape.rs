//! What all rules of a plan share: windows, ranges, times, selectors.

use std::time::Duration;

use super::Settings;
use super::duration::text;
use crate::slo::{Objective, Plan};
use crate::telemetry::names::{Metric, label};

/// The shortest window that the numbers of the reference are for.
const USUAL: Duration = Duration::from_secs(5 * 60);
/// The longest window that is computed from the counter; longer ones from the recorded series of the shortest.
const LONGEST_RANGE: Duration = Duration::from_secs(6 * 60 * 60);
/// Ranges of `rate` hold at least so many scrapes, so that one that fails does no harm.
const SCRAPES: u32 = 4;

/// A plan and how rules are made of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    pub(super) plan: &'a Plan,
    pub(super) settings: &'a Settings,
    /// The shortest window.
    pub(super) base: Duration,
}

impl<'a> Shape<'a> {
    pub(super) fn new(plan: &'a Plan, settings: &'a Settings) -> Self {
        Self { plan, settings, base: plan.windows().first().copied().unwrap_or(USUAL) }
    }

    /// A time of the reference. In a trial it is as much shorter as the shortest window is shorter than 5 minutes.
    pub(super) fn scaled(&self, time: Duration) -> Duration {
        if !self.plan.trial || self.base >= USUAL {
            return time;
        }
        let scaled = time.as_millis() * self.base.as_millis() / USUAL.as_millis();
        let millis = u64::try_from(scaled).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(if millis > 1000 { millis.next_multiple_of(1000) } else { millis })
    }

    pub(super) fn minutes(&self, minutes: u64) -> Duration {
        self.scaled(Duration::from_secs(minutes * 60))
    }

    /// Whether a window is computed from the recorded series of the shortest one.
    pub(super) fn is_long(&self, window: Duration) -> bool {
        window > self.longest_range()
    }

    pub(super) fn longest_range(&self) -> Duration {
        self.scaled(LONGEST_RANGE)
    }

    /// The range that a rate over this window needs.
    pub(super) fn range(&self, window: Duration) -> String {
        text(window.max(self.settings.scrape_interval * SCRAPES))
    }

    /// Whether the shortest window holds too few scrapes.
    pub(super) fn is_too_short(&self) -> bool {
        self.base < self.settings.scrape_interval * SCRAPES
    }
}

/// Text as PromQL writes it.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// The selector of an objective's series: `{slo="…"}`, with its servers if it has some, and more.
pub(super) fn selector(objective: &Objective, more: &str) -> String {
    let mut selector = format!("{{{}={}", label::SLO, quoted(&objective.name));
    if !objective.servers.is_empty() {
        let servers: Vec<_> = objective.servers.iter().map(crate::slo::Pattern::to_regex).collect();
        selector.push_str(&format!(",{}=~{}", label::SERVER, quoted(&servers.join("|"))));
    }
    if !more.is_empty() {
        selector.push(',');
        selector.push_str(more);
    }
    selector.push('}');
    selector
}

/// The counter of an objective's events.
pub(super) fn counter(objective: &Objective, more: &str) -> String {
    Metric::SloEvents.name().to_owned() + &selector(objective, more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::Pattern;

    #[test]
    fn servers_of_an_objective_are_a_matcher() {
        let mut objective = Plan::default().objectives.remove(0);
        assert_eq!(selector(&objective, ""), r#"{slo="availability"}"#);
        objective.servers = vec![Pattern::new("a.b"), Pattern::new("team-*")];
        assert_eq!(
            selector(&objective, r#"verdict="bad""#),
            r#"{slo="availability",mcp_server=~"a\\.b|team-.*",verdict="bad"}"#
        );
        assert_eq!(quoted("a\"b\\\n"), r#""a\"b\\\n""#);
    }

    #[test]
    fn times_shrink_with_the_shortest_window_of_a_trial_only() {
        let mut plan = Plan::default();
        let settings = Settings::default();
        for (shortest, trial, expected) in [(300, false, 900), (20, true, 60), (600, true, 900)] {
            plan.tiers[0].short = Duration::from_secs(shortest);
            plan.trial = trial;
            plan.tiers[1].short = Duration::from_secs(1800);
            assert_eq!(Shape::new(&plan, &settings).minutes(15).as_secs(), expected, "{shortest}");
        }
    }
}
