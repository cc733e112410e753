//! The thread that sends metrics to a collector.

use tracing::info;

use super::super::threads::Exporting;
use super::RunError;
use crate::telemetry::Telemetry;
use crate::telemetry::export::otlp::{MetricExporter, Settings};

/// The exporter, ready to run.
pub(super) struct Otlp {
    exporter: MetricExporter,
    settings: Settings,
}

impl Otlp {
    /// Checks what of the settings can only be checked with the files they name.
    pub(super) fn new(settings: &Settings, telemetry: &Telemetry) -> Result<Self, RunError> {
        let exporter = MetricExporter::new(settings, telemetry).map_err(RunError::Metrics)?;
        Ok(Self { exporter, settings: settings.clone() })
    }

    /// Starts the thread and says where metrics go.
    pub(super) fn start(self) -> Result<Exporting, RunError> {
        info!(
            endpoint = self.exporter.endpoint(),
            protocol = self.settings.protocol.as_str(),
            interval = %humantime::format_duration(self.settings.schedule_delay),
            "exporting metrics"
        );
        let exporter = self.exporter;
        Exporting::start("metrics", |stop| exporter.run(stop.told()))
    }
}
