//! Whether a process still runs. Ids are used again: on Linux the time of the start tells two of them apart.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::proc_stat;

/// What tells a process from others that had or will have its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// When it was started, in clock ticks after boot.
    pub(super) start_ticks: Option<u64>,
    /// The namespace of its id.
    pub(super) namespace: Option<u64>,
}

impl Mark {
    /// That of this process.
    pub(super) fn own() -> Self {
        Self { start_ticks: stat("self").map(|stat| stat.start_ticks), namespace: namespace() }
    }

    /// Whether the id is one in another namespace, a container's, so that it tells nothing here.
    pub(super) fn is_foreign(self) -> bool {
        self.namespace.zip(namespace()).is_some_and(|(theirs, ours)| theirs != ours)
    }

    /// Whether the process with this id and mark is surely gone.
    pub(super) fn is_gone(self, pid: u32) -> bool {
        if self.is_foreign() {
            return false;
        }
        let Some(id) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return true };
        if test_kill_process(id) == Err(Errno::SRCH) {
            return true;
        }
        stat(&pid.to_string()).is_some_and(|stat| {
            stat.is_dead || self.start_ticks.is_some_and(|ticks| ticks != stat.start_ticks)
        })
    }
}

/// The namespace of ids that this process sees; only Linux has them.
fn namespace() -> Option<u64> {
    // The number of what the link leads to, not of the link.
    fs::metadata("/proc/self/ns/pid").ok().map(|found| found.ino())
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// It has ended, and its parent has not asked how.
    pub(super) is_dead: bool,
    pub(super) start_ticks: u64,
}

fn stat(process: &str) -> Option<Stat> {
    Stat::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

impl Stat {
    /// Field 3 is the state, 22 the start.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut fields = proc_stat::fields(text)?;
        let is_dead = matches!(fields.next()?, "Z" | "X" | "x");
        Some(Self { is_dead, start_ticks: fields.nth(18)?.parse().ok()? })
    }
}
