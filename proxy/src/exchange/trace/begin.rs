//! The beginning of a span: its ids, the flags that go with them, and the context that others are told.

use crate::protocol::message::Captured;
use crate::protocol::sampling::Randomness;
use crate::protocol::traceparent::{TraceParent, TraceState};

use super::choose::Choice;
use super::incoming::Context;
use super::{Parent, Settings, Trace};

/// Who decided beforehand that a trace is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sampled {
    /// Who sent the parent.
    ByParent,
    /// Our own threshold.
    ByThreshold,
    /// Nobody did.
    No,
}

impl Settings {
    fn sampled(&self, trace_id: [u8; 16], parent: Option<Parent>, state: Option<&TraceState>) -> Sampled {
        if self.follow_parent && parent.is_some_and(|parent| parent.sampled) {
            Sampled::ByParent
        } else if self.threshold.keeps(Randomness::of_trace(trace_id, state)) {
            Sampled::ByThreshold
        } else {
            Sampled::No
        }
    }

    /// What is said about sampling in the list that goes with a context (`ot=th`). Who follows a parent repeats what it
    /// said.
    fn state_of(&self, trace: &Trace) -> Option<TraceState> {
        let received = trace.state.as_ref();
        let mut state = match self.sampled(trace.trace_id, trace.parent, received) {
            Sampled::ByParent => received?.clone(),
            Sampled::ByThreshold => received.unwrap_or(&TraceState::default()).with_threshold(self.threshold),
            Sampled::No => received?.without_threshold(),
        };
        state.shorten(TraceState::LENGTH);
        (!state.is_empty()).then_some(state)
    }

    /// Begins a span. `root` is the trace of all spans of one exchange that have no parent.
    pub(in super::super) fn begin(&self, choice: Choice, root: &mut Option<[u8; 16]>) -> Trace {
        let Choice { parent: context, links } = choice;
        let (trace_id, random) = match &context {
            Some(context) => (context.parent.trace_id, context.parent.flags & TraceParent::RANDOM),
            None => (*root.get_or_insert_with(|| self.ids.trace_id()), TraceParent::RANDOM),
        };
        let parent = context.as_ref().map(|context| Parent {
            span_id: context.parent.span_id,
            remote: context.remote,
            sampled: context.parent.is_sampled(),
        });
        let state = context.and_then(|context| context.state);
        let sampled = match self.sampled(trace_id, parent, state.as_ref()) {
            Sampled::ByParent | Sampled::ByThreshold => TraceParent::SAMPLED,
            Sampled::No => 0,
        };
        Trace {
            trace_id,
            span_id: self.ids.span_id(),
            upstream_id: [0; 8],
            flags: random | sampled,
            parent,
            state,
            links,
            forwarded: None,
            first_event: None,
            uri: None,
            peer: None,
            http_version: "",
            captured: Captured::default(),
            payload: None,
        }
    }

    /// Begins the span of the task that a request turned into: below the request's SERVER span.
    pub(in super::super) fn begin_task(&self, request: &Trace) -> Trace {
        let choice = Choice::below(request, self.context(request, request.span_id));
        let task = self.begin(choice, &mut Some(request.trace_id));
        Trace { peer: request.peer.clone(), http_version: request.http_version, ..task }
    }

    /// The place of what the server asks for the sake of this request: below its CLIENT span, if it has one already.
    pub(in super::super) fn below_upstream(&self, request: &Trace) -> Choice {
        let above = if request.forwarded.is_some() { request.upstream_id } else { request.span_id };
        Choice::below(request, self.context(request, above))
    }

    /// The context of a span of this trace as others are told it.
    pub(in super::super) fn context(&self, trace: &Trace, span_id: [u8; 8]) -> Context {
        Context {
            parent: TraceParent { trace_id: trace.trace_id, span_id, flags: trace.flags },
            state: self.state_of(trace),
            remote: false,
        }
    }
}
