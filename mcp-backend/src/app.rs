//! Builds every part, wires them, serves, ends.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::cli::{Cluster, Settings, Way};
use crate::clock::Clock;
use crate::cluster::{CacheSettings, ConnectError};
use crate::serve::admin::Admin;
use crate::serve::http::{Allowed, Endpoint, PATH};
use crate::serve::mcp::Mcp;
use crate::serve::stdio::{self, StdioError};
use crate::sim::Sim;
use crate::telemetry::traces::{TraceError, Traces};
use crate::telemetry::{Metrics, log};
use crate::{cluster, tool};

/// How long the rest (a read of standard input that nothing can interrupt) may keep the process.
const REST: Duration = Duration::from_millis(200);

/// How long the last spans may take to be sent.
const FLUSH: Duration = Duration::from_secs(2);

/// How long after the first signal another one is taken for the same.
const ECHO: Duration = Duration::from_millis(200);

/// Why the server could not start or go on.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("cannot listen on {address} (--{flag}): {error}")]
    Listen { flag: &'static str, address: SocketAddr, error: std::io::Error },
    #[error("cannot reach the cluster: {0}")]
    Cluster(#[from] ConnectError),
    #[error("cannot send traces: {0}")]
    Traces(#[from] TraceError),
    #[error("cannot serve standard input and output: {0}")]
    Stdio(#[from] StdioError),
    #[error("cannot go on: {0}")]
    Io(#[from] std::io::Error),
}

/// Runs until a signal, or the end of standard input with `--stdio`.
#[must_use]
pub fn run(settings: Settings) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&RunError::Io(error)),
    };
    let outcome = runtime.block_on(serve(settings));
    runtime.shutdown_timeout(REST);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &RunError) -> ExitCode {
    // Without a standard error there is nobody to tell.
    writeln!(std::io::stderr(), "mcp-backend: {error}").ok();
    ExitCode::FAILURE
}

async fn serve(settings: Settings) -> Result<(), RunError> {
    // Before anything is said: whoever reads that we listen may send a signal at once.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let traces = settings.traces.as_ref().map(Traces::new).transpose()?;
    // Only a subscriber that is there already can stand in its way, and then lines go there.
    log::start(settings.log, traces.as_ref()).ok();
    let metrics = Metrics::new();
    tokio::spawn(metrics.clone().upkeep());
    let clock = Clock::system();
    let client = tokio::select! {
        client = connect(&settings.cluster, &clock, &metrics) => client?,
        // A plugin that gives credentials may take long.
        signal = next(&mut terminate, &mut interrupt) => {
            info!(signal, "ended before the cluster was reached");
            return Ok(());
        }
    };
    let cache = settings.cache_ttl.map(CacheSettings::lasting);
    let reads = cluster::stack_with(client, &cluster::Settings { cache, ..Default::default() }, &metrics);
    let tools = tool::stack_with(reads, clock, &tool::Settings::default(), &metrics);
    let mcp = Mcp::new(tools, tool::catalogue());
    let ready = Arc::new(AtomicBool::new(false));
    let admin = match settings.admin {
        Some(address) => {
            let listener = listen("admin", address).await?;
            let admin = Admin { metrics, ready: Arc::clone(&ready) };
            let address = listener.local_addr()?;
            tokio::spawn(admin.serve(listener));
            Some(address)
        }
        None => None,
    };
    let (tell, mut told) = watch::channel(false);
    let ended = Arc::clone(&ready);
    tokio::spawn(async move {
        let signal = next(&mut terminate, &mut interrupt).await;
        info!(signal, "ending");
        ended.store(false, Ordering::Relaxed);
        tell.send(true).ok();
        obey(terminate, interrupt).await;
    });
    let stop = async move {
        told.wait_for(|stop| *stop).await.ok();
    };
    let served = match settings.way {
        Way::Http(address, allowed) => http(mcp, address, allowed, admin, &ready, stop).await,
        Way::Stdio => {
            ready.store(true, Ordering::Relaxed);
            info!(admin = shown(admin), "serving standard input and output");
            stdio::serve(mcp, stop).await.map_err(RunError::from)
        }
    };
    if let Some(traces) = traces
        && !traces.stop(FLUSH).await
    {
        warn!("not all spans could be sent");
    }
    info!("ended");
    served
}

async fn http(
    mcp: Mcp,
    address: SocketAddr,
    allowed: Allowed,
    admin: Option<SocketAddr>,
    ready: &AtomicBool,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let listener = listen("listen", address).await?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() && allowed == Allowed::default() {
        warn!("requests for other names than this machine's are refused: see --allowed-host");
    }
    ready.store(true, Ordering::Relaxed);
    info!(mcp = format!("http://{address}{PATH}"), admin = shown(admin), "listening");
    Endpoint::new(mcp, allowed).serve(listener, stop).await;
    Ok(())
}

fn shown(admin: Option<SocketAddr>) -> String {
    admin.map_or_else(|| "off".to_owned(), |address| address.to_string())
}

async fn listen(flag: &'static str, address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|error| RunError::Listen { flag, address, error })
}

async fn connect(cluster: &Cluster, clock: &Clock, metrics: &Metrics) -> Result<kube::Client, ConnectError> {
    match cluster {
        Cluster::Sim(options) => {
            metrics.build("sim");
            info!(seed = options.seed, speed = options.speed, "simulating a cluster");
            Ok(Sim::new(options.clone(), clock.clone()).client())
        }
        Cluster::Kube(settings) => {
            metrics.build("kube");
            crate::cluster::connect(settings).await
        }
    }
}

/// Ends at once on the second signal.
async fn obey(mut terminate: Signal, mut interrupt: Signal) {
    // Shells, `timeout` and `make` signal the process and its group: that is one wish, told twice.
    let echoes = async {
        loop {
            next(&mut terminate, &mut interrupt).await;
        }
    };
    drop(tokio::time::timeout(ECHO, echoes).await);
    let signal = next(&mut terminate, &mut interrupt).await;
    warn!(signal, "ending without waiting for open calls");
    std::process::exit(1);
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
