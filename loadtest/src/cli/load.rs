//! Flags of what sends load.

use std::time::Duration;

use clap::Args;

use super::{Error, SCENARIOS, connections, progress, rate, say};
use crate::address::LoopbackUrl;
use crate::load::{self, MAX_SECONDS};
use crate::payload::{Answers, Scenario};
use crate::{clock, descriptors};

/// Flags of `load`.
#[derive(Debug, Args)]
#[command(after_help = SCENARIOS)]
pub struct LoadArgs {
    /// Where to: the fixture server, or a proxy in front of it; loopback only.
    #[arg(value_name = "URL")]
    url: LoopbackUrl,
    /// What each call asks for; see below.
    #[arg(long, default_value = "small", value_name = "SCENARIO")]
    scenario: Scenario,
    /// Keep-alive connections, each with one call at a time.
    #[arg(long, default_value_t = 32, value_parser = connections())]
    connections: usize,
    /// Send so many calls per second, whether answers come or not, and count latency from when each was due; without
    /// it a connection sends its next call when it has the answer to the last.
    #[arg(long, value_name = "CALLS_PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
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

impl LoadArgs {
    pub(super) async fn run(self) -> Result<(), Error> {
        descriptors::raise();
        let settings = load::Settings {
            url: self.url,
            scenario: self.scenario,
            connections: self.connections,
            duration: Duration::from_secs(self.seconds),
            requests: self.requests,
            rate: self.rate,
        };
        let mut watch = |elapsed: Duration, so_far: load::Progress| {
            let load::Progress { requests, failures } = so_far;
            progress(&format!("{:.0} s: {requests} calls, {failures} failures", elapsed.as_secs_f64()));
        };
        let report = load::run_watched(&settings, &Answers::new(), &mut watch).await?;
        say(&if self.json { serde_json::to_string_pretty(&report)? } else { report.to_string() })?;
        if report.failures > 0 { Err("not every answer was right".into()) } else { Ok(()) }
    }
}

impl IdleArgs {
    pub(super) async fn run(self) -> Result<(), Error> {
        descriptors::raise();
        let started = clock::now();
        let streams = load::open_idle(&self.url, self.streams).await?;
        let took = (clock::now() - started).as_secs_f64();
        let count = streams.count();
        say(&format!("{count} streams open after {took:.2} s, {:.0}/s", count as f64 / took))?;
        tokio::time::sleep(Duration::from_secs(self.seconds)).await;
        let open = streams.still_open();
        say(&format!("{open} of {count} still open after {} s", self.seconds))?;
        if open < count { Err("streams were closed".into()) } else { Ok(()) }
    }
}
