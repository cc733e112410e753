//! The part of sound answers of each tool within the window, as the gauge `sli_quality_score` shows it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::telemetry::names::{Metric, label};
use crate::telemetry::registry::Registry;

/// Slots of a window: what is older than one goes slot by slot.
const SLOTS: u32 = 60;

/// The scores of all tools that have a label.
#[derive(Debug)]
pub(in crate::telemetry) struct Scores {
    slot: Duration,
    /// Slots are counted from here.
    start: Option<Instant>,
    tools: BTreeMap<Box<str>, Score>,
}

/// Answers of one tool, oldest slot first.
#[derive(Debug, Default)]
struct Score {
    slots: VecDeque<Slot>,
    shown: bool,
}

#[derive(Debug)]
struct Slot {
    number: u64,
    sound: u64,
    all: u64,
}

impl Scores {
    pub(super) fn new(window: Duration) -> Self {
        Self { slot: slot(window), start: None, tools: BTreeMap::new() }
    }

    /// From now on the window is this long; what was counted for another length is void.
    pub(super) fn resize(&mut self, window: Duration) {
        if self.slot != slot(window) {
            self.slot = slot(window);
            self.tools.values_mut().for_each(|score| score.slots.clear());
        }
    }

    /// Counts an answer that was judged.
    pub(super) fn add(&mut self, tool: &str, sound: bool, now: Instant) {
        let number = self.number(now);
        if !self.tools.contains_key(tool) {
            self.tools.insert(tool.into(), Score::default());
        }
        let Some(score) = self.tools.get_mut(tool) else { return };
        score.expire(number);
        match score.slots.back_mut() {
            // Time that seems to run backwards counts for the last slot.
            Some(last) if last.number >= number => last.add(sound),
            _ => {
                let mut fresh = Slot { number, sound: 0, all: 0 };
                fresh.add(sound);
                score.slots.push_back(fresh);
            }
        }
    }

    /// Sets the gauges, and removes those of tools without an answer in the window.
    pub(super) fn show(&mut self, registry: &Registry, now: Instant) {
        let number = self.number(now);
        for (tool, score) in &mut self.tools {
            score.expire(number);
            let labels = [(label::TOOL, &**tool)];
            if let Some(percent) = score.percent() {
                registry.gauge(Metric::SliQuality, &labels).set(percent);
                score.shown = true;
            } else if std::mem::take(&mut score.shown) {
                registry.remove_gauge(Metric::SliQuality, &labels);
            }
        }
    }

    fn number(&mut self, now: Instant) -> u64 {
        let start = *self.start.get_or_insert(now);
        let passed = now.saturating_duration_since(start).as_nanos() / self.slot.as_nanos();
        u64::try_from(passed).unwrap_or(u64::MAX)
    }
}

impl Score {
    fn expire(&mut self, number: u64) {
        while self.slots.front().is_some_and(|slot| slot.number + u64::from(SLOTS) <= number) {
            self.slots.pop_front();
        }
    }

    fn percent(&self) -> Option<f64> {
        let (sound, all) =
            self.slots.iter().fold((0, 0), |(sound, all), slot| (sound + slot.sound, all + slot.all));
        (all > 0).then(|| sound as f64 * 100.0 / all as f64)
    }
}

impl Slot {
    const fn add(&mut self, sound: bool) {
        self.all += 1;
        if sound {
            self.sound += 1;
        }
    }
}

fn slot(window: Duration) -> Duration {
    (window / SLOTS).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_is_the_part_of_sound_answers_within_the_window_and_absent_without_one() {
        let start = crate::clock::now();
        let registry = Registry::new(start);
        let mut scores = Scores::new(Duration::from_secs(60));
        let at = |seconds| start + Duration::from_secs(seconds);
        let shown = |scores: &mut Scores, now| {
            scores.show(&registry, now);
            let mut shown = Vec::new();
            registry.visit(Metric::SliQuality, |labels, cell| {
                let crate::telemetry::Cell::Gauge(value) = cell else { panic!("a gauge") };
                shown.push((
                    labels.to_owned(),
                    f64::from_bits(value.load(std::sync::atomic::Ordering::Relaxed)),
                ));
            });
            shown
        };
        for (second, sound) in [(0, true), (1, false), (30, true), (30, true)] {
            scores.add("a", sound, at(second));
        }
        let label = |value| vec![("tool_name=\"a\"".to_owned(), value)];
        assert_eq!(shown(&mut scores, at(59)), label(75.0));
        assert_eq!(shown(&mut scores, at(61)), label(100.0));
        assert_eq!(shown(&mut scores, at(90)), []);
        scores.add("a", false, at(200));
        assert_eq!(shown(&mut scores, at(200)), label(0.0));
        // Time that seems to run backwards loses nothing.
        scores.add("a", true, at(100));
        assert_eq!(shown(&mut scores, at(200)), label(50.0));
        scores.resize(Duration::from_secs(60));
        assert_eq!(shown(&mut scores, at(200)), label(50.0));
        scores.resize(Duration::from_secs(6));
        assert_eq!(shown(&mut scores, at(200)), []);
    }

    #[test]
    fn a_tool_holds_no_more_slots_than_a_window_has() {
        let start = crate::clock::now();
        let mut scores = Scores::new(Duration::from_secs(60));
        for second in 0..1000 {
            scores.add("a", true, start + Duration::from_secs(second));
        }
        assert_eq!(scores.tools["a"].slots.len(), SLOTS as usize);
    }
}
