//! Flags of `limits`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::{Error, progress, say, targets, write};
use crate::descriptors;
use crate::goals::Goals;
use crate::limits::{self, MAX_SOAK};
use crate::load::MAX_CONNECTIONS;

/// Flags of `limits`.
#[derive(Debug, Args)]
pub struct LimitsArgs {
    /// The mcp-tap program to measure.
    #[arg(long, value_name = "PROGRAM")]
    tap: PathBuf,
    /// A further argument for it; repeat for more, such as `--tap-arg=--workers --tap-arg=1`.
    #[arg(long = "tap-arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    tap_arguments: Vec<String>,
    /// Idle event streams; by default as many as the limit of open files allows, at most 10 000.
    #[arg(long, value_name = "STREAMS", value_parser = super::connections())]
    streams: Option<usize>,
    /// Afterwards send mixed calls for so long (such as 10m) and see whether memory stays flat.
    #[arg(long, value_name = "DURATION", value_parser = soak)]
    soak: Option<Duration>,
    /// Write the figures to this file; `-` prints them instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail if a target is missed.
    #[arg(long)]
    check: bool,
}

fn soak(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() && duration <= MAX_SOAK => Ok(duration),
        Ok(_) => Err(format!("more than nothing and at most {}", humantime::format_duration(MAX_SOAK))),
        Err(error) => Err(error.to_string()),
    }
}

impl LimitsArgs {
    pub(super) async fn run(self) -> Result<(), Error> {
        let possible = descriptors::streams(descriptors::raise());
        let streams = self.streams.unwrap_or(possible);
        if streams > possible {
            let needed = descriptors::descriptors(streams as u64);
            return Err(format!(
                "{streams} streams need {needed} open files in mcp-tap: raise the limit (ulimit -n {needed}) or ask \
                 for {possible} or less"
            )
            .into());
        }
        if streams < MAX_CONNECTIONS && self.streams.is_none() {
            progress(&format!(
                "{streams} streams instead of {MAX_CONNECTIONS}: the limit of open files allows no more"
            ));
        }
        let settings = limits::Settings {
            program: std::env::current_exe()?,
            tap: self.tap,
            tap_arguments: self.tap_arguments,
            streams,
            soak: self.soak,
        };
        let measured = limits::run(&settings, &mut progress).await?;
        let json = serde_json::to_string_pretty(&measured)?;
        if self.json.as_deref() == Some(Path::new("-")) {
            say(&json)?;
        } else {
            if let Some(file) = &self.json {
                write(file, &json)?;
            }
            say(&Goals { goals: measured.goals.clone() }.to_string())?;
        }
        targets::check(&Goals { goals: measured.goals }, self.check)
    }
}
