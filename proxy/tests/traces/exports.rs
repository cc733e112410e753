//! Protocols, the end of the process, and the other places where trace ids stand: metrics, operations, log.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use super::bench::{Bench, call, post};
use super::support::client::RawClient;
use super::support::collector::Collector;
use super::support::process::free_port;
use super::support::scrape::{page, page_as};
use super::support::server::ScriptedServer;
use super::support::spans::Span;
use super::support::tap::{EXECUTABLE, Tap, traced, traced_by};

const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";

/// The proxy with these variables, in front of a server that answers everything.
fn with_variables(collector: &Collector, variables: &[(&str, &str)], flags: &[&str]) -> Tap {
    let server = ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let message = serde_json::from_slice(&request.body).unwrap_or_default();
            connection.send(&super::bench::success(&message));
        }
    });
    let mut command = Command::new(EXECUTABLE);
    command.envs(variables.iter().copied());
    traced_by(&mut command, &format!("http://{}", server.address), collector, flags)
}

fn call_through(tap: &Tap) {
    let answer = RawClient::connect(tap.traffic).exchange(&post(&call(1, "echo", json!({})), &[]));
    assert_eq!(answer.status(), 200);
}

#[test]
fn both_protocols_bring_the_same_spans() {
    for protocol in ["http/protobuf", "grpc"] {
        for compression in ["none", "gzip"] {
            let collector = Collector::start();
            let variables = [
                ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
                ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc"),
                ("OTEL_SERVICE_NAME", "front"),
                ("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b,service.name=back"),
            ];
            let tap = with_variables(&collector, &variables, &["--otlp-protocol", protocol]);
            call_through(&tap);
            let spans = collector.await_count(2);
            let arrival = collector.arrivals().remove(0);
            assert_eq!(arrival.protocol, protocol);
            assert_eq!(arrival.encoding, compression.replace("none", ""), "{protocol}");
            assert_eq!(arrival.authorization, "Bearer abc", "{protocol}");
            for span in &spans {
                assert_eq!(span.service(), "front", "{protocol}");
                assert_eq!(span.resource["team"], "\"a b\"", "{protocol}");
                assert!(span.resource.contains_key("telemetry.sdk.name"), "{:?}", span.resource);
                assert_eq!(span.scope.0, "mcp-tap");
                assert!(span.start <= span.end && span.start > 0);
            }
            let (_, log) = tap.stop();
            assert!(!log.contains("abc"), "headers are secrets: {log}");
        }
    }
}

#[test]
fn the_standard_variables_turn_it_on_and_off() {
    let collector = Collector::start();
    let endpoint = collector.endpoint();
    let server = ScriptedServer::answering(super::bench::http("200 OK", "", "x"));
    let upstream = format!("http://{}", server.address);
    let run = |variables: &[(&str, &str)]| {
        let mut command = Command::new(EXECUTABLE);
        command.envs(variables.iter().copied()).env("OTEL_TRACES_SAMPLER", "always_on");
        let tap = super::support::tap::through_proxy_by(&mut command, &upstream, &[]);
        RawClient::connect(tap.traffic).exchange(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        tap.stop();
    };
    run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    let paths = |collector: &Collector| -> Vec<String> {
        collector.arrivals().into_iter().map(|arrival| arrival.path).collect()
    };
    assert_eq!((collector.spans().len(), paths(&collector)), (1, vec!["/v1/traces".to_owned()]));
    run(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("{endpoint}/own"))]);
    assert_eq!((collector.spans().len(), paths(&collector).pop()), (2, Some("/own".to_owned())));
    run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_SDK_DISABLED", "true")]);
    run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_TRACES_EXPORTER", "none")]);
    assert_eq!(paths(&collector).len(), 2, "it is off");
}

