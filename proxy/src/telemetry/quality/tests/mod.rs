//! Answers in, findings out; and servers that mean harm.

mod flow;
mod hostile;
mod judging;
mod learning;

use std::sync::Arc;
use std::time::Instant;

use super::schemas::{Current, Declared, Schemas};
use crate::protocol::message::Message;
use crate::protocol::scan::{Captures, Scanner};

/// The current wordings after one client listed a tool with this schema.
fn current(schema: Option<&str>) -> Current {
    let mut schemas = Schemas::default();
    let declared = schema.map_or(Declared::Nothing, |schema| Declared::Schema(schema.into()));
    let now = now();
    assert!(schemas.learn("tool", declared, 0, now));
    schemas.current("tool", now)
}

fn now() -> Instant {
    crate::clock::now()
}

/// The answer whose result this is, with all that can be kept of it up to a limit.
fn answer(result: &str, limit: usize) -> Message {
    let mut scanner = Scanner::new(u64::MAX);
    scanner.capture(Captures { structured: limit, text: limit, ..Captures::NONE });
    let mut messages = Vec::new();
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
    scanner.feed(text.as_bytes(), &mut |message| messages.push(message));
    messages.remove(0)
}

fn shared(current: &Current) -> Vec<Option<&super::schemas::Schema>> {
    current.iter().map(|schema| schema.as_ref().map(Arc::as_ref)).collect()
}
