//! What is known of a client over several HTTP exchanges (legacy revisions).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::protocol::version::Version;

use super::call::Scope;
use super::event::{Client, SessionRecord, Transport};
use super::settings::Settings;
use super::table::Map;

/// A session: of Streamable HTTP from the answer to `initialize`, of HTTP+SSE from the `endpoint` event, of a wrapped
/// process from its start.
pub(super) struct Session {
    /// Where its exchanges meet.
    pub(super) scope: Scope,
    started: Instant,
    peer: ArcSwap<Peer>,
    /// Exchanges open now.
    exchanges: AtomicUsize,
    /// GET streams open now that announced this channel.
    streams: AtomicUsize,
    /// GET streams open now that resume an earlier stream.
    resuming: AtomicUsize,
    /// When the last exchange began or ended, and the last resuming one, in milliseconds from `started`.
    last_seen: AtomicU64,
    last_resumed: AtomicU64,
}

/// Who speaks, and how.
#[derive(Clone)]
pub(super) struct Peer {
    /// Who.
    pub(super) client: Arc<Client>,
    /// The revision agreed upon; `None` until `initialize` is answered.
    pub(super) version: Option<Version>,
}

impl Session {
    pub(super) fn new(scope: Scope, started: Instant, peer: Peer) -> Arc<Self> {
        Arc::new(Self {
            scope,
            started,
            peer: ArcSwap::from_pointee(peer),
            exchanges: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            resuming: AtomicUsize::new(0),
            last_seen: AtomicU64::new(0),
            last_resumed: AtomicU64::new(0),
        })
    }

    /// Who speaks, and how.
    pub(super) fn peer(&self) -> arc_swap::Guard<Arc<Peer>> {
        self.peer.load()
    }

    /// `initialize` was answered.
    pub(super) fn agree(&self, peer: Peer) {
        self.peer.store(Arc::new(peer));
    }

    /// How it travels.
    pub(super) const fn transport(&self) -> Transport {
        match self.scope {
            Scope::Channel(_) => Transport::HttpSse,
            Scope::Pipe(_) => Transport::Stdio,
            Scope::Session(_) | Scope::Lineage(_) => Transport::StreamableHttp,
        }
    }

    /// An exchange begins.
    pub(super) fn enter(&self, at: Instant) {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        self.touch(&self.last_seen, at);
    }

    /// An exchange ends.
    pub(super) fn leave(&self, at: Instant) {
        self.touch(&self.last_seen, at);
        self.exchanges.fetch_sub(1, Ordering::Relaxed);
    }

