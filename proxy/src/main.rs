//! The `mcp-tap` command: reads the settings, runs, and says by its exit status how that went.

use std::process::ExitCode;

use clap::error::ErrorKind;
use mcp_tap::{app, cli, config};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Wrong command line or configuration (`EX_USAGE` of BSD's sysexits).
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let matches = match cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are answers, not errors; a closed pipe is the reader's choice.
            error.print().ok();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(EXIT_USAGE),
            };
        }
    };
    match matches.subcommand() {
        Some(("run", run)) => {
            let flags = cli::flags(run);
            match config::load(flags, cli::config_file(run).as_deref()) {
                Ok(loaded) => app::run(loaded),
                Err(problems) => {
                    app::complain(&format_args!("{problems}"));
                    ExitCode::from(EXIT_USAGE)
                }
            }
        }
        // clap demands a subcommand and knows only the ones above.
        _ => ExitCode::from(EXIT_USAGE),
    }
}
