//! Where traces go is said at start, and a collector that is not there keeps nothing from working or ending.

mod support;

use std::process::{Command, Stdio};

use serde_json::Value;
use support::chaos;
use support::process::{Process, free_port};
use support::tap::{EXECUTABLE, through_proxy_by};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_collector_keeps_nothing_from_working_or_ending() {
    let upstream = format!("http://{}", chaos::start().await);
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let mut command = Command::new(EXECUTABLE);
    command.env("OTEL_TRACES_SAMPLER", "jaeger_remote").env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hidden");
    let flags =
        ["--otlp-endpoint", &endpoint, "--trace-ratio", "7%", "--propagate", "full", "--capture", "*:*"];
    let tap = through_proxy_by(&mut command, &upstream, &flags);
    let scrape = tap.scrape_when_idle();
    for counter in ["mcp_proxy_spans_total", "mcp_proxy_spans_exported_total", "mcp_proxy_spans_queued"] {
        assert_eq!(scrape.sum(counter), 0.0, "{counter}");
    }
    let (status, log) = tap.stop();
    assert!(status.success(), "{log}");
    assert!(log.contains("drained") && !log.contains("hidden"), "{log}");
}

#[test]
fn where_traces_go_is_said_at_start() {
    let mut command = Command::new(EXECUTABLE);
    command
        .args([
            "run",
            "--upstream",
            "http://127.0.0.1:9",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
        ])
        .args(["--log-format", "json", "--trace-ratio", "7%", "--propagate", "full", "--capture", "*:*;a:b"])
        .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9/own/path?key=hidden")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    let line = Process::start("mcp-tap", &mut command).wait_for_line("where traces go", |line| {
        serde_json::from_str::<Value>(line).ok().filter(|line| line["message"] == "exporting traces")
    });
    for (field, expected) in [
        ("endpoint", "http://127.0.0.1:9/own/path"),
        ("protocol", "http/protobuf"),
        ("ratio", "7%"),
        ("propagate", "full"),
        ("trust", "continue"),
    ] {
        assert_eq!(line[field], expected, "{line}");
    }
    assert_eq!(line["capture"], 2);
}

#[test]
fn what_is_wrong_or_without_effect_is_said() {
    let run = |flags: &[&str], variables: &[(&str, &str)]| {
        let output = Command::new(EXECUTABLE)
            .args([
                "run",
                "--upstream",
                "http://127.0.0.1:9",
                "--listen",
                "192.0.2.1:1",
                "--admin",
                "127.0.0.1:0",
            ])
            .args(flags)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, log) = run(&["--trace-ratio", "10", "--capture", "search"], &[]);
    assert_eq!(status, Some(64), "{log}");
    assert!(log.contains("--trace-ratio: \"10\"") && log.contains("--capture: \"search\""), "{log}");
    // It cannot listen there, and says so after its warnings.
    for (flags, variables, expected) in [
        (&["--trace-ratio", "1"][..], &[][..], "--trace-ratio: there are no traces without otlp_endpoint"),
        (&[], &[("OTEL_TRACES_EXPORTER", "zipkin")], "OTEL_TRACES_EXPORTER: \"zipkin\""),
        (&[], &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], "OTEL_EXPORTER_OTLP_PROTOCOL: \"http/json\""),
        (
            &["--otlp-endpoint", "http://localhost:4318"],
            &[("OTEL_SDK_DISABLED", "true")],
            "--otlp-endpoint: there are no traces, for OTEL_SDK_DISABLED forbids them",
        ),
    ] {
        let (status, log) = run(flags, variables);
        assert_eq!(status, Some(1), "{log}");
        assert!(log.contains("WARN") && log.contains(expected), "{expected}: {log}");
    }
}
