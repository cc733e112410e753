//! What calls cost, in sums and in means.

use super::*;
use crate::slo::Pattern;
use crate::telemetry::cost::{Price, Prices};
use crate::telemetry::names::Metric;
use crate::telemetry::quality;

fn prices() -> Prices {
    let default = Price {
        per_second: Some(0.5),
        per_call: None,
        per_gib: Some(f64::from(1 << 30)),
        per_million_tokens: Some(1e6),
    };
    let search = Price { per_call: Some(0.25), per_second: Some(0.0), ..Price::default() };
    Prices { default, tools: vec![(Pattern::new("sea*"), search)] }
}

fn bench() -> Bench {
    Bench::with(Settings { prices: prices(), ..Settings::default() })
}

impl Bench {
    fn answer(&self, tool: &str, seconds: u64, waited_for_client: bool) {
        let content = Content { text: 6, readable: 5, image: 1, structured: Some(3), ..Content::default() };
        let ended = self.start + Duration::from_secs(seconds);
        self.end(Operation { content, ended, waited_for_client, ..self.operation(tool, Ending::Success) });
    }

    fn usd(&self, metric: &str, tool: &str, resource: &str) -> Option<f64> {
        let series = format!(r#"{metric}{{resource_type="{resource}",tool_name="{tool}"}}"#);
        self.samples().get(&series).copied()
    }
}

#[test]
fn calls_cost_time_bytes_tokens_and_a_fee_by_the_prices_of_their_tool() {
    let bench = bench();
    bench.answer("get", 2, false);
    bench.answer("get", 4, false);
    bench.answer("get", 600, true);
    bench.answer("search", 2, false);
    let total = |tool, resource| bench.usd("mcp_cost_usd_total", tool, resource);
    // Of three calls one waited for its client: nobody knows how long the server was busy with it.
    assert_eq!(total("get", "compute"), Some(3.0));
    assert_eq!(total("get", "call"), None, "what costs nothing makes no series");
    assert_eq!(total("get", "egress"), Some(30.0));
    assert_eq!(total("get", "tokens"), Some(6.0));
    assert_eq!(total("search", "compute"), None);
    assert_eq!(total("search", "call"), Some(0.25));
    assert_eq!(bench.value(r#"mcp_compute_seconds_total{tool_name="get"}"#), 6.0);
    assert_eq!(bench.value(r#"mcp_compute_seconds_total{tool_name="search"}"#), 2.0);
}

#[test]
fn without_prices_only_seconds_are_counted() {
    let bench = Bench::new();
    bench.answer("a", 2, false);
    assert_eq!(bench.value(r#"mcp_compute_seconds_total{tool_name="a"}"#), 2.0);
    assert_eq!(bench.telemetry.registry().len(Metric::CostUsd), 0);
    assert_eq!(bench.telemetry.registry().len(Metric::RequestCost), 0);
}

#[test]
fn calls_whose_end_was_not_seen_count_no_busy_seconds() {
    let bench = Bench::new();
    for ending in [Ending::StreamClosed, Ending::SessionClosed { by_server: false }, Ending::Abandoned] {
        let ended = bench.start + Duration::from_secs(300);
        bench.end(Operation { ended, ..bench.operation("a", ending) });
    }
    assert_eq!(bench.telemetry.registry().len(Metric::ComputeSeconds), 0);
    bench.answer("a", 2, false);
    assert_eq!(bench.value(r#"mcp_compute_seconds_total{tool_name="a"}"#), 2.0);
}

#[test]
fn tools_that_share_a_label_keep_their_own_prices() {
    let bench = bench();
    for tool in ["seat", "else"] {
        bench.call(tool, Ending::Timeout);
    }
    assert_eq!(bench.usd("mcp_cost_usd_total", "_other", "call"), Some(0.25));
    assert_eq!(bench.usd("mcp_cost_usd_total", "_other", "compute"), Some(0.01));
}

#[test]
fn the_cost_of_a_call_is_the_mean_of_five_minutes_and_absent_without_a_call() {
    let bench = bench();
    let mean = |seconds: u64| {
        bench.telemetry.upkeep(bench.start + Duration::from_secs(seconds));
        let text = bench.text_after(seconds);
        samples(&text).get(r#"mcp_request_cost_usd{resource_type="compute",tool_name="get"}"#).copied()
    };
    assert_eq!(mean(0), None);
    bench.answer("get", 2, false);
    assert_eq!(mean(1), Some(1.0));
    bench.answer("get", 4, false);
    assert_eq!(mean(2), Some(1.5));
    assert_eq!(mean(200), Some(1.5));
    bench.answer("get", 10, false);
    assert_eq!(mean(200), Some(8.0 / 3.0));
    // The first two are gone after five minutes at most, the third one is not.
    assert_eq!(mean(310), Some(5.0));
    assert_eq!(mean(510), None);
    assert_eq!(bench.telemetry.registry().len(Metric::RequestCost), 0);
    assert_eq!(bench.usd("mcp_cost_usd_total", "get", "compute"), Some(8.0), "sums stay");
}

#[test]
fn prices_can_change_while_running() {
    let bench = bench();
    bench.answer("search", 2, false);
    let double = Price { per_call: Some(0.5), ..Price::default() };
    let prices = Prices { default: double, tools: Vec::new() };
    bench.telemetry.reload(Arc::default(), prices, quality::Settings::default(), bench.start);
    bench.answer("search", 2, false);
    assert_eq!(bench.usd("mcp_cost_usd_total", "search", "call"), Some(0.75));
    assert_eq!(bench.usd("mcp_cost_usd_total", "search", "egress"), Some(10.0));
}

#[test]
fn series_of_cost_are_bounded_by_the_labels_of_tools() {
    let bench = bench();
    for number in 0..2000 {
        bench.answer(&format!("tool-{number}"), 1, false);
    }
    bench.telemetry.upkeep(bench.start);
    let registry = bench.telemetry.registry();
    assert_eq!(registry.len(Metric::ComputeSeconds), 101);
    assert_eq!(registry.len(Metric::CostUsd), 303);
    assert_eq!(registry.len(Metric::RequestCost), 303);
}

/// Clients list the tools and call one at once; the page is read up to a second later.
#[test]
fn what_a_call_used_is_counted_where_the_call_is() {
    let bench = Bench::new();
    let cpu = |tool| bench.value(&format!(r#"mcp_compute_cpu_seconds_total{{tool_name="{tool}"}}"#));
    bench.list("one", r#"[{"name":"listed"}]"#);
    for tool in ["listed", "guessed", "listed"] {
        bench.call(tool, Ending::ToolError);
        bench.telemetry.tool_used(tool, 0.5, 4096);
    }
    assert_eq!((cpu("listed"), cpu("_other")), (1.0, 0.5));
    assert_eq!(bench.value(r#"mcp_compute_resident_memory_bytes{tool_name="listed"}"#), 4096.0);
    bench.telemetry.tool_used("guessed", 0.25, 4096);
    assert_eq!(cpu("_other"), 0.75);
    // Many names wait for no longer than there is room.
    bench.list("one", r#"[{"name":"late"}]"#);
    (0..1000).for_each(|number| bench.telemetry.tool_used(&number.to_string(), 1.0, 4096));
    bench.telemetry.tool_used("listed", 1.0, 4096);
    assert_eq!((cpu("listed"), cpu("_other")), (2.0, 1000.75));
}
