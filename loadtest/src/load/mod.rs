//! Load in two shapes.
//!
//! A closed loop sends the next call on a connection when the answer to the last one was read and compared. Its
//! latency is that of a system as loaded as it lets itself be; it says nothing about a given arrival rate. An open
//! loop ([`Settings::rate`]) sends calls at fixed times and counts latency from those, so that a stall is seen by every
//! call that was due in it.

mod check;
mod connection;
mod idle;
mod latency;
mod pace;
mod report;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::address::LoopbackUrl;
use crate::clock;
use crate::payload::{Answers, Scenario};

pub use check::Wrong;
pub use connection::CallError;
pub use idle::IdleStreams;
pub use latency::Latency;
pub use report::{Progress, Report, Schedule};

use connection::Connection;
use pace::{Pacer, Times};
use report::{Answered, Recording};

/// Longest run.
pub const MAX_SECONDS: u64 = 600;
/// Most connections, and most idle streams: each takes up to two file descriptors in a proxy.
pub const MAX_CONNECTIONS: usize = 10_000;
/// Highest rate of an open loop, in calls per second.
pub const MAX_RATE: u32 = 1_000_000;

/// How long after the end of a run the last answers may come.
const LAST_ANSWERS: Duration = Duration::from_secs(15);
/// How long after its end an open loop still sends calls that were due before.
const CATCH_UP: Duration = Duration::from_secs(2);
/// Time between two reports of progress.
const PROGRESS: Duration = Duration::from_secs(5);

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
    /// Calls per second of an open loop; `None` is a closed one.
    pub rate: Option<f64>,
}

/// What the connections of one run share.
#[derive(Debug)]
struct Run {
    scenario: Scenario,
    answers: Answers,
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

    fn record<T>(&self, what: impl FnOnce(&mut Recording) -> T) -> T {
        what(&mut self.recording.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Opens the connections (with the MCP handshake, which is not measured), then runs the load on the runtime that this
/// is called on. A call that fails or is answered wrongly ends its connection and is reported, never retried.
///
/// # Errors
/// When a connection cannot be opened or its handshake is not answered.
pub async fn run(settings: &Settings, answers: &Answers) -> Result<Report, CallError> {
    run_watched(settings, answers, &mut |_, _| {}).await
}

/// The same; `progress` is told every five seconds how far it is.
///
/// # Errors
/// As [`run`].
pub async fn run_watched(
    settings: &Settings,
    answers: &Answers,
    progress: &mut dyn FnMut(Duration, Progress),
) -> Result<Report, CallError> {
    let mut callers = Vec::with_capacity(settings.connections);
    for number in 0..settings.connections {
        let connection = Connection::open(&settings.url, &settings.scenario.client(number)).await?;
        callers.push(Caller { connection, number, calls: 0 });
    }
    let started = clock::now();
    let duration = settings.duration.min(Duration::from_secs(MAX_SECONDS));
    let most = settings.requests.unwrap_or(u64::MAX);
    let run = Arc::new(Run {
        scenario: settings.scenario,
        answers: answers.clone(),
        deadline: started + duration,
        left: AtomicU64::new(most),
        recording: Mutex::new(Recording::new(settings.rate.is_some())),
    });
    let pacer = settings.rate.map(|rate| Arc::new(Pacer::new(Times::new(started, rate, duration, most))));
    let mut tasks = JoinSet::new();
    for caller in callers {
        match &pacer {
            None => tasks.spawn(caller.closed_loop(run.clone())),
            Some(pacer) => tasks.spawn(caller.open_loop(run.clone(), pacer.clone())),
        };
    }
    if let Some(pacer) = &pacer {
        pacer.start(settings.connections).map_err(CallError::Schedule)?;
    }
    watch(&run, tasks, started, progress).await;
    let elapsed = clock::now() - started;
    Ok(run.record(|recording| {
        recording.unsent(pacer.map_or(0, |pacer| pacer.left()));
        recording.report(elapsed)
    }))
}

/// Waits for the callers, with patience for the last answers.
async fn watch(
    run: &Run,
    mut tasks: JoinSet<()>,
    started: Instant,
    progress: &mut dyn FnMut(Duration, Progress),
) {
    let patience = run.deadline.saturating_duration_since(clock::now()) + LAST_ANSWERS;
    let end = tokio::time::sleep(patience);
    tokio::pin!(end);
    let mut tick = tokio::time::interval(PROGRESS);
    tick.tick().await;
    loop {
        tokio::select! {
            ended = tasks.join_next() => match ended {
                None => return,
                Some(Ok(())) => {}
                Some(Err(panicked)) => run.record(|recording| recording.failed(panicked.to_string())),
            },
            _ = tick.tick() => progress(clock::now() - started, run.record(|recording| recording.progress())),
            () = &mut end => {
                return run.record(|recording| {
                    recording.failed(format!("calls without an answer {LAST_ANSWERS:?} after the end"));
                });
            }
        }
    }
}

/// A client that calls.
struct Caller {
    connection: Connection,
    number: usize,
    calls: u64,
}

impl Caller {
    async fn closed_loop(mut self, run: Arc<Run>) {
        let mut start = clock::now();
        while run.take(start) {
            match self.call(&run, start).await {
                Some(end) => start = end,
                None => return,
            }
        }
    }

    async fn open_loop(mut self, run: Arc<Run>, pacer: Arc<Pacer>) {
        while clock::now() < run.deadline + CATCH_UP {
            let Some(call) = pacer.take().await else { return };
            let due = pacer.times.of(call);
            run.record(|recording| recording.sent(clock::now().saturating_duration_since(due)));
            if self.call(&run, due).await.is_none() {
                return;
            }
        }
    }

    /// One call, recorded; when its answer ended, if it was right.
    async fn call(&mut self, run: &Run, intended: Instant) -> Option<Instant> {
        self.calls += 1;
        let call = run.answers.call(run.scenario, self.number, self.calls);
        let mut delays = Vec::new();
        let came = async {
            if run.scenario.reconnects() {
                self.connection.reconnect().await?;
            }
            self.connection.call(&call, &mut delays).await
        };
        match came.await {
            Ok(came) => {
                let answered = Answered {
                    intended,
                    first_byte: came.first_byte,
                    end: came.end,
                    events: call.events,
                    delays,
                };
                run.record(|recording| recording.answered(&answered));
                Some(came.end)
            }
            Err(error) => {
                run.record(|recording| recording.failed(error.to_string()));
                None
            }
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

/// Begins `count` sessions, all by one client, and leaves them open.
///
/// # Errors
/// When one of them cannot be begun.
pub async fn open_sessions(url: &LoopbackUrl, count: usize) -> Result<(), CallError> {
    let client = Scenario::Json(crate::payload::Tool::Small).client(0);
    let mut connection = Connection::open(url, &client).await?;
    for _ in 1..count {
        connection.add_session(&client.name, "2025-11-25").await?;
    }
    Ok(())
}
