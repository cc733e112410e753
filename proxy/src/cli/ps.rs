//! `mcp-tap ps`: what runs, and how it goes.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{folders, output, runtime_argument};
use crate::app::complain;
use crate::clock;
use crate::ps::{Process, ask, table};
use crate::registry::Folders;

const JSON: &str = "json";
const WATCH: &str = "watch";

/// How often `--watch` looks.
const EVERY: Duration = Duration::from_secs(2);

const LONG_ABOUT: &str = "List the running mcp-taps of this user, and how they go.\n\n\
    Every mcp-tap with an admin port enters a directory of its user and leaves it at its end; entries of those that were \
    killed are removed here. Each is asked for its figures and has two seconds to answer; whoever does not has `-` in their \
    place, and standard error says why.";
const AFTER: &str = "Columns:\n  \
    CALLS   tool calls that ended\n  \
    ERRORS  the part of them that did not succeed, whosever fault that was\n  \
    P95     what 95% of the answers of the last five minutes were quicker than\n  \
    SLO     the objective that stands worst, and what is left of its error budget\n\n\
    Exit status: 0, also when nothing runs; 1 when the directory cannot be used; 64 for a wrong command line.\n\n\
    Examples:\n  mcp-tap ps --watch\n  mcp-tap slo --name files";

/// The command.
pub(super) fn command() -> Command {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("ps")
        .about("List the running mcp-taps of this user, and how they go")
        .long_about(LONG_ABOUT)
        .after_help(AFTER)
        .arg(switch(JSON, "Print a JSON array, for programs"))
        .arg(switch(WATCH, "Print again every two seconds, until Ctrl-C").conflicts_with(JSON))
        .arg(runtime_argument())
}

/// Looks and shows.
pub(super) fn execute(matches: &ArgMatches) -> ExitCode {
    let folders = folders(matches);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format_args!("cannot ask anybody: {error}; does the machine have open files left?"));
            return ExitCode::FAILURE;
        }
    };
    let status = runtime.block_on(async {
        if matches.get_flag(WATCH) {
            watch(&folders).await
        } else {
            once(&folders, matches.get_flag(JSON)).await
        }
    });
    // A look-up of a name may hang in the system for long.
    runtime.shutdown_background();
    status
}

async fn once(folders: &Folders, as_json: bool) -> ExitCode {
    let (processes, readable) = look(folders).await;
    let printed = if as_json {
        output::print(&json(&processes))
    } else if processes.is_empty() {
        ExitCode::SUCCESS
    } else {
        output::print(&table::text(&processes, output::colours()))
    };
    if readable { printed } else { ExitCode::FAILURE }
}

async fn watch(folders: &Folders) -> ExitCode {
    loop {
        let (processes, readable) = look(folders).await;
        if !readable {
            return ExitCode::FAILURE;
        }
        if !processes.is_empty() {
            let text = table::text(&processes, output::colours()) + "\n";
            match output::send(&text) {
                Ok(()) => {}
                // A reader that left has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
                Err(error) => {
                    complain(&format_args!("cannot write to standard output: {error}"));
                    return ExitCode::FAILURE;
                }
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Who runs, and whether that could be found out. What is worth a word is said.
async fn look(folders: &Folders) -> (Vec<Process>, bool) {
    let listing = folders.list();
    for problem in &listing.problems {
        complain(&format_args!("{problem}"));
    }
    let readable = listing.problems.is_empty() || !listing.entries.is_empty();
    if listing.entries.is_empty() && readable {
        complain(&format_args!("no mcp-tap with an admin port runs here (looked in {folders})"));
    }
    let processes = ask(listing.entries, clock::wall()).await;
    for process in &processes {
        if let Some(problem) = &process.problem {
            let name = table::name(process);
            complain(&format_args!("{} ({name}) does not say how it goes: {problem}", process.entry.pid));
        }
    }
    (processes, readable)
}

fn json(processes: &[Process]) -> String {
    // Processes hold finite numbers and texts only.
    let mut text = serde_json::to_string_pretty(processes).expect("processes are JSON");
    text.push('\n');
    text
}
