//! The sidecar before a server over HTTP.

use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tower::layer::util::Identity;
use tracing::{info, warn};

use crate::admin::{AdminState, ListenError, Readiness};
use crate::clock;
use crate::config::{Config, HttpFront, ReadFile};
use crate::exchange::Exchange;
use crate::exchange::trace::Propagate;
use crate::http::drain::Drain;
use crate::http::forward::{self, Connector, Forward};
use crate::http::inspect::InspectLayer;
use crate::http::server::Server;
use crate::http::stack::stack;
use crate::http::trace::{self, TraceLayer};
use crate::registry::{About, Kind};
use crate::telemetry::Telemetry;

use super::admin::AdminPort;
use super::reload::Reload;
use super::traces::{DrainStart, Traces};
use super::{
    Core, RunError, captures, complain, exchange_settings, outlets, propagates, quality, state, telemetry,
    upkeep,
};

/// How long after the first signal another one is taken for the same.
const ECHO: Duration = Duration::from_millis(200);

/// Runs the sidecar until it has drained.
pub(super) fn run(http: HttpFront, config: Config, file: Option<ReadFile>, core: Core) -> ExitCode {
    match App::new(http, config).and_then(|app| app.run(core, file)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            complain(&format_args!("{reason}"));
            ExitCode::FAILURE
        }
    }
}

/// All parts, bound and ready to serve.
struct App {
    config: Config,
    upstream: forward::Settings,
    drain_time: Duration,
    server: Server,
    admin: AdminPort,
    connector: Connector,
    drain: Drain,
    exchange: Exchange,
    trace: trace::Settings,
    telemetry: Telemetry,
    traces: Option<Traces>,
    drain_start: DrainStart,
}

impl App {
    fn new(http: HttpFront, mut config: Config) -> Result<Self, RunError> {
        let HttpFront { server, upstream } = http;
        let drain_time = server.drain;
        let cannot = |setting, address| move |error| RunError::Listen { setting, address, error };
        let server = Server::bind(&server)
            .map_err(ListenError::System)
            .map_err(cannot("listen", server.listen.to_string()))?
            .with_most_clients(super::descriptors::most_clients());
        let about = About {
            name: config.telemetry.server_name.clone(),
            kind: Kind::Http,
            serves: upstream.address.authority(),
        };
        let admin = AdminPort::open(&config.admin, &config.running, about)
            .map_err(cannot("admin", config.admin.to_string()))?;
        let connector = Connector::new(&upstream).map_err(RunError::Tls)?;
        let drain = Drain::new();
        config.inspect.drain = drain.clone();
        let telemetry = telemetry(&config);
        let traces = Traces::new(config.traces.as_ref(), &telemetry)?;
        config.inspect.contexts = config.traces.is_some();
        config.inspect.captures = captures(&config);
        let hold = propagates(&config) != Propagate::Off;
        let trace = trace::Settings { hold, memory: Arc::clone(&config.inspect.memory) };
        let exchange = Exchange::new(exchange_settings(&config, &telemetry), Arc::new(telemetry.clone()));
        let drain_start = DrainStart::default();
        Ok(Self {
            config,
            upstream,
            drain_time,
            server,
            admin,
            connector,
            drain,
            exchange,
            trace,
            telemetry,
            traces,
            drain_start,
        })
    }

