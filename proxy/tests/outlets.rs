//! Metrics beside the scrape, with the real program: a collector gets by OTLP what `/metrics` says, and a file holds it.
//! Neither keeps anything from working or ending.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mcp_tap::clock;
use mcp_tap::telemetry::names::Metric;
use serde_json::{Value, json};
use support::client::RawClient;
use support::collector::{Behaviour, Collector};
use support::parts::Parts;
use support::process::{Process, free_port, without_variables};
use support::promtool;
use support::scrape::{Scrape, Series, page};
use support::series;
use support::server::ScriptedServer;
use support::tap::{EXECUTABLE, Tap, through_proxy_by};

const PROTOCOLS: [&str; 2] = ["http/protobuf", "grpc"];

/// A server of a few tools, one of which fails.
fn server() -> ScriptedServer {
    ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let Ok(request) = serde_json::from_slice::<Value>(&request.body) else {
                connection.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
                continue;
            };
            let tools = json!([{"name": "work", "inputSchema": {"type": "object"}}, {"name": "fail"}]);
            let mut answer = json!({"jsonrpc": "2.0", "id": request["id"]});
            match (request["method"].as_str(), request["params"]["name"].as_str()) {
                (Some("initialize"), _) => {
                    answer["result"] = json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                        "serverInfo": {"name": "a \"server\"\\", "version": "1"}});
                }
                (Some("tools/list"), _) => answer["result"] = json!({ "tools": tools }),
                (_, Some("fail")) => answer["error"] = json!({"code": -32603, "message": "no"}),
                (_, Some("work")) => {
                    answer["result"] = json!({"content": [{"type": "text", "text": "done"}]});
                }
                _ => answer["error"] = json!({"code": -32602, "message": "no such tool"}),
            }
            let answer = answer.to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
            connection.send(format!("{head}{}\r\n\r\n{answer}", answer.len()).as_bytes());
        }
    })
}

/// Sends a bit of everything: a session, calls that end in every way, and what is no MCP.
fn converse(tap: &Tap, calls: usize) {
    let mut client = RawClient::connect(tap.traffic);
    let mut send = |id: usize, method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        let head = "POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: ";
        let answer = client.exchange(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes());
        assert_eq!(answer.status(), 200);
    };
    let client_info = json!({"name": "claude-ai", "version": "1"});
    send(
        0,
        "initialize",
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client_info}),
    );
    send(1, "tools/list", json!({}));
    for id in 0..calls {
        let tool = ["work", "work", "fail", "none\n\"such\\"][id % 4];
        send(id + 2, "tools/call", json!({"name": tool, "arguments": {"a": id / 2}}));
    }
    assert_eq!(client.exchange(b"GET /other HTTP/1.1\r\nHost: h\r\n\r\n").status(), 404);
}

/// The proxy with these flags and variables of OpenTelemetry and no others.
fn tap_with(server: &ScriptedServer, flags: &[&str], variables: &[(&str, &str)]) -> Tap {
    let mut command = Command::new(EXECUTABLE);
    without_variables(&mut command, &["OTEL_", "MCP_TAP_"]);
    command.env("OTEL_BSP_SCHEDULE_DELAY", "50").envs(variables.iter().copied());
    through_proxy_by(&mut command, &format!("http://{}", server.address), flags)
}

/// The same with metrics for a collector.
fn tap(server: &ScriptedServer, collector: &Collector, flags: &[&str], variables: &[(&str, &str)]) -> Tap {
    let endpoint = collector.endpoint();
    let mut all = vec!["--otlp-endpoint", &endpoint, "--trace-ratio", "1"];
    if !flags.contains(&"--otlp-metrics") {
        all.extend(["--otlp-metrics", "on"]);
    }
    all.extend(flags);
    tap_with(server, &all, variables)
}

/// Families that a look itself changes, or time: of them only names and labels are compared.
fn moves(name: &str) -> bool {
    name.starts_with("process_")
        || [Metric::MetricsExports, Metric::MetricsFileWrites].iter().any(|metric| metric.name() == name)
}

/// Values as texts by name and labels.
type Shown = BTreeMap<(String, BTreeMap<String, String>), String>;

/// All of them, for there may be a `NaN`; nothing for those that move.
fn still(series: &Series) -> Shown {
    let shown = |name: &str, value: &f64| if moves(name) { String::new() } else { value.to_string() };
    series.iter().map(|(key, value)| (key.clone(), shown(&key.0, value))).collect()
}

fn exports(scrape: &Scrape, result: &str) -> f64 {
    scrape.sum_where(Metric::MetricsExports.name(), &[("result", result)])
}

