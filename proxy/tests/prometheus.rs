//! What the sidecar shows, read by others: a real Prometheus scrapes it, and Prometheus' own parser reads OpenMetrics.

mod support;

use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use support::chaos::{self, Plan};
use support::parts::Parts;
use support::process::{Process, free_port};
use support::scrape::page;
use support::tap::{Tap, through_proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const QUERY: &str = "/api/v1/query?query=sum%20by%20(tool_name,result)(mcp_tool_requests_total)";

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
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("prometheus.yml");
    write!(
        std::fs::File::create(&config).expect("a file"),
        "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: tap, static_configs: [{{targets: ['{}']}}]}}]\n",
        tap.admin
    )
    .expect("it is written");
    let port = free_port();
    // Native histograms make it ask for protobuf first; it must be content with text.
    let prometheus = Process::start(
        "prometheus",
        Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--enable-feature=exemplar-storage,native-histograms"),
    );
    prometheus.wait_for_line("that it is ready", |line| line.contains("Server is ready").then_some(()));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let found = prometheus.wait_until("the calls are scraped", || {
        let answer: Value = serde_json::from_str(&page(address, QUERY)).ok()?;
        let found = answer["data"]["result"].as_array()?.clone();
        (found.len() >= 2).then_some(found)
    });
    let count = |tool: Plan, result: &str| {
        let labels = json!({"tool_name": tool.name(), "result": result});
        found.iter().find(|series| series["metric"] == labels).map(|series| series["value"][1].clone())
    };
    assert_eq!(count(Plan::Ok, "success"), Some(json!("3")), "{found:?}");
    assert_eq!(count(Plan::ToolError, "error"), Some(json!("2")), "{found:?}");
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
