//! When a process that should end is made to (mcp-wire.md §4): its input closes, then SIGTERM, then SIGKILL.
//!
//! The client is the one to do so, and what it does is passed on. It is done here only for a client that does not, or that
//! is gone: a process is not left behind. So the wait before SIGTERM does not begin while the process still answers.

use std::time::{Duration, Instant};

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// How far the end has come.
#[derive(Debug)]
pub(super) struct Ending {
    exit_wait: Option<Duration>,
    kill_wait: Option<Duration>,
    input_over: Option<Instant>,
    terminated: Option<Instant>,
    killed: bool,
}

/// What the process still does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Activity {
    /// When it last wrote.
    pub(super) last_output: Instant,
    /// Whether requests wait for their answers, and somebody for them.
    pub(super) busy: bool,
}

impl Ending {
    pub(super) const fn new(exit_wait: Option<Duration>, kill_wait: Option<Duration>) -> Self {
        Self { exit_wait, kill_wait, input_over: None, terminated: None, killed: false }
    }

    /// Its input is closed.
    pub(super) fn input_over(&mut self, at: Instant) {
        self.input_over.get_or_insert(at);
    }

    /// It was sent SIGTERM, by whomever.
    pub(super) fn terminated(&mut self, at: Instant) {
        self.terminated.get_or_insert(at);
    }

    /// Whether it was sent SIGTERM.
    pub(super) const fn is_terminated(&self) -> bool {
        self.terminated.is_some()
    }

    /// What is due; each step once.
    pub(super) fn due(&mut self, activity: Activity, now: Instant) -> Option<Step> {
        if let Some(terminated) = self.terminated {
            let due = !self.killed && self.kill_wait.is_some_and(|wait| now >= terminated + wait);
            self.killed |= due;
            return due.then_some(Step::Kill);
        }
        let quiet = self.input_over?.max(activity.last_output);
        if activity.busy || now < quiet + self.exit_wait? {
            return None;
        }
        self.terminated = Some(now);
        Some(Step::Terminate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    /// Looks each second for 40 seconds; the steps with their seconds. `outputs`: seconds at which it writes.
    fn steps(
        (exit_wait, kill_wait): (Option<u64>, Option<u64>),
        (eof, term): (Option<u64>, Option<u64>),
        outputs: &[u64],
        busy_until: u64,
    ) -> Vec<(u64, Step)> {
        let (start, seconds) = (clock::now(), Duration::from_secs);
        let mut ending = Ending::new(exit_wait.map(seconds), kill_wait.map(seconds));
        let mut steps = Vec::new();
        for second in 0..40 {
            let now = start + seconds(second);
            if eof == Some(second) {
                ending.input_over(now);
            }
            if term == Some(second) {
                ending.terminated(now);
            }
            let last = outputs.iter().copied().filter(|output| *output <= second).max().unwrap_or(0);
            let activity = Activity { last_output: start + seconds(last), busy: second < busy_until };
            steps.extend(ending.due(activity, now).map(|step| (second, step)));
        }
        steps
    }

    #[test]
    fn a_process_is_asked_when_it_is_quiet_and_killed_when_it_does_not_obey() {
        use Step::{Kill, Terminate};
        let waits = (Some(10), Some(5));
        assert_eq!(steps(waits, (None, None), &[], 0), []);
        assert_eq!(steps(waits, (Some(3), None), &[], 0), [(13, Terminate), (18, Kill)]);
        assert_eq!(steps(waits, (Some(3), None), &[7, 12], 0), [(22, Terminate), (27, Kill)]);
        assert_eq!(steps(waits, (Some(3), None), &[], 20), [(20, Terminate), (25, Kill)]);
        assert_eq!(steps(waits, (None, Some(4)), &[8], 30), [(9, Kill)]);
        assert_eq!(steps(waits, (Some(3), Some(4)), &[], 0), [(9, Kill)]);
    }

    #[test]
    fn without_a_wait_nothing_is_done() {
        assert_eq!(steps((None, Some(5)), (Some(3), None), &[], 0), []);
        assert_eq!(steps((Some(10), None), (Some(3), None), &[], 0), [(13, Step::Terminate)]);
        assert_eq!(steps((Some(10), None), (Some(3), Some(5)), &[], 0), []);
    }
}
