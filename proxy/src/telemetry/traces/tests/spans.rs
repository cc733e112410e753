//! What the spans say, in full.

use std::fmt::Write;
use std::time::SystemTime;

use insta::assert_snapshot;
use opentelemetry::Value;
use opentelemetry::trace::{SpanContext, SpanId, Status};
use opentelemetry_sdk::trace::SpanData;

use super::*;
use crate::exchange::trace::{Link, LinkReason};
use crate::fault::TransportFailure;
use crate::protocol::outcome::Interim;
use crate::telemetry::traces::{CaptureRule, Decision, Ended, Kept, Moment, span};

/// The spans of what ended, as text; what is promised of their number and size holds.
fn rendered(what: Ended, decision: Decision, settings: &Settings, start: Instant) -> String {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let moment = Moment { now: start + Duration::from_secs(100), wall: wall + Duration::from_secs(100) };
    let kept = Kept { what, decision };
    let mut spans = Vec::new();
    span::build(&kept, moment, settings, &mut spans);
    assert_eq!(spans.len(), kept.spans());
    assert!(spans.len() <= Kept::MOST_SPANS);
    assert!(kept.size() >= size_of::<HttpRecord>());
    let mut text = String::new();
    for span in &spans {
        render(&mut text, span, wall);
    }
    text
}

fn operation(operation: Operation) -> String {
    let start = operation.started;
    rendered(Ended::Operation(Box::new(operation)), Decision::Error, &settings(), start)
}

fn http(record: HttpRecord) -> String {
    let start = record.started;
    rendered(Ended::Http(Box::new(record)), Decision::Error, &settings(), start)
}

fn render(text: &mut String, span: &SpanData, start: SystemTime) {
    let since = |at: SystemTime| at.duration_since(start).expect("nothing is before the start").as_millis();
    let _ = writeln!(text, "{:?} {}", span.span_kind, span.name);
    let _ = writeln!(text, "  context {}", context(&span.span_context));
    if span.parent_span_id != SpanId::INVALID {
        let remote = if span.parent_span_is_remote { " remote" } else { "" };
        let _ = writeln!(text, "  parent {}{remote}", span.parent_span_id);
    }
    let _ = writeln!(text, "  from {} to {} ms", since(span.start_time), since(span.end_time));
    match &span.status {
        Status::Unset => {}
        Status::Error { description } => {
            let _ = writeln!(text, "  ERROR {description:?}");
        }
        Status::Ok => text.push_str("  OK\n"),
    }
    for (place, attribute) in span.attributes.iter().enumerate() {
        assert!(span.attributes[..place].iter().all(|other| other.key != attribute.key), "{attribute:?}");
        let _ = match &attribute.value {
            Value::String(value) => writeln!(text, "  {} = {:?}", attribute.key, value.as_str()),
            value => writeln!(text, "  {} = {value}", attribute.key),
        };
    }
    for event in &*span.events {
        let _ = writeln!(text, "  event {} at {} ms", event.name, since(event.timestamp));
    }
    for link in &*span.links {
        let why: Vec<_> = link.attributes.iter().map(|why| format!("{}={}", why.key, why.value)).collect();
        let _ = writeln!(text, "  link {} {}", context(&link.span_context), why.join(" "));
    }
    let dropped = [span.dropped_attributes_count, span.events.dropped_count, span.links.dropped_count];
    if dropped != [0; 3] {
        let [attributes, events, links] = dropped;
        let _ = writeln!(text, "  dropped {attributes} attributes, {events} events, {links} links");
    }
    let scope = &span.instrumentation_scope;
    assert_eq!((scope.name(), scope.version()), ("mcp-tap", Some(env!("CARGO_PKG_VERSION"))));
    assert_eq!(scope.schema_url(), None);
}

fn context(context: &SpanContext) -> String {
    let flags = context.trace_flags().to_u8();
    format!("{} {} {flags:02x} {}", context.trace_id(), context.span_id(), context.trace_state().header())
        .trim_end()
        .to_owned()
}

