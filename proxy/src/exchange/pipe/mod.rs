//! One wrapped process: its client and its server share two pipes, one for each direction, on which a line is a message
//! (or, in 2025-03-26, a batch of them).
//!
//! `client.rs` takes what the client sends, `server.rs` what the server sends. Both may be told at the same time from
//! two threads; a request must be told before its last byte goes on, and an answer before its last byte does, so that
//! nobody can answer what is not known yet, nor use an id again that is still taken.
//!
//! What is different from HTTP (mcp-wire.md §4):
//! - Answers are found by direction and id, also modern ones: the process is the place where they meet.
//! - The session begins with the process and ends with it; who the client is, `initialize` says, or each modern message. If
//!   all of them were modern, it is one of that revision, and thus none that is counted.
//! - A notification is over when its line was written.
//! - Nothing times out, but for the longest time that an answer is waited for at all
//!   ([`Settings::answer_wait`](super::Settings::answer_wait)).
//! - An error without a usable id belongs to the only open request, if there is only one.

mod client;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::protocol::message::{Document, Message};
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;
use crate::protocol::scan::Captures;
use crate::protocol::splice::Edit;
use crate::protocol::version::{Era, Version};

use super::call::{Call, Scope};
use super::connection::Connection;
use super::core::Core;
use super::draft::{Draft, is_mcp};
use super::event::{Client, Direction, Event, NotInspected, Operation, OperationKind, Transport};
use super::session::{Peer, Session};
use super::trace::Trace;

/// The pipes of one process. Clones are the same; when the last one is dropped before [`Pipe::end`], the client is taken
/// to have ended it.
#[derive(Clone)]
pub struct Pipe(Arc<Inner>);

struct Inner {
    connection: Connection,
    session: Arc<Session>,
    scope: Scope,
    /// A `subscriptions/listen` was acknowledged: its last answer ends nothing that is open.
    listens: AtomicBool,
    /// A request of the modern era was seen.
    modern: AtomicBool,
    over: AtomicBool,
}

/// When a line passed.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Its first byte was seen.
    pub began: Instant,
    /// Its last byte was seen.
    pub ended: Instant,
}

/// Why a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessEnd {
    /// The client closed its input or signalled it.
    Asked,
    /// By itself, with status 0.
    Finished,
    /// By itself, with another status or by a signal; or it could not be started.
    Failed,
}

impl Pipe {
    pub(super) fn open(core: &Arc<Core>, at: Instant) -> Self {
        let scope = Scope::Pipe(core.next_pipe());
        let client = Arc::clone(core.clients.unknown());
        let session = Session::new(scope, at, Peer { client, version: None });
        // As long as it runs it is not idle.
        session.enter(at);
        core.start_session(&session);
        let connection = Connection::open(core, None);
        let [listens, modern, over] = [const { AtomicBool::new(false) }; 3];
        Self(Arc::new(Inner { connection, session, scope, listens, modern, over }))
    }

    /// A message of the client is complete. Adds to `edits` what is to be written into the line, which has not gone on
    /// yet; `None` if it has, at least in part. Says whether it is a request whose end will be told.
    pub fn client_message(&self, message: &mut Message, line: Line, edits: Option<&mut Vec<Edit>>) -> bool {
        self.0.client_message(message, line, edits)
    }

    /// A message of the server is complete.
    pub fn server_message(&self, message: &mut Message, line: Line) {
        self.0.server_message(message, line);
    }

    /// A line is over, with its messages or without.
    pub fn line_end(&self, document: Document) {
        match document {
            Document::Malformed | Document::Truncated | Document::Scalar => {
                self.not_inspected(NotInspected::Malformed);
            }
            Document::TooLarge => self.not_inspected(NotInspected::TooLarge),
            Document::Empty | Document::Single | Document::Batch(_) => {}
        }
    }

    /// Something passed without being read.
    pub fn not_inspected(&self, reason: NotInspected) {
        self.0.core().emit(Event::NotInspected(reason));
    }

