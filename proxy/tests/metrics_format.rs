//! What scrapers get: judged by promtool and by Prometheus' own parser, and pinned as a whole.

mod support;

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_tap::exchange::event::{
    CataloguePage, Client, Direction, EndReason, Event, HttpRecord, NotInspected, Operation, OperationKind,
    SessionRecord, Sink, StreamRecord, Transport,
};
use mcp_tap::exchange::trace::Trace;
use mcp_tap::protocol::message::{Arguments, Captured, Content, Finding, Implementation};
use mcp_tap::protocol::method::Method;
use mcp_tap::protocol::outcome::{Ending, Interim};
use mcp_tap::protocol::sampling::Threshold;
use mcp_tap::protocol::version::{Era, Version};
use mcp_tap::telemetry::cost::{Price, Prices};
use mcp_tap::telemetry::names::Metric;
use mcp_tap::telemetry::{Settings, Telemetry, traces};

use support::parts::Parts;
use support::promtool;

/// Telemetry after one event of every kind, so that every family has a series.
fn after_every_event(start: Instant) -> Telemetry {
    let price = Price { per_call: Some(0.25), per_second: Some(2.0), ..Price::default() };
    let telemetry = Telemetry::traced(
        Settings {
            server_name: "every\"thing".into(),
            environment: "test".into(),
            region: "here".into(),
            version: "1.2.3".into(),
            prices: Prices { default: price, tools: Vec::new() },
            ..Settings::default()
        },
        start,
        traces(),
    );
    let client = client();
    let server = Implementation { name: "mcp-servers/everything".into(), version: "2.0".into() };
    let lists =
        [r#"[{"name":"echo","description":"d"},{"name":"add"}]"#, r#"[{"name":"echo"},{"name":"sub"}]"#];
    telemetry.emit(Event::ConnectionOpened);
    telemetry.emit(Event::ConnectionIdentified { before: Arc::default(), client: Arc::clone(&client) });
    telemetry.emit(Event::SessionStarted { client: Arc::clone(&client) });
    telemetry.emit(Event::Server { server, version: Version::V2025_11_25 });
    for list in lists {
        let tools = Some(list.as_bytes().into());
        let page = CataloguePage { tools, first: true, last: true, listing: 1, client: Arc::clone(&client) };
        telemetry.emit(Event::Catalogue(page));
        telemetry.upkeep(start);
    }
    for operation in operations(start, &client) {
        if operation.kind == OperationKind::Request {
            telemetry.emit(Event::OperationStarted);
        }
        telemetry.emit(Event::OperationEnded(Box::new(operation)));
    }
    for mcp in [true, false] {
        telemetry.emit(Event::HttpEnded(HttpRecord {
            method: "POST",
            status: Some(200),
            mcp,
            duration: Duration::from_millis(4),
            first_byte: Some(Duration::from_millis(3)),
            overhead: Duration::from_micros(9),
            end: EndReason::Complete,
            started: start,
            trace: None,
        }));
    }
    telemetry.emit(Event::SessionEnded(SessionRecord {
        client,
        version: Some(Version::V2025_11_25),
        transport: Transport::StreamableHttp,
        duration: Duration::from_secs(600),
        error_type: "",
    }));
    let longest_quiet = Duration::from_secs(31);
    telemetry.emit(Event::StreamEnded(StreamRecord { longest_quiet, events: 3, standing: false }));
    telemetry.emit(Event::NotInspected(NotInspected::Encoding));
    telemetry.emit(Event::Finding(Finding::DuplicateKey));
    telemetry.emit(Event::Unmatched);
    telemetry
}

/// Every trace is kept.
fn traces() -> traces::Settings {
    traces::Settings {
        sampling: traces::Sampling {
            follow_parent: true,
            errors: true,
            slow: None,
            storm: 100,
            threshold: Threshold::ALWAYS,
        },
        queue: traces::QueueLimits::default(),
        capture: traces::Capture::default(),
        limits: traces::SpanLimits { attributes: 128, value_length: None, events: 128, links: 128 },
        server: traces::ServerAddress::default(),
    }
}

fn trace() -> Trace {
    Trace {
        trace_id: [0xab; 16],
        span_id: [0x11; 8],
        upstream_id: [0x22; 8],
        flags: 3,
        parent: None,
        state: None,
        links: Vec::new(),
        forwarded: None,
        first_event: None,
        uri: None,
        peer: None,
        http_version: "1.1",
        captured: Captured::default(),
        payload: None,
    }
}

fn client() -> Arc<Client> {
    let info = Implementation { name: "claude-ai".into(), version: "1".into() };
    Arc::new(Client { info: Some(info), ..Client::default() })
}

fn operations(start: Instant, client: &Arc<Client>) -> Vec<Operation> {
    let call = |target: &str, ending| Operation {
        direction: Direction::ToServer,
        kind: OperationKind::Request,
        method: Method::ToolsCall,
        target: Some(target.into()),
        id: None,
        version: Some(Version::V2025_11_25),
        era: Era::Legacy,
        transport: Transport::StreamableHttp,
        client: Arc::clone(client),
        session: None,
        started: start,
        ended: start + Duration::from_millis(125),
        first_byte: Some(start + Duration::from_millis(100)),
        ending,
        status: Some(200),
        arguments: Some(Arguments { size: 300, depth: 2, hash: 0 }),
        content: Content { items: 1, text: 90, readable: 60, ..Content::default() },
        waited_for_client: false,
        repeated: false,
        chosen: false,
        kept: None,
        trace: None,
    };
    vec![
        call("echo", Ending::Success),
        Operation { repeated: true, trace: Some(Box::new(trace())), ..call("echo", Ending::ToolError) },
        call("echo", Ending::Interim(Interim::InputRequired)),
        call("echo", Ending::StreamClosed),
        call("typo\n", Ending::RpcError { code: Some(-32602), status: Some(200) }),
        Operation { method: Method::PromptsGet, ..call("greet", Ending::Success) },
        Operation {
            kind: OperationKind::Notification,
            method: Method::NotificationsInitialized,
            ..call("", Ending::Success)
        },
        Operation {
            direction: Direction::ToClient,
            method: Method::ElicitationCreate,
            ..call("", Ending::Success)
        },
    ]
}

/// The scrape without what differs between machines.
fn scrape(accept: Option<&str>) -> String {
    let start = mcp_tap::clock::now();
    let (_, text) = after_every_event(start).render(accept, start + Duration::from_secs(1));
    let of_the_process = |line: &&str| line.contains(" process_") || line.starts_with("process_");
    let without_time = |line: &str| match line.split_once(" # {") {
        Some((sample, exemplar)) => {
            let (exemplar, _) = exemplar.rsplit_once(' ').expect("an exemplar has a time");
            format!("{sample} # {{{exemplar} TIME\n")
        }
        None => format!("{line}\n"),
    };
    text.lines().filter(|line| !of_the_process(line)).map(without_time).collect()
}

#[test]
fn promtool_accepts_the_text_format() {
    let start = mcp_tap::clock::now();
    let (_, text) = after_every_event(start).render(None, start);
    promtool::accepts_page(&text);
}

#[test]
fn prometheus_own_parser_reads_the_exemplars() {
    let start = mcp_tap::clock::now();
    let (_, text) = after_every_event(start).render(Some("application/openmetrics-text"), start);
    let shown = serde_json::json!({"trace_id": "ab".repeat(16), "span_id": "11".repeat(8)});
    for family in [Metric::ToolDuration, Metric::ToolResponseDistribution, Metric::OperationDuration] {
        let mut reader = Parts::find()
            .script("openmetrics.py")
            .args(["-", family.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the parts have Python");
        reader.stdin.take().expect("stdin is piped").write_all(text.as_bytes()).expect("it reads");
        let output = reader.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}\n{text}", output.status);
        let samples: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        let exemplars: Vec<_> = samples.iter().filter(|sample| !sample[3].is_null()).collect();
        assert_eq!(exemplars.len(), 1, "{samples:?}");
        assert_eq!(exemplars[0][3], shown, "{}", family.name());
    }
}

#[test]
fn every_family_of_the_list_is_in_the_scrape() {
    let start = mcp_tap::clock::now();
    let (_, text) = after_every_event(start).render(None, start);
    // What is not an event: judged answers, what the program does with files and collectors, what a process uses.
    let elsewhere = [
        Metric::SliQuality,
        Metric::QualityFindings,
        Metric::QualityUnchecked,
        Metric::ConfigReloads,
        Metric::ConfigTaken,
        Metric::StateSaves,
        Metric::MetricsExports,
        Metric::MetricsFileWrites,
        Metric::ComputeCpu,
        Metric::ComputeResident,
        Metric::ServerCpu,
        Metric::ServerResident,
    ];
    for metric in Metric::ALL.iter().filter(|metric| !elsewhere.contains(metric)) {
        let head = format!("# TYPE {} ", metric.name());
        assert!(text.contains(&head), "{head}is missing");
    }
}

#[test]
fn the_text_format_is_as_before() {
    insta::assert_snapshot!(scrape(None));
}

#[test]
fn openmetrics_is_as_before() {
    insta::assert_snapshot!(scrape(Some("application/openmetrics-text")));
}
