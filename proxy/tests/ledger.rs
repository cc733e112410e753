//! Promise 3, honest: every request is counted once, in exactly one result and, if it failed, with exactly one fault.
//! Thousands of calls with ordered faults, then callers that leave at random bytes.

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::json;
use support::chaos::{self, Plan};
use support::random::Random;
use support::scrape::Scrape;
use support::tap::through_proxy_with;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CALLERS: u64 = 16;
const CALLS: u64 = 250;

/// Traces are made and written wherever they can be, and no collector is there.
const TRACED: [&str; 6] =
    ["--otlp-endpoint", "http://127.0.0.1:9", "--propagate", "full", "--trace-ratio", "50%"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_counted_once_with_the_ordered_result_and_fault() {
    calls_are_counted_as_ordered(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_traces_every_call_is_counted_the_same() {
    let scrape = calls_are_counted_as_ordered(&TRACED).await;
    spans_are_accounted_for(&scrape);
    // Every exchange was that of one call.
    assert_eq!(scrape.sum("mcp_proxy_trace_decisions_total"), (CALLERS * CALLS) as f64);
}

/// Every span that was to be exported was, or was dropped, or waits.
fn spans_are_accounted_for(scrape: &Scrape) {
    let parts = ["exported_total", "dropped_total", "queued"].map(|part| format!("mcp_proxy_spans_{part}"));
    let total = scrape.sum("mcp_proxy_spans_total");
    assert!(total > 0.0);
    assert_eq!(parts.iter().map(|part| scrape.sum(part)).sum::<f64>(), total);
    let kept = |decision| scrape.sum_where("mcp_proxy_trace_decisions_total", &[("decision", decision)]);
    assert!(total >= ["parent", "error", "slow", "ratio"].map(kept).iter().sum());
}

async fn calls_are_counted_as_ordered(flags: &[&str]) -> Scrape {
    let tap = through_proxy_with(&format!("http://{}", chaos::start().await), flags);
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        callers.push(tokio::spawn(call_many(tap.traffic, caller)));
    }
    let mut ordered: BTreeMap<Plan, u64> = BTreeMap::new();
    for caller in callers {
        for plan in caller.await.expect("the caller ran to its end") {
            *ordered.entry(plan).or_default() += 1;
        }
    }

    let mut results: BTreeMap<(String, String, String), f64> = BTreeMap::new();
    let mut faults: BTreeMap<(String, String), f64> = BTreeMap::new();
    let mut interim: BTreeMap<String, f64> = BTreeMap::new();
    for (plan, count) in &ordered {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let count = *count as f64;
        let tool = tool(*plan);
        match plan.expected() {
            Some((result, error_type, fault)) => {
                *results.entry((tool.clone(), result.into(), error_type.into())).or_default() += count;
                if !fault.is_empty() {
                    *faults.entry((tool, fault.into())).or_default() += count;
                }
            }
            None => *interim.entry(tool).or_default() += count,
        }
    }
    let scrape = tap.scrape_when_idle();
    assert_eq!(
        scrape.by("mcp_tool_requests_total", ["tool_name", "result", "error_type"]),
        results.into_iter().map(|((tool, result, error), n)| ([tool, result, error], n)).collect()
    );
    assert_eq!(
        scrape.by("mcp_proxy_faults_total", ["tool_name", "fault"]),
        faults.into_iter().map(|((tool, fault), n)| ([tool, fault], n)).collect()
    );
    assert_eq!(
        scrape.by("mcp_proxy_interim_results_total", ["tool_name"]),
        interim.into_iter().map(|(tool, n)| ([tool], n)).collect()
    );
    scrape
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_leave_at_random_bytes_are_counted_at_most_once() {
    those_who_leave_are_counted_at_most_once(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_traces_callers_that_leave_are_counted_the_same() {
    let scrape = those_who_leave_are_counted_at_most_once(&TRACED).await;
    spans_are_accounted_for(&scrape);
}

async fn those_who_leave_are_counted_at_most_once(flags: &[&str]) -> Scrape {
    let tap = through_proxy_with(&format!("http://{}", chaos::start().await), flags);
    let mut random = Random::new(7);
    for id in 0..1000 {
        let plan = Plan::ALL[random.below(Plan::ALL.len())];
        let request = request(plan, id, random.below(300));
        let mut stream = TcpStream::connect(tap.traffic).await.expect("the sidecar accepts");
        // Part of the request, or all of it and part of the answer.
        let sent = random.below(request.len() * 2).min(request.len());
        stream.write_all(&request[..sent]).await.ok();
        let mut answer = vec![0; random.below(64)];
        if sent == request.len() && !answer.is_empty() {
            // How much of it came does not matter.
            let _read = stream.read(&mut answer).await;
        }
        if random.below(2) == 0 {
            stream.set_zero_linger().ok();
        }
    }
    let scrape = tap.scrape_when_idle();
    let ended = scrape.sum("mcp_tool_requests_total");
    let failed = ended - scrape.sum_where("mcp_tool_requests_total", &[("result", "success")]);
    let operations =
        scrape.sum_where("mcp_server_operation_duration_seconds_count", &[("mcp_method_name", "tools/call")]);
    let interim = scrape.sum("mcp_proxy_interim_results_total");
    assert!(operations > 100.0 && operations <= 1000.0, "{operations} calls were complete");
    assert_eq!(ended + interim, operations);
    assert_eq!(scrape.sum("mcp_proxy_faults_total"), failed);
    scrape
}

/// Makes the calls of one caller over kept-alive connections; gives the plans in their order.
async fn call_many(address: SocketAddr, caller: u64) -> Vec<Plan> {
    let mut random = Random::new(caller + 1);
    let mut plans = Vec::new();
    let mut connection: Option<TcpStream> = None;
    for id in 0..CALLS {
        let plan = Plan::ALL[random.below(Plan::ALL.len())];
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => TcpStream::connect(address).await.expect("the sidecar accepts"),
        };
        stream.write_all(&request(plan, caller * CALLS + id, random.below(300))).await.expect("it reads");
        plans.push(plan);
        if read_answer(&mut stream).await {
            connection = Some(stream);
        }
    }
    plans
}

/// Reads one answer to its end; `true` when the connection can be used again.
async fn read_answer(stream: &mut TcpStream) -> bool {
    let mut answer = Vec::new();
    loop {
        if complete(&answer) {
            return true;
        }
        if !matches!(stream.read_buf(&mut answer).await, Ok(1..)) {
            return false;
        }
    }
}

fn complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    match head
        .split("content-length:")
        .nth(1)
        .and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok())
    {
        Some(length) => body.len() >= length,
        None => body.ends_with("0\r\n\r\n"),
    }
}

/// Each plan has a tool of its own that ever succeeds or not; names are admitted by their first result.
fn tool(plan: Plan) -> String {
    match plan {
        Plan::Ok | Plan::OkStream | Plan::ToolError | Plan::ToolErrorStream => plan.name(),
        _ => "_other".into(),
    }
}

fn request(plan: Plan, id: u64, at: usize) -> Vec<u8> {
    let body = json!({
        "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {
            "name": plan.name(),
            "arguments": {"plan": plan.name(), "at": at},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "ledger", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    })
    .to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nhost: ledger\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: {}\r\ncontent-length: {}\r\n\r\n{body}",
        plan.name(),
        body.len()
    )
    .into_bytes()
}
