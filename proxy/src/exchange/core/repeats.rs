//! Which tool calls repeat an earlier one, as agents do that run in circles.

use std::hash::BuildHasher;
use std::time::Instant;

use crate::protocol::message::Params;

use super::super::call::Call;
use super::super::event::{Client, Operation};
use super::Core;

impl Core {
    /// The fingerprint of a tool call in the table of recent ones. A caller that gives an identity is one wherever it
    /// calls from. One that only gives a name may be many of that name: where there are sessions they tell them apart.
    /// `None` for a caller that is not known at all: two of those are not one.
    fn repeat_key(&self, operation: &Operation) -> Option<u64> {
        let tool = operation.tool()?;
        let client = &operation.client;
        let session = operation.session.filter(|_| client.caller.is_none());
        if session.is_none() && **client == Client::default() {
            return None;
        }
        let arguments = operation.arguments.map(|arguments| arguments.hash);
        Some(self.hasher.hash_one((&operation.client, session, tool, arguments)))
    }

    /// Whether the same client made the same call just now; remembers it. A retry that the server asked for is none.
    pub(in super::super) fn repeats(
        &self,
        operation: &Operation,
        params: &Params,
        at: Instant,
    ) -> (Option<u64>, bool) {
        let age = self.age(at);
        let retry = params.request_state.is_some_and(|state| self.states.take(state, age));
        let Some(key) = self.repeat_key(operation) else { return (None, false) };
        let seen = self.calls.seen(key, age);
        (Some(key), seen && !retry)
    }

    /// The server asked the client to come back with the same call and more input.
    pub(super) fn expect_retry(&self, call: &Call, state: Option<u64>, at: Instant) {
        let age = self.age(at);
        if let Some(state) = state {
            self.states.seen(state, age);
        }
        self.forget_repeat(call, at);
    }

    /// The same call may come once more without being a repetition.
    pub(super) fn forget_repeat(&self, call: &Call, at: Instant) {
        if let Some(key) = call.facts.repeat {
            self.calls.take(key, self.age(at));
        }
    }
}
