//! For which time there is history.

use super::time::Time;

/// Most spans that are told apart. A process that starts again and again has many short gaps; of more than these the
/// shortest is taken for covered.
pub const MAX_SPANS: usize = 64;

/// When an objective was counted: spans of time, in order, apart from each other.
///
/// History begins with the first start of the objective and is kept over restarts. The time that the process was down,
/// or did not have the objective, is a gap: nobody counted then, so a window has that much less coverage. What was
/// counted after the last save before a crash is lost, and so is a gap too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// From and to, in milliseconds.
    spans: Vec<(u64, u64)>,
    /// Since when it is counted now.
    open: Option<u64>,
}

impl Coverage {
    /// Counting begins.
    pub fn begin(&mut self, now: Time) {
        self.open.get_or_insert(now.0);
    }

    /// Counting ends; what is older than `horizon` milliseconds is forgotten.
    pub fn end(&mut self, now: Time, horizon: u64) {
        if let Some(from) = self.open.take() {
            self.add(from, now.0);
        }
        self.forget(now, horizon);
    }

    /// Forgets what is older than `horizon` milliseconds.
    pub fn forget(&mut self, now: Time, horizon: u64) {
        let oldest = now.0.saturating_sub(horizon);
        self.spans.retain(|(_, to)| *to > oldest);
        for (from, _) in &mut self.spans {
            *from = oldest.max(*from);
        }
        if let Some(open) = &mut self.open {
            *open = oldest.max(*open);
        }
    }

    /// One more span, also among the others.
    pub fn add(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        self.spans.push((from, to));
        self.spans.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(self.spans.len());
        for (from, to) in self.spans.drain(..) {
            match joined.last_mut() {
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => joined.push((from, to)),
            }
        }
        if joined.len() > MAX_SPANS {
            join_nearest(&mut joined);
        }
        self.spans = joined;
    }

    /// How much of the window that ends now is covered, in milliseconds.
    #[must_use]
    pub fn within(&self, window: u64, now: Time) -> u64 {
        let first = now.0.saturating_sub(window);
        let covered = |(from, to): (u64, u64)| to.min(now.0).saturating_sub(from.max(first));
        let mut present = self.clone();
        if let Some(from) = present.open.take() {
            present.add(from, now.0);
        }
        present.spans.into_iter().map(covered).sum()
    }

    /// The spans as they are now, that which goes on among them.
    #[must_use]
    pub fn spans(&self, now: Time) -> Vec<(u64, u64)> {
        let mut closed = self.clone();
        closed.end(now, u64::MAX);
        closed.spans
    }
}

/// Takes the shortest gap for covered.
fn join_nearest(spans: &mut Vec<(u64, u64)>) {
    let gap = |place: &usize| spans[place + 1].0 - spans[*place].1;
    if let Some(place) = (0..spans.len() - 1).min_by_key(gap) {
        let (_, end) = spans.remove(place + 1);
        spans[place].1 = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_not_covered() {
        let mut coverage = Coverage::default();
        assert_eq!(coverage.within(100, Time(1000)), 0);
        coverage.begin(Time(1000));
        coverage.begin(Time(1500));
        assert_eq!(coverage.within(10_000, Time(2000)), 1000);
        coverage.end(Time(2000), u64::MAX);
        coverage.begin(Time(5000));
        for (window, now, expected) in
            [(1000, 2000, 1000), (1000, 2500, 500), (5000, 6000, 2000), (500, 6000, 500), (3500, 5500, 500)]
        {
            assert_eq!(coverage.within(window, Time(now)), expected, "{window} before {now}");
        }
        assert_eq!(coverage.spans(Time(6000)), [(1000, 2000), (5000, 6000)]);
        coverage.forget(Time(6000), 4500);
        assert_eq!(coverage.spans(Time(6000)), [(1500, 2000), (5000, 6000)]);
        coverage.forget(Time(6000), 500);
        assert_eq!(coverage.spans(Time(6000)), [(5500, 6000)]);
    }

    #[test]
    fn spans_are_bounded_and_the_shortest_gap_goes_first() {
        let mut coverage = Coverage::default();
        for start in 0..1000 {
            // Gaps of 10, one of 1000.
            let from = start * 100 + if start >= 500 { 1000 } else { 0 };
            coverage.add(from, from + 90);
            assert!(coverage.spans.len() <= MAX_SPANS);
        }
        assert!(coverage.spans.windows(2).any(|two| two[1].0 - two[0].1 == 1010), "{coverage:?}");
    }

    #[test]
    fn overlapping_spans_are_one() {
        let mut coverage = Coverage::default();
        for (from, to) in [(10, 20), (40, 50), (15, 30), (30, 35), (60, 60), (70, 65), (0, 5), (12, 13)] {
            coverage.add(from, to);
        }
        assert_eq!(coverage.spans(Time(100)), [(0, 5), (10, 35), (40, 50)]);
    }
}
