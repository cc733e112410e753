//! From events to metrics.

use std::time::Duration;

use super::*;
use crate::exchange::event::{
    CataloguePage, Client, Direction, Event, Operation, OperationKind, Sink, Transport,
};
use crate::exchange::keep::{Parts, Wanted};
use crate::protocol::message::Content;
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;
use crate::protocol::version::{Era, Version};
use crate::slo::Pattern;
use crate::telemetry::quality::{QUEUE, Settings, Unchecked};
use crate::telemetry::{self, Telemetry};

fn telemetry(quality: Settings) -> (Telemetry, Instant) {
    let start = now();
    let settings = telemetry::Settings { server_name: "s".into(), quality, ..telemetry::Settings::default() };
    (Telemetry::new(settings, start), start)
}

fn operation(tool: &str, ending: Ending, result: &str) -> Operation {
    let at = now();
    Operation {
        direction: Direction::ToServer,
        kind: OperationKind::Request,
        method: Method::ToolsCall,
        target: Some(tool.into()),
        id: None,
        version: Some(Version::V2025_11_25),
        era: Era::Legacy,
        transport: Transport::StreamableHttp,
        client: Arc::new(Client::default()),
        session: None,
        started: at,
        ended: at,
        first_byte: None,
        ending,
        status: Some(200),
        arguments: None,
        content: answer(result, 0).answer.content,
        waited_for_client: false,
        repeated: false,
        chosen: true,
        kept: None,
        trace: None,
    }
}

fn end(telemetry: &Telemetry, operation: Operation) {
    telemetry.emit(Event::OperationStarted);
    telemetry.emit(Event::OperationEnded(Box::new(operation)));
}

fn list(telemetry: &Telemetry, tools: &str, at: Instant) {
    let tools = Some(tools.as_bytes().into());
    let client = Arc::new(Client::default());
    telemetry.emit(Event::Catalogue(CataloguePage { tools, first: true, last: true, listing: 1, client }));
    telemetry.upkeep(at);
}

/// The value of a series, 0 where there is none.
fn value(telemetry: &Telemetry, name: &str, labels: &[&str], at: Instant) -> f64 {
    let text = telemetry.render(None, at).1;
    text.lines()
        .filter(|line| {
            line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label))
        })
        .map(|line| line.rsplit_once(' ').expect("a value").1.parse::<f64>().expect("a number"))
        .sum()
}

fn unchecked(telemetry: &Telemetry, reason: Unchecked, at: Instant) -> f64 {
    let label = format!("reason=\"{}\"", reason.as_str());
    value(telemetry, "mcp_proxy_quality_unchecked_total", &[&label], at)
}

const GOOD: &str = r#"{"content":[{"type":"text","text":"a"}]}"#;
const EMPTY: &str = r#"{"content":[]}"#;

