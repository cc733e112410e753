//! Builds every part, wires them, starts, drains, ends.

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::admin::{self, AdminState, Readiness};
use crate::clock;
use crate::config::{Config, Loaded, LogFormat, LogSettings};
use crate::exchange::{self, Exchange};
use crate::http::drain::Drain;
use crate::http::forward::{Connector, Forward};
use crate::http::inspect::InspectLayer;
use crate::http::server::Server;
use crate::http::stack::stack;
use crate::telemetry::Telemetry;

/// How often expiry and the windows of telemetry are looked after.
const UPKEEP: Duration = Duration::from_secs(1);

/// Runs the sidecar until it has drained.
#[must_use]
pub fn run(loaded: Loaded) -> ExitCode {
    start_log(loaded.config.log);
    for variable in loaded.unknown_variables {
        warn!(variable, "this variable is no setting of mcp-tap");
    }
    match App::new(loaded.config).and_then(App::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            complain(&format_args!("{reason}"));
            ExitCode::FAILURE
        }
    }
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
    Listen { setting: &'static str, address: SocketAddr, error: std::io::Error },
    #[error("cannot prepare TLS towards the server (upstream_ca): {0}")]
    Tls(std::io::Error),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// All parts, bound and ready to serve.
struct App {
    config: Config,
    server: Server,
    admin: TcpListener,
    connector: Connector,
    drain: Drain,
    exchange: Exchange,
    telemetry: Telemetry,
}

impl App {
    fn new(mut config: Config) -> Result<Self, RunError> {
        let listen = |setting, address| move |error| RunError::Listen { setting, address, error };
        let server = Server::bind(&config.server).map_err(listen("listen", config.server.listen))?;
        let admin = TcpListener::bind(config.admin).map_err(listen("admin", config.admin))?;
        let connector = Connector::new(&config.upstream).map_err(RunError::Tls)?;
        let drain = Drain::new();
        config.inspect.drain = drain.clone();
        let telemetry = Telemetry::new(config.telemetry.clone(), clock::now());
        let exchange = Exchange::new(exchange::Settings::default(), Arc::new(telemetry.clone()));
        Ok(Self { config, server, admin, connector, drain, exchange, telemetry })
    }

    /// Serves until the drain is over. Traffic has threads of its own; the admin port, the signals and the upkeep
    /// share one more, so that none of them delays a request.
    fn run(self) -> Result<(), RunError> {
        let traffic = self.server.local_addr();
        let admin = self.admin.local_addr().map_err(RunError::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let control = Control {
            admin: self.admin,
            drain: self.drain.clone(),
            exchange: self.exchange.clone(),
            telemetry: self.telemetry.clone(),
        };
        let control = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || control.run(stopped))
            .map_err(RunError::Thread)?;
        info!(%traffic, %admin, upstream = self.config.telemetry.server_name, "listening");
        let (upstream, connector, inspect) = (self.config.upstream, self.connector, self.config.inspect);
        let (drain, exchange) = (self.drain.clone(), self.exchange.clone());
        let worker = move || {
            let forward = Forward::new(upstream.clone(), connector.clone(), drain.clone());
            let (exchange, inspect) = (exchange.clone(), inspect.clone());
            move || {
                let connection = exchange.connection();
                let layer = InspectLayer::new(exchange.clone(), inspect.clone(), connection);
                stack(&layer, forward.clone())
            }
        };
        let served = self.server.run(&self.drain, worker).map_err(RunError::Thread);
        self.exchange.close(clock::now());
        self.telemetry.upkeep(clock::now());
        // A dropped sender stops the control thread just as well.
        drop(stop);
        control
            .join()
            .map_err(|_| RunError::Thread(std::io::Error::other("the control thread panicked")))??;
        info!("drained");
        served
    }
}

/// What goes on beside the traffic.
struct Control {
    admin: TcpListener,
    drain: Drain,
    exchange: Exchange,
    telemetry: Telemetry,
}

impl Control {
    fn run(self, stopped: oneshot::Receiver<()>) -> Result<(), RunError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Thread)?;
        runtime.block_on(async move {
            let (drain, start) = (self.drain.clone(), self.drain.clone());
            let readiness = Readiness::default();
            readiness.change(true);
            let state = AdminState {
                telemetry: self.telemetry.clone(),
                readiness,
                drain: Arc::new(move || start.start()),
            };
            self.admin.set_nonblocking(true).map_err(RunError::Thread)?;
            let listener = tokio::net::TcpListener::from_std(self.admin).map_err(RunError::Thread)?;
            let terminate = signal(SignalKind::terminate()).map_err(RunError::Thread)?;
            let interrupt = signal(SignalKind::interrupt()).map_err(RunError::Thread)?;
            tokio::select! {
                () = admin::serve(listener, state, std::future::pending()) => {}
                () = upkeep(self.exchange, self.telemetry) => {}
                () = obey(terminate, interrupt, drain) => {}
                _ = stopped => {}
            }
            Ok(())
        })
    }
}

async fn upkeep(exchange: Exchange, telemetry: Telemetry) {
    let mut ticks = tokio::time::interval(UPKEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = clock::now();
        exchange.expire(now);
        telemetry.upkeep(now);
    }
}

/// Drains on the first signal, ends at once on the second one.
async fn obey(mut terminate: Signal, mut interrupt: Signal, drain: Drain) {
    for first in [true, false] {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        if first {
            info!(signal = name, "draining");
            drain.start();
        } else {
            warn!(signal = name, "ending without waiting for open requests");
            std::process::exit(1);
        }
    }
}

/// The log goes to standard error: standard output belongs to what is asked for. Only our own lines: libraries log
/// headers at their lower levels.
fn start_log(settings: LogSettings) {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), settings.level);
    let registry = tracing_subscriber::registry().with(own);
    match settings.format {
        LogFormat::Json => registry.with(lines.json()).init(),
        LogFormat::Text => registry.with(lines.with_ansi(std::io::stderr().is_terminal())).init(),
    }
}
