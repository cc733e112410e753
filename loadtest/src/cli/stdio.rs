//! Flags of `stdio` and `serve-stdio`.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::{Error, progress, say, write};
use crate::goals::Goals;
use crate::stdio::{self, serve};

/// Most rounds.
const MAX_ROUNDS: u64 = 100;
/// Most calls of a turn.
const MAX_CALLS: u64 = 1_000_000;
/// Most bytes of text: mcp-tap reads lines of up to 16 MiB.
const MAX_SIZE: u64 = 4 << 20;

/// Flags of `stdio`.
#[derive(Debug, Args)]
pub struct StdioArgs {
    /// The mcp-tap program to measure.
    #[arg(long, value_name = "PROGRAM")]
    tap: PathBuf,
    /// A further argument for it; repeat for more, such as `--tap-arg=--client-id --tap-arg=off`.
    #[arg(long = "tap-arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    tap_arguments: Vec<String>,
    /// Hold all of it on one CPU, which varies least; without it the scheduler's choice decides much.
    #[arg(long)]
    pin: bool,
    /// Rounds; each gives every way one turn.
    #[arg(long, default_value_t = 9, value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_ROUNDS))]
    rounds: usize,
    /// Calls of a turn, one at a time; also four times as many with several under way, and a fiftieth with answers of
    /// 1 MiB.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..=MAX_CALLS))]
    calls: u64,
    /// Bytes of text that a call carries there and back.
    #[arg(long, default_value_t = 300, value_name = "BYTES",
          value_parser = RangedU64ValueParser::<usize>::new().range(0..=MAX_SIZE))]
    size: usize,
    /// Write all figures to this file; `-` prints them instead of the tables.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Flags of `serve-stdio`.
#[derive(Debug, Args)]
pub struct ServeStdioArgs {}

impl StdioArgs {
    pub(super) fn run(self) -> Result<(), Error> {
        let settings = stdio::Settings {
            program: std::env::current_exe()?,
            tap: self.tap,
            tap_arguments: self.tap_arguments,
            pin: self.pin,
            rounds: self.rounds,
            calls: self.calls,
            size: self.size,
        };
        let measured = stdio::run(&settings, &mut progress)?;
        let json = serde_json::to_string_pretty(&measured)?;
        if self.json.as_deref() == Some(Path::new("-")) {
            return say(&json);
        }
        if let Some(file) = &self.json {
            write(file, &json)?;
        }
        say(&format!("{measured}\n{}", Goals { goals: measured.goals.clone() }))
    }
}

impl ServeStdioArgs {
    pub(super) fn run(self) -> Result<(), Error> {
        Ok(serve::run()?)
    }
}
