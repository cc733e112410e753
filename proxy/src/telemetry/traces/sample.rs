//! Which operations are kept, decided when they ended (slo-and-alerts.md §13).
//!
//! A trace whose parent is sampled is kept whole. Of the rest failed and slow operations are kept, as many a second as
//! [`Sampling::storm`] allows: a dead server must not make the sidecar export all of its traffic. What is left is kept
//! by chance, and by the same chance wherever else in the trace the same numbers are used.
//!
//! Nothing here reads a clock, waits or takes a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::exchange::event::{Direction, EndReason, HttpRecord, Operation};
use crate::exchange::trace::Trace;
use crate::fault::Fault;
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;

use super::{Sampling, state};

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Kept: the parent is sampled.
    Parent,
    /// Kept: it failed.
    Error,
    /// Kept: it was slow.
    Slow,
    /// Kept: by chance, consistently.
    Ratio,
    /// Not kept.
    Unsampled,
    /// Not kept, though it failed or was slow: too many did.
    Storm,
}

impl Decision {
    /// All decisions.
    pub const ALL: [Self; 6] =
        [Self::Parent, Self::Error, Self::Slow, Self::Ratio, Self::Unsampled, Self::Storm];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Error => "error",
            Self::Slow => "slow",
            Self::Ratio => "ratio",
            Self::Unsampled => "unsampled",
            Self::Storm => "storm",
        }
    }

    /// Whether its spans are exported.
    #[must_use]
    pub const fn is_kept(self) -> bool {
        !matches!(self, Self::Unsampled | Self::Storm)
    }
}

/// Decides; shared by all threads.
#[derive(Debug)]
pub(in crate::telemetry) struct Sampler {
    sampling: Sampling,
    storm: Bucket,
}

impl Sampler {
    /// Nothing was decided yet; `start` is before all that will be.
    #[must_use]
    pub(in crate::telemetry) fn new(sampling: Sampling, start: Instant) -> Self {
        let storm = Bucket::new(sampling.storm, start);
        Self { sampling, storm }
    }

    /// About an operation; all of its spans are kept, or none.
    pub(in crate::telemetry) fn operation(&self, operation: &Operation, trace: &Trace) -> Decision {
        let reason = if self.sampling.errors && is_failure(&operation.ending) {
            Some(Decision::Error)
        } else {
            self.is_slow(operation).then_some(Decision::Slow)
        };
        self.decide(trace, reason, operation.ended)
    }

    /// About an HTTP exchange. How long it took depends on the client as much as on the server: it is never slow.
    pub(in crate::telemetry) fn http(&self, record: &HttpRecord, trace: &Trace) -> Decision {
        let unanswered = record.status.is_none()
            && matches!(record.end, EndReason::NoResponse | EndReason::ServerError | EndReason::Drained);
        let failed = unanswered || matches!(record.status, Some(500..));
        let reason = (self.sampling.errors && failed).then_some(Decision::Error);
        self.decide(trace, reason, record.started + record.duration)
    }

    /// A listen stream is as long as it is wanted, and time that a human took is no server's: that of what the server
    /// asks the client, and of the calls for whose sake it does.
    fn is_slow(&self, operation: &Operation) -> bool {
        self.sampling.slow.is_some_and(|slow| operation.duration() >= slow)
            && operation.direction == Direction::ToServer
            && !operation.waited_for_client
            && operation.method != Method::SubscriptionsListen
    }

    fn decide(&self, trace: &Trace, reason: Option<Decision>, at: Instant) -> Decision {
        if self.sampling.follow_parent && trace.parent.is_some_and(|parent| parent.sampled) {
            return Decision::Parent;
        }
        if let Some(reason) = reason
            && self.storm.take(at)
        {
            return reason;
        }
        if self.sampling.threshold.keeps(state::randomness(trace)) {
            Decision::Ratio
        } else if reason.is_some() {
            Decision::Storm
        } else {
            Decision::Unsampled
        }
    }
}

