//! The thread that exports traces, where there are any.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tracing::info;

use super::RunError;
use super::threads::Exporting;
use crate::config::TraceConfig;
use crate::telemetry::Telemetry;
use crate::telemetry::export::otlp::Exporter;

/// How long the last spans may take at the end.
const FLUSH: Duration = Duration::from_secs(5);

/// What they get even where the drain took all of its time: the spans of what was cut only just ended.
const LEAST_FLUSH: Duration = Duration::from_secs(1);

/// When the drain began, known to all who may begin it.
#[derive(Clone, Default)]
pub(super) struct DrainStart(Arc<OnceLock<Instant>>);

impl DrainStart {
    /// It begins; only the first call counts.
    pub(super) fn set(&self, now: Instant) {
        self.0.get_or_init(|| now);
    }

    /// How long the last spans may take now: within the drain's time if that is not used up.
    pub(super) fn flush(&self, drain: Duration, now: Instant) -> Duration {
        let spent = self.0.get().map_or(Duration::ZERO, |begun| now.saturating_duration_since(*begun));
        drain.saturating_sub(spent).clamp(LEAST_FLUSH, FLUSH)
    }
}

/// The exporter, ready to run.
pub(super) struct Traces {
    exporter: Exporter,
    config: TraceConfig,
}

impl Traces {
    /// Checks what of the settings can only be checked with the files they name. `None` where there are no traces.
    pub(super) fn new(config: Option<&TraceConfig>, telemetry: &Telemetry) -> Result<Option<Self>, RunError> {
        let (Some(config), Some(queue)) = (config, telemetry.queue()) else { return Ok(None) };
        let exporter =
            Exporter::new(&config.export, queue, config.spans.clone()).map_err(RunError::Traces)?;
        Ok(Some(Self { exporter, config: config.clone() }))
    }

    /// Starts the thread and says where traces go.
    pub(super) fn start(self) -> Result<Exporting, RunError> {
        let word = |value: &dyn std::fmt::Debug| format!("{value:?}").to_ascii_lowercase();
        info!(
            endpoint = self.exporter.endpoint(),
            protocol = self.config.export.protocol.as_str(),
            // As people write it: 7%, not 7.000000000000001%.
            ratio = format!("{}%", (self.config.ratio * 1e8).round() / 1e6),
            propagate = word(&self.config.context.propagate),
            trust = word(&self.config.context.trust),
            capture = self.config.spans.capture.rules.len(),
            "exporting traces"
        );
        let exporter = self.exporter;
        Exporting::start("traces", |stop| exporter.run(stop.told()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_spans_get_what_the_drain_left_within_bounds() {
        let start = crate::clock::now();
        let drain_start = DrainStart::default();
        let seconds = Duration::from_secs;
        assert_eq!(drain_start.flush(seconds(25), start + seconds(100)), FLUSH);
        drain_start.set(start);
        drain_start.set(start + seconds(9));
        for (spent, expected) in [(0, 5), (20, 5), (22, 3), (24, 1), (25, 1), (100, 1)] {
            assert_eq!(drain_start.flush(seconds(25), start + seconds(spent)), seconds(expected), "{spent}");
        }
        assert_eq!(drain_start.flush(seconds(2), start), seconds(2));
    }
}
