//! Sliding windows of counts: rings of slots, and how many of which length a plan needs (slo-and-alerts.md §10).

use std::ops::AddAssign;
use std::time::Duration;

use super::plan::Plan;
use super::time::Time;

/// Good and bad events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Good ones.
    pub good: u64,
    /// Bad ones.
    pub bad: u64,
}

impl Counts {
    /// None of either.
    pub const ZERO: Self = Self { good: 0, bad: 0 };

    /// So many of each.
    #[must_use]
    pub const fn new(good: u64, bad: u64) -> Self {
        Self { good, bad }
    }

    /// Whether there is no event.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.good == 0 && self.bad == 0
    }

    /// What is left without `other`; nothing below zero.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self { good: self.good.saturating_sub(other.good), bad: self.bad.saturating_sub(other.bad) }
    }
}

impl AddAssign for Counts {
    /// Stays at the top rather than starting again at zero.
    fn add_assign(&mut self, other: Self) {
        self.good = self.good.saturating_add(other.good);
        self.bad = self.bad.saturating_add(other.bad);
    }
}

/// The shape of a ring: so many slots of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Length of a slot in milliseconds; not zero.
    pub slot: u64,
    /// How many there are; not zero.
    pub slots: usize,
}

impl Shape {
    /// The time that all slots cover.
    #[must_use]
    pub const fn span(self) -> u64 {
        self.slot.saturating_mul(self.slots as u64)
    }

    /// How many slots stand for a window.
    const fn of(self, window: u64) -> u64 {
        let slots = window.div_ceil(self.slot);
        if slots < self.slots as u64 { slots } else { self.slots as u64 }
    }
}

/// Counts of the last slots. Slot number `k` is `floor(t / slot)`; a window at slot `k` is slots `k - n + 1 ..= k`, so it
/// covers between `(n - 1)` and `n` slots of time.
///
/// What is too old is left out on reading and thrown away on writing. Time never runs backwards: an event that comes
/// with an earlier moment than the last one counts where the last one did.
#[derive(Debug, Clone)]
pub struct Ring {
    shape: Shape,
    /// Number of the newest slot that was written.
    last: u64,
    /// Slot `k` is at `k mod N`.
    slots: Box<[Counts]>,
}

impl Ring {
    /// Without events.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let shape = Shape { slot: shape.slot.max(1), slots: shape.slots.max(1) };
        Self { shape, last: 0, slots: vec![Counts::ZERO; shape.slots].into() }
    }

    /// Its shape.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of the newest slot that was written.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Counts what happened at this moment.
    pub fn add(&mut self, counts: Counts, at: Time) {
        let number = self.number(at);
        self.put(number, counts);
    }

    /// Adds to the slot of this number, unless it is too old to have one.
    pub fn put(&mut self, number: u64, counts: Counts) {
        if number > self.last {
            self.advance(number);
        }
        if self.last - number < self.length() {
            let place = self.place(number);
            self.slots[place] += counts;
        }
    }

    /// What happened in the window that ends now.
    #[must_use]
    pub fn sum(&self, window: Duration, now: Time) -> Counts {
        let last = self.number(now);
        let wanted = self.shape.of(millis(window));
        let first = last.saturating_add(1).saturating_sub(wanted);
        let mut sum = Counts::ZERO;
        for counts in self.slices(first).into_iter().flatten() {
            sum += *counts;
        }
        sum
    }

    /// The slots that have events and are not too old at this moment, by number, oldest first.
    pub fn filled(&self, now: Time) -> impl Iterator<Item = (u64, Counts)> + '_ {
        let first = self.number(now).saturating_add(1).saturating_sub(self.length());
        self.between(first).filter(|(_, counts)| !counts.is_zero())
    }

    /// Slots from this number on, as they lie in memory: up to its end, and from its beginning.
    fn slices(&self, first: u64) -> [&[Counts]; 2] {
        let held = self.last.saturating_add(1).saturating_sub(self.length());
        let first = first.max(held);
        if first > self.last {
            return [&[], &[]];
        }
        let (start, end) = (self.place(first), self.place(self.last) + 1);
        if start < end { [&self.slots[start..end], &[]] } else { [&self.slots[start..], &self.slots[..end]] }
    }

    /// Slots from this number on.
    fn between(&self, first: u64) -> impl Iterator<Item = (u64, Counts)> + '_ {
        let held = self.last.saturating_add(1).saturating_sub(self.length());
        (first.max(held)..=self.last).map(|number| (number, self.slots[self.place(number)]))
    }

    /// The present slot.
    fn number(&self, at: Time) -> u64 {
        (at.0 / self.shape.slot).max(self.last)
    }

    fn advance(&mut self, number: u64) {
        if number - self.last >= self.length() {
            self.slots.fill(Counts::ZERO);
        } else {
            for passed in self.last + 1..=number {
                let place = self.place(passed);
                self.slots[place] = Counts::ZERO;
            }
        }
        self.last = number;
    }

    const fn length(&self) -> u64 {
        self.shape.slots as u64
    }

    fn place(&self, number: u64) -> usize {
        // The remainder is below the number of slots.
        (number % self.length()) as usize
    }
}

