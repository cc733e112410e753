//! From turns to the figures that are shown: medians over the rounds, with their spread. What a way adds, and every
//! ratio, is taken from two turns of the same round.

use serde::Serialize;

use super::turn::{Case, Resident, Turn};
use super::ways::{Between, Way};
use crate::compare::{Ratio, TAP};
use crate::goals::Goal;

/// Microseconds that mcp-tap may add to a small call.
const MOST_ADDED: f64 = 60.0;
/// MiB that it may have when it was started.
const MOST_RESIDENT: f64 = 14.0;

/// The figures of one way.
#[derive(Debug, Clone, Serialize)]
pub struct WayFigures {
    /// Its name.
    pub name: String,
    /// Milliseconds from the start of the process until its first answer was read.
    pub first_answer_ms: Changed,
    /// Small calls, one at a time.
    pub single: CaseFigures,
    /// Small calls, several under way.
    pub pipelined: CaseFigures,
    /// Calls with an answer of 1 MiB, one at a time.
    pub large: CaseFigures,
    /// Resident KiB of the wrapper, idle after its start; absent without one.
    pub resident_started_kib: Option<Ratio>,
    /// After the small calls.
    pub resident_called_kib: Option<Ratio>,
    /// After all calls.
    pub resident_ended_kib: Option<Ratio>,
    /// Resident KiB of the shell that ends the server when the wrapper is killed.
    pub guard_kib: Option<Ratio>,
}

/// The figures of calls of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct CaseFigures {
    /// Median latency in microseconds; absent where several calls were under way.
    pub p50_micros: Option<Changed>,
    /// 99th percentile in microseconds.
    pub p99_micros: Option<Changed>,
    /// Messages per second, questions and answers both counted.
    pub messages_per_second: Changed,
    /// CPU microseconds of the wrapper per call, that is for two messages; absent without a wrapper.
    pub cpu_micros: Option<Ratio>,
}

/// A figure, and how it differs from that of the direct way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Changed {
    /// The figure.
    pub value: Ratio,
    /// What is added; absent for the direct way.
    pub added: Option<Ratio>,
    /// How many times that of the direct way; absent for that.
    pub times: Option<Ratio>,
}

impl Changed {
    /// `None` where there is nothing to compare; `same`: it is the direct way itself.
    fn of(values: &[f64], direct: &[f64], same: bool) -> Option<Self> {
        let pairs = |change: fn(f64, f64) -> f64| {
            let changed = values.iter().zip(direct).map(|(value, direct)| change(*value, *direct));
            Ratio::of(&changed.collect::<Vec<f64>>()).filter(|_| !same)
        };
        Some(Self {
            value: Ratio::of(values)?,
            added: pairs(|value, direct| value - direct),
            times: pairs(|value, direct| value / direct),
        })
    }
}

/// The turns of one way beside those of the direct way.
struct Rounds<'a> {
    turns: &'a [Turn],
    direct: &'a [Turn],
    same: bool,
}

impl Rounds<'_> {
    fn changed(&self, value: impl Fn(&Turn) -> f64) -> Option<Changed> {
        let values = |turns: &[Turn]| turns.iter().map(&value).collect::<Vec<f64>>();
        Changed::of(&values(self.turns), &values(self.direct), self.same)
    }

    fn case(&self, of: fn(&Turn) -> &Case) -> CaseFigures {
        let latency = |quantile: f64| {
            let has = self.turns.iter().all(|turn| of(turn).latency.count() > 0);
            self.changed(|turn| of(turn).latency.at(quantile)).filter(|_| has)
        };
        let cpu = self.turns.iter().filter_map(|turn| {
            let Case { calls, cpu, .. } = of(turn);
            Some(cpu.as_ref()?.total().as_secs_f64() * 1e6 / *calls as f64)
        });
        let per_second = |turn: &Turn| 2.0 * of(turn).calls as f64 / of(turn).took.as_secs_f64();
        CaseFigures {
            p50_micros: latency(0.5),
            p99_micros: latency(0.99),
            messages_per_second: self.changed(per_second).unwrap_or(NOTHING),
            cpu_micros: Ratio::of(&cpu.collect::<Vec<f64>>()),
        }
    }

    fn resident(&self, of: fn(&Resident) -> u64) -> Option<Ratio> {
        let all = self.turns.iter().filter_map(|turn| turn.resident.as_ref());
        Ratio::of(&all.map(|resident| of(resident) as f64).collect::<Vec<f64>>())
    }
}

