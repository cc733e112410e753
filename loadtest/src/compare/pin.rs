//! Which CPU a process runs on.
//!
//! With one connection it decides everything whether the scheduler puts client, proxy and server on one CPU (no other
//! one is woken up, which takes a third of the time) or on several, and it changes its mind from turn to turn. Held
//! apart, every target is measured in the same shape. With many connections all CPUs are busy anyway, and what else
//! runs on the machine would disturb those most that cannot give way.

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::process::{ProcessError, Processes};

/// The CPUs of this process, whole and in two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cpus {
    pub(super) all: CpuSet,
    /// One, for the proxy under test.
    pub(super) proxy: CpuSet,
    /// The others, for client and server.
    pub(super) others: CpuSet,
}

impl Cpus {
    /// `None` where there is only one CPU.
    pub(super) fn of_this_process() -> Option<Self> {
        Self::parts(sched_getaffinity(None).ok()?)
    }

    fn parts(all: CpuSet) -> Option<Self> {
        let first = (0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu))?;
        let (mut proxy, mut others) = (CpuSet::new(), all);
        proxy.set(first);
        others.unset(first);
        (others.count() > 0).then_some(Self { all, proxy, others })
    }
}

/// Holds this thread, and whatever it starts from now on, on one CPU: the last one, for interrupts often go to the first.
pub(crate) fn hold_on_one() -> rustix::io::Result<()> {
    let all = sched_getaffinity(None)?;
    match (0..CpuSet::MAX_CPU).rev().find(|cpu| all.is_set(*cpu)) {
        Some(last) => {
            let mut one = CpuSet::new();
            one.set(last);
            sched_setaffinity(None, &one)
        }
        None => Ok(()),
    }
}

/// Lets processes run, with all their threads, on these CPUs only.
pub(super) fn hold(processes: &Processes, cpus: &CpuSet) -> Result<(), ProcessError> {
    for thread in processes.threads()? {
        // One that has just ended needs no place.
        if let Some(thread) = i32::try_from(thread).ok().and_then(Pid::from_raw) {
            let _ = sched_setaffinity(Some(thread), cpus);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(cpus: &[usize]) -> CpuSet {
        let mut set = CpuSet::new();
        cpus.iter().for_each(|cpu| set.set(*cpu));
        set
    }

    #[test]
    fn a_thread_is_held_on_one_cpu() {
        std::thread::spawn(|| {
            hold_on_one().unwrap();
            assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_first_cpu_is_for_the_proxy_and_the_others_for_the_rest() {
        let all = set(&[2, 3, 5]);
        assert_eq!(Cpus::parts(all), Some(Cpus { all, proxy: set(&[2]), others: set(&[3, 5]) }));
        assert_eq!(Cpus::parts(set(&[2])), None);
        assert_eq!(Cpus::parts(set(&[])), None);
    }
}
