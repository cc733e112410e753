//! `mcp-tap install` and `mcp-tap uninstall`: between an MCP client and its stdio servers, and out again.

mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};

use super::{COMMANDS, EXIT_USAGE, output};
use crate::app::complain;
use crate::install::apply::{ApplyError, Document};
use crate::install::{BARE, CLIENTS, Client, Folders, Plan, Task, Verdict, Wrapper, coloured, plan};

const CLIENT: &str = "client";
const SERVER: &str = "server";
const CONFIG_FILE: &str = "config-file";
const APPLY: &str = "apply";
const TAP: &str = "tap";
const OPTIONS: &str = "options";

const ABOUT: &str = "Wrap the stdio servers of an MCP client";
const LONG_ABOUT: &str = "Wrap the stdio servers of an MCP client: in its configuration, every command CMD ARGS... becomes \
    mcp-tap stdio --admin auto --name SERVER -- CMD ARGS...\n\n\
    Without --apply nothing is written: what would change is shown as a diff. Comments, white space and all that is not a \
    command stay as they are, byte for byte, and `mcp-tap uninstall` puts the commands back exactly. Before the first \
    change the file is copied beside itself, as FILE.mcp-tap-backup.\n\n\
    Once more with other options changes those of the servers that are wrapped already. Without --client the known \
    clients are listed, with where their files are looked for.";
const AFTER: &str = "Exit status: 0 when all is as it should be or would be with --apply, 1 when a file cannot be read or \
    written, 64 for a wrong command line.\n\nExamples:\n  mcp-tap install --client cursor\n  mcp-tap install --client claude \
    --server filesystem --apply\n  mcp-tap install --client vscode --config-file .vscode/mcp.json --apply -- \
    --otlp-endpoint http://127.0.0.1:4318";

const UNINSTALL_ABOUT: &str = "Put the stdio servers of an MCP client back as they were";
const UNINSTALL_LONG_ABOUT: &str = "Put the stdio servers of an MCP client back as they were before `mcp-tap install`, from \
    the file itself: whatever else was changed in it meanwhile stays.\n\nWithout --apply nothing is written: what would \
    change is shown as a diff.";
const UNINSTALL_AFTER: &str = "Exit status: 0 also when nothing is wrapped, 1 when a file cannot be read or written, 64 for \
    a wrong command line.\n\nExample:\n  mcp-tap uninstall --client cursor --apply";

/// `install`.
pub(super) fn command() -> Command {
    let options = Arg::new(OPTIONS)
        .value_name("OPTION")
        .num_args(0..)
        .last(true)
        .allow_hyphen_values(true)
        .help("Options of mcp-tap stdio for the wrapped servers");
    let command = Command::new("install").about(ABOUT).long_about(LONG_ABOUT).after_help(AFTER);
    with_arguments(command).arg(options)
}

/// `uninstall`.
pub(super) fn uninstall_command() -> Command {
    let command = Command::new("uninstall").about(UNINSTALL_ABOUT).long_about(UNINSTALL_LONG_ABOUT);
    with_arguments(command.after_help(UNINSTALL_AFTER))
}

fn with_arguments(command: Command) -> Command {
    let file = |name: &'static str, value: &'static str, help: &'static str| {
        let parser = value_parser!(PathBuf);
        let hint = ValueHint::FilePath;
        Arg::new(name).long(name).value_name(value).value_parser(parser).value_hint(hint).help(help)
    };
    command
        .arg(
            Arg::new(CLIENT)
                .long(CLIENT)
                .value_name("CLIENT")
                .value_parser(PossibleValuesParser::new(CLIENTS.iter().map(|client| client.name)))
                .help("Whose configuration; without it, all clients are listed"),
        )
        .arg(
            Arg::new(SERVER)
                .long(SERVER)
                .value_name("NAME")
                .action(ArgAction::Append)
                .help("Only this server; may be repeated"),
        )
        .arg(file(
            CONFIG_FILE,
            "FILE",
            "Another file than the client's own, for example that of a project; --client says what it looks like",
        ))
        .arg(file(TAP, "PATH", "Executable to wrap with, where it is not to be the one that runs now"))
        .arg(
            Arg::new(APPLY)
                .long(APPLY)
                .action(ArgAction::SetTrue)
                .help("Write; without it, only show what would be written"),
        )
}

