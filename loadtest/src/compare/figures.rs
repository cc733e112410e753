//! From turns to the figures that are shown: medians over the rounds, and ratios with their spread. A ratio is always
//! one of two figures of the same round.

use serde::Serialize;

use super::case::Case;
use super::peers::NGINX_WITH_LOG;
use super::rounds::{Turn, Turns};
use super::target::{BARE, TAP};
use crate::load::Latency;

/// The figures of one scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// As on the command line.
    pub scenario: String,
    /// Connections of the load.
    pub connections: usize,
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
    pub cpu_micros: Option<Ratio>,
    /// The part of it in user code.
    pub user_micros: Option<f64>,
    /// The part of it in the kernel.
    pub system_micros: Option<f64>,
    /// Median latency in microseconds.
    pub p50_micros: f64,
    /// 99th percentile in microseconds.
    pub p99_micros: f64,
    /// Median time to the first byte in microseconds.
    pub first_byte_p50_micros: f64,
    /// Its 99th percentile.
    pub first_byte_p99_micros: f64,
    /// How late an event comes, 99th percentile in microseconds; absent without events.
    pub event_delay_p99_micros: Option<f64>,
    /// Resident memory after a turn.
    pub resident_kib: Option<f64>,
    /// CPU per request over that of the bare proxy.
    pub cpu_ratio: Option<Ratio>,
    /// CPU per request over that of mcp-tap without traces.
    pub cpu_to_tap: Option<Ratio>,
    /// CPU per request over that of nginx with its access log.
    pub cpu_to_nginx: Option<Ratio>,
    /// Requests per second over those of the bare proxy.
    pub throughput_ratio: Option<Ratio>,
    /// What the median grew over the direct way, over what the bare proxy adds.
    pub added_p50_ratio: Option<Ratio>,
    /// The same of the 99th percentile.
    pub added_p99_ratio: Option<Ratio>,
    /// Median time to the first byte over that of the bare proxy.
    pub first_byte_ratio: Option<Ratio>,
    /// 99th percentile of the delay of events over that of the bare proxy.
    pub event_delay_ratio: Option<Ratio>,
    /// Quantile and microseconds, of all rounds together.
    pub curve: Vec<(f64, f64)>,
}

/// A figure over the rounds.
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
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values);
        Some(Self { median: median(&sorted)?, lowest: *sorted.first()?, highest: *sorted.last()? })
    }
}

/// The targets that others are compared with, by round.
struct Yardsticks<'a> {
    direct: &'a [Turn],
    bare: &'a [Turn],
    tap: &'a [Turn],
    nginx: &'a [Turn],
}

/// A figure of a turn, where it has one.
type Value = fn(&Turn) -> Option<f64>;

impl Figures {
    pub(super) fn of(case: Case, connections: usize, all: &[Turns]) -> Self {
        let turns_of = |name| -> &[Turn] {
            all.iter().find(|turns| turns.name == name).map_or(&[], |turns| &turns.turns)
        };
        let yardsticks = Yardsticks {
            direct: turns_of("direct"),
            bare: turns_of(BARE),
            tap: turns_of(TAP),
            nginx: turns_of(NGINX_WITH_LOG),
        };
        let targets = all.iter().map(|turns| target(turns, &yardsticks)).collect();
        Self { scenario: case.to_string(), connections, rounds: yardsticks.bare.len(), targets }
    }
}

fn target(Turns { name, turns }: &Turns, to: &Yardsticks<'_>) -> TargetFigures {
    let all = |value: Value| Ratio::of(&turns.iter().filter_map(value).collect::<Vec<f64>>());
    let middle = |value: Value| all(value).map(|figure| figure.median);
    let ratio = |value: Value, other: &[Turn]| {
        let rounds = turns.iter().zip(other);
        ratio_of(rounds.filter_map(|(turn, other)| Some((value(turn)?, value(other)?))))
    };
    let added = |value: Value| {
        let rounds = turns.iter().zip(to.bare).zip(to.direct);
        ratio_of(rounds.filter_map(|((turn, bare), direct)| {
            let direct = value(direct)?;
            Some((value(turn)? - direct, value(bare)? - direct))
        }))
    };
    let mut latency = Latency::new();
    turns.iter().for_each(|turn| latency.add(&turn.report.latency));
    TargetFigures {
        name: name.clone(),
        requests_per_second: middle(throughput).unwrap_or_default(),
        cpu_micros: all(cpu),
        user_micros: middle(|turn| per_request(turn, turn.cpu?.user.as_secs_f64())),
        system_micros: middle(|turn| per_request(turn, turn.cpu?.system.as_secs_f64())),
        p50_micros: middle(p50).unwrap_or_default(),
        p99_micros: middle(p99).unwrap_or_default(),
        first_byte_p50_micros: middle(first_byte).unwrap_or_default(),
        first_byte_p99_micros: middle(|turn| Some(turn.report.first_byte.at(0.99))).unwrap_or_default(),
        event_delay_p99_micros: middle(event_delay),
        resident_kib: middle(|turn| turn.resident_kib.map(|kib| kib as f64)),
        cpu_ratio: ratio(cpu, to.bare),
        cpu_to_tap: ratio(cpu, to.tap),
        cpu_to_nginx: ratio(cpu, to.nginx),
        throughput_ratio: ratio(throughput, to.bare),
        added_p50_ratio: added(p50),
        added_p99_ratio: added(p99),
        first_byte_ratio: ratio(first_byte, to.bare),
        event_delay_ratio: ratio(event_delay, to.bare),
        curve: latency.curve(),
    }
}

