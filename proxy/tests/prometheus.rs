//! What the sidecar shows, read by others: a real Prometheus scrapes it, and Prometheus' own parser reads OpenMetrics.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use support::chaos::{self, Plan};
use support::parts::Parts;
use support::process::Process;
use support::prometheus::{Prometheus, Setup};
use support::tap::{Tap, through_proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const QUERY: &str = "sum by (tool_name, result) (mcp_tool_requests_total)";

/// Three good calls and two bad ones.
async fn called() -> Tap {
    let tap = through_proxy(&format!("http://{}", chaos::start().await));
    for plan in [Plan::Ok, Plan::Ok, Plan::Ok, Plan::ToolError, Plan::ToolError] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": plan.name(), "arguments": {"plan": plan.name()}}})
        .to_string();
        let mut stream = TcpStream::connect(tap.traffic).await.expect("the sidecar accepts");
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("it answers");
    }
    tap
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_scrapes_the_counts() {
    let tap = called().await;
    // Native histograms make it ask for protobuf first; it must be content with text.
    let prometheus = Prometheus::start(&Setup {
        targets: vec![(tap.admin, BTreeMap::new())],
        flags: vec!["--enable-feature=exemplar-storage,native-histograms".to_owned()],
        ..Setup::default()
    });
    let found = prometheus.wait_until("the calls are scraped", || {
        Some(prometheus.query(QUERY)).filter(|found| found.len() >= 2)
    });
    let count = |tool: Plan, result: &str| {
        let labels = json!({"tool_name": tool.name(), "result": result});
        found.iter().find(|(metric, _)| *metric == labels).map(|(_, value)| *value)
    };
    assert_eq!(count(Plan::Ok, "success"), Some(3.0), "{found:?}");
    assert_eq!(count(Plan::ToolError, "error"), Some(2.0), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_own_parser_reads_the_openmetrics_text() {
    let tap = called().await;
    tap.scrape_when_idle();
    let url = format!("http://{}/metrics", tap.admin);
    let mut script = Parts::find().script("openmetrics.py");
    let reader = Process::start("openmetrics.py", script.args([&url, "mcp_tool_requests"]));
    let (status, lines) = reader.finish(Duration::from_secs(30));
    assert!(status.success(), "{lines:?}");
    let samples: Value = serde_json::from_str(&lines.join("\n")).expect("JSON");
    let sum: f64 = samples.as_array().into_iter().flatten().filter_map(|sample| sample[2].as_f64()).sum();
    assert_eq!(sum, 5.0, "{samples}");
}
