//! `mcp-tap dashboards`: dashboards for Grafana.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgGroup, ArgMatches, Command, ValueHint, value_parser};

use crate::app::complain;
use crate::config::slo::{SloConfig, load};
use crate::rules::dashboards::{Dashboard, generate};

use super::{EXIT_USAGE, config_argument, config_file, output};

const DASHBOARD: &str = "dashboard";
const FOLDER: &str = "output-dir";

const AFTER: &str = "Exit status: 0, 1 when the output cannot be written, 64 for a wrong command line or \
    configuration.\n\nExamples:\n  mcp-tap dashboards --output-dir dashboards\n  \
    mcp-tap dashboards --dashboard slo -o slo.json";

pub(super) fn command() -> Command {
    Command::new("dashboards")
        .about("Write dashboards for Grafana that fit the objectives of the configuration")
        .after_help(AFTER)
        .arg(config_argument())
        .arg(
            Arg::new(DASHBOARD)
                .long(DASHBOARD)
                .value_name("NAME")
                .value_parser(PossibleValuesParser::new(Dashboard::ALL.map(Dashboard::as_str)))
                .help("Write only this one"),
        )
        .arg(
            Arg::new(FOLDER)
                .long(FOLDER)
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::DirPath)
                .conflicts_with(output::OUTPUT)
                .help("Write NAME.json of all of them, or of the one chosen, into this folder"),
        )
        .arg(output::argument())
        // Whoever names neither is told of both.
        .group(ArgGroup::new("what").args([DASHBOARD, FOLDER]).multiple(true).required(true))
}

pub(super) fn execute(matches: &ArgMatches) -> ExitCode {
    let config = match load(config_file(matches).as_deref()) {
        Ok(config) => config,
        Err(problems) => {
            complain(&format_args!("{problems}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let chosen = matches.get_one::<String>(DASHBOARD);
    let chosen = Dashboard::ALL.into_iter().filter(|which| chosen.is_none_or(|name| name == which.as_str()));
    if let Some(folder) = matches.get_one::<PathBuf>(FOLDER) {
        return write_all(folder, chosen, &config);
    }
    // clap takes no command line that names neither a dashboard nor a folder.
    let text: String = chosen.map(|which| generate(which, &config.plan, &config.rules)).collect();
    output::write(matches, &text)
}

fn write_all(folder: &Path, chosen: impl Iterator<Item = Dashboard>, config: &SloConfig) -> ExitCode {
    let result = std::fs::create_dir_all(folder).map_err(|error| (folder.to_owned(), error)).and_then(|()| {
        for which in chosen {
            let file = folder.join(format!("{}.json", which.as_str()));
            std::fs::write(&file, generate(which, &config.plan, &config.rules))
                .map_err(|error| (file, error))?;
        }
        Ok(())
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((path, error)) => {
            complain(&format_args!("cannot write {}: {error}", path.display()));
            ExitCode::FAILURE
        }
    }
}
