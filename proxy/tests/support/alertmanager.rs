//! A real Alertmanager with the routes that are shipped, its receivers replaced by webhooks and its waits by short ones.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Process, free_port};
use super::scrape::page_as;
use super::webhook::Webhook;

/// The shipped configuration.
const SHIPPED: &str = "../deploy/alertmanager/alertmanager.yml";

/// A running Alertmanager.
pub(crate) struct Alertmanager {
    /// Where it takes alerts.
    pub(crate) address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Alertmanager {
    /// Starts it with the shipped tree.
    pub(crate) fn start(webhook: &Webhook) -> Self {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SHIPPED))
            .expect("deploy/ holds the configuration");
        Self::start_with(serde_saphyr::from_str(&text).expect("the configuration is YAML"), webhook)
    }

    /// Starts it with another tree.
    pub(crate) fn start_with(config: Value, webhook: &Webhook) -> Self {
        Self::serve(&rewritten(config, webhook))
    }

    /// Starts it with a configuration as it is.
    pub(crate) fn serve(config: &Value) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("alertmanager.yml");
        // JSON is YAML.
        std::fs::write(&file, config.to_string()).expect("it is written");
        let port = free_port();
        let process = Process::start(
            "prometheus-alertmanager",
            Command::new("prometheus-alertmanager")
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.path={}", folder.path().join("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                // No gossip: it is alone.
                .arg("--cluster.listen-address="),
        );
        let mut alertmanager =
            Self { address: SocketAddr::from(([127, 0, 0, 1], port)), process, _folder: folder };
        alertmanager.process.wait_for_port(port);
        alertmanager
    }

    /// The alerts that it knows at the moment, also inhibited ones (`status.inhibitedBy`).
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let text = page_as(self.address, "/api/v2/alerts", "application/json");
        serde_json::from_str(&text).expect("a list of alerts")
    }

    /// Looks again and again until there is an answer.
    pub(crate) fn wait_until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        self.process.wait_until(what, look)
    }
}

/// The same routes and inhibitions; what is sent comes to the webhook, soon, also when it is over.
fn rewritten(mut config: Value, webhook: &Webhook) -> Value {
    shorten(&mut config["route"]);
    let receivers: Vec<_> = config["receivers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|receiver| receiver["name"].as_str())
        .map(|name| json!({"name": name, "webhook_configs": [{"url": webhook.url(name), "send_resolved": true}]}))
        .collect();
    let inhibitions = config["inhibit_rules"].take();
    json!({
        "route": config["route"],
        "inhibit_rules": if inhibitions.is_null() { json!([]) } else { inhibitions },
        "receivers": receivers,
    })
}

/// Waits of a route and of those below it. The interval is also how long one sending may take.
fn shorten(route: &mut Value) {
    if let Some(route) = route.as_object_mut() {
        // A tenth, not nothing: a page a moment after its ticket still keeps the ticket quiet, as it does in earnest.
        let wait = route.get("group_wait").and_then(|wait| wait.as_str()?.strip_suffix('s')?.parse().ok());
        if let Some(seconds) = wait {
            let seconds: u32 = seconds;
            route.insert("group_wait".to_owned(), json!(format!("{}ms", seconds * 100)));
        }
        route.insert("group_interval".to_owned(), json!("1s"));
        route.insert("repeat_interval".to_owned(), json!("1h"));
    }
    for below in route["routes"].as_array_mut().into_iter().flatten() {
        shorten(below);
    }
}
