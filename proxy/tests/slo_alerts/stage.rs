//! All that the scenarios share, started and connected.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::sidecar::Sidecar;
use super::support::alertmanager::Alertmanager;
use super::support::collector::Collector;
use super::support::process::{Process, fail, without_variables};
use super::support::prometheus::{Prometheus, Setup};
use super::support::tap::EXECUTABLE;
use super::support::webhook::Webhook;

/// The namespace of the targets.
pub(crate) const NAMESPACE: &str = "trial";

/// Windows of seconds. The factor of the page is 0.4 · 600 / 20 = 12, so a ratio over 0.12 pages at 99 %; that of the
/// ticket 0.3 · 600 / 60 = 3, so 0.03 is a ticket.
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
    - {name: latency, sli: latency, target: 93, threshold: 1s}
    - {name: quality, sli: quality, target: 99}
cost: {per_second: 0.00002, per_gib: 0.09, per_million_tokens: 3}
state_interval: 1s
";

/// One Prometheus and one Alertmanager for a sidecar of each scenario. Ends with the test.
pub(crate) struct Stage {
    pub(crate) webhook: Webhook,
    pub(crate) prometheus: Prometheus,
    pub(crate) alertmanager: Alertmanager,
    pub(crate) sidecars: Vec<Sidecar>,
    /// The generated rules.
    pub(crate) rules: Value,
    /// The file of the settings.
    pub(crate) config: String,
    _collector: Collector,
    folder: TempDir,
}

impl Stage {
    /// Starts everything. Prometheus has seen all counters at 0 when it returns, so it misses no event.
    pub(crate) fn start(names: &[&'static str], real: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("mcp-tap.yml");
        let settings = format!("{CONFIG}state_dir: {}\n", folder.path().display());
        std::fs::write(&config, settings).expect("it is written");
        let config = config.display().to_string();
        let (status, rules) = run(&["rules", "--config", &config]);
        assert_eq!(status, 0, "{rules}");
        let collector = Collector::start();
        let mut sidecars: Vec<_> =
            names.iter().map(|name| Sidecar::start(name, &config, &collector)).collect();
        sidecars.push(Sidecar::of_backend(real, &config, &collector));
        let webhook = Webhook::start();
        let alertmanager = Alertmanager::start(&webhook);
        let labels = BTreeMap::from([("namespace".to_owned(), NAMESPACE.to_owned())]);
        let prometheus = Prometheus::start(&Setup {
            targets: sidecars.iter().map(|sidecar| (sidecar.admin, labels.clone())).collect(),
            rules: vec![rules.clone()],
            alertmanager: Some(alertmanager.address),
            ..Setup::default()
        });
        let count = sidecars.len();
        prometheus.found(&format!("count(sum by (mcp_server) (mcp_proxy_slo_events_total)) == {count}"));
        let rules = serde_saphyr::from_str(&rules).expect("YAML");
        Self { webhook, prometheus, alertmanager, sidecars, rules, config, _collector: collector, folder }
    }

    /// Changes the file of the settings, and nothing that it says.
    pub(crate) fn touch(&self) {
        let text = std::fs::read_to_string(&self.config).expect("it was written");
        std::fs::write(self.folder.path().join("mcp-tap.yml"), text + "# Read me again.\n").expect("a file");
    }

    /// The sidecar of this name.
    pub(crate) fn sidecar(&self, name: &str) -> &Sidecar {
        self.sidecars.iter().find(|sidecar| sidecar.name == name).unwrap_or_else(|| fail(name))
    }

    /// Waits until the windows of a server hold traffic, all of it good.
    pub(crate) fn settled(&self, server: &str) {
        let of = format!("{{mcp_server=\"{server}\",slo=\"availability\"}}");
        self.prometheus.found(&format!(
            "mcp_slo:error_ratio:rate20s{of} == 0 and mcp_slo:events:rate5s{of} > 0 and \
             count_over_time(mcp_slo:events:rate5s{of}[20s]) >= 8"
        ));
    }

    /// Waits until a receiver is told that an alert about a server is in this state; gives the alert.
    pub(crate) fn told(&self, to: &str, server: &str, (name, state): (&str, &str), labels: &Value) -> Value {
        let about = |alert: &&Value| {
            let has = |(label, value): (&String, &Value)| alert["labels"][label] == *value;
            alert["labels"]["mcp_server"] == server && labels.as_object().into_iter().flatten().all(has)
        };
        let told = self.webhook.received(to, |told| told.alerts(name, state).iter().any(about));
        told.alerts(name, state).into_iter().find(about).cloned().unwrap_or_default()
    }

    /// Who was told of what about a server: receiver, alert, objective.
    pub(crate) fn heard(&self, server: &str) -> BTreeSet<(String, String, String)> {
        let mut heard = BTreeSet::new();
        for told in self.webhook.all() {
            for alert in told.body["alerts"].as_array().into_iter().flatten() {
                let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default();
                if label("mcp_server") == server {
                    heard.insert((told.receiver.clone(), label("alertname").into(), label("slo").into()));
                }
            }
        }
        heard
    }

    /// Waits until Alertmanager holds an alert about a server back because of a louder one.
    pub(crate) fn inhibited(&self, server: &str, name: &str) {
        let quiet = |alert: &Value| {
            alert["labels"]["alertname"] == name
                && alert["labels"]["mcp_server"] == server
                && alert["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty())
        };
        self.alertmanager.wait_until(&format!("{name} of {server} is inhibited"), || {
            self.alertmanager.alerts().iter().any(quiet).then_some(())
        });
    }

    /// `GET /slo` of a sidecar: one objective.
    pub(crate) fn here(&self, server: &str, objective: &str) -> Value {
        let url = format!("http://{}", self.sidecar(server).admin);
        one(&["--admin", &url, "--slo", objective, "--json"])
    }

    /// The same as Prometheus knows it.
    pub(crate) fn recorded(&self, server: &str, objective: &str) -> Value {
        let url = self.prometheus.url();
        let flags = ["--config", &self.config, "--server", server, "--slo", objective, "--json"];
        one(&[&["--prometheus", &url], &flags[..]].concat())
    }

    /// `mcp-tap slo --prometheus --check` of one objective: its status, and its table.
    pub(crate) fn check(&self, server: &str, objective: &str) -> (i32, String) {
        let url = self.prometheus.url();
        let flags = ["--config", &self.config, "--server", server, "--slo", objective, "--check"];
        run(&[&["slo", "--prometheus", &url], &flags[..]].concat())
    }
}

/// The only objective that `mcp-tap slo` reports.
fn one(flags: &[&str]) -> Value {
    let (status, text) = run(&[&["slo"], flags].concat());
    assert_eq!(status, 0, "{text}");
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| fail(&text));
    let objectives = report["objectives"].as_array().cloned().unwrap_or_default();
    assert_eq!(objectives.len(), 1, "{text}");
    json!(objectives[0])
}

/// Runs `mcp-tap`: its status, and what it printed.
pub(crate) fn run(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(EXECUTABLE);
    without_variables(&mut command, &["MCP_TAP_"]);
    let (status, lines) = Process::start("mcp-tap", command.args(arguments)).finish(Duration::from_secs(30));
    (status.code().expect("it ended by itself"), lines.join("\n") + "\n")
}
