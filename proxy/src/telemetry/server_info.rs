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

/// What is known. Traffic only stores it; the series is changed by one thread at a time ([`ServerInfo::publish`]), so
/// that there is never more than one.
#[derive(Debug, Default)]
pub(super) struct ServerInfo(ArcSwap<Known>);

/// What the series shows.
#[derive(Debug, Default)]
pub(super) struct Shown(Option<Arc<Known>>);

impl ServerInfo {
    /// The server said who it is. Costs a comparison when that is known.
    pub(super) fn learn(&self, server: &Implementation, version: Version) {
        self.0.rcu(|before| {
            let same = before.server == *server;
            if same && before.protocol.is_some_and(|known| age(known) >= age(version)) {
                return Arc::clone(before);
            }
            Arc::new(Known { server: server.clone(), protocol: Some(version) })
        });
    }

    /// Shows what is known: at first what configuration knows, with empty name, version and protocol.
    pub(super) fn publish(&self, metrics: &Metrics, shown: &mut Shown) {
        let known = self.0.load();
        if shown.0.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, &known)) {
            return;
        }
        if let Some(before) = shown.0.replace(Arc::clone(&known)) {
            metrics.registry().remove_gauge(Metric::ServerInfo, &labels(metrics, &before));
        }
        metrics.registry().gauge(Metric::ServerInfo, &labels(metrics, &known)).set(1.0);
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
