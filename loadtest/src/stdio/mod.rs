//! What `mcp-tap stdio` costs: the fixture as a command that talks on its standard input and output, called over two
//! pipes, and over two pipes with mcp-tap between.
//!
//! ```text
//!   session ──► serve-stdio                            direct
//!   session ──► cat ──► serve-stdio ──► cat            the floor: whatever stands between copies, and is woken up
//!   session ──► mcp-tap stdio -- ──► serve-stdio       wrapped, in three ways
//! ```
//!
//! A client that starts a server has one connection to it and mostly one call under way, so what counts is how much
//! later an answer comes. Each round gives every way one turn, and starts with another one; a turn starts its processes
//! anew. What a way adds is always taken from the direct turn of the same round.
//!
//! Held on one CPU the figures vary little. Else the scheduler puts the processes of a turn on one CPU or on several,
//! which wakes up slower, and changes its mind from turn to turn (see `compare::pin`): that is what users have.
//!
//! In reading order: [`talk`] (what is asked and answered, byte for byte), [`serve`], [`session`], `ways`, `turn`,
//! `figures`, `table`. Everything blocks and there is one thread, so that little of what is measured is our own.

mod figures;
pub mod serve;
pub mod session;
mod table;
pub mod talk;
mod turn;
mod watchdog;
mod ways;

use std::io;
use std::path::PathBuf;

use serde::Serialize;

use crate::clock;
use crate::compare::{ProcessError, pin};
use crate::goals::Goal;
use crate::machine::Setting;

pub use figures::{CaseFigures, Changed, WayFigures};

use session::SessionError;
use turn::{Plan, Turn};
use ways::Ways;

/// Calls of the pipelined case to one of the case with one call at a time.
const PIPELINED: u64 = 4;
/// The other way round for answers of 1 MiB: at least so many, and one in so many.
const LARGE: (u64, u64) = (5, 50);

/// What to measure.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This program, to be started as `serve-stdio`.
    pub program: PathBuf,
    /// The `mcp-tap` to measure.
    pub tap: PathBuf,
    /// Arguments for it besides those that make the ways differ.
    pub tap_arguments: Vec<String>,
    /// Hold all of it on one CPU.
    pub pin: bool,
    /// Each gives every way one turn.
    pub rounds: usize,
    /// Calls of a turn, one at a time.
    pub calls: u64,
    /// Bytes of text that a call carries there and back.
    pub size: usize,
}

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// Where, when and with what.
    pub setting: Setting,
    /// Whether all of it was held on one CPU.
    pub pinned: bool,
    /// Number of rounds.
    pub rounds: usize,
    /// Bytes of text that a call carried there and back.
    pub size: usize,
    /// Calls of a turn, one at a time.
    pub calls: u64,
    /// Calls of a turn, several under way.
    pub pipelined_calls: u64,
    /// How many were under way.
    pub window: usize,
    /// Calls of a turn with an answer of 1 MiB.
    pub large_calls: u64,
    /// By way; the direct one comes first.
    pub ways: Vec<WayFigures>,
    /// What some of the figures should be.
    pub goals: Vec<Goal>,
}

/// Why nothing was measured. A wrong answer is one of the reasons: figures of a broken way mean nothing.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// A process or a part of this one could not be started.
    #[error("{name}: {source}")]
    Start {
        /// What it is.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A process is gone or cannot be read.
    #[error("{name}: {source}")]
    Process {
        /// The way.
        name: String,
        /// What `/proc` said.
        source: ProcessError,
    },
    /// A call failed.
    #[error("{name}: {source}{said}")]
    Call {
        /// The way.
        name: String,
        /// What failed.
        source: SessionError,
        /// What was written to standard error, behind a line that says so; empty if nothing was.
        said: String,
    },
}

/// Measures all of it; `progress` is told what begins.
///
/// # Errors
/// At the first way that does not work. A target that is missed is no error.
pub fn run(settings: &Settings, progress: &mut impl FnMut(&str)) -> Result<Measured, StdioError> {
    let setting = Setting::look(clock::since_epoch(), &[(&settings.tap, "--version")]);
    if settings.pin {
        pin::hold_on_one()
            .map_err(|error| StdioError::Start { name: "one CPU".to_owned(), source: error.into() })?;
    }
    let ways = Ways::new(settings)?;
    let plan = Plan::new(settings);
    let mut all: Vec<Vec<Turn>> = ways.all.iter().map(|_| Vec::new()).collect();
    for round in 0..settings.rounds {
        for turn in 0..ways.all.len() {
            let index = (round + turn) % ways.all.len();
            let way = &ways.all[index];
            progress(&format!("round {} of {}: {}", round + 1, settings.rounds, way.name));
            all[index].push(turn::take(way, &plan)?);
        }
    }
    let ways = figures::of(&ways.all, &all);
    Ok(Measured {
        setting,
        pinned: settings.pin,
        rounds: settings.rounds,
        size: settings.size,
        calls: plan.calls,
        pipelined_calls: plan.pipelined_calls,
        window: plan.window,
        large_calls: plan.large_calls,
        goals: figures::goals(&ways),
        ways,
    })
}
