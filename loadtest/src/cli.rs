//! The command line.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand};

use crate::address::{Loopback, LoopbackUrl};
use crate::compare::{self, LISTENING, Peer};
use crate::demo::{self, DemoArgs, GuardedArgs};
use crate::load::{self, MAX_CONNECTIONS, MAX_SECONDS};
use crate::payload::{Answers, Scenario};
use crate::workers::Running;
use crate::{bare, clock, collector, server};

/// Most executors of a server.
const MAX_WORKERS: u64 = 64;
/// Most rounds of a comparison.
const MAX_ROUNDS: u64 = 100;

/// Why a command failed.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Load for mcp-tap, on this machine only: a fast fixture server, the bare proxy as the floor, comparisons, and a demo.
#[derive(Debug, Parser)]
#[command(name = "mcp-loadtest", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the fixture MCP server until it is stopped; prints its URL.
    Server(ServerArgs),
    /// Run the bare hyper proxy until it is stopped; prints its URL.
    Bare(BareArgs),
    /// Run an OTLP/HTTP collector that drops what it gets until it is stopped; prints its URL.
    Collector(CollectorArgs),
    /// Send load, check every answer and print rates and latencies; fails when an answer is wrong.
    Load(LoadArgs),
    /// Open event streams on which nothing comes, hold them, and see that they stay open.
    Idle(IdleArgs),
    /// Compare direct calls, the bare proxy, mcp-tap and others under the same load in interleaved rounds.
    Compare(CompareArgs),
    /// Start a server, mcp-tap before it and agents that use it, and show live what mcp-tap sees.
    Demo(DemoArgs),
    /// Run a program that ends with the demo.
    #[command(hide = true)]
    Guarded(GuardedArgs),
}

/// Flags of `server`.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// Loopback address to listen on; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    listen: Loopback,
    /// Single-threaded executors, each with its own listener.
    #[arg(long, default_value_t = 1, value_parser = workers())]
    workers: usize,
}

/// Flags of `bare`.
#[derive(Debug, Args)]
pub struct BareArgs {
    #[command(flatten)]
    listen: ServerArgs,
    /// Loopback address of the server.
    #[arg(long, value_name = "ADDRESS:PORT")]
    upstream: Loopback,
}

/// Flags of `collector`.
#[derive(Debug, Args)]
pub struct CollectorArgs {
    /// Loopback address to listen on; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    listen: Loopback,
}

/// Flags of `load`.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Where to: the fixture server, or a proxy in front of it; loopback only.
    #[arg(value_name = "URL")]
    url: LoopbackUrl,
    /// What each call asks for: small (300 B), medium (10 kB), text or objects (1 MiB), sse:EVENTS[:INTERVAL_MS].
    #[arg(long, default_value = "small", value_name = "SCENARIO")]
    scenario: Scenario,
    /// Keep-alive connections, each with one call at a time.
    #[arg(long, default_value_t = 32, value_parser = connections())]
    connections: usize,
    /// Length of the run in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    seconds: u64,
    /// Stop after this many calls, if that comes first.
    #[arg(long, value_name = "CALLS")]
    requests: Option<u64>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// Flags of `idle`.
#[derive(Debug, Args)]
pub struct IdleArgs {
    /// Where to; loopback only.
    #[arg(value_name = "URL")]
    url: LoopbackUrl,
    /// Number of streams.
    #[arg(long, default_value_t = 1000, value_parser = connections())]
    streams: usize,
    /// How long to hold them in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    seconds: u64,
}

/// Flags of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// An mcp-tap program to start and compare.
    #[arg(long, value_name = "PROGRAM")]
    tap: Option<PathBuf>,
    /// A further argument for it; repeat for more, such as `--tap-arg=--workers --tap-arg=2`.
    #[arg(long = "tap-arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    tap_arguments: Vec<String>,
    /// Compare one more mcp-tap that sends traces to a collector, and samples at this ratio; may be repeated.
    #[arg(long = "trace-ratio", value_name = "RATIO", requires = "tap")]
    trace_ratios: Vec<String>,
    /// A proxy that runs already in front of `--server-port`; may be repeated.
    #[arg(long = "peer", value_name = "NAME=URL@PID", requires = "server_port")]
    peers: Vec<Peer>,
    /// Port of the fixture server, for peers to forward to; by default the system chooses.
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "PORT")]
    server_port: u16,
    /// Single-threaded executors of the bare proxy.
    #[arg(long, default_value_t = 1, value_parser = workers())]
    workers: usize,
    /// What is called, one comparison each; names as in `load`, separated by commas.
    #[arg(long, default_value = "small", value_delimiter = ',', value_name = "SCENARIOS")]
    scenario: Vec<Scenario>,
    /// Keep-alive connections of the load.
    #[arg(long, default_value_t = 32, value_parser = connections())]
    connections: usize,
    /// Rounds; each gives every target one turn.
    #[arg(long, default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_ROUNDS))]
    rounds: usize,
    /// Length of a turn in seconds.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    seconds: u64,
    /// Also measure the memory of this many idle event streams per proxy.
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "STREAMS",
          value_parser = RangedU64ValueParser::<usize>::new().range(0..=MAX_CONNECTIONS as u64))]
    idle_streams: usize,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

