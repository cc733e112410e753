//! Every ended call is counted once, under one result and, if it failed, one fault.

use super::*;
use crate::fault::TransportFailure;
use crate::protocol::outcome::Interim;

pub(super) fn endings() -> Vec<Ending> {
    let mut endings = vec![
        Ending::Success,
        Ending::ToolError,
        Ending::InvalidResponse,
        Ending::StreamClosed,
        Ending::SessionClosed { by_server: true },
        Ending::SessionClosed { by_server: false },
        Ending::ProcessExit,
        Ending::Cancelled,
        Ending::Abandoned,
        Ending::Timeout,
        Ending::CutByProxy,
    ];
    endings.extend(Interim::ALL.map(Ending::Interim));
    for code in [None, Some(-32602), Some(-32603), Some(-32000), Some(7)] {
        for status in [None, Some(200), Some(400), Some(503)] {
            endings.push(Ending::RpcError { code, status });
        }
    }
    for status in [302, 401, 404, 429, 500, 599, 999] {
        endings.push(Ending::HttpError { status, session_lost: status == 404 });
    }
    for failure in [
        TransportFailure::Dns,
        TransportFailure::Refused,
        TransportFailure::Timeout,
        TransportFailure::Tls,
        TransportFailure::Reset,
        TransportFailure::Protocol,
        TransportFailure::Local,
    ] {
        endings.push(Ending::Transport(failure));
    }
    endings
}

#[test]
fn results_sum_to_ended_calls_and_faults_to_failures() {
    let bench = Bench::new();
    let tools = ["a", "b", "never-answered", ""];
    let (mut ended, mut failed, mut interim) = (0.0, 0.0, 0.0);
    for (round, tool) in tools.into_iter().cycle().take(400).enumerate() {
        for ending in endings() {
            match ending.result() {
                Some(_) => ended += 1.0,
                None => interim += 1.0,
            }
            if ending.fault().is_some() {
                failed += 1.0;
            }
            let tool = if round % 7 == 0 { tool } else { "a" };
            bench.call(tool, ending);
        }
    }
    assert_eq!(bench.sum("mcp_tool_requests_total"), ended);
    assert_eq!(bench.sum("mcp_tool_duration_seconds_count"), ended);
    assert_eq!(bench.sum("mcp_proxy_faults_total"), failed);
    assert_eq!(bench.sum("mcp_proxy_interim_results_total"), interim);
    assert_eq!(bench.sum("mcp_server_operation_duration_seconds_count"), ended + interim);
    assert_eq!(bench.value("mcp_proxy_inflight_operations"), 0.0);
    let failures: f64 = bench
        .samples()
        .iter()
        .filter(|(series, _)| {
            series.starts_with("mcp_tool_requests_total") && !series.contains("\"success\"")
        })
        .map(|(_, value)| value)
        .sum();
    assert_eq!(failures, failed);
}

#[test]
fn a_call_that_became_a_task_counts_once_when_the_task_ends() {
    let bench = Bench::new();
    let content = Content { text: 40, readable: 30, ..Content::default() };
    bench.call("a", Ending::Success);
    bench.call("a", Ending::Interim(Interim::TaskAccepted));
    assert_eq!(bench.sum("mcp_tool_requests_total"), 1.0);
    bench.end(Operation {
        kind: OperationKind::Task,
        content,
        repeated: true,
        ..bench.operation("a", Ending::ToolError)
    });
    bench.end(Operation {
        kind: OperationKind::Task,
        ..bench.operation("a", Ending::Interim(Interim::TaskUnseen))
    });
    assert_eq!(bench.sum("mcp_tool_requests_total"), 2.0);
    assert_eq!(bench.value(r#"mcp_proxy_faults_total{fault="tool",tool_name="a"}"#), 1.0);
    assert_eq!(bench.sum("mcp_proxy_interim_results_total"), 2.0);
    // The arguments and the repetition belong to the two requests, the content to the task.
    assert_eq!(bench.value(r#"mcp_data_processed_bytes_total{data_type="arguments",tool_name="a"}"#), 20.0);
    assert_eq!(bench.value(r#"mcp_data_processed_bytes_total{data_type="text",tool_name="a"}"#), 40.0);
    assert_eq!(bench.sum("mcp_proxy_repeated_calls_total"), 0.0);
    assert_eq!(bench.sum("mcp_server_operation_duration_seconds_count"), 2.0);
    assert_eq!(bench.value("mcp_proxy_inflight_operations"), 0.0);
}

#[test]
fn notifications_and_what_the_server_asks_are_no_calls() {
    let bench = Bench::new();
    bench.end(Operation { kind: OperationKind::Notification, ..bench.operation("a", Ending::Success) });
    bench.end(Operation {
        direction: Direction::ToClient,
        method: Method::SamplingCreateMessage,
        target: None,
        ..bench.operation("", Ending::RpcError { code: Some(-32603), status: None })
    });
    assert_eq!(bench.sum("mcp_tool_requests_total"), 0.0);
    assert_eq!(bench.sum("mcp_proxy_faults_total"), 0.0);
    let asked = r#"mcp_proxy_server_request_duration_seconds_count{error_type="-32603",mcp_method_name="sampling/createMessage"}"#;
    assert_eq!(bench.value(asked), 1.0);
    assert_eq!(bench.sum("mcp_server_operation_duration_seconds_count"), 1.0);
}

#[test]
fn threads_lose_nothing() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let bench = &bench;
            scope.spawn(move || {
                for round in 0..2000 {
                    bench.call(["a", "b", "c"][(round + thread) % 3], Ending::Success);
                }
            });
        }
        let reader = scope.spawn(|| (0..20).map(|_| bench.text().len()).max());
        assert!(reader.join().expect("the reader ends").is_some());
    });
    assert_eq!(bench.sum("mcp_tool_requests_total"), 8000.0);
    assert_eq!(bench.sum("tool_response_time_seconds_count"), 8000.0);
    assert_eq!(bench.value("mcp_proxy_inflight_operations"), 0.0);
}
