//! `mcp-tap rules`: the rules, alerts and their tests, for Prometheus and others.

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser};

use super::{EXIT_USAGE, config_argument, config_file, output};
use crate::app::complain;
use crate::config;
use crate::rules::{self, Format, Options};

const FORMAT: &str = "format";
const NAME: &str = "name";
const NAMESPACE: &str = "namespace";
const LABEL: &str = "label";
const RULE_FILE: &str = "rule-file";

const ABOUT: &str = "Write recording rules, alerts and their tests for Prometheus";
const LONG_ABOUT: &str = "Write recording rules, alerts and their tests for Prometheus, as the section slo of the \
    configuration file says; without a file, for the default objectives. The same configuration gives the same bytes. \
    What people should know about the rules is said on standard error.";
const AFTER: &str = "Formats:\n  prometheus      a rule file\n  prometheusrule  the custom resource of the Prometheus \
    operator\n  tests           unit tests of the rule file, for promtool test rules\n  openslo         OpenSLO v1 \
    documents\n  sloth           a specification for Sloth\n\nExit status: 0, 1 when the output cannot be written, 64 for \
    a wrong command line or configuration.\n\nExample:\n  mcp-tap rules -o mcp-tap.rules.yml && promtool check rules \
    mcp-tap.rules.yml";

/// The command.
pub(super) fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let formats = Format::ALL.map(Format::as_str);
    let options = Options::default();
    Command::new("rules")
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .after_help(AFTER)
        .arg(config_argument())
        .arg(
            text(FORMAT, "FORMAT", "What to write")
                .value_parser(PossibleValuesParser::new(formats))
                .default_value(Format::Prometheus.as_str()),
        )
        .arg(
            text(NAME, "NAME", "Name of the PrometheusRule, and of the service in OpenSLO and Sloth")
                .default_value(options.name),
        )
        .arg(text(NAMESPACE, "NAMESPACE", "Namespace of the PrometheusRule"))
        .arg(
            text(
                LABEL,
                "KEY=VALUE",
                "Label of the PrometheusRule, by which the operator finds it; may be repeated",
            )
            .action(ArgAction::Append)
            .value_parser(label),
        )
        .arg(
            text(RULE_FILE, "FILE", "Rule file that the tests are of, as seen from theirs")
                .default_value(options.rule_file),
        )
        .arg(output::argument())
}

/// Writes the rules.
pub(super) fn execute(matches: &ArgMatches) -> ExitCode {
    let config = match config::slo::load(config_file(matches).as_deref()) {
        Ok(config) => config,
        Err(problems) => {
            complain(&format_args!("{problems}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let word = text(FORMAT);
    let format = Format::ALL.into_iter().find(|format| format.as_str() == word).unwrap_or(Format::Prometheus);
    let options = Options {
        name: text(NAME),
        namespace: text(NAMESPACE),
        labels: matches.get_many(LABEL).into_iter().flatten().cloned().collect(),
        rule_file: text(RULE_FILE),
    };
    let (written, warnings) = rules::write(&config.plan, &config.rules, format, &options);
    let remarks = config::slo::about_rules(&config.rules);
    // That links lead into the repository is said by `check` alone: it is no matter where the rules are a trial.
    let remarks = remarks.iter().filter(|remark| matches!(remark, config::slo::Warning::AnyNamespace { .. }));
    for warning in warnings.into_iter().chain(remarks.map(ToString::to_string)) {
        complain(&format_args!("{warning}"));
    }
    output::write(matches, &written)
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("is not KEY=VALUE".to_owned()),
    }
}
