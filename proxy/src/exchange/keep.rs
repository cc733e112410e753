//! What is kept of tools' answers, so that whoever records them can judge them off the traffic path.
//!
//! Which answers those are depends on the tools' definitions, which the exchange does not know: whoever learns them says
//! so here ([`Keep::want`]). Until then nothing is kept, and nothing costs more than one load of a pointer.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;

use crate::protocol::message::Captured;
use crate::protocol::scan::Captures;

/// Which answers are looked at, and what is kept of them. Shared by all exchanges and by whoever looks.
#[derive(Debug)]
pub struct Keep {
    wanted: ArcSwap<Wanted>,
    /// Calls so far, while only some are chosen.
    calls: AtomicU64,
    /// Bytes that all answers together may hold, from their end until they were looked at.
    room: usize,
    used: AtomicUsize,
}

/// What is looked at.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Which part of the calls, as [`Wanted::share`] makes it.
    pub sample: u64,
    /// Bytes of one text that are kept; of longer ones nothing is.
    pub limit: usize,
    /// Whether any tool is known.
    pub learned: bool,
    /// What is kept of which tools' answers; nothing of those that are not here.
    pub tools: HashMap<String, Parts, foldhash::fast::RandomState>,
}

/// What is kept of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// `structuredContent`.
    pub structured: bool,
    /// The text of the first element of `content`.
    pub text: bool,
}

impl Wanted {
    /// A part of the calls, from 0 (none) to 1 (all), as a number that [`Keep`] compares with.
    #[must_use]
    pub fn share(part: f64) -> u64 {
        // The cast saturates, and 1 means all.
        if part >= 1.0 { u64::MAX } else { (part.max(0.0) * 2_f64.powi(64)) as u64 }
    }
}

impl Parts {
    const NONE: Self = Self { structured: false, text: false };

    const fn or(self, other: Self) -> Self {
        Self { structured: self.structured || other.structured, text: self.text || other.text }
    }
}

impl Keep {
    /// Keeps nothing at first, and never more than so many bytes.
    #[must_use]
    pub fn new(room: usize) -> Arc<Self> {
        Arc::new(Self {
            wanted: ArcSwap::default(),
            calls: AtomicU64::new(0),
            room,
            used: AtomicUsize::new(0),
        })
    }

    /// From now on this is looked at.
    pub fn want(&self, wanted: Wanted) {
        self.wanted.store(Arc::new(wanted));
    }

    /// Bytes held at the moment.
    #[must_use]
    pub fn held(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether the answer of the next call is looked at. Which ones are depends on nothing but their number, so no
    /// tool and no client is favoured; the numbers are mixed, so no rhythm of the calls matters.
    pub(super) fn chooses(&self) -> bool {
        match self.wanted.load().sample {
            u64::MAX => true,
            0 => false,
            sample => mixed(self.calls.fetch_add(1, Ordering::Relaxed)) < sample,
        }
    }

    /// What is kept of this tool's answers.
    pub(super) fn parts(&self, tool: &str) -> Parts {
        let wanted = self.wanted.load();
        if wanted.tools.is_empty() {
            Parts::NONE
        } else {
            wanted.tools.get(tool).copied().unwrap_or_default()
        }
    }

    /// What is kept where it is not known whose answers will come.
    pub(super) fn any_parts(&self) -> Parts {
        let wanted = self.wanted.load();
        if wanted.sample == 0 {
            Parts::NONE
        } else if !wanted.learned {
            // A stream may be open from before the first list until long after it.
            Parts { structured: true, text: true }
        } else {
            wanted.tools.values().copied().fold(Parts::NONE, Parts::or)
        }
    }

    /// What the scanner is to keep, so that all these parts are there.
    pub(super) fn captures(&self, parts: impl Iterator<Item = Parts>) -> Captures {
        let parts = parts.fold(Parts::NONE, Parts::or);
        if parts == Parts::NONE {
            return Captures::NONE;
        }
        let limit = self.wanted.load().limit;
        let bytes = |wanted| if wanted { limit } else { 0 };
        Captures { structured: bytes(parts.structured), text: bytes(parts.text), ..Captures::NONE }
    }

    /// Keeps these parts of what there is, if there is room for them.
    pub(crate) fn keep(self: &Arc<Self>, parts: Parts, captured: &mut Captured) -> Option<Arc<Kept>> {
        let structured = captured.structured.take().filter(|_| parts.structured);
        let text = captured.text.take().filter(|_| parts.text);
        let bytes: usize = [&structured, &text].into_iter().flatten().map(|text| text.len()).sum();
        if bytes == 0 {
            return None;
        }
        // The number guards no other memory, so no ordering is needed.
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.room);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        Some(Arc::new(Kept { structured, text, keep: Arc::clone(self) }))
    }
}

