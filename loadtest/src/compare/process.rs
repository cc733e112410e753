//! CPU time and memory of a process and its children, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
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

/// A process and its children, counted as one: the work of nginx is done by a child of what was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processes(Vec<u32>);

impl Processes {
    /// The process and what has come from it so far.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let mut parents = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let id = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            // One that ends meanwhile is none of ours.
            if let Some(Ok((child, parent))) =
                id.map(|id| read(id, "stat", parse_parent).map(|parent| (id, parent)))
            {
                parents.push((child, parent));
            }
        }
        Self(family(pid, &parents))
    }

    /// Those of them that are wanted.
    pub(crate) fn only(self, wanted: impl Fn(u32) -> bool) -> Self {
        Self(self.0.into_iter().filter(|pid| wanted(*pid)).collect())
    }

    /// Reads the counters.
    ///
    /// # Errors
    /// When a process is gone.
    pub fn cpu(&self) -> Result<CpuCounters, ProcessError> {
        let mut counters = CpuCounters::default();
        for pid in &self.0 {
            let (user, system) = read(*pid, "stat", parse_stat)?;
            counters.user += user;
            counters.system += system;
        }
        for thread in self.threads()? {
            // A thread may end between the two; a kernel may be built without this file.
            if let Ok(nanos) = read(thread, "schedstat", parse_schedstat) {
                counters.threads.insert(thread, nanos);
            }
        }
        Ok(counters)
    }

    /// The ids of all threads.
    pub(super) fn threads(&self) -> Result<Vec<u32>, ProcessError> {
        let mut threads = Vec::new();
        for pid in &self.0 {
            let path = format!("/proc/{pid}/task");
            let entries = fs::read_dir(&path).map_err(|source| ProcessError::Read { path, source })?;
            let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
            threads.extend(ids);
        }
        Ok(threads)
    }

    /// Resident memory in KiB.
    ///
    /// # Errors
    /// When a process is gone.
    pub fn resident_kib(&self) -> Result<u64, ProcessError> {
        self.0.iter().map(|pid| read(*pid, "status", parse_resident)).sum()
    }
}

/// The process, its children, and theirs.
fn family(root: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut members = vec![root];
    let mut next = 0;
    while let Some(parent) = members.get(next).copied() {
        let children = parents.iter().filter(|(child, of)| *of == parent && !members.contains(child));
        let children: Vec<u32> = children.map(|(child, _)| *child).collect();
        members.extend(children);
        next += 1;
    }
    members
}

/// What was counted up to a moment.
#[derive(Debug, Clone, Default)]
pub struct CpuCounters {
    user: Duration,
    system: Duration,
    /// Nanoseconds by thread: exact, while the split above is guessed from where ticks fell.
    threads: BTreeMap<u32, u64>,
}

/// CPU time that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CpuTime {
    /// In its own code.
    pub user: Duration,
    /// In the kernel for its system calls.
    pub system: Duration,
}

impl CpuTime {
    /// All of it.
    #[must_use]
    pub fn total(self) -> Duration {
        self.user + self.system
    }
}

impl CpuCounters {
    /// What was used since `before`: the sum from the scheduler's nanoseconds, split as the ticks fell.
    #[must_use]
    pub fn since(&self, before: &Self) -> CpuTime {
        let user = self.user.saturating_sub(before.user);
        let system = self.system.saturating_sub(before.system);
        if self.threads.is_empty() {
            return CpuTime { user, system };
        }
        let nanos = self.threads.iter().map(|(thread, nanos)| {
            nanos.saturating_sub(before.threads.get(thread).copied().unwrap_or_default())
        });
        let total = Duration::from_nanos(nanos.sum());
        let ticks = (user + system).as_secs_f64();
        let share = if ticks > 0.0 { user.as_secs_f64() / ticks } else { 0.0 };
        let user = total.mul_f64(share);
        CpuTime { user, system: total.saturating_sub(user) }
    }
}

fn read<T>(pid: u32, file: &str, parse: fn(&str) -> Option<T>) -> Result<T, ProcessError> {
    let path = format!("/proc/{pid}/{file}");
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text).ok_or(ProcessError::Format { path }),
        Err(source) => Err(ProcessError::Read { path, source }),
    }
}

/// The fields behind the name, which may hold blanks and brackets, so counting starts after its last bracket.
fn fields(text: &str) -> Option<impl Iterator<Item = &str>> {
    Some(text.rsplit_once(')')?.1.split_ascii_whitespace())
}

/// Fields 14 and 15.
fn parse_stat(text: &str) -> Option<(Duration, Duration)> {
    let mut ticks = fields(text)?.skip(11).map(str::parse::<u32>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((TICK * user, TICK * system))
}

/// Field 4.
fn parse_parent(text: &str) -> Option<u32> {
    fields(text)?.nth(1)?.parse().ok()
}

/// The first field: nanoseconds on a CPU.
fn parse_schedstat(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

fn parse_resident(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_stat_are_found_behind_any_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 100 0 0 0 123 456 7 8 20 0 3 0 1000";
        assert_eq!(parse_stat(stat), Some((Duration::from_millis(1230), Duration::from_millis(4560))));
        assert_eq!(parse_parent(stat), Some(1));
        assert_eq!(parse_stat("42 (a) S 1 2"), None);
        assert_eq!(parse_schedstat("616025976 481815250 177\n"), Some(616_025_976));
    }

    #[test]
    fn resident_memory_is_found_among_the_other_lines() {
        assert_eq!(parse_resident("Name:\ta\nVmHWM:\t  9000 kB\nVmRSS:\t  4608 kB\n"), Some(4608));
        assert_eq!(parse_resident("Name:\tkthread\n"), None);
    }

    #[test]
    fn children_count_with_their_parent() {
        assert_eq!(family(5, &[(6, 5), (7, 6), (8, 1), (9, 5)]), [5, 6, 9, 7]);
        assert_eq!(family(5, &[(5, 5)]), [5]);
    }

    #[test]
    fn nanoseconds_give_the_sum_and_ticks_the_split() {
        let counters = |user, system, threads: &[(u32, u64)]| CpuCounters {
            user: Duration::from_millis(user),
            system: Duration::from_millis(system),
            threads: threads.iter().copied().collect(),
        };
        let before = counters(10, 20, &[(1, 1_000_000), (2, 5)]);
        let used = counters(20, 50, &[(1, 5_000_000), (3, 4_000_000)]).since(&before);
        assert_eq!(used.total(), Duration::from_millis(8));
        assert_eq!((used.user, used.system), (Duration::from_millis(2), Duration::from_millis(6)));
        let ticks_only = counters(20, 50, &[]).since(&before);
        assert_eq!(ticks_only.total(), Duration::from_millis(40));
    }

    #[test]
    fn this_process_can_be_read_and_a_missing_one_is_an_error() {
        let own = Processes::of(std::process::id());
        assert!(own.resident_kib().unwrap() > 0);
        own.cpu().unwrap();
        // Above the largest pid that Linux gives.
        assert!(Processes::of(1 << 30).cpu().is_err());
    }
}
