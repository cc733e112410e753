//! The schedule of an open loop: calls are due at fixed times, whether the answers to the ones before have come or
//! not, and latency counts from there. A server that stalls is then seen by every call of the stall, not by the few
//! that a closed loop would have sent ("coordinated omission").

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::clock;

/// Longest sleep of the thread that keeps the schedule; then it looks whether there is anybody left to call.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// When each call is due; pure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    start: Instant,
    rate: f64,
    /// How many calls there are.
    pub(super) calls: u64,
}

impl Times {
    /// Calls at this rate for so long, or so many at most.
    pub(super) fn new(start: Instant, rate: f64, duration: Duration, most: u64) -> Self {
        // Rounded down, but an exact product may come out as 999.999….
        let calls = (rate * duration.as_secs_f64() + 1e-6) as u64;
        Self { start, rate, calls: calls.clamp(1, most.max(1)) }
    }

    /// When a call (counted from 0) is due.
    pub(super) fn of(&self, call: u64) -> Instant {
        self.start + Duration::from_secs_f64(call as f64 / self.rate)
    }

    /// How many calls are due at `now`.
    pub(super) fn due(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.start).as_secs_f64();
        let mut due = ((elapsed * self.rate) as u64).min(self.calls);
        // Rounding must neither send a call before its time nor leave one behind that is due.
        while due > 0 && self.of(due - 1) > now {
            due -= 1;
        }
        while due < self.calls && self.of(due) <= now {
            due += 1;
        }
        due
    }
}

/// Gives out the calls as they become due.
#[derive(Debug)]
pub(super) struct Pacer {
    pub(super) times: Times,
    due: Semaphore,
    next: AtomicU64,
}

impl Pacer {
    pub(super) const fn new(times: Times) -> Self {
        Self { times, due: Semaphore::const_new(0), next: AtomicU64::new(0) }
    }

    /// Waits until a call is due and takes it; `None` when there are no more.
    pub(super) async fn take(&self) -> Option<u64> {
        self.due.acquire().await.ok()?.forget();
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        (call < self.times.calls).then_some(call)
    }

    /// Calls that nobody took.
    pub(super) fn left(&self) -> u64 {
        self.times.calls.saturating_sub(self.next.load(Ordering::Relaxed))
    }

    /// Starts the thread that makes calls due at their times and lets the `takers` go at the end. It is a thread
    /// because the timer of tokio has steps of a millisecond, as long as many calls; it ends when it is left alone.
    pub(super) fn start(self: &Arc<Self>, takers: usize) -> io::Result<()> {
        let pacer = self.clone();
        std::thread::Builder::new().name("schedule".to_owned()).spawn(move || pacer.run(takers))?;
        Ok(())
    }

    fn run(self: Arc<Self>, takers: usize) {
        let mut given = 0;
        while given < self.times.calls && Arc::strong_count(&self) > 1 {
            let now = clock::now();
            let due = self.times.due(now);
            if due == given {
                std::thread::sleep(self.times.of(given).saturating_duration_since(now).min(LONGEST_SLEEP));
            } else {
                self.due.add_permits(usize::try_from(due - given).unwrap_or(usize::MAX));
                given = due;
            }
        }
        self.due.add_permits(takers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_due_at_their_times_and_not_before() {
        let start = clock::now();
        for rate in [1.0, 3.0, 7.5, 1000.0, 33_333.3] {
            let times = Times::new(start, rate, Duration::from_secs(10), u64::MAX);
            assert_eq!(times.calls, (rate * 10.0) as u64, "{rate}");
            assert_eq!(times.due(start), 1);
            for call in [0, 1, 2, 5, times.calls - 1] {
                let at = times.of(call);
                assert_eq!(times.due(at), call + 1, "{rate}/s, call {call}");
                if call > 0 {
                    assert_eq!(times.due(at - Duration::from_nanos(1)), call, "{rate}/s, call {call}");
                }
            }
            assert_eq!(times.due(start + Duration::from_secs(100)), times.calls);
        }
    }

    #[test]
    fn a_schedule_has_no_more_calls_than_asked_for() {
        assert_eq!(Times::new(clock::now(), 1000.0, Duration::from_secs(10), 5).calls, 5);
        assert_eq!(Times::new(clock::now(), 0.01, Duration::from_secs(10), 5).calls, 1);
    }

    #[tokio::test]
    async fn every_call_is_given_out_once_and_never_early() {
        let start = clock::now();
        let pacer = Arc::new(Pacer::new(Times::new(start, 500.0, Duration::from_millis(100), u64::MAX)));
        pacer.start(2).unwrap();
        let mut taken = Vec::new();
        while let Some(call) = pacer.take().await {
            assert!(clock::now() >= pacer.times.of(call));
            taken.push(call);
        }
        assert_eq!(taken, (0..50).collect::<Vec<u64>>());
        assert_eq!((pacer.take().await, pacer.left()), (None, 0));
    }
}