#[test]
fn without_an_endpoint_contexts_pass_as_any_header() {
    let server = ScriptedServer::answering(super::bench::http("200 OK", "", "{}"));
    let tap = super::support::tap::through_proxy(&format!("http://{}", server.address));
    let mut client = RawClient::connect(tap.traffic);
    let headers = [("traceparent", "whatever"), ("Traceparent", "00-1"), ("tracestate", " a , b")];
    client.exchange(&post(&call(1, "echo", json!({"traceparent": "x"})), &headers));
    let got = server.seen().remove(0);
    let traced: Vec<_> =
        got.headers.iter().filter(|(name, _)| name.to_ascii_lowercase().starts_with("trace")).collect();
    assert_eq!(traced.len(), 3, "{traced:?}");
    assert_eq!(
        serde_json::from_slice::<Value>(&got.body).unwrap(),
        call(1, "echo", json!({"traceparent": "x"}))
    );
    drop(client);
    assert_eq!(tap.scrape_when_idle().sum("mcp_proxy_trace_context_malformed_total"), 0.0);
}

#[test]
fn what_waits_is_sent_at_the_end() {
    for protocol in ["http/protobuf", "grpc"] {
        let collector = Collector::start();
        // Longer than the test lasts.
        let tap = with_variables(
            &collector,
            &[("OTEL_BSP_SCHEDULE_DELAY", "600000")],
            &["--otlp-protocol", protocol],
        );
        for _ in 0..10 {
            call_through(&tap);
        }
        tap.scrape_when_idle();
        assert!(collector.spans().is_empty(), "{protocol}");
        assert!(tap.stop().0.success());
        assert_eq!(collector.spans().len(), 20, "{protocol}");
    }
}

#[test]
fn exemplars_and_operations_name_exported_spans_only() {
    let bench = Bench::echoing(&["--trace-ratio", "0.5"]);
    for id in 0..50 {
        bench.exchange(&post(&call(id, "echo", json!({})), &[]));
    }
    bench.tap.scrape_when_idle();
    let metrics = page_as(bench.tap.admin, "/metrics", OPENMETRICS);
    let text = page(bench.tap.admin, "/metrics");
    let operations: Value = serde_json::from_str(&page(bench.tap.admin, "/operations")).unwrap();
    let spans = bench.finish();
    let exported: BTreeSet<(String, String)> = spans
        .iter()
        .filter(|span| span.kind == "SERVER")
        .map(|span| (span.trace_id.clone(), span.span_id.clone()))
        .collect();
    assert!((1..50).contains(&exported.len()), "{} of 50 were kept at 50 %", exported.len());

    let exemplars: BTreeSet<(String, String)> = metrics
        .lines()
        .filter_map(|line| {
            let label = |name: &str| {
                Some(line.split_once(" # {")?.1.split_once(name)?.1.split('"').nth(1)?.to_owned())
            };
            Some((label("trace_id=")?, label("span_id=")?))
        })
        .collect();
    assert!(!exemplars.is_empty(), "{metrics}");
    assert!(exemplars.is_subset(&exported), "{exemplars:?} are not all among {exported:?}");
    assert!(!text.contains("trace_id"), "the text format has no exemplars");

    let rows = operations["operations"].as_array().unwrap();
    assert_eq!(rows.len(), 50);
    let id = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let sampled: BTreeSet<(String, String)> = rows
        .iter()
        .filter(|row| row["sampled"] == true)
        .map(|row| (id(row, "trace_id"), id(row, "span_id")))
        .collect();
    assert_eq!(sampled, exported);
}

#[test]
fn log_lines_about_an_exchange_name_its_span() {
    let collector = Collector::start();
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let tap = traced(&nobody, &collector, &["--log-level", "debug"]);
    let mut request = post(&call(1, "echo", json!({"secret": "payload"})), &[]);
    let at = request.windows(2).position(|two| two == b"\r\n").unwrap();
    request.splice(at..at, b"\r\nx-secret: payload".iter().copied());
    RawClient::connect(tap.traffic).exchange(&request);
    let server = |span: &Span| span.kind == "SERVER";
    let spans = collector.await_spans("SERVER span", |spans| spans.iter().any(server));
    let (_, log) = tap.stop();
    assert!(!log.contains("payload"), "{log}");
    let server = spans.iter().find(|span| server(span)).unwrap();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let field = |line: &Value, name: &str| {
        line.get(name).or_else(|| line.get("fields")?.get(name)).and_then(Value::as_str).map(str::to_owned)
    };
    let named = |line: &&Value| {
        field(line, "trace_id").as_ref() == Some(&server.trace_id)
            && field(line, "span_id").as_ref() == Some(&server.span_id)
    };
    assert!(lines.iter().any(|line| named(&line)), "no line names {}: {log}", server.span_id);
}
