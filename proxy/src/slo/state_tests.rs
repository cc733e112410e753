use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::slo::report::Report;
use crate::slo::{Engine, Plan};

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
const START: u64 = 1_800_000_000_000 + 12_345_678;

fn engine(now: u64) -> Engine {
    Engine::new(Arc::new(Plan::default()), "demo", Time(now))
}

/// An engine with a day of history, and the moment of its end.
fn used() -> (Engine, u64) {
    let mut engine = engine(START);
    for minute in 0..24 * 60 {
        engine.observe("availability", minute % 50, minute % 3, Time(START + minute * 60 * SECOND));
    }
    (engine, START + DAY)
}

fn bad_of_period(report: &Report) -> f64 {
    report.objectives[0].budget.events.bad
}

#[test]
fn a_state_that_comes_back_at_once_gives_the_same_report() {
    let (engine_before, now) = used();
    let mut engine = engine(now);
    let restored = engine.restore(&engine_before.save(Time(now)), Time(now)).unwrap();
    assert_eq!(restored, Restored { at: Time(now), objectives: 3, retired: 0 });
    assert_eq!(engine.report(Time(now)), engine_before.report(Time(now)));
    assert_eq!(engine.save(Time(now)), engine_before.save(Time(now)));
}

#[test]
fn slots_that_became_too_old_meanwhile_do_not_come_back() {
    let (before, now) = used();
    let bytes = before.save(Time(now));
    for hours in [1, 5, 30, 24 * 29, 24 * 31] {
        let later = now + hours * HOUR;
        let mut engine = engine(later);
        engine.restore(&bytes, Time(later)).unwrap();
        let (found, expected) = (engine.report(Time(later)), before.report(Time(later)));
        for (found, expected) in found.objectives.iter().zip(&expected.objectives) {
            assert_eq!((found.state, found.window.bad), (expected.state, expected.window.bad));
            assert_eq!(found.budget.remaining, expected.budget.remaining, "{hours} h");
            for (found, expected) in found.burn.iter().zip(&expected.burn) {
                assert_eq!((found.good, found.bad), (expected.good, expected.bad), "{hours} h");
            }
        }
    }
}

#[test]
fn the_time_that_the_process_was_down_is_not_covered() {
    let (before, now) = used();
    let later = now + 10 * HOUR;
    let mut engine = engine(later);
    engine.restore(&before.save(Time(now)), Time(later)).unwrap();
    let end = later + HOUR;
    let objective = &engine.report(Time(end)).objectives[0];
    assert_eq!(objective.budget.coverage_seconds, (25 * HOUR / SECOND) as f64);
    let burn = |hours: u64| {
        let seconds = (hours * HOUR / SECOND) as f64;
        objective.burn.iter().find(|window| window.seconds == seconds).unwrap().coverage
    };
    assert_eq!((burn(1), burn(6), burn(24)), (1.0, 1.0 / 6.0, 14.0 / 24.0));
    // It is so after the next restart too.
    let mut again = Engine::new(Arc::new(Plan::default()), "demo", Time(end));
    again.restore(&engine.save(Time(end)), Time(end)).unwrap();
    assert_eq!(again.report(Time(end)), engine.report(Time(end)));
}

#[test]
fn what_was_counted_before_it_came_back_is_added() {
    let (before, now) = used();
    let expected = bad_of_period(&before.report(Time(now)));
    let mut engine = engine(now);
    engine.observe("availability", 0, 7, Time(now));
    engine.restore(&before.save(Time(now)), Time(now)).unwrap();
    assert_eq!(bad_of_period(&engine.report(Time(now))), expected + 7.0);
}

#[test]
fn objectives_that_are_unknown_are_kept_for_when_they_come_back() {
    let (before, now) = used();
    let mut plan = Plan::default();
    let availability = plan.objectives.remove(0);
    let mut engine = Engine::new(Arc::new(plan.clone()), "demo", Time(now));
    let restored = engine.restore(&before.save(Time(now)), Time(now)).unwrap();
    assert_eq!((restored.objectives, restored.retired), (2, 1));
    assert_eq!(engine.report(Time(now)).objectives.len(), 2);
    // Through one more restart.
    let bytes = engine.save(Time(now + HOUR));
    let mut engine = Engine::new(Arc::new(plan.clone()), "demo", Time(now + HOUR));
    engine.restore(&bytes, Time(now + HOUR)).unwrap();
    plan.objectives.insert(0, availability);
    engine.configure(Arc::new(plan), Time(now + HOUR));
    let expected = bad_of_period(&before.report(Time(now + HOUR)));
    assert_eq!(bad_of_period(&engine.report(Time(now + HOUR))), expected);
}

