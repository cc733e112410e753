//! `mcp-tap slo`: how service levels stand, of one process or of a fleet.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, ValueHint, value_parser};

use super::{EXIT_USAGE, config_argument, config_file, folders, output, runtime_argument};
use crate::app::complain;
use crate::config;
use crate::registry::Entry;
use crate::slo::{Plan, Report};
use crate::slo_client::http::{Client, Problem};
use crate::slo_client::{self, Filter, prometheus, table};

const ADMIN: &str = "admin";
const PID: &str = "pid";
const NAME: &str = "name";
const PROMETHEUS: &str = "prometheus";
const BEARER: &str = "bearer-token-file";
const JSON: &str = "json";
const CHECK: &str = "check";
const SERVER: &str = "server";
const SLO: &str = "slo";
const NAMESPACE: &str = "namespace";

const DEFAULT_ADMIN: &str = "http://127.0.0.1:9464";

/// Something burns (`--check`).
const EXIT_ALARMING: u8 = 2;

const AFTER: &str = "Exit status: 0, 1 when nothing can be read or no objective matches, 2 with --check when an objective \
    burns, is exhausted or has numbers that contradict each other, 64 for a wrong command line.\n\n\
    Examples:\n  mcp-tap slo\n  mcp-tap slo --name files\n  mcp-tap slo --prometheus http://prometheus:9090 --server search --check";

/// The command.
pub(super) fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("slo")
        .about("Show service levels, error budgets and how fast they burn")
        .after_help(AFTER)
        .arg(
            text(ADMIN, "URL", "Admin port of one mcp-tap, or unix:/PATH: what this process has seen")
                .value_hint(ValueHint::Url)
                .default_value(DEFAULT_ADMIN),
        )
        .arg(
            text(
                PROMETHEUS,
                "URL",
                "Prometheus with the rules of `mcp-tap rules`: what the whole fleet has seen",
            )
            .value_hint(ValueHint::Url),
        )
        .arg(
            text(PID, "PID", "The running mcp-tap of this process id, as `mcp-tap ps` lists it")
                .value_parser(value_parser!(u32)),
        )
        .arg(text(NAME, "NAME", "The running mcp-tap of this name"))
        .arg(runtime_argument())
        .group(ArgGroup::new("source").args([ADMIN, PID, NAME, PROMETHEUS]))
        .arg(
            text(BEARER, "FILE", "File with the token that proves who asks")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath),
        )
        .arg(
            config_argument()
                .help("YAML file with the plan of --prometheus; else the plan is what is recorded"),
        )
        .arg(text(SLO, "NAME", "Only objectives of this name"))
        .arg(text(SERVER, "NAME", "Only this server"))
        .arg(text(NAMESPACE, "NAME", "Only this namespace"))
        .arg(switch(JSON, "Print the report as JSON"))
        .arg(switch(CHECK, "End with status 2 when an objective asks for attention"))
}

/// Reads and shows.
pub(super) fn execute(matches: &ArgMatches) -> ExitCode {
    let (report, warnings) = match read(matches) {
        Ok(read) => read,
        Err(problem) => {
            complain(&format_args!("{problem}"));
            let usage = matches!(problem, Problem::Usage(_));
            return ExitCode::from(if usage { EXIT_USAGE } else { 1 });
        }
    };
    for warning in warnings {
        complain(&format_args!("warning: {warning}"));
    }
    let shown = if matches.get_flag(JSON) { json(&report) } else { table::text(&report, output::colours()) };
    let printed = output::print(&shown);
    if report.objectives.is_empty() {
        complain(&format_args!("{}", nothing(matches)));
        return ExitCode::FAILURE;
    }
    if matches.get_flag(CHECK) && slo_client::alarming(&report) {
        return ExitCode::from(EXIT_ALARMING);
    }
    printed
}

