//! `mcp-backend`: reads its flags, runs, exits.

use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;
use mcp_backend::app;
use mcp_backend::cli::{Flags, Settings};

/// A wrong command line (`EX_USAGE` of BSD's sysexits).
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let flags = match Flags::try_from_process() {
        Ok(flags) => flags,
        Err(error) => {
            // Help and version are answers, not errors; a closed pipe is the reader's choice.
            error.print().ok();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(EXIT_USAGE),
            };
        }
    };
    match Settings::try_from(flags) {
        Ok(settings) => app::run(settings),
        Err(problems) => {
            // Without a standard error there is nobody to tell.
            writeln!(std::io::stderr(), "mcp-backend: {problems}").ok();
            ExitCode::from(EXIT_USAGE)
        }
    }
}
