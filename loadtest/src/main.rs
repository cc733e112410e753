//! `mcp-loadtest`: see the library.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use mcp_loadtest::cli::{self, Cli};

fn main() -> ExitCode {
    match cli::run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nowhere else to say it.
            drop(writeln!(std::io::stderr(), "mcp-loadtest: {error}"));
            ExitCode::FAILURE
        }
    }
}
