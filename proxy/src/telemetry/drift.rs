//! What is news about a tool, and what was there a while ago already.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::catalogue::MAX_TOOLS;

/// How long something is no news after it was seen.
pub(super) const MEMORY: Duration = Duration::from_secs(3600);
/// Most wordings of one part of a definition that are kept.
const MAX_WORDINGS: usize = 8;

fn is_recent(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < MEMORY
}

/// What one part of a definition was of late, by hash; the one seen last stands last.
#[derive(Debug)]
pub(super) struct Wordings(Vec<(u64, Instant)>);

impl Wordings {
    /// A part that is seen for the first time.
    pub(super) fn first(hash: u64, now: Instant) -> Self {
        Self(vec![(hash, now)])
    }

    /// Takes in what was seen; whether it is news. What was seen last never is.
    pub(super) fn see(&mut self, hash: u64, now: Instant) -> bool {
        if self.0.last().is_none_or(|(last, _)| *last != hash) {
            self.0.retain(|(_, at)| is_recent(*at, now));
        }
        let known = self.0.iter().position(|(there, _)| *there == hash);
        if let Some(place) = known {
            self.0.remove(place);
        } else if self.0.len() == MAX_WORDINGS {
            self.0.remove(0);
        }
        self.0.push((hash, now));
        known.is_none()
    }
}

/// Tools that were removed within the last hour, and of these the ones that came back since.
#[derive(Debug, Default)]
pub(super) struct Fickle(BTreeMap<String, Removed>);

#[derive(Debug)]
struct Removed {
    came_back: bool,
    /// When it came or went last.
    at: Instant,
}

impl Fickle {
    /// Forgets the tools that stood still for an hour.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, removed| is_recent(removed.at, now));
    }

    /// Whether it says something that a tool was removed (else added): not of one that comes and goes.
    pub(super) fn is_news(&mut self, tool: &str, removed: bool, now: Instant) -> bool {
        if let Some(there) = self.0.get_mut(tool) {
            there.at = now;
            return !std::mem::replace(&mut there.came_back, true);
        }
        if removed && self.0.len() < MAX_TOOLS {
            self.0.insert(tool.to_owned(), Removed { came_back: false, at: now });
        }
        true
    }

    /// Number of tools.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wordings_are_bounded_and_the_oldest_gives_way() {
        let now = crate::clock::now();
        let mut wordings = Wordings::first(0, now);
        assert!((1..=MAX_WORDINGS as u64).all(|hash| wordings.see(hash, now)));
        assert_eq!(wordings.0.len(), MAX_WORDINGS);
        assert!(!wordings.see(1, now), "still known");
        assert!(wordings.see(0, now), "gave way");
    }
}