/// Units that the shortest window has.
pub const UNITS: u64 = 5;
/// The finer rings: units per slot, and slots. 6 hours of minutes, 3 days of 5 minutes.
pub const FINER: [(u64, u64); 2] = [(1, 360), (5, 864)];
/// Units per slot of the coarsest ring: an hour.
pub const COARSE: u64 = 60;
/// Most slots of the coarsest; a longer period gets longer slots. 416 days of hours.
pub const MAX_SLOTS: usize = 10_000;

/// The rings that a plan needs, from fine to coarse. The unit is a fifth of the shortest window (5 minutes: 1 minute);
/// rings have slots of 1, 5 and 60 units, and only as many as the windows ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout(Vec<Shape>);

impl Layout {
    /// The rings that all windows of this plan can be read from.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let windows = plan.windows();
        let (shortest, longest) = (windows.first().copied(), windows.last().copied());
        let unit = (millis(shortest.unwrap_or_default()) / UNITS).max(1);
        let longest = millis(longest.unwrap_or_default()).max(1);
        let mut shapes = Vec::new();
        for (units, slots) in FINER {
            let slot = units * unit;
            let needed = longest.div_ceil(slot);
            shapes.push(Shape { slot, slots: needed.min(slots) as usize });
            if needed <= slots {
                return Self(shapes);
            }
        }
        let slot = (COARSE * unit).max(longest.div_ceil(MAX_SLOTS as u64));
        shapes.push(Shape { slot, slots: longest.div_ceil(slot) as usize });
        Self(shapes)
    }

    /// The same, reaching back at least so many milliseconds where its slots are long enough for that.
    #[must_use]
    pub fn reaching(mut self, horizon: u64) -> Self {
        if let Some(coarsest) = self.0.last_mut() {
            let slots = horizon.div_ceil(coarsest.slot).min(MAX_SLOTS as u64);
            coarsest.slots = coarsest.slots.max(slots as usize);
        }
        self
    }

    /// The shapes, from fine to coarse.
    #[must_use]
    pub fn shapes(&self) -> &[Shape] {
        &self.0
    }

    /// How far back the coarsest ring reaches, in milliseconds.
    #[must_use]
    pub fn horizon(&self) -> u64 {
        self.0.last().map_or(0, |shape| shape.span())
    }
}

/// Rings of one objective: every event is in each of them.
#[derive(Debug, Clone)]
pub struct Rings(Vec<Ring>);

