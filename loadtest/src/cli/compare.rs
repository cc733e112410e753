//! Flags of `compare`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::{Error, SCENARIOS, connections, progress, rate, say, workers, write};
use crate::compare::{self, Case, Comparison, Peer};
use crate::descriptors;
use crate::goals::Goals;
use crate::load::{MAX_CONNECTIONS, MAX_SECONDS};
use crate::report;

/// Most rounds of a comparison.
const MAX_ROUNDS: u64 = 100;

/// Flags of `compare`.
#[derive(Debug, Args)]
#[command(after_help = SCENARIOS)]
pub struct CompareArgs {
    /// An mcp-tap program to start and compare; if it has the flag `--inspect`, also one with inspection off.
    #[arg(long, value_name = "PROGRAM")]
    tap: Option<PathBuf>,
    /// A further argument for it; repeat for more, such as `--tap-arg=--workers --tap-arg=2`.
    #[arg(long = "tap-arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    tap_arguments: Vec<String>,
    /// Compare one more mcp-tap that sends traces to a collector, and samples at this ratio; may be repeated.
    #[arg(long = "trace-ratio", value_name = "RATIO", requires = "tap")]
    trace_ratios: Vec<String>,
    /// An nginx to start and compare, once without and once with its access log.
    #[arg(long, value_name = "PROGRAM")]
    nginx: Option<PathBuf>,
    /// An HAProxy to start and compare, in HTTP mode with its log.
    #[arg(long, value_name = "PROGRAM")]
    haproxy: Option<PathBuf>,
    /// A proxy that runs already in front of `--server-port`; its children count with it; may be repeated.
    #[arg(long = "peer", value_name = "NAME=URL@PID", requires = "server_port")]
    peers: Vec<Peer>,
    /// Port of the fixture server, for peers to forward to; by default the system chooses.
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "PORT")]
    server_port: u16,
    /// Single-threaded executors of the bare proxy.
    #[arg(long, default_value_t = 1, value_parser = workers())]
    workers: usize,
    /// Where there is one connection, keep the proxies on the first CPU, and client and server on the others: with one
    /// call at a time the scheduler's choice decides more than the proxy does, and changes from turn to turn.
    #[arg(long)]
    pin: bool,
    /// What is called, one comparison each, separated by commas; `SCENARIO@CONNECTIONS` sets the connections of one.
    #[arg(long, default_value = "small", value_delimiter = ',', value_name = "SCENARIOS")]
    scenario: Vec<Case>,
    /// Keep-alive connections of the load where a scenario does not say; at most 4 where an answer is of 1 MiB.
    #[arg(long, default_value_t = 32, value_parser = connections())]
    connections: usize,
    /// Send so many calls per second to each target and count latency from when each was due.
    #[arg(long, value_name = "CALLS_PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
    /// Rounds; each gives every target one turn.
    #[arg(long, default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_ROUNDS))]
    rounds: usize,
    /// Length of a turn in seconds.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    seconds: u64,
    /// Also measure the memory of this many idle event streams per proxy; `max` takes as many as the limit of open
    /// files allows.
    #[arg(long, default_value = "0", hide_default_value = true, value_name = "STREAMS", value_parser = idle_streams)]
    idle_streams: IdleStreams,
    /// Write all figures to this file; `-` prints them instead of the tables.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page with curves and bars to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write each curve to a file of its own in this folder.
    #[arg(long, value_name = "DIRECTORY")]
    svg_dir: Option<PathBuf>,
}

/// How many idle streams.
#[derive(Debug, Clone, Copy)]
enum IdleStreams {
    Count(usize),
    Most,
}

fn idle_streams(text: &str) -> Result<IdleStreams, String> {
    if text == "max" {
        return Ok(IdleStreams::Most);
    }
    match text.parse() {
        Ok(count) if count <= MAX_CONNECTIONS => Ok(IdleStreams::Count(count)),
        _ => Err(format!("0 to {MAX_CONNECTIONS}, or `max`")),
    }
}

impl CompareArgs {
    pub(super) async fn run(self) -> Result<(), Error> {
        let possible = descriptors::streams(descriptors::raise());
        let (json, html, svg) = (self.json.clone(), self.html.clone(), self.svg_dir.clone());
        let settings = self.settings(possible)?;
        let comparison = compare::run(&settings, &mut progress).await?;
        write_reports(&comparison, json.as_deref(), html.as_deref(), svg.as_deref())
    }

    fn settings(self, possible: usize) -> Result<compare::Settings, Error> {
        let idle_streams = match self.idle_streams {
            IdleStreams::Most => possible,
            IdleStreams::Count(count) if count <= possible => count,
            IdleStreams::Count(count) => {
                let needed = descriptors::descriptors(count as u64);
                return Err(format!(
                    "{count} idle streams need {needed} open files in a proxy: raise the limit (ulimit -n {needed}) or \
                     ask for {possible} or less"
                )
                .into());
            }
        };
        Ok(compare::Settings {
            program: std::env::current_exe()?,
            tap: self.tap,
            tap_arguments: self.tap_arguments,
            trace_ratios: self.trace_ratios,
            peers: self.peers,
            server_port: self.server_port,
            workers: self.workers,
            pin: self.pin,
            nginx: self.nginx,
            haproxy: self.haproxy,
            cases: self.scenario,
            connections: self.connections,
            rate: self.rate,
            rounds: self.rounds,
            turn: Duration::from_secs(self.seconds),
            idle_streams,
        })
    }
}

fn write_reports(
    comparison: &Comparison,
    json: Option<&Path>,
    html: Option<&Path>,
    svg: Option<&Path>,
) -> Result<(), Error> {
    if let Some(file) = html {
        write(file, &report::page(comparison))?;
    }
    if let Some(directory) = svg {
        for (name, picture) in report::pictures(comparison) {
            write(&directory.join(name), &picture)?;
        }
    }
    if json == Some(Path::new("-")) {
        return say(&serde_json::to_string_pretty(comparison)?);
    }
    if let Some(file) = json {
        write(file, &serde_json::to_string_pretty(comparison)?)?;
    }
    say(&comparison.to_string())?;
    let goals = Goals { goals: comparison.goals.clone() };
    if goals.goals.is_empty() { Ok(()) } else { say(&format!("\n{goals}")) }
}
