//! `mcp-tap run`: built from the table of settings, so that `--help` is complete by construction.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};

use super::{EXIT_USAGE, config_argument, config_file};
use crate::app;
use crate::config::keys::{self, Key, Serving};
use crate::config::{self, Purpose};

const ABOUT: &str = "Stand in front of an MCP server that speaks HTTP";
const LONG_ABOUT: &str = "Stand in front of an MCP server that speaks HTTP.\n\n\
    Clients connect to the listen address instead of the server's; every byte is passed on unchanged, but for trace \
    context where traces are on. What passed is shown on the admin address. SIGTERM or Ctrl-C drains and ends; a second one ends at once.\n\n\
    SIGHUP, or another content of the configuration file, changes its sections slo, cost and quality while running; other \
    settings are read at start only.";
const AFTER: &str = "Every setting can also be given as a variable MCP_TAP_<NAME> (for example \
    MCP_TAP_RESPONSE_TIMEOUT=30s) or as a key of the YAML file (response_timeout: 30s). A flag goes before a \
    variable, a variable before the file.\n\n\
    Traces, and metrics to a collector, also obey the standard variables of OpenTelemetry, below all of these: \
    OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER (otlp, none), OTEL_EXPORTER_OTLP_ENDPOINT, \
    _PROTOCOL, _HEADERS, _TIMEOUT, _COMPRESSION, _CERTIFICATE, _CLIENT_CERTIFICATE, _CLIENT_KEY and _INSECURE (each also \
    as OTEL_EXPORTER_OTLP_TRACES_... and OTEL_EXPORTER_OTLP_METRICS_..., which go first), \
    OTEL_METRIC_EXPORT_INTERVAL and OTEL_METRIC_EXPORT_TIMEOUT, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG, \
    OTEL_PROPAGATORS (tracecontext), OTEL_BSP_SCHEDULE_DELAY, _MAX_QUEUE_SIZE, _MAX_EXPORT_BATCH_SIZE and \
    _EXPORT_TIMEOUT, OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, _ATTRIBUTE_VALUE_LENGTH_LIMIT, _EVENT_COUNT_LIMIT and \
    _LINK_COUNT_LIMIT, OTEL_ATTRIBUTE_COUNT_LIMIT and _VALUE_LENGTH_LIMIT. Values that make no sense are named at start \
    and not used.\n\nExit status: 0 after a drain, 1 when it cannot start or is ended at once, 64 for a \
    wrong command line or configuration.\n\nExample:\n  mcp-tap run --upstream http://127.0.0.1:3001";

/// The command.
pub(super) fn command() -> Command {
    with_settings(Command::new("run"), Serving::Http).about(ABOUT).long_about(LONG_ABOUT).after_help(AFTER)
}

/// A command with a flag for every setting that it has.
pub(super) fn with_settings(command: Command, serving: Serving) -> Command {
    let keys = keys::ALL.iter().filter(|key| key.serving.includes(serving));
    command.arg(config_argument()).args(keys.map(|key| argument(key, serving)))
}

/// Runs the sidecar.
pub(super) fn execute(matches: &ArgMatches) -> ExitCode {
    match config::load(flags(matches), config_file(matches).as_deref(), &Purpose::Run) {
        Ok(loaded) => app::run(loaded),
        Err(problems) => {
            app::complain(&format_args!("{problems}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Values are taken as text: they are checked together with those of the other sources, so that one run tells all
/// problems.
fn argument(key: &Key, serving: Serving) -> Arg {
    let mut help = key.help.to_owned();
    let default = key.default_for(serving);
    if !default.is_empty() {
        help.push_str(" [default: ");
        help.push_str(default);
        help.push(']');
    }
    let arg = Arg::new(key.name).long(key.flag()).value_name(key.value).help(help).allow_hyphen_values(true);
    let is_one_of = |keys: &[&Key]| keys.iter().any(|one| one.name == key.name);
    if is_one_of(keys::TRACES) {
        arg.help_heading("Traces")
    } else if is_one_of(keys::METRICS) {
        arg.help_heading("Metrics beside the admin port")
    } else {
        arg
    }
}

/// The flags that were given to a command with all settings.
pub(super) fn flags(run: &ArgMatches) -> impl Iterator<Item = (&'static Key, String)> {
    // A command has no flag for a setting that it does not have.
    let given = |key: &Key| run.try_get_one::<String>(key.name).ok().flatten().cloned();
    keys::ALL.iter().filter_map(move |key| Some((*key, given(key)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_a_flag_of_run() {
        for key in keys::ALL.iter().filter(|key| key.serving.includes(Serving::Http)) {
            let flag = format!("--{}", key.flag());
            let matches = command().get_matches_from(["run", &flag, "x"]);
            let given: Vec<_> = flags(&matches).map(|(key, text)| (key.name, text)).collect();
            assert_eq!(given, [(key.name, "x".to_owned())]);
        }
    }
}
