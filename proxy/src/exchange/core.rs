//! What all exchanges share: the tables, and what an answer means beyond its own request.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use crate::protocol::message::{Answer, Finding, Implementation, Message, Params, Task, TaskStatus};
use crate::protocol::method::Method;
use crate::protocol::outcome::{Ending, Interim};
use crate::protocol::version::Version;

use super::call::{Call, Ended, Parking, Scope, Wait};
use super::clients::Clients;
use super::event::{CataloguePage, Client, Direction, Event, NotInspected, Operation, OperationKind, Sink};
use super::open::Open;
use super::recent::Recent;
use super::session::{Peer, Session, Sessions};
use super::settings::{Settings, Sizes};
use super::tasks::Tasks;

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
    hasher: foldhash::fast::RandomState,
    began: OnceLock<Instant>,
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
            // A person may think about it for as long as a parked request may wait.
            states: Recent::new(settings.recent, settings.answer_wait),
            server: ArcSwapOption::empty(),
            hasher: foldhash::fast::RandomState::default(),
            began: OnceLock::new(),
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

    fn age(&self, at: Instant) -> Duration {
        at.saturating_duration_since(*self.began.get_or_init(|| at))
    }

    // --- calls

    /// Puts a call where other exchanges find it. Without room it is left to its own exchange.
    pub(super) fn keep(&self, scope: Scope, call: &Arc<Call>, wait: Wait, at: Instant) -> bool {
        if self.is_closed() {
            return false;
        }
        match self.open.insert(scope, call, wait, &self.settings) {
            Ok(displaced) => {
                // Who uses an id again has given up on the earlier request.
                if let Some(earlier) = displaced.filter(|earlier| earlier.wait() != Wait::Exchange) {
                    self.end(&earlier, Ending::Abandoned, at, None);
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
    pub(super) fn park(&self, scope: Scope, call: &Arc<Call>, at: Instant, by_server: bool, status: Option<u16>) {
        let parking = if self.is_closed() {
            Parking::NoRoom
        } else {
            self.open.park(scope, call, at, by_server, &self.settings)
        };
        if parking == Parking::NoRoom {
            self.full();
            let ending = if by_server { Ending::StreamClosed } else { Ending::Abandoned };
            self.end(call, ending, at, status);
        }
    }

    /// Ends a call without an answer, unless it is over.
    pub(super) fn end(&self, call: &Arc<Call>, ending: Ending, at: Instant, status: Option<u16>) {
        if let Some(ended) = call.end(ending, at, status) {
            self.finish(call, ended);
        }
    }

    /// Ends a call with its answer and learns from it; `false` if it was over.
    pub(super) fn answer(&self, call: &Arc<Call>, mut message: Message, reply: &Reply) -> bool {
        let ending = ending_of(call, &message, reply.status);
        let ended = call.answer(self.settings.cancel_grace, reply.at, |draft| {
            draft.ending = ending;
            draft.status = reply.status.or(draft.status);
            draft.first_byte = reply.first_byte;
            draft.content = message.answer.content;
            if call.method == Method::Initialize {
                draft.version = message.answer.protocol_version.or(draft.version);
                draft.session = draft.session.or(reply.scope.and_then(Scope::session));
            }
        });
        let Some(ended) = ended else { return false };
        if ended.operation.ending == ending {
            self.learn(call, &ended.operation, &mut message, reply);
        }
        self.finish(call, ended);
        true
    }

    fn finish(&self, call: &Arc<Call>, ended: Ended) {
        self.open.remove(call, &ended);
        self.emit(Event::OperationEnded(ended.operation));
    }

    /// What an answer says beyond how its request ended.
    fn learn(&self, call: &Call, operation: &Operation, message: &mut Message, reply: &Reply) {
        if let Some(server) = message.answer.server.take() {
            self.server(*server, operation.version.unwrap_or(Version::Other));
        }
        match (&operation.ending, &call.method) {
            (Ending::Success, Method::Initialize) => self.begin_session(operation, reply),
            (Ending::Success, Method::ToolsList) => self.catalogue(call, operation, message),
            (Ending::Interim(Interim::TaskAccepted), _) => {
                if let Some(task) = &message.answer.task {
                    self.follow_task(operation, task, reply.at);
                }
            }
            (Ending::Interim(Interim::InputRequired | Interim::UrlElicitation), _) => {
                self.expect_retry(call, message.answer.request_state, reply.at);
            }
            (_, Method::TasksGet | Method::TasksResult | Method::TasksCancel) => {
                self.task_answer(call, operation, &message.answer, reply);
            }
            _ => {}
        }
    }

    fn server(&self, server: Implementation, version: Version) {
        let known = self.server.load();
        let same = known.as_deref().is_some_and(|(name, spoken)| *name == server && *spoken == version);
        if !same {
            self.server.store(Some(Arc::new((server.clone(), version))));
            self.emit(Event::Server { server, version });
        }
    }

    fn catalogue(&self, call: &Call, operation: &Operation, message: &mut Message) {
        let tools = message.answer.tools.take();
        if tools.is_none() && !message.findings.contains(Finding::ToolsTooLarge) {
            return;
        }
        self.emit(Event::Catalogue(CataloguePage {
            tools,
            first: !call.facts.later_page,
            last: !message.answer.next_cursor,
            listing: self.hasher.hash_one((&operation.client, operation.session)),
            client: Arc::clone(&operation.client),
        }));
    }

    // --- repeated calls and retries

    /// The fingerprint of a tool call in the table of recent ones. `None` for a caller that is not known at all: two of
    /// those are not one.
    fn repeat_key(&self, operation: &Operation) -> Option<u64> {
        let tool = operation.tool()?;
        let caller = if *operation.client == Client::default() {
            (operation.session?, 0)
        } else {
            (0, Arc::as_ptr(&operation.client) as usize)
        };
        Some(self.hasher.hash_one((caller, tool, operation.arguments.map(|arguments| arguments.hash))))
    }

    /// Whether the same client made the same call just now; remembers it. A retry that the server asked for is none.
    pub(super) fn repeats(&self, operation: &Operation, params: &Params, at: Instant) -> (Option<u64>, bool) {
        let age = self.age(at);
        let retry = params.request_state.is_some_and(|state| self.states.take(state, age));
        let Some(key) = self.repeat_key(operation) else { return (None, false) };
        let seen = self.calls.seen(key, age);
        (Some(key), seen && !retry)
    }

    /// The server asked the client to come back with the same call and more input.
    fn expect_retry(&self, call: &Call, state: Option<u64>, at: Instant) {
        let age = self.age(at);
        if let Some(state) = state {
            self.states.seen(state, age);
        }
        if let Some(key) = call.facts.repeat {
            self.calls.take(key, age);
        }
    }

    // --- sessions

    fn begin_session(&self, operation: &Operation, reply: &Reply) {
        let Some(scope) = reply.scope else { return };
        let peer = Peer { client: Arc::clone(&operation.client), version: operation.version };
        match self.sessions.find(scope) {
            Some(session) => session.agree(peer),
            None if matches!(scope, Scope::Session(_)) => {
                self.start_session(&Session::new(scope, reply.at, peer));
            }
            None => {}
        }
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
                self.end(&call, ending, at, None);
            }
        }
    }

    // --- tasks

    fn follow_task(&self, operation: &Operation, task: &Task, at: Instant) {
        let draft = Box::new(Operation {
            kind: OperationKind::Task,
            first_byte: None,
            status: None,
            // Counted with the request already.
            repeated: false,
            waited_for_client: false,
            ..operation.clone()
        });
        if let Some(ending) = task.status.and_then(|status| task_ending(status, task.is_error, task.code)) {
            return self.end_task(draft, ending, at);
        }
        let ttl = task.ttl_ms.map_or(self.settings.task_ttl, Duration::from_millis);
        let deadline = at + ttl.min(self.settings.task_ttl_max);
        if self.is_closed() {
            return self.end_task(draft, Ending::Interim(Interim::TaskUnseen), at);
        }
        match self.tasks.insert(&task.id, draft, deadline) {
            Ok(None) => {}
            Ok(Some(replaced)) => self.end_task(replaced, Ending::Interim(Interim::TaskUnseen), at),
            Err(draft) => {
                self.full();
                self.end_task(draft, Ending::Interim(Interim::TaskUnseen), at);
            }
        }
    }

    fn task_answer(&self, call: &Call, operation: &Operation, answer: &Answer, reply: &Reply) {
        let about = call.facts.task.as_deref().or(answer.task.as_ref().map(|task| task.id.as_str()));
        let Some(id) = about else { return };
        let ending = match (&call.method, operation.ending) {
            // "Task not found" looks like an invalid parameter: it says nothing about the task.
            (Method::TasksResult, Ending::RpcError { code: Some(-32602), .. }) => None,
            (Method::TasksResult, ending @ (Ending::Success | Ending::ToolError | Ending::RpcError { .. })) => {
                Some(ending)
            }
            (_, Ending::Success) => answer.task.as_ref().and_then(|task| {
                task.status.and_then(|status| task_ending(status, task.is_error, task.code))
            }),
            _ => None,
        };
        let Some(ending) = ending else { return };
        if let Some(mut draft) = self.tasks.take(call.direction, id) {
            draft.content = answer.content;
            draft.first_byte = reply.first_byte;
            draft.status = reply.status;
            self.end_task(draft, ending, reply.at);
        }
    }

    /// A notification about a task of requests in this direction.
    pub(super) fn task_notification(&self, direction: Direction, params: &Params, at: Instant) {
        let id = params.task_id.as_deref().or(params.meta.related_task.as_deref());
        let ending = params.task_status.and_then(|status| task_ending(status, false, None));
        if let (Some(id), Some(ending)) = (id, ending)
            && let Some(draft) = self.tasks.take(direction, id)
        {
            self.end_task(draft, ending, at);
        }
    }

    fn end_task(&self, mut draft: Box<Operation>, ending: Ending, at: Instant) {
        draft.ending = ending;
        draft.ended = at;
        self.emit(Event::OperationEnded(draft));
    }

    // --- time

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
            self.end(&call, ending, at, None);
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
            self.end(&call, ending, now, None);
        }
        for session in self.sessions.select(|_| true) {
            self.end_session(&session, now, "");
        }
        for draft in self.tasks.take_all() {
            self.end_task(draft, Ending::Interim(Interim::TaskUnseen), now);
        }
        self.clients.clear();
    }
}