fn start() -> Instant {
    crate::clock::now()
}

fn after(start: Instant, milliseconds: u64) -> Option<Instant> {
    Some(start + Duration::from_millis(milliseconds))
}

#[test]
fn call_answered_by_json() {
    assert_snapshot!(operation(call(start())));
}

#[test]
fn call_answered_by_an_event() {
    let start = start();
    let call = Operation { repeated: true, waited_for_client: true, ..call(start) };
    assert_snapshot!(operation(with_trace(call, |trace| {
        trace.first_event = after(start, 18);
        trace.parent = remote_parent(true);
        trace.state = state("vendor=1");
    })));
}

#[test]
fn invalid_parameters_are_an_error_of_the_client_only() {
    let ending = Ending::RpcError { code: Some(-32602), status: Some(200) };
    assert_snapshot!(operation(Operation { ending, content: Content::default(), ..call(start()) }));
}

#[test]
fn internal_error_is_one_of_both() {
    let ending = Ending::RpcError { code: Some(-32603), status: Some(200) };
    assert_snapshot!(operation(Operation { ending, content: Content::default(), ..call(start()) }));
}

#[test]
fn code_of_no_meaning_is_shown_as_it_is() {
    let ending = Ending::RpcError { code: Some(4711), status: Some(200) };
    assert_snapshot!(operation(Operation { ending, content: Content::default(), ..call(start()) }));
}

#[test]
fn tool_that_failed() {
    assert_snapshot!(operation(Operation { ending: Ending::ToolError, ..call(start()) }));
}

/// A call that was never answered.
fn unanswered(ending: Ending) -> Operation {
    Operation { ending, first_byte: None, status: None, content: Content::default(), ..call(start()) }
}

#[test]
fn server_that_refused() {
    assert_snapshot!(operation(unanswered(Ending::Transport(TransportFailure::Refused))));
}

#[test]
fn call_that_ran_out_of_time() {
    assert_snapshot!(operation(unanswered(Ending::Timeout)));
}

#[test]
fn cancelled_call_has_no_error() {
    assert_snapshot!(operation(unanswered(Ending::Cancelled)));
}

#[test]
fn call_that_never_went_on_has_no_client_span() {
    let ending = Ending::Transport(TransportFailure::Local);
    assert_snapshot!(operation(with_trace(unanswered(ending), |trace| trace.forwarded = None)));
}

#[test]
fn notification_has_no_id_and_no_answer() {
    assert_snapshot!(operation(Operation {
        kind: OperationKind::Notification,
        method: Method::NotificationsInitialized,
        target: None,
        first_byte: None,
        status: Some(202),
        ..call(start())
    }));
}

#[test]
fn prompt_is_named() {
    assert_snapshot!(operation(Operation {
        method: Method::PromptsGet,
        target: Some("analyze-code".into()),
        id: Some(RequestId::Text("a-7".into())),
        ..call(start())
    }));
}

#[test]
fn resource_is_an_attribute_and_no_name() {
    let call = Operation { method: Method::ResourcesRead, target: None, ..call(start()) };
    assert_snapshot!(operation(with_trace(call, |trace| trace.uri = Some("file:///etc/hosts".into()))));
}

#[test]
fn initialize_without_session_and_version_before() {
    assert_snapshot!(operation(Operation {
        method: Method::Initialize,
        target: None,
        session: None,
        version: None,
        client: Arc::default(),
        ..call(start())
    }));
}

