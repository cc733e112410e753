//! Which event moves which metric.

use super::*;
use crate::exchange::event::{EndReason, HttpRecord, NotInspected, SessionRecord, StreamRecord};
use crate::protocol::message::Finding;
use crate::telemetry::{ClientIdMode, Complexity, RECENT};

fn http(mcp: bool, status: Option<u16>) -> HttpRecord {
    HttpRecord {
        method: "GET",
        status,
        mcp,
        duration: Duration::from_millis(3),
        first_byte: status.map(|_| Duration::from_millis(2)),
        overhead: Duration::from_micros(7),
        end: EndReason::Complete,
        started: crate::clock::now(),
        trace: None,
    }
}

#[test]
fn http_without_mcp_is_counted_as_http_only() {
    let bench = Bench::new();
    for (mcp, status) in
        [(false, Some(200)), (false, Some(404)), (false, None), (true, Some(200)), (true, None)]
    {
        bench.emit(Event::HttpEnded(http(mcp, status)));
    }
    for labels in [
        r#"{http_request_method="GET",http_response_status_code="2xx"}"#,
        r#"{http_request_method="GET",http_response_status_code="4xx"}"#,
        r#"{http_request_method="GET"}"#,
    ] {
        assert_eq!(bench.value(&format!("http_server_request_duration_seconds_count{labels}")), 1.0);
    }
    assert_eq!(bench.value("mcp_proxy_time_to_first_byte_seconds_count"), 1.0);
    assert_eq!(bench.value("mcp_proxy_overhead_seconds_count"), 5.0);
}

