use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::slo::report::State;
use crate::slo::{Fraction, Pattern, Severity, Tier};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Some moment, in the middle of all slots.
const START: u64 = 1_800_000_000_000 + 12_345_678;

fn engine(plan: Plan) -> Engine {
    Engine::new(Arc::new(plan), "demo", Time(START))
}

fn stands(engine: &Engine, slo: &str, at: u64) -> ObjectiveReport {
    let report = engine.report(Time(START + at));
    report.objectives.into_iter().find(|objective| objective.slo == slo).unwrap()
}

/// A plan whose windows are seconds.
fn trial() -> Plan {
    let seconds = Duration::from_secs;
    let tier = |severity, long, short, budget, min_bad| Tier {
        severity,
        long: seconds(long),
        short: seconds(short),
        budget: Fraction::new(budget, 100),
        min_bad,
    };
    Plan {
        period: seconds(600),
        window: seconds(60),
        tiers: vec![
            tier(Severity::Page, 60, 5, 20, 3),
            tier(Severity::Page, 120, 10, 30, 3),
            tier(Severity::Ticket, 300, 60, 60, 1),
        ],
        trial: true,
        ..Plan::default()
    }
}

/// A plan with so many objectives, named by their place from `first` on.
fn crowd(first: usize, number: usize) -> Plan {
    let mut plan = Plan::default();
    let model = plan.objectives[0].clone();
    plan.objectives = (first..first + number)
        .map(|place| Objective { name: format!("slo-{place:05}"), ..model.clone() })
        .collect();
    plan
}

#[test]
fn an_objective_without_events_is_idle_and_has_no_numbers() {
    let engine = engine(Plan::default());
    let report = engine.report(Time(START));
    assert_eq!(
        (report.source.as_str(), report.unix_ms, report.period_seconds),
        ("process", START, 2_592_000)
    );
    let names: Vec<_> = report.objectives.iter().map(|objective| objective.slo.as_str()).collect();
    assert_eq!(names, ["availability", "latency", "quality"]);
    for objective in &report.objectives {
        assert_eq!(objective.state, State::Idle);
        assert_eq!((objective.window.sli, objective.budget.remaining), (None, None));
        assert_eq!(objective.burn.len(), 7);
        assert!(objective.burn.iter().all(|window| window.burn.is_none() && window.error_ratio.is_none()));
        assert!(!objective.tiers.iter().any(|tier| tier.met));
        assert_eq!(objective.mcp_server, "demo");
    }
    let latency = &report.objectives[1];
    assert_eq!((latency.sli.as_str(), latency.target.as_str()), ("latency", "95"));
    assert_eq!(latency.threshold_seconds, Some(1.0));
}

#[test]
fn a_report_has_the_numbers_of_the_worked_example() {
    // B7: twenty of ten thousand after one day of thirty.
    let mut engine = engine(Plan::default());
    engine.observe("availability", 9_980, 20, Time(START + HOUR));
    let objective = stands(&engine, "availability", DAY);
    assert_eq!(objective.state, State::Idle, "nothing happened in the last hour");
    assert_eq!((objective.budget.remaining, objective.budget.events.burn), (Some(-1.0), Some(2.0)));
    assert_eq!((objective.budget.events.sli, objective.budget.allowed_bad), (Some(0.998), 10.0));
    assert_eq!(objective.budget.coverage_seconds, 86_400.0);
    assert!((objective.budget.events.coverage - 1.0 / 30.0).abs() < 1e-12);
    engine.observe("availability", 1, 0, Time(START + DAY));
    let objective = stands(&engine, "availability", DAY);
    assert_eq!((objective.state, objective.window.sli), (State::Exhausted, Some(1.0)));
    assert_eq!(objective.budget.exhausted_in_seconds, None);
    // Others were not meant.
    assert_eq!(stands(&engine, "latency", DAY).budget.remaining, None);
}

