//! Where the answer of a command goes: standard output, or a file.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, ValueHint, value_parser};

use crate::app::complain;

/// The name of the argument.
pub(super) const OUTPUT: &str = "output";

/// `--output FILE`.
pub(super) fn argument() -> Arg {
    Arg::new(OUTPUT)
        .long(OUTPUT)
        .short('o')
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help("Write to this file instead of standard output")
}

/// Writes the text where the command line says.
pub(super) fn write(matches: &ArgMatches, text: &str) -> ExitCode {
    match matches.get_one::<PathBuf>(OUTPUT) {
        Some(file) => to_file(file, text),
        None => print(text),
    }
}

/// Writes the text to standard output. A reader that left has seen enough.
pub(super) fn print(text: &str) -> ExitCode {
    match send(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format_args!("cannot write to standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// The same, for those who go on afterwards.
pub(super) fn send(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush())
}

/// Colours are for people at a terminal that do not mind them (no-color.org).
pub(super) fn colours() -> bool {
    let minded = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    io::stdout().is_terminal() && !minded("NO_COLOR") && !dumb
}

fn to_file(file: &Path, text: &str) -> ExitCode {
    match std::fs::write(file, text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format_args!("cannot write {}: {error}", file.display()));
            ExitCode::FAILURE
        }
    }
}