#[test]
fn judged_answers_are_events_findings_and_scores_and_others_are_counted_by_reason() {
    let (telemetry, start) = telemetry(Settings::default());
    list(&telemetry, r#"[{"name":"a"},{"name":"b"}]"#, start);
    for (tool, ending, result) in [
        ("a", Ending::Success, GOOD),
        ("a", Ending::Success, GOOD),
        ("a", Ending::Success, EMPTY),
        ("a", Ending::ToolError, GOOD),
        ("b", Ending::Success, GOOD),
        ("b", Ending::Timeout, EMPTY),
        ("unknown", Ending::Success, EMPTY),
    ] {
        end(&telemetry, operation(tool, ending, result));
    }
    end(&telemetry, Operation { chosen: false, ..operation("b", Ending::Success, EMPTY) });
    let task = Operation { kind: OperationKind::Task, ..operation("b", Ending::Success, "5") };
    telemetry.emit(Event::OperationEnded(Box::new(Operation { content: Content::default(), ..task })));
    let events = |verdict| {
        let labels = ["slo=\"quality\"", verdict];
        value(&telemetry, "mcp_proxy_slo_events_total", &labels, start)
    };
    assert_eq!((events("good"), events("bad")), (0.0, 0.0));
    telemetry.judge_waiting(|| start, |_| false);
    assert_eq!((events("good"), events("bad")), (3.0, 2.0));
    let finding =
        |tool, finding| value(&telemetry, "mcp_proxy_quality_findings_total", &[tool, finding], start);
    assert_eq!(finding("tool_name=\"a\"", "finding=\"empty\""), 1.0);
    assert_eq!(finding("tool_name=\"a\"", "finding=\"tool_error\""), 1.0);
    assert_eq!(finding("finding=", ""), 2.0);
    let score = |tool| value(&telemetry, "sli_quality_score", &[tool], start);
    assert_eq!((score("\"a\""), score("\"b\"")), (50.0, 100.0));
    assert_eq!(unchecked(&telemetry, Unchecked::Unlisted, start), 1.0);
    assert_eq!(unchecked(&telemetry, Unchecked::Task, start), 1.0);
    assert_eq!(value(&telemetry, "mcp_proxy_quality_unchecked_total", &[], start), 2.0);
}

#[test]
fn a_panic_while_judging_is_counted_and_the_next_answer_is_judged() {
    let (telemetry, start) = telemetry(Settings::default());
    let schema = |title| format!(r#"{{"title":"{title}","required":["n"]}}"#);
    let tool = |name, title| format!(r#"{{"name":"{name}","outputSchema":{}}}"#, schema(title));
    list(&telemetry, &format!("[{},{}]", tool("bad", "panics when compiled"), tool("good", "fine")), start);
    let result = r#"{"content":[{"type":"text","text":"a"}],"structuredContent":{"n":1}}"#;
    for name in ["bad", "good", "bad", "good"] {
        let mut captured = *answer(result, 100).captured.expect("it is captured");
        let kept = telemetry.keep().keep(Parts { structured: true, text: false }, &mut captured);
        assert!(kept.is_some());
        end(&telemetry, Operation { kept, ..operation(name, Ending::Success, result) });
    }
    assert_eq!(telemetry.keep().held(), 28);
    telemetry.judge_waiting(|| start, |_| false);
    assert_eq!(unchecked(&telemetry, Unchecked::Internal, start), 2.0);
    let good = ["slo=\"quality\"", "verdict=\"good\""];
    assert_eq!(value(&telemetry, "mcp_proxy_slo_events_total", &good, start), 2.0);
    assert_eq!(telemetry.keep().held(), 0, "the room comes back");
}

#[test]
fn a_full_queue_is_said_and_nothing_waits_after_the_end() {
    let (telemetry, start) = telemetry(Settings::default());
    list(&telemetry, r#"[{"name":"a"}]"#, start);
    for _ in 0..QUEUE + 10 {
        end(&telemetry, operation("a", Ending::Success, GOOD));
    }
    assert_eq!(unchecked(&telemetry, Unchecked::QueueFull, start), 10.0);
    telemetry.judge_waiting(|| start, |_| true);
    telemetry.judge_no_more();
    assert_eq!(unchecked(&telemetry, Unchecked::Shutdown, start), QUEUE as f64);
    assert_eq!(value(&telemetry, "mcp_proxy_slo_events_total", &["slo=\"quality\""], start), 0.0);
}

#[test]
fn upkeep_wakes_the_thread_that_sleeps_until_an_answer_waits() {
    let (telemetry, start) = telemetry(Settings::default());
    list(&telemetry, r#"[{"name":"a"}]"#, start);
    let judging = telemetry.clone();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        judging.judge_here();
        // Whether there was any; none at first, so it sleeps without an end.
        while tell.send(judging.judge_waiting(|| start, |_| false)).is_ok() {
            std::thread::park();
        }
    });
    let next = || told.recv_timeout(Duration::from_secs(60));
    assert_eq!(next(), Ok(false));
    end(&telemetry, operation("a", Ending::Success, GOOD));
    telemetry.upkeep(start);
    while next() == Ok(false) {}
    assert_eq!(value(&telemetry, "sli_quality_score", &["\"a\""], start), 100.0);
}

#[test]
fn tools_that_are_removed_are_unlisted_again() {
    let (telemetry, start) = telemetry(Settings::default());
    list(&telemetry, r#"[{"name":"a"},{"name":"b"}]"#, start);
    list(&telemetry, r#"[{"name":"b"}]"#, start);
    end(&telemetry, operation("a", Ending::Success, GOOD));
    end(&telemetry, operation("b", Ending::Success, GOOD));
    telemetry.judge_waiting(|| start, |_| false);
    assert_eq!(unchecked(&telemetry, Unchecked::Unlisted, start), 1.0);
    assert_eq!(value(&telemetry, "sli_quality_score", &[], start), 100.0);
}

#[test]
fn the_exchange_is_told_what_to_keep_of_which_tools() {
    let settings = Settings {
        sample: 0.25,
        size_limit: 77,
        reports_failure: vec![Pattern::new("r*")],
        ..Settings::default()
    };
    let (telemetry, start) = telemetry(settings);
    let wanted = |telemetry: &Telemetry| format!("{:?}", telemetry.keep());
    assert!(wanted(&telemetry).contains("tools: {}"), "{}", wanted(&telemetry));
    let tools = r#"[{"name":"plain"},{"name":"s","outputSchema":{"type":"object"}},{"name":"r1"}]"#;
    list(&telemetry, tools, start);
    let text = wanted(&telemetry);
    for part in [
        r#""s": Parts { structured: true, text: false }"#,
        r#""r1": Parts { structured: true, text: true }"#,
        "limit: 77",
        &format!("sample: {}", Wanted::share(0.25)),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("plain"), "{text}");
    telemetry.reload(
        Arc::default(),
        Default::default(),
        Settings { sample: 0.0, ..Settings::default() },
        start,
    );
    let text = wanted(&telemetry);
    assert!(text.contains("sample: 0,") && !text.contains("r1"), "{text}");
}
