//! The command line.

mod compare;
mod limits;
mod load;
mod servers;
mod stdio;
mod targets;

use std::io::{self, Write};
use std::path::Path;

use clap::builder::RangedU64ValueParser;
use clap::{Parser, Subcommand};

use crate::address::LoopbackUrl;
use crate::compare::LISTENING;
use crate::demo::{self, DemoArgs, GuardedArgs};
use crate::load::{MAX_CONNECTIONS, MAX_RATE};
use crate::workers::Running;

pub use compare::CompareArgs;
pub use limits::LimitsArgs;
pub use load::{IdleArgs, LoadArgs};
pub use servers::{BareArgs, CollectorArgs, ListenArgs, ServerArgs};
pub use stdio::{ServeStdioArgs, StdioArgs};
pub use targets::TargetsArgs;

/// Most executors of a server.
const MAX_WORKERS: u64 = 64;

/// What can be called.
const SCENARIOS: &str = "\
Scenarios, each answer of which is compared byte for byte:
  small                a result of 300 bytes
  medium               a text of 10 kB
  text, objects        1 MiB, as one text or as an array of objects
  sse:EVENTS           an event stream as fast as it goes
  sse:EVENTS:MS        the same with so many milliseconds between two events
  batch:CALLS          so many small calls in one request (revision 2025-03-26)
  stateless            a small call of revision 2026-07-28: no session, routing headers
  agents               clients with names of their own, several tools, errors, JSON and streams
  churn                a small call on a new connection
  tools:TOOLS          small calls that go round so many tools; each connection is another client";

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
    /// Measure what one mcp-tap needs (size, start, memory, scrapes, growth) against fixed targets.
    Limits(LimitsArgs),
    /// Measure what `mcp-tap stdio` adds to a server on standard input and output: latency, CPU, memory, start.
    Stdio(StdioArgs),
    /// Run the fixture MCP server on standard input and output until its input ends.
    ServeStdio(ServeStdioArgs),
    /// Print the targets in files that `compare`, `limits` and `stdio` wrote by `--json`, and whether they are met.
    Targets(TargetsArgs),
    /// Start a server, mcp-tap before it and agents that use it, and show live what mcp-tap sees.
    Demo(DemoArgs),
    /// Run a program that ends with the demo.
    #[command(hide = true)]
    Guarded(GuardedArgs),
}

fn workers() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=MAX_WORKERS)
}

fn connections() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=MAX_CONNECTIONS as u64)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= f64::from(MAX_RATE) => Ok(rate),
        _ => Err(format!("more than 0 and at most {MAX_RATE} calls per second")),
    }
}

/// Runs a command to its end.
///
/// # Errors
/// What made it fail, in words.
pub fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Server(flags) => flags.run(),
        Command::Bare(flags) => flags.run(),
        Command::Collector(flags) => flags.run(),
        Command::Load(flags) => block_on(flags.run()),
        Command::Idle(flags) => block_on(flags.run()),
        Command::Compare(flags) => block_on(flags.run()),
        Command::Limits(flags) => block_on(flags.run()),
        Command::Stdio(flags) => flags.run(),
        Command::ServeStdio(flags) => flags.run(),
        Command::Targets(flags) => flags.run(),
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

/// Progress goes to stderr; that it cannot be shown is no reason to stop measuring.
fn progress(what: &str) {
    drop(writeln!(io::stderr(), "{what}"));
}

/// Writes a file; its folder is made if it is missing.
fn write(file: &Path, text: &str) -> Result<(), Error> {
    let failed = |error: io::Error| format!("cannot write {}: {error}", file.display());
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    Ok(std::fs::write(file, text).map_err(failed)?)
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
            "load http://127.0.0.1:1/ --seconds 601",
            "load http://127.0.0.1:1/ --seconds 0",
            "load http://127.0.0.1:1/ --connections 10001",
            "load http://10.0.0.1:1/",
            "load http://127.0.0.1:1/ --rate 0",
            "load http://127.0.0.1:1/ --rate nan",
            "load http://127.0.0.1:1/ --scenario nope",
            "idle http://10.0.0.1:1/",
            "idle http://127.0.0.1:1/ --streams 10001",
            "server --listen 0.0.0.0:0",
            "bare --upstream 10.0.0.1:1",
            "compare --rounds 0",
            "compare --scenario small@0",
            "compare --idle-streams 10001",
            "limits",
            "stdio",
            "stdio --tap x --rounds 0",
            "stdio --tap x --calls 0",
            "stdio --tap x --size 4194305",
            "targets",
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
