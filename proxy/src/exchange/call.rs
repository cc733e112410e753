//! One operation from its start to its one end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use compact_str::CompactString;

use crate::protocol::message::{Message, RequestId};
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;
use crate::protocol::version::Era;

use super::event::{Direction, Operation};
use super::keep::Parts;
use super::trace;

/// Where requests of one client and their answers meet when they travel on different HTTP exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// A session of Streamable HTTP: the fingerprint of its id.
    Session(u64),
    /// A session of HTTP+SSE: the key of its endpoint.
    Channel(u64),
    /// A resumable stream without a session: the fingerprint of its last event id.
    Lineage(u64),
    /// The pipes to one process: a number of our own.
    Pipe(u64),
}

impl Scope {
    /// The session's hash, if the scope is a session.
    pub(super) const fn session(self) -> Option<u64> {
        match self {
            Self::Session(hash) | Self::Channel(hash) => Some(hash),
            Self::Lineage(_) | Self::Pipe(_) => None,
        }
    }
}

/// What an operation waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// The end of its own HTTP exchange, which sees to it that the operation ends.
    Exchange,
    /// A message on another exchange: the answer on an HTTP+SSE channel or on a pipe, or the client's answer to the server.
    Elsewhere {
        /// Since when.
        since: Instant,
    },
    /// A client that comes back for the answer: its own exchange is over.
    Parked {
        /// Since when.
        since: Instant,
        /// Whether the server ended the exchange, not the client.
        by_server: bool,
    },
}

/// An open request. Whoever ends it first takes the draft of its [`Operation`]: that makes it end exactly once, however
/// many exchanges see it.
pub(super) struct Call {
    /// Its id; `None` when only its headers could be read.
    pub(super) id: Option<RequestId>,
    /// Who sent it.
    pub(super) direction: Direction,
    /// Its method.
    pub(super) method: Method,
    /// Which way of speaking.
    pub(super) era: Era,
    /// What else of the request decides what its answer means.
    pub(super) facts: Facts,
    /// The server asked the client something meanwhile.
    waited_for_client: AtomicBool,
    state: Mutex<State>,
}

/// What of a request decides what its answer means.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// It asks for a later page of a list.
    pub(super) later_page: bool,
    /// It lets the server answer with a task (2025-11-25).
    pub(super) wants_task: bool,
    /// The task it asks about.
    pub(super) task: Option<CompactString>,
    /// Its fingerprint in the table of recent calls.
    pub(super) repeat: Option<u64>,
    /// What of its answer is kept, to be judged.
    pub(super) parts: Parts,
}

impl Facts {
    /// Reads them from the request.
    pub(super) fn of(message: &Message) -> Self {
        Self {
            later_page: message.params.cursor,
            wants_task: message.params.wants_task,
            task: message.params.task_id.clone(),
            repeat: None,
            parts: Parts::default(),
        }
    }
}

struct State {
    draft: Option<Box<Operation>>,
    wait: Wait,
    cancelled: Option<Instant>,
    key: Option<u64>,
}

/// An ended call: what is to be recorded, and where the call was kept.
pub(super) struct Ended {
    /// What is to be recorded.
    pub(super) operation: Box<Operation>,
    /// What it waited for.
    pub(super) wait: Wait,
    /// Its key in the table of open calls, if it was ever put there.
    pub(super) key: Option<u64>,
}