#[test]
fn what_came_after_a_call_was_cancelled_is_not_shown() {
    let start = start();
    let at = |milliseconds| start + Duration::from_millis(milliseconds);
    for (cancelled, forwarded, expected) in [(10, 1, (1, 10, 1)), (5, 8, (5, 5, 0))] {
        let cancelled = Operation {
            ending: Ending::Cancelled,
            ended: at(cancelled),
            first_byte: Some(at(9)),
            ..call(start)
        };
        let cancelled = with_trace(cancelled, |trace| {
            trace.forwarded = Some(at(forwarded));
            trace.first_event = Some(at(11));
        });
        let kept = Kept { what: Ended::Operation(Box::new(cancelled)), decision: Decision::Ratio };
        let moment = Moment { now: start, wall: SystemTime::UNIX_EPOCH };
        let mut spans = Vec::new();
        span::build(&kept, moment, &settings(), &mut spans);
        let since = |at: SystemTime| at.duration_since(moment.wall).expect("it is later").as_millis();
        let [outer, leg] = spans.as_slice() else { panic!("{spans:?}") };
        assert_eq!((since(leg.start_time), since(leg.end_time), leg.events.events.len()), expected);
        assert!(outer.start_time <= leg.start_time && leg.end_time <= outer.end_time);
    }
}

#[test]
fn task_is_one_internal_span_below_its_request() {
    let start = start();
    let call = Operation { kind: OperationKind::Task, ended: start + Duration::from_secs(9), ..call(start) };
    assert_snapshot!(operation(with_trace(call, |trace| {
        trace.parent = Some(Parent { span_id: [0x88; 8], remote: false, sampled: false });
        trace.upstream_id = [0; 8];
        trace.forwarded = None;
    })));
}

#[test]
fn input_required_is_answered_and_not_over() {
    assert_snapshot!(operation(Operation {
        ending: Ending::Interim(Interim::InputRequired),
        version: Some(Version::V2026_07_28),
        era: Era::Modern,
        session: None,
        content: Content::default(),
        ..call(start())
    }));
}

#[test]
fn request_of_the_server_is_one_client_span() {
    let call = Operation {
        direction: Direction::ToClient,
        method: Method::ElicitationCreate,
        target: None,
        first_byte: None,
        content: Content::default(),
        ending: Ending::RpcError { code: Some(-32602), status: None },
        ..call(start())
    };
    assert_snapshot!(operation(with_trace(call, |trace| {
        trace.parent = Some(Parent { span_id: [0x88; 8], remote: false, sampled: false });
        trace.upstream_id = [0; 8];
        trace.forwarded = None;
    })));
}

#[test]
fn unknown_method_over_stdio() {
    let call = Operation {
        method: Method::parse("vendor/do"),
        target: Some("not a tool".into()),
        id: Some(RequestId::Hash(1)),
        transport: Transport::Stdio,
        version: Some(Version::Other),
        first_byte: None,
        ..call(start())
    };
    assert_snapshot!(operation(with_trace(call, |trace| {
        trace.peer = None;
        trace.http_version = "";
    })));
}

#[test]
fn exchange_that_was_answered() {
    assert_snapshot!(http(exchange(start())));
}

#[test]
fn exchange_that_the_server_did_not_know() {
    assert_snapshot!(http(HttpRecord { status: Some(404), method: "_OTHER", ..exchange(start()) }));
}

#[test]
fn exchange_that_failed() {
    let mut record = HttpRecord { status: Some(503), method: "POST", mcp: true, ..exchange(start()) };
    record.trace.as_mut().expect("it has one").path = None;
    assert_snapshot!(http(record));
}

#[test]
fn exchange_without_a_response() {
    assert_snapshot!(http(HttpRecord { status: None, end: EndReason::NoResponse, ..exchange(start()) }));
}

