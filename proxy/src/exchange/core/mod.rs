//! What all exchanges share: the tables, and the ends of all calls.

mod learn;
mod repeats;
mod tasks;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use crate::protocol::message::{Captured, Implementation, Message};
use crate::protocol::method::Method;
use crate::protocol::outcome::{Ending, Interim};
use crate::protocol::version::Version;

use super::call::{Call, Ended, Parking, Scope, Wait};
use super::clients::Clients;
use super::event::{Event, NotInspected, Operation, Sink};
use super::keep::{Kept, Parts};
use super::open::Open;
use super::recent::Recent;
use super::session::{Session, Sessions};
use super::settings::{Settings, Sizes};
use super::tasks::Tasks;
use super::trace;

use self::learn::ending_of;

/// The state that outlives one HTTP exchange. No method blocks: tables are lock-free, or (tasks) held for nanoseconds.
pub(super) struct Core {
    pub(super) settings: Settings,
    sink: Arc<dyn Sink>,
    pub(super) clients: Clients,
    pub(super) sessions: Sessions,
    pub(super) open: Open,
    tasks: Tasks,
    /// Tool calls of the last minute, by client, tool and arguments.
    calls: Recent,
    /// `requestState`s given out, whose retry did not come yet.
    states: Recent,
    server: ArcSwapOption<(Implementation, Version)>,
    /// For payload that traces keep on demand.
    pub(super) payload: Arc<trace::Room>,
    hasher: foldhash::fast::RandomState,
    began: OnceLock<Instant>,
    /// Processes whose pipes were opened so far.
    pipes: AtomicU64,
    closed: AtomicBool,
}

/// Where and how an answer came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reply {
    /// When it was complete.
    pub(super) at: Instant,
    /// Status of the HTTP response that brought it; `None` when a client's POST did.
    pub(super) status: Option<u16>,
    /// First byte of that response's body.
    pub(super) first_byte: Option<Instant>,
    /// First complete event of that response, if it is a stream and traces are made.
    pub(super) first_event: Option<Instant>,
    /// The session of the exchange, or the one that the response opens.
    pub(super) scope: Option<Scope>,
}

impl Core {
    pub(super) fn new(settings: Settings, sink: Arc<dyn Sink>) -> Self {
        Self {
            clients: Clients::new(settings.clients),
            sessions: Sessions::new(),
            open: Open::new(),
            tasks: Tasks::new(settings.tasks),
            calls: Recent::new(settings.recent, settings.repeat_window),
            // As long as a client that keeps coming back is waited for.
            states: Recent::new(settings.recent, settings.answer_wait),
            server: ArcSwapOption::empty(),
            payload: trace::Room::new(settings.payload, settings.payload_of.clone()),
            hasher: foldhash::fast::RandomState::default(),
            began: OnceLock::new(),
            pipes: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            settings,
            sink,
        }
    }

    pub(super) fn emit(&self, event: Event) {
        self.sink.emit(event);
    }

    /// Counts that a table had no room; after the close nothing is kept, and that is no lack of room.
    pub(super) fn full(&self) {
        if !self.is_closed() {
            self.emit(Event::NotInspected(NotInspected::TableFull));
        }
    }

