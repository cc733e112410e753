//! What a span says (otel-mcp.md §2, §4, §6, §7).

// Stand-ins until branch `span` is merged, which replaces this file.

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::SpanData;

use super::{Ended, Kept, Moment, Settings};

impl Kept {
    /// The most spans that one of them makes.
    pub const MOST_SPANS: usize = 2;

    /// How many spans it makes.
    #[must_use]
    pub fn spans(&self) -> usize {
        match &self.what {
            Ended::Operation(_) => 2,
            Ended::Http(_) => 1,
        }
    }

    /// Its memory, by estimate.
    #[must_use]
    pub fn size(&self) -> usize {
        1024 * self.spans()
    }
}

/// Adds the spans of what was kept.
pub fn build(kept: &Kept, moment: Moment, _: &Settings, spans: &mut Vec<SpanData>) {
    for _ in 0..kept.spans() {
        spans.push(SpanData {
            span_context: SpanContext::new(
                TraceId::from(1_u128),
                SpanId::from(1_u64),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Server,
            name: "stand-in".into(),
            start_time: moment.wall,
            end_time: moment.wall,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: Default::default(),
        });
    }
}