#[test]
fn exchange_that_the_drain_cut() {
    for (status, expected) in [(None, r#"error.type = "proxy_drain""#), (Some(200), "")] {
        let text = http(HttpRecord { status, end: EndReason::Drained, ..exchange(start()) });
        assert!(text.contains(expected) && text.contains("ERROR") == status.is_none(), "{text}");
    }
}

fn link(number: u8, why: LinkReason) -> Link {
    let context = TraceParent { trace_id: [number; 16], span_id: [number; 8], flags: TraceParent::SAMPLED };
    Link { context, state: state("vendor=1"), remote: true, why }
}

#[test]
fn other_contexts_are_links_of_the_outer_span() {
    let links = vec![link(1, LinkReason::HttpRequest), link(2, LinkReason::NotTrusted)];
    assert_snapshot!(operation(with_trace(call(start()), |trace| trace.links = links)));
}

#[test]
fn limits_leave_out_the_least_important_and_count_it() {
    let start = start();
    let limits = SpanLimits { attributes: 3, value_length: Some(6), events: 1, links: 1 };
    let settings = Settings { limits, ..settings() };
    let links = vec![link(1, LinkReason::HttpRequest), link(2, LinkReason::NotTrusted)];
    let call = with_trace(call(start), |trace| trace.links = links);
    let what = Ended::Operation(Box::new(call));
    assert_snapshot!(rendered(what, Decision::Ratio, &settings, start));
}

#[test]
fn state_tells_why_the_spans_are_kept() {
    let start = start();
    for (list, decision, expected) in [
        ("", Decision::Parent, ""),
        ("ot=th:c,a=1", Decision::Parent, "ot=th:c,a=1"),
        ("a=1,ot=th:c", Decision::Ratio, "ot=th:e666,a=1"),
        ("a=1", Decision::Error, "ot=th:0,a=1"),
        ("", Decision::Slow, "ot=th:0"),
    ] {
        let call = with_trace(call(start), |trace| trace.state = state(list));
        let kept = Kept { what: Ended::Operation(Box::new(call)), decision };
        let moment = Moment { now: start, wall: SystemTime::UNIX_EPOCH };
        let mut spans = Vec::new();
        span::build(&kept, moment, &settings(), &mut spans);
        for span in spans {
            assert_eq!(span.span_context.trace_state().header(), expected, "{list} {decision:?}");
        }
    }
}

#[test]
fn payload_is_shown_on_demand_and_the_result_of_success_only() {
    let shown = |rules: Vec<CaptureRule>, ending| {
        let start = start();
        let settings = Settings { capture: Capture { rules, ..Capture::default() }, ..settings() };
        let call = with_trace(Operation { ending, ..call(start) }, |trace| {
            trace.captured.arguments = Some(br#"{"city":"Bonn","password":"p"}"#.as_slice().into());
            trace.captured.result = Some(br#"{"content":[]}"#.as_slice().into());
        });
        let text = rendered(Ended::Operation(Box::new(call)), Decision::Ratio, &settings, start);
        let lines = text.lines().map(str::trim).filter(|line| line.starts_with("gen_ai.tool.call."));
        lines.map(|line| line.trim_start_matches("gen_ai.tool.call.").to_owned()).collect::<Vec<_>>()
    };
    let rule = |tool: &str| vec![CaptureRule::new(tool, ["city", "result"]).expect("a rule")];
    let arguments = r#"arguments = "{\"city\":\"Bonn\"}""#;
    let result = r#"result = "{\"content\":[]}""#;
    for (rules, ending, expected) in [
        (Vec::new(), Ending::Success, &[][..]),
        (rule("another-tool"), Ending::Success, &[]),
        // Once, on the SERVER span.
        (rule("get-weather"), Ending::Success, &[arguments, result]),
        (rule("*"), Ending::ToolError, &[arguments]),
    ] {
        assert_eq!(shown(rules.clone(), ending), expected, "{rules:?} {ending:?}");
    }
}

#[test]
fn payload_and_links_count_as_memory() {
    let start = start();
    let size = |change: fn(&mut Trace)| {
        let call = with_trace(call(start), change);
        Kept { what: Ended::Operation(Box::new(call)), decision: Decision::Ratio }.size()
    };
    let small = size(|_| {});
    assert_eq!(size(|trace| trace.captured.result = Some(vec![0; 5000].into())), small + 5000);
    assert_eq!(size(|trace| trace.captured.arguments = Some(vec![0; 70].into())), small + 70);
    assert_eq!(size(|trace| trace.state = state("a=1,b=2")), small + 7);
    assert!(size(|trace| trace.links = vec![link(1, LinkReason::HttpRequest)]) > small + 8);
}
