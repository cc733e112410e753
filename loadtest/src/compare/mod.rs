//! Comparison in one run: the fixture server, the bare proxy, mcp-tap and any peer as processes of their own, under the
//! same load in turn, round by round. Each round starts with another target, so that a machine that slows down slows
//! all of them; a ratio is always one of two figures of the same round.

mod case;
pub(crate) mod child;
mod figures;
mod goals;
pub(crate) mod idle;
pub(crate) mod peers;
pub(crate) mod pin;
mod process;
mod rounds;
mod table;
pub(crate) mod target;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::clock;
use crate::goals::Goal;
use crate::load::CallError;
use crate::machine::Setting;
use crate::payload::Answers;

pub use case::Case;
pub use figures::{Figures, Ratio, TargetFigures};
pub use idle::IdleFigures;
pub use process::{CpuCounters, CpuTime, ProcessError, Processes};
pub use target::{BARE, LISTENING, Peer, TAP};

use pin::Cpus;
use target::Fleet;

/// What to compare, and for how long.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This program, to be started as `server` and `bare`.
    pub program: PathBuf,
    /// An `mcp-tap` to start.
    pub tap: Option<PathBuf>,
    /// Arguments for it besides the addresses.
    pub tap_arguments: Vec<String>,
    /// For each of these one more `mcp-tap`, which sends traces and samples at this ratio.
    pub trace_ratios: Vec<String>,
    /// Proxies that run already, in front of a fixture server at [`Settings::server_port`].
    pub peers: Vec<Peer>,
    /// Port of the fixture server; 0 lets the system choose, which no peer can know.
    pub server_port: u16,
    /// Executors of the bare proxy.
    pub workers: usize,
    /// With one connection keep the proxies on a CPU of their own, and client and server away from it.
    pub pin: bool,
    /// An `nginx` to start, once without and once with its access log.
    pub nginx: Option<PathBuf>,
    /// An `haproxy` to start.
    pub haproxy: Option<PathBuf>,
    /// The calls.
    pub cases: Vec<Case>,
    /// Connections of the load, where a case does not say.
    pub connections: usize,
    /// Calls per second of an open loop; `None` is a closed one.
    pub rate: Option<f64>,
    /// Rounds per scenario.
    pub rounds: usize,
    /// Length of each target's turn in a round.
    pub turn: Duration,
    /// Idle event streams per target; 0 leaves that part out.
    pub idle_streams: usize,
}

impl Settings {
    /// The most connections that a proxy will have from clients at the same time.
    fn most_streams(&self) -> usize {
        let load = self.cases.iter().map(|case| case.connections(self.connections)).max();
        // Those of the turn before may still be closing.
        self.idle_streams.max(2 * load.unwrap_or_default()).max(512)
    }
}

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Where, when and with what.
    pub setting: Setting,
    /// Executors of the bare proxy.
    pub workers: usize,
    /// Length of a turn in seconds.
    pub turn_seconds: f64,
    /// By scenario.
    pub scenarios: Vec<Figures>,
    /// Memory per idle stream.
    pub idle: Vec<IdleFigures>,
    /// What some of the ratios should be.
    pub goals: Vec<Goal>,
}

/// Why a comparison cannot be made. A wrong answer is one of the reasons: figures of a broken target mean nothing.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A process could not be started, or did not say where it listens.
    #[error("{name}: {source}")]
    Start {
        /// The target.
        name: String,
        /// What the system or the process said.
        source: io::Error,
    },
    /// A process is gone or cannot be read.
    #[error("{name}: {source}")]
    Process {
        /// The target.
        name: String,
        /// What `/proc` said.
        source: ProcessError,
    },
    /// The load could not be sent.
    #[error("{name}: {source}")]
    Load {
        /// The target.
        name: String,
        /// What failed.
        source: CallError,
    },
    /// Calls failed.
    #[error("{name}: {failures} calls failed, the first: {first}")]
    Failures {
        /// The target.
        name: String,
        /// How many.
        failures: u64,
        /// The first one.
        first: String,
    },
    /// Its admin port does not answer as it should.
    #[error("{name}: admin port: {source}")]
    Admin {
        /// The target.
        name: String,
        /// What failed.
        source: io::Error,
    },
    /// Idle streams could not be opened or did not stay open.
    #[error("{name}: {source}")]
    Idle {
        /// The target.
        name: String,
        /// What failed.
        source: io::Error,
    },
}

/// Runs the whole comparison; `progress` is told what begins.
///
/// # Errors
/// At the first target that does not work.
pub async fn run(settings: &Settings, progress: &mut impl FnMut(&str)) -> Result<Comparison, CompareError> {
    let answers = Answers::new();
    let setting = Setting::look(clock::since_epoch(), &target::programs(settings));
    let mut idle = Vec::new();
    if settings.idle_streams > 0 {
        // Processes of their own: memory that load left behind would hide what the streams need.
        let fleet = Fleet::start(settings)?;
        for target in fleet.targets.iter().filter(|target| target.processes.is_some()) {
            progress(&format!("{} idle streams: {}", settings.idle_streams, target.name));
            idle.push(idle::measure(target, settings.idle_streams).await?);
        }
    }
    let fleet = Fleet::start(settings)?;
    let mut scenarios = Vec::new();
    let cpus = if settings.pin { Cpus::of_this_process() } else { None };
    for case in &settings.cases {
        let connections = case.connections(settings.connections);
        if let Some(cpus) = &cpus {
            fleet.place(cpus, connections == 1)?;
        }
        let rounds = rounds::run(&fleet.targets, *case, settings, &answers, progress).await?;
        scenarios.push(Figures::of(*case, connections, &rounds));
    }
    Ok(Comparison {
        setting,
        workers: settings.workers,
        turn_seconds: settings.turn.as_secs_f64(),
        goals: goals::of(&scenarios),
        scenarios,
        idle,
    })
}