    /// The context, if it is one; counts what is none.
    pub(super) fn valid(&self, incoming: trace::Incoming, carrier: trace::Carrier) -> Option<trace::Context> {
        match incoming {
            trace::Incoming::Valid(context) => Some(context),
            trace::Incoming::Absent => None,
            trace::Incoming::Malformed => {
                self.emit(Event::ContextMalformed(carrier));
                None
            }
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(super) fn sizes(&self) -> Sizes {
        let (sessions, channels) = self.sessions.len();
        Sizes {
            open: self.open.len(),
            parked: self.open.parked(),
            server_requests: self.open.server_requests(),
            sessions,
            channels,
            tasks: self.tasks.len(),
            clients: self.clients.len(),
        }
    }

    /// A number for the pipes of one more process.
    pub(super) fn next_pipe(&self) -> u64 {
        self.pipes.fetch_add(1, Ordering::Relaxed)
    }

    fn age(&self, at: Instant) -> Duration {
        at.saturating_duration_since(*self.began.get_or_init(|| at))
    }

    /// Puts a call where other exchanges find it. Without room it is left to its own exchange.
    pub(super) fn keep(&self, scope: Scope, call: &Arc<Call>, wait: Wait, at: Instant) -> bool {
        if self.is_closed() {
            return false;
        }
        match self.open.insert(scope, call, wait, &self.settings) {
            Ok(displaced) => {
                // Who uses an id again has given up on the earlier request.
                if let Some(earlier) = displaced.filter(|earlier| earlier.wait() != Wait::Exchange) {
                    self.end(&earlier, Ending::Abandoned, at);
                }
                true
            }
            Err(_) => {
                self.full();
                false
            }
        }
    }

    /// Parks a call whose exchange ended; if that cannot be, it ends now.
    pub(super) fn park(&self, scope: Scope, call: &Arc<Call>, at: Instant, by_server: bool) {
        let parking = if self.is_closed() {
            Parking::NoPlace
        } else {
            self.open.park(scope, call, at, by_server, &self.settings)
        };
        if parking == Parking::NoRoom {
            self.full();
        }
        if matches!(parking, Parking::NoRoom | Parking::NoPlace) {
            let ending = if by_server { Ending::StreamClosed } else { Ending::Abandoned };
            self.end(call, ending, at);
        }
    }

    /// Ends a call without an answer, unless it is over.
    pub(super) fn end(&self, call: &Arc<Call>, ending: Ending, at: Instant) {
        if let Some(ended) = call.end(ending, at) {
            self.finish(call, ended);
        }
    }

    /// Ends a call with its answer and learns from it; `false` if it was over.
    pub(super) fn answer(&self, call: &Arc<Call>, message: &mut Message, reply: &Reply) -> bool {
        let ending = ending_of(call, message, reply.status);
        let ended = call.answer(self.settings.cancel_grace, reply.at, |draft| {
            draft.ending = ending;
            draft.status = reply.status.or(draft.status);
            // On a standing stream the first byte was that of something else.
            draft.first_byte = reply.first_byte.filter(|at| *at >= draft.started);
            draft.content = message.answer.content;
            if call.method == Method::Initialize {
                draft.version = message.answer.protocol_version.or(draft.version);
                draft.session = reply.scope.and_then(Scope::session);
            }
            if draft.chosen {
                draft.kept = self.kept(call.facts.parts, message);
            }
            let tool = draft.tool().is_some_and(|tool| self.payload.is_for(tool));
            if let Some(trace) = &mut draft.trace {
                trace.first_event = reply.first_event.filter(|at| *at >= draft.started);
                // Only that: the answer of a task may hold what is to be judged.
                let captured = message.captured.as_mut().filter(|_| tool);
                let result = captured.and_then(|captured| captured.result.take());
                trace.keep(Captured { result, ..Captured::default() }, &self.payload);
            }
        });
        let Some(ended) = ended else { return false };
        if ended.operation.ending == ending {
            self.learn(call, &ended.operation, message, reply);
        }
        self.finish(call, ended);
        true
    }

    /// Whether the answer of a call is looked at, and what is to be kept of it.
    pub(super) fn chooses(&self, draft: &Operation) -> (Parts, bool) {
        let Some(keep) = &self.settings.keep else { return (Parts::default(), false) };
        match draft.method {
            Method::ToolsCall if keep.chooses() => (keep.parts(draft.tool().unwrap_or_default()), true),
            // Brings the answer of some call.
            Method::TasksResult => (keep.any_parts(), false),
            _ => (Parts::default(), false),
        }
    }

    /// What is kept of an answer, to be judged.
    fn kept(&self, parts: Parts, message: &mut Message) -> Option<Arc<Kept>> {
        self.settings.keep.as_ref()?.keep(parts, message.captured.as_mut()?)
    }

    fn finish(&self, call: &Arc<Call>, ended: Ended) {
        self.open.remove(call, &ended);
        if ended.operation.ending.is_turned_away() {
            self.forget_repeat(call, ended.operation.ended);
        }
        self.emit(Event::OperationEnded(ended.operation));
    }

    /// Puts a session in; gives the one that is then there.
    pub(super) fn start_session(&self, session: &Arc<Session>) -> Option<Arc<Session>> {
        if self.is_closed() {
            return None;
        }
        let Some((there, new)) = self.sessions.insert(session, &self.settings) else {
            self.full();
            return None;
        };
        if new {
            self.emit(Event::SessionStarted { client: Arc::clone(&there.peer().client) });
        }
        Some(there)
    }

    /// Ends a session, unless it was ended. Its open calls are not touched.
    pub(super) fn end_session(&self, session: &Arc<Session>, at: Instant, error_type: &'static str) {
        if self.sessions.remove(session) {
            self.emit(Event::SessionEnded(session.record(at, error_type)));
        }
    }

    /// Ends the calls of a scope that fit, in both directions.
    pub(super) fn end_calls(&self, scope: Scope, ending: Ending, at: Instant, fits: impl Fn(&Call) -> bool) {
        for call in self.open.of(scope) {
            if fits(&call) {
                self.end(&call, ending, at);
            }
        }
    }

    /// Ends what waited long enough.
    pub(super) fn expire(&self, now: Instant) {
        let due = self.open.select(|scope, call| {
            // Most calls wait for their own exchange: only for parked ones the session matters.
            let parked = matches!(call.wait(), Wait::Parked { .. });
            let session = parked.then(|| self.sessions.find(scope)).flatten();
            let resumed = session.map(|session| session.last_resumed(now));
            call.due(now, &self.settings, resumed).map(|(ending, at)| (Arc::clone(call), ending, at))
        });
        for (call, ending, at) in due {
            self.end(&call, ending, at);
        }
        let idle = self.settings.session_idle;
        for session in self.sessions.select(|session| session.is_idle(now, idle)) {
            self.end_session(&session, session.last_seen(), "");
        }
        for (draft, at) in self.tasks.expired(now) {
            self.end_task(draft, Ending::Interim(Interim::TaskUnseen), at);
        }
        self.clients.expire();
    }

    /// Ends all that is remembered; from now on nothing is.
    pub(super) fn close(&self, now: Instant) {
        self.closed.store(true, Ordering::Relaxed);
        for call in self.open.select(|_, call| Some(Arc::clone(call))) {
            let ending = match call.wait() {
                Wait::Parked { by_server: true, .. } => Ending::StreamClosed,
                Wait::Parked { by_server: false, .. } => Ending::Abandoned,
                Wait::Exchange | Wait::Elsewhere { .. } => Ending::CutByProxy,
            };
            self.end(&call, ending, now);
        }
        for session in self.sessions.select(|_| true) {
            self.end_session(&session, now, "");
        }
        for draft in self.tasks.take_all() {
            self.end_task(draft, Ending::Interim(Interim::TaskUnseen), now);
        }
        self.clients.close();
    }
}
