//! Idle HTTP/1 connections of one worker. The last used is used first, so that those not needed grow old and close.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most this much earlier than a server says it will close, a connection is not used any more: a request that is
/// on its way while the server closes is lost.
const MARGIN: Duration = Duration::from_secs(1);

/// Idle connections, oldest in front.
pub(super) struct Pool<L> {
    idle: Mutex<VecDeque<Idle<L>>>,
    cap: usize,
    timeout: Duration,
}

struct Idle<L> {
    link: L,
    until: Instant,
}

impl<L> Pool<L> {
    pub(super) fn new(cap: usize, timeout: Duration) -> Self {
        Self { idle: Mutex::new(VecDeque::new()), cap, timeout }
    }

    /// The connection used last, unless it is too old.
    pub(super) fn take(&self, now: Instant) -> Option<L> {
        let mut idle = self.lock();
        while let Some(candidate) = idle.pop_back() {
            if candidate.until > now {
                return Some(candidate.link);
            }
        }
        None
    }

    /// Keeps a connection; `server` is after how long the server itself said it would close it.
    pub(super) fn put(&self, link: L, server: Option<Duration>, now: Instant) {
        let timeout = match server {
            Some(server) => self.timeout.min(server.saturating_sub(MARGIN.min(server / 2))),
            None => self.timeout,
        };
        let mut idle = self.lock();
        if self.cap == 0 || timeout.is_zero() {
            return;
        }
        let oldest = if idle.len() >= self.cap { idle.pop_front() } else { None };
        idle.push_back(Idle { link, until: now + timeout });
        drop(idle);
        // Closing a socket is a system call, not for under the lock.
        drop(oldest);
    }

    /// Closes what is too old.
    pub(super) fn sweep(&self, now: Instant) {
        let mut old = Vec::new();
        let mut idle = self.lock();
        let mut index = 0;
        while let Some(candidate) = idle.get(index) {
            if candidate.until > now {
                index += 1;
            } else {
                old.extend(idle.remove(index));
            }
        }
        drop(idle);
        drop(old);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Idle<L>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_last_used_comes_first_and_the_oldest_is_given_up() {
        let pool = Pool::new(2, 4 * SECOND);
        let start = crate::clock::now();
        for link in [1, 2, 3] {
            pool.put(link, None, start);
        }
        assert_eq!(
            (pool.len(), pool.take(start), pool.take(start), pool.take(start)),
            (2, Some(3), Some(2), None)
        );
    }

    #[test]
    fn a_connection_grows_too_old_by_our_time_or_the_servers() {
        let start = crate::clock::now();
        for (server, alive, dead) in
            [(None, 3999, 4000), (Some(60), 3999, 4000), (Some(3), 1999, 2000), (Some(1), 499, 500)]
        {
            for (after, expected) in [(alive, Some(1)), (dead, None)] {
                let pool = Pool::new(2, 4 * SECOND);
                pool.put(1, server.map(Duration::from_secs), start);
                let now = start + Duration::from_millis(after);
                pool.sweep(now);
                assert_eq!(pool.len(), usize::from(expected.is_some()));
                assert_eq!(pool.take(now), expected, "server {server:?}, after {after} ms");
            }
        }
    }

    #[test]
    fn a_server_that_keeps_nothing_open_gets_nothing_kept() {
        let pool = Pool::new(2, 4 * SECOND);
        pool.put(1, Some(Duration::ZERO), crate::clock::now());
        assert_eq!(pool.len(), 0);
    }
}
