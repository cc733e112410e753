//! What the system says of the wrapped process and its children. Only Linux says it; elsewhere nothing is known.
//!
//! A command is often not the server itself: `npx` starts a shell that starts it. So children count too. A process's
//! line holds the time of the children that it waited for, so that nothing is lost or counted twice when one ends.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::usage::Usage;
use crate::proc_stat::{self, TICKS};

/// Processes that are followed, at most.
const MOST: usize = 64;

/// The longest line of `/proc/PID/stat`: 52 numbers and a name of 16 bytes.
const LINE: usize = 1536;

/// The process and those of its children that are known.
#[derive(Default)]
pub(super) struct Processes {
    followed: Vec<Process>,
    page: u64,
}

struct Process {
    pid: u32,
    stat: File,
}

/// What one line says.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stat {
    cpu: f64,
    pages: u64,
}

impl Processes {
    /// Begins with the process itself.
    pub(super) fn watch(&mut self, pid: u32) {
        self.page = rustix::param::page_size() as u64;
        self.followed = Process::open(pid).into_iter().collect();
    }

    /// What all of them use; `None` when none is left.
    pub(super) fn read(&mut self) -> Option<Usage> {
        let (mut sum, mut any) = (Usage::default(), false);
        self.followed.retain(|process| {
            let Some(stat) = process.read() else { return false };
            any = true;
            sum.cpu += stat.cpu;
            sum.resident += stat.pages * self.page;
            true
        });
        any.then_some(sum)
    }

    /// Looks for children that are not known yet; what those used so far. `None` when there is no new one.
    pub(super) fn refresh(&mut self) -> Option<f64> {
        let (mut next, mut before) = (0, None);
        while let Some(process) = self.followed.get(next) {
            let children = children(process.pid);
            for child in children {
                if self.followed.len() >= MOST || self.followed.iter().any(|known| known.pid == child) {
                    continue;
                }
                let Some(process) = Process::open(child) else { continue };
                if let Some(stat) = process.read() {
                    before = Some(before.unwrap_or(0.0) + stat.cpu);
                    self.followed.push(process);
                }
            }
            next += 1;
        }
        before
    }
}

impl Process {
    /// Stays open: a number that is used again for another process is not taken for this one.
    fn open(pid: u32) -> Option<Self> {
        Some(Self { pid, stat: File::open(format!("/proc/{pid}/stat")).ok()? })
    }

    fn read(&self) -> Option<Stat> {
        let mut line = [0; LINE];
        let length = self.stat.read_at(&mut line, 0).ok()?;
        Stat::parse(&line[..length])
    }
}

impl Stat {
    /// Fields 14 to 17 are its user and system time and those of children that it waited for, 24 its resident pages.
    fn parse(line: &[u8]) -> Option<Self> {
        // The command's name may be no text, which does not matter.
        let line = String::from_utf8_lossy(line);
        let mut fields = proc_stat::fields(&line)?.skip(11);
        let mut cpu = 0.0;
        for _ in 14..=17 {
            cpu += fields.next()?.parse::<f64>().ok()?;
        }
        let pages = fields.nth(6)?.parse().ok()?;
        Some(Self { cpu: cpu / TICKS, pages })
    }
}

/// The children that a process has now.
fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_name_is() {
        let line = b"7 (a ) b) S 1 7 7 0 -1 4194560 107 0 0 0 150 50 20 30 20 0 1 0 12345 2314240 203 18446744073709551615";
        assert_eq!(Stat::parse(line), Some(Stat { cpu: 2.5, pages: 203 }));
        for bad in
            [&b"7 (a) S 1"[..], b"", b"7 (a) S 1 7 7 0 -1 4194560 107 0 0 0 x 50 20 30 20 0 1 0 1 2 203"]
        {
            assert_eq!(Stat::parse(bad), None);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_of_the_process_is_found_and_what_it_used_stays() {
        let mut processes = Processes::default();
        processes.watch(std::process::id());
        let before = processes.read().expect("this process is there");
        assert!(before.resident > 0);
        let mut child = std::process::Command::new("sleep").arg("600").spawn().expect("sleep");
        assert!(processes.refresh().is_some(), "the child is new");
        assert!(processes.refresh().is_none_or(|before| before >= 0.0), "and then is not");
        assert!(processes.followed.iter().any(|process| process.pid == child.id()));
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        let after = processes.read().expect("this process is there");
        assert!(!processes.followed.iter().any(|process| process.pid == child.id()));
        assert!(after.cpu >= before.cpu);
    }
}
