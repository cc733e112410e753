//! The flags of the demo.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::{FleetSettings, Settings};
use crate::address::LoopbackUrl;

/// Most agents.
const MAX_AGENTS: u64 = 64;
/// Slowest and fastest pace.
const PACE: std::ops::RangeInclusive<f64> = 0.1..=100.0;
/// Shortest time between two tables.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Number of agents; all of them together send at most 20 requests a second.
    #[arg(long, default_value_t = 6, value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_AGENTS))]
    agents: usize,
    /// Same seed, same work of the agents.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Factor of the agents' thinking times: 0.5 makes them twice as fast.
    #[arg(long, default_value = "1", value_parser = pace)]
    pace: f64,
    /// End after this time; otherwise Ctrl-C does it.
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    duration: Option<Duration>,
    /// Time between two tables when the output is no terminal.
    #[arg(long, default_value = "5s", value_parser = interval, value_name = "DURATION")]
    interval: Duration,
    /// Print no table, but a summary in JSON at the end.
    #[arg(long)]
    json: bool,
    /// Use a server that runs already, on this machine, instead of mcp-backend.
    #[arg(long, value_name = "URL", conflicts_with_all = ["backend", "backend_arguments"])]
    upstream: Option<LoopbackUrl>,
    /// A tool that agents may call at such a server; by default those that say they are read-only. May be repeated.
    #[arg(long = "call", value_name = "TOOL", requires = "upstream")]
    tools: Vec<String>,
    /// Faults of the simulated cluster; empty for none.
    #[arg(long, default_value = "api_error=0.01,slow=0.03:2s", value_name = "FAULTS")]
    sim_faults: String,
    /// The mcp-backend program; the one beside this program when not given.
    #[arg(long, value_name = "PATH")]
    backend: Option<PathBuf>,
    /// A further argument for it; may be repeated.
    #[arg(long = "backend-arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    backend_arguments: Vec<String>,
    /// The mcp-tap program; the one beside this program when not given.
    #[arg(long, value_name = "PATH")]
    tap: Option<PathBuf>,
    /// A further argument for it; may be repeated.
    #[arg(long = "tap-arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    tap_arguments: Vec<String>,
    /// Let the system choose all ports, instead of 8080, 9464 and 3001 where they are free.
    #[arg(long)]
    any_port: bool,
    /// Leave the servers' logs where they are; otherwise only a failure does.
    #[arg(long)]
    keep_logs: bool,
}

impl From<DemoArgs> for Settings {
    fn from(flags: DemoArgs) -> Self {
        Self {
            fleet: FleetSettings {
                tap: flags.tap,
                tap_arguments: flags.tap_arguments,
                backend: flags.backend,
                backend_arguments: flags.backend_arguments,
                upstream: flags.upstream,
                sim_faults: flags.sim_faults,
                any_port: flags.any_port,
            },
            agents: flags.agents,
            seed: flags.seed,
            pace: flags.pace,
            tools: flags.tools,
            interval: flags.interval,
            duration: flags.duration,
            json: flags.json,
            keep_logs: flags.keep_logs,
        }
    }
}

fn pace(text: &str) -> Result<f64, String> {
    let pace = text.parse::<f64>().map_err(|_| "not a number".to_owned())?;
    if PACE.contains(&pace) { Ok(pace) } else { Err(format!("not in {} to {}", PACE.start(), PACE.end())) }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("no time at all".to_owned()) } else { Ok(duration) }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < MIN_INTERVAL { Err(format!("less than {MIN_INTERVAL:?}")) } else { Ok(interval) }
}
