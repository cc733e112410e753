//! The demo: a real MCP server, mcp-tap before it, agents that use it, and what mcp-tap says of that.
//!
//! ```text
//!   agents ──► mcp-tap ──► mcp-backend (simulated cluster), or your own server
//!                 │
//!                 └─ /metrics, /slo ──► figures ──► table
//! ```
//!
//! The table is made of nothing but what every user of mcp-tap has. In reading order: `fleet` and `child` (the
//! servers; `guard` ends them with the demo), `agents` (the traffic), `scrape`, `levels` and `figures` (what metrics
//! and service levels say), `table` and `display` (how it looks).

mod agents;
mod child;
mod display;
mod figures;
mod flags;
mod fleet;
mod guard;
mod levels;
mod scrape;
mod table;
mod web;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use self::child::ChildError;
pub use self::flags::DemoArgs;
pub use self::fleet::{FleetError, Settings as FleetSettings};
pub use self::guard::GuardedArgs;

use self::agents::{Agents, Counts, Settings as AgentSettings};
use self::display::Display;
use self::figures::{Figures, History};
use self::fleet::Fleet;
use self::levels::Level;
use self::scrape::Scrape;
use self::table::Header;
use crate::clock;

/// Time between two drawings on a terminal.
const REDRAW: Duration = Duration::from_millis(500);
/// Seconds after which agents that have called nothing found nothing to call.
const LOOKED_AROUND: f64 = 4.0;
/// How long mcp-tap may take to count what has just ended.
const SETTLE: Duration = Duration::from_secs(2);
/// Time between two looks at that.
const LOOK: Duration = Duration::from_millis(50);
/// How long after the first signal another one is taken for the same: shells, `timeout` and `make` tell it twice.
const ECHO: Duration = Duration::from_millis(200);

/// What to show, and for how long.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The servers.
    pub fleet: FleetSettings,
    /// Number of agents.
    pub agents: usize,
    /// What their randomness starts from.
    pub seed: u64,
    /// Their thinking times are multiplied by this.
    pub pace: f64,
    /// Tools that they may call at a server that is no diagnostics server.
    pub tools: Vec<String>,
    /// Time between two tables where they are not redrawn in place.
    pub interval: Duration,
    /// When to end; otherwise at a signal.
    pub duration: Option<Duration>,
    /// Print nothing but a summary in JSON.
    pub json: bool,
    /// Leave the logs where they are at the end.
    pub keep_logs: bool,
}

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The servers do not start.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// One of them ended.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// Output or signals.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The summary.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// What is left at the end.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    seconds: f64,
    /// What mcp-tap has counted.
    seen: &'a Figures,
    /// What the agents have counted.
    sent: &'a Counts,
}

/// Whatever tells a program to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }

    /// A further wish to end.
    async fn again(&mut self) {
        let echoes = async {
            loop {
                self.any().await;
            }
        };
        drop(tokio::time::timeout(ECHO, echoes).await);
        self.any().await;
    }
}

/// Runs until the time is over or a signal comes; a second signal ends it at once. Nothing that was started is left.
///
/// # Errors
/// When a server does not start, or ends by itself.
pub async fn run(settings: &Settings) -> Result<(), DemoError> {
    let mut signals = Signals::listen()?;
    let mut note = |what: &str| {
        // Notes that cannot be shown are no reason to show nothing.
        drop(writeln!(io::stderr(), "{what}"));
    };
    let fleet = tokio::select! {
        fleet = Fleet::start(&settings.fleet, &mut note) => fleet?,
        () = signals.any() => return Ok(()),
    };
    let mut show = Show::new(settings, &fleet, clock::now());
    if !settings.json {
        show.introduce(&fleet)?;
    }
    let mut fleet = fleet;
    let agents = Agents::start(&AgentSettings {
        url: fleet.endpoint.clone(),
        agents: settings.agents,
        seed: settings.seed,
        pace: settings.pace,
        tools: settings.tools.clone(),
    });
    let watched = show.watch(&mut fleet, &mut signals).await;
    let end = finish(settings, &mut show, fleet, agents, watched);
    tokio::select! {
        ended = end => ended,
        // The guards of the children kill them.
        () = signals.again() => Err(io::Error::from(io::ErrorKind::Interrupted).into()),
    }
}

/// Ends agents and servers in this order, and says what happened.
async fn finish(
    settings: &Settings,
    show: &mut Show<'_>,
    fleet: Fleet,
    agents: Agents,
    watched: Result<(), DemoError>,
) -> Result<(), DemoError> {
    let seconds = show.elapsed().as_secs_f64();
    let sent = agents.stop().await;
    // The last page; without it the one before it is shown.
    for _ in 0..SETTLE.as_millis() / LOOK.as_millis() {
        show.scrape().await;
        if watched.is_err() || show.figures.total.calls >= sent.calls {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let kept = fleet.stop(settings.keep_logs || watched.is_err()).await;
    show.display.leave();
    if settings.json {
        let summary = Summary { seconds, seen: &show.figures, sent: &sent };
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&summary)?)?;
    } else {
        show.sum_up(seconds, &sent)?;
    }
    if let Some(kept) = kept {
        drop(writeln!(io::stderr(), "the logs are in {}", kept.display()));
    }
    watched
}

