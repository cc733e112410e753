//! Clients that work as agents do: they look, think, repeat themselves, err, and give up.
//!
//! Each agent has a [`persona`] with habits; a habit is turned into a [`script`] with what the agent has learned
//! ([`knowledge`]), and the [`client`] sends it. Same seed, same scripts, as far as the answers are the same.

mod client;
mod knowledge;
mod persona;
mod script;
mod sse;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::client::{Client, ClientError, Reply};
use self::knowledge::Knowledge;
use self::persona::Persona;
use self::script::Step;
use crate::address::LoopbackUrl;
use crate::clock;

/// Least time between two requests of all agents together: at most 20 in a second.
const GAP: Duration = Duration::from_millis(50);
/// How long agents may take to finish what they are at.
const PATIENCE: Duration = Duration::from_secs(1);
/// Wait of an agent that got no answer, before it goes on.
const RECOVERY: Duration = Duration::from_secs(1);

/// Who works, and how.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The MCP endpoint.
    pub(super) url: LoopbackUrl,
    /// Number of agents.
    pub(super) agents: usize,
    /// What randomness starts from.
    pub(super) seed: u64,
    /// Thinking times are multiplied by this.
    pub(super) pace: f64,
    /// Tools to call at a server that is no diagnostics server.
    pub(super) tools: Vec<String>,
}

/// How the agents' requests ended, as they saw it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    calls: AtomicU64,
    others: AtomicU64,
    refused: AtomicU64,
    given_up: AtomicU64,
    unanswered: AtomicU64,
    last_problem: Mutex<Option<String>>,
}

/// A [`Tally`] at a moment.
#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
pub(super) struct Counts {
    /// Tool calls that were sent.
    pub(super) calls: u64,
    /// Other requests that were sent.
    pub(super) others: u64,
    /// Answers that were JSON-RPC errors or results with `isError`.
    pub(super) refused: u64,
    /// Calls that the agent gave up.
    pub(super) given_up: u64,
    /// Requests without a proper answer.
    pub(super) unanswered: u64,
    /// What the last one of these died of.
    pub(super) last_problem: Option<String>,
}

