use std::time::Duration;

use super::fleet::{self, Mean, Recorded};
use super::http::Answer;
use super::prometheus::{self, Sample};
use super::*;
use crate::slo::report::{Budget, TierReport, Window};
use crate::slo::{Plan, Tier};

const JSON: &str = "application/json";

/// Answers of a real Prometheus 2.42 whose rules recorded constants.
fn samples(text: &str) -> Vec<Sample> {
    prometheus::read(&Answer::made(200, JSON, text)).unwrap().samples
}

fn recorded() -> Recorded {
    Recorded {
        constants: samples(include_str!("answers/constants.json")),
        series: samples(include_str!("answers/series.json")),
        means: vec![Mean {
            rate: Duration::from_secs(300),
            over: Duration::from_secs(30 * 86_400),
            samples: samples(include_str!("answers/mean.json")),
        }],
    }
}

fn window(seconds: f64, good: f64, bad: f64) -> Window {
    let total = good + bad;
    let ratio = (total > 0.0).then(|| bad / total);
    Window {
        seconds,
        good,
        bad,
        sli: ratio.map(|ratio| 1.0 - ratio),
        error_ratio: ratio,
        burn: ratio.map(|ratio| ratio / 0.001),
        coverage: 1.0,
    }
}

/// An objective of 99.9 % with these events in each of its windows, and this left of its budget.
fn objective(slo: &str, state: State, (good, bad): (f64, f64), remaining: Option<f64>) -> ObjectiveReport {
    ObjectiveReport {
        slo: slo.to_owned(),
        mcp_server: "search".to_owned(),
        namespace: None,
        sli: "availability".to_owned(),
        target: "99.9".to_owned(),
        threshold_seconds: None,
        tools: Vec::new(),
        state,
        window: window(3600.0, good, bad),
        budget: Budget {
            events: window(2_592_000.0, good, bad),
            allowed_bad: (good + bad) * 0.001,
            remaining,
            exhausted_in_seconds: remaining
                .filter(|left| *left > 0.0 && bad > 0.0)
                .map(|left| left * 180_000.0),
            coverage_seconds: 1_296_000.0,
        },
        burn: vec![window(300.0, good, bad), window(3600.0, good, bad), window(21_600.0, good, bad * 0.4)],
        tiers: Vec::new(),
    }
}

fn report(objectives: Vec<ObjectiveReport>) -> Report {
    Report { source: "process".to_owned(), unix_ms: 1_795_399_172_000, period_seconds: 2_592_000, objectives }
}

fn every_state() -> Report {
    let hostile = ObjectiveReport {
        mcp_server: "evil\x1b[2J\u{202e}server-with-a-name-that-is-much-too-long-for-any-table".to_owned(),
        namespace: Some("a-namespace-of-some-length".to_owned()),
        ..objective(
            "an-objective-with-a-name-as-long-as-it-may-be",
            State::Ok,
            (1e15, 1.0),
            Some(0.999_999_9),
        )
    };
    report(vec![
        objective("ok", State::Ok, (9999.0, 1.0), Some(0.9)),
        objective("burning", State::Burning, (980.0, 20.0), Some(0.6)),
        objective("exhausted", State::Exhausted, (985.0, 15.0), Some(-0.5)),
        objective("exactly-nothing-left", State::Exhausted, (999.0, 1.0), Some(0.0)),
        objective("idle", State::Idle, (0.0, 0.0), None),
        ObjectiveReport {
            target: String::new(),
            ..objective("invalid", State::Invalid, (1.0, 3.0), Some(2.0))
        },
        objective("outage", State::Exhausted, (0.0, 5e12), Some(-999.0)),
        objective("beyond", State::Exhausted, (1.0, 5e12), Some(-1.5e9)),
        hostile,
    ])
}

#[test]
fn the_table_says_how_each_objective_stands() {
    insta::assert_snapshot!(table::text(&every_state(), false));
}

#[test]
fn the_table_fits_and_holds_no_control_characters_of_names() {
    for line in table::text(&every_state(), false).lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert!(!line.contains(char::is_control), "{line}");
    }
}

#[test]
fn colours_change_no_column() {
    let coloured = table::text(&every_state(), true);
    assert!(coloured.contains("\x1b[31mexhausted\x1b[0m"), "{coloured}");
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain += before;
        rest = after.split_once('m').unwrap().1;
    }
    assert_eq!(plain + rest, table::text(&every_state(), false));
}

