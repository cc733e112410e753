//! The wrapper of a command. Whatever of telemetry cannot start is warned of, and the server runs all the same: whoever
//! starts it is a client that knows nothing of us.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tracing::{debug, warn};

use crate::admin::{Address, AdminState, Readiness};
use crate::clock;
use crate::config::{Config, ReadFile};
use crate::exchange::Exchange;
use crate::exchange::trace::Propagate;
use crate::registry::{About, Kind};
use crate::stdio::{
    Account, Asked, Exit, Later, Meter, Settings, StartError, Started, Usage, Watched, leave,
};
use crate::telemetry::Telemetry;

use super::admin::AdminPort;
use super::reload::Reload;
use super::threads::Exporting;
use super::traces::Traces;
use super::{
    RunError, captures, complain, exchange_settings, log, outlets, propagates, quality, state, telemetry,
};

/// How long the last spans and metrics may take: the official clients send SIGTERM to who is not gone 2 s after its input
/// was closed.
const FLUSH: Duration = Duration::from_secs(1);

/// Runs the command until it ends, and ends as it did.
pub(super) fn run(
    mut wrapped: Settings,
    config: Config,
    file: Option<ReadFile>,
    runtime: Runtime,
) -> ExitCode {
    wrapped.captures = captures(&config);
    wrapped.writes = propagates(&config) == Propagate::Full;
    let command = wrapped.command.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    let serves = command.to_string_lossy().into_owned();
    let entered = runtime.enter();
    let started = Asked::new().map_err(StartError::from).and_then(|asked| {
        let tap = config.inspects.then(|| Tap::new(&config));
        let watched = tap.as_ref().map(|tap| tap.watched.clone());
        Ok((Started::start(&wrapped, watched)?, asked, tap))
    });
    let (started, mut asked, tap) = match started {
        Ok(started) => started,
        Err(error) => {
            complain(&format_args!("{error}"));
            return ExitCode::from(error.status());
        }
    };
    drop(entered);
    let exit = match tap {
        Some(tap) => {
            let beside = tap.start(&config);
            let exit = runtime.block_on(async {
                tokio::select! {
                    exit = started.run(&mut asked) => Some(exit),
                    () = tap.look_after(&config, file) => None,
                    () = tap.answer(&config, serves) => None,
                }
            });
            // A look at the configuration file may hang in the system for long.
            runtime.shutdown_background();
            if let Some(exit) = &exit {
                tap.end(exit, beside);
            }
            exit
        }
        None => Some(runtime.block_on(started.run(&mut asked))),
    };
    // What is looked after never ends before the process does.
    exit.map_or(ExitCode::FAILURE, |exit| leave(&exit))
}

/// What is made of the messages.
struct Tap {
    telemetry: Telemetry,
    exchange: Exchange,
    watched: Watched,
    meter: Arc<Meter>,
}

/// The threads beside those that carry messages; what could not start is not there.
struct Beside {
    traces: Option<Exporting>,
    quality: Option<quality::Running>,
    state: Option<state::Running>,
    outlets: Option<outlets::Running>,
}

impl Tap {
    fn new(config: &Config) -> Self {
        let telemetry = telemetry(config);
        let meter = Meter::new(Box::new(telemetry.clone()));
        let later = Arc::new(Later::new(Arc::new(telemetry.clone()), Some(Arc::clone(&meter))));
        let exchange = Exchange::new(exchange_settings(config, &telemetry), Arc::clone(&later) as _);
        let pipe = exchange.pipe(clock::now());
        let watched = Watched { pipe, later, meter: Some(Arc::clone(&meter)) };
        Self { telemetry, exchange, watched, meter }
    }

    /// Starts the threads.
    fn start(&self, config: &Config) -> Beside {
        let traces = Traces::new(config.traces.as_ref(), &self.telemetry);
        let traces = traces.and_then(|traces| traces.map(Traces::start).transpose());
        let server = &config.telemetry.server_name;
        let state = config.state.as_ref().map(|settings| state::start(settings, server, &self.telemetry));
        Beside {
            traces: or_warn(traces).flatten(),
            quality: or_warn(quality::start(self.telemetry.clone())),
            state: or_warn(state.transpose().map_err(RunError::Thread)).flatten(),
            outlets: or_warn(outlets::start(&config.outlets, &self.telemetry)),
        }
    }

    /// Does what is to be done about once a second, for ever.
    async fn look_after(&self, config: &Config, file: Option<ReadFile>) {
        let name = config.telemetry.server_name.clone();
        let reload = Reload::new(file, self.telemetry.clone(), name);
        tokio::select! {
            () = super::upkeep(self.exchange.clone(), self.telemetry.clone(), |now| self.meter.upkeep(now)) => {}
            () = reload.run(None) => {}
        }
    }

    /// Serves the admin port for ever, if there is one.
    async fn answer(&self, config: &Config, serves: String) {
        let about = About { name: config.telemetry.server_name.clone(), kind: Kind::Stdio, serves };
        let (address, running) = (config.admin.clone(), config.running.clone());
        // The directory of others may be locked for a while, and the process is to be looked after.
        let open = move || AdminPort::open(&address, &running, about);
        let served = match tokio::task::spawn_blocking(open).await {
            Err(error) => Err(error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(port)) => {
                // Somebody left the choice of the port to the system, and wants to know it.
                if port.address() != config.admin && matches!(port.address(), Address::Tcp(_)) {
                    let line = format!("mcp-tap: admin port: {}\n", port.address());
                    log::Impatient.write_all(line.as_bytes()).ok();
                }
                let state = AdminState {
                    about: port.about.clone(),
                    telemetry: self.telemetry.clone(),
                    readiness: Readiness::ready(),
                    drain: None,
                };
                port.serve(state).await.map_err(|error| error.to_string())
            }
        };
        if let Err(error) = served {
            let admin = config.admin.to_string();
            warn!(admin, error, "there is no admin port; the server runs without it");
        }
        std::future::pending().await
    }

    /// The process is gone: records what is left, and sends it off.
    fn end(&self, exit: &Exit, beside: Beside) {
        let now = clock::now();
        self.meter.upkeep(now);
        self.watched.pipe.end(exit.end(), now);
        // A client that does not read holds the thread that would do so.
        self.watched.later.flush();
        self.exchange.close(now);
        self.telemetry.upkeep(clock::now());
        let Beside { traces, quality, state, outlets } = beside;
        quality.into_iter().for_each(quality::Running::stop);
        state.into_iter().for_each(state::Running::stop);
        // At the same time: of a collector that hangs both would take all of theirs.
        std::thread::scope(|scope| {
            scope.spawn(|| traces.into_iter().for_each(|traces| traces.stop(FLUSH)));
            outlets.into_iter().for_each(|outlets| outlets.stop(FLUSH));
        });
        debug!("the server ended");
    }
}

/// What there is; what is missing is warned of.
fn or_warn<T>(result: Result<T, RunError>) -> Option<T> {
    result.map_err(|error| warn!("{error}; the server runs without it")).ok()
}

impl Account for Telemetry {
    fn add(&self, tool: &str, cpu: f64, resident: u64) {
        self.tool_used(tool, cpu, resident);
    }

    fn total(&self, usage: Usage) {
        self.server_used(usage.cpu, usage.resident);
    }
}
