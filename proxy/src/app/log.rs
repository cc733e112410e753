//! The log, on standard error: standard output belongs to what is asked for.

use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogFormat, LogSettings};
use crate::telemetry::export::otlp::rejections;

/// Starts it.
pub(super) fn start(settings: LogSettings) {
    subscriber(settings, std::io::stderr).init();
    std::panic::set_hook(Box::new(panicked));
}

/// In JSON all fields of a line are members of its object, for that is where log backends look for `trace_id`.
///
/// Only our own lines are written: libraries log headers at their lower levels. The exporter of traces reads what its
/// library says about refused spans, at any level of the log.
///
/// No colours, on a terminal neither: the library is built without them, and complains when they are asked for.
fn subscriber<W>(settings: LogSettings, writer: W) -> impl Subscriber
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), settings.level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_target(false)
        // It would say on standard error that standard error is full or closed, and panic over that.
        .log_internal_errors(false);
    let lines = match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.boxed(),
    };
    // One by one: of two layers put together by `and_then` the filter of one hides events from the other.
    tracing_subscriber::registry().with(lines.with_filter(own)).with(rejections())
}

/// Says where, and not what: the message of a panic may quote what was on the wire.
fn panicked(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map_or_else(String::new, ToString::to_string);
    let thread = std::thread::current();
    tracing::error!(location, thread = thread.name().unwrap_or_default(), "a bug: panicked");
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

    #[test]
    fn only_our_own_lines_are_shown() {
        for format in [LogFormat::Json, LogFormat::Text] {
            let written = Written::default();
            let writer = written.clone();
            let settings = LogSettings { format, level: tracing::Level::TRACE };
            let log = subscriber(settings, move || writer.clone());
            tracing::subscriber::with_default(log, || {
                tracing::info!("ours");
                tracing::error!(target: "opentelemetry-otlp", rejected_spans = 1, "theirs");
                tracing::error!(target: "hyper", "theirs");
            });
            let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            assert!(log.contains("ours") && !log.contains("theirs"), "{log}");
        }
    }

    /// What is written about an exchange with a trace, without its moment.
    fn line(format: LogFormat) -> String {
        let written = Written::default();
        let writer = written.clone();
        let settings = LogSettings { format, level: tracing::Level::DEBUG };
        let log = subscriber(settings, move || writer.clone());
        tracing::subscriber::with_default(log, || {
            let (trace_id, span_id) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
            tracing::debug!(trace_id, span_id, failure = "refused", "no response");
        });
        let line = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let moment = line.find("20").map(|start| &line[start..start + "2026-01-01T00:00:00.000000Z".len()]);
        line.replace(moment.unwrap_or_default(), "NOW")
    }

    #[test]
    fn ids_are_fields_at_the_top_of_a_line() {
        insta::assert_snapshot!(line(LogFormat::Json).trim_end(), @r#"{"timestamp":"NOW","level":"DEBUG","message":"no response","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","failure":"refused"}"#);
        insta::assert_snapshot!(line(LogFormat::Text).trim_end(), @r#"NOW DEBUG no response trace_id="4bf92f3577b34da6a3ce929d0e0e4736" span_id="00f067aa0ba902b7" failure="refused""#);
    }

    #[test]
    fn a_panic_is_logged_by_its_place_and_without_its_message() {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(panicked));
        let ended = tracing::subscriber::with_default(log, || {
            std::panic::catch_unwind(|| panic!("canary-secret of the wire"))
        });
        std::panic::set_hook(default);
        assert!(ended.is_err());
        let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("src/app/log.rs:") && !log.contains("canary"), "{log}");
    }
}
