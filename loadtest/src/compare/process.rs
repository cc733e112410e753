//! CPU time and memory of a process, from `/proc`.

use std::time::Duration;

use serde::Serialize;

/// Length of a tick in `/proc/PID/stat`: `USER_HZ` is 100 on every Linux that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// Why a process cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// No such process, or no `/proc`.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another format than proc(5) describes.
    #[error("{path} has not the form of proc(5)")]
    Format {
        /// The file.
        path: String,
    },
}

/// CPU time that a process (all its threads) has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CpuTime {
    /// In its own code.
    pub user: Duration,
    /// In the kernel for its system calls.
    pub system: Duration,
}

impl CpuTime {
    /// Reads the counters of a process.
    ///
    /// # Errors
    /// When it is gone.
    pub fn of(pid: u32) -> Result<Self, ProcessError> {
        read(pid, "stat", parse_stat)
    }

    /// What was used since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }
}

/// Resident memory of a process in KiB.
///
/// # Errors
/// When it is gone.
pub(super) fn resident_kib(pid: u32) -> Result<u64, ProcessError> {
    read(pid, "status", parse_resident)
}

fn read<T>(pid: u32, file: &str, parse: fn(&str) -> Option<T>) -> Result<T, ProcessError> {
    let path = format!("/proc/{pid}/{file}");
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text).ok_or(ProcessError::Format { path }),
        Err(source) => Err(ProcessError::Read { path, source }),
    }
}

/// Fields 14 and 15; the name in field 2 may hold blanks and brackets, so counting starts after its last bracket.
fn parse_stat(text: &str) -> Option<CpuTime> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut ticks = fields.split_ascii_whitespace().skip(11).map(str::parse::<u32>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some(CpuTime { user: TICK * user, system: TICK * system })
}

fn parse_resident(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 100 0 0 0 123 456 7 8 20 0 3 0 1000";
        let expected = CpuTime { user: Duration::from_millis(1230), system: Duration::from_millis(4560) };
        assert_eq!(parse_stat(stat), Some(expected));
        assert_eq!(parse_stat("42 (a) S 1 2"), None);
    }

    #[test]
    fn resident_memory_is_found_among_the_other_lines() {
        assert_eq!(parse_resident("Name:\ta\nVmHWM:\t  9000 kB\nVmRSS:\t  4608 kB\n"), Some(4608));
        assert_eq!(parse_resident("Name:\tkthread\n"), None);
    }

    #[test]
    fn this_process_can_be_read_and_a_missing_one_is_an_error() {
        let pid = std::process::id();
        assert!(resident_kib(pid).unwrap() > 0);
        CpuTime::of(pid).unwrap();
        // Above the largest pid that Linux gives.
        assert!(CpuTime::of(1 << 30).is_err());
    }
}
