//! Builds every part, wires them, starts, drains, ends: `http.rs` the sidecar before a server over HTTP, `stdio.rs` the
//! wrapper of a command. What both have is here.

mod admin;
mod descriptors;
mod http;
mod log;
mod outlets;
mod quality;
mod reload;
mod state;
mod stdio;
mod threads;
mod traces;

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;
use tracing::warn;

use crate::admin::ListenError;
use crate::clock;
use crate::config::{Config, Front, Loaded, Remarks};
use crate::exchange::trace::Propagate;
use crate::exchange::{self, Exchange};
use crate::protocol::scan::Captures;
use crate::telemetry::Telemetry;
use crate::telemetry::export::otlp::ExportError;

/// How often expiry and the windows of telemetry are looked after.
const UPKEEP: Duration = Duration::from_secs(1);

/// Runs the sidecar until it has drained, or the wrapper until its command has ended.
#[must_use]
pub fn run(loaded: Loaded) -> ExitCode {
    let Loaded { front, config, file, remarks } = loaded;
    let result = match front {
        // The first thing: without a handler a SIGHUP would kill, and whoever changes the file may send one at any time.
        Front::Http(front) => Core::new().map(|core| {
            log::start(config.log);
            tell(remarks);
            http::run(*front, config, file, core)
        }),
        // Signals are for the command, which is to inherit which of them are ignored: no handler before it is there.
        Front::Stdio(wrapped) => runtime().map(|runtime| {
            log::start_impatient(config.log);
            tell(remarks);
            stdio::run(wrapped, config, file, runtime)
        }),
    };
    result.unwrap_or_else(|reason| {
        complain(&format_args!("{reason}"));
        ExitCode::FAILURE
    })
}

/// Says what is worth a warning.
fn tell(remarks: Remarks) {
    for variable in remarks.unknown_variables {
        warn!(variable, "this variable is no setting of mcp-tap");
    }
    for remark in remarks.without_effect {
        warn!("{remark}");
    }
    for warning in remarks.warnings {
        warn!("{warning}");
    }
}

/// What is recorded, and how.
fn telemetry(config: &Config) -> Telemetry {
    match &config.traces {
        Some(traces) => Telemetry::traced(config.telemetry.clone(), clock::now(), traces.spans.clone()),
        None => Telemetry::new(config.telemetry.clone(), clock::now()),
    }
}

/// The core's bounds, and what it is asked for.
fn exchange_settings(config: &Config, telemetry: &Telemetry) -> exchange::Settings {
    exchange::Settings {
        trace: config.traces.as_ref().map(|traces| traces.context.clone()),
        payload_of: config.traces.as_ref().and_then(|traces| traces.spans.capture.tools()),
        keep: Some(telemetry.keep()),
        ..exchange::Settings::default()
    }
}

/// What is kept of messages for spans.
fn captures(config: &Config) -> Captures {
    config.traces.as_ref().map(|traces| traces.spans.capture.kept()).unwrap_or_default()
}

/// What the server is told of traces.
fn propagates(config: &Config) -> Propagate {
    config.traces.as_ref().map_or(Propagate::Off, |traces| traces.context.propagate)
}

/// Writes one message of ours to standard error, where the log goes too.
pub fn complain(message: &fmt::Arguments<'_>) {
    // Without a standard error there is nobody to tell.
    writeln!(std::io::stderr(), "mcp-tap: {message}").ok();
}

/// Why the sidecar could not start or go on.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("cannot listen on {address} ({setting}): {error}")]
    Listen { setting: &'static str, address: String, error: ListenError },
    #[error("cannot prepare TLS towards the server (upstream_ca): {0}")]
    Tls(std::io::Error),
    #[error("cannot export traces: {0}")]
    Traces(ExportError),
    #[error("cannot send metrics: {0}")]
    Metrics(ExportError),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

fn runtime() -> Result<Runtime, RunError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Thread)
}

/// The runtime of the control thread, with the one signal that must not end the process while it starts.
struct Core {
    runtime: Runtime,
    hangup: Signal,
}

impl Core {
    fn new() -> Result<Self, RunError> {
        let runtime = runtime()?;
        let entered = runtime.enter();
        let hangup = signal(SignalKind::hangup()).map_err(RunError::Thread)?;
        drop(entered);
        Ok(Self { runtime, hangup })
    }
}
/// Ends what waited long enough and brings telemetry up to date, about once a second; `also` is done just before.
async fn upkeep(exchange: Exchange, telemetry: Telemetry, also: impl Fn(Instant)) {
    let mut ticks = tokio::time::interval(UPKEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = clock::now();
        also(now);
        exchange.expire(now);
        telemetry.upkeep(now);
    }
}