impl Rings {
    /// Without events.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        Self(layout.0.iter().map(|shape| Ring::new(*shape)).collect())
    }

    /// Rings as they were saved, from fine to coarse.
    #[must_use]
    pub const fn restored(rings: Vec<Ring>) -> Self {
        Self(rings)
    }

    /// The rings, from fine to coarse.
    #[must_use]
    pub fn each(&self) -> &[Ring] {
        &self.0
    }

    /// Counts what happened at this moment.
    pub fn add(&mut self, counts: Counts, at: Time) {
        for ring in &mut self.0 {
            ring.add(counts, at);
        }
    }

    /// What happened in the window that ends now, from the finest ring that holds it.
    #[must_use]
    pub fn sum(&self, window: Duration, now: Time) -> Counts {
        let holds = |ring: &&Ring| ring.shape.span() >= millis(window);
        let ring = self.0.iter().find(holds).or(self.0.last());
        ring.map_or(Counts::ZERO, |ring| ring.sum(window, now))
    }

    /// Takes over the events of other rings. Of the same shapes: slot by slot. Of others: each event from the finest
    /// slot that holds it, as if all of a slot had happened at its beginning, so that nothing stays for too long.
    pub fn absorb(&mut self, other: &Self, now: Time) {
        let same =
            |left: &[Ring], right: &[Ring]| left.iter().map(Ring::shape).eq(right.iter().map(Ring::shape));
        if same(&self.0, &other.0) {
            for (ring, other) in self.0.iter_mut().zip(&other.0) {
                other.filled(now).for_each(|(number, counts)| ring.put(number, counts));
            }
            return;
        }
        for (start, counts) in other.once(now) {
            for ring in &mut self.0 {
                let number = start / ring.shape.slot;
                ring.put(number, counts);
            }
        }
    }

    /// Every event once, with the beginning of the finest slot that holds it, oldest first.
    fn once(&self, now: Time) -> Vec<(u64, Counts)> {
        let mut found: Vec<(u64, Counts)> = Vec::new();
        for ring in &self.0 {
            let slot = ring.shape.slot;
            let mut coarser = Vec::new();
            for (number, mut counts) in ring.filled(now) {
                let start = number.saturating_mul(slot);
                let end = start.saturating_add(slot);
                let from = found.partition_point(|(at, _)| *at < start);
                let to = found.partition_point(|(at, _)| *at < end);
                for (_, finer) in &found[from..to] {
                    counts = counts.without(*finer);
                }
                if !counts.is_zero() {
                    coarser.push((start, counts));
                }
            }
            found.extend(coarser);
            found.sort_by_key(|(start, _)| *start);
        }
        found
    }
}

