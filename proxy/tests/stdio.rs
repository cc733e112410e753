//! `mcp-tap stdio` with the real program: what is told of a wrapped server. What it does to the bytes and the process is
//! in `stdio_mistakes.rs`, what official clients see in `stdio_clients.rs`.

mod support;

#[path = "stdio/process.rs"]
mod process;
#[path = "stdio/wrapped.rs"]
mod wrapped;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Value, json};
use support::client::RawClient;
use support::collector::Collector;
use support::scrape::{Scrape, Series};
use support::server::ScriptedServer;
use support::spans::tree;
use support::tap::through_proxy_with;
use wrapped::{Wrapped, command, server};

/// The metrics of a process that ended.
fn written(file: &Path) -> Scrape {
    Scrape::parse(&std::fs::read_to_string(file).expect("it was written at the end"))
}

/// Runs a conversation with a scripted server; its metrics at the end.
fn measured(flags: &[&str], converse: impl FnOnce(&mut Wrapped)) -> Scrape {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("tap.prom");
    let flags = [&["--metrics-file", file.to_str().expect("text")], flags].concat();
    let mut wrapped = Wrapped::start(&flags, &server());
    converse(&mut wrapped);
    let ended = wrapped.end();
    assert!(ended.status.success(), "{:?}: {}", ended.status, ended.errors);
    assert_eq!(ended.errors, "", "nothing of ours on standard error");
    written(&file)
}

#[test]
fn calls_are_counted_by_tool_and_ending() {
    let metrics = measured(&["--name", "files"], |client| {
        client.greet();
        client.ask("tools/list", &json!({}));
        for (tool, times) in [("work", 3), ("fail", 2), ("nothing", 1)] {
            for number in 0..times {
                client.call(tool, &json!({"number": number}));
            }
        }
        client.ask("resources/list", &json!({}));
    });
    let by = |names: [&str; 3]| metrics.by("mcp_tool_requests_total", names);
    let expected = [
        (["_other", "error", "-32602"], 1.0),
        (["fail", "error", "tool_error"], 2.0),
        (["work", "success", ""], 3.0),
    ];
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(labels, count)| (labels.map(str::to_owned), count)).collect();
    assert_eq!(by(["tool_name", "result", "error_type"]), expected);
    for (name, labels, count) in [
        ("mcp_proxy_faults_total", &[("fault", "tool")][..], 2.0),
        ("mcp_proxy_faults_total", &[("fault", "caller")], 1.0),
        ("mcp_tool_duration_seconds_count", &[], 6.0),
        ("mcp_server_session_duration_seconds_count", &[("network_transport", "pipe")], 1.0),
        ("mcp_server_operation_duration_seconds_count", &[("mcp_method_name", "initialize")], 1.0),
        ("mcp_server_operation_duration_seconds_count", &[("mcp_method_name", "resources/list")], 1.0),
        ("mcp_server_info", &[("name", "scripted"), ("protocol", "2025-11-25")], 1.0),
        ("mcp_proxy_catalogue_tools", &[], 6.0),
        ("mcp_proxy_unknown_tool_calls_total", &[], 1.0),
        ("mcp_proxy_not_inspected_total", &[], 0.0),
        ("mcp_proxy_unmatched_messages_total", &[], 0.0),
        ("mcp_proxy_inflight_operations", &[], 0.0),
        ("sli_requests_total", &[("result", "success")], 5.0),
        ("sli_requests_total", &[("result", "error")], 2.0),
        ("mcp_proxy_slo_events_total", &[("slo", "availability"), ("verdict", "bad")], 2.0),
    ] {
        assert_eq!(metrics.sum_where(name, labels), count, "{name} {labels:?}");
    }
    let names = metrics.by("mcp_tool_requests_total", ["mcp_server"]);
    assert_eq!(names.keys().collect::<Vec<_>>(), [&["files".to_owned()]]);
}

