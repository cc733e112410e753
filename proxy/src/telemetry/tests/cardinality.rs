//! Whatever peers call things, the number of series is bounded.

use super::*;
use crate::telemetry::names::Metric;

#[test]
fn ten_thousand_tools_and_clients_leave_the_series_bounded() {
    for ending in [Ending::Success, Ending::ToolError, Ending::RpcError { code: Some(-32602), status: None }]
    {
        let bench = Bench::new();
        for number in 0..10_000 {
            bench.end(Operation {
                client: client(&format!("client-{number}")),
                ..bench.operation(&format!("tool-{number}"), ending)
            });
        }
        for metric in Metric::ALL {
            let series = bench.telemetry.registry().len(*metric);
            // 100 tools that were answered, each with the client of its first call, and the rest.
            assert!(series <= 203, "{} has {series} series", metric.name());
        }
        assert_eq!(bench.sum("mcp_tool_requests_total"), 10_000.0);
    }
}

#[test]
fn a_family_without_room_puts_clients_together() {
    let bench = Bench::with(Settings { max_series: 50, ..Settings::default() });
    for tool in 0..20 {
        for caller in 0..20 {
            bench.end(Operation {
                client: client(&format!("client-{caller}")),
                ..bench.operation(&format!("tool-{tool}"), Ending::Success)
            });
        }
    }
    assert_eq!(bench.sum("mcp_tool_requests_total"), 400.0);
    let series = bench.telemetry.registry().len(Metric::ToolRequests);
    assert!((50..=70).contains(&series), "{series}");
    assert!(bench.text().contains(r#"client_id="_other""#));
}

#[test]
fn an_operation_family_without_room_puts_tools_and_prompts_together() {
    let bench = Bench::with(Settings { max_series: 5, ..Settings::default() });
    for number in 0..20 {
        bench.call(&format!("tool-{number}"), Ending::Success);
        bench.end(Operation {
            method: Method::PromptsGet,
            ..bench.operation(&format!("prompt-{number}"), Ending::Success)
        });
    }
    let series = bench.telemetry.registry().len(Metric::OperationDuration);
    assert!(series <= 7, "{series}");
    assert_eq!(bench.sum("mcp_server_operation_duration_seconds_count"), 40.0);
}

#[test]
fn prompts_get_a_label_by_success_alone_and_a_hundred_of_them() {
    let bench = Bench::new();
    let prompt = |name: &str, ending| {
        bench.end(Operation { method: Method::PromptsGet, ..bench.operation(name, ending) });
    };
    prompt("no", Ending::RpcError { code: Some(-32602), status: None });
    for number in 0..1000 {
        prompt(&format!("p{number}"), Ending::Success);
    }
    assert_eq!(bench.telemetry.registry().len(Metric::OperationDuration), 102);
    assert!(!bench.text().contains(r#"gen_ai_prompt_name="no""#));
}

#[test]
fn listed_tools_find_room_after_answered_ones_took_theirs() {
    let bench = Bench::new();
    for number in 0..1000 {
        bench.call(&format!("made-up-{number}"), Ending::Success);
    }
    let tools: Vec<_> = (0..300).map(|number| format!(r#"{{"name":"listed-{number}"}}"#)).collect();
    bench.list("claude-ai", &format!("[{}]", tools.join(",")));
    for number in 0..300 {
        bench.call(&format!("listed-{number}"), Ending::ToolError);
    }
    let text = bench.text();
    let labelled = |prefix: &str| {
        text.lines()
            .filter(|line| line.starts_with("mcp_tool_requests_total{") && line.contains(prefix))
            .count()
    };
    assert_eq!((labelled("\"made-up-"), labelled("\"listed-")), (100, 100));
    // Listed, though without a label: not unknown.
    assert_eq!(bench.value("mcp_proxy_unknown_tool_calls_total"), 0.0);
}

#[test]
fn methods_and_codes_of_no_revision_share_a_label() {
    let bench = Bench::new();
    for number in 0..1000 {
        bench.end(Operation {
            method: Method::parse(&format!("vendor/{number}")),
            ..bench.operation("", Ending::RpcError { code: Some(number), status: None })
        });
    }
    assert_eq!(bench.telemetry.registry().len(Metric::OperationDuration), 1);
}