#[test]
fn connections_move_between_families() {
    let bench = Bench::new();
    let nobody = Arc::new(Client::default());
    bench.emit(Event::ConnectionOpened);
    bench.emit(Event::ConnectionOpened);
    bench.emit(Event::ConnectionIdentified { before: Arc::clone(&nobody), client: client("cursor-vscode") });
    let value = |family: &str| bench.value(&format!(r#"mcp_active_connections{{client_type="{family}"}}"#));
    assert_eq!((value("unknown"), value("cursor")), (1.0, 1.0));
    bench.emit(Event::ConnectionClosed { client: client("cursor-vscode") });
    bench.emit(Event::ConnectionClosed { client: nobody });
    assert_eq!((value("unknown"), value("cursor")), (0.0, 0.0));
}

#[test]
fn sessions_of_the_modern_era_do_not_exist() {
    let bench = Bench::new();
    for (version, error_type) in
        [(Some(Version::V2025_06_18), ""), (Some(Version::V2026_07_28), ""), (None, "session_closed")]
    {
        bench.emit(Event::SessionEnded(SessionRecord {
            client: client("mcp"),
            version,
            transport: Transport::HttpSse,
            duration: Duration::from_secs(7200),
            error_type,
        }));
    }
    let name = "mcp_server_session_duration_seconds_sum";
    let legacy = format!(r#"{name}{{mcp_protocol_version="2025-06-18",network_transport="tcp"}}"#);
    let unsaid = format!(r#"{name}{{error_type="session_closed",network_transport="tcp"}}"#);
    assert_eq!((bench.value(&legacy), bench.value(&unsaid)), (7200.0, 7200.0));
    assert_eq!(bench.sum("mcp_server_session_duration_seconds_count"), 2.0);
}

#[test]
fn small_events_move_their_counters() {
    let bench = Bench::new();
    NotInspected::ALL.into_iter().for_each(|reason| bench.emit(Event::NotInspected(reason)));
    Finding::ALL.into_iter().for_each(|finding| bench.emit(Event::Finding(finding)));
    bench.emit(Event::Unmatched);
    let longest_quiet = Duration::from_secs(61);
    bench.emit(Event::StreamEnded(StreamRecord { longest_quiet, events: 1, standing: true }));
    for reason in NotInspected::ALL {
        let series = format!(r#"mcp_proxy_not_inspected_total{{reason="{}"}}"#, reason.as_str());
        assert_eq!(bench.value(&series), 1.0);
    }
    for finding in Finding::ALL {
        let series = format!(r#"mcp_proxy_message_findings_total{{finding="{}"}}"#, finding.as_str());
        assert_eq!(bench.value(&series), 1.0);
    }
    assert_eq!(bench.value("mcp_proxy_unmatched_messages_total"), 1.0);
    assert_eq!(bench.value("mcp_proxy_stream_quiet_seconds_sum"), 61.0);
    let text = bench.text();
    assert!(text.contains("mcp_proxy_stream_quiet_seconds_bucket{mcp_server=\"s\",le=\"60.0\"} 0\n"));
    assert!(text.contains("mcp_proxy_stream_quiet_seconds_bucket{mcp_server=\"s\",le=\"100.0\"} 1\n"));
}

#[test]
fn the_server_has_one_info_series_with_its_newest_revision() {
    let bench = Bench::with(Settings { environment: "e".into(), region: "r".into(), ..Settings::default() });
    let info = |bench: &Bench| {
        let text = bench.text();
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("mcp_server_info{")).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0].to_owned()
    };
    assert!(info(&bench).contains(r#"name="",protocol="",region="r",version="""#));
    for (name, version, protocol) in [
        ("a", Version::V2025_06_18, "2025-06-18"),
        ("a", Version::V2026_07_28, "2026-07-28"),
        ("a", Version::V2025_06_18, "2026-07-28"),
        ("a", Version::Other, "2026-07-28"),
        ("b", Version::V2025_03_26, "2025-03-26"),
        ("c", Version::Other, "other"),
        ("c", Version::V2025_03_26, "2025-03-26"),
    ] {
        let server = Implementation { name: name.into(), version: "1".into() };
        bench.emit(Event::Server { server, version });
        let expected =
            format!(r#"environment="e",name="{name}",protocol="{protocol}",region="r",version="1"}} 1"#);
        assert!(info(&bench).ends_with(&expected), "{} {expected}", info(&bench));
    }
}

#[test]
fn operations_carry_the_labels_of_the_conventions() {
    let bench = Bench::new();
    let rpc = Ending::RpcError { code: Some(-32602), status: None };
    bench.call("a", Ending::Success);
    bench.call("a", Ending::ToolError);
    bench.call("a", rpc);
    bench.end(Operation { method: Method::PromptsGet, ..bench.operation("p", Ending::Success) });
    bench
        .end(Operation { method: Method::ResourcesRead, ..bench.operation("ignored", Ending::StreamClosed) });
    bench.end(Operation { method: Method::SubscriptionsListen, ..bench.operation("", Ending::Success) });
    bench.end(Operation {
        method: Method::NotificationsInitialized,
        kind: OperationKind::Notification,
        target: None,
        ..bench.operation("", Ending::Success)
    });
    let tool = r#"gen_ai_operation_name="execute_tool",gen_ai_tool_name="a",mcp_method_name="tools/call""#;
    for labels in [
        format!("{{{tool}}}"),
        format!(r#"{{error_type="tool_error",{tool}}}"#),
        format!(r#"{{{tool},rpc_response_status_code="-32602"}}"#),
        r#"{gen_ai_prompt_name="p",mcp_method_name="prompts/get"}"#.to_owned(),
        r#"{error_type="stream_closed",mcp_method_name="resources/read"}"#.to_owned(),
        r#"{mcp_method_name="notifications/initialized"}"#.to_owned(),
    ] {
        assert_eq!(bench.value(&format!("mcp_server_operation_duration_seconds_count{labels}")), 1.0);
    }
    assert_eq!(bench.sum("mcp_server_operation_duration_seconds_count"), 6.0);
}

#[test]
fn sizes_tokens_and_weights_follow_the_content() {
    let settings =
        Settings { complexity: [("heavy".into(), Complexity::High)].into(), ..Settings::default() };
    let bench = Bench::with(settings);
    let content = Content {
        items: 6,
        text: 100,
        image: 200,
        audio: 300,
        resource: 400,
        other: 500,
        structured: Some(600),
        readable: 81,
        ..Content::default()
    };
    let arguments = Some(Arguments { size: 1000, depth: 2, hash: 0 });
    bench.end(Operation { content, arguments, repeated: true, ..bench.operation("a", Ending::Success) });
    bench.call("heavy", Ending::Success);
    for (data, bytes) in [
        ("arguments", 1000.0),
        ("text", 100.0),
        ("image", 200.0),
        ("audio", 300.0),
        ("resource", 400.0),
        ("other", 500.0),
        ("structured", 600.0),
    ] {
        let series = format!(r#"mcp_data_processed_bytes_total{{data_type="{data}",tool_name="a"}}"#);
        assert_eq!(bench.value(&series), bytes);
    }
    assert_eq!(bench.value(r#"mcp_proxy_result_tokens_sum{tool_name="a"}"#), 21.0);
    assert_eq!(bench.value(r#"mcp_proxy_repeated_calls_total{tool_name="a"}"#), 1.0);
    assert_eq!(bench.value(r#"mcp_tool_duration_seconds_count{complexity="medium",tool_name="a"}"#), 1.0);
    assert_eq!(bench.value(r#"mcp_tool_duration_seconds_count{complexity="high",tool_name="heavy"}"#), 1.0);
}

#[test]
fn calls_without_an_answer_have_no_response_time() {
    let bench = Bench::new();
    for ending in [Ending::Success, Ending::Cancelled, Ending::StreamClosed, Ending::Timeout] {
        bench.call("a", ending);
    }
    assert_eq!(bench.value(r#"tool_response_time_seconds_count{tool_name="a"}"#), 1.0);
    assert_eq!(bench.value(r#"tool_response_distribution_seconds_count{tool_name="a"}"#), 1.0);
    assert_eq!(bench.value(r#"mcp_tool_duration_seconds_count{complexity="low",tool_name="a"}"#), 4.0);
}

#[test]
fn the_last_512_operations_are_shown_newest_first() {
    let bench = Bench::with(Settings { client_id: ClientIdMode::Name, ..Settings::default() });
    for number in 0..RECENT + 100 {
        let repeated = number % 2 == 0;
        bench.end(Operation { repeated, ..bench.operation(&format!("t{number}"), Ending::ToolError) });
        if number == 300 {
            bench.telemetry.upkeep(bench.start);
        }
    }
    let now = bench.start + Duration::from_secs(5);
    let wall = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let shown = bench.telemetry.operations(usize::MAX, now, wall);
    assert_eq!(shown.len(), RECENT);
    assert_eq!(shown[0].target.as_deref(), Some("t611"));
    assert_eq!(shown[RECENT - 1].target.as_deref(), Some("t100"));
    assert_eq!(bench.telemetry.operations(3, now, wall), shown[..3]);
    let first = &shown[0];
    assert_eq!((first.ended_unix_ms, first.duration_ms), (995_020, 20.0));
    assert_eq!((first.result, first.fault, first.error_type), ("error", Some("tool"), Some("tool_error")));
    assert_eq!((first.client_id.as_str(), first.client_type), ("claude-ai", "claude"));
    assert_eq!(
        (first.version, first.transport, first.kind),
        (Some("2025-11-25"), "streamable_http", "request")
    );
}

#[test]
fn a_task_whose_result_was_not_seen_has_no_tokens() {
    let bench = Bench::new();
    let task =
        |content| Operation { kind: OperationKind::Task, content, ..bench.operation("a", Ending::Success) };
    bench.end(task(Content::default()));
    assert!(!bench.text().contains("mcp_proxy_result_tokens_count"));
    bench.end(task(Content { items: 1, text: 40, readable: 20, ..Content::default() }));
    assert_eq!(bench.value(r#"mcp_proxy_result_tokens_sum{tool_name="a"}"#), 5.0);
    assert_eq!(bench.value(r#"mcp_proxy_result_tokens_count{tool_name="a"}"#), 1.0);
}

#[test]
fn one_server_is_shown_however_many_threads_learn_of_several() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for first in 0..2 {
            let bench = &bench;
            scope.spawn(move || {
                for number in 0..5000 {
                    let name = if (number + first) % 2 == 0 { "a" } else { "b" };
                    let server = Implementation { name: name.into(), version: "1".into() };
                    bench.emit(Event::Server { server, version: Version::V2025_11_25 });
                }
            });
        }
    });
    let shown = bench.text().lines().filter(|line| line.starts_with("mcp_server_info{")).count();
    assert_eq!(shown, 1);
}