    /// What is to be kept of the server's messages, beside what traces want: any of them may answer any call.
    #[must_use]
    pub fn captures(&self) -> Captures {
        let Some(keep) = &self.0.core().settings.keep else { return Captures::NONE };
        keep.captures(std::iter::once(keep.any_parts()))
    }

    /// Requests of the client that wait for an answer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.open(Direction::ToServer).iter().filter(|call| call.is_wanted()).count()
    }

    /// The process is gone. Only the first end counts.
    pub fn end(&self, end: ProcessEnd, at: Instant) {
        self.0.end(end, at);
    }
}

impl Inner {
    fn core(&self) -> &Core {
        self.connection.core()
    }

    /// The open requests in one direction.
    fn open(&self, direction: Direction) -> Vec<Arc<Call>> {
        let mut open = self.core().open.of(self.scope);
        open.retain(|call| call.direction == direction);
        open
    }

    /// The only request in this direction that waits for an answer, if there is only one.
    fn only(&self, direction: Direction) -> Option<Arc<Call>> {
        let mut open = self.open(direction);
        open.retain(|call| call.is_wanted());
        open.pop().filter(|_| open.is_empty())
    }

    /// Takes note of what is odd about a message; whether it is one.
    fn admit(&self, message: &Message) -> bool {
        // The command was wrapped because it is an MCP server.
        let mcp = is_mcp(message, true);
        if mcp {
            message.findings.iter().for_each(|finding| self.core().emit(Event::Finding(finding)));
        }
        mcp
    }

    /// An operation as it begins.
    fn draft(
        &self,
        (direction, kind, era): (Direction, OperationKind, Era),
        message: &Message,
        started: Instant,
        trace: Option<Box<Trace>>,
    ) -> Box<Operation> {
        let client = match direction {
            Direction::ToServer => self.client(message, era),
            Direction::ToClient => Arc::clone(&self.session.peer().client),
        };
        let version = self.version(message, era);
        let transport = Transport::Stdio;
        Draft { direction, kind, era, version, transport, client, session: None, started, trace }.of(message)
    }

    /// The revision spoken (mcp-wire.md §9). That of `initialize` is only known from its answer.
    fn version(&self, message: &Message, era: Era) -> Option<Version> {
        match era {
            Era::Modern => message.params.meta.protocol_version.or(Some(Version::V2026_07_28)),
            Era::Legacy if message.method == Some(Method::Initialize) => None,
            Era::Legacy => self.session.peer().version,
        }
    }

    /// Who sent a message.
    fn client(&self, message: &Message, era: Era) -> Arc<Client> {
        let clients = &self.core().clients;
        if era == Era::Modern {
            clients.intern(message.params.meta.client.as_deref(), None)
        } else if message.method == Some(Method::Initialize) {
            clients.intern(message.params.client.as_deref(), None)
        } else {
            Arc::clone(&self.session.peer().client)
        }
    }

    fn end(&self, end: ProcessEnd, at: Instant) {
        if self.over.swap(true, Ordering::Relaxed) {
            return;
        }
        let core = self.core();
        let asked = end == ProcessEnd::Asked;
        let calls = core.open.of(self.scope);
        let failed = end == ProcessEnd::Failed || (!asked && !calls.is_empty());
        for call in calls {
            let ending = match (asked, call.direction) {
                (true, _) => Ending::SessionClosed { by_server: false },
                (false, Direction::ToServer) => Ending::ProcessExit,
                // The client cannot answer who is gone.
                (false, Direction::ToClient) => Ending::SessionClosed { by_server: false },
            };
            core.end(&call, ending, at);
        }
        self.session.leave(at);
        // What then ends is no session of the conventions: the modern era has none (otel-mcp.md §5).
        if self.modern.load(Ordering::Relaxed) && self.session.peer().version.is_none() {
            let client = Arc::clone(&self.session.peer().client);
            self.session.agree(Peer { client, version: Some(Version::V2026_07_28) });
        }
        core.end_session(&self.session, at, if failed { "process_exit" } else { "" });
        // Whoever carries messages may hold the pipes a little longer.
        self.connection.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let at = self.session.last_seen();
        self.end(ProcessEnd::Asked, at);
    }
}