/// Rounds without anything to divide by say nothing.
fn ratio_of(rounds: impl Iterator<Item = (f64, f64)>) -> Option<Ratio> {
    let values: Vec<f64> = rounds.filter(|(_, other)| *other > 0.0).map(|(one, other)| one / other).collect();
    Ratio::of(&values)
}

fn throughput(turn: &Turn) -> Option<f64> {
    Some(turn.report.requests_per_second)
}

fn p50(turn: &Turn) -> Option<f64> {
    Some(turn.report.latency.at(0.5))
}

fn p99(turn: &Turn) -> Option<f64> {
    Some(turn.report.latency.at(0.99))
}

fn first_byte(turn: &Turn) -> Option<f64> {
    Some(turn.report.first_byte.at(0.5))
}

fn event_delay(turn: &Turn) -> Option<f64> {
    Some(turn.report.event_delay.as_ref()?.at(0.99))
}

fn cpu(turn: &Turn) -> Option<f64> {
    per_request(turn, turn.cpu?.total().as_secs_f64())
}

fn per_request(turn: &Turn, seconds: f64) -> Option<f64> {
    (turn.report.requests > 0).then(|| seconds * 1e6 / turn.report.requests as f64)
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
    use std::time::Duration;

    use super::super::process::CpuTime;
    use super::*;
    use crate::load::Report;

    fn turn(requests: u64, cpu_millis: Option<u64>, latency_micros: u64) -> Turn {
        let mut latency = Latency::new();
        latency.record(Duration::from_micros(latency_micros));
        Turn {
            report: Report {
                requests,
                failures: 0,
                first_failure: None,
                events: 0,
                seconds: 1.0,
                requests_per_second: requests as f64,
                first_byte: latency.clone(),
                event_delay: Some(latency.clone()),
                schedule: None,
                latency,
            },
            cpu: cpu_millis.map(|millis| CpuTime {
                user: Duration::from_millis(millis / 4),
                system: Duration::from_millis(millis - millis / 4),
            }),
            resident_kib: cpu_millis.map(|_| 5000),
        }
    }

    /// Requests, milliseconds of CPU, microseconds of latency.
    type Round = (u64, Option<u64>, u64);

    fn figures(targets: &[(&str, &[Round])]) -> Vec<TargetFigures> {
        let all: Vec<Turns> = targets
            .iter()
            .map(|(name, turns)| Turns {
                name: (*name).to_owned(),
                turns: turns.iter().map(|(requests, cpu, latency)| turn(*requests, *cpu, *latency)).collect(),
            })
            .collect();
        Figures::of("small".parse().unwrap(), 32, &all).targets
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let targets = figures(&[
            ("direct", &[(4000, None, 1), (2000, None, 1), (4000, None, 1)]),
            (BARE, &[(2000, Some(40), 1), (1000, Some(40), 1), (2000, Some(40), 1)]),
            (TAP, &[(1000, Some(20), 1), (1000, Some(30), 1), (1000, Some(25), 1)]),
            ("peer", &[(1000, Some(40), 1), (1000, Some(60), 1), (1600, Some(48), 1)]),
        ]);
        let [direct, bare, _, peer] = &targets[..] else { panic!("four targets") };
        assert_eq!((direct.cpu_micros, direct.cpu_ratio), (None, None));
        assert_eq!(direct.throughput_ratio, Some(Ratio { median: 2.0, lowest: 2.0, highest: 2.0 }));
        let cpu = bare.cpu_micros.map(|cpu| cpu.median);
        assert_eq!((cpu, bare.user_micros, bare.system_micros), (Some(20.0), Some(5.0), Some(15.0)));
        assert_eq!(bare.cpu_ratio, Some(Ratio { median: 1.0, lowest: 1.0, highest: 1.0 }));
        // 40/20, 60/40 and 30/20.
        assert_eq!(peer.cpu_ratio, Some(Ratio { median: 1.5, lowest: 1.5, highest: 2.0 }));
        // 40/20, 60/30 and 30/25.
        assert_eq!(peer.cpu_to_tap, Some(Ratio { median: 2.0, lowest: 1.2, highest: 2.0 }));
        assert_eq!((peer.cpu_to_nginx, peer.resident_kib), (None, Some(5000.0)));
    }

    #[test]
    fn added_latency_is_what_is_above_the_direct_way_in_that_round() {
        let targets = figures(&[
            ("direct", &[(1, None, 100), (1, None, 300), (1, None, 100)]),
            (BARE, &[(1, Some(1), 200), (1, Some(1), 400), (1, Some(1), 90)]),
            ("peer", &[(1, Some(1), 250), (1, Some(1), 420), (1, Some(1), 500)]),
        ]);
        // 150/100 and 120/100; in the last round the bare proxy added nothing, so there is nothing to divide by.
        let added = targets[2].added_p50_ratio.unwrap();
        assert!((added.lowest - 1.2).abs() < 0.02 && (added.highest - 1.5).abs() < 0.02, "{added:?}");
        let delay = targets[2].event_delay_ratio.unwrap();
        assert!((delay.lowest - 1.05).abs() < 0.02, "{delay:?}");
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
    }
}
