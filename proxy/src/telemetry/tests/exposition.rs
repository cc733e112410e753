//! The text: its grammar in both formats, and each gap of the stock exporter (crates.md §0.1) closed.

use super::*;
use crate::telemetry::names::Metric;
use crate::telemetry::{Exemplar, FloatCell};

const OPEN: Option<&str> = Some("application/openmetrics-text;version=1.0.0");

/// Gap (a): counters of whole numbers only.
#[test]
fn float_counters_keep_their_fractions() {
    let bench = Bench::new();
    // CPU time is set by the operating system at the scrape, so the cell is shown to take fractions by itself.
    let cell: Arc<FloatCell> = bench.telemetry.registry().float_counter(Metric::ProcessCpu, &[]);
    cell.add(1e9 + 0.25);
    assert!(bench.text().contains("process_cpu_seconds_total{mcp_server=\"s\"} 1000000000.25\n"));
}

/// Gap (b): no removal of one series.
#[test]
fn a_gauge_whose_labels_change_leaves_no_ghost() {
    let bench = Bench::new();
    let registry = bench.telemetry.registry();
    registry.gauge(Metric::ServerInfo, &[("name", "old")]).set(1.0);
    assert!(registry.remove_gauge(Metric::ServerInfo, &[("name", "old")]));
    registry.gauge(Metric::ServerInfo, &[("name", "new")]).set(1.0);
    let text = bench.text();
    assert!(text.contains(r#"name="new""#) && !text.contains(r#"name="old""#));
}

/// Gap (c): no OpenMetrics, no exemplars.
#[test]
fn openmetrics_has_exemplars_units_and_an_end() {
    let bench = Bench::new();
    bench.call("a", Ending::Success);
    let labels = [("tool_name", "a"), ("complexity", "low")];
    let at = Duration::from_millis(1_700_000_000_123);
    bench.telemetry.registry().histogram(Metric::ToolDuration, &labels).observe_traced(Exemplar {
        trace_id: [0xab; 16],
        span_id: [1; 8],
        value: 0.3,
        at,
    });
    let (content_type, text) = bench.telemetry.render(OPEN, bench.start);
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let exemplar = format!(
        "le=\"0.5\"}} 2 # {{trace_id=\"{}\",span_id=\"{}\"}} 0.3 1700000000.123\n",
        "ab".repeat(16),
        "01".repeat(8)
    );
    assert!(text.contains(&exemplar), "{text}");
    assert!(text.contains("# TYPE mcp_tool_requests counter\n"));
    assert!(text.contains("# UNIT mcp_data_processed_bytes bytes\n"));
    assert!(text.contains("\nmcp_tool_requests_total{"));
    assert!(text.ends_with("\n# EOF\n"));
    assert_eq!(text.matches("# EOF").count(), 1);

    let (content_type, text) = bench.telemetry.render(None, bench.start);
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert!(text.contains("# TYPE mcp_tool_requests_total counter\n"));
    assert!(!text.contains("trace_id") && !text.contains("# EOF") && !text.contains("# UNIT"));
}

/// Gap (d): an empty window shows 0 seconds.
#[test]
fn an_idle_summary_says_nan_and_keeps_sum_and_count() {
    let bench = Bench::new();
    bench.call("a", Ending::Success);
    let line = |text: &str, series: &str| {
        let series = series.replace('{', "{mcp_server=\"s\",");
        let prefix = format!("{series} ");
        let line = text.lines().find(|line| line.starts_with(&prefix));
        line.unwrap_or_else(|| panic!("no {series} in\n{text}"))[prefix.len()..].to_owned()
    };
    let quantile = r#"tool_response_time_seconds{tool_name="a",quantile="0.99"}"#;
    let busy: f64 = line(&bench.text(), quantile).parse().expect("a number");
    assert!((busy / 0.02 - 1.0).abs() < 1.0 / 32.0, "{busy}");
    let idle = bench.text_after(600);
    assert_eq!(line(&idle, quantile), "NaN");
    assert_eq!(line(&idle, r#"tool_response_time_seconds_count{tool_name="a"}"#), "1");
    assert_eq!(line(&idle, r#"tool_response_time_seconds_sum{tool_name="a"}"#), "0.02");
}

/// Gap (e): another order at each scrape, infinities in Rust's spelling.
#[test]
fn two_states_reached_by_different_ways_are_the_same_bytes() {
    let without_process = |bench: &Bench| {
        let text = bench.text();
        text.lines()
            .filter(|line| !line.contains("process_"))
            .fold(String::new(), |text, line| text + line + "\n")
    };
    let (one, other) = (Bench::new(), Bench::new());
    let tools: Vec<_> = (0..60).map(|number| format!("t{number}")).collect();
    tools.iter().for_each(|tool| one.call(tool, Ending::Success));
    tools.iter().rev().for_each(|tool| other.call(tool, Ending::Success));
    let text = without_process(&one);
    assert_eq!(text, without_process(&one));
    assert_eq!(text, without_process(&other));
    assert!(text.contains("le=\"+Inf\"") && !text.contains("inf\""));
    let families: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    assert!(families.is_sorted() && families.len() > 15, "{families:?}");
}

/// Gap (f): idle series are evicted while handles write on into the void.
#[test]
fn a_handle_that_idled_for_days_still_counts_into_its_series() {
    let bench = Bench::new();
    bench.call("a", Ending::Success);
    let later = bench.start + Duration::from_secs(10 * 86_400);
    bench.telemetry.upkeep(later);
    drop(bench.telemetry.render(None, later));
    bench.call("a", Ending::Success);
    assert_eq!(bench.sum("mcp_tool_requests_total"), 2.0);
}

#[test]
fn labels_of_any_content_keep_one_line_per_series() {
    let bench = Bench::new();
    for name in ["quo\"te", "back\\slash", "back\\\\slash", "line\nfeed", "ünï↯", "{a=\"b\"} 1", "\u{0}\r"]
    {
        bench.call(name, Ending::Success);
    }
    let text = bench.text();
    for escaped in [r#""quo\"te""#, r#""back\\slash""#, r#""back\\\\slash""#, r#""line\nfeed""#, r#""ünï↯""#]
    {
        assert!(text.contains(escaped), "{escaped}");
    }
    let lines = text.lines().filter(|line| line.starts_with("mcp_tool_requests_total{")).count();
    assert_eq!(lines, 7);
}

#[test]
fn histograms_cumulate_and_end_at_their_count() {
    let bench = Bench::new();
    for milliseconds in [1, 30, 30, 400_000] {
        let ended = bench.start + Duration::from_millis(milliseconds);
        bench.end(Operation { ended, ..bench.operation("a", Ending::Success) });
    }
    let prefix = "mcp_tool_duration_seconds_bucket{";
    let text = bench.text();
    let counts: Vec<u64> = text
        .lines()
        .filter(|line| line.starts_with(prefix))
        .map(|line| line.rsplit_once(' ').expect("a value").1.parse().expect("a count"))
        .collect();
    assert!(counts.is_sorted());
    assert_eq!((counts[0], counts[1], counts[2], counts.last()), (1, 1, 3, Some(&4)));
    assert_eq!(bench.value(r#"mcp_tool_duration_seconds_count{complexity="low",tool_name="a"}"#), 4.0);
}
