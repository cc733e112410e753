//! The trace that a call belongs to, by W3C trace context: from `_meta`, else from the headers of the request.

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use serde_json::{Map, Value};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// A longer `tracestate` is left out: a trace goes on without it, and whoever writes it is not us.
const LONGEST_STATE: usize = 2_048;

/// The span that sent the HTTP request, where it is another than the span that made the call: stands in the context that
/// [`parent`] gives, and becomes a link of our span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderLink(pub SpanContext);

/// What a call's span hangs below.
///
/// `_meta` names the caller of the tool; the header may only name a hop between, so it is the parent only where `_meta`
/// says nothing, and else a [`HeaderLink`]. Without either the context is empty: a trace begins.
pub fn parent(meta: Option<&Map<String, Value>>, headers: Option<&HeaderMap>) -> Context {
    let meta = meta.and_then(|meta| {
        let text = |key| meta.get(key).and_then(Value::as_str);
        span_context(text(TRACEPARENT)?, text(TRACESTATE))
    });
    let header = headers.and_then(|headers| {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        // Two of them contradict each other: neither counts.
        let (Some(parent), None) = (parents.next(), parents.next()) else { return None };
        let states: Vec<&str> =
            headers.get_all(TRACESTATE).iter().filter_map(|value| value.to_str().ok()).collect();
        span_context(parent.to_str().ok()?, Some(&states.join(",")))
    });
    let empty = Context::new();
    match (meta, header) {
        (Some(meta), Some(header)) if meta.span_id() != header.span_id() => {
            empty.with_remote_span_context(meta).with_value(HeaderLink(header))
        }
        (Some(parent), _) | (None, Some(parent)) => empty.with_remote_span_context(parent),
        (None, None) => empty,
    }
}

fn span_context(parent: &str, state: Option<&str>) -> Option<SpanContext> {
    let state = state.filter(|state| !state.is_empty() && state.len() <= LONGEST_STATE);
    let context =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &Pair { parent, state });
    Some(context.span().span_context().clone()).filter(SpanContext::is_valid)
}

struct Pair<'a> {
    parent: &'a str,
    state: Option<&'a str>,
}

impl Extractor for Pair<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => Some(self.parent),
            TRACESTATE => self.state,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const B: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01";
    const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    fn read(meta: Option<&str>, headers: &[&str]) -> (String, Option<String>) {
        let meta = meta.map(|parent| {
            let meta = serde_json::json!({ "traceparent": parent, "tracestate": "a=1", "other": 5 });
            meta.as_object().cloned().unwrap_or_default()
        });
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(TRACEPARENT, header.parse().unwrap());
        }
        let context = parent(meta.as_ref(), Some(&map));
        let id = |span: &SpanContext| span.span_id().to_string();
        (id(context.span().span_context()), context.get::<HeaderLink>().map(|link| id(&link.0)))
    }

    #[test]
    fn meta_is_the_parent_and_a_header_that_differs_a_link() {
        const NONE: &str = "0000000000000000";
        const A_ID: &str = "00f067aa0ba902b7";
        const B_ID: &str = "b7ad6b7169203331";
        for (meta, headers, parent, link) in [
            (None, &[][..], NONE, None),
            (Some(A), &[], A_ID, None),
            (None, &[B], B_ID, None),
            (Some(A), &[A], A_ID, None),
            (Some(A), &[B], A_ID, Some(B_ID)),
            (Some("00-zz-1-01"), &[B], B_ID, None),
            (Some(A), &["nonsense"], A_ID, None),
            (None, &[A, B], NONE, None),
            (None, &["00-00000000000000000000000000000000-00f067aa0ba902b7-01"], NONE, None),
        ] {
            let expected = (parent.to_owned(), link.map(str::to_owned));
            assert_eq!(read(meta, headers), expected, "{meta:?} {headers:?}");
        }
    }

    #[test]
    fn flags_and_state_are_kept_within_bounds() {
        let state = |state: &str| {
            let meta = serde_json::json!({ "traceparent": UNSAMPLED, "tracestate": state });
            let context = parent(meta.as_object(), None);
            let span = context.span().span_context().clone();
            assert!(span.is_remote() && !span.is_sampled());
            span.trace_state().header()
        };
        assert_eq!(state("a=1,b=2"), "a=1,b=2");
        assert_eq!(state(&format!("a={}", "x".repeat(3_000))), "");
    }
}