/// A duration in milliseconds, as windows are computed.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const R: Shape = Shape { slot: 10_000, slots: 30 };
    const R_WINDOW: Duration = Duration::from_secs(300);

    fn total(ring: &Ring, now: u64) -> u64 {
        ring.sum(R_WINDOW, Time(now)).good
    }

    #[test]
    fn an_event_is_gone_after_the_window_without_another_one() {
        // R1 and R2 of slo-and-alerts.md §11.
        for at in [0, 9_900] {
            let mut ring = Ring::new(R);
            ring.add(Counts::new(1, 0), Time(at));
            for (now, expected) in [(at, 1), (299_900, 1), (300_000, 0), (u64::MAX, 0)] {
                assert_eq!(total(&ring, now), expected, "event at {at}, read at {now}");
            }
        }
    }

    #[test]
    fn writing_expires_as_reading_does() {
        let mut ring = Ring::new(R);
        for slot in 0..30 {
            ring.add(Counts::new(1, 0), Time(slot * 10_000));
        }
        assert_eq!(total(&ring, 299_999), 30);
        ring.add(Counts::new(1, 0), Time(300_000));
        assert_eq!(total(&ring, 300_000), 30);
        ring.add(Counts::new(1, 0), Time(420_000));
        assert_eq!(total(&ring, 420_000), 19);
        // A jump of as many slots as there are, and one of many more.
        for jump in [300_000, 1 << 60] {
            let now = ring.last() * R.slot + jump;
            ring.add(Counts::new(2, 0), Time(now));
            assert_eq!(total(&ring, now), 2);
        }
    }

    #[test]
    fn time_never_runs_backwards() {
        let mut ring = Ring::new(R);
        ring.add(Counts::new(1, 0), Time(1_000_000));
        ring.add(Counts::new(1, 0), Time(0));
        assert_eq!((total(&ring, 0), total(&ring, 1_000_000)), (2, 2));
        assert_eq!((total(&ring, 1_299_999), total(&ring, 1_300_000)), (2, 0));
    }

    #[test]
    fn counts_stay_at_the_top() {
        let mut ring = Ring::new(R);
        ring.add(Counts::new(u64::MAX, u64::MAX - 1), Time(0));
        ring.add(Counts::new(1, 3), Time(0));
        ring.add(Counts::new(1, 1), Time(10_000));
        assert_eq!(ring.sum(R_WINDOW, Time(10_000)), Counts::new(u64::MAX, u64::MAX));
    }

    #[test]
    fn the_default_plan_needs_the_rings_of_the_reference() {
        let layout = Layout::of(&Plan::default());
        let shapes: Vec<_> = layout.shapes().iter().map(|shape| (shape.slots, shape.slot / 1000)).collect();
        assert_eq!(shapes, [(360, 60), (864, 300), (720, 3600)]);
        let slots: usize = layout.shapes().iter().map(|shape| shape.slots).sum();
        assert_eq!(slots * size_of::<Counts>(), 31_104);
    }

    #[test]
    fn every_plan_gets_rings_that_hold_its_windows_within_bounds() {
        const DAY: u64 = 86_400;
        let seconds = Duration::from_secs;
        for (shortest, window, period) in [
            (seconds(1), seconds(5), seconds(60)),
            (seconds(20), seconds(240), seconds(600)),
            (seconds(300), seconds(3600), seconds(7 * DAY)),
            (seconds(300), seconds(7 * DAY), seconds(90 * DAY)),
            (seconds(300), seconds(3600), seconds(400 * DAY)),
            (seconds(300), seconds(3600), seconds(4000 * DAY)),
            (Duration::from_millis(1), seconds(1), seconds(90 * DAY)),
            (Duration::MAX, Duration::MAX, Duration::MAX),
        ] {
            let mut plan = Plan { period, window, ..Plan::default() };
            plan.tiers.truncate(1);
            (plan.tiers[0].short, plan.tiers[0].long) = (shortest, window);
            let layout = Layout::of(&plan);
            assert!(layout.horizon() >= millis(period), "{period:?} {layout:?}");
            assert!(layout.shapes().iter().all(|shape| shape.slots <= MAX_SLOTS), "{layout:?}");
            let finest = layout.shapes()[0];
            assert!(finest.span() >= millis(shortest) && finest.slot <= millis(shortest), "{layout:?}");
        }
    }

    #[test]
    fn a_window_is_read_from_the_finest_ring_that_holds_it() {
        let mut rings = Rings::new(&Layout::of(&Plan::default()));
        let minute = 60_000;
        let start = 1_000_000 * 60 * minute;
        for passed in 0..600 {
            rings.add(Counts::new(1, 0), Time(start + passed * minute));
        }
        let now = Time(start + 599 * minute);
        let sum = |minutes: u64| rings.sum(Duration::from_secs(minutes * 60), now).good;
        assert_eq!((sum(5), sum(60), sum(360)), (5, 60, 360));
        // 361 minutes are 73 slots of 5 minutes.
        assert_eq!((sum(361), sum(600), sum(43_200), sum(1_000_000)), (365, 600, 600, 600));
    }

    #[test]
    fn other_rings_take_every_event_once() {
        let fine = Layout(vec![Shape { slot: 10, slots: 7 }, Shape { slot: 50, slots: 4 }, R]);
        let mut rings = Rings::new(&fine);
        for at in 0..40 {
            rings.add(Counts::new(1, u64::from(at % 4 == 0)), Time(1_000_000 + at * 9));
        }
        let now = Time(1_000_000 + 39 * 9);
        for shapes in
            [vec![R], fine.0.clone(), vec![Shape { slot: 7, slots: 60 }, Shape { slot: 90, slots: 8 }]]
        {
            let mut other = Rings::new(&Layout(shapes.clone()));
            other.absorb(&rings, now);
            let coarsest = shapes[shapes.len() - 1];
            let held = other.sum(Duration::from_millis(coarsest.span()), now);
            assert_eq!(held, Counts::new(40, 10), "{shapes:?}");
        }
    }
}