impl Tally {
    /// The counts now.
    pub(super) fn counts(&self) -> Counts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            calls: of(&self.calls),
            others: of(&self.others),
            refused: of(&self.refused),
            given_up: of(&self.given_up),
            unanswered: of(&self.unanswered),
            last_problem: self.last_problem.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn ended(&self, reply: &Result<Reply, ClientError>) {
        let count = match reply {
            Ok(Reply::Result(result)) if result["isError"] == true => &self.refused,
            Ok(Reply::Result(_)) => return,
            Ok(Reply::Error) => &self.refused,
            Ok(Reply::GivenUp) => &self.given_up,
            Err(error) => {
                *self.last_problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                &self.unanswered
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Agents at work; they end when this is dropped.
#[derive(Debug)]
pub(super) struct Agents {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    tally: Arc<Tally>,
}

impl Agents {
    /// Sets them to work.
    pub(super) fn start(settings: &Settings) -> Self {
        let (stop, stopped) = watch::channel(false);
        let tally = Arc::new(Tally::default());
        let turn = Arc::new(Mutex::new(clock::now()));
        let mut tasks = JoinSet::new();
        for number in 0..settings.agents {
            let agent = Agent {
                settings: settings.clone(),
                persona: Persona::of(number),
                random: generator(settings.seed, number),
                known: Knowledge::default(),
                tally: tally.clone(),
                turn: turn.clone(),
                stopped: stopped.clone(),
            };
            tasks.spawn(agent.live());
        }
        Self { tasks, stop, tally }
    }

    /// Lets them finish what they are at, for a moment.
    pub(super) async fn stop(mut self) -> Counts {
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            self.tasks.shutdown().await;
        }
        self.tally.counts()
    }
}

/// Each agent has randomness of its own: what one does must not depend on when another one is answered.
fn generator(seed: u64, agent: usize) -> SmallRng {
    SmallRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(agent as u64))
}

/// The demo ends.
struct Stopped;

struct Agent {
    settings: Settings,
    persona: &'static Persona,
    random: SmallRng,
    known: Knowledge,
    tally: Arc<Tally>,
    /// When the next request of any agent may leave.
    turn: Arc<Mutex<Instant>>,
    stopped: watch::Receiver<bool>,
}

impl Agent {
    async fn live(mut self) {
        let Ok(mut client) = Client::new(self.settings.url.clone(), self.persona) else { return };
        // It ends only by being stopped.
        let Stopped = self.work(&mut client).await;
        client.close().await;
    }

    async fn work(&mut self, client: &mut Client) -> Stopped {
        let start = self.random.random_range(0..1000);
        if let Err(stopped) = self.pause(Duration::from_millis(start)).await {
            return stopped;
        }
        let mut steps = vec![Step::Ask { method: "tools/list", params: serde_json::json!({}) }];
        let mut opened = false;
        loop {
            for step in std::mem::take(&mut steps) {
                if let Err(stopped) = self.step(client, step).await {
                    return stopped;
                }
            }
            steps = self.next_script(&mut opened);
        }
    }

    fn next_script(&mut self, opened: &mut bool) -> Vec<Step> {
        if self.known.tools.is_empty() {
            return vec![Step::Think(1.0), Step::Ask { method: "tools/list", params: serde_json::json!({}) }];
        }
        if !self.known.is_diagnostics() {
            return script::write_generic(&self.known, &self.settings.tools, &mut self.random);
        }
        if !std::mem::replace(opened, true) {
            return script::opening();
        }
        match self.persona.habits.choose_weighted(&mut self.random, |(_, weight)| *weight) {
            Ok((habit, _)) => script::write(*habit, &self.known, &mut self.random),
            Err(_) => script::opening(),
        }
    }

    async fn step(&mut self, client: &mut Client, step: Step) -> Result<(), Stopped> {
        let reply = match step {
            Step::Think(part) => return self.think(part).await,
            Step::Ask { method, params } => {
                self.wait_turn().await?;
                match client.prepare().await {
                    Ok(()) => {
                        self.tally.others.fetch_add(1, Ordering::Relaxed);
                        let reply = client.ask(method, params).await;
                        if let (Ok(Reply::Result(result)), "tools/list") = (&reply, method) {
                            self.known.learn_tools(result);
                        }
                        reply
                    }
                    Err(error) => Err(error),
                }
            }
            Step::Call { tool, arguments, patience } => {
                self.wait_turn().await?;
                match client.prepare().await {
                    Ok(()) => {
                        self.tally.calls.fetch_add(1, Ordering::Relaxed);
                        let reply = client.call(&tool, &arguments, self.known.tool(&tool), patience).await;
                        if let Ok(Reply::Result(result)) = &reply {
                            self.known.learn(&tool, result);
                        }
                        reply
                    }
                    Err(error) => Err(error),
                }
            }
        };
        self.tally.ended(&reply);
        if reply.is_err() { self.pause(RECOVERY).await } else { Ok(()) }
    }

    async fn think(&mut self, part: f64) -> Result<(), Stopped> {
        let (shortest, longest) = self.persona.thinks;
        let time = Duration::from_millis(self.random.random_range(shortest..=longest));
        self.pause(time.mul_f64(part * self.settings.pace)).await
    }

    /// Waits until the next request may leave.
    async fn wait_turn(&mut self) -> Result<(), Stopped> {
        let now = clock::now();
        let turn = {
            let mut next = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(now);
            *next = turn + GAP;
            turn
        };
        self.pause(turn.saturating_duration_since(now)).await
    }

    async fn pause(&mut self, time: Duration) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            // An error means that nobody is left who could say it: the end as well.
            _ = self.stopped.wait_for(|stopped| *stopped) => Err(Stopped),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }
}
