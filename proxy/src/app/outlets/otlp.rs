//! The thread that sends metrics to a collector.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};

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
    pub(super) fn start(self) -> Result<Running, RunError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Thread)?;
        info!(
            endpoint = self.exporter.endpoint(),
            protocol = self.settings.protocol.as_str(),
            interval = %humantime::format_duration(self.settings.schedule_delay),
            "exporting metrics"
        );
        let (stop, stopped) = oneshot::channel();
        let exporter = self.exporter;
        let run = move || {
            // A dropped sender is as good as no time left.
            runtime.block_on(exporter.run(async { stopped.await.unwrap_or_default() }));
            // A look-up of a name may hang in the system for long.
            runtime.shutdown_background();
        };
        let thread =
            std::thread::Builder::new().name("metrics".to_owned()).spawn(run).map_err(RunError::Thread)?;
        Ok(Running { stop, thread })
    }
}

/// The thread at work.
pub(super) struct Running {
    stop: oneshot::Sender<Duration>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Gives it this long for the last export; comes back when it is done.
    pub(super) fn stop(self, flush: Duration) {
        self.stop.send(flush).ok();
        if self.thread.join().is_err() {
            warn!("the thread of metrics panicked");
        }
    }
}
