//! What an answer says beyond how its own request ended.

use std::hash::BuildHasher;
use std::sync::Arc;

use crate::protocol::message::{Finding, Implementation, Message};
use crate::protocol::method::Method;
use crate::protocol::outcome::{Ending, Interim};
use crate::protocol::version::Version;

use super::super::call::{Call, Scope};
use super::super::event::{CataloguePage, Direction, Event, Operation};
use super::super::session::{Peer, Session};
use super::{Core, Reply};

impl Core {
    /// What an answer says beyond how its request ended. What a client answers says nothing about the server.
    pub(super) fn learn(&self, call: &Call, operation: &Operation, message: &mut Message, reply: &Reply) {
        let by_server = call.direction == Direction::ToServer;
        if let Some(server) = message.answer.server.take().filter(|_| by_server) {
            self.server(*server, operation.version.unwrap_or(Version::Other));
        }
        match (&operation.ending, &call.method) {
            (Ending::Success, Method::Initialize) if by_server => self.begin_session(operation, reply),
            (Ending::Success, Method::ToolsList) if by_server => self.catalogue(call, operation, message),
            (Ending::Interim(Interim::TaskAccepted), _) => {
                if let Some(task) = &message.answer.task {
                    self.follow_task(operation, task, reply.at);
                }
            }
            (Ending::Interim(Interim::InputRequired | Interim::UrlElicitation), _) => {
                self.expect_retry(call, message.answer.request_state, reply.at);
            }
            (_, Method::TasksGet | Method::TasksResult | Method::TasksCancel) => {
                self.task_answer(call, operation, message, reply);
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
}

/// How an answer ends its request. Beyond [`Ending::of_answer`] that needs the request: whether it could become a task
/// (2025-11-25), or asks about one (some examples of 2026-07-28 put `resultType: "task"` there).
pub(super) fn ending_of(call: &Call, message: &Message, status: Option<u16>) -> Ending {
    let about_task = matches!(
        call.method,
        Method::TasksGet
            | Method::TasksResult
            | Method::TasksList
            | Method::TasksCancel
            | Method::TasksUpdate
    );
    match Ending::of_answer(message, status) {
        Ending::Interim(Interim::TaskAccepted) if about_task => Ending::Success,
        Ending::Success if call.facts.wants_task && !about_task && message.answer.task.is_some() => {
            Ending::Interim(Interim::TaskAccepted)
        }
        ending => ending,
    }
}
