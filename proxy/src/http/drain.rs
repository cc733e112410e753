//! How the end is announced: one [`Drain`] for the whole process, triggered by SIGTERM or `POST /drain`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// The trigger and what has come of it. Clones are the same drain; any thread or runtime may use them.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<State>);

#[derive(Debug, Default)]
struct State {
    started: AtomicBool,
    cutting: AtomicBool,
    begin: Arc<Notify>,
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
}