#[test]
fn burning_is_seen_and_gone_again_in_windows_of_seconds() {
    let mut engine = engine(trial());
    let mut states = Vec::new();
    for second in 0..700 {
        let bad = u64::from((100..103).contains(&second)) * 5;
        engine.observe("latency", 100 - bad, bad, Time(START + second * SECOND));
        let objective = stands(&engine, "latency", second * SECOND);
        let met: Vec<_> = objective.tiers.iter().map(|tier| tier.met).collect();
        if states.last().is_none_or(|(_, state, before)| (state, before) != (&objective.state, &met)) {
            states.push((second, objective.state, met));
        }
    }
    // Never: 15 of 6,000 bad is a burn of 0.05.
    assert_eq!(states, [(0, State::Ok, vec![false; 3])]);
    // All bad for 8 s: the budget of 600 s at 95 % is 30 s.
    let mut states = Vec::new();
    for second in 700..800 {
        let bad = u64::from((710..718).contains(&second)) * 100;
        engine.observe("latency", 100 - bad, bad, Time(START + second * SECOND));
        let objective = stands(&engine, "latency", second * SECOND);
        if states.last().is_none_or(|(_, state)| *state != objective.state) {
            states.push((second, objective.state));
        }
    }
    assert_eq!(states.len(), 3, "{states:?}");
    let [(_, ok), (burning, then), (over, at_last)] = states[..] else { unreachable!("three") };
    assert_eq!((ok, then, at_last), (State::Ok, State::Burning, State::Ok));
    // A burn of 2 over 60 s is 6 s of failure; the short window of 10 s is clean 10 s after the end.
    assert!((715..=717).contains(&burning) && (718..=780).contains(&over), "{states:?}");
}

#[test]
fn names_that_are_no_objective_of_this_server_count_nothing() {
    let mut plan = Plan::default();
    plan.objectives[0].servers = vec![Pattern::new("other*")];
    let mut engine = engine(plan);
    for name in ["availability", "unknown", ""] {
        engine.observe(name, 1, 1, Time(START));
    }
    let report = engine.report(Time(START));
    assert_eq!(report.objectives.len(), 2);
    assert!(report.objectives.iter().all(|objective| objective.budget.events.bad == 0.0));
}

#[test]
fn objectives_and_retired_ones_are_bounded() {
    let mut engine = engine(crowd(0, 3 * MAX_OBJECTIVES));
    assert_eq!(engine.report(Time(START)).objectives.len(), MAX_OBJECTIVES);
    for round in 1..10 {
        let at = round as u64 * MINUTE;
        engine.configure(Arc::new(crowd(round * 40, 40)), Time(START + at));
        assert!(engine.books.len() <= MAX_OBJECTIVES + MAX_RETIRED);
        assert_eq!(engine.report(Time(START + at)).objectives.len(), 40);
    }
    // Those that were retired last are kept.
    assert_eq!(engine.books.len(), 40 + MAX_RETIRED);
    assert!(engine.books.contains_key("slo-00320") && !engine.books.contains_key("slo-00200"));
    assert!(engine.save(Time(START + DAY)).len() < 20_000);
    // Nothing is left of them after the period.
    engine.configure(Arc::new(crowd(0, 1)), Time(START + 40 * DAY));
    engine.configure(Arc::new(crowd(1, 1)), Time(START + 80 * DAY));
    assert_eq!(engine.books.len(), 2);
}