fn workers() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=MAX_WORKERS)
}

fn connections() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=MAX_CONNECTIONS as u64)
}

/// Runs a command to its end.
///
/// # Errors
/// What made it fail, in words.
pub fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Server(ServerArgs { listen, workers }) => {
            serve(server::start(server::Settings { listen, workers })?)
        }
        Command::Bare(BareArgs { listen: ServerArgs { listen, workers }, upstream }) => {
            serve(bare::start(bare::Settings { listen, upstream, workers })?)
        }
        Command::Collector(CollectorArgs { listen }) => serve(collector::start(listen)?),
        Command::Load(flags) => block_on(send_load(flags)),
        Command::Idle(flags) => block_on(hold_idle(flags)),
        Command::Compare(flags) => block_on(run_comparison(flags)),
        Command::Demo(flags) => run_demo(flags),
        Command::Guarded(flags) => Err(flags.become_program().into()),
    }
}

/// Says where it listens, then runs until the process is stopped.
fn serve(running: Running) -> Result<(), Error> {
    say(&format!("{LISTENING}{}", LoopbackUrl::at(running.address())?))?;
    Ok(running.wait()?)
}

/// Runs on this thread until the end, or until the process is told to stop: then guards still end what they started.
fn block_on(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            done = work => done,
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
            _ = terminate.recv() => Err("terminated".into()),
        }
    })
}

async fn send_load(flags: LoadArgs) -> Result<(), Error> {
    let settings = load::Settings {
        url: flags.url,
        scenario: flags.scenario,
        connections: flags.connections,
        duration: Duration::from_secs(flags.seconds),
        requests: flags.requests,
    };
    let report = load::run(&settings, &Answers::new()).await?;
    say(&if flags.json { serde_json::to_string_pretty(&report)? } else { report.to_string() })?;
    if report.failures > 0 { Err("not every answer was right".into()) } else { Ok(()) }
}

async fn hold_idle(flags: IdleArgs) -> Result<(), Error> {
    let started = clock::now();
    let streams = load::open_idle(&flags.url, flags.streams).await?;
    let took = (clock::now() - started).as_secs_f64();
    let count = streams.count();
    say(&format!("{count} streams open after {took:.2} s, {:.0}/s", count as f64 / took))?;
    tokio::time::sleep(Duration::from_secs(flags.seconds)).await;
    let open = streams.still_open();
    say(&format!("{open} of {count} still open after {} s", flags.seconds))?;
    if open < count { Err("streams were closed".into()) } else { Ok(()) }
}

async fn run_comparison(flags: CompareArgs) -> Result<(), Error> {
    let settings = compare::Settings {
        program: std::env::current_exe()?,
        tap: flags.tap,
        tap_arguments: flags.tap_arguments,
        trace_ratios: flags.trace_ratios,
        peers: flags.peers,
        server_port: flags.server_port,
        workers: flags.workers,
        scenarios: flags.scenario,
        connections: flags.connections,
        rounds: flags.rounds,
        turn: Duration::from_secs(flags.seconds),
        idle_streams: flags.idle_streams,
    };
    let mut progress = |what: &str| {
        // Progress that cannot be shown is no reason to stop measuring.
        drop(writeln!(io::stderr(), "{what}"));
    };
    let comparison = compare::run(&settings, &mut progress).await?;
    say(&if flags.json { serde_json::to_string_pretty(&comparison)? } else { comparison.to_string() })
}

/// The demo minds the signals itself: being stopped is how it ends.
fn run_demo(flags: DemoArgs) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(demo::run(&flags.into()))?)
}

fn say(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_goes_beyond_a_bound_or_this_machine_is_refused() {
        for flags in [
            "load http://127.0.0.1:1/ --seconds 61",
            "load http://127.0.0.1:1/ --seconds 0",
            "load http://127.0.0.1:1/ --connections 10001",
            "load http://10.0.0.1:1/",
            "idle http://10.0.0.1:1/",
            "idle http://127.0.0.1:1/ --streams 10001",
            "server --listen 0.0.0.0:0",
            "bare --upstream 10.0.0.1:1",
            "compare --rounds 0",
            "compare --trace-ratio 0.1",
            "collector --listen 0.0.0.0:0",
            "compare --peer a=http://127.0.0.1:1@1",
            "demo --agents 0",
            "demo --agents 65",
            "demo --pace 0",
            "demo --pace nan",
            "demo --duration 0s",
            "demo --interval 10ms",
            "demo --upstream http://10.0.0.1:1/",
            "demo --upstream http://127.0.0.1:1/ --backend x",
        ] {
            let words = std::iter::once("mcp-loadtest").chain(flags.split(' '));
            assert!(Cli::try_parse_from(words).is_err(), "{flags}");
        }
    }
}