/// Without a round; there is always one.
const NOTHING: Changed =
    Changed { value: Ratio { median: 0.0, lowest: 0.0, highest: 0.0 }, added: None, times: None };

/// The figures of all ways; the direct one comes first.
pub(super) fn of(ways: &[Way], turns: &[Vec<Turn>]) -> Vec<WayFigures> {
    let direct = turns.first().map_or(&[][..], Vec::as_slice);
    let figures = |(way, turns): (&Way, &Vec<Turn>)| {
        let rounds = Rounds { turns, direct, same: way.between == Between::Nothing };
        WayFigures {
            name: way.name.to_owned(),
            first_answer_ms: rounds
                .changed(|turn| turn.first_answer.as_secs_f64() * 1000.0)
                .unwrap_or(NOTHING),
            single: rounds.case(|turn| &turn.single),
            pipelined: rounds.case(|turn| &turn.pipelined),
            large: rounds.case(|turn| &turn.large),
            resident_started_kib: rounds.resident(|resident| resident.started),
            resident_called_kib: rounds.resident(|resident| resident.called),
            resident_ended_kib: rounds.resident(|resident| resident.ended),
            guard_kib: rounds.resident(|resident| resident.guard),
        }
    };
    ways.iter().zip(turns).map(figures).collect()
}

/// What the figures of mcp-tap, as it is without settings, should be.
pub(super) fn goals(ways: &[WayFigures]) -> Vec<Goal> {
    let Some(tap) = ways.iter().find(|way| way.name == TAP) else { return Vec::new() };
    let added = tap.single.p50_micros.and_then(|latency| latency.added);
    let resident = tap.resident_started_kib.map(|kib| Ratio {
        median: kib.median / 1024.0,
        lowest: kib.lowest / 1024.0,
        highest: kib.highest / 1024.0,
    });
    vec![
        goal("stdio, one call at a time: added p50", added, MOST_ADDED, "us"),
        goal("stdio: RSS of the wrapper after its start", resident, MOST_RESIDENT, "MiB"),
    ]
}

fn goal(what: &str, measured: Option<Ratio>, target: f64, unit: &str) -> Goal {
    let goal = Goal::at_most(what, measured.map(|figure| figure.median), target, unit);
    match measured {
        Some(figure) => goal.with_spread(figure.lowest, figure.highest),
        None => goal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_taken_round_by_round() {
        let changed = Changed::of(&[30.0, 60.0, 40.0], &[10.0, 50.0, 10.0], false).unwrap();
        let triple = |figure: Ratio| [figure.lowest, figure.median, figure.highest];
        assert_eq!(triple(changed.value), [30.0, 40.0, 60.0]);
        assert_eq!(triple(changed.added.unwrap()), [10.0, 20.0, 30.0]);
        assert_eq!(triple(changed.times.unwrap()), [1.2, 3.0, 4.0]);
        let same = Changed::of(&[30.0], &[30.0], true).unwrap();
        assert_eq!((same.added, same.times), (None, None));
        assert_eq!(Changed::of(&[], &[], false), None);
    }

    #[test]
    fn targets_are_those_of_mcp_tap_without_settings() {
        let ratio = |median| Ratio { median, lowest: median, highest: median };
        let latency = Changed { value: ratio(90.0), added: Some(ratio(61.0)), times: Some(ratio(3.0)) };
        let case = CaseFigures {
            p50_micros: Some(latency),
            p99_micros: Some(latency),
            messages_per_second: latency,
            cpu_micros: None,
        };
        let way = |name: &str| WayFigures {
            name: name.to_owned(),
            first_answer_ms: latency,
            single: case.clone(),
            pipelined: case.clone(),
            large: case.clone(),
            resident_started_kib: Some(ratio(14.0 * 1024.0)),
            resident_called_kib: None,
            resident_ended_kib: None,
            guard_kib: None,
        };
        assert_eq!(goals(&[way("direct")]), []);
        let met: Vec<bool> = goals(&[way("direct"), way(TAP)]).iter().map(Goal::is_met).collect();
        assert_eq!(met, [false, true]);
    }
}