/// Waits until the page and what `other` gives are the same; gives it.
fn await_equal(tap: &Tap, what: &str, other: impl Fn() -> Option<Series>) -> Series {
    let last = std::cell::RefCell::new((BTreeMap::new(), BTreeMap::new()));
    let deadline = clock::now() + Duration::from_secs(15);
    tap.wait_until(what, || {
        let scraped = still(&Scrape::of(tap.admin).series());
        let series = other()?;
        if still(&series) == scraped {
            return Some(series);
        }
        last.replace((still(&series), scraped));
        // Says which, in place of that something is.
        if clock::now() > deadline {
            let (series, scraped) = last.take();
            let only = |one: &Shown, other: &Shown| {
                let differ = one.iter().filter(|(key, value)| other.get(*key) != Some(*value));
                differ.map(|each| format!("{each:?}")).collect::<Vec<_>>()
            };
            assert_eq!(only(&series, &scraped), only(&scraped, &series), "{what}");
        }
        None
    })
}

#[test]
fn a_collector_gets_every_family_and_sample_of_the_scrape() {
    for protocol in PROTOCOLS {
        for compression in ["none", "gzip"] {
            let (server, collector) = (server(), Collector::start());
            let flags =
                ["--otlp-protocol", protocol, "--otlp-metrics-interval", "100ms", "--name", "a \"b\"\\"];
            let tap = tap(&server, &collector, &flags, &[("OTEL_EXPORTER_OTLP_COMPRESSION", compression)]);
            converse(&tap, 20);
            tap.scrape_when_idle();
            let sent = await_equal(&tap, "the collector has what is scraped", || {
                collector.metrics().last().map(series::of)
            });
            assert!(sent.len() > 300, "{}", sent.len());
            for (metric, labels, value) in [
                (Metric::ToolRequests, vec![("result", "success"), ("tool_name", "work")], 10.0),
                (Metric::Faults, vec![("tool_name", "fail")], 5.0),
                (Metric::UnknownToolCalls, vec![], 5.0),
            ] {
                let has = |series: &BTreeMap<String, String>| {
                    labels.iter().all(|(label, value)| series.get(*label).is_some_and(|text| text == value))
                };
                let found = sent.iter().filter(|((name, series), _)| name == metric.name() && has(series));
                assert_eq!(found.map(|(_, value)| value).sum::<f64>(), value, "{}", metric.name());
            }
            assert!(sent.keys().all(|(_, labels)| labels["mcp_server"] == "a \"b\"\\"));
            let arrivals = collector.arrivals();
            let ours =
                |arrival: &&support::collector::Arrival| arrival.path.to_lowercase().contains("metrics");
            let arrival = arrivals.iter().find(ours).unwrap();
            assert_eq!(arrival.protocol, protocol);
            assert_eq!(arrival.encoding, if compression == "gzip" { "gzip" } else { "" });
            let (status, log) = tap.stop_with_log();
            assert!(status.success() && !log.contains("WARN"), "{log}");
        }
    }
}

#[test]
fn metrics_and_spans_name_the_same_resource() {
    let (server, collector) = (server(), Collector::start());
    let tap = tap(&server, &collector, &[], &[("OTEL_SERVICE_NAME", "named")]);
    converse(&tap, 4);
    let (status, log) = tap.stop_with_log();
    assert!(status.success(), "{log}");
    let resource = series::resource(collector.metrics().last().unwrap());
    assert_eq!(resource["service.name"], "named");
    assert_eq!(resource["service.instance.id"].len(), 36);
    let plain = |(key, value): (String, String)| (key, value.trim_matches('"').to_owned());
    let of_spans = collector.spans().into_iter().map(|span| span.resource.into_iter().map(plain).collect());
    let of_spans: BTreeSet<BTreeMap<_, _>> = of_spans.collect();
    assert_eq!(of_spans, BTreeSet::from([resource]));
}

#[test]
fn metrics_go_without_traces_and_traces_without_metrics() {
    let (server, collector) = (server(), Collector::start());
    let metrics = tap(&server, &collector, &[], &[("OTEL_TRACES_EXPORTER", "none")]);
    converse(&metrics, 4);
    let (status, log) = metrics.stop_with_log();
    assert!(status.success() && !log.contains("WARN"), "{log}");
    assert_eq!((collector.metrics().len(), collector.spans().len()), (1, 0));

    for (flags, variables) in
        [(&["--otlp-metrics", "off"][..], &[][..]), (&[], &[("OTEL_METRICS_EXPORTER", "none")])]
    {
        let collector = Collector::start();
        let traces = tap(&server, &collector, flags, variables);
        converse(&traces, 4);
        let (status, log) = traces.stop_with_log();
        assert!(status.success() && !log.contains("exporting metrics"), "{log}");
        assert!(collector.metrics().is_empty() && !collector.spans().is_empty());
    }
}