#[test]
fn objectives_with_other_windows_have_a_table_of_their_own() {
    let mut trial = objective("trial", State::Ok, (10.0, 0.0), Some(1.0));
    trial.window = window(60.0, 10.0, 0.0);
    trial.budget.events = window(600.0, 10.0, 0.0);
    trial.budget.coverage_seconds = 300.0;
    trial.burn = vec![window(20.0, 10.0, 0.0), window(60.0, 10.0, 0.0)];
    let plain = objective("plain", State::Ok, (10.0, 0.0), Some(1.0));
    insta::assert_snapshot!(table::text(&report(vec![plain.clone(), trial, plain]), false));
}

#[test]
fn the_longest_window_stands_beside_the_shown_one_where_none_is_much_longer() {
    let mut trial = objective("trial", State::Burning, (5.0, 5.0), Some(0.5));
    trial.window = window(60.0, 5.0, 5.0);
    trial.budget.events = window(1200.0, 5.0, 5.0);
    trial.burn = [10.0, 60.0, 120.0, 180.0, 1200.0].map(|seconds| window(seconds, 5.0, 5.0)).to_vec();
    let text = table::text(&report(vec![trial]), false);
    let headings: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(headings[..6], ["SLO", "SERVER", "TARGET", "1m", "1m", "3m"], "{text}");
}

#[test]
fn a_fleet_is_reported_from_what_prometheus_recorded() {
    let (report, doubts) = fleet::report(&recorded(), None);
    assert_eq!(doubts, [] as [String; 0]);
    insta::assert_snapshot!(table::text(&report, false));
    let search =
        report.objectives.iter().find(|one| one.mcp_server == "search" && one.slo == "latency").unwrap();
    assert_eq!(
        (search.target.as_str(), search.threshold_seconds, search.sli.as_str()),
        ("95", Some(1.0), "latency")
    );
    assert_eq!((search.window.good, search.window.bad), (35_640.0, 360.0));
    assert_eq!(search.budget.events.good.round(), 25_660_800.0);
    assert_eq!(search.burn.len(), 7);
}

#[test]
fn what_is_not_recorded_is_null_and_never_zero() {
    let (report, _) = fleet::report(&recorded(), None);
    let idle = report.objectives.iter().find(|one| one.state == State::Idle).unwrap();
    let shown = serde_json::to_value(idle).unwrap();
    assert_eq!(shown["window"]["sli"], serde_json::Value::Null);
    assert_eq!(shown["window"]["burn"], serde_json::Value::Null);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report, "NaN would have become null");
}

#[test]
fn numbers_that_cannot_be_make_an_objective_invalid() {
    for (name, value) in [
        ("mcp_slo:error_ratio:rate1h", "1.5"),
        ("mcp_slo:error_ratio:rate1h", "-0.1"),
        ("mcp_slo:error_ratio:rate3d", "NaN"),
        ("mcp_slo:events:rate5m", "+Inf"),
        ("mcp_slo:error_budget_remaining:ratio30d", "1.2"),
        ("mcp_slo:coverage:ratio30d", "7"),
    ] {
        let mut recorded = recorded();
        recorded.series.retain(|sample| sample.label("slo") == "latency");
        let one = recorded.series.iter_mut().find(|sample| sample.label("__name__") == name).unwrap();
        one.value.1 = value.to_owned();
        let (report, _) = fleet::report(&recorded, None);
        assert_eq!(report.objectives[0].state, State::Invalid, "{name} {value}");
        assert!(!table::text(&report, false).contains("NaN"));
    }
}

#[test]
fn a_target_that_is_missing_or_ambiguous_is_a_doubt() {
    let mut without = recorded();
    without.constants.clear();
    let (report, doubts) = fleet::report(&without, None);
    assert!(report.objectives.iter().all(|one| one.state == State::Invalid && one.target.is_empty()));
    assert!(doubts[0].contains("no target is recorded for the objective `availability`"), "{doubts:?}");
    let mut twice = recorded();
    let mut other = twice.constants[1].clone();
    other.value.1 = "0.99".to_owned();
    twice.constants.push(other);
    let (_, doubts) = fleet::report(&twice, None);
    assert!(doubts[0].contains("several targets"), "{doubts:?}");
}

