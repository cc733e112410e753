//! All that a scenario needs, started and connected.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::alertmanager::Alertmanager;
use super::support::chaos::{self, Plan};
use super::support::process::{Process, fail, without_variables};
use super::support::prometheus::{Prometheus, Setup};
use super::support::tap::{EXECUTABLE, Tap, through_proxy_with};
use super::support::webhook::Webhook;

/// The namespace of the target.
pub(crate) const NAMESPACE: &str = "trial";

/// Time between two calls.
const PACE: Duration = Duration::from_millis(40);

/// Windows of seconds. The factor of the page is 0.4 · 600 / 20 = 12, so a ratio over 0.12 pages at 99 %.
const CONFIG: &str = "\
slo:
  trial: true
  period: 10m
  window: 20s
  evaluation_interval: 1s
  scrape_interval: 1s
  tiers:
    - {severity: page, long: 20s, short: 5s, budget: 40%, min_bad: 3}
    - {severity: ticket, long: 1m, short: 15s, budget: 30%, min_bad: 1}
  objectives:
    - {name: availability, sli: availability, target: 99}
    - {name: latency, sli: latency, target: 95, threshold: 1s}
";

/// A scenario's world. Ends with it.
pub(crate) struct Stage {
    pub(crate) webhook: Webhook,
    pub(crate) prometheus: Prometheus,
    /// Whether the rules are the generated ones, and not those that stand in for them.
    pub(crate) generated: bool,
    _alertmanager: Alertmanager,
    tap: Tap,
    traffic: Traffic,
    _folder: TempDir,
}

impl Stage {
    /// Starts everything, and traffic that is answered well.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("mcp-tap.yml");
        std::fs::write(&config, CONFIG).expect("it is written");
        let config = config.display().to_string();
        let server = format!("http://{}", chaos::start().await);
        let (generated, rules, flags) = match run(&["rules", "--config", &config]) {
            (0, rules) => (true, rules, vec!["--name", "chaos", "--config", &config]),
            // A build without the command: rules of the same shape over the counts that it has.
            (64, text) if text.contains("unrecognized subcommand") => {
                (false, include_str!("rules.yml").to_owned(), vec!["--name", "chaos"])
            }
            (status, text) => fail(&format!("`mcp-tap rules` ended with {status}: {text}")),
        };
        let tap = through_proxy_with(&server, &flags);
        let traffic = Traffic::start(tap.traffic);
        let webhook = Webhook::start();
        let alertmanager = Alertmanager::start(&webhook);
        let prometheus = Prometheus::start(&Setup {
            targets: vec![(tap.admin, BTreeMap::from([("namespace".to_owned(), NAMESPACE.to_owned())]))],
            rules: vec![rules],
            alertmanager: Some(alertmanager.address),
            ..Setup::default()
        });
        Self { webhook, prometheus, generated, _alertmanager: alertmanager, tap, traffic, _folder: folder }
    }

    /// From now on the server does these, one after the other, again and again.
    pub(crate) fn serve(&self, plans: &[Plan]) {
        *self.traffic.plans.lock().unwrap_or_else(PoisonError::into_inner) = plans.to_vec();
    }

    /// No more calls; returns when the last one has been answered.
    pub(crate) fn stop(&self) {
        self.serve(&[]);
        let begun = self.traffic.turns.load(Ordering::SeqCst);
        self.tap.wait_until("the last call is over", || {
            (self.traffic.turns.load(Ordering::SeqCst) > begun + 1).then_some(())
        });
    }

    /// Waits until the windows hold traffic, all of it good.
    pub(crate) fn settled(&self) {
        self.prometheus
            .found("mcp_slo:error_ratio:rate20s{slo=\"availability\"} == 0 and mcp_slo:events:rate5s > 0");
    }

    /// The names of firing alerts that want somebody's attention.
    pub(crate) fn firing(&self) -> Vec<String> {
        let alerts = self.prometheus.alerts();
        let loud = |alert: &&Value| {
            alert["state"] == "firing"
                && ["page", "ticket"].map(Value::from).contains(&alert["labels"]["severity"])
        };
        let name = |alert: &Value| alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned();
        alerts.iter().filter(loud).map(name).collect()
    }

    /// `GET /slo` of the sidecar.
    pub(crate) fn report(&self) -> Value {
        let (status, text) = slo(&["--admin", &format!("http://{}", self.tap.admin), "--json"]);
        assert_eq!(status, 0, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }
}

/// `mcp-tap slo`: its status, and what it printed.
pub(crate) fn slo(flags: &[&str]) -> (i32, String) {
    run(&[&["slo"], flags].concat())
}

fn run(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(EXECUTABLE);
    without_variables(&mut command, &["MCP_TAP_"]);
    let (status, lines) = Process::start("mcp-tap", command.args(arguments)).finish(Duration::from_secs(30));
    (status.code().expect("it ended by itself"), lines.join("\n") + "\n")
}

/// A client that calls one tool at a steady pace.
struct Traffic {
    plans: Arc<Mutex<Vec<Plan>>>,
    turns: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Traffic {
    fn start(tap: SocketAddr) -> Self {
        let plans = Arc::new(Mutex::new(vec![Plan::Ok]));
        let (turns, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (ordered, turn, end) = (Arc::clone(&plans), Arc::clone(&turns), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                let at = turn.fetch_add(1, Ordering::SeqCst);
                let plans = ordered.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if !plans.is_empty() {
                    call(tap, plans[usize::try_from(at).expect("few calls") % plans.len()], at);
                }
                std::thread::sleep(PACE);
            }
        });
        Self { plans, turns, ended, thread: Some(thread) }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // Its panic is no second one: the scenario fails by what it did not see.
            let _ended = thread.join();
        }
    }
}

/// One call over a connection of its own. How it ends is the server's plan; nobody looks.
fn call(tap: SocketAddr, plan: Plan, id: u64) {
    // Different arguments: the same call again and again would be a loop.
    let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {"name": "work", "arguments": {"plan": plan.name(), "number": id}}})
    .to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answered = TcpStream::connect(tap).and_then(|mut stream| {
        stream.write_all(request.as_bytes())?;
        stream.read_to_end(&mut Vec::new())
    });
    // The sidecar is ended before the traffic when a scenario fails.
    let _any = answered;
}