/// Short-lived processes end before the first interval does.
#[test]
fn the_last_export_says_how_everything_ended() {
    for protocol in PROTOCOLS {
        let (server, collector) = (server(), Collector::start());
        let tap = tap(&server, &collector, &["--otlp-protocol", protocol], &[]);
        converse(&tap, 8);
        let (status, log) = tap.stop_with_log();
        assert!(status.success() && !log.contains("WARN"), "{log}");
        let [last] = &collector.metrics()[..] else { support::process::fail("there is not one request") };
        let sent = series::of(last);
        let sum = |metric: Metric| {
            sent.iter().filter(|((name, _), _)| name == metric.name()).map(|(_, value)| value).sum::<f64>()
        };
        assert_eq!(sum(Metric::ToolRequests), 8.0);
        assert_eq!(sum(Metric::ActiveConnections), 0.0);
        // What became of the spans is known by then.
        assert_eq!(sum(Metric::SpansExported), collector.spans().len() as f64);
        assert_eq!(sum(Metric::SpansQueued), 0.0);
    }
}

#[test]
fn a_collector_that_is_dead_or_hangs_is_counted_and_holds_up_nothing() {
    for protocol in PROTOCOLS {
        for behaviour in [Behaviour::Refuse, Behaviour::Hang] {
            let (server, collector) = (server(), Collector::behaving(&[behaviour]));
            let flags = ["--otlp-protocol", protocol, "--otlp-metrics-interval", "100ms"];
            let variables = [
                ("OTEL_TRACES_EXPORTER", "none"),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "200"),
                ("OTEL_METRIC_EXPORT_TIMEOUT", "400"),
            ];
            let tap = tap(&server, &collector, &flags, &variables);
            let failed = || Scrape::of(tap.admin);
            converse(&tap, 20);
            tap.wait_until("exports fail", || (exports(&failed(), "failure") >= 2.0).then_some(()));
            assert_eq!(exports(&failed(), "success"), 0.0);
            collector.behave(&[Behaviour::Store]);
            tap.wait_until("they work again", || (exports(&failed(), "success") >= 1.0).then_some(()));
            collector.behave(&[behaviour]);
            converse(&tap, 20);
            let start = clock::now();
            let (status, log) = tap.stop_with_log();
            assert!(clock::now() - start < Duration::from_secs(9), "{log}");
            assert!(status.success() && log.contains("metrics cannot be exported"), "{log}");
            assert!(log.contains("metrics are exported again"), "{log}");
        }
    }
}

#[test]
fn what_a_collector_refuses_is_told_and_counted() {
    for protocol in PROTOCOLS {
        let (server, collector) = (server(), Collector::behaving(&[Behaviour::Partial(3)]));
        let flags = ["--otlp-protocol", protocol, "--otlp-metrics-interval", "100ms"];
        let tap = tap(&server, &collector, &flags, &[("OTEL_TRACES_EXPORTER", "none")]);
        let partial = || exports(&Scrape::of(tap.admin), "partial");
        tap.wait_until("some are refused", || (partial() >= 2.0).then_some(()));
        assert_eq!(exports(&Scrape::of(tap.admin), "success"), 0.0);
        let (_, log) = tap.stop_with_log();
        assert_eq!(log.matches("the collector refuses metrics").count(), 1, "{log}");
    }
}

#[test]
fn metrics_for_nowhere_are_a_mistake_that_is_told_with_its_remedy() {
    let mut command = Command::new(EXECUTABLE);
    without_variables(&mut command, &["OTEL_", "MCP_TAP_"]);
    let output = command.args(["run", "--upstream", "http://127.0.0.1:9", "--otlp-metrics", "on"]).output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("--otlp-metrics: ") && said.contains("--otlp-endpoint http://"), "{said}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary names are text")
}

fn read(path: &Path) -> Option<Series> {
    Some(Scrape::parse(&fs::read_to_string(path).ok()?).series())
}

#[test]
fn the_file_holds_what_is_scraped_and_stays_after_the_end() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let path = folder.path().join("a.prom");
    let flags = ["--metrics-file", text(&path), "--metrics-file-interval", "100ms"];
    let tap = tap_with(&server, &flags, &[]);
    converse(&tap, 20);
    tap.scrape_when_idle();
    await_equal(&tap, "the file holds what is scraped", || read(&path));
    let page = page(tap.admin, "/metrics");
    let file = fs::read_to_string(&path).unwrap();
    let heads = |text: &str| {
        let heads = text.lines().filter(|line| line.starts_with('#'));
        heads.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(heads(&file), heads(&page));
    promtool::accepts_page(&file);
    let (status, log) = tap.stop_with_log();
    assert!(status.success() && !log.contains("WARN"), "{log}");
    promtool::accepts_page(&fs::read_to_string(&path).unwrap());
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["a.prom"]);
}

