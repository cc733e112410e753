//! Closed-loop load: each connection sends its next call when the answer to the last one was read and compared. Latency
//! is therefore that of a system as loaded as it lets itself be; it says nothing about a given arrival rate.

mod check;
mod connection;
mod idle;
mod report;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::address::LoopbackUrl;
use crate::clock;
use crate::payload::{Answers, Scenario};

pub use check::Wrong;
pub use connection::CallError;
pub use idle::IdleStreams;
pub use report::{Latency, Report};

use connection::Connection;
use report::Recording;

/// Longest run.
pub const MAX_SECONDS: u64 = 60;
/// Most connections, and most idle streams: each takes up to two file descriptors in a proxy.
pub const MAX_CONNECTIONS: usize = 10_000;

/// How long after the end of a run the last answers may come.
const LAST_ANSWERS: Duration = Duration::from_secs(15);

/// One run of load.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to.
    pub url: LoopbackUrl,
    /// What each call asks for.
    pub scenario: Scenario,
    /// Keep-alive connections, each with one call at a time.
    pub connections: usize,
    /// When to stop; at most [`MAX_SECONDS`].
    pub duration: Duration,
    /// Calls in all, when fewer than the duration allows.
    pub requests: Option<u64>,
}

/// What the connections of one run share.
#[derive(Debug)]
struct Run {
    deadline: Instant,
    /// Calls still to be sent.
    left: AtomicU64,
    recording: Mutex<Recording>,
}

impl Run {
    /// Whether one more call may be sent at `now`; takes it if so.
    fn take(&self, now: Instant) -> bool {
        now < self.deadline
            && self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
    }

    fn record(&self, what: impl FnOnce(&mut Recording)) {
        what(&mut self.recording.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Opens the connections (with the MCP handshake, which is not measured), then runs the load on the runtime that this
/// is called on. A call that fails or is answered wrongly ends its connection and is reported, never retried.
///
/// # Errors
/// When a connection cannot be opened or its handshake is not answered.
pub async fn run(settings: &Settings, answers: &Answers) -> Result<Report, CallError> {
    let mut connections = Vec::with_capacity(settings.connections);
    for _ in 0..settings.connections {
        connections.push(Connection::open(&settings.url).await?);
    }
    let started = clock::now();
    let run = Arc::new(Run {
        deadline: started + settings.duration.min(Duration::from_secs(MAX_SECONDS)),
        left: AtomicU64::new(settings.requests.unwrap_or(u64::MAX)),
        recording: Mutex::new(Recording::new()),
    });
    let answer = answers.of(settings.scenario);
    let mut tasks = tokio::task::JoinSet::new();
    for connection in connections {
        tasks.spawn(closed_loop(connection, settings.scenario, answer.clone(), run.clone()));
    }
    let join = async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(panicked) = ended {
                run.record(|recording| recording.failed(panicked.to_string()));
            }
        }
    };
    let patience = run.deadline.saturating_duration_since(clock::now()) + LAST_ANSWERS;
    if tokio::time::timeout(patience, join).await.is_err() {
        run.record(|recording| {
            recording.failed(format!("calls without an answer {LAST_ANSWERS:?} after the end"));
        });
    }
    let elapsed = clock::now() - started;
    let recording = run.recording.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(recording.report(elapsed, settings.scenario.events()))
}

async fn closed_loop(
    mut connection: Connection,
    scenario: Scenario,
    answer: crate::payload::Answer,
    run: Arc<Run>,
) {
    let mut id = 0;
    let mut start = clock::now();
    while run.take(start) {
        id += 1;
        match connection.call(scenario.request(id), id, &answer).await {
            Ok(()) => {
                let end = clock::now();
                run.record(|recording| recording.answered(end - start));
                start = end;
            }
            Err(error) => return run.record(|recording| recording.failed(error.to_string())),
        }
    }
}

/// Opens `count` event streams on which nothing is sent.
///
/// # Errors
/// When one of them cannot be opened.
pub async fn open_idle(url: &LoopbackUrl, count: usize) -> io::Result<IdleStreams> {
    IdleStreams::open(url, count).await
}
