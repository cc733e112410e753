//! The bounds of the core: how much it remembers, and for how long.

use std::sync::Arc;
use std::time::Duration;

use super::keep::Keep;
use super::trace;

/// Every bound and every wait. Reaching a bound loses telemetry, never traffic, and is counted as
/// [`super::event::NotInspected::TableFull`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// Requests and notifications followed in one HTTP exchange (a batch may hold any number).
    pub operations_per_exchange: usize,
    /// Requests that other exchanges may answer or cancel: all of a legacy session, both directions.
    pub open: usize,
    /// Of these, requests whose own exchange ended without the answer.
    pub parked: usize,
    /// Of these, requests of the server that wait for the client.
    pub server_requests: usize,
    /// Sessions of Streamable HTTP.
    pub sessions: usize,
    /// Sessions of HTTP+SSE (2024-11-05), one per announced endpoint.
    pub channels: usize,
    /// Tasks whose end was not seen yet.
    pub tasks: usize,
    /// Distinct clients kept apart; further ones share the default [`super::event::Client`].
    pub clients: usize,
    /// Slots of the table of recent calls, and of that of pending `requestState`s; rounded up to a power of two.
    pub recent: usize,
    /// Bytes of payload that traces keep on demand, from the request until the spans are exported or not. What has no
    /// room is on no span; that loses no more, and is not counted.
    pub payload: usize,
    /// The tools whose payload that is; `None`: all.
    pub payload_of: Option<Arc<[String]>>,
    /// How long a parked request waits for a client that comes back for the answer.
    pub park_wait: Duration,
    /// The longest time that a request may stay open apart from its own exchange, whatever else happens: on an
    /// HTTP+SSE channel, parked while the client keeps polling, or sent by the server.
    pub answer_wait: Duration,
    /// How long after `notifications/cancelled` an answer still counts.
    pub cancel_grace: Duration,
    /// A session without any exchange for this long is over.
    pub session_idle: Duration,
    /// Time to live of a task that names none.
    pub task_ttl: Duration,
    /// The longest time to live that is believed.
    pub task_ttl_max: Duration,
    /// The same call within this time counts as repeated.
    pub repeat_window: Duration,
    /// Which answers of tools are looked at; `None`: none.
    pub keep: Option<Arc<Keep>>,
    /// How trace context is treated; `None`: nothing of it is read or written.
    pub trace: Option<trace::Settings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            operations_per_exchange: 1024,
            open: 16_384,
            parked: 4096,
            server_requests: 4096,
            sessions: 10_000,
            channels: 10_000,
            tasks: 4096,
            clients: 1000,
            recent: 4096,
            payload: 32 << 20,
            payload_of: None,
            park_wait: Duration::from_secs(5 * 60),
            answer_wait: Duration::from_secs(60 * 60),
            cancel_grace: Duration::from_secs(1),
            session_idle: Duration::from_secs(60 * 60),
            task_ttl: Duration::from_secs(60 * 60),
            task_ttl_max: Duration::from_secs(24 * 60 * 60),
            repeat_window: Duration::from_secs(60),
            keep: None,
            trace: None,
        }
    }
}

/// How much the core remembers now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// See [`Settings::open`].
    pub open: usize,
    /// See [`Settings::parked`].
    pub parked: usize,
    /// See [`Settings::server_requests`].
    pub server_requests: usize,
    /// See [`Settings::sessions`].
    pub sessions: usize,
    /// See [`Settings::channels`].
    pub channels: usize,
    /// See [`Settings::tasks`].
    pub tasks: usize,
    /// See [`Settings::clients`].
    pub clients: usize,
}
