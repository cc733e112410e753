//! Every request that ended counts for each objective that takes it in, once, by its verdict.

use super::*;
use crate::clock;
use crate::protocol::outcome::{CallResult, Class, Interim};
use crate::slo::plan::MAX_OBJECTIVES;
use crate::slo::{Objective, Outcome, Outcomes, Pattern, Plan, Sli, Verdict};
use crate::telemetry::names::Metric;
use crate::telemetry::{cost, quality};

fn objective(name: &str, sli: Sli) -> Objective {
    Objective {
        name: name.to_owned(),
        description: String::new(),
        sli,
        target: "99".parse().expect("a target"),
        servers: Vec::new(),
        tools: Vec::new(),
        outcomes: Outcomes::default(),
    }
}

fn plan(objectives: Vec<Objective>) -> Arc<Plan> {
    Arc::new(Plan { objectives, ..Plan::default() })
}

fn of_tools(name: &str, tools: &[&str]) -> Objective {
    Objective {
        tools: tools.iter().map(|tool| Pattern::new(*tool)).collect(),
        ..objective(name, Sli::Availability)
    }
}

impl Bench {
    fn planned(objectives: Vec<Objective>) -> Self {
        Self::with(Settings { plan: plan(objectives), ..Settings::default() })
    }

    /// Good and bad events of an objective.
    fn events(&self, slo: &str) -> (f64, f64) {
        let count = |verdict| {
            self.value(&format!(r#"mcp_proxy_slo_events_total{{slo="{slo}",verdict="{verdict}"}}"#))
        };
        (count("good"), count("bad"))
    }

    fn call_for(&self, tool: &str, milliseconds: u64, ending: Ending) {
        let ended = self.start + Duration::from_millis(milliseconds);
        self.end(Operation { ended, ..self.operation(tool, ending) });
    }

    fn reload(&self, objectives: Vec<Objective>) {
        let (prices, quality) = (cost::Prices::default(), quality::Settings::default());
        self.telemetry.reload(plan(objectives), prices, quality, self.start);
    }
}

#[test]
fn all_series_stand_at_zero_before_the_first_request() {
    let bench = Bench::new();
    for slo in ["availability", "latency", "quality"] {
        assert_eq!(bench.events(slo), (0.0, 0.0), "{slo}");
    }
    for result in ["success", "error", "timeout"] {
        assert_eq!(bench.value(&format!(r#"sli_requests_total{{result="{result}"}}"#)), 0.0);
    }
    assert_eq!(bench.value("sli_request_duration_seconds_count"), 0.0);
}

#[test]
fn each_ending_is_what_its_class_says_by_default() {
    for ending in ledger::endings() {
        let bench = Bench::new();
        bench.call("a", ending);
        let expected = match ending.class() {
            Class::Good => (1.0, 0.0),
            Class::Bad | Class::Tool => (0.0, 1.0),
            Class::Caller | Class::Excluded | Class::Open => (0.0, 0.0),
        };
        assert_eq!(bench.events("availability"), expected, "{ending:?}");
        assert_eq!(bench.events("latency"), expected, "{ending:?}");
        assert_eq!(bench.events("quality"), (0.0, 0.0), "{ending:?}");
        let result = match (expected, ending.result()) {
            ((1.0, 0.0), _) => Some("success"),
            ((0.0, 1.0), Some(CallResult::Timeout)) => Some("timeout"),
            ((0.0, 1.0), _) => Some("error"),
            _ => None,
        };
        for word in ["success", "error", "timeout"] {
            let count = bench.value(&format!(r#"sli_requests_total{{result="{word}"}}"#));
            assert_eq!(count == 1.0, result == Some(word), "{ending:?}: {word} {count}");
        }
    }
}

#[test]
fn requests_of_the_sli_are_the_events_of_default_availability() {
    let bench = Bench::new();
    for (number, ending) in ledger::endings().into_iter().cycle().take(500).enumerate() {
        let kind = match number % 5 {
            3 => OperationKind::Task,
            4 => OperationKind::Notification,
            _ => OperationKind::Request,
        };
        let method = match number % 7 {
            0 => Method::ResourcesRead,
            1 => Method::Ping,
            2 => Method::ToolsList,
            3 => Method::SubscriptionsListen,
            _ => Method::ToolsCall,
        };
        bench.end(Operation { kind, method, ..bench.operation("a", ending) });
    }
    let (good, bad) = bench.events("availability");
    assert!(good > 0.0 && bad > 0.0);
    assert_eq!(bench.sum("sli_requests_total"), good + bad);
    assert_eq!(bench.value(r#"sli_requests_total{result="success"}"#), good);
    let (good, bad) = bench.events("latency");
    assert!(good + bad < bench.sum("sli_requests_total"), "tool calls only");
}

#[test]
fn what_is_no_request_of_a_client_or_asks_for_nothing_is_no_event() {
    let bench = Bench::new();
    for method in [Method::Ping, Method::ServerDiscover, Method::SubscriptionsListen] {
        bench.end(Operation { method, target: None, ..bench.operation("", Ending::Timeout) });
    }
    bench.end(Operation { kind: OperationKind::Notification, ..bench.operation("a", Ending::Success) });
    bench.end(Operation { direction: Direction::ToClient, ..bench.operation("a", Ending::Timeout) });
    bench.call("a", Ending::Interim(Interim::InputRequired));
    assert_eq!(bench.sum("sli_requests_total"), 0.0);
    assert_eq!(bench.sum("mcp_proxy_slo_events_total"), 0.0);

    bench.end(Operation { method: Method::ResourcesRead, ..bench.operation("", Ending::Success) });
    bench.end(Operation { kind: OperationKind::Task, ..bench.operation("a", Ending::Success) });
    assert_eq!(bench.events("availability"), (2.0, 0.0));
    assert_eq!(bench.events("latency"), (1.0, 0.0));
}

/// slo-and-alerts.md §11, W10.
#[test]
fn slow_answers_are_bad_for_latency_and_fast_failures_never_good() {
    let bench = Bench::new();
    for number in 0..100 {
        match number {
            0..85 => bench.call_for("a", 20, Ending::Success),
            85..95 => bench.call_for("a", 1, Ending::ToolError),
            _ => bench.call_for("a", 1500, Ending::Success),
        }
    }
    assert_eq!(bench.events("availability"), (90.0, 10.0));
    assert_eq!(bench.events("latency"), (85.0, 15.0));
    // On the threshold is in time, as a bucket's bound has it; the next millisecond is not.
    bench.call_for("a", 1000, Ending::Success);
    assert_eq!(bench.events("latency"), (86.0, 15.0));
    bench.call_for("a", 1001, Ending::Success);
    assert_eq!(bench.events("latency"), (86.0, 16.0));
    // How long it took is the client's time.
    let ended = bench.start + Duration::from_secs(60);
    bench.end(Operation { waited_for_client: true, ended, ..bench.operation("a", Ending::Success) });
    assert_eq!(bench.events("latency"), (86.0, 16.0));
    assert_eq!(bench.events("availability").0, 93.0);
    assert_eq!(bench.value("sli_request_duration_seconds_count"), 102.0);
}

#[test]
fn outcomes_can_be_good_bad_or_no_event() {
    let with = |name, outcome, verdict| Objective {
        outcomes: Outcomes::default().with(outcome, verdict),
        ..objective(name, Sli::Availability)
    };
    let bench = Bench::planned(vec![
        with("good", Outcome::ToolError, Verdict::Good),
        with("bad", Outcome::CallerError, Verdict::Bad),
        with("none", Outcome::ToolError, Verdict::Excluded),
    ]);
    bench.call("a", Ending::ToolError);
    bench.call("a", Ending::RpcError { code: Some(-32602), status: Some(200) });
    assert_eq!(bench.events("good"), (1.0, 0.0));
    assert_eq!(bench.events("bad"), (0.0, 2.0));
    assert_eq!(bench.events("none"), (0.0, 0.0));
    assert_eq!(bench.value(r#"sli_requests_total{result="error"}"#), 1.0, "by the default outcomes");
}

#[test]
fn objectives_of_tools_and_servers_take_only_these() {
    let elsewhere = |name, server: &str| Objective {
        servers: vec![Pattern::new(server)],
        ..objective(name, Sli::Availability)
    };
    let bench = Bench::planned(vec![
        of_tools("searching", &["search*"]),
        of_tools("unlabelled", &["zz-*", "never"]),
        elsewhere("here", "s"),
        elsewhere("there", "t*"),
    ]);
    for _ in 0..3 {
        bench.call("search", Ending::Success);
        bench.call("search_more", Ending::ToolError);
        bench.call("get", Ending::Success);
        // Neither listed nor ever answered: they share a label, and differ all the same.
        bench.call("zz-top", Ending::Timeout);
        bench.call("aa-top", Ending::Timeout);
        bench.end(Operation { method: Method::ToolsList, ..bench.operation("", Ending::Success) });
    }
    assert_eq!(bench.events("searching"), (3.0, 3.0));
    assert_eq!(bench.events("unlabelled"), (0.0, 3.0));
    assert_eq!(bench.events("here"), (9.0, 9.0));
    assert!(!bench.text().contains(r#"slo="there""#));
}

#[test]
fn calls_that_wait_for_the_catalogue_count_once_it_is_read() {
    let bench = Bench::planned(vec![of_tools("late", &["b"])]);
    bench.list("x", r#"[{"name":"b"}]"#);
    bench.call("b", Ending::Timeout);
    assert_eq!(bench.events("late"), (0.0, 1.0));
    assert_eq!(bench.sum("sli_requests_total"), 1.0);
}

#[test]
fn thresholds_are_bounds_of_the_histogram() {
    let latency = |name: &str, milliseconds| {
        objective(name, Sli::Latency { threshold: Duration::from_millis(milliseconds) })
    };
    let bench =
        Bench::planned(vec![latency("a", 300), latency("b", 1000), latency("c", 70), latency("d", 300)]);
    bench.call_for("a", 300, Ending::Success);
    let text = bench.text();
    let bounds: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("sli_request_duration_seconds_bucket{"))
        .map(|line| line.split("le=\"").nth(1).expect("a bound").replace("\"} ", " "))
        .collect();
    let expected = ["0.07 0", "0.1 0", "0.3 1", "0.5 1", "1 1", "2 1", "5 1", "+Inf 1"];
    assert_eq!(bounds.iter().map(|bound| bound.replace(".0 ", " ")).collect::<Vec<_>>(), expected);
    assert_eq!(bench.events("a"), (1.0, 0.0));
}

#[test]
fn budgets_are_shown_once_there_is_an_event() {
    let bench = Bench::new();
    bench.telemetry.upkeep(bench.start);
    assert_eq!(bench.telemetry.registry().len(Metric::SliBudget), 0);
    bench.call_for("a", 2000, Ending::Success);
    for _ in 0..99 {
        bench.call("a", Ending::Success);
    }
    bench.end(Operation { method: Method::ToolsList, ..bench.operation("", Ending::Success) });
    let shown =
        |slo: &str| bench.value(&format!(r#"sli_error_budget_remaining_percent{{sli_name="{slo}"}}"#));
    assert_eq!(shown("availability"), 100.0);
    assert!((shown("latency") - 80.0).abs() < 1e-9, "{}", shown("latency"));
    assert!(!bench.text().contains(r#"sli_name="quality""#), "idle");

    let report = bench.telemetry.slo(bench.start, clock::wall());
    let latency = &report.objectives[1];
    assert_eq!((latency.slo.as_str(), latency.mcp_server.as_str()), ("latency", "s"));
    assert_eq!((latency.budget.events.good, latency.budget.events.bad), (99.0, 1.0));
    assert_eq!(report.objectives[2].budget.remaining, None);
}

#[test]
fn a_reload_keeps_the_counts_of_names_that_stay() {
    let bench = Bench::planned(vec![objective("a", Sli::Availability), objective("b", Sli::Availability)]);
    bench.call("t", Ending::ToolError);
    bench.reload(vec![objective("c", Sli::Availability), of_tools("b", &["u"])]);
    bench.call("t", Ending::Success);
    bench.call("u", Ending::Success);
    assert_eq!(bench.events("a"), (0.0, 1.0), "it is gone, its series stays");
    assert_eq!(bench.events("b"), (1.0, 1.0));
    assert_eq!(bench.events("c"), (2.0, 0.0));
    let names = |bench: &Bench| {
        let report = bench.telemetry.slo(bench.start, clock::wall());
        report.objectives.into_iter().map(|objective| objective.slo).collect::<Vec<_>>()
    };
    assert_eq!(names(&bench), ["c", "b"]);
    assert!(!bench.text().contains(r#"sli_name="a""#));
    bench.reload(vec![objective("a", Sli::Availability)]);
    bench.call("t", Ending::Success);
    assert_eq!(bench.events("a"), (1.0, 1.0), "it goes on where it was");
    assert_eq!(bench.value(r#"sli_error_budget_remaining_percent{sli_name="a"}"#), -4900.0);
}

#[test]
fn reloads_under_load_drop_nothing() {
    const THREADS: usize = 4;
    const CALLS: usize = 3000;
    let bench = Bench::planned(vec![objective("kept", Sli::Availability)]);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..CALLS).for_each(|_| bench.call("t", Ending::Success)));
        }
        for round in 0..60 {
            bench.reload(match round % 3 {
                0 => vec![objective("kept", Sli::Availability)],
                1 => vec![objective("other", Sli::Availability), of_tools("kept", &["t"])],
                _ => vec![of_tools("kept", &["*"]), objective("third", Sli::Availability)],
            });
            bench.telemetry.upkeep(bench.start);
        }
    });
    let calls = (THREADS * CALLS) as f64;
    assert_eq!(bench.events("kept"), (calls, 0.0));
    assert_eq!(bench.sum("sli_requests_total"), calls);
    bench.reload(vec![objective("kept", Sli::Availability)]);
    let report = bench.telemetry.slo(bench.start, clock::wall());
    assert_eq!(report.objectives[0].budget.events.good, calls, "the engine has seen them all");
}

#[test]
fn series_of_objectives_are_bounded_however_often_they_change() {
    let many = |round: usize| -> Vec<_> {
        (0..MAX_OBJECTIVES + 9)
            .map(|number| of_tools(&format!("o-{round}-{number}"), &["t-1*", "t-2?", "never"]))
            .collect()
    };
    let bench = Bench::planned(many(0));
    for tool in 0..500 {
        bench.call(&format!("t-{tool}"), Ending::Success);
    }
    assert_eq!(bench.events("o-0-63"), (111.0, 0.0));
    for round in 1..6 {
        bench.reload(many(round));
        bench.call("t-1", Ending::Success);
        let series = bench.telemetry.registry().len(Metric::SloEvents);
        assert!(series <= 4 * MAX_OBJECTIVES, "{series}");
    }
    assert_eq!(bench.events("o-5-0"), (1.0, 0.0));
    assert_eq!(bench.telemetry.registry().len(Metric::SliBudget), MAX_OBJECTIVES);
    assert!(!bench.text().contains(r#"slo="o-0-1""#) && bench.text().contains(r#"slo="o-4-1""#));
}

#[test]
fn what_was_saved_is_there_after_a_restart() {
    let (one, other) = (Bench::new(), Bench::new());
    one.call("a", Ending::Success);
    let saved = one.telemetry.slo_save(one.start);
    assert!(other.telemetry.slo_restore(&saved[1..], other.start).is_err());
    other.telemetry.slo_restore(&saved, other.start + Duration::from_secs(1)).expect("it is whole");
    let report = other.telemetry.slo(other.start + Duration::from_secs(1), clock::wall());
    assert_eq!(report.objectives[0].budget.events.good, 1.0);
    assert_eq!(other.events("availability"), (0.0, 0.0), "counters are of this process");
}

#[test]
fn judged_answers_count_for_quality_alone() {
    let quality = |name: &str, tools: &[&str]| Objective { sli: Sli::Quality, ..of_tools(name, tools) };
    let none = Outcomes::default().with(Outcome::ToolError, Verdict::Excluded);
    let bench = Bench::planned(vec![
        quality("all", &[]),
        quality("some", &["get_*"]),
        Objective { outcomes: none, ..quality("results", &[]) },
        objective("availability", Sli::Availability),
    ]);
    for (tool, outcome, sound) in [
        ("get_pods", Outcome::Success, true),
        ("search", Outcome::Success, false),
        ("get_pods", Outcome::ToolError, false),
        ("get_pods", Outcome::Timeout, false),
    ] {
        bench.telemetry.0.sli.judged(tool, outcome, sound);
    }
    assert_eq!(bench.events("all"), (1.0, 2.0));
    assert_eq!(bench.events("some"), (1.0, 1.0));
    assert_eq!(bench.events("results"), (1.0, 1.0));
    assert_eq!(bench.events("availability"), (0.0, 0.0));
}
