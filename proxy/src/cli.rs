//! The command line: built from the table of settings, so that `--help` is complete by construction.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};

use crate::config::keys::{self, Key};

/// The flag and variable that name the configuration file.
const CONFIG: &str = "config";
const CONFIG_VARIABLE: &str = "MCP_TAP_CONFIG";

const ABOUT: &str =
    "Shows what an unmodified MCP server does: per-tool metrics, outcomes and faults, and traces.";
const RUN_ABOUT: &str = "Stand in front of an MCP server that speaks HTTP";
const RUN_LONG_ABOUT: &str = "Stand in front of an MCP server that speaks HTTP.\n\n\
    Clients connect to the listen address instead of the server's; every byte is passed on unchanged, but for trace \
    context where traces are on. What passed is shown on the admin address. SIGTERM or Ctrl-C drains and ends; a second one ends at once.";
const RUN_AFTER: &str = "Every setting can also be given as a variable MCP_TAP_<NAME> (for example \
    MCP_TAP_RESPONSE_TIMEOUT=30s) or as a key of the YAML file (response_timeout: 30s). A flag goes before a \
    variable, a variable before the file.\n\n\
    Traces also obey the standard variables of OpenTelemetry, below all of these: OTEL_SDK_DISABLED, \
    OTEL_TRACES_EXPORTER (otlp, none), OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL, _HEADERS, _TIMEOUT, _COMPRESSION, \
    _CERTIFICATE, _CLIENT_CERTIFICATE, _CLIENT_KEY and _INSECURE (each also as OTEL_EXPORTER_OTLP_TRACES_..., which goes \
    first), OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG, \
    OTEL_PROPAGATORS (tracecontext), OTEL_BSP_SCHEDULE_DELAY, _MAX_QUEUE_SIZE, _MAX_EXPORT_BATCH_SIZE and \
    _EXPORT_TIMEOUT, OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, _ATTRIBUTE_VALUE_LENGTH_LIMIT, _EVENT_COUNT_LIMIT and \
    _LINK_COUNT_LIMIT, OTEL_ATTRIBUTE_COUNT_LIMIT and _VALUE_LENGTH_LIMIT. Values that make no sense are named at start \
    and not used.\n\nExit status: 0 after a drain, 1 when it cannot start or is ended at once, 64 for a \
    wrong command line or configuration.\n\nExample:\n  mcp-tap run --upstream http://127.0.0.1:3001";

/// The whole command line.
#[must_use]
pub fn command() -> Command {
    let version = env!("CARGO_PKG_VERSION");
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help(format!("YAML file with settings [env: {CONFIG_VARIABLE}]"));
    let run = Command::new("run")
        .about(RUN_ABOUT)
        .long_about(RUN_LONG_ABOUT)
        .after_help(RUN_AFTER)
        .arg(config)
        .args(keys::ALL.iter().map(|key| argument(key)));
    Command::new("mcp-tap")
        .version(version)
        .about(ABOUT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(run)
}

/// Values are taken as text: they are checked together with those of the other sources, so that one run tells all
/// problems.
fn argument(key: &Key) -> Arg {
    let mut help = key.help.to_owned();
    if !key.default.is_empty() {
        help.push_str(" [default: ");
        help.push_str(key.default);
        help.push(']');
    }
    let arg = Arg::new(key.name).long(key.flag()).value_name(key.value).help(help).allow_hyphen_values(true);
    if keys::TRACES.iter().any(|of_traces| of_traces.name == key.name) {
        arg.help_heading("Traces")
    } else {
        arg
    }
}

/// The flags that were given to `run`.
pub fn flags(run: &ArgMatches) -> impl Iterator<Item = (&'static Key, String)> {
    keys::ALL.iter().filter_map(|key| Some((*key, run.get_one::<String>(key.name)?.clone())))
}

/// The configuration file: by flag, else by variable.
#[must_use]
pub fn config_file(run: &ArgMatches) -> Option<PathBuf> {
    run.get_one::<PathBuf>(CONFIG)
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

    #[test]
    fn every_setting_is_a_flag_of_run() {
        for key in keys::ALL {
            let flag = format!("--{}", key.flag());
            let matches = command().get_matches_from(["mcp-tap", "run", &flag, "x"]);
            let run = matches.subcommand_matches("run").expect("run was given");
            let given: Vec<_> = flags(run).map(|(key, text)| (key.name, text)).collect();
            assert_eq!(given, [(key.name, "x".to_owned())]);
        }
    }
}