fn nothing(matches: &ArgMatches) -> &'static str {
    match () {
        () if [SLO, SERVER, NAMESPACE].iter().any(|filter| matches.contains_id(filter)) => {
            "no objective matches --slo, --server and --namespace; without them all that there are are shown"
        }
        () if matches.contains_id(PROMETHEUS) => {
            "no service level is recorded there: does it load the rules of `mcp-tap rules`, and have they run?"
        }
        () => "no objective is about this server: see `objectives` and their `servers` in its configuration",
    }
}

fn read(matches: &ArgMatches) -> Result<(Report, Vec<String>), Problem> {
    let text = |name: &str| matches.get_one::<String>(name);
    let filter = Filter {
        namespace: text(NAMESPACE).cloned(),
        server: text(SERVER).cloned(),
        slo: text(SLO).cloned(),
    };
    let fleet = text(PROMETHEUS);
    let plan = if fleet.is_some() { plan(matches)? } else { None };
    let (url, remedy) = match (fleet, running(matches)?) {
        (Some(url), _) => (url.clone(), "is Prometheus running there? Check --prometheus"),
        (None, Some(entry)) => (entry.admin, "is it stopped, or too busy? Ask `mcp-tap ps`"),
        (None, None) => {
            let url = text(ADMIN).map_or(DEFAULT_ADMIN, String::as_str);
            (url.to_owned(), "is mcp-tap running, with its admin port there? Check --admin")
        }
    };
    let mut client = Client::new(&url, remedy)?;
    if let Some(file) = matches.get_one::<PathBuf>(BEARER) {
        client = client.with_bearer_file(file)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Problem::Answer {
            url,
            cause: error.to_string(),
            remedy: "does the machine have open files left?".to_owned(),
        }
    })?;
    let report = runtime.block_on(async {
        match fleet {
            Some(_) => prometheus::report(&client, &filter, plan.as_ref()).await,
            None => Ok((slo_client::of_process(&client, &filter).await?, Vec::new())),
        }
    });
    // A look-up of a name may hang in the system for long.
    runtime.shutdown_background();
    report
}

/// The running process that is asked for by its id or name.
fn running(matches: &ArgMatches) -> Result<Option<Entry>, Problem> {
    let (pid, name) = (matches.get_one::<u32>(PID), matches.get_one::<String>(NAME));
    let wanted = match (pid, name) {
        (None, None) => return Ok(None),
        (Some(pid), _) => format!("with process id {pid}"),
        (None, Some(name)) => format!("of the name `{name}`"),
    };
    let listing = folders(matches).list();
    let is_wanted = |entry: &Entry| {
        pid.is_none_or(|pid| *pid == entry.pid) && name.is_none_or(|name| *name == entry.about.name)
    };
    let mut found: Vec<Entry> = listing.entries.into_iter().filter(is_wanted).collect();
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(Some(only)),
        (Some(last), false) => {
            found.push(last);
            let each = found
                .iter()
                .map(|entry| format!("\n  --pid {}  at {}", entry.pid, table::clean(&entry.admin)));
            let each: String = each.collect();
            Err(Problem::Process(format!("{} mcp-taps {wanted} run; choose one:{each}", found.len())))
        }
        (None, _) => {
            let problems: String = listing.problems.iter().map(|problem| format!("\n  {problem}")).collect();
            Err(Problem::Process(format!("no mcp-tap {wanted} runs: see `mcp-tap ps`{problems}")))
        }
    }
}

/// The plan of the configuration, where there is one.
fn plan(matches: &ArgMatches) -> Result<Option<Plan>, Problem> {
    let Some(file) = config_file(matches) else { return Ok(None) };
    let config = config::slo::load(Some(&file)).map_err(|problems| Problem::Usage(problems.to_string()))?;
    Ok(Some(config.plan))
}

fn json(report: &Report) -> String {
    // Reports hold finite numbers and texts only.
    let mut text = serde_json::to_string_pretty(report).expect("a report is JSON");
    text.push('\n');
    text
}
