//! From what was kept to spans, on the exporter's thread (otel-mcp.md §2, §4, §6, §7).
//!
//! An operation of the client is a SERVER span, with a CLIENT child once it went on to the server; a request of the
//! server is one CLIENT span, a task one INTERNAL span, an HTTP exchange one SERVER span. What they say is in `operation.rs`
//! and `http.rs`.

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime};

use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState as ExportedState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::exchange::event::{Direction, HttpRecord, Operation, OperationKind};
use crate::exchange::trace::Trace;
use crate::protocol::traceparent::{TraceParent, TraceState};
use crate::telemetry::names::attribute;

use super::attributes::Attributes;
use super::{Ended, Kept, Moment, Settings, http, operation, state};

/// Who made the spans. No schema URL: those of the core conventions do not cover MCP.
static SCOPE: LazyLock<InstrumentationScope> = LazyLock::new(|| {
    InstrumentationScope::builder("mcp-tap").with_version(env!("CARGO_PKG_VERSION")).build()
});

impl Kept {
    /// The most spans that one of them makes.
    pub const MOST_SPANS: usize = 2;

    /// How many spans it makes.
    #[must_use]
    pub fn spans(&self) -> usize {
        match &self.what {
            Ended::Operation(operation) => match &operation.trace {
                Some(trace) => 1 + usize::from(has_upstream(operation, trace)),
                None => 0,
            },
            Ended::Http(record) => usize::from(record.trace.is_some()),
        }
    }

    /// Its memory, by estimate.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.what {
            Ended::Operation(operation) => {
                size_of::<Operation>() + operation.trace.as_deref().map_or(0, trace_size)
            }
            Ended::Http(record) => {
                size_of::<HttpRecord>() + record.trace.as_deref().map_or(0, |http| trace_size(&http.trace))
            }
        }
    }
}

/// Texts that are seldom longer than what fits into their place are not counted.
fn trace_size(trace: &Trace) -> usize {
    let state = |state: &Option<TraceState>| state.as_ref().map_or(0, |state| state.as_str().len());
    let bytes = |bytes: &Option<Box<[u8]>>| bytes.as_deref().map_or(0, <[u8]>::len);
    let links: usize = trace.links.iter().map(|link| size_of_val(link) + state(&link.state)).sum();
    size_of::<Trace>()
        + state(&trace.state)
        + links
        + trace.uri.as_ref().map_or(0, |uri| uri.len())
        + bytes(&trace.captured.arguments)
        + bytes(&trace.captured.result)
}

/// Whether an operation has a CLIENT child: it went on to the server.
pub(super) fn has_upstream(operation: &Operation, trace: &Trace) -> bool {
    operation.direction == Direction::ToServer
        && operation.kind != OperationKind::Task
        && trace.forwarded.is_some()
}

/// Adds the spans of what was kept; as many as [`Kept::spans`] says.
pub fn build(kept: &Kept, moment: Moment, settings: &Settings, spans: &mut Vec<SpanData>) {
    match &kept.what {
        Ended::Operation(operation) => {
            if let Some(trace) = &operation.trace {
                let frame = Frame::new(kept, trace, moment, settings);
                spans.push(operation::outer(&frame, operation));
                spans.extend(operation::upstream(&frame, operation));
            }
        }
        Ended::Http(record) => {
            if let Some(http) = &record.trace {
                spans.push(http::span(&Frame::new(kept, &http.trace, moment, settings), record, http));
            }
        }
    }
}

/// What the spans of one operation have in common.
pub(super) struct Frame<'a> {
    pub(super) trace: &'a Trace,
    pub(super) settings: &'a Settings,
    state: ExportedState,
    moment: Moment,
}

/// A span without its context.
pub(super) struct Draft<'a> {
    pub(super) kind: SpanKind,
    pub(super) name: Cow<'static, str>,
    pub(super) start: Instant,
    pub(super) end: Instant,
    pub(super) attributes: Attributes<'a>,
    pub(super) failed: bool,
}

impl<'a> Frame<'a> {
    fn new(kept: &Kept, trace: &'a Trace, moment: Moment, settings: &'a Settings) -> Self {
        let state = state::of_kept(trace, kept.decision, &settings.sampling);
        Self { trace, settings, state, moment }
    }

    /// No attributes yet.
    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes::new(&self.settings.limits)
    }

    /// The outer span: its parent is whoever asked, and the other contexts are its links.
    pub(super) fn outer(&self, draft: Draft<'_>) -> SpanData {
        let parent = self.trace.parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.span_id));
        SpanData {
            parent_span_is_remote: self.trace.parent.is_some_and(|parent| parent.remote),
            links: self.links(),
            ..self.span(draft, self.trace.span_id, parent)
        }
    }

    /// The child of the outer span.
    pub(super) fn child(&self, draft: Draft<'_>, events: &[(&'static str, Instant)]) -> SpanData {
        let kept = events.len().min(self.settings.limits.events);
        let mut span_events = SpanEvents::default();
        span_events.dropped_count = count(events.len() - kept);
        span_events.events = events[..kept]
            .iter()
            .map(|(name, at)| Event::new(*name, self.wall(*at), Vec::new(), 0))
            .collect();
        let parent = SpanId::from_bytes(self.trace.span_id);
        SpanData { events: span_events, ..self.span(draft, self.trace.upstream_id, parent) }
    }

    fn span(&self, draft: Draft<'_>, span_id: [u8; 8], parent_span_id: SpanId) -> SpanData {
        let (attributes, dropped_attributes_count) = draft.attributes.into_parts();
        let random = TraceFlags::new(self.trace.flags & TraceParent::RANDOM);
        SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes(self.trace.trace_id),
                SpanId::from_bytes(span_id),
                TraceFlags::SAMPLED | random,
                false,
                self.state.clone(),
            ),
            parent_span_id,
            parent_span_is_remote: false,
            span_kind: draft.kind,
            name: draft.name,
            start_time: self.wall(draft.start),
            end_time: self.wall(draft.end.max(draft.start)),
            attributes,
            dropped_attributes_count,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            // Messages of errors echo what users typed: none.
            status: if draft.failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: SCOPE.clone(),
        }
    }

    fn links(&self) -> SpanLinks {
        let kept = self.trace.links.len().min(self.settings.limits.links);
        let mut links = SpanLinks::default();
        links.dropped_count = count(self.trace.links.len() - kept);
        links.links = self.trace.links[..kept]
            .iter()
            .map(|link| {
                let context = SpanContext::new(
                    TraceId::from_bytes(link.context.trace_id),
                    SpanId::from_bytes(link.context.span_id),
                    TraceFlags::new(link.context.flags),
                    link.remote,
                    state::of_link(link.state.as_ref()),
                );
                Link::new(context, vec![KeyValue::new(attribute::LINK_REASON, link.why.as_str())], 0)
            })
            .collect();
        links
    }

    /// Who sent it.
    pub(super) fn peer(&self, attributes: &mut Attributes<'_>) {
        if let Some(peer) = self.trace.peer.as_ref().filter(|peer| !peer.address.is_empty()) {
            attributes.text(attribute::CLIENT_ADDRESS, peer.address.to_string());
            if let Some(port) = peer.port {
                attributes.number(attribute::CLIENT_PORT, port.into());
            }
        }
    }

    /// The same moment on the wall clock.
    fn wall(&self, at: Instant) -> SystemTime {
        self.moment.wall_at(at)
    }
}

fn count(things: usize) -> u32 {
    u32::try_from(things).unwrap_or(u32::MAX)
}