#[test]
fn the_last_write_says_how_everything_ended() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let path = folder.path().join("a.prom");
    let tap = tap_with(&server, &["--metrics-file", text(&path)], &[]);
    converse(&tap, 8);
    let (status, log) = tap.stop_with_log();
    assert!(status.success(), "{log}");
    let last = Scrape::parse(&fs::read_to_string(&path).unwrap());
    assert_eq!(last.sum(Metric::ToolRequests.name()), 8.0);
    assert_eq!(last.sum(Metric::ActiveConnections.name()), 0.0);
}

#[test]
fn a_reader_of_the_file_never_sees_a_part() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let path = folder.path().join("a.prom");
    let tap = tap_with(&server, &["--metrics-file", text(&path), "--metrics-file-interval", "100ms"], &[]);
    converse(&tap, 40);
    tap.wait_until("it is written", || path.exists().then_some(()));
    let (mut contents, deadline) = (BTreeSet::new(), clock::now() + support::PATIENCE);
    while contents.len() < 10 {
        assert!(clock::now() < deadline, "only {} contents were seen", contents.len());
        let text = fs::read_to_string(&path).unwrap();
        // The last family in the order of names, whole.
        let last = text.lines().last().unwrap_or_default();
        let whole = text.ends_with('\n') && last.starts_with("tool_response_time_seconds_count{");
        assert!(whole || contents.is_empty(), "{} bytes, the last line is {last}", text.len());
        if whole {
            contents.insert(text);
        }
    }
    let (status, log) = tap.stop_with_log();
    assert!(status.success(), "{log}");
}

#[test]
fn a_directory_that_comes_late_is_told_once_and_used_then() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let path = folder.path().join("late/a.prom");
    let tap = tap_with(&server, &["--metrics-file", text(&path), "--metrics-file-interval", "100ms"], &[]);
    let writes =
        |result| Scrape::of(tap.admin).sum_where(Metric::MetricsFileWrites.name(), &[("result", result)]);
    converse(&tap, 4);
    tap.wait_until("writing fails", || (writes("failure") >= 3.0).then_some(()));
    assert_eq!(writes("success"), 0.0);
    fs::create_dir(folder.path().join("late")).unwrap();
    tap.wait_until("it is written", || (writes("success") >= 2.0).then_some(()));
    assert!(!read(&path).unwrap().is_empty());
    let (status, log) = tap.stop_with_log();
    assert!(status.success(), "{log}");
    assert_eq!(log.matches("metrics are not written").count(), 1, "{log}");
    assert_eq!(log.matches("metrics are written again").count(), 1, "{log}");
}

/// Another maker's messages and gRPC read what is sent as what is written to the file at the same end.
#[test]
fn another_maker_reads_the_same_metrics() {
    for protocol in PROTOCOLS {
        let (server, folder, port) = (server(), tempfile::tempdir().unwrap(), free_port().to_string());
        let mut script = Parts::find().script("foreign_metrics.py");
        let foreign = Process::start("foreign_metrics.py", script.arg(protocol).env("PORT", &port));
        foreign.wait_for_line("that it listens", |line| (line == "listening").then_some(()));
        let path = folder.path().join("a.prom");
        let endpoint = format!("http://127.0.0.1:{port}");
        let flags = ["--otlp-endpoint", &endpoint, "--otlp-protocol", protocol, "--otlp-metrics", "on"];
        let all = [&flags[..], &["--metrics-file", text(&path)]].concat();
        let tap = tap_with(&server, &all, &[("OTEL_TRACES_EXPORTER", "none")]);
        converse(&tap, 20);
        let (status, log) = tap.stop_with_log();
        assert!(status.success() && !log.contains("WARN"), "{log}");
        let (status, lines) = foreign.finish(support::PATIENCE);
        assert!(status.success(), "{lines:?}");
        let line = lines.iter().find(|line| line.starts_with('[')).expect("a list");
        let samples: Vec<(String, BTreeMap<String, String>, String)> = serde_json::from_str(line).unwrap();
        let number = |text: &str| text.parse::<f64>().unwrap();
        let seen: Series = samples
            .into_iter()
            .map(|(name, mut labels, value)| {
                for special in ["le", "quantile"] {
                    labels.entry(special.to_owned()).and_modify(|text| *text = number(text).to_string());
                }
                ((name, labels), number(&value))
            })
            .collect();
        assert!(seen.len() > 300, "{}", seen.len());
        assert_eq!(still(&seen), still(&read(&path).unwrap()), "{protocol}");
    }
}
