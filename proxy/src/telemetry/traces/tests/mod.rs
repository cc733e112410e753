//! What ended in, decisions and spans out.

pub(in crate::telemetry) mod examples;
mod orphans;
mod sampling;
mod spans;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::exchange::event::{
    Client, Direction, EndReason, HttpRecord, HttpTrace, Operation, OperationKind, Transport,
};
use crate::exchange::trace::{Parent, Peer, Trace};
use crate::protocol::message::{Arguments, Captured, Content, Implementation, RequestId};
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;
use crate::protocol::sampling::Threshold;
use crate::protocol::traceparent::{TraceParent, TraceState};
use crate::protocol::version::{Era, Version};

use super::{Capture, QueueLimits, Sampling, ServerAddress, Settings, SpanLimits};

/// R is `ce929d0e0e4736`: kept at 25 %, not at 10 %.
const TRACE_ID: [u8; 16] = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();

/// As configured by nobody.
pub(in crate::telemetry) fn sampling() -> Sampling {
    Sampling {
        follow_parent: true,
        errors: true,
        slow: Some(Duration::from_secs(2)),
        storm: 100,
        threshold: Threshold::of(0.1),
    }
}

pub(in crate::telemetry) fn settings() -> Settings {
    Settings {
        sampling: sampling(),
        queue: QueueLimits::default(),
        capture: Capture::default(),
        limits: SpanLimits { attributes: 128, value_length: None, events: 128, links: 128 },
        server: ServerAddress {
            address: "backend".to_owned(),
            port: Some(3001),
            transport: "tcp",
            http_version: "1.1",
        },
    }
}

/// A root that went on to the server after 1 ms.
pub(in crate::telemetry) fn trace(start: Instant) -> Trace {
    Trace {
        trace_id: TRACE_ID,
        span_id: [0x11; 8],
        upstream_id: [0x22; 8],
        flags: TraceParent::RANDOM,
        parent: None,
        state: None,
        links: Vec::new(),
        forwarded: Some(start + Duration::from_millis(1)),
        first_event: None,
        uri: None,
        peer: Some(Arc::new(Peer { address: "10.0.0.7".into(), port: Some(50_123) })),
        http_version: "2",
        captured: Captured::default(),
        payload: None,
    }
}

fn remote_parent(sampled: bool) -> Option<Parent> {
    Some(Parent { span_id: [0x99; 8], remote: true, sampled })
}

fn state(list: &str) -> Option<TraceState> {
    TraceState::parse([list.as_bytes()])
}

/// A tool call that succeeded after 20 ms.
fn call(start: Instant) -> Operation {
    let info = Implementation { name: "claude-ai".into(), version: "1.2".into() };
    Operation {
        direction: Direction::ToServer,
        kind: OperationKind::Request,
        method: Method::ToolsCall,
        target: Some("get-weather".into()),
        id: Some(RequestId::Number(7)),
        version: Some(Version::V2025_11_25),
        era: Era::Legacy,
        transport: Transport::StreamableHttp,
        client: Arc::new(Client { info: Some(info), caller: None }),
        session: Some(0xbeef),
        started: start,
        ended: start + Duration::from_millis(20),
        first_byte: Some(start + Duration::from_millis(15)),
        ending: Ending::Success,
        status: Some(200),
        arguments: Some(Arguments { size: 10, depth: 1, hash: 0 }),
        content: Content { items: 1, text: 90, readable: 60, ..Content::default() },
        waited_for_client: false,
        repeated: false,
        chosen: false,
        kept: None,
        trace: Some(Box::new(trace(start))),
    }
}

fn with_trace(operation: Operation, change: impl FnOnce(&mut Trace)) -> Operation {
    let mut operation = operation;
    change(operation.trace.as_mut().expect("it has one"));
    operation
}

/// An exchange without MCP that was answered after 5 ms.
pub(in crate::telemetry) fn exchange(start: Instant) -> HttpRecord {
    HttpRecord {
        method: "GET",
        status: Some(200),
        mcp: false,
        duration: Duration::from_millis(5),
        first_byte: Some(Duration::from_millis(3)),
        overhead: Duration::from_micros(9),
        end: EndReason::Complete,
        started: start,
        trace: Some(Box::new(HttpTrace {
            trace: Trace { upstream_id: [0; 8], forwarded: None, ..trace(start) },
            path: Some("/health".into()),
        })),
    }
}
