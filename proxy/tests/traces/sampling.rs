//! What is kept, and what the server and the collector are told about it.

use serde_json::json;

use super::bench::{Bench, call, json_answer, post, result};

const TRACE: &str = "0000000000000000000000000000000a";
const SPAN: &str = "000000000000000b";

/// Announces what is kept by chance before the outcome is known.
#[test]
fn the_flags_and_the_tracestate_tell_the_decision() {
    // Ratio, flags and tracestate that come; flags and tracestate that go on, and tracestate that is exported (`None`: no span is).
    type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, Option<&'static str>);
    let rows: [Row; 6] = [
        // The parent decided: nothing is changed.
        ("0", "01", "vendor=1", "01", "vendor=1", Some("vendor=1")),
        ("0", "01", "ot=th:8,vendor=1", "01", "ot=th:8,vendor=1", Some("ot=th:8,vendor=1")),
        // We decided.
        ("1", "00", "vendor=1", "01", "ot=th:0,vendor=1", Some("ot=th:0,vendor=1")),
        (
            "1",
            "00",
            "vendor=1,ot=rv:00000000000001;th:8",
            "01",
            "ot=rv:00000000000001;th:0,vendor=1",
            Some("ot=rv:00000000000001;th:0,vendor=1"),
        ),
        ("0", "00", "vendor=1", "00", "vendor=1", None),
        ("0", "00", "", "00", "", None),
    ];
    for (ratio, flags, state, flags_out, state_out, exported) in rows {
        let bench = Bench::echoing(&["--trace-ratio", ratio]);
        let parent = format!("00-{TRACE}-{SPAN}-{flags}");
        let mut headers = vec![("traceparent", parent.as_str())];
        if !state.is_empty() {
            headers.push(("tracestate", state));
        }
        bench.exchange(&post(&call(1, "echo", json!({})), &headers));
        let got = bench.server.seen().remove(0);
        let spans = bench.finish();
        let row = format!("{ratio} {flags} {state}");
        let told = got.header("traceparent").unwrap();
        assert_eq!(&told[..35], format!("00-{TRACE}"), "{row}");
        assert_ne!(&told[36..52], SPAN, "{row}");
        assert_eq!(&told[53..], flags_out, "{row}");
        // The order of the sub-keys of `ot` is of no matter.
        assert_eq!(members(got.header("tracestate").unwrap_or_default()), members(state_out), "{row}");
        for span in &spans {
            assert_eq!(members(&span.state), members(exported.unwrap_or("none")), "{row}");
            assert_eq!(span.trace_id, TRACE, "{row}");
        }
        assert_eq!(spans.len(), if exported.is_some() { 2 } else { 0 }, "{row}");
    }
}

/// The members, each with its parts in order.
fn members(state: &str) -> Vec<Vec<String>> {
    let parts = |member: &str| {
        let mut parts: Vec<String> = member.split(['=', ';']).map(str::to_owned).collect();
        parts[1..].sort();
        parts
    };
    state.split(',').filter(|member| !member.is_empty()).map(parts).collect()
}

#[test]
fn failed_and_slow_calls_are_kept_whatever_the_ratio() {
    let bench = Bench::start(&["--trace-ratio", "0", "--trace-slow", "200ms"], |connection, _, message| {
        match message["params"]["name"].as_str() {
            Some("failed") => connection.send(&json_answer(&json!({"jsonrpc": "2.0", "id": message["id"],
                "error": {"code": -32603, "message": "no"}}))),
            Some("refused") => connection.send(&json_answer(&json!({"jsonrpc": "2.0", "id": message["id"],
                "error": {"code": -32602, "message": "no"}}))),
            slow => {
                if slow == Some("slow") {
                    // That is what is measured.
                    std::thread::sleep(std::time::Duration::from_millis(250));
                }
                connection.send(&json_answer(&result(message)));
            }
        }
    });
    for (id, tool) in ["good", "failed", "refused", "slow", "good"].into_iter().enumerate() {
        bench.exchange(&post(&call(id as u64, tool, json!({})), &[]));
    }
    let scrape = bench.tap.scrape_when_idle();
    let decisions = scrape.by("mcp_proxy_trace_decisions_total", ["decision"]);
    let expected = [("error", 1.0), ("slow", 1.0), ("unsampled", 3.0)];
    let expected = expected.map(|(decision, count)| ([decision.to_owned()], count)).into();
    assert_eq!(decisions, expected);
    let spans = bench.finish();
    let mut kept: Vec<(String, &str)> =
        spans.iter().map(|span| (span.title(), span.state.as_str())).collect();
    kept.sort();
    let expected = [
        "CLIENT tools/call failed",
        "CLIENT tools/call slow",
        "SERVER tools/call failed",
        "SERVER tools/call slow",
    ];
    assert_eq!(kept, expected.map(|title| (title.to_owned(), "ot=th:0")));
}

#[test]
fn a_storm_of_failures_is_kept_up_to_its_bound() {
    let bench = Bench::start(&["--trace-ratio", "0", "--trace-storm", "5"], |connection, _, message| {
        connection.send(&json_answer(
            &json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32603, "message": "no"}}),
        ));
    });
    let start = mcp_tap::clock::now();
    let mut client = bench.client();
    for id in 0..100 {
        client.exchange(&post(&call(id, "failed", json!({})), &[]));
    }
    drop(client);
    let seconds = start.elapsed().as_secs_f64();
    let scrape = bench.tap.scrape_when_idle();
    let decided = |decision| scrape.sum_where("mcp_proxy_trace_decisions_total", &[("decision", decision)]);
    let most = 5.0 + 5.0 * seconds + 1.0;
    assert!((5.0..=most).contains(&decided("error")), "{} kept in {seconds} s", decided("error"));
    assert_eq!(decided("error") + decided("storm"), 100.0);
    assert_eq!(bench.finish().len() as f64, 2.0 * decided("error"));
}
