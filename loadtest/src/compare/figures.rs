//! From turns to the figures that are shown: medians over the rounds, and ratios to the bare proxy with their spread.

use std::time::Duration;

use serde::Serialize;

use super::rounds::{Turn, Turns};
use super::target::{BARE, TAP};
use crate::payload::Scenario;

/// The figures of one scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// As on the command line.
    pub scenario: String,
    /// Number of rounds.
    pub rounds: usize,
    /// By target, in the order they were given.
    pub targets: Vec<TargetFigures>,
}

/// The figures of one target; medians over the rounds.
#[derive(Debug, Clone, Serialize)]
pub struct TargetFigures {
    /// Its name.
    pub name: String,
    /// Right answers per second.
    pub requests_per_second: f64,
    /// CPU microseconds of the proxy per request; absent without a proxy.
    pub cpu_micros: Option<f64>,
    /// The part of it in user code.
    pub user_micros: Option<f64>,
    /// The part of it in the kernel.
    pub system_micros: Option<f64>,
    /// Median latency in microseconds.
    pub p50_micros: f64,
    /// 99th percentile in microseconds.
    pub p99_micros: f64,
    /// Resident memory after a turn.
    pub resident_kib: Option<f64>,
    /// CPU per request over that of the bare proxy in the same round.
    pub cpu_ratio: Option<Ratio>,
    /// CPU per request over that of mcp-tap without traces in the same round.
    pub cpu_to_tap: Option<Ratio>,
    /// Requests per second over those of the bare proxy in the same round.
    pub throughput_ratio: Option<Ratio>,
}

/// A ratio over the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// The middle one.
    pub median: f64,
    /// The lowest round.
    pub lowest: f64,
    /// The highest round.
    pub highest: f64,
}

impl Ratio {
    fn of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values);
        Some(Self { median: median(&sorted)?, lowest: *sorted.first()?, highest: *sorted.last()? })
    }
}

impl Figures {
    pub(super) fn of(scenario: Scenario, all: Vec<Turns>) -> Self {
        let turns_of = |name| -> &[Turn] {
            all.iter().find(|turns| turns.name == name).map_or(&[], |turns| &turns.turns)
        };
        let (floor, tap) = (turns_of(BARE), turns_of(TAP));
        let rounds = floor.len();
        let targets = all.iter().map(|turns| target(turns, floor, tap)).collect();
        Self { scenario: scenario.to_string(), rounds, targets }
    }
}

fn target(Turns { name, turns }: &Turns, floor: &[Turn], tap: &[Turn]) -> TargetFigures {
    let middle = |value: fn(&Turn) -> Option<f64>| {
        let values: Vec<f64> = turns.iter().filter_map(value).collect();
        median(&sorted(&values))
    };
    let ratio = |value: fn(&Turn) -> Option<f64>, floor: &[Turn]| {
        let rounds = turns.iter().zip(floor);
        let values: Vec<f64> =
            rounds.filter_map(|(turn, floor)| Some(value(turn)? / value(floor)?)).collect();
        Ratio::of(&values).filter(|ratio| ratio.highest.is_finite())
    };
    TargetFigures {
        name: name.clone(),
        requests_per_second: middle(throughput).unwrap_or_default(),
        cpu_micros: middle(cpu),
        user_micros: middle(|turn| per_request(turn, turn.cpu?.user)),
        system_micros: middle(|turn| per_request(turn, turn.cpu?.system)),
        p50_micros: middle(|turn| Some(turn.report.latency.p50)).unwrap_or_default(),
        p99_micros: middle(|turn| Some(turn.report.latency.p99)).unwrap_or_default(),
        resident_kib: middle(|turn| turn.resident_kib.map(|kib| kib as f64)),
        cpu_ratio: ratio(cpu, floor),
        cpu_to_tap: ratio(cpu, tap),
        throughput_ratio: ratio(throughput, floor),
    }
}

fn throughput(turn: &Turn) -> Option<f64> {
    Some(turn.report.requests_per_second)
}

fn cpu(turn: &Turn) -> Option<f64> {
    let cpu = turn.cpu?;
    per_request(turn, cpu.user + cpu.system)
}

fn per_request(turn: &Turn, time: Duration) -> Option<f64> {
    (turn.report.requests > 0).then(|| time.as_secs_f64() * 1e6 / turn.report.requests as f64)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The middle of sorted values; of an even number the mean of the two middle ones.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((upper + sorted.get(sorted.len() / 2 - 1)?) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::super::process::CpuTime;
    use super::*;
    use crate::load::{Latency, Report};
    use crate::payload::Tool;

    fn turn(requests: u64, cpu_millis: Option<u64>) -> Turn {
        let latency = Latency { p50: 1.0, p90: 2.0, p99: 3.0, max: 4.0 };
        Turn {
            report: Report {
                requests,
                failures: 0,
                first_failure: None,
                events: 0,
                seconds: 1.0,
                requests_per_second: requests as f64,
                latency,
            },
            cpu: cpu_millis.map(|millis| CpuTime {
                user: Duration::from_millis(millis / 4),
                system: Duration::from_millis(millis - millis / 4),
            }),
            resident_kib: cpu_millis.map(|_| 5000),
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let turns = |name: &str, turns: Vec<Turn>| Turns { name: name.to_owned(), turns };
        let figures = Figures::of(
            Scenario::Json(Tool::Small),
            vec![
                turns("direct", vec![turn(4000, None), turn(2000, None), turn(4000, None)]),
                turns(BARE, vec![turn(2000, Some(40)), turn(1000, Some(40)), turn(2000, Some(40))]),
                turns(TAP, vec![turn(1000, Some(20)), turn(1000, Some(30)), turn(1000, Some(25))]),
                turns("peer", vec![turn(1000, Some(40)), turn(1000, Some(60)), turn(1600, Some(48))]),
            ],
        );
        let [direct, bare, _, peer] = &figures.targets[..] else { panic!("four targets") };
        assert_eq!((direct.cpu_micros, direct.cpu_ratio), (None, None));
        assert_eq!(direct.throughput_ratio, Some(Ratio { median: 2.0, lowest: 2.0, highest: 2.0 }));
        assert_eq!(
            (bare.cpu_micros, bare.user_micros, bare.system_micros),
            (Some(20.0), Some(5.0), Some(15.0))
        );
        assert_eq!(bare.cpu_ratio, Some(Ratio { median: 1.0, lowest: 1.0, highest: 1.0 }));
        // 40/20, 60/40 and 30/20.
        assert_eq!(peer.cpu_ratio, Some(Ratio { median: 1.5, lowest: 1.5, highest: 2.0 }));
        // 40/20, 60/30 and 30/25.
        assert_eq!(peer.cpu_to_tap, Some(Ratio { median: 2.0, lowest: 1.2, highest: 2.0 }));
        assert_eq!(peer.resident_kib, Some(5000.0));
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
    }
}
