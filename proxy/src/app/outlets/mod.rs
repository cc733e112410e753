//! Where metrics go beside the admin port: each way out has a thread of its own, and none of them can hold up another,
//! traffic or the admin port.

mod file;
mod otlp;

use std::time::Duration;

use super::RunError;
use super::threads::Exporting;
use crate::config::OutletConfig;
use crate::telemetry::Telemetry;

/// Starts what is configured, and says where metrics go.
pub(super) fn start(config: &OutletConfig, telemetry: &Telemetry) -> Result<Running, RunError> {
    // Checked first: what cannot be used is told before anything runs.
    let otlp = config.otlp.as_ref().map(|settings| otlp::Otlp::new(settings, telemetry)).transpose()?;
    let otlp = otlp.map(otlp::Otlp::start).transpose()?;
    let file = config.file.as_ref().map(|settings| file::start(settings, telemetry.clone())).transpose();
    Ok(Running { otlp, file: file.map_err(RunError::Thread)? })
}

/// What runs.
pub(super) struct Running {
    otlp: Option<Exporting>,
    file: Option<file::Running>,
}

impl Running {
    /// Tells all of it for the last time, after all that counts has ended. The collector gets this long; a disk that
    /// hangs holds up the end a little at most.
    pub(super) fn stop(self, flush: Duration) {
        if let Some(otlp) = self.otlp {
            otlp.stop(flush);
        }
        // Last, so that the file says what became of the last export.
        if let Some(file) = self.file {
            file.stop();
        }
    }
}
