//! Where and when something was measured.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

/// The machine and the programs of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    /// When it began, in UTC.
    pub date: String,
    /// The command, without the path of this program.
    pub command: String,
    /// Model of the CPU.
    pub cpu: String,
    /// CPUs that may be used.
    pub cores: usize,
    /// Name and release of the kernel.
    pub kernel: String,
    /// What each program says that it is.
    pub versions: Vec<String>,
}

impl Setting {
    /// Looks around; `programs` are asked for their versions with the argument given.
    pub(crate) fn look(now: Duration, programs: &[(&Path, &str)]) -> Self {
        let own = format!("{} {}", crate::payload::NAME, env!("CARGO_PKG_VERSION"));
        let versions = programs.iter().filter_map(|(program, argument)| version(program, argument));
        Self {
            date: date(now),
            command: command(std::env::args()),
            cpu: cpu().unwrap_or_else(|| "unknown CPU".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").unwrap_or_default().trim()),
            versions: std::iter::once(own).chain(versions).collect(),
        }
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn cpu() -> Option<String> {
    let text = read("/proc/cpuinfo")?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(model.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

/// The first line that a program prints; nginx prints it on stderr.
fn version(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let line = String::from_utf8_lossy(&text).lines().next()?.trim().to_owned();
    let line = line.strip_prefix("nginx version: ").unwrap_or(&line);
    // HAProxy adds its home page.
    Some(line.split(" - ").next().unwrap_or(line).to_owned())
}

/// Programs are named without their folders, which say nothing to a reader elsewhere.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let words = arguments.map(|word| match word.rsplit_once('/') {
        Some((folder, name)) if !word.contains("://") => match folder.split_once('=') {
            Some((flag, _)) if flag.starts_with('-') => format!("{flag}={name}"),
            _ => name.to_owned(),
        },
        _ => word,
    });
    words.collect::<Vec<String>>().join(" ")
}

/// Date and time of the Gregorian calendar.
fn date(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (mut days, of_day) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let months = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in months {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute) = (of_day / 3600, of_day / 60 % 60);
    format!("{year}-{month:02}-{:02} {hour:02}:{minute:02} UTC", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_796_083_199, "2026-11-30 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(date(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn a_command_names_programs_and_files_without_their_folders() {
        let words = [
            "/a/b/mcp-loadtest",
            "compare",
            "--tap",
            "x/mcp-tap",
            "--html=/c/d.html",
            "--peer=a=http://127.0.0.1:1/@1",
        ];
        assert_eq!(
            command(words.into_iter().map(str::to_owned)),
            "mcp-loadtest compare --tap mcp-tap --html=d.html --peer=a=http://127.0.0.1:1/@1"
        );
    }

    #[test]
    fn what_a_program_says_of_itself_is_its_first_line() {
        assert_eq!(
            version(Path::new("echo"), "HAProxy version 2 - https://h"),
            Some("HAProxy version 2".to_owned())
        );
        assert_eq!(version(Path::new("/no/such/program"), "-v"), None);
    }
}
