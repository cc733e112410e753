//! A waker between a connection and the task that drives it.
//!
//! hyper's connections are made to wake themselves through channels. Here one task, that of the client's connection,
//! polls this and the connection to the server, and then most of their wake-ups are this very task waking itself: each
//! would cost another walk through the whole stack. While a connection is being polled its relay only notes them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// See the module.
#[derive(Default)]
pub(in crate::http) struct Relay {
    polling: AtomicBool,
    woken: AtomicBool,
    uploading: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Relay {
    /// From now on wake-ups are noted only; later ones go to `outer`.
    pub(in crate::http) fn enter(&self, outer: &Waker) {
        self.polling.store(true, Ordering::SeqCst);
        let mut known = self.outer.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *known {
            Some(known) => known.clone_from(outer),
            None => *known = Some(outer.clone()),
        }
    }

    /// Whether there was a wake-up since the last question, so that polling again may bring something.
    pub(in crate::http) fn take_woken(&self) -> bool {
        self.woken.swap(false, Ordering::SeqCst)
    }

    /// Whether a wake-up is noted.
    pub(in crate::http) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::SeqCst)
    }

    /// From now on wake-ups go to the task. One that came just before is passed on.
    pub(in crate::http) fn leave(&self) {
        self.polling.store(false, Ordering::SeqCst);
        if self.take_woken() {
            self.wake_outer();
        }
    }

    /// Forgets the task: nobody waits for this connection.
    pub(in crate::http) fn forget(&self) {
        *self.outer.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the request body is not all sent yet.
    pub(in crate::http) fn uploading(&self) -> bool {
        self.uploading.load(Ordering::SeqCst)
    }

    pub(in crate::http) fn set_uploading(&self, uploading: bool) {
        self.uploading.store(uploading, Ordering::SeqCst);
    }

    fn wake_outer(&self) {
        if let Some(outer) = &*self.outer.lock().unwrap_or_else(PoisonError::into_inner) {
            outer.wake_by_ref();
        }
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.polling.load(Ordering::SeqCst) {
            self.woken.store(true, Ordering::SeqCst);
            // The poll may have ended in between, without having seen the note.
            if self.polling.load(Ordering::SeqCst) || !self.take_woken() {
                return;
            }
        }
        self.wake_outer();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(std::sync::atomic::AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn wake_ups_are_noted_while_polling_and_passed_on_otherwise() {
        let count = Arc::new(Count(0.into()));
        let outer = Waker::from(Arc::clone(&count));
        let relay = Arc::new(Relay::default());
        let inner = Waker::from(Arc::clone(&relay));
        let woken = || count.0.load(Ordering::SeqCst);

        relay.enter(&outer);
        assert!(!relay.is_woken());
        inner.wake_by_ref();
        assert!(relay.is_woken() && relay.take_woken() && !relay.is_woken() && woken() == 0, "noted");
        relay.leave();
        assert_eq!(woken(), 0, "what was noted was dealt with");
        inner.wake_by_ref();
        assert_eq!(woken(), 1, "passed on");

        relay.enter(&outer);
        inner.wake_by_ref();
        relay.leave();
        assert_eq!(woken(), 2, "nobody asked for the note, so it is passed on");

        relay.forget();
        inner.wake_by_ref();
        assert_eq!(woken(), 2, "nobody waits");
    }
}
