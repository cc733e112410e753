//! How the end is announced: one [`Drain`] for the whole process, triggered by SIGTERM or `POST /drain`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The trigger and what has come of it. Clones are the same drain; any thread or runtime may use them.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<State>);

#[derive(Debug, Default)]
struct State {
    started: AtomicBool,
    cutting: AtomicBool,
    held: AtomicUsize,
    begin: Arc<Notify>,
    released: Arc<Notify>,
}

impl Drain {
    /// A drain that was not triggered yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Triggers it; further calls change nothing.
    pub fn start(&self) {
        self.0.started.store(true, Ordering::SeqCst);
        self.0.begin.notify_waiters();
    }

    /// Whether it was triggered.
    #[must_use]
    pub fn started(&self) -> bool {
        self.0.started.load(Ordering::SeqCst)
    }

    /// Whether the drain time is over, so that a body that breaks off now was broken off by us.
    #[must_use]
    pub fn cutting(&self) -> bool {
        self.0.cutting.load(Ordering::SeqCst)
    }

    /// Waits until it is triggered. Needs one poll to be registered, then wakes exactly once.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + 'static {
        let begun = Arc::clone(&self.0.begin).notified_owned();
        let state = Arc::clone(&self.0);
        async move {
            let mut begun = std::pin::pin!(begun);
            begun.as_mut().enable();
            if !state.started.load(Ordering::SeqCst) {
                begun.await;
            }
        }
    }

    pub(super) fn cut(&self) {
        self.0.cutting.store(true, Ordering::SeqCst);
    }

    /// Marks something that lives outside of a served connection (a tunnel) and that a drain waits for.
    pub(super) fn hold(&self) -> Hold {
        self.0.held.fetch_add(1, Ordering::SeqCst);
        Hold(Arc::clone(&self.0))
    }

    /// Waits until nothing is held.
    pub(super) async fn released(&self) {
        loop {
            let mut released = std::pin::pin!(Arc::clone(&self.0.released).notified_owned());
            released.as_mut().enable();
            if self.0.held.load(Ordering::SeqCst) == 0 {
                return;
            }
            released.await;
        }
    }
}

/// See [`Drain::hold`]; released when dropped.
#[derive(Debug)]
pub(super) struct Hold(Arc<State>);

impl Drop for Hold {
    fn drop(&mut self) {
        if self.0.held.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.released.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_when_the_drain_starts_before_or_after() {
        let drain = Drain::new();
        let waiting = tokio::spawn(drain.wait());
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished() && !drain.started());
        drain.start();
        waiting.await.unwrap();
        drain.wait().await;
        assert!(drain.started() && !drain.cutting());
    }

    #[tokio::test]
    async fn released_waits_for_every_hold() {
        let drain = Drain::new();
        let (first, second) = (drain.hold(), drain.hold());
        let watched = drain.clone();
        let waiting = tokio::spawn(async move { watched.released().await });
        drop(first);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(second);
        waiting.await.unwrap();
    }
}
