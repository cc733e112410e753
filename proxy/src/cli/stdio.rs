//! `mcp-tap stdio`: the settings of `run` that are of use, and the command.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};

use super::run::{flags, with_settings};
use super::{EXIT_USAGE, config_file};
use crate::app;
use crate::config::keys::Serving;
use crate::config::{self, Purpose};

const COMMAND: &str = "command";
const BARE: &str = "bare";

const ABOUT: &str = "Wrap an MCP server that is started as a command";
const LONG_ABOUT: &str = "Wrap an MCP server that is started as a command, and talks on its standard input and output.\n\n\
    Put `mcp-tap stdio --` before the command where the client has it. Messages are passed on as they come, byte for byte, in \
    both directions; standard error, environment, signals and exit status are those of the server. Nothing of mcp-tap is \
    written to standard output, and to standard error only warnings.";
const AFTER: &str = "What was seen is told by --otlp-endpoint, by --admin, or by both; without either the messages only \
    pass.\n\nEvery setting can also be given as a variable MCP_TAP_<NAME> or as a key of the YAML file; a flag goes before a \
    variable, a variable before the file. The variables of OpenTelemetry that `mcp-tap run --help` names are obeyed too.\n\n\
    Another content of the configuration file changes its sections slo, cost and quality while running.\n\n\
    Exit status: that of the server; 126 or 127 when the command cannot be started, 64 for a wrong command line or \
    configuration. A server that is ended by a signal ends mcp-tap by the same signal.\n\n\
    Examples:\n  mcp-tap stdio -- npx -y @modelcontextprotocol/server-everything\n  \
    mcp-tap stdio --name files --admin auto -- npx -y @modelcontextprotocol/server-filesystem ~/notes";

/// The command.
pub(super) fn command() -> Command {
    with_settings(Command::new("stdio"), Serving::Stdio)
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .after_help(AFTER)
        .override_usage("mcp-tap stdio [OPTIONS] -- COMMAND [ARGUMENTS]...")
        // Says to `mcp-tap uninstall` that the client's file had no arguments before; to us it says nothing.
        .arg(Arg::new(BARE).long(BARE).hide(true).action(ArgAction::SetTrue))
        .arg(
            Arg::new(COMMAND)
                .value_name("COMMAND")
                .help("The server's command and its arguments, behind --")
                .value_parser(value_parser!(OsString))
                .value_hint(ValueHint::CommandWithArguments)
                .num_args(1..)
                .last(true)
                .required(true),
        )
}

/// Runs the server, and ends as it ends.
pub(super) fn execute(matches: &ArgMatches) -> ExitCode {
    let command = matches.get_many::<OsString>(COMMAND).into_iter().flatten().cloned().collect();
    match config::load(flags(matches), config_file(matches).as_deref(), &Purpose::Stdio(command)) {
        Ok(loaded) => app::run(loaded),
        Err(problems) => {
            app::complain(&format_args!("{problems}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_install_writes_is_taken() {
        let line =
            ["stdio", "--admin", "auto", "--name", "x", "--bare", "--", "npx", "-y", "--name", "server"];
        let matches = command().try_get_matches_from(line).expect("a command line");
        let given: Vec<_> = matches.get_many::<OsString>(COMMAND).into_iter().flatten().collect();
        assert_eq!(given, ["npx", "-y", "--name", "server"]);
        assert_eq!(flags(&matches).count(), 2);
    }

    #[test]
    fn a_command_is_needed_and_settings_of_http_are_unknown() {
        for line in [
            &["stdio"][..],
            &["stdio", "--"],
            &["stdio", "cat"],
            &["stdio", "--listen", "127.0.0.1:0", "--", "cat"],
        ] {
            assert!(command().try_get_matches_from(line).is_err(), "{line:?}");
        }
    }
}
