//! What the ratios of a comparison should be.

use super::figures::{Figures, Ratio, TargetFigures};
use super::target::{TAP, traced};
use crate::goals::Goal;

/// Which mcp-tap a target is for.
#[derive(Clone, Copy)]
enum Which {
    Plain,
    /// The one that samples at 10 %.
    Traced,
}

/// A ratio that should be at most, or at least, so much.
struct Wanted {
    what: &'static str,
    scenario: &'static str,
    which: Which,
    ratio: fn(&TargetFigures) -> Option<Ratio>,
    target: f64,
    at_most: bool,
}

impl Wanted {
    const fn new(
        what: &'static str,
        scenario: &'static str,
        target: f64,
        ratio: fn(&TargetFigures) -> Option<Ratio>,
    ) -> Self {
        Self { what, scenario, which: Which::Plain, ratio, target, at_most: true }
    }

    const fn traced(self) -> Self {
        Self { which: Which::Traced, ..self }
    }

    const fn at_least(self) -> Self {
        Self { at_most: false, ..self }
    }
}

/// "Not beyond" is five percent: two runs of the same program differ by that.
const SAME: f64 = 1.05;

const WANTED: [Wanted; 13] = [
    Wanted::new("small call, traces 10 %: CPU to bare", "small@32", 1.15, |of| of.cpu_ratio).traced(),
    Wanted::new("small call, traces 10 %: CPU to nginx with log", "small@32", 1.05, |of| of.cpu_to_nginx)
        .traced(),
    Wanted::new("small call, 1 connection: added p50 to what bare adds", "small@1", 1.15, |of| {
        of.added_p50_ratio
    }),
    Wanted::new("small call, 1 connection: added p99 to what bare adds", "small@1", 1.3, |of| {
        of.added_p99_ratio
    }),
    Wanted::new("small call, 32 connections: calls/s to bare", "small@32", 0.9, |of| of.throughput_ratio)
        .at_least(),
    Wanted::new("1 MiB text: CPU to bare", "text", 1.6, |of| of.cpu_ratio),
    Wanted::new("1 MiB objects: CPU to bare", "objects", 2.5, |of| of.cpu_ratio),
    // With more connections a first byte waits for other answers, which is their cost and not its delay.
    Wanted::new("1 MiB text, 1 connection: first byte p50 to bare", "text@1", SAME, |of| of.first_byte_ratio),
    Wanted::new("1 MiB objects, 1 connection: first byte p50 to bare", "objects@1", SAME, |of| {
        of.first_byte_ratio
    }),
    Wanted::new("1 000 events: CPU to bare", "sse:1000", 1.4, |of| of.cpu_ratio),
    Wanted::new("1 000 events: event delay p99 to bare", "sse:1000", SAME, |of| of.event_delay_ratio),
    Wanted::new("burst of 20 events: CPU to bare", "sse:20", 0.4, |of| of.cpu_ratio),
    Wanted::new("20 events 2 ms apart: event delay p99 to bare", "sse:20:2", SAME, |of| of.event_delay_ratio),
];

/// The targets of those scenarios that were compared.
pub(super) fn of(scenarios: &[Figures]) -> Vec<Goal> {
    WANTED.iter().filter_map(|wanted| goal(wanted, scenarios)).collect()
}

fn goal(wanted: &Wanted, scenarios: &[Figures]) -> Option<Goal> {
    let figures = scenarios.iter().find(|figures| {
        figures.scenario == wanted.scenario
            || format!("{}@{}", figures.scenario, figures.connections) == wanted.scenario
            || figures.scenario.split('@').next() == Some(wanted.scenario)
    })?;
    let target = |name: &str| figures.targets.iter().find(|target| target.name == name);
    let target = match wanted.which {
        Which::Plain => target(TAP)?,
        Which::Traced => target(&traced("10%")).or_else(|| target(&traced("0.1")))?,
    };
    let ratio = (wanted.ratio)(target)?;
    let make = if wanted.at_most { Goal::at_most } else { Goal::at_least };
    let goal = make(wanted.what, Some(ratio.median), wanted.target, "");
    Some(goal.with_spread(ratio.lowest, ratio.highest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(scenario: &str, connections: usize, name: &str, ratio: f64) -> Figures {
        let ratio = Some(Ratio { median: ratio, lowest: ratio - 0.1, highest: ratio + 0.1 });
        let target = TargetFigures {
            name: name.to_owned(),
            requests_per_second: 1.0,
            cpu_micros: ratio,
            user_micros: None,
            system_micros: None,
            p50_micros: 1.0,
            p99_micros: 1.0,
            first_byte_p50_micros: 1.0,
            first_byte_p99_micros: 1.0,
            event_delay_p99_micros: None,
            resident_kib: None,
            cpu_ratio: ratio,
            cpu_to_tap: None,
            cpu_to_nginx: None,
            throughput_ratio: ratio,
            added_p50_ratio: None,
            added_p99_ratio: None,
            first_byte_ratio: ratio,
            event_delay_ratio: None,
            curve: Vec::new(),
        };
        Figures { scenario: scenario.to_owned(), connections, rounds: 3, targets: vec![target] }
    }

    fn found(figures: &[Figures]) -> Vec<(String, bool)> {
        of(figures).into_iter().map(|goal| (goal.what.clone(), goal.is_met())).collect()
    }

    #[test]
    fn only_what_was_compared_has_a_target() {
        assert_eq!(found(&[]), []);
        assert_eq!(found(&[figures("medium", 32, TAP, 9.0)]), []);
        assert_eq!(
            found(&[figures("small", 32, TAP, 0.95)]),
            [("small call, 32 connections: calls/s to bare".to_owned(), true)]
        );
        assert_eq!(
            found(&[figures("small@32", 32, "mcp-tap, traces 10%", 1.16)]),
            [("small call, traces 10 %: CPU to bare".to_owned(), false)]
        );
        assert_eq!(found(&[figures("text@8", 8, TAP, 1.5)]), [("1 MiB text: CPU to bare".to_owned(), true)]);
        assert_eq!(found(&[figures("text@1", 1, TAP, 1.5)]).len(), 2);
    }
}