#[test]
fn many_calls_at_once_are_each_counted_once() {
    const CALLS: usize = 3000;
    let collector = Collector::start();
    let metrics = measured(&["--propagate", "full", "--otlp-endpoint", &collector.endpoint()], |client| {
        client.greet();
        let tool = |number: usize| ["work", "fail", "nothing"][number % 3];
        // Some are open at any time, under ids that come again.
        let send = |client: &mut Wrapped, number: usize| {
            let params = json!({"name": tool(number), "arguments": {"number": number}});
            let call = json!({"jsonrpc": "2.0", "id": number % 64, "method": "tools/call", "params": params});
            client.send(&call.to_string());
        };
        (0..32).for_each(|number| send(client, number));
        for number in 0..CALLS {
            let answer: Value = serde_json::from_str(&client.line()).expect("JSON");
            assert_eq!(answer["id"], number % 64);
            if number + 32 < CALLS {
                send(client, number + 32);
            }
        }
    });
    let third = (CALLS / 3) as f64;
    for result in [("success", third), ("error", 2.0 * third)] {
        assert_eq!(metrics.sum_where("mcp_tool_requests_total", &[("result", result.0)]), result.1);
    }
    assert_eq!(metrics.sum("mcp_proxy_faults_total"), 2.0 * third);
    for none in ["unmatched_messages", "not_inspected", "trace_context_not_written"] {
        assert_eq!(metrics.sum(&format!("mcp_proxy_{none}_total")), 0.0, "{none}");
    }
}

/// Families that say how long something took, or how it travelled.
fn depends_on_the_way(name: &str) -> bool {
    let families = [
        "process_",
        "mcp_proxy_http_",
        "mcp_proxy_time_to_first_byte",
        "mcp_proxy_overhead",
        "mcp_proxy_stream",
        "mcp_active_connections",
        "mcp_server_session",
        "mcp_server_process_",
        "mcp_compute_",
        "mcp_proxy_metrics_file",
        "tool_response_time_seconds",
        "sli_error_budget",
    ];
    families.iter().any(|family| name.starts_with(family))
        || name.ends_with("_seconds_sum")
        || name.ends_with("_seconds_bucket")
}

/// The steps of a transcript in which every message of the client is answered by the next line, or by none.
fn steps(file: &Path) -> Vec<(String, Option<String>)> {
    let text = std::fs::read_to_string(file).expect("a transcript");
    let mut steps: Vec<(String, Option<String>)> = Vec::new();
    for line in text.lines() {
        match line.split_at(2) {
            ("> ", sent) => steps.push((sent.to_owned(), None)),
            ("< ", answer) => steps.last_mut().expect("a message before").1 = Some(answer.to_owned()),
            _ => {}
        }
    }
    steps
}

/// The transcript as `mcp-tap stdio` saw it.
fn over_stdio(file: &Path, steps: &[(String, Option<String>)]) -> Series {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let metrics = folder.path().join("tap.prom");
    let mut command = server();
    command.push(file.display().to_string());
    let flags = ["--name", "same", "--metrics-file", metrics.to_str().expect("text")];
    let mut wrapped = Wrapped::start(&flags, &command);
    for (sent, answer) in steps {
        wrapped.send(sent);
        if let Some(answer) = answer {
            assert_eq!(wrapped.line(), *answer);
        }
    }
    assert!(wrapped.end().status.success());
    written(&metrics).series()
}

/// The same as `mcp-tap run` saw it, with an answer in JSON for each request.
fn over_http(steps: &[(String, Option<String>)]) -> Series {
    let answers: Mutex<Vec<_>> = Mutex::new(steps.iter().rev().map(|(_, answer)| answer.clone()).collect());
    let server = ScriptedServer::start(move |connection| {
        while connection.request().is_some() {
            let answer = answers.lock().expect("no panic").pop().flatten();
            let head = match &answer {
                Some(_) => "200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: s",
                None => "202 Accepted",
            };
            let body = answer.unwrap_or_default();
            connection
                .send(format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        }
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let metrics = folder.path().join("tap.prom");
    let flags = ["--name", "same", "--metrics-file", metrics.to_str().expect("text")];
    let tap = through_proxy_with(&format!("http://{}", server.address), &flags);
    let mut client = RawClient::connect(tap.traffic);
    let version = |answer: &Value| answer["result"]["protocolVersion"].as_str().map(str::to_owned);
    let mut agreed: Option<String> = None;
    for (sent, answer) in steps {
        let mut head = "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n".to_owned();
        if let Some(agreed) = &agreed {
            head.push_str(&format!("Mcp-Session-Id: s\r\nMCP-Protocol-Version: {agreed}\r\n"));
        }
        client.exchange(format!("{head}Content-Length: {}\r\n\r\n{sent}", sent.len()).as_bytes());
        let answer = answer.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).expect("JSON"));
        agreed = agreed.or(version(&answer));
    }
    drop(client);
    assert!(tap.stop().0.success());
    written(&metrics).series()
}

#[test]
fn a_conversation_is_told_alike_over_http_and_over_stdio() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    // Those of which each request is answered by itself.
    for name in ["plain.txt", "unread.txt", "tasks.txt"] {
        let file = folder.join(name);
        let steps = steps(&file);
        let told = |series: Series| -> Series {
            series.into_iter().filter(|(sample, _)| !depends_on_the_way(&sample.0)).collect()
        };
        let (stdio, http) = (told(over_stdio(&file, &steps)), told(over_http(&steps)));
        let only = |here: &Series, there: &Series| -> Vec<String> {
            let other = |(sample, value): &(&_, &_)| there.get(*sample) != Some(*value);
            here.iter().filter(other).map(|(sample, value)| format!("{sample:?} {value:?}")).collect()
        };
        assert!(stdio.len() > 50, "{name}: {}", stdio.len());
        assert_eq!(only(&stdio, &http), only(&http, &stdio), "{name}: stdio, http");
    }
}

