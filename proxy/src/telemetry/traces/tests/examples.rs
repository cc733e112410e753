//! Things that ended, for tests.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Decision, Ended, Kept};
use crate::exchange::event::{
    Client, Direction, EndReason, HttpRecord, HttpTrace, Operation, OperationKind, Transport,
};
use crate::exchange::trace::{Ids, Trace};
use crate::protocol::message::{Captured, Content};
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;
use crate::protocol::version::Era;

/// An HTTP exchange: one span.
pub(in crate::telemetry) fn http() -> Kept {
    let record = HttpRecord {
        method: "GET",
        status: Some(200),
        mcp: false,
        duration: Duration::from_millis(3),
        first_byte: None,
        overhead: Duration::ZERO,
        end: EndReason::Complete,
        started: crate::clock::now(),
        trace: Some(Box::new(HttpTrace { trace: trace(), path: Some("/healthz".into()) })),
    };
    Kept { what: Ended::Http(Box::new(record)), decision: Decision::Ratio }
}

/// A tool call: two spans.
pub(in crate::telemetry) fn call() -> Kept {
    let now = crate::clock::now();
    let operation = Operation {
        direction: Direction::ToServer,
        kind: OperationKind::Request,
        method: Method::ToolsCall,
        target: Some("tool".into()),
        id: None,
        version: None,
        era: Era::Legacy,
        transport: Transport::StreamableHttp,
        client: Arc::new(Client::default()),
        session: None,
        started: now,
        ended: now,
        first_byte: None,
        ending: Ending::Success,
        status: Some(200),
        arguments: None,
        content: Content::default(),
        waited_for_client: false,
        repeated: false,
        chosen: false,
        kept: None,
        trace: Some(Box::new(trace())),
    };
    Kept { what: Ended::Operation(Box::new(operation)), decision: Decision::Ratio }
}

fn trace() -> Trace {
    let ids = Ids::Random;
    Trace {
        trace_id: ids.trace_id(),
        span_id: ids.span_id(),
        upstream_id: ids.span_id(),
        http_version: "1.1",
        flags: 3,
        parent: None,
        state: None,
        links: Vec::new(),
        // A request that was forwarded has a CLIENT span.
        forwarded: Some(crate::clock::now()),
        first_event: None,
        uri: None,
        peer: None,
        captured: Captured::default(),
        payload: None,
    }
}
