//! Listings: what gives tools a label, and what counts as a change of them.

use super::*;
use crate::telemetry::catalogue::{Catalogue, MAX_TOOLS};

fn changes(bench: &Bench) -> Vec<String> {
    let prefix = "mcp_proxy_tool_definition_changes_total";
    bench
        .samples()
        .into_iter()
        .filter_map(|(series, value)| Some(format!("{} {value}", series.strip_prefix(prefix)?)))
        .collect()
}

const A: &str = r#"[{"name":"a","description":"d","inputSchema":{"type":"object"}}]"#;
const A_B: &str = r#"[{"name":"a","description":"d","inputSchema":{"type":"object"}},{"name":"b"}]"#;

#[test]
fn the_first_catalogue_counts_nothing_and_gives_labels() {
    let bench = Bench::new();
    bench.list("x", A_B);
    bench.call("a", Ending::StreamClosed);
    assert_eq!(changes(&bench), [""; 0]);
    assert_eq!(bench.value("mcp_proxy_catalogue_tools"), 2.0);
    assert_eq!(bench.value("mcp_proxy_catalogue_tokens"), (A_B.len() as f64 / 4.0).ceil());
    assert_eq!(bench.value(r#"mcp_proxy_faults_total{fault="server_transport",tool_name="a"}"#), 1.0);
}

#[test]
fn an_operation_right_after_its_listing_waits_for_the_label() {
    let bench = Bench::new();
    bench.list("x", A);
    bench.call("a", Ending::ToolError);
    bench.call("z", Ending::ToolError);
    // Nobody has read the page yet: nothing is counted, nothing is lost.
    assert!(bench.telemetry.registry().is_empty(super::super::names::Metric::ToolRequests));
    bench.telemetry.upkeep(bench.start);
    assert_eq!(bench.value(r#"mcp_proxy_faults_total{fault="tool",tool_name="a"}"#), 1.0);
    assert_eq!(bench.value(r#"mcp_proxy_faults_total{fault="tool",tool_name="_other"}"#), 1.0);
    assert_eq!(bench.value("mcp_proxy_unknown_tool_calls_total"), 1.0);
}

#[test]
fn operations_beyond_the_waiting_room_are_counted_at_once() {
    let bench = Bench::new();
    bench.list("x", A);
    for _ in 0..super::super::backlog::MAX_DEFERRED + 10 {
        bench.call("a", Ending::StreamClosed);
    }
    let value = |tool: &str| {
        bench.value(&format!(r#"mcp_proxy_faults_total{{fault="server_transport",tool_name="{tool}"}}"#))
    };
    assert_eq!((value("a"), value("_other")), (super::super::backlog::MAX_DEFERRED as f64, 10.0));
}

#[test]
fn each_changed_part_counts_once_and_key_order_is_no_change() {
    let bench = Bench::new();
    bench.list("x", r#"[{"name":"a","description":"d","inputSchema":{"p":1,"q":[2]},"annotations":{}}]"#);
    bench.telemetry.upkeep(bench.start);
    bench.list("x", r#"[{"inputSchema": {"q":[2], "p":1}, "annotations":{},"description":"d","name":"a"}]"#);
    assert_eq!(changes(&bench), [""; 0]);
    bench.list("x", r#"[{"name":"a","description":"D","inputSchema":{"p":2},"outputSchema":{}}]"#);
    assert_eq!(
        changes(&bench),
        ["annotations", "description", "input_schema", "output_schema"]
            .map(|part| format!(r#"{{part="{part}",tool_name="a"}} 1"#))
    );
}

#[test]
fn added_and_removed_tools_count_once() {
    let bench = Bench::new();
    for tools in [A, A_B, A_B, A, A] {
        bench.list("x", tools);
        bench.telemetry.upkeep(bench.start);
    }
    assert_eq!(changes(&bench), [r#"{part="added",tool_name="b"} 1"#, r#"{part="removed",tool_name="b"} 1"#]);
    // It is gone: calling it is a mistake now.
    bench.call("c", Ending::ToolError);
    assert_eq!(bench.value("mcp_proxy_unknown_tool_calls_total"), 1.0);
}

#[test]
fn clients_with_different_permissions_do_not_flap() {
    let bench = Bench::new();
    for _ in 0..10 {
        bench.list("admin-user", A_B);
        bench.list("guest", A);
        bench.telemetry.upkeep(bench.start);
    }
    assert_eq!(changes(&bench), [""; 0]);
    // Gone for one who had it while another still has it: not removed. Gone for all: removed.
    bench.list("admin-user", A);
    bench.telemetry.upkeep(bench.start);
    assert_eq!(changes(&bench), [r#"{part="removed",tool_name="b"} 1"#]);
}

#[test]
fn an_audience_of_an_hour_ago_does_not_keep_a_tool() {
    let bench = Bench::new();
    bench.list("gone-for-good", A_B);
    bench.telemetry.upkeep(bench.start);
    bench.list("x", A_B);
    bench.telemetry.upkeep(bench.start + Duration::from_secs(3000));
    bench.list("x", A);
    bench.telemetry.upkeep(bench.start + Duration::from_secs(3601));
    assert_eq!(changes(&bench), [r#"{part="removed",tool_name="b"} 1"#]);
    let view = bench.telemetry.catalogue(bench.start, crate::clock::wall());
    assert_eq!(view.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn pages_of_one_listing_are_joined_and_others_do_not_disturb() {
    let bench = Bench::new();
    bench.page("one", Some(r#"[{"name":"a"}]"#), true, false);
    bench.page("another", Some(r#"[{"name":"a"}]"#), true, false);
    bench.page("one", Some(r#"[{"name":"b"}]"#), false, true);
    assert_eq!(bench.value("mcp_proxy_catalogue_tools"), 2.0);
    bench.page("another", Some(r#"[{"name":"c"},{"name":"d"}]"#), false, true);
    assert_eq!(bench.value("mcp_proxy_catalogue_tools"), 3.0);
}

#[test]
fn a_listing_with_a_missing_page_teaches_names_only() {
    let bench = Bench::new();
    bench.list("x", A_B);
    bench.telemetry.upkeep(bench.start);
    // A later page without the first, a page that was too large, and one that is no list.
    bench.page("x", Some(r#"[{"name":"late"}]"#), false, true);
    bench.page("x", None, true, false);
    bench.page("x", Some(r#"[{"name":"c"}]"#), false, true);
    bench.list("x", r#"{"no":"list"}"#);
    assert_eq!(changes(&bench), [""; 0]);
    assert_eq!(bench.value("mcp_proxy_catalogue_tools"), 2.0);
    assert_eq!(bench.value(r#"mcp_proxy_not_inspected_total{reason="malformed"}"#), 1.0);
    bench.call("late", Ending::ToolError);
    assert_eq!(bench.value(r#"mcp_proxy_faults_total{fault="tool",tool_name="late"}"#), 1.0);
}

#[test]
fn an_unknown_name_counts_once_a_catalogue_is_known() {
    let bench = Bench::new();
    bench.call("typo", Ending::RpcError { code: Some(-32602), status: None });
    assert_eq!(bench.value("mcp_proxy_unknown_tool_calls_total"), 0.0);
    bench.list("x", A);
    bench.telemetry.upkeep(bench.start);
    for ending in
        [Ending::ToolError, Ending::RpcError { code: Some(-32602), status: None }, Ending::Cancelled]
    {
        bench.call("typo", ending);
        bench.call("a", ending);
    }
    assert_eq!(bench.value("mcp_proxy_unknown_tool_calls_total"), 3.0);
    // The server knows it after all.
    bench.call("typo", Ending::Success);
    bench.call("typo", Ending::ToolError);
    assert_eq!(bench.value("mcp_proxy_unknown_tool_calls_total"), 3.0);
}

#[test]
fn an_answer_names_a_tool_as_long_as_no_list_is_known() {
    let bench = Bench::new();
    bench.call("a", Ending::ToolError);
    bench.call("b", Ending::Success);
    bench.call("c", Ending::Timeout);
    let text = bench.text();
    assert!(text.contains(r#"tool_name="a""#) && text.contains(r#"tool_name="b""#));
    assert!(!text.contains(r#"tool_name="c""#));
}

#[test]
fn tables_of_the_catalogue_stay_bounded() {
    let mut catalogue = Catalogue::default();
    let now = crate::clock::now();
    for number in 0..1000_u64 {
        let tools = format!(
            r#"[{{"name":"t{number}","description":"{number}"}},{{"name":"same","description":"{number}"}}]"#
        );
        for last in [true, false] {
            let page = CataloguePage {
                tools: Some(tools.clone().into_bytes().into()),
                first: true,
                last,
                listing: number,
                client: client(&format!("c{number}")),
            };
            catalogue.learn(&page, now);
        }
    }
    let tools: Vec<_> = (0..MAX_TOOLS + 100).map(|number| format!(r#"{{"name":"u{number}"}}"#)).collect();
    let tools = format!("[{}]", tools.join(","));
    let page = CataloguePage {
        tools: Some(tools.into_bytes().into()),
        first: true,
        last: true,
        listing: 0,
        client: client("x"),
    };
    catalogue.learn(&page, now);
    assert_eq!(catalogue.sizes(), [MAX_TOOLS, 0, 64, 128, 100]);
    // All of them go, and then more.
    let list = |tools: &str| CataloguePage { tools: Some(tools.as_bytes().into()), ..page.clone() };
    for tools in ["[]", r#"[{"name":"late"}]"#, "[]"] {
        catalogue.learn(&list(tools), now);
    }
    assert_eq!(catalogue.sizes()[1], MAX_TOOLS);
}

#[test]
fn pages_beyond_the_queue_are_forwarded_and_counted() {
    let bench = Bench::new();
    for number in 0..super::super::backlog::MAX_PAGES + 5 {
        bench.list("x", &format!(r#"[{{"name":"t{number}"}}]"#));
    }
    assert_eq!(bench.value(r#"mcp_proxy_not_inspected_total{reason="memory"}"#), 5.0);
    let large = format!(r#"[{{"name":"{}"}}]"#, "x".repeat(5 << 20));
    bench.list("x", &large);
    bench.list("y", &large);
    assert_eq!(bench.value(r#"mcp_proxy_not_inspected_total{reason="memory"}"#), 6.0);
}

#[test]
fn the_same_page_again_is_not_read_again() {
    let bench = Bench::new();
    for _ in 0..super::super::backlog::MAX_PAGES * 2 {
        bench.list("x", A);
    }
    assert_eq!(bench.value(r#"mcp_proxy_not_inspected_total{reason="memory"}"#), 0.0);
    assert_eq!(bench.value("mcp_proxy_catalogue_tools"), 1.0);
}

#[test]
fn a_set_of_tools_that_comes_and_goes_counts_once() {
    let bench = Bench::new();
    // Two users of one program, of whom one may see `b`.
    for minute in 0..40 {
        bench.list("x", if minute % 2 == 0 { A_B } else { A });
        bench.telemetry.upkeep(bench.start + Duration::from_secs(minute * 60));
    }
    assert_eq!(changes(&bench), [r#"{part="added",tool_name="b"} 1"#, r#"{part="removed",tool_name="b"} 1"#]);
    // The server still knows it.
    bench.call("b", Ending::ToolError);
    assert_eq!(bench.value("mcp_proxy_unknown_tool_calls_total"), 0.0);
}

#[test]
fn definitions_that_differ_by_caller_count_once() {
    let bench = Bench::new();
    let described = |text: &str| format!(r#"[{{"name":"a","description":"{text}"}}]"#);
    for round in 0..20 {
        for (caller, text) in [("x", "d"), ("y", "e")] {
            bench.list(caller, &described(text));
            bench.telemetry.upkeep(bench.start + Duration::from_secs(round * 60));
        }
    }
    assert_eq!(changes(&bench), [r#"{part="description",tool_name="a"} 1"#]);
    // What nobody listed for an hour is new again; what was listed last never is.
    let later = bench.start + Duration::from_secs(30_000);
    for (text, count) in [("e", 1), ("d", 2), ("f", 3)] {
        bench.list("x", &described(text));
        bench.telemetry.upkeep(later);
        assert_eq!(changes(&bench), [format!(r#"{{part="description",tool_name="a"}} {count}"#)], "{text}");
    }
}

#[test]
fn long_names_are_cut_as_calls_are() {
    let bench = Bench::new();
    let long = "é".repeat(10_000);
    bench.list("x", &format!(r#"[{{"name":"{long}"}}]"#));
    bench.call(&long[..256], Ending::ToolError);
    bench.telemetry.upkeep(bench.start);
    assert_eq!(bench.value("mcp_proxy_unknown_tool_calls_total"), 0.0);
    assert!(bench.text().lines().all(|line| line.len() < 1000), "no label is longer than a name may be");
}
