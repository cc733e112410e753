//! What the process really used, shared out among the calls for whose sake it did.
//!
//! The system counts processor time in steps of 10 ms, and reading it costs as much as a small call does. So it is read at
//! most every [`LEAST_STEP`], when a call begins or ends, and about once a second; what was used since the last time is
//! shared out by how long each tool had calls open meanwhile. Of calls that overlap each gets a part, and what was used
//! while no call was open is nobody's: it is only in the total.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use compact_str::CompactString;

use super::processes::Processes;

/// The shortest time between two looks at the system.
const LEAST_STEP: Duration = Duration::from_millis(2);

/// Tools whose calls are told apart at one time, at most; of further ones what they use is nobody's.
const MOST: usize = 256;

/// What the process and its children use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Processor seconds so far, of user and system.
    pub cpu: f64,
    /// Bytes of resident memory now.
    pub resident: u64,
}

/// Where it is written down.
pub trait Account: Send + Sync {
    /// A tool's calls used so many processor seconds more; the process has so many bytes resident.
    fn add(&self, tool: &str, cpu: f64, resident: u64);

    /// All that the process used so far.
    fn total(&self, usage: Usage);
}

/// Shares out what a process uses. Who carries messages waits for nobody who asks the system.
pub struct Meter {
    account: Box<dyn Account>,
    shares: Mutex<Shares>,
    system: Mutex<System>,
    /// As it was seen last.
    resident: AtomicU64,
}

/// What is known of the process.
#[derive(Default)]
struct System {
    processes: Processes,
    /// When the system was asked last, and what it said.
    looked: Option<(Instant, Usage)>,
    total: f64,
}

/// How long each tool had calls open since the last look.
#[derive(Default)]
struct Shares {
    open: Vec<Open>,
    since: Option<Instant>,
}

struct Open {
    tool: CompactString,
    calls: u32,
    /// Seconds; with several calls open each gets its part of a second.
    weight: f64,
    /// Processor seconds that are not written down yet.
    cpu: f64,
}

impl Meter {
    /// Watches nothing yet.
    #[must_use]
    pub fn new(account: Box<dyn Account>) -> Arc<Self> {
        Arc::new(Self {
            account,
            shares: Mutex::default(),
            system: Mutex::default(),
            resident: AtomicU64::new(0),
        })
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn system(&self) -> MutexGuard<'_, System> {
        self.system.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process runs.
    pub(super) fn watch(&self, pid: u32) {
        self.system().processes.watch(pid);
    }

    /// A call begins; to be told before its request goes on.
    pub(super) fn begin(&self, tool: &str, at: Instant) {
        self.shares().begin(tool, at);
    }

    /// A call ended. Only now its time is written down: until a tool answered it may have no label of its own.
    pub(super) fn end(&self, tool: &str, at: Instant) {
        self.passed(at);
        let cpu = self.shares().end(tool, at);
        let resident = self.resident.load(Ordering::Relaxed);
        self.account.add(tool, cpu, resident);
    }

    /// A message went on: a good moment to look, if nobody does.
    pub(super) fn passed(&self, at: Instant) {
        if let Ok(system) = self.system.try_lock() {
            self.look(system, at, LEAST_STEP);
        }
    }

    /// Looks for new children, and at what was used; to be called about once a second.
    pub fn upkeep(&self, now: Instant) {
        let mut system = self.system();
        let before = system.processes.refresh();
        // What a child used before it was known is nobody's.
        if let (Some(before), Some((_, usage))) = (before, system.looked.as_mut()) {
            usage.cpu += before;
        }
        self.look(system, now, Duration::ZERO);
    }

    fn look(&self, mut system: MutexGuard<'_, System>, at: Instant, step: Duration) {
        if system.looked.is_some_and(|(last, _)| at.saturating_duration_since(last) < step) {
            return;
        }
        let Some(usage) = system.processes.read() else { return };
        let before = system.looked.replace((at, usage)).map_or(0.0, |(_, before)| before.cpu);
        // A child that is gone without having been waited for takes its time with it.
        let spent = (usage.cpu - before).max(0.0);
        system.total += spent;
        self.resident.store(usage.resident, Ordering::Relaxed);
        self.account.total(Usage { cpu: system.total, resident: usage.resident });
        for (tool, cpu) in self.shares().share(spent, at) {
            self.account.add(&tool, cpu, usage.resident);
        }
    }
}

impl Shares {
    fn begin(&mut self, tool: &str, at: Instant) {
        self.pass(at);
        let is_full = self.open.len() >= MOST;
        match self.open.iter_mut().find(|open| open.tool == tool) {
            Some(open) => open.calls += 1,
            None if is_full => {}
            None => self.open.push(Open { tool: tool.into(), calls: 1, weight: 0.0, cpu: 0.0 }),
        }
    }

