//! `mcp_server_info`: one series, so that it can be joined with others; its labels follow what the server says.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::protocol::message::Implementation;
use crate::protocol::version::Version;

use super::metrics::Metrics;
use super::names::{Metric, label};

/// What the server said of itself; the newest revision that it has spoken under this name and version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Known {
    server: Implementation,
    protocol: Option<Version>,
}

impl Known {
    fn protocol(&self) -> &'static str {
        self.protocol.map_or("", Version::as_str)
    }
}

/// The present series.
#[derive(Debug)]
pub(super) struct ServerInfo(ArcSwap<Known>);

impl ServerInfo {
    /// Shows what configuration knows; name, version and protocol are empty until the server says them.
    #[must_use]
    pub(super) fn new(metrics: &Metrics) -> Self {
        let known = Known::default();
        show(metrics, &known);
        Self(ArcSwap::from_pointee(known))
    }

    /// The server said who it is. Costs a comparison when that is known.
    pub(super) fn learn(&self, metrics: &Metrics, server: &Implementation, version: Version) {
        loop {
            let before = self.0.load();
            let same = before.server == *server;
            if same && before.protocol.is_some_and(|known| age(known) >= age(version)) {
                return;
            }
            let known = Arc::new(Known { server: server.clone(), protocol: Some(version) });
            let found = self.0.compare_and_swap(&before, Arc::clone(&known));
            if Arc::ptr_eq(&found, &before) {
                metrics.registry().remove_gauge(Metric::ServerInfo, &labels(metrics, &before));
                show(metrics, &known);
                return;
            }
        }
    }
}

/// Revisions by age; an unknown one says least.
fn age(version: Version) -> Option<Version> {
    (version != Version::Other).then_some(version)
}

fn labels<'a>(metrics: &'a Metrics, known: &'a Known) -> [(&'static str, &'a str); 5] {
    let settings = metrics.settings();
    [
        (label::VERSION, known.server.version.as_str()),
        (label::ENVIRONMENT, settings.environment.as_str()),
        (label::REGION, settings.region.as_str()),
        (label::NAME, known.server.name.as_str()),
        (label::PROTOCOL, known.protocol()),
    ]
}

fn show(metrics: &Metrics, known: &Known) {
    metrics.registry().gauge(Metric::ServerInfo, &labels(metrics, known)).set(1.0);
}