#[test]
fn other_windows_take_the_counts_of_before() {
    let (before, now) = used();
    let bytes = before.save(Time(now));
    let expected = bad_of_period(&before.report(Time(now)));
    for days in [7_u64, 90] {
        let mut plan = Plan { period: Duration::from_secs(days * 86_400), ..Plan::default() };
        plan.tiers.truncate(2);
        plan.tiers[0].short *= 2;
        let mut engine = Engine::new(Arc::new(plan), "demo", Time(now));
        engine.restore(&bytes, Time(now)).unwrap();
        let report = engine.report(Time(now));
        assert_eq!(bad_of_period(&report), expected, "{days} days");
        let [found, expected] =
            [&report, &before.report(Time(now))].map(|report| report.objectives[0].window.bad);
        assert!((found - expected).abs() <= 4.0, "{days} days: {found} {expected}");
    }
}

#[test]
fn states_of_others_and_of_the_future_are_refused_in_clear_sentences() {
    let (before, now) = used();
    let bytes = before.save(Time(now));
    let mut other_format = bytes.clone();
    other_format[MAGIC.len()] = 2;
    for (bytes, server, at, expected) in [
        (&bytes[..], "prod", now, "it is the state of the server \"demo\", and this one is \"prod\""),
        (&bytes[..], "demo", now - AHEAD - 5000, "it was saved 65 s later than now: a clock is wrong"),
        (&other_format[..], "demo", now, "its format is 2, and this version reads format 1"),
        (b"hello, world", "demo", now, "it is no saved state of error budgets"),
        (b"", "demo", now, "it is truncated or damaged: it ends too early"),
        (b"mcp-slo\n", "demo", now, "it is truncated or damaged: it ends too early"),
        (b"mcp-slo\n\x01", "demo", now, "it is truncated or damaged: it ends too early"),
    ] {
        let mut engine = Engine::new(Arc::new(Plan::default()), server, Time(at));
        let untouched = engine.report(Time(at));
        assert_eq!(engine.restore(bytes, Time(at)).unwrap_err().to_string(), expected);
        assert_eq!(engine.report(Time(at)), untouched);
    }
}

#[test]
fn a_clock_that_is_a_little_behind_does_not_lose_the_state() {
    let (before, now) = used();
    let early = now - AHEAD;
    let mut engine = engine(early);
    engine.restore(&before.save(Time(now)), Time(early)).unwrap();
    engine.observe("availability", 0, 1, Time(early));
    let expected = bad_of_period(&before.report(Time(now))) + 1.0;
    assert_eq!(bad_of_period(&engine.report(Time(early))), expected);
}

/// Bytes with the checksum that they need.
fn signed(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.extend_from_slice(&Sha256::digest(content));
    bytes
}

#[test]
fn every_truncation_and_every_flipped_bit_is_refused() {
    let mut engine = engine(START);
    engine.observe("availability", 300, 2, Time(START));
    let bytes = engine.save(Time(START));
    assert!(bytes.len() < 400, "{} bytes", bytes.len());
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length], "demo", Time(START)).is_err(), "{length} bytes");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&flipped, "demo", Time(START)).is_err(), "bit {bit}");
    }
}

#[test]
fn contents_that_contradict_each_other_are_refused_even_with_a_right_checksum() {
    let header = |books: u64| {
        let mut bytes = MAGIC.to_vec();
        put(&mut bytes, FORMAT);
        put_text(&mut bytes, "demo");
        put(&mut bytes, START);
        put(&mut bytes, books);
        bytes
    };
    let book = |numbers: &[u64]| {
        let mut bytes = header(1);
        put_text(&mut bytes, "availability");
        numbers.iter().for_each(|number| put(&mut bytes, *number));
        bytes
    };
    for (what, content) in [
        ("too many books", header(MAX_OBJECTIVES as u64 + MAX_RETIRED as u64 + 1)),
        ("a book that is missing", header(1)),
        ("retired in the future", book(&[START + 2, 0, 0])),
        ("too many spans", book(&[0, MAX_SPANS as u64 + 1])),
        ("a span into the future", book(&[0, 1, START, 1, 0])),
        ("too many rings", book(&[0, 0, MAX_RINGS + 1])),
        ("slots of no length", book(&[0, 0, 1, 0, 1, 0, 0])),
        ("no slots", book(&[0, 0, 1, 1, 0, 0, 0])),
        ("too many slots", book(&[0, 0, 1, 1, u64::MAX, 0, 0])),
        ("a slot in the future", book(&[0, 0, 1, 1000, 5, START / 1000 + 1, 0])),
        ("a number too large for a slot", book(&[0, 0, 1, 1000, 5, 7, 1, 8, 1, 1])),
        ("numbers that overflow", book(&[0, 0, 1, 1000, 5, 7, 2, 5, 1, 1, u64::MAX, 1, 1])),
        ("more filled slots than slots", book(&[0, 0, 1, 1000, 5, 7, 6])),
        ("more than there should be", book(&[0, 0, 0, 1])),
    ] {
        assert!(decode(&signed(&content), "demo", Time(START)).is_err(), "{what}");
    }
    assert!(decode(&signed(&book(&[0, 0, 1, 1000, 5, 7, 1, 7, 1, 1])), "demo", Time(START)).is_ok());
    let mut endless = header(0);
    endless.extend([0x80; 30]);
    assert!(decode(&signed(&endless), "demo", Time(START)).is_err());
}

