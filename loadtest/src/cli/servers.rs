//! Flags of what runs until it is stopped.

use clap::Args;

use super::{Error, serve, workers};
use crate::address::Loopback;
use crate::payload::MAX_TOOLS;
use crate::{bare, collector, server};

/// Where and on how many threads to listen.
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// Loopback address to listen on; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    listen: Loopback,
    /// Single-threaded executors, each with its own listener.
    #[arg(long, default_value_t = 1, value_parser = workers())]
    workers: usize,
}

/// Flags of `server`.
#[derive(Debug, Args)]
pub struct ServerArgs {
    #[command(flatten)]
    listen: ListenArgs,
    /// List so many further tools, `tool_0000` and up, which answer like `small`.
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "TOOLS",
          value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_TOOLS)))]
    tools: u32,
}

/// Flags of `bare`.
#[derive(Debug, Args)]
pub struct BareArgs {
    #[command(flatten)]
    listen: ListenArgs,
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

impl ServerArgs {
    pub(super) fn run(self) -> Result<(), Error> {
        let ListenArgs { listen, workers } = self.listen;
        serve(server::start(server::Settings { listen, workers, tools: self.tools })?)
    }
}

impl BareArgs {
    pub(super) fn run(self) -> Result<(), Error> {
        let ListenArgs { listen, workers } = self.listen;
        serve(bare::start(bare::Settings { listen, upstream: self.upstream, workers })?)
    }
}

impl CollectorArgs {
    pub(super) fn run(self) -> Result<(), Error> {
        serve(collector::start(self.listen)?)
    }
}