    /// Serves until the drain is over. Traffic has threads of its own; the admin port, the signals and the upkeep
    /// share one more, so that none of them delays a request; traces have one, and so has each outlet of metrics.
    fn run(self, core: Core, file: Option<ReadFile>) -> Result<(), RunError> {
        let traffic = self.server.local_addr();
        let admin = self.admin.address();
        let (stop, stopped) = oneshot::channel();
        let (begun, begins) = mpsc::channel();
        let control = Control {
            admin: self.admin,
            drain: self.drain.clone(),
            exchange: self.exchange.clone(),
            telemetry: self.telemetry.clone(),
            drain_start: self.drain_start.clone(),
            reload: Reload::new(file, self.telemetry.clone(), self.config.telemetry.server_name.clone()),
        };
        let control = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || control.run(core, &begun, stopped))
            .map_err(RunError::Thread)?;
        // Whoever reads that we listen may send a signal at once; without a handler it would kill.
        if begins.recv().is_err() {
            return join(control);
        }
        let traces = self.traces.map(Traces::start).transpose()?;
        let outlets = outlets::start(&self.config.outlets, &self.telemetry)?;
        let quality = quality::start(self.telemetry.clone())?;
        // Before traffic, so that the first report already has the counts of before.
        let server = &self.config.telemetry.server_name;
        let state =
            self.config.state.as_ref().map(|settings| state::start(settings, server, &self.telemetry));
        let state = state.transpose().map_err(RunError::Thread)?;
        info!(%traffic, %admin, upstream = self.config.telemetry.server_name, "listening");
        let (upstream, connector, inspect) = (self.upstream, self.connector, self.config.inspect);
        let exchange = self.exchange.clone();
        let trace = TraceLayer::new(self.trace);
        let served = if self.config.inspects {
            self.server.run(&self.drain, move || {
                let forward = Forward::new(upstream.clone(), connector.clone());
                let (exchange, inspect, trace) = (exchange.clone(), inspect.clone(), trace.clone());
                move |client| {
                    let inspect = InspectLayer::accepted(exchange.clone(), inspect.clone(), client);
                    stack(&inspect, &trace, forward.clone())
                }
            })
        } else {
            self.server.run(&self.drain, move || {
                let forward = Forward::new(upstream.clone(), connector.clone());
                move |_client| stack(&Identity::new(), &Identity::new(), forward.clone())
            })
        };
        let (drain_time, served) = (self.drain_time, served.map_err(RunError::Thread));
        self.exchange.close(clock::now());
        self.telemetry.upkeep(clock::now());
        // Now nothing more can end; counters are served until the last spans are gone. What is judged last is saved too.
        quality.stop();
        if let Some(state) = state {
            state.stop();
        }
        if let Some(traces) = traces {
            traces.stop(self.drain_start.flush(drain_time, clock::now()));
        }
        // The last ones: what became of the last spans is in them.
        outlets.stop(self.drain_start.flush(drain_time, clock::now()));
        // A dropped sender stops the control thread just as well.
        drop(stop);
        join(control)?;
        info!("drained");
        served
    }
}

fn join(control: JoinHandle<Result<(), RunError>>) -> Result<(), RunError> {
    control.join().map_err(|_| RunError::Thread(std::io::Error::other("the control thread panicked")))?
}

/// What goes on beside the traffic.
struct Control {
    admin: AdminPort,
    drain: Drain,
    exchange: Exchange,
    telemetry: Telemetry,
    drain_start: DrainStart,
    reload: Reload,
}

impl Control {
    /// Says on `begun` when signals and the admin port are looked after.
    fn run(
        self,
        core: Core,
        begun: &mpsc::Sender<()>,
        stopped: oneshot::Receiver<()>,
    ) -> Result<(), RunError> {
        let Core { runtime, hangup } = core;
        let result = runtime.block_on(async move {
            let shutdown = Shutdown {
                drain: self.drain,
                readiness: Readiness::default(),
                drain_start: self.drain_start,
            };
            shutdown.readiness.change(true);
            let state = AdminState {
                about: self.admin.about.clone(),
                telemetry: self.telemetry.clone(),
                readiness: shutdown.readiness.clone(),
                drain: {
                    let shutdown = shutdown.clone();
                    Some(Arc::new(move || shutdown.begin("POST /drain")))
                },
            };
            let terminate = signal(SignalKind::terminate()).map_err(RunError::Thread)?;
            let interrupt = signal(SignalKind::interrupt()).map_err(RunError::Thread)?;
            // The receiver waits for it.
            begun.send(()).ok();
            tokio::select! {
                result = self.admin.serve(state) => result.map_err(RunError::Thread)?,
                () = upkeep(self.exchange, self.telemetry, |_| {}) => {}
                () = self.reload.run(Some(hangup)) => {}
                () = obey(terminate, interrupt, shutdown) => {}
                _ = stopped => {}
            }
            Ok(())
        });
        // A look at the configuration file may hang in the system for long.
        runtime.shutdown_background();
        result
    }
}

/// How the end begins, whoever asks for it.
#[derive(Clone)]
struct Shutdown {
    drain: Drain,
    readiness: Readiness,
    drain_start: DrainStart,
}

impl Shutdown {
    /// No traffic is welcome any more, what is open may finish. Further calls change nothing.
    fn begin(&self, cause: &str) {
        self.readiness.change(false);
        self.drain_start.set(clock::now());
        if !self.drain.started() {
            info!(cause, "draining");
        }
        self.drain.start();
    }
}

/// Drains on the first signal, ends at once on the second one.
async fn obey(mut terminate: Signal, mut interrupt: Signal, shutdown: Shutdown) {
    shutdown.begin(next(&mut terminate, &mut interrupt).await);
    // Shells, `timeout` and `make` signal the process and its group: that is one wish, told twice.
    let echoes = async {
        loop {
            next(&mut terminate, &mut interrupt).await;
        }
    };
    drop(tokio::time::timeout(ECHO, echoes).await);
    let signal = next(&mut terminate, &mut interrupt).await;
    warn!(signal, "ending without waiting for open requests");
    std::process::exit(1);
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