#[test]
fn one_trace_leads_from_the_client_to_the_server() {
    let collector = Collector::start();
    let endpoint = collector.endpoint();
    let flags = ["--name", "traced", "--otlp-endpoint", &endpoint, "--trace-ratio", "100%"];
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut seen = Vec::new();
    for propagate in ["off", "header", "full"] {
        let mut client = Wrapped::start(&[&flags[..], &["--propagate", propagate]].concat(), &server());
        let meta = json!({"traceparent": parent});
        let result = client.ask("tools/call", &json!({"name": "work", "arguments": {}, "_meta": meta}));
        seen.push(result["result"]["content"][0]["text"].as_str().expect("a text").to_owned());
        assert!(client.end().status.success());
    }
    let spans = collector.await_count(6);
    let lines: Vec<Value> = seen.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let context =
        |line: &Value| line["params"]["_meta"]["traceparent"].as_str().unwrap_or_default().to_owned();
    assert_eq!([&lines[0], &lines[1]].map(context), [parent, parent], "only full writes");
    let client = spans.iter().find(|span| span.kind == "CLIENT" && span.traceparent() == context(&lines[2]));
    let client = client.expect("the server was told of the span of the leg to it");
    let last: Vec<_> = spans
        .iter()
        .filter(|span| span.span_id == client.span_id || span.span_id == client.parent_id)
        .cloned()
        .collect();
    let known = [("00f067aa0ba902b7", "client"), ("4bf92f3577b34da6a3ce929d0e0e4736", "client")];
    let shown = ["network.transport", "network.protocol.name"];
    insta::assert_snapshot!(tree(&last, &known, &shown), @r#"
    trace of client
      SERVER tools/call work {network.transport="pipe"}, child of client (remote)
        CLIENT tools/call work {network.transport="pipe"} [first_byte response]
    "#);
    // But for the context the line is the client's, to the byte.
    let plain = |line: &str| line.replace(&context(&serde_json::from_str(line).expect("JSON")), "");
    assert_eq!(plain(&seen[0]), plain(&seen[2]));
}

#[test]
fn a_dead_collector_delays_neither_calls_nor_the_end() {
    let flags = ["--otlp-endpoint", "http://127.0.0.1:9", "--otlp-metrics", "on", "--trace-ratio", "100%"];
    let mut client = Wrapped::start(&flags, &server());
    client.greet();
    for _ in 0..50 {
        client.call("work", &json!({}));
    }
    let begin = mcp_tap::clock::now();
    let ended = client.end();
    assert!(ended.status.success());
    let took = mcp_tap::clock::now() - begin;
    // Less than the official clients wait before they send a signal.
    assert!(took.as_millis() < 1900, "{took:?}");
}

#[test]
fn metrics_go_by_otlp_under_the_same_names() {
    let collector = Collector::start();
    let endpoint = collector.endpoint();
    let metrics = measured(&["--otlp-endpoint", &endpoint, "--otlp-metrics", "on"], |client| {
        client.greet();
        client.call("work", &json!({}));
    });
    let sent: Series = collector.metrics().iter().flat_map(support::series::of).collect();
    let name = "mcp_tool_requests_total";
    let of = |series: &Series| -> Vec<(String, f64)> {
        let named = series.iter().filter(|(sample, _)| sample.0 == name);
        named.map(|(sample, value)| (format!("{sample:?}"), *value)).collect()
    };
    assert_eq!(of(&sent), of(&metrics.series()));
    assert_eq!(of(&sent).len(), 1);
}

#[test]
fn processor_time_goes_to_the_tool_that_used_it() {
    let metrics = measured(&[], |client| {
        client.greet();
        client.ask("tools/list", &json!({}));
        client.call("burn", &json!({"seconds": 0.5}));
        client.call("rest", &json!({"seconds": 0.5}));
    });
    let cpu = |tool: &str| metrics.sum_where("mcp_compute_cpu_seconds_total", &[("tool_name", tool)]);
    assert!((0.45..0.8).contains(&cpu("burn")), "{}", cpu("burn"));
    assert!(cpu("rest") < 0.1, "{}", cpu("rest"));
    // The time of calls is counted as over HTTP.
    let busy = |tool: &str| metrics.sum_where("mcp_compute_seconds_total", &[("tool_name", tool)]);
    assert!(busy("burn") >= 0.5 && busy("rest") >= 0.5);
    let total = metrics.sum("mcp_server_process_cpu_seconds_total");
    assert!(total >= cpu("burn") + cpu("rest"), "{total}");
    for name in ["mcp_server_process_resident_memory_bytes", "mcp_compute_resident_memory_bytes"] {
        let resident = metrics.series().into_iter().find(|(sample, _)| sample.0 == name).expect(name).1;
        assert!((1e6..1e9).contains(&resident), "{name} {resident}");
    }
}

#[test]
fn quality_cost_and_drift_are_those_of_http() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("tap.yml");
    std::fs::write(&config, "cost: {per_call: 0.5}\nquality: {sample: 100%}\n").expect("a file");
    let metrics = measured(&["--config", config.to_str().expect("text"), "--admin", "auto"], |client| {
        client.greet();
        client.ask("tools/list", &json!({}));
        client.ask("tools/list", &json!({}));
        client.call("rest", &json!({"seconds": 0}));
        // Lists are counted before what comes later; whoever asks then has them learned, which else takes a second.
        client.wait_until("the call", |_| client.summary()["summary"]["calls"] == 1);
        client.summary();
        client.call("shape", &json!({"size": 1}));
        client.call("shape", &json!({"colour": 1}));
        client.call("work", &json!({"a": 1}));
        client.call("work", &json!({"a": 1}));
    });
    for (name, labels, value) in [
        ("mcp_proxy_quality_findings_total", &[("tool_name", "shape")][..], 1.0),
        ("mcp_proxy_slo_events_total", &[("slo", "quality"), ("verdict", "good")], 4.0),
        ("mcp_cost_usd_total", &[("resource_type", "call")], 2.5),
        ("mcp_proxy_tool_definition_changes_total", &[("tool_name", "work"), ("part", "description")], 1.0),
        ("mcp_proxy_repeated_calls_total", &[("tool_name", "work")], 1.0),
    ] {
        assert_eq!(metrics.sum_where(name, labels), value, "{name} {labels:?}");
    }
}