impl Call {
    pub(super) fn new(draft: Box<Operation>, facts: Facts) -> Arc<Self> {
        Arc::new(Self {
            id: draft.id.clone(),
            direction: draft.direction,
            method: draft.method.clone(),
            era: draft.era,
            facts,
            waited_for_client: AtomicBool::new(false),
            state: Mutex::new(State { draft: Some(draft), wait: Wait::Exchange, cancelled: None, key: None }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No panic can leave the state half changed: it is only moved in and out.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks that the server asked the client something while this call was open.
    pub(super) fn wait_for_client(&self) {
        self.waited_for_client.store(true, Ordering::Relaxed);
    }

    /// Whether it ended.
    pub(super) fn is_over(&self) -> bool {
        self.state().draft.is_none()
    }

    /// The peer that sent it does not want it any more. The first such message counts.
    pub(super) fn cancel(&self, at: Instant) {
        self.state().cancelled.get_or_insert(at);
    }

    /// Whether the peer that sent it waits for its answer.
    pub(super) fn is_wanted(&self) -> bool {
        let state = self.state();
        state.draft.is_some() && state.cancelled.is_none()
    }

    /// Ends it with an answer, which still counts if it came within `grace` of a cancellation, unless it is an error:
    /// that is how servers confirm one (the Python SDK answers -32800). `None` if it was over.
    pub(super) fn answer(
        &self,
        grace: Duration,
        at: Instant,
        fill: impl FnOnce(&mut Operation),
    ) -> Option<Ended> {
        let mut state = self.state();
        if state.cancelled.is_some_and(|cancelled| at > cancelled + grace) {
            return self.take(&mut state, Ending::Cancelled, at);
        }
        if let Some(draft) = &mut state.draft {
            fill(draft);
            if !matches!(draft.ending, Ending::RpcError { .. }) {
                state.cancelled = None;
            }
        }
        let ending = state.draft.as_ref()?.ending;
        self.take(&mut state, ending, at)
    }

    /// Remembers the status of its own exchange, in case no other one brings an answer.
    pub(super) fn heard(&self, status: Option<u16>) {
        if let Some(draft) = &mut self.state().draft {
            draft.status = status;
        }
    }

    /// Remembers when it went on towards the server.
    pub(super) fn forwarded(&self, at: Instant) {
        if let Some(trace) = self.state().draft.as_mut().and_then(|draft| draft.trace.as_mut()) {
            trace.forwarded = Some(at);
        }
    }

    /// The place of what the server asks for its sake, while it is open.
    pub(super) fn below(&self, settings: &trace::Settings) -> Option<trace::Choice> {
        let state = self.state();
        Some(settings.below_upstream(state.draft.as_ref()?.trace.as_deref()?))
    }

    /// Ends it without an answer. `None` if it was over.
    pub(super) fn end(&self, ending: Ending, at: Instant) -> Option<Ended> {
        self.take(&mut self.state(), ending, at)
    }

    fn take(&self, state: &mut State, ending: Ending, at: Instant) -> Option<Ended> {
        let mut operation = state.draft.take()?;
        (operation.ending, operation.ended) = match state.cancelled {
            Some(cancelled) => (Ending::Cancelled, cancelled),
            None => (ending, at),
        };
        operation.waited_for_client = self.waited_for_client.load(Ordering::Relaxed);
        Some(Ended { operation, wait: state.wait, key: state.key })
    }

    /// Remembers under which key it is kept, and for what it waits there.
    pub(super) fn keep(&self, key: u64, wait: Wait) {
        let mut state = self.state();
        state.key = Some(key);
        state.wait = wait;
    }

    /// Parks it, unless it is over; says whether it did. `room` is asked under the lock, and the answer is final.
    pub(super) fn park(&self, since: Instant, by_server: bool, room: impl FnOnce() -> bool) -> Parking {
        let mut state = self.state();
        if state.draft.is_none() {
            return Parking::Over;
        }
        if matches!(state.wait, Wait::Parked { .. }) {
            return Parking::Parked;
        }
        if !room() {
            return Parking::NoRoom;
        }
        state.wait = Wait::Parked { since, by_server };
        Parking::Parked
    }

    /// How and when it ends by itself, if nothing happens until `now`. `resumed` is when its client last came back.
    pub(super) fn due(
        &self,
        now: Instant,
        waits: &super::settings::Settings,
        resumed: Option<Instant>,
    ) -> Option<(Ending, Instant)> {
        let state = self.state();
        if let Some(cancelled) = state.cancelled {
            return (now > cancelled + waits.cancel_grace).then_some((Ending::Cancelled, cancelled));
        }
        let (ending, deadline) = match state.wait {
            Wait::Exchange => return None,
            Wait::Elsewhere { since } => (Ending::Timeout, since + waits.answer_wait),
            Wait::Parked { since, by_server } => {
                let ending = if by_server { Ending::StreamClosed } else { Ending::Abandoned };
                let last = resumed.map_or(since, |resumed| resumed.max(since));
                (ending, (last + waits.park_wait).min(since + waits.answer_wait))
            }
        };
        (now >= deadline).then_some((ending, deadline))
    }

    /// Whether other exchanges can find it.
    pub(super) fn is_kept(&self) -> bool {
        self.state().key.is_some()
    }

    /// What it waits for.
    pub(super) fn wait(&self) -> Wait {
        self.state().wait
    }
}

/// What became of the wish to park a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parking {
    /// It is parked.
    Parked,
    /// It was over.
    Over,
    /// Too many are.
    NoRoom,
    /// It cannot be found again: its id is not known, or in use for another request.
    NoPlace,
}

/// The open calls of one HTTP exchange: nearly always one, which then needs no list.
#[derive(Default)]
pub(super) struct Calls {
    first: Option<Arc<Call>>,
    rest: Vec<Arc<Call>>,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub(super) fn push(&mut self, call: Arc<Call>) {
        if self.first.is_none() {
            self.first = Some(call);
        } else {
            self.rest.push(call);
        }
    }

    /// Takes out the first that fits.
    pub(super) fn take(&mut self, fits: impl Fn(&Call) -> bool) -> Option<Arc<Call>> {
        if self.first.as_deref().is_some_and(&fits) {
            return self.first.take();
        }
        let place = self.rest.iter().position(|call| fits(call))?;
        Some(self.rest.swap_remove(place))
    }

    /// Takes out all.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Arc<Call>> + use<> {
        self.first.take().into_iter().chain(std::mem::take(&mut self.rest))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Call>> {
        self.first.iter().chain(&self.rest)
    }
}