#[test]
fn means_are_asked_for_windows_without_an_event_rate() {
    let days: Vec<_> = fleet::lacking(&recorded())
        .iter()
        .map(|(rate, over)| (rate.as_secs(), over.as_secs() / 86_400))
        .collect();
    assert_eq!(days, [(300, 1), (300, 3), (300, 30)]);
}

#[test]
fn a_tier_is_met_over_both_windows_and_with_enough_bad_events() {
    let met = |min_bad| {
        let mut plan = Plan::default();
        plan.tiers = vec![Tier { min_bad, ..plan.tiers[0] }];
        let (report, _) = fleet::report(&recorded(), Some(&plan));
        let burning =
            report.objectives.iter().find(|one| one.mcp_server == "search" && one.slo == "availability");
        let tiers: Vec<TierReport> = burning.unwrap().tiers.clone();
        (tiers[0].met, burning.unwrap().state)
    };
    // 10 a second of which 2 % are bad: 720 in an hour.
    assert_eq!(met(720), (true, State::Burning));
    assert_eq!(met(721), (false, State::Ok));
}

#[test]
fn tiers_of_other_windows_are_not_guessed() {
    let mut recorded = recorded();
    let (report, doubts) = fleet::report(&recorded, None);
    assert!(report.objectives.iter().all(|one| one.tiers.len() == 4), "{report:?}");
    assert!(!doubts.iter().any(|doubt| doubt.contains("--config")), "{doubts:?}");
    recorded.series.retain(|sample| !sample.label("__name__").ends_with("rate30m"));
    let (report, doubts) = fleet::report(&recorded, None);
    assert!(report.objectives.iter().all(|one| one.tiers.is_empty()), "{report:?}");
    assert!(doubts.iter().any(|doubt| doubt.contains("never shows as burning")), "{doubts:?}");
    let (report, doubts) = fleet::report(&recorded, Some(&Plan::default()));
    assert!(report.objectives.iter().all(|one| one.tiers.len() == 4), "{report:?}");
    assert!(!doubts.iter().any(|doubt| doubt.contains("--config")), "{doubts:?}");
}

#[test]
fn answers_that_are_no_vectors_are_said_so() {
    let html = "<html>Sign in</html>";
    let warned =
        r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["slow \u001b[31m"]}"#;
    let texts: Vec<_> = [
        (400, JSON, include_str!("answers/refused.json")),
        (200, JSON, include_str!("answers/scalar.json")),
        (200, "text/html", html),
        (502, "text/html", html),
        (200, JSON, r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a"#),
        (200, JSON, include_str!("answers/nothing.json")),
        (200, JSON, warned),
    ]
    .into_iter()
    .map(|(status, kind, body)| match prometheus::read(&Answer::made(status, kind, body)) {
        Ok(found) => format!("{} samples, warnings {:?}", found.samples.len(), found.warnings),
        Err(problem) => problem.to_string(),
    })
    .collect();
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn addresses_are_checked_before_anything_is_sent() {
    let texts: Vec<_> = [
        "localhost:9464",
        "ftp://a",
        "http://",
        "http://user:secret@a",
        "http://a/?q=1",
        "http://a/#b",
        "nonsense here",
        "http://127.0.0.1:9464/base/",
        "http://[::1]:9464",
        "unix:/run/mcp-tap/7.sock",
        "unix:tap.sock",
        "unix:",
    ]
    .into_iter()
    .map(|url| match http::Client::new(url, "") {
        Ok(_) => "taken".to_owned(),
        Err(problem) => problem.to_string(),
    })
    .collect();
    insta::assert_snapshot!(texts.join("\n"));
}

#[tokio::test]
async fn what_never_answers_is_waited_for_no_longer_than_said() {
    // The system accepts for it, and nobody reads.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::new(&url, "wake it").unwrap().with_timeout(Duration::from_millis(50));
    let problem = of_process(&client, &Filter::default()).await.unwrap_err();
    assert_eq!(problem.to_string(), format!("cannot read {url}/slo: no answer within 50ms; wake it"));
}

#[test]
fn only_objectives_that_need_nobody_are_calm() {
    for (state, remaining, expected) in [
        (State::Ok, Some(0.5), false),
        (State::Idle, None, false),
        (State::Idle, Some(-1.0), true),
        (State::Burning, Some(0.5), true),
        (State::Exhausted, Some(0.0), true),
        (State::Invalid, None, true),
    ] {
        assert_eq!(
            alarming(&report(vec![objective("a", state, (1.0, 0.0), remaining)])),
            expected,
            "{state:?}"
        );
    }
}