#[test]
fn budgets_outlast_the_process() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().to_str().expect("text");
    let run = |admin: &str| {
        let mut client =
            Wrapped::start(&["--name", "kept", "--state-dir", state, "--admin", admin], &server());
        client.greet();
        client.call("fail", &json!({}));
        client
    };
    assert!(run("off").end().status.success());
    let second = run("auto");
    let arguments = ["slo", "--name", "kept", "--slo", "availability", "--json"];
    // What a call means is counted just after its answer went on.
    second.wait_until("both calls", |running| {
        let report: Value = serde_json::from_str(&command(running, &arguments)).expect("JSON");
        report["objectives"][0]["window"]["bad"] == 2.0
    });
    assert!(second.end().status.success());
}

#[test]
fn wrappers_are_listed_and_answer_on_a_socket_of_their_own() {
    let mut client = Wrapped::start(&["--admin", "auto", "--name", "listed"], &server());
    client.greet();
    client.call("work", &json!({"secret": "hunter2"}));
    client.wait_until("the call", |_| client.summary()["summary"]["calls"] == 1);
    let (running, one) = (client.running(), client.summary());
    assert_eq!(one["name"], "listed", "{one}");
    assert_eq!((&one["kind"], &one["pid"]), (&json!("stdio"), &json!(client.pid())), "{one}");
    let table = command(&running, &["ps"]);
    assert!(table.contains("listed") && table.contains("stdio") && !table.contains("hunter2"), "{table}");
    let entries = |running: &PathBuf| std::fs::read_dir(running).expect("it is there").count();
    assert!(entries(&running) > 0);
    assert!(client.end().status.success());
}

#[test]
fn the_port_that_the_system_chose_is_said_on_standard_error() {
    let mut client = Wrapped::start(&["--admin", "127.0.0.1:0"], &server());
    client.greet();
    let url = client.summary()["admin"].as_str().expect("an address").to_owned();
    let admin: SocketAddr = url.trim_start_matches("http://").parse().expect("an address");
    assert_eq!(Scrape::of(admin).sum("mcp_active_connections"), 1.0);
    let errors = client.end().errors;
    assert_eq!(errors, format!("mcp-tap: admin port: {admin}\n"));
}
