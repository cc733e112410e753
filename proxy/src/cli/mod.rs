//! The command line: one file per command, each with its `command` (what it takes) and `execute` (what it does).

mod check;
mod dashboards;
mod install;
mod output;
mod ps;
mod rules;
mod run;
mod slo;
mod stdio;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};

use crate::config::keys;
use crate::registry::Folders;

/// Wrong command line or configuration (`EX_USAGE` of BSD's sysexits).
const EXIT_USAGE: u8 = 64;

/// The flag and variable that name the configuration file.
const CONFIG: &str = "config";
const CONFIG_VARIABLE: &str = "MCP_TAP_CONFIG";

const ABOUT: &str = "Shows what an unmodified MCP server does: per-tool metrics, outcomes and faults, traces, service levels.";

/// One command: what it takes, and what it does.
type Entry = (fn() -> Command, fn(&ArgMatches) -> ExitCode);

/// All commands, in the order of `--help`.
const COMMANDS: &[Entry] = &[
    (run::command, run::execute),
    (stdio::command, stdio::execute),
    (check::command, check::execute),
    (ps::command, ps::execute),
    (slo::command, slo::execute),
    (rules::command, rules::execute),
    (dashboards::command, dashboards::execute),
    (install::command, install::execute),
    (install::uninstall_command, install::uninstall),
];

/// The whole command line.
#[must_use]
pub fn command() -> Command {
    Command::new("mcp-tap")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(COMMANDS.iter().map(|(command, _)| command()))
}

/// Reads the command line and does what it says.
#[must_use]
pub fn execute() -> ExitCode {
    let matches = match command().try_get_matches() {
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
    let given = matches.subcommand();
    let chosen = given.and_then(|(name, matches)| {
        let (_, execute) = COMMANDS.iter().find(|(command, _)| command().get_name() == name)?;
        Some(execute(matches))
    });
    // clap demands a subcommand and knows only those of the table.
    chosen.unwrap_or(ExitCode::from(EXIT_USAGE))
}

/// `--config`, as all commands have it.
fn config_argument() -> Arg {
    Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help(format!("YAML file with settings [env: {CONFIG_VARIABLE}]"))
}

/// `--runtime-dir`, as all commands have it that look for running processes.
fn runtime_argument() -> Arg {
    let key = &keys::RUNTIME_DIR;
    Arg::new(key.name)
        .long(key.flag())
        .value_name(key.value)
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::DirPath)
        .help(format!(
            "Directory in which running mcp-taps are listed, if not the usual one [env: {}]",
            key.variable()
        ))
}

/// The directories of running processes: by flag, else by variable, else the usual ones.
fn folders(matches: &ArgMatches) -> Folders {
    let key = &keys::RUNTIME_DIR;
    let variable = || std::env::var_os(key.variable()).filter(|path| !path.is_empty()).map(PathBuf::from);
    Folders::new(matches.get_one::<PathBuf>(key.name).cloned().or_else(variable))
}

/// The configuration file: by flag, else by variable.
fn config_file(matches: &ArgMatches) -> Option<PathBuf> {
    matches
        .get_one::<PathBuf>(CONFIG)
        .cloned()
        .or_else(|| std::env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        command().debug_assert();
    }
}
