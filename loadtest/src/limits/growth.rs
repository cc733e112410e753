//! Whether a call costs more when there is much to remember.

use std::time::Duration;

use super::Settings;
use super::sidecar::{Load, Sidecar};
use crate::compare::{CompareError, Ratio, TAP};
use crate::goals::Goal;
use crate::load;
use crate::payload::{Answers, Scenario, Tool};

const TOOLS: u32 = 200;
const SESSIONS: usize = 10_000;
const CONNECTIONS: usize = 32;
/// Turns of each of two sidecars.
const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_millis(1000);
const WARM_UP: Duration = Duration::from_millis(300);
/// "The same" is ten percent.
const FLAT: f64 = 1.1;

pub(super) async fn measure(
    settings: &Settings,
    answers: &Answers,
    goals: &mut Vec<Goal>,
    progress: &mut impl FnMut(&str),
) -> Result<(), CompareError> {
    let small = Scenario::Json(Tool::Small);
    progress("cost of a call with 1 tool and with 200");
    let few = Sidecar::start(settings, TOOLS)?;
    let many = Sidecar::start(settings, TOOLS)?;
    let scenarios = [Scenario::Tools(1), Scenario::Tools(TOOLS)];
    goals
        .push(growth(&format!("CPU per call, {TOOLS} tools to 1"), [&few, &many], scenarios, answers).await?);

    progress("cost of a call with 1 session and with 10 000");
    let (few, many) = (Sidecar::start(settings, 0)?, Sidecar::start(settings, 0)?);
    let begun = load::open_sessions(many.url(), SESSIONS).await;
    begun.map_err(|source| CompareError::Load { name: TAP.to_owned(), source })?;
    goals.push(
        growth(&format!("CPU per call, {SESSIONS} sessions to 1"), [&few, &many], [small; 2], answers)
            .await?,
    );

    let streams = settings.streams;
    progress(&format!("cost of a call with no open stream and with {streams}"));
    let (few, many) = (Sidecar::start(settings, 0)?, Sidecar::start(settings, 0)?);
    let open = load::open_idle(many.url(), streams.saturating_sub(CONNECTIONS).max(1)).await;
    let open = open.map_err(|source| CompareError::Idle { name: TAP.to_owned(), source })?;
    let what = format!("CPU per call, {} open streams to none", open.count());
    goals.push(growth(&what, [&few, &many], [small; 2], answers).await?);
    Ok(())
}

/// CPU per call of the second sidecar over that of the first, turn by turn.
async fn growth(
    what: &str,
    sidecars: [&Sidecar; 2],
    scenarios: [Scenario; 2],
    answers: &Answers,
) -> Result<Goal, CompareError> {
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let mut cost = [0.0; 2];
        for turn in 0..2 {
            // The other one begins in the next round.
            let which = (round + turn) % 2;
            cost[which] = cpu_per_call(sidecars[which], scenarios[which], answers).await?;
        }
        ratios.push(cost[1] / cost[0]);
    }
    let ratio = Ratio::of(&ratios);
    let goal = Goal::at_most(what, ratio.map(|ratio| ratio.median), FLAT, "");
    Ok(match ratio {
        Some(ratio) => goal.with_spread(ratio.lowest, ratio.highest),
        None => goal,
    })
}

async fn cpu_per_call(sidecar: &Sidecar, scenario: Scenario, answers: &Answers) -> Result<f64, CompareError> {
    let load = |duration| Load { scenario, connections: CONNECTIONS, duration, requests: None, rate: None };
    sidecar.load(&load(WARM_UP), answers).await?;
    let (report, cpu) = sidecar.cpu_of(sidecar.load(&load(TURN), answers)).await?;
    Ok(cpu.as_secs_f64() / report.requests.max(1) as f64)
}
