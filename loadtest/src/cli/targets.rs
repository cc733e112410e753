//! Flags of `targets`.

use std::path::PathBuf;

use clap::Args;

use super::{Error, say};
use crate::goals::Goals;

/// Flags of `targets`.
#[derive(Debug, Args)]
pub struct TargetsArgs {
    /// Files with figures.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Fail if a target is missed.
    #[arg(long)]
    check: bool,
}

impl TargetsArgs {
    pub(super) fn run(self) -> Result<(), Error> {
        let mut all = Goals::default();
        for file in &self.files {
            let name = file.display();
            let text =
                std::fs::read_to_string(file).map_err(|error| format!("cannot read {name}: {error}"))?;
            let goals: Goals = serde_json::from_str(&text).map_err(|error| {
                format!(
                    "{name} was not written by `compare --json`, `limits --json` or `stdio --json`: {error}"
                )
            })?;
            all.goals.extend(goals.goals);
        }
        say(&all.to_string())?;
        check(&all, self.check)
    }
}

/// Whether missed targets are a failure.
pub(super) fn check(goals: &Goals, wanted: bool) -> Result<(), Error> {
    match goals.missed() {
        missed if wanted && missed > 0 => Err(format!("{missed} targets are missed").into()),
        _ => Ok(()),
    }
}
