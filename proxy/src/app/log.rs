//! The log, on standard error: standard output belongs to what is asked for.

use std::io::{self, Write};
use std::panic::PanicHookInfo;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogFormat, LogSettings};
use crate::telemetry::export::otlp::rejections;

/// The longest line that a pipe takes whole or not at all (`PIPE_BUF` of Linux).
const LONGEST: usize = 4096;

/// Starts it.
pub(super) fn start(settings: LogSettings) {
    subscriber(settings, std::io::stderr).init();
    std::panic::set_hook(Box::new(panicked));
}

/// Starts it where nobody may read it: a client that starts a server may leave its standard error full, and whoever then
/// waited to write a line would look after nothing else.
pub(super) fn start_impatient(settings: LogSettings) {
    subscriber(settings, || Impatient).init();
    std::panic::set_hook(Box::new(panicked));
}

/// Standard error, but for lines that do not go at once: they are lost.
pub(super) struct Impatient;

impl Write for Impatient {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let error = io::stderr();
        let mut files = [PollFd::new(&error, PollFlags::OUT)];
        let is_ready = poll(&mut files, Some(&Timespec::default())).is_ok_and(|ready| ready > 0);
        if is_ready && files[0].revents().contains(PollFlags::OUT) {
            error.lock().write(&line[..line.len().min(LONGEST)]).ok();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::exchange::event::{Direction, Event, Operation, OperationKind, Sink as _, Transport};
    use crate::exchange::trace::Trace;
    use crate::protocol::message::{Captured, Content, RequestId};
    use crate::protocol::method::Method;
    use crate::protocol::outcome::Ending;
    use crate::protocol::sampling::Threshold;
    use crate::protocol::version::Era;
    use crate::telemetry::{Telemetry, traces};

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

    /// What is written when a call of this name by this method ended.
    fn ended(format: LogFormat, level: tracing::Level, method: &str, name: &str) -> String {
        let written = Written::default();
        let writer = written.clone();
        let log = subscriber(LogSettings { format, level }, move || writer.clone());
        let start = crate::clock::now();
        tracing::subscriber::with_default(log, || {
            let telemetry = Telemetry::traced(Default::default(), start, spans());
            telemetry.emit(Event::OperationEnded(Box::new(call(method, name, start))));
        });
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    fn spans() -> traces::Settings {
        traces::Settings {
            sampling: traces::Sampling {
                follow_parent: true,
                errors: true,
                slow: None,
                storm: 100,
                threshold: Threshold::NEVER,
            },
            queue: traces::QueueLimits::default(),
            capture: traces::Capture::default(),
            limits: traces::SpanLimits { attributes: 128, value_length: None, events: 128, links: 128 },
            server: traces::ServerAddress::default(),
        }
    }

    /// A call that failed after 20 ms, with all that must not be shown.
    fn call(method: &str, name: &str, start: Instant) -> Operation {
        let captured = Captured {
            arguments: Some((*b"canary").into()),
            result: Some((*b"canary").into()),
            ..Captured::default()
        };
        let trace = Trace {
            trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes(),
            span_id: [0x11; 8],
            upstream_id: [0x22; 8],
            flags: 0,
            parent: None,
            state: None,
            links: Vec::new(),
            forwarded: None,
            first_event: None,
            uri: Some("canary".into()),
            peer: None,
            http_version: "1.1",
            captured,
            payload: None,
        };
        Operation {
            direction: Direction::ToServer,
            kind: OperationKind::Request,
            method: Method::parse(method),
            target: Some(name.into()),
            id: Some(RequestId::Text("canary".into())),
            version: None,
            era: Era::Legacy,
            transport: Transport::StreamableHttp,
            client: Arc::default(),
            session: Some(0xbeef),
            started: start,
            ended: start + Duration::from_millis(20),
            first_byte: None,
            ending: Ending::ToolError,
            status: Some(200),
            arguments: None,
            content: Content::default(),
            waited_for_client: false,
            repeated: false,
            chosen: false,
            kept: None,
            trace: Some(Box::new(trace)),
        }
    }

    #[test]
    fn an_operation_that_ended_is_a_line_of_the_level_debug() {
        let debug = |format| ended(format, tracing::Level::DEBUG, "tools/call", "add");
        let json: serde_json::Value = serde_json::from_str(&debug(LogFormat::Json)).unwrap();
        let mut fields = json.as_object().unwrap().clone();
        fields.remove("timestamp");
        insta::assert_snapshot!(serde_json::Value::from(fields), @r#"{"duration_ms":20.0,"error_type":"tool_error","fault":"tool","level":"DEBUG","message":"operation ended","method":"tools/call","result":"error","sampled":true,"span_id":"1111111111111111","tool":"add","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}"#);
        let text = debug(LogFormat::Text);
        insta::assert_snapshot!(text.split_once(' ').unwrap().1.trim(), @r#"DEBUG operation ended trace_id="4bf92f3577b34da6a3ce929d0e0e4736" span_id="1111111111111111" sampled=true method="tools/call" tool="add" result="error" fault="tool" error_type="tool_error" duration_ms=20.0"#);
        for format in [LogFormat::Json, LogFormat::Text] {
            assert_eq!(ended(format, tracing::Level::INFO, "tools/call", "add"), "");
        }
    }

    #[test]
    fn hostile_names_stay_within_their_line() {
        for hostile in [
            "a\nb",
            "a\r\n{\"level\":\"ERROR\"}",
            "\u{1b}[2J\u{1b}]0;x\u{7}",
            "\" trace_id=\"0\" x=\"",
            "a\u{2028}b\u{85}c\u{b}d\u{0}",
            "\u{202e}evil",
            "{{}}\\",
        ] {
            for (method, name) in [("tools/call", hostile), (hostile, "add"), ("prompts/get", hostile)] {
                let json = ended(LogFormat::Json, tracing::Level::DEBUG, method, name);
                let text = ended(LogFormat::Text, tracing::Level::DEBUG, method, name);
                for line in [&json, &text] {
                    assert_eq!(line.matches('\n').count(), 1, "{line:?}");
                    assert!(line.ends_with('\n') && !line.contains("canary"), "{line:?}");
                    assert!(!line.trim_end().contains(|c: char| c.is_ascii_control()), "{line:?}");
                }
                let json: serde_json::Value = serde_json::from_str(&json).unwrap();
                assert_eq!(json["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
                assert_eq!(json["span_id"], "1111111111111111");
                assert_eq!(json["method"], method);
                // No line break of Unicode, no change of direction, no end of the quotes.
                assert!(!text.contains(['\u{2028}', '\u{85}', '\u{202e}']), "{text:?}");
                assert!(!text.contains(" trace_id=\"0\""), "{text:?}");
            }
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