/// How an answer ends its request. Beyond [`Ending::of_answer`] that needs the request: whether it could become a task
/// (2025-11-25), or asks about one (some examples of 2026-07-28 put `resultType: "task"` there).
fn ending_of(call: &Call, message: &Message, status: Option<u16>) -> Ending {
    let about_task = matches!(
        call.method,
        Method::TasksGet | Method::TasksResult | Method::TasksList | Method::TasksCancel | Method::TasksUpdate
    );
    match Ending::of_answer(message, status) {
        Ending::Interim(Interim::TaskAccepted) if about_task => Ending::Success,
        Ending::Success if call.facts.wants_task && !about_task && message.answer.task.is_some() => {
            Ending::Interim(Interim::TaskAccepted)
        }
        ending => ending,
    }
}

/// How a task ended; `None` while it goes on.
fn task_ending(status: TaskStatus, is_error: bool, code: Option<i64>) -> Option<Ending> {
    match status {
        TaskStatus::Completed if is_error => Some(Ending::ToolError),
        TaskStatus::Completed => Some(Ending::Success),
        TaskStatus::Failed => Some(match code {
            Some(_) => Ending::RpcError { code, status: None },
            None => Ending::ToolError,
        }),
        TaskStatus::Cancelled => Some(Ending::Cancelled),
        TaskStatus::Working | TaskStatus::InputRequired | TaskStatus::Other => None,
    }
}