#[test]
fn a_plan_that_changes_keeps_counts_by_name() {
    let mut engine = engine(Plan::default());
    for minute in 0..600 {
        engine.observe("availability", 99, 1, Time(START + minute * MINUTE));
        engine.observe("latency", 10, 0, Time(START + minute * MINUTE));
    }
    let now = 599 * MINUTE;
    let before = stands(&engine, "availability", now);
    // Only another target: nothing moves.
    let mut plan = Plan::default();
    plan.objectives[0].target = "95".parse().unwrap();
    engine.configure(Arc::new(plan.clone()), Time(START + now));
    let after = stands(&engine, "availability", now);
    assert_eq!((after.window.good, after.budget.events.bad), (before.window.good, 600.0));
    assert_eq!((before.budget.remaining, after.budget.remaining), (Some(-9.0), Some(0.8)));
    // Other windows: slots of 2 minutes.
    plan.tiers.iter_mut().for_each(|tier| tier.short *= 2);
    plan.tiers.truncate(1);
    engine.configure(Arc::new(plan.clone()), Time(START + now));
    let other = stands(&engine, "availability", now);
    assert_eq!(other.budget.events.bad, 600.0);
    assert!((other.window.bad - 60.0).abs() <= 2.0, "{other:?}");
    assert_eq!(other.budget.coverage_seconds, (now / SECOND) as f64);
    // Away and back again: the hours between are no history.
    let latency = plan.objectives.remove(1);
    engine.configure(Arc::new(plan.clone()), Time(START + now));
    assert_eq!(engine.report(Time(START + now)).objectives.len(), 2);
    plan.objectives.push(latency);
    engine.configure(Arc::new(plan), Time(START + now + DAY));
    let back = stands(&engine, "latency", now + DAY + HOUR);
    assert_eq!(back.budget.events.good, 6000.0);
    assert_eq!(back.budget.coverage_seconds, ((now + HOUR) / SECOND) as f64);
    assert_eq!(back.window.coverage, 1.0);
}

#[test]
fn a_longer_period_has_no_more_history_than_was_counted() {
    let week = Plan {
        period: Duration::from_secs(7 * 86_400),
        tiers: crate::slo::tier::defaults(Duration::from_secs(7 * 86_400)),
        ..Plan::default()
    };
    let mut engine = engine(week);
    for hour in 0..24 * 20 {
        engine.observe("availability", 1, 0, Time(START + hour * HOUR));
    }
    let now = 20 * DAY;
    engine.configure(Arc::new(Plan::default()), Time(START + now));
    let budget = stands(&engine, "availability", now).budget;
    assert!((budget.coverage_seconds - 7.0 * 86_400.0).abs() <= 3600.0, "{budget:?}");
    assert!((budget.events.good - 168.0).abs() <= 1.0, "{budget:?}");
}

#[test]
fn four_hundred_days_keep_the_last_thirty() {
    let mut engine = engine(Plan::default());
    let minutes = 400 * 24 * 60;
    for minute in (0..minutes).step_by(7) {
        engine.observe("availability", 9, 1, Time(START + minute * MINUTE));
    }
    let now = (minutes - 1) * MINUTE;
    let budget = stands(&engine, "availability", now).budget;
    let expected = 30.0 * 24.0 * 60.0 / 7.0;
    assert!((budget.events.bad - expected).abs() <= 60.0 / 7.0 + 1.0, "{budget:?}");
    assert_eq!(budget.events.coverage, 1.0);
    assert_eq!(budget.coverage_seconds, 2_592_000.0);
}

#[test]
fn time_that_runs_backwards_changes_nothing() {
    let mut engine = engine(trial());
    engine.observe("availability", 1, 0, Time(START + MINUTE));
    engine.observe("availability", 1, 0, Time(0));
    engine.configure(Arc::new(trial()), Time(0));
    let report = engine.report(Time(0));
    assert_eq!((report.unix_ms, report.objectives[0].window.good), (START + MINUTE, 2.0));
    let far = engine.report(Time(u64::MAX));
    assert_eq!(far.objectives[0].window.good, 0.0);
    engine.observe("availability", 1, 0, Time(u64::MAX));
    engine.configure(Arc::new(Plan::default()), Time(u64::MAX));
    assert_eq!(engine.report(Time(u64::MAX)).objectives[0].window.good, 1.0);
    assert!(engine.restore(&engine.save(Time(u64::MAX)), Time(u64::MAX)).is_ok());
}

/// What happened: seconds since the one before (or a long time), good, bad.
fn events() -> impl Strategy<Value = Vec<(u64, u64, u64)>> {
    let pause = prop_oneof![8 => 0..20 * SECOND, 1 => 0..3 * HOUR, 1 => 0..4 * DAY];
    proptest::collection::vec((pause, 0..50_u64, 0..5_u64), 0..200)
}

