//! The trace that a request belongs to.

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use rmcp::model::MetaObject;

/// What the client says in `_meta` (per message), else what the HTTP request says in its header.
pub(super) fn of(meta: &MetaObject, headers: Option<&HeaderMap>) -> Context {
    let propagator = TraceContextPropagator::new();
    let none = Context::new();
    if meta.get_traceparent().is_some() {
        return propagator.extract_with_context(&none, &Meta(meta));
    }
    match headers {
        Some(headers) => propagator.extract_with_context(&none, &Headers(headers)),
        None => none,
    }
}

/// The same for a request without `_meta`.
pub(super) fn of_headers(headers: &HeaderMap) -> Context {
    of(&MetaObject::new(), Some(headers))
}

struct Meta<'a>(&'a MetaObject);

impl Extractor for Meta<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.as_str())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TraceContextExt;

    use super::*;

    const ONE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const OTHER: &str = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_the_message_says_goes_before_the_header() {
        for (meta, header, first) in [
            (Some(ONE), Some(OTHER), Some('0')),
            (None, Some(OTHER), Some('1')),
            (Some(ONE), None, Some('0')),
            (None, None, None),
            (Some("nonsense"), None, None),
            (None, Some("00-zz"), None),
        ] {
            let mut object = MetaObject::new();
            let mut headers = HeaderMap::new();
            if let Some(meta) = meta {
                object.set_traceparent(meta);
            }
            if let Some(header) = header {
                headers.insert("traceparent", header.parse().unwrap());
            }
            let context = of(&object, Some(&headers));
            let span = context.span().span_context().clone();
            let seen = span.is_valid().then(|| span.trace_id().to_string().chars().next()).flatten();
            assert_eq!(seen, first, "{meta:?} {header:?}");
        }
    }
}