/// Wraps.
pub(super) fn execute(matches: &ArgMatches) -> ExitCode {
    status(install(matches))
}

/// Puts back.
pub(super) fn uninstall(matches: &ArgMatches) -> ExitCode {
    // It need not be there any more, and the running executable may have another name.
    let tap = matches.get_one::<PathBuf>(TAP).and_then(|path| std::path::absolute(path).ok());
    let tap = tap.as_deref().and_then(Path::to_str);
    let done = run(matches, Task::Uninstall(tap));
    status(done)
}

/// Why nothing, or not all, was done.
enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// All else.
    Other(String),
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        Self::Other(error.to_string())
    }
}

fn status(done: Result<ExitCode, Failure>) -> ExitCode {
    match done {
        Ok(status) => status,
        Err(Failure::Usage(what)) => {
            complain(&format_args!("{what}"));
            ExitCode::from(EXIT_USAGE)
        }
        Err(Failure::Other(what)) => {
            complain(&format_args!("{what}"));
            ExitCode::FAILURE
        }
    }
}

fn install(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let options: Vec<String> = matches.get_many(OPTIONS).into_iter().flatten().cloned().collect();
    check_options(&options)?;
    let wrapper = Wrapper { tap: tap(matches)?, options };
    run(matches, Task::Install(&wrapper))
}

/// The executable that servers are wrapped with.
fn tap(matches: &ArgMatches) -> Result<String, Failure> {
    let given = matches.get_one::<PathBuf>(TAP);
    let usage = |what: &str| Failure::Usage(format!("--tap: {what}; give the absolute path of mcp-tap"));
    let path = match given {
        // A client starts it from a folder of its own, with a PATH of its own.
        Some(path) => std::path::absolute(path).map_err(|error| usage(&error.to_string()))?,
        None => std::env::current_exe()
            .map_err(|error| usage(&format!("the path of the running executable is not known ({error})")))?,
    };
    if !path.is_file() {
        return Err(usage(&format!("there is no file {}", path.display())));
    }
    path.into_os_string()
        .into_string()
        .map_err(|_| usage("a configuration cannot hold a path that is not UTF-8"))
}

/// Refuses options that would end those of the wrapper, or that `mcp-tap stdio` does not take.
fn check_options(options: &[String]) -> Result<(), Failure> {
    let usage = |what: String| {
        Failure::Usage(format!("{what}; write for example -- --otlp-endpoint http://127.0.0.1:4318"))
    };
    if let Some(word) = options.iter().find(|word| *word == "--" || *word == BARE) {
        return Err(usage(format!("`{word}` cannot be among the options of mcp-tap stdio")));
    }
    if let Some(first) = options.first().filter(|first| !first.starts_with('-')) {
        return Err(usage(format!("`{first}` is no option of mcp-tap stdio")));
    }
    let stdio = COMMANDS.iter().map(|(command, _)| command()).find(|command| command.get_name() == "stdio");
    let Some(stdio) = stdio else { return Ok(()) };
    let words = std::iter::once("stdio").chain(options.iter().map(String::as_str)).chain(["--", "true"]);
    match stdio.try_get_matches_from(words) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Usage(format!("options of mcp-tap stdio: {error}"))),
    }
}

/// A file with what would be done to it.
struct Planned {
    document: Document,
    plan: Plan,
}

