//! Memory with many labels, and with many streams.

use std::time::Duration;

use super::Settings;
use super::sidecar::{Load, Sidecar};
use crate::compare::{CompareError, idle};
use crate::goals::Goal;
use crate::payload::{Answers, Scenario};

const TOOLS: u32 = 1000;
const CLIENTS: usize = 100;

/// Every client calls every tool once. The sidecar is given back as it is then, full of series.
pub(super) async fn churn(
    settings: &Settings,
    answers: &Answers,
    goals: &mut Vec<Goal>,
) -> Result<Sidecar, CompareError> {
    let sidecar = Sidecar::start(settings, TOOLS)?;
    let load = Load {
        scenario: Scenario::Tools(TOOLS),
        connections: CLIENTS,
        duration: Duration::from_secs(60),
        // Connections take turns, but not strictly: a tenth more lets the slowest come round as well.
        requests: Some(u64::from(TOOLS) * CLIENTS as u64 * 11 / 10),
        rate: None,
    };
    let report = sidecar.load(&load, answers).await?;
    let note = format!("{} calls", report.requests);
    let what = format!("RSS after {TOOLS} tools by {CLIENTS} clients");
    goals.push(Goal::at_most(&what, Some(sidecar.resident_mib()?), 24.0, "MiB").with_note(note));
    Ok(sidecar)
}

pub(super) async fn idle_streams(settings: &Settings, goals: &mut Vec<Goal>) -> Result<(), CompareError> {
    let sidecar = Sidecar::start(settings, 0)?;
    let figures = idle::measure(&sidecar.target, settings.streams).await?;
    let note = format!("{} streams, RSS {:.1} MiB", figures.streams, figures.after_kib as f64 / 1024.0);
    goals.push(
        Goal::at_most("RSS per idle stream", Some(figures.kib_per_stream), 14.0, "KiB").with_note(note),
    );
    let opened = Goal::at_least("streams accepted", Some(figures.opened_per_second), 2000.0, "/s");
    goals.push(opened.with_note("one after the other"));
    Ok(())
}
