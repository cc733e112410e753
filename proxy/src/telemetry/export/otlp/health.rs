//! What the log says about exports: one line when they begin to fail, one when they work again, and no more than one
//! of each a minute however often that changes.

use std::time::{Duration, Instant};

/// The least time between two lines of the same kind.
const PAUSE: Duration = Duration::from_secs(60);

/// How exports go.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Whether the log says that they fail.
    told: bool,
    warned: Option<Instant>,
    rejected: Option<Instant>,
    /// Spans lost since the log said that exports fail, or of which it said nothing yet.
    lost: usize,
}

impl Health {
    /// An export failed for good. `true` when the log has to say so.
    pub(super) fn failed(&mut self, spans: usize, at: Instant) -> bool {
        self.lost = self.lost.saturating_add(spans);
        let due = !self.told && due(self.warned, at);
        if due {
            self.told = true;
            self.warned = Some(at);
        }
        due
    }

    /// An export worked. The spans lost meanwhile when the log has to say so.
    pub(super) fn worked(&mut self) -> Option<usize> {
        let told = std::mem::take(&mut self.told);
        let lost = if told { std::mem::take(&mut self.lost) } else { self.lost };
        told.then_some(lost)
    }

    /// The collector refused spans. `true` when the log has to say so.
    pub(super) fn rejected(&mut self, at: Instant) -> bool {
        let due = due(self.rejected, at);
        if due {
            self.rejected = Some(at);
        }
        due
    }
}

fn due(last: Option<Instant>, at: Instant) -> bool {
    last.is_none_or(|last| at.saturating_duration_since(last) >= PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_tells_the_beginning_and_one_the_end() {
        let start = crate::clock::now();
        let mut health = Health::default();
        assert_eq!(health.worked(), None);
        assert!(health.failed(3, start));
        assert!(!health.failed(4, start + PAUSE * 2), "it is told already");
        assert_eq!(health.worked(), Some(7));
        assert_eq!(health.worked(), None);
    }

    #[test]
    fn a_flapping_collector_is_told_once_a_minute_with_all_that_was_lost() {
        let start = crate::clock::now();
        let mut health = Health::default();
        let mut lines = 0;
        for second in 0..180 {
            lines += usize::from(health.failed(1, start + Duration::from_secs(second)));
            lines += usize::from(health.worked().is_some());
        }
        assert_eq!(lines, 6);
        assert!(
            health.rejected(start) && !health.rejected(start + PAUSE / 2) && health.rejected(start + PAUSE)
        );
    }
}
