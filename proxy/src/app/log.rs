//! The log, on standard error: standard output belongs to what is asked for.

use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogFormat, LogSettings};

/// Starts it. Only our own lines: libraries log headers at their lower levels.
pub(super) fn start(settings: LogSettings) {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        // It would say on standard error that standard error is full or closed, and panic over that.
        .log_internal_errors(false);
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), settings.level);
    let registry = tracing_subscriber::registry().with(own);
    match settings.format {
        LogFormat::Json => registry.with(lines.json()).init(),
        LogFormat::Text => registry.with(lines.with_ansi(std::io::stderr().is_terminal())).init(),
    }
    std::panic::set_hook(Box::new(panicked));
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
