//! The admin port: metrics and health for machines and people, on a listener of its own, never on the traffic port: a TCP
//! port, or a Unix socket that only this user can open.
//!
//! | path | method | answer |
//! | --- | --- | --- |
//! | `/metrics` | GET, HEAD | Prometheus text 0.0.4 or OpenMetrics 1.0, by `Accept` |
//! | `/operations` | GET, HEAD | the last operations as JSON, newest first; `?limit=` 1 … 512 |
//! | `/catalogue` | GET, HEAD | the server's tools and how they changed, as JSON |
//! | `/slo` | GET, HEAD | service levels as this process counts them, as JSON |
//! | `/summary` | GET, HEAD | who this is and how it goes in a few figures, as JSON: a line of `mcp-tap ps` |
//! | `/livez` | GET, HEAD | 200 as long as this process answers |
//! | `/readyz` | GET, HEAD | 200 while traffic is welcome, else 503 |
//! | `/drain` | POST | 202; stops taking traffic, as SIGTERM does; 403 to web pages, 404 where a command is wrapped |
//!
//! It is meant to run on a thread of its own: a scrape costs milliseconds that no traffic should wait for.

mod address;
mod listener;
mod routes;
mod server;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::registry::About;
use crate::telemetry::Telemetry;

pub use address::Address;
pub use listener::{ListenError, Listener};
pub use server::{MAX_CONNECTIONS, serve};

/// Whether traffic is welcome. Clones are the same; it begins as not ready.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// One that begins as ready.
    #[must_use]
    pub fn ready() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Says whether traffic is welcome from now on.
    pub fn change(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether traffic is welcome.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What the admin port shows and moves.
#[derive(Clone)]
pub struct AdminState {
    /// Who this process is.
    pub about: About,
    /// What is shown.
    pub telemetry: Telemetry,
    /// What `/readyz` says.
    pub readiness: Readiness,
    /// What `POST /drain` starts; called once per request, so it must bear repetition. `None`: nothing takes traffic here
    /// that could stop to.
    pub drain: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for AdminState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AdminState").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}
