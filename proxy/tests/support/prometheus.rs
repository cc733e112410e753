//! A real Prometheus that scrapes and evaluates as fast as a test wants.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Process, free_port};
use super::scrape::page;

/// What it is to do.
#[derive(Default)]
pub(crate) struct Setup {
    /// What is scraped: an address, and labels that all its series get.
    pub(crate) targets: Vec<(SocketAddr, BTreeMap<String, String>)>,
    /// Texts of rule files.
    pub(crate) rules: Vec<String>,
    /// Where alerts go.
    pub(crate) alertmanager: Option<SocketAddr>,
    /// How often it scrapes and evaluates; a second when nothing is said.
    pub(crate) interval: Option<Duration>,
    /// More flags.
    pub(crate) flags: Vec<String>,
}

/// A running Prometheus.
pub(crate) struct Prometheus {
    /// Where its API is.
    pub(crate) address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(setup: &Setup) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (number, rules) in setup.rules.iter().enumerate() {
            std::fs::write(folder.path().join(format!("rules-{number}.yml")), rules).expect("it is written");
        }
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, configuration(setup).to_string()).expect("it is written");
        let port = free_port();
        let process = Process::start(
            "prometheus",
            Command::new("prometheus")
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .args(&setup.flags),
        );
        process.wait_for_line("that it is ready", |line| line.contains("Server is ready").then_some(()));
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), process, _folder: folder }
    }

    /// Its address as `--prometheus` takes it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The samples of an instant query: labels and value.
    pub(crate) fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let data = self.api(&format!("query?query={}", percent(expression)));
        let samples = data["result"].as_array().cloned().unwrap_or_default();
        samples.into_iter().map(|sample| (sample["metric"].clone(), number(&sample["value"][1]))).collect()
    }

    /// The series of a range query: labels, and seconds with values.
    pub(crate) fn query_range(
        &self,
        expression: &str,
        (start, end): (f64, f64),
        step: Duration,
    ) -> Vec<(Value, Vec<(f64, f64)>)> {
        let (query, step) = (percent(expression), step.as_secs_f64());
        let data = self.api(&format!("query_range?query={query}&start={start}&end={end}&step={step}"));
        let series = data["result"].as_array().cloned().unwrap_or_default();
        let points = |series: &Value| {
            let values = series["values"].as_array().cloned().unwrap_or_default();
            values.iter().map(|point| (number(&point[0]), number(&point[1]))).collect()
        };
        series.iter().map(|series| (series["metric"].clone(), points(series))).collect()
    }

    /// The groups of rules with the health of each rule.
    pub(crate) fn rules(&self) -> Vec<Value> {
        self.api("rules")["groups"].as_array().cloned().unwrap_or_default()
    }

    /// The alerts that fire or are pending.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        self.api("alerts")["alerts"].as_array().cloned().unwrap_or_default()
    }

    /// The names of the alerts that fire.
    pub(crate) fn firing(&self) -> Vec<String> {
        let alerts = self.alerts();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.filter_map(|alert| Some(alert["labels"]["alertname"].as_str()?.to_owned())).collect()
    }

    /// Looks again and again until there is an answer.
    pub(crate) fn wait_until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        self.process.wait_until(what, look)
    }

    /// The samples of a query once there are any.
    pub(crate) fn found(&self, expression: &str) -> Vec<(Value, f64)> {
        self.wait_until(&format!("`{expression}` gives something"), || {
            Some(self.query(expression)).filter(|found| !found.is_empty())
        })
    }

    fn api(&self, path: &str) -> Value {
        let answer: Value = serde_json::from_str(&page(self.address, &format!("/api/v1/{path}")))
            .expect("the API gives JSON");
        answer["data"].clone()
    }
}

fn configuration(setup: &Setup) -> Value {
    let interval = format!("{}ms", setup.interval.unwrap_or(Duration::from_secs(1)).as_millis());
    let target = |(address, labels): &(SocketAddr, BTreeMap<String, String>)| json!({"targets": [address.to_string()], "labels": labels});
    let managers: Vec<_> = setup.alertmanager.iter().map(ToString::to_string).collect();
    json!({
        "global": {"scrape_interval": interval, "evaluation_interval": interval, "scrape_timeout": interval},
        "rule_files": (0..setup.rules.len()).map(|number| format!("rules-{number}.yml")).collect::<Vec<_>>(),
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": managers}]}]},
        "scrape_configs": [{
            "job_name": "mcp-tap",
            "static_configs": setup.targets.iter().map(target).collect::<Vec<_>>(),
        }],
    })
}

/// Numbers are JSON for times and texts for values (`NaN` and `+Inf` are none in JSON).
fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).expect("a number")
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        write!(encoded, "%{byte:02X}").expect("texts take all");
        encoded
    })
}
