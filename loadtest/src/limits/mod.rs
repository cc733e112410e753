//! What one mcp-tap needs, against fixed targets: size, start, memory, scrapes, and how its cost grows with what it
//! keeps. Every measurement starts a fixture and sidecars of its own.

mod growth;
mod memory;
mod scrape;
mod sidecar;
mod soak;
mod start;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::clock;
use crate::compare::CompareError;
use crate::goals::Goal;
use crate::machine::Setting;
use crate::payload::Answers;

/// Longest soak.
pub const MAX_SOAK: Duration = Duration::from_secs(24 * 60 * 60);

/// What to measure.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This program, to be started as `server`.
    pub program: PathBuf,
    /// The `mcp-tap` to measure.
    pub tap: PathBuf,
    /// Arguments for it besides the addresses.
    pub tap_arguments: Vec<String>,
    /// Idle event streams; the limit of open files must allow them.
    pub streams: usize,
    /// How long to send mixed calls at the end; `None` leaves that out.
    pub soak: Option<Duration>,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Limits {
    /// Where, when and with what.
    pub setting: Setting,
    /// The figures.
    pub goals: Vec<Goal>,
}

/// Measures everything; `progress` is told what begins.
///
/// # Errors
/// At the first part that does not work. A target that is missed is no error.
pub async fn run(settings: &Settings, progress: &mut impl FnMut(&str)) -> Result<Limits, CompareError> {
    let setting = Setting::look(clock::since_epoch(), &[(&settings.tap, "--version")]);
    let answers = Answers::new();
    progress("size and start");
    let mut goals = start::measure(settings)?;
    progress("memory after 1 000 tools by 100 clients, and scrapes of it");
    let churned = memory::churn(settings, &answers, &mut goals).await?;
    scrape::measure(&churned, &answers, &mut goals).await?;
    drop(churned);
    progress(&format!("{} idle event streams", settings.streams));
    memory::idle_streams(settings, &mut goals).await?;
    growth::measure(settings, &answers, &mut goals, progress).await?;
    if let Some(duration) = settings.soak {
        goals.push(soak::measure(settings, duration, &answers, progress).await?);
    }
    Ok(Limits { setting, goals })
}