/// The events of the period, good and bad, and for how many days there is history.
fn of_period(engine: &Engine, now: u64) -> (f64, f64, f64) {
    let report = engine.report(Time(now));
    let budget = &report.objectives[0].budget;
    (budget.events.good, budget.events.bad, budget.coverage_seconds / 86_400.0)
}

#[test]
fn a_shorter_period_that_is_taken_back_costs_no_counts() {
    let mut engine = engine(Plan::default());
    engine.observe("availability", 900, 100, Time(START));
    let now = START + 20 * DAY;
    let week = Duration::from_secs(7 * 86_400);
    engine.configure(Arc::new(Plan { period: week, ..Plan::default() }), Time(now));
    assert_eq!(of_period(&engine, now).0, 0.0, "of the last week");
    engine.configure(Arc::new(Plan::default()), Time(now + HOUR));
    let (good, bad, days) = of_period(&engine, now + HOUR);
    assert_eq!((good, bad), (900.0, 100.0));
    assert!((20.0..20.1).contains(&days), "{days}");
}

#[test]
fn history_that_was_not_counted_is_not_claimed_after_a_restart() {
    let week = Plan { period: Duration::from_secs(7 * 86_400), ..Plan::default() };
    let mut engine = engine(week);
    for day in 0..40 {
        engine.observe("availability", 10, 0, Time(START + day * DAY));
    }
    let now = START + 40 * DAY;
    let saved = engine.save(Time(now));
    let mut next = Engine::new(Arc::new(Plan::default()), "demo", Time(now));
    next.restore(&saved, Time(now)).unwrap();
    let (good, _, days) = of_period(&next, now);
    assert!(good <= 80.0 && days < 7.2, "{good} events of {days} days");
}

proptest! {
    #[test]
    fn a_window_has_the_events_of_its_time_within_one_slot(events in events(), wait in 0..2 * DAY, short in any::<bool>()) {
        let plan = if short { trial() } else { Plan::default() };
        let layout = Layout::of(&plan);
        let windows = plan.windows();
        let mut engine = engine(plan);
        let (mut at, mut all) = (START, Vec::new());
        for (pause, good, bad) in events {
            at += pause;
            engine.observe("availability", good, bad, Time(at));
            all.push((at, good, bad));
        }
        let now = at + wait;
        let since = |first: u64| {
            all.iter().filter(|(at, ..)| *at >= first).fold((0, 0), |sum, event| (sum.0 + event.1, sum.1 + event.2))
        };
        let book = &engine.books["availability"];
        for window in windows {
            let slot = layout.shapes().iter().find(|shape| shape.span() >= millis(window)).unwrap().slot;
            let found = book.rings.sum(window, Time(now));
            // All that is younger than the window less a slot, and nothing that is older than the window's last slot.
            let least = since((now + 1).saturating_sub(millis(window) - slot));
            let most = since((now + 1).saturating_sub(millis(window).div_ceil(slot) * slot));
            prop_assert!(least.0 <= found.good && found.good <= most.0, "{window:?} {least:?} {found:?} {most:?}");
            prop_assert!(least.1 <= found.bad && found.bad <= most.1, "{window:?} {least:?} {found:?} {most:?}");
        }
    }

    #[test]
    fn a_report_never_has_a_number_that_is_none(events in events(), scale in 0..50_u32) {
        let mut engine = engine(trial());
        let mut at = START;
        for (pause, good, bad) in events {
            at += pause;
            engine.observe("quality", good << scale, bad << scale, Time(at));
        }
        let report = engine.report(Time(at));
        let json = serde_json::to_value(&report).unwrap();
        // NaN and infinity are null in JSON and would not come back as they were.
        prop_assert_eq!(&serde_json::from_value::<Report>(json).unwrap(), &report);
        for objective in &report.objectives {
            let none = objective.budget.events.good + objective.budget.events.bad == 0.0;
            prop_assert_eq!(none, objective.budget.remaining.is_none());
            for window in objective.burn.iter().chain([&objective.window, &objective.budget.events]) {
                prop_assert!((0.0..=1.0).contains(&window.coverage));
                prop_assert_eq!(window.sli.is_none(), window.good + window.bad == 0.0);
            }
        }
    }
}
