//! `mcp-tap check`: what a configuration means, or what is wrong with it, without starting anything.

mod report;

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{EXIT_USAGE, config_file, output, run};
use crate::app::complain;
use crate::config;
use crate::config::keys::Serving;

use report::Report;

const JSON: &str = "json";

const ABOUT: &str = "Say what a configuration means, or all that is wrong with it";
const LONG_ABOUT: &str = "Say what a configuration means, or all that is wrong with it.\n\n\
    Takes what `run` takes and starts nothing. Without an upstream the settings and the service levels are checked all the \
    same, as for a file that only rules are made of.";
const AFTER: &str = "Exit status: 0 for a right configuration, also one with remarks; 64 for a wrong one, with all \
    problems on standard error.\n\nExample:\n  mcp-tap check --config tap.yaml";

/// The command.
pub(super) fn command() -> Command {
    run::with_settings(Command::new("check"), Serving::Both)
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .after_help(AFTER)
        .arg(Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help("Answer in JSON, for programs"))
}

/// Checks and tells.
pub(super) fn execute(matches: &ArgMatches) -> ExitCode {
    let file = config_file(matches);
    match config::check(run::flags(matches), file.as_deref()) {
        Ok(checked) => {
            let report = Report::new(&checked, file.as_deref());
            let text = if matches.get_flag(JSON) { report.json() } else { report.to_string() };
            output::print(&text)
        }
        Err(problems) => {
            complain(&format_args!("{problems}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}
