//! What `mcp-tap ps` does: asks each running process of the directory ([`crate::registry`]) how it goes, all at once, and
//! shows a line of each ([`table`]).
//!
//! Like anybody outside it knows of a process no more than what `GET /summary` answers, which may be that of an older or
//! newer version: figures that are not there are absent, others are not looked at.

pub mod table;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::registry::Entry;
use crate::slo::report::State;
use crate::slo_client::http::Client;

/// How long one process may take to answer.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// Most that are asked at a time: descriptors are few on some systems.
const AT_A_TIME: usize = 100;

/// What to do about one that does not answer.
const REMEDY: &str = "is it stopped, or too busy?";

/// One running process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Process {
    /// What it said of itself when it started.
    #[serde(flatten)]
    pub entry: Entry,
    /// How long ago that was.
    pub uptime_seconds: f64,
    /// How it goes; `None`: it did not answer.
    pub summary: Option<Summary>,
    /// Why there is no summary.
    pub problem: Option<String>,
}

/// The figures of one process, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Who answers.
    pub pid: u32,
    /// Whether traffic is welcome.
    pub ready: Option<bool>,
    /// Tool calls that ended.
    pub calls: Option<u64>,
    /// Those of them that did not succeed.
    pub failures: Option<u64>,
    /// Operations that go on.
    pub inflight: Option<u64>,
    /// How long answers took in the last minutes.
    pub latency_seconds: Option<Latency>,
    /// The objective that stands worst.
    pub slo: Option<Worst>,
}

/// Quantiles in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latency {
    /// The median.
    pub p50: Option<f64>,
    /// Of twenty the one that took longest.
    pub p95: Option<f64>,
    /// Of a hundred.
    pub p99: Option<f64>,
}

/// How an objective stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Worst {
    /// Its name.
    pub objective: String,
    /// Its state.
    pub state: State,
    /// What is left of its budget.
    #[serde(default)]
    pub budget_remaining: Option<f64>,
}

/// Asks all of them; the order stays. `wall` is the present.
pub async fn ask(entries: Vec<Entry>, wall: SystemTime) -> Vec<Process> {
    let now = wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let turns = Arc::new(Semaphore::new(AT_A_TIME));
    let mut asked = JoinSet::new();
    for (place, entry) in entries.into_iter().enumerate() {
        let turns = Arc::clone(&turns);
        asked.spawn(async move {
            // It is never closed.
            let _turn = turns.acquire().await;
            let (summary, problem) = match summary(&entry).await {
                Ok(summary) => (Some(summary), None),
                Err(problem) => (None, Some(problem)),
            };
            let uptime_seconds = (now - entry.started_unix_ms as f64 / 1e3).max(0.0);
            (place, Process { entry, uptime_seconds, summary, problem })
        });
    }
    let mut processes = asked.join_all().await;
    processes.sort_by_key(|(place, _)| *place);
    processes.into_iter().map(|(_, process)| process).collect()
}

async fn summary(entry: &Entry) -> Result<Summary, String> {
    let told = |problem: crate::slo_client::http::Problem| problem.to_string();
    let client = Client::new(&entry.admin, REMEDY).map_err(told)?.with_timeout(TIMEOUT);
    let answer = client.get("/summary").await.map_err(told)?;
    let summary: Summary = answer.json("is it an older mcp-tap?").map_err(told)?;
    // Where ports are those of another container, the same port may be somebody else's.
    if summary.pid == entry.pid {
        Ok(summary)
    } else {
        Err(format!("at {} another process answers", entry.admin))
    }
}