/// What was kept of one answer; its room is given back with it.
pub struct Kept {
    /// The raw JSON text of `structuredContent`.
    pub structured: Option<Box<[u8]>>,
    /// That of the first element's `text`.
    pub text: Option<Box<[u8]>>,
    keep: Arc<Keep>,
}

impl Kept {
    fn bytes(&self) -> usize {
        [&self.structured, &self.text].into_iter().flatten().map(|text| text.len()).sum()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keep.used.fetch_sub(self.bytes(), Ordering::Relaxed);
    }
}

/// Says how much, never what: payload must not come into logs.
impl fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kept").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

/// Spreads numbers that follow each other over all numbers (the finalizer of SplitMix64).
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanting(sample: f64, tools: &[(&str, Parts)]) -> Arc<Keep> {
        let keep = Keep::new(100);
        let tools = tools.iter().map(|(name, parts)| ((*name).to_owned(), *parts)).collect();
        keep.want(Wanted { sample: Wanted::share(sample), limit: 50, learned: true, tools });
        keep
    }

    const STRUCTURED: Parts = Parts { structured: true, text: false };
    const TEXT: Parts = Parts { structured: false, text: true };

    #[test]
    fn the_chosen_part_of_calls_is_about_the_wanted_one_whatever_their_rhythm() {
        for (part, expected) in [(0.0, 0..=0), (1.0, 10_000..=10_000), (0.1, 900..=1100), (0.5, 4800..=5200)]
        {
            let keep = wanting(part, &[]);
            let chosen: Vec<bool> = (0..10_000).map(|_| keep.chooses()).collect();
            let count = chosen.iter().filter(|chosen| **chosen).count();
            assert!(expected.contains(&count), "{count} of {part}");
            let even = chosen.iter().step_by(2).filter(|chosen| **chosen).count();
            assert!(
                even * 2 <= count + count / 8 + 1 && even * 2 + count / 8 + 1 >= count,
                "{even} of {count}"
            );
        }
        assert!(!Keep::new(1).chooses());
    }

    #[test]
    fn scanners_keep_what_some_call_needs() {
        let keep = wanting(1.0, &[("a", STRUCTURED), ("b", TEXT)]);
        let captures = |parts: &[Parts]| {
            let Captures { structured, text, .. } = keep.captures(parts.iter().copied());
            (structured, text)
        };
        assert_eq!(captures(&[keep.parts("c")]), (0, 0));
        assert_eq!(captures(&[keep.parts("a"), keep.parts("c")]), (50, 0));
        assert_eq!(captures(&[keep.parts("b")]), (0, 50));
        assert_eq!(captures(&[keep.any_parts()]), (50, 50));
        assert_eq!(wanting(0.0, &[("a", TEXT)]).any_parts(), Parts::NONE);
        assert_eq!(Keep::new(1).any_parts(), Parts::NONE);
        let early = Keep::new(1);
        early.want(Wanted { sample: u64::MAX, limit: 50, ..Wanted::default() });
        assert_eq!(early.any_parts(), Parts { structured: true, text: true }, "tools may be listed later");
    }

    #[test]
    fn no_more_is_held_than_there_is_room_for_and_room_comes_back() {
        let keep = wanting(1.0, &[]);
        let of = |structured: usize, text: usize| Captured {
            structured: Some(vec![b'1'; structured].into()),
            text: Some(vec![b'1'; text].into()),
            ..Captured::default()
        };
        let both = STRUCTURED.or(TEXT);
        let first = keep.keep(both, &mut of(40, 20)).expect("room");
        assert_eq!(keep.held(), 60);
        assert!(keep.keep(both, &mut of(20, 21)).is_none());
        let second = keep.keep(TEXT, &mut of(20, 21)).expect("room for the text");
        assert_eq!((second.structured.is_none(), keep.held()), (true, 81));
        assert_eq!(format!("{second:?}"), "Kept { bytes: 21, .. }");
        drop(first);
        drop(second);
        assert_eq!(keep.held(), 0);
        assert!(keep.keep(Parts::NONE, &mut of(1, 1)).is_none());
    }
}