#[test]
fn the_largest_numbers_and_the_oddest_names_neither_overflow_nor_show() {
    let mut content = MAGIC.to_vec();
    put(&mut content, FORMAT);
    put_text(&mut content, "demo");
    put(&mut content, START);
    put(&mut content, 2);
    for name in ["availability", "evil\n\"}\u{0}name"] {
        put_text(&mut content, name);
        // In force, no history, three rings: one as in the default plan, others as nobody makes them.
        [0, 0, 3].into_iter().for_each(|number| put(&mut content, number));
        for (slot, slots) in [(60_000, 360), (1, MAX_SLOTS as u64), (u64::MAX, 2)] {
            let last = START / slot;
            let before = last.saturating_sub(1);
            [slot, slots, last, 2, before, u64::MAX, u64::MAX].into_iter().for_each(|n| put(&mut content, n));
            [last - before, u64::MAX, u64::MAX].into_iter().for_each(|number| put(&mut content, number));
        }
    }
    let bytes = signed(&content);
    let mut engine = engine(START);
    // Twice: what is at the top stays there.
    for _ in 0..2 {
        let restored = engine.restore(&bytes, Time(START)).unwrap();
        assert_eq!((restored.objectives, restored.retired), (1, 1));
    }
    engine.observe("availability", u64::MAX, u64::MAX, Time(u64::MAX));
    for now in [0, START, START + DAY, u64::MAX] {
        let report = engine.report(Time(now));
        let text = serde_json::to_string(&report).unwrap();
        assert!(report.objectives.len() == 3 && !text.contains("evil"), "{text}");
        let objective = &report.objectives[0];
        assert_eq!(objective.state, crate::slo::report::State::Invalid, "{text}");
        assert!(objective.burn.iter().all(|window| window.burn.is_none_or(f64::is_finite)), "{text}");
    }
    let saved = engine.save(Time(u64::MAX));
    assert!(engine.restore(&saved, Time(u64::MAX)).is_ok());
}

proptest! {
    #[test]
    fn whatever_the_bytes_are_reading_them_ends(bytes in proptest::collection::vec(any::<u8>(), 0..300), sign in any::<bool>()) {
        let mut content = MAGIC.to_vec();
        content.push(1);
        put_text(&mut content, "demo");
        content.extend(bytes);
        let bytes = if sign { signed(&content) } else { content };
        drop(decode(&bytes, "demo", Time(START)));
    }

    #[test]
    fn what_is_saved_comes_back(
        events in proptest::collection::vec((0..2 * DAY, any::<u64>(), any::<u64>(), 0..3_usize), 0..60),
        down in prop_oneof![Just(0), 0..3 * DAY],
    ) {
        let mut before = engine(START);
        let mut at = START;
        for (pause, good, bad, which) in events {
            at += pause / 8;
            before.observe(["availability", "latency", "quality"][which], good >> (bad % 64), bad >> 20, Time(at));
        }
        let later = at + down;
        let mut after = engine(later);
        after.restore(&before.save(Time(at)), Time(later)).unwrap();
        for (found, expected) in
            after.report(Time(later)).objectives.iter().zip(&before.report(Time(later)).objectives)
        {
            prop_assert_eq!(&found.tiers, &expected.tiers);
            prop_assert_eq!(found.state, expected.state);
            prop_assert_eq!(found.budget.remaining, expected.budget.remaining);
            prop_assert_eq!(found.window.good, expected.window.good);
        }
    }
}