    /// A stream announced this channel's endpoint. Servers that tell their clients apart by something else than the
    /// endpoint announce the same one on several streams.
    pub(super) fn join(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    /// Such a stream ended; whether it was the last.
    pub(super) fn part(&self) -> bool {
        self.streams.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// A stream begins that brings what an earlier one did not.
    pub(super) fn resume(&self, at: Instant) {
        self.resuming.fetch_add(1, Ordering::Relaxed);
        self.touch(&self.last_resumed, at);
    }

    /// Such a stream ends.
    pub(super) fn resumed(&self, at: Instant) {
        self.resuming.fetch_sub(1, Ordering::Relaxed);
        self.touch(&self.last_resumed, at);
    }

    /// When the client last was here to get an answer from an earlier stream.
    pub(super) fn last_resumed(&self, now: Instant) -> Instant {
        if self.resuming.load(Ordering::Relaxed) > 0 {
            return now;
        }
        self.started + Duration::from_millis(self.last_resumed.load(Ordering::Relaxed))
    }

    /// Whether nothing happened in it for `idle`.
    pub(super) fn is_idle(&self, now: Instant, idle: Duration) -> bool {
        self.exchanges.load(Ordering::Relaxed) == 0 && now.saturating_duration_since(self.last_seen()) >= idle
    }

    /// The last sign of life.
    pub(super) fn last_seen(&self) -> Instant {
        self.started + Duration::from_millis(self.last_seen.load(Ordering::Relaxed))
    }

    /// A message passed.
    pub(super) fn seen(&self, at: Instant) {
        self.touch(&self.last_seen, at);
    }

    fn touch(&self, time: &AtomicU64, at: Instant) {
        let passed = at.saturating_duration_since(self.started).as_millis();
        time.fetch_max(u64::try_from(passed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What is to be recorded of it, when it ended `at`.
    pub(super) fn record(&self, at: Instant, error_type: &'static str) -> SessionRecord {
        let peer = self.peer();
        SessionRecord {
            client: Arc::clone(&peer.client),
            version: peer.version,
            transport: self.transport(),
            duration: at.saturating_duration_since(self.started),
            error_type,
        }
    }
}

/// All sessions, by scope. A lookup takes no lock.
pub(super) struct Sessions {
    streamable: Map<Arc<Session>>,
    channels: Map<Arc<Session>>,
    /// Of wrapped processes: as many as this proxy started.
    pipes: Map<Arc<Session>>,
    /// Open GET streams that may be channels whose endpoint is not known: unreadable, or the table was full.
    blind: AtomicUsize,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self {
            streamable: Map::default(),
            channels: Map::default(),
            pipes: Map::default(),
            blind: AtomicUsize::new(0),
        }
    }

    /// Number of (Streamable HTTP sessions, channels).
    pub(super) fn len(&self) -> (usize, usize) {
        (self.streamable.len(), self.channels.len())
    }

    fn table(&self, scope: Scope) -> Option<(&Map<Arc<Session>>, u64)> {
        match scope {
            Scope::Session(key) => Some((&self.streamable, key)),
            Scope::Channel(key) => Some((&self.channels, key)),
            Scope::Pipe(key) => Some((&self.pipes, key)),
            Scope::Lineage(_) => None,
        }
    }

    /// The session of a scope.
    pub(super) fn find(&self, scope: Scope) -> Option<Arc<Session>> {
        let (table, key) = self.table(scope)?;
        table.pin().get(&key).map(Arc::clone)
    }

    /// Whether any POST may belong to a channel: saves the lookup where HTTP+SSE is not in use.
    pub(super) fn has_channels(&self) -> bool {
        !self.channels.is_empty()
    }

    /// Puts a new session in, or gives the one that is there (`false`). `None` when there is no room.
    pub(super) fn insert(&self, session: &Arc<Session>, bounds: &Settings) -> Option<(Arc<Session>, bool)> {
        let limit = match session.scope {
            Scope::Channel(_) => bounds.channels,
            Scope::Session(_) | Scope::Lineage(_) | Scope::Pipe(_) => bounds.sessions,
        };
        let (table, key) = self.table(session.scope)?;
        let table = table.pin();
        if let Some(there) = table.get(&key) {
            return Some((Arc::clone(there), false));
        }
        if table.len() >= limit {
            return None;
        }
        let there = table.get_or_insert(key, Arc::clone(session));
        Some((Arc::clone(there), Arc::ptr_eq(there, session)))
    }

    /// Takes a session out; whether it was there, so that its end is recorded once.
    pub(super) fn remove(&self, session: &Arc<Session>) -> bool {
        let Some((table, key)) = self.table(session.scope) else { return false };
        matches!(table.pin().remove_if(&key, |_, there| Arc::ptr_eq(there, session)), Ok(Some(_)))
    }

    /// All sessions that fit.
    pub(super) fn select(&self, fits: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        let (streamable, channels, pipes) = (self.streamable.pin(), self.channels.pin(), self.pipes.pin());
        let all = streamable.values().chain(channels.values()).chain(pipes.values());
        all.filter(|session| fits(session)).map(Arc::clone).collect()
    }

    /// A GET stream that may be a channel without a known endpoint began.
    pub(super) fn enter_blind(&self) {
        self.blind.fetch_add(1, Ordering::Relaxed);
    }

    /// It ended.
    pub(super) fn leave_blind(&self) {
        self.blind.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a 202 to a request may come from a channel that is not known.
    pub(super) fn has_blind(&self) -> bool {
        self.blind.load(Ordering::Relaxed) > 0
    }
}
