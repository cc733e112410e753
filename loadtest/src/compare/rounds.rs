//! The turns of all targets under one scenario.

use std::time::Duration;

use super::case::Case;
use super::process::{CpuTime, Processes};
use super::target::Target;
use super::{CompareError, Settings};
use crate::load::{self, Report};
use crate::payload::Answers;

/// Load before each turn that is not measured: connections, pools and caches are warm afterwards.
const WARM_UP: Duration = Duration::from_millis(300);

/// What one turn of one target gave.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) report: Report,
    /// CPU time of the proxy in this turn; `None` without a proxy.
    pub(super) cpu: Option<CpuTime>,
    /// Its resident memory at the end of the turn.
    pub(super) resident_kib: Option<u64>,
}

/// The turns of one target, one per round.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) name: String,
    pub(super) turns: Vec<Turn>,
}

pub(super) async fn run(
    targets: &[Target],
    case: Case,
    settings: &Settings,
    answers: &Answers,
    progress: &mut impl FnMut(&str),
) -> Result<Vec<Turns>, CompareError> {
    let mut all: Vec<Turns> =
        targets.iter().map(|target| Turns { name: target.name.clone(), turns: Vec::new() }).collect();
    for round in 0..settings.rounds {
        for turn in 0..targets.len() {
            // Another one begins in each round.
            let index = (round + turn) % targets.len();
            let target = &targets[index];
            progress(&format!("{case}, round {} of {}: {}", round + 1, settings.rounds, target.name));
            all[index].turns.push(take_turn(target, case, settings, answers).await?);
        }
    }
    Ok(all)
}

async fn take_turn(
    target: &Target,
    case: Case,
    settings: &Settings,
    answers: &Answers,
) -> Result<Turn, CompareError> {
    let load = |duration| load::Settings {
        url: target.url.clone(),
        scenario: case.scenario,
        connections: case.connections(settings.connections),
        duration,
        requests: None,
        rate: settings.rate,
    };
    run_load(target, &load(WARM_UP), answers).await?;
    let process = |source| CompareError::Process { name: target.name.clone(), source };
    let processes = target.processes.as_ref();
    let cpu = || processes.map(Processes::cpu).transpose().map_err(process);
    let before = cpu()?;
    let report = run_load(target, &load(settings.turn), answers).await?;
    let cpu = cpu()?.zip(before).map(|(after, before)| after.since(&before));
    let resident_kib = processes.map(Processes::resident_kib).transpose().map_err(process)?;
    Ok(Turn { report, cpu, resident_kib })
}

async fn run_load(
    target: &Target,
    settings: &load::Settings,
    answers: &Answers,
) -> Result<Report, CompareError> {
    let name = || target.name.clone();
    let report =
        load::run(settings, answers).await.map_err(|source| CompareError::Load { name: name(), source })?;
    match report.first_failure {
        None => Ok(report),
        Some(first) => Err(CompareError::Failures { name: name(), failures: report.failures, first }),
    }
}