    /// What the tool's calls used so far and was not told yet.
    fn end(&mut self, tool: &str, at: Instant) -> f64 {
        self.pass(at);
        let Some(open) = self.open.iter_mut().find(|open| open.tool == tool) else { return 0.0 };
        open.calls = open.calls.saturating_sub(1);
        std::mem::take(&mut open.cpu)
    }

    /// Time passes for the calls that are open.
    fn pass(&mut self, at: Instant) {
        let passed = self.since.map_or(Duration::ZERO, |since| at.saturating_duration_since(since));
        let calls: u32 = self.open.iter().map(|open| open.calls).sum();
        for open in &mut self.open {
            open.weight += passed.as_secs_f64() * f64::from(open.calls) / f64::from(calls.max(1));
        }
        self.since = self.since.max(Some(at));
    }

    /// Shares out; begins anew with the calls that go on. Gives what those used that ended since the last time.
    fn share(&mut self, spent: f64, at: Instant) -> Vec<(CompactString, f64)> {
        self.pass(at);
        let all: f64 = self.open.iter().map(|open| open.weight).sum();
        let mut ended = Vec::new();
        self.open.retain_mut(|open| {
            if open.weight > 0.0 {
                open.cpu += spent * open.weight / all;
            }
            open.weight = 0.0;
            if open.calls == 0 {
                ended.push((open.tool.clone(), open.cpu));
            }
            open.calls > 0
        });
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::clock;

    /// Plays steps at milliseconds; what was given to whom, in the end.
    fn shared(steps: &[(u64, &str)]) -> BTreeMap<String, f64> {
        let (mut shares, start, mut given) = (Shares::default(), clock::now(), BTreeMap::new());
        let mut give = |tool: &str, cpu| *given.entry(tool.to_owned()).or_insert(0.0) += cpu;
        for (millis, step) in steps {
            let at = start + Duration::from_millis(*millis);
            match step.split_at(1) {
                ("+", tool) => shares.begin(tool, at),
                ("-", tool) => give(tool, shares.end(tool, at)),
                (_, spent) => {
                    let spent = spent.parse().expect("seconds");
                    shares.share(spent, at).iter().for_each(|(tool, cpu)| give(tool, *cpu));
                }
            }
        }
        given
    }

    #[test]
    fn what_was_used_is_shared_by_the_time_that_calls_were_open() {
        type Steps = &'static [(u64, &'static str)];
        let cases: [(Steps, &[(&str, f64)]); 7] = [
            (&[(0, "=1")], &[]),
            (&[(0, "+a"), (10, "=1"), (10, "-a")], &[("a", 1.0)]),
            // Not told while it goes on.
            (&[(0, "+a"), (10, "=1")], &[]),
            // Ended between two looks.
            (&[(0, "+a"), (10, "-a"), (10, "+b"), (40, "=1"), (40, "-b")], &[("a", 0.25), ("b", 0.75)]),
            // At the same time.
            (&[(0, "+a"), (0, "+b"), (10, "=1"), (10, "-a"), (10, "-b")], &[("a", 0.5), ("b", 0.5)]),
            (
                &[(0, "+a"), (0, "+a"), (0, "+b"), (30, "=3"), (30, "-a"), (30, "-b")],
                &[("a", 2.0), ("b", 1.0)],
            ),
            // Goes on after a look; what comes after its end is nobody's.
            (&[(0, "+a"), (10, "=1"), (20, "=2"), (20, "-a"), (20, "=5"), (30, "=7")], &[("a", 3.0)]),
        ];
        for (steps, expected) in cases {
            let given = shared(steps);
            assert_eq!(given.len(), expected.len(), "{steps:?}: {given:?}");
            for (tool, cpu) in expected {
                assert!((given[*tool] - cpu).abs() < 1e-9, "{steps:?}: {given:?}");
            }
        }
    }

    #[test]
    fn an_end_without_a_beginning_changes_nothing_and_tools_do_not_pile_up() {
        let mut shares = Shares::default();
        let at = clock::now();
        shares.end("a", at);
        for number in 0..100 {
            let tool = number.to_string();
            shares.begin(&tool, at);
            shares.end(&tool, at);
            shares.share(0.0, at);
        }
        assert!(shares.open.is_empty());
        // Nor where nothing ever ends.
        (0..2 * MOST).for_each(|number| shares.begin(&number.to_string(), at));
        assert_eq!(shares.open.len(), MOST);
    }
}