/// Whether someone has to look at it: not what the caller did wrong or did not want any more.
const fn is_failure(ending: &Ending) -> bool {
    match ending.fault() {
        None | Some(Fault::Caller | Fault::Cancelled) => false,
        Some(
            Fault::Tool | Fault::ServerProtocol | Fault::ServerTransport | Fault::Proxy | Fault::Timeout,
        ) => true,
    }
}

/// A token bucket: so many a second, and as many at once after a quiet second.
///
/// Kept as the moment at which the bucket will be full again (the generic cell rate algorithm), so that one atomic
/// number is all its state.
#[derive(Debug)]
struct Bucket {
    start: Instant,
    /// Nanoseconds since `start`.
    full: AtomicU64,
    /// Nanoseconds in which a token grows; `None`: there are none.
    interval: Option<u64>,
    /// Nanoseconds in which all tokens but one grow.
    burst: u64,
}

impl Bucket {
    fn new(a_second: u32, start: Instant) -> Self {
        let second = Duration::from_secs(1).as_nanos() as u64;
        // Rounded up, so that a second never has one more.
        let interval = (a_second > 0).then(|| second.div_ceil(u64::from(a_second)));
        let burst = interval.map_or(0, |interval| interval * u64::from(a_second.saturating_sub(1)));
        Self { start, full: AtomicU64::new(0), interval, burst }
    }

    /// Takes a token, if there is one.
    fn take(&self, at: Instant) -> bool {
        let Some(interval) = self.interval else { return false };
        let since_start = at.saturating_duration_since(self.start).as_nanos();
        let now = u64::try_from(since_start).unwrap_or(u64::MAX >> 1);
        let taken = |full: u64| (full <= now + self.burst).then(|| full.max(now) + interval);
        self.full.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_gives_its_tokens_at_once_and_grows_them_over_a_second() {
        let start = crate::clock::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        // Tokens a second, and how many are got by asking 50 times at each of these moments.
        let cases: &[(u32, &[(u64, usize)])] = &[
            (0, &[(0, 0), (5000, 0)]),
            (1, &[(0, 1), (999, 0), (1000, 1), (5000, 1)]),
            (10, &[(0, 10), (99, 0), (100, 1), (350, 2), (400, 1), (60_000, 10)]),
            // An operation that waited (backlog.rs) is late: it ended before others that were decided already.
            (10, &[(1000, 10), (500, 0), (1100, 1)]),
            (u32::MAX, &[(0, 50), (1, 50)]),
        ];
        for (a_second, steps) in cases {
            let bucket = Bucket::new(*a_second, start);
            for (milliseconds, expected) in *steps {
                let got = (0..50).filter(|_| bucket.take(at(*milliseconds))).count();
                assert_eq!(got, *expected, "{a_second} a second, at {milliseconds} ms");
            }
        }
    }

    #[test]
    fn many_threads_together_never_get_more_than_the_limit() {
        let start = crate::clock::now();
        let bucket = Bucket::new(100, start);
        let got = |second: u64| {
            let taken = AtomicU64::new(0);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for step in 0..2000 {
                            let at = start + Duration::from_secs(second) + Duration::from_micros(step * 499);
                            taken.fetch_add(u64::from(bucket.take(at)), Ordering::Relaxed);
                        }
                    });
                }
            });
            taken.into_inner()
        };
        // The first second begins with a full bucket; of the next ones each has what grows in it.
        assert!((100..=200).contains(&got(0)));
        for second in 1..5 {
            let got = got(second);
            assert!((99..=100).contains(&got), "{got} in second {second}");
        }
        let bucket = Bucket::new(100, start);
        let taken = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let got = (0..1000).filter(|_| bucket.take(start)).count();
                    taken.fetch_add(got as u64, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(taken.into_inner(), 100);
    }
}