/// What is shown.
struct Show<'a> {
    settings: &'a Settings,
    header: Header,
    display: Display,
    started: Instant,
    admin: SocketAddr,
    history: History,
    figures: Figures,
}

impl<'a> Show<'a> {
    fn new(settings: &'a Settings, fleet: &Fleet, started: Instant) -> Self {
        let header = Header {
            server: fleet.server.clone(),
            endpoint: fleet.endpoint.to_string(),
            admin: format!("http://{}", fleet.admin),
            logs: fleet.logs().display().to_string(),
            agents: settings.agents,
        };
        let (history, figures) = (History::default(), Figures::default());
        Self { settings, header, display: Display::new(), started, admin: fleet.admin, history, figures }
    }

    fn elapsed(&self) -> Duration {
        clock::now().saturating_duration_since(self.started)
    }

    /// What stands above every table, once, where there is no screen for it.
    fn introduce(&mut self, fleet: &Fleet) -> io::Result<()> {
        if self.display.is_live() {
            return Ok(());
        }
        let pids: Vec<String> = fleet.pids().iter().map(ToString::to_string).collect();
        self.display.print(&[
            format!(
                "mcp-tap before {}, {} agents (seed {})",
                self.header.server, self.header.agents, self.settings.seed
            ),
            format!("  your MCP client  {}", self.header.endpoint),
            format!("  admin port       {}{}", self.header.admin, table::PAGES),
            format!("  logs             {}", self.header.logs),
            format!("  processes        {}", pids.join(" ")),
            "  Ctrl-C ends all of it".to_owned(),
            String::new(),
        ])
    }

    /// Shows tables until the end.
    async fn watch(&mut self, fleet: &mut Fleet, signals: &mut Signals) -> Result<(), DemoError> {
        let interval = if self.display.is_live() { REDRAW } else { self.settings.interval };
        let end = self.settings.duration;
        let over = async move {
            match end {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        let mut over = std::pin::pin!(over);
        loop {
            if self.display.is_live() {
                self.draw()?;
            }
            tokio::select! {
                () = signals.any() => return Ok(()),
                () = &mut over => return Ok(()),
                () = tokio::time::sleep(interval) => {}
            }
            fleet.check()?;
            self.scrape().await;
            if !self.display.is_live() {
                self.draw()?;
            }
        }
    }

    /// Reads metrics and service levels; a page that cannot be read leaves its figures as they are.
    async fn scrape(&mut self) {
        if let Ok((http::StatusCode::OK, page)) = web::get(self.admin, "/metrics").await {
            let scrape = Scrape::parse(&String::from_utf8_lossy(&page));
            let levels = std::mem::take(&mut self.figures.levels);
            self.figures = Figures { levels, ..self.history.take(self.elapsed(), &scrape) };
        }
        if let Ok((http::StatusCode::OK, page)) = web::get(self.admin, "/slo").await {
            self.figures.levels = Level::read(&page).unwrap_or_default();
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        if self.settings.json {
            return Ok(());
        }
        let room = self.display.room();
        let lines = if self.display.is_live() {
            table::screen(&self.header, &self.figures, self.elapsed(), room)
        } else {
            let seconds = self.elapsed().as_secs();
            let mut lines = vec![format!("after {seconds} s")];
            lines.extend(table::plain(&self.figures, room));
            lines
        };
        self.display.draw(&lines)
    }

    fn sum_up(&mut self, seconds: f64, sent: &Counts) -> io::Result<()> {
        let mut lines = table::plain(&self.figures, self.display.room());
        lines.push(String::new());
        lines.push(format!(
            "{seconds:.0} s: the agents sent {} tool calls and {} other requests, gave up {}; mcp-tap saw {} tool calls end",
            sent.calls, sent.others, sent.given_up, self.figures.total.calls,
        ));
        if let Some(problem) = sent.last_problem.as_ref().filter(|_| sent.unanswered > 0) {
            lines.push(format!("{} requests got no proper answer; the last one: {problem}", sent.unanswered));
        }
        let own = self.settings.fleet.upstream.is_some() && self.settings.tools.is_empty();
        if own && sent.calls == 0 && self.figures.catalogue_tools > 0 && seconds >= LOOKED_AROUND {
            lines.push(
                "no tool of this server says that it changes nothing: name some with --call TOOL".to_owned(),
            );
        }
        self.display.print(&lines)
    }
}