fn run(matches: &ArgMatches, task: Task<'_>) -> Result<ExitCode, Failure> {
    let folders = Folders::new(cfg!(target_os = "macos"), |name| std::env::var_os(name).map(PathBuf::from));
    let Some(client) = matches.get_one::<String>(CLIENT).and_then(|name| Client::named(name)) else {
        return Err(Failure::Usage(report::clients(folders.as_ref())));
    };
    let names: Vec<String> = matches.get_many(SERVER).into_iter().flatten().cloned().collect();
    let planned = match files(matches, client, folders.as_ref(), task)? {
        files if files.is_empty() => {
            let looked = report::looked_for(client, folders.as_ref());
            complain(&format_args!("{}: nothing is wrapped: there is no file {looked}", client.title));
            return Ok(ExitCode::SUCCESS);
        }
        files => {
            files.iter().map(|file| planned(file, client, task, &names)).collect::<Result<Vec<_>, _>>()?
        }
    };
    check_names(&planned, &names)?;
    let apply = matches.get_flag(APPLY);
    for Planned { document, plan } in &planned {
        report::servers(document, plan, apply, task);
    }
    if !planned.iter().any(|file| file.plan.changes()) {
        complain(&format_args!(
            "{}",
            match task {
                Task::Install(_) => "there is nothing to do",
                Task::Uninstall(_) => "nothing is wrapped of that, so there is nothing to do",
            }
        ));
        return Ok(ExitCode::SUCCESS);
    }
    if apply { write(client, &planned) } else { Ok(show(client, &planned)) }
}

/// The files to work on: the one that is named, or those of the client that are there.
fn files(
    matches: &ArgMatches,
    client: &Client,
    folders: Option<&Folders>,
    task: Task<'_>,
) -> Result<Vec<PathBuf>, Failure> {
    if let Some(file) = matches.get_one::<PathBuf>(CONFIG_FILE) {
        return Ok(vec![file.clone()]);
    }
    let Some(folders) = folders else {
        return Err(Failure::Usage(
            "HOME is not set, so files cannot be looked for; name one with --config-file".to_owned(),
        ));
    };
    // A link that leads nowhere is there too, and is told of when it is read.
    let there = |file: &PathBuf| file.symlink_metadata().is_ok();
    let files: Vec<_> = client.files(folders).into_iter().filter(there).collect();
    if files.is_empty() && matches!(task, Task::Install(_)) {
        let looked = report::looked_for(client, Some(folders));
        return Err(Failure::Other(format!(
            "{}: there is no file {looked}; add a server in the client first, or name its file with --config-file",
            client.title
        )));
    }
    Ok(files)
}

fn planned(file: &Path, client: &Client, task: Task<'_>, names: &[String]) -> Result<Planned, Failure> {
    let document = Document::read(file)?;
    let plan = plan(&document.text, client.shape, task, names).map_err(|error| {
        Failure::Other(format!(
            "{}:{error}; nothing was changed, mend it there and try again",
            file.display()
        ))
    })?;
    Ok(Planned { document, plan })
}

/// Refuses names of servers that no file has.
fn check_names(planned: &[Planned], names: &[String]) -> Result<(), Failure> {
    let all = || planned.iter().flat_map(|file| &file.plan.servers).map(|server| server.name.as_str());
    let Some(unknown) = names.iter().find(|name| !all().any(|known| known == *name)) else { return Ok(()) };
    let mut known: Vec<_> = all().collect();
    known.sort_unstable();
    known.dedup();
    let known = if known.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there are {}", known.join(", "))
    };
    Err(Failure::Usage(format!("--server: no server is called `{unknown}`; {known}")))
}

fn show(client: &Client, planned: &[Planned]) -> ExitCode {
    let mut text = String::new();
    for Planned { document, plan } in planned {
        text.push_str(&plan.diff(&document.text, client.shape, &document.path.display().to_string()));
    }
    let printed = output::print(&if output::colours() { coloured(&text) } else { text });
    complain(&format_args!("nothing was written; add --apply to write"));
    printed
}

fn write(client: &Client, planned: &[Planned]) -> Result<ExitCode, Failure> {
    for Planned { document, plan } in planned.iter().filter(|file| file.plan.changes()) {
        let backup = document.write(&plan.after, plan.was_wrapped)?;
        let (path, backup) = (document.path.display(), backup.display());
        complain(&format_args!("{path}: written; what it was without mcp-tap is in {backup}"));
    }
    let changed = planned.iter().flat_map(|file| &file.plan.servers);
    if changed.into_iter().any(|server| !matches!(server.verdict, Verdict::Leave(_))) {
        complain(&format_args!(
            "restart {} to make it so; it may ask again whether to trust the servers",
            client.title
        ));
    }
    Ok(ExitCode::SUCCESS)
}
