//! The log, on standard error: in stdio mode standard output is the protocol.

use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use super::traces::Traces;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object each.
    Json,
}

/// What is written, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How.
    pub format: LogFormat,
    /// The least important level that is written.
    pub level: tracing::Level,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::default(), level: tracing::Level::INFO }
    }
}

/// Starts the log of the process and, where there are any, its traces.
pub fn start(settings: LogSettings, traces: Option<&Traces>) -> Result<(), TryInitError> {
    subscriber(settings, traces, std::io::stderr).try_init()?;
    std::panic::set_hook(Box::new(panicked));
    Ok(())
}

/// Only our own lines and spans: libraries log headers and bodies at their lower levels, and have spans of their own for
/// each request. Each of the two layers has its filter, so that the level of the log does not thin out the traces.
pub(crate) fn subscriber<W>(
    settings: LogSettings,
    traces: Option<&Traces>,
    writer: W,
) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), settings.level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(false)
        .with_target(false)
        // It would say on standard error that standard error is full or closed, and panic over that.
        .log_internal_errors(false);
    let lines = match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(own)).with(traces.map(Traces::layer))
}

/// Says where, and not what: the message of a panic may quote what was in the cluster.
fn panicked(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map_or_else(String::new, ToString::to_string);
    tracing::error!(location, "a bug: panicked");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(settings: LogSettings, log: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        tracing::subscriber::with_default(subscriber(settings, None, move || writer.clone()), log);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn only_our_own_lines_of_the_level_are_written() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let log = written(LogSettings { format, level: tracing::Level::INFO }, || {
                tracing::info!(path = "a\nb", "ours");
                tracing::debug!("too small");
                tracing::error!(target: "kube_client", "theirs");
            });
            assert!(log.contains("ours") && !log.contains("theirs") && !log.contains("small"), "{log}");
            assert_eq!(log.matches('\n').count(), 1, "{log}");
            if format == LogFormat::Json {
                let line: serde_json::Value = serde_json::from_str(&log).unwrap();
                assert_eq!((&line["message"], &line["path"]), (&"ours".into(), &"a\nb".into()));
            }
        }
    }
}
