//! The only reader of the clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Where the time comes from. Clones of a manual clock show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<std::sync::Mutex<Timestamp>>),
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved; for tests and for reproducible answers.
    pub fn manual(now: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(std::sync::Mutex::new(now))))
    }

    /// Moves a manual clock; the clock of the machine is not moved.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            let mut now = now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *now = now.saturating_add(by).unwrap_or(Timestamp::MAX);
        }
    }

    /// What time it is.
    #[expect(clippy::disallowed_methods, reason = "the only reader of the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::MAX),
            Source::Manual(now) => *now.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        }
    }
}

/// A reading for durations.
#[expect(clippy::disallowed_methods, reason = "the only reader of the clock")]
pub fn instant() -> Instant {
    Instant::now()
}
