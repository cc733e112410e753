//! Which context is the parent of a span, and which are links.

use super::incoming::Context;
use super::{Link, LinkReason, Trace, Trust};
use crate::protocol::traceparent::TraceParent;

/// A span's place among the contexts that came.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in super::super) struct Choice {
    /// The parent; without one the trace begins here.
    pub(in super::super) parent: Option<Context>,
    /// The others.
    pub(in super::super) links: Vec<Link>,
}

impl Choice {
    /// Below this span of ours, of this trace.
    pub(super) fn below(above: &Trace, span: Context) -> Self {
        if above.is_sampled() {
            return Self { parent: Some(span), links: Vec::new() };
        }
        let instead = Self { parent: above.received(), links: above.links.clone() };
        instead.linked(span, LinkReason::UnsampledParent)
    }

    /// The same with one more link.
    pub(in super::super) fn linked(mut self, context: Context, why: LinkReason) -> Self {
        let Context { parent: context, state, remote } = context;
        self.links.push(Link { context, state, remote, why });
        self
    }

    /// Whether this span is in it already.
    fn has(&self, context: &Context) -> bool {
        let here = |span: &TraceParent| {
            (span.trace_id, span.span_id) == (context.parent.trace_id, context.parent.span_id)
        };
        self.parent.as_ref().is_some_and(|parent| here(&parent.parent))
            || self.links.iter().any(|link| here(&link.context))
    }
}

/// Chooses between the context in the message's `_meta` and the current one: that of the HTTP request, or of its own
/// HTTP span. The latter is ours, so that trust is no question.
pub(in super::super) fn choose(meta: Option<Context>, current: Option<Context>, trust: Trust) -> Choice {
    let mut choice = Choice::default();
    for context in [meta, current].into_iter().flatten() {
        let trust = if context.remote { trust } else { Trust::Continue };
        if trust == Trust::Ignore || choice.has(&context) {
            continue;
        }
        let why = match trust {
            Trust::Link => LinkReason::NotTrusted,
            _ if choice.parent.is_some() => LinkReason::HttpRequest,
            _ => {
                choice.parent = Some(context);
                continue;
            }
        };
        choice = choice.linked(context, why);
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `7.5` is span 5 of trace 7, made elsewhere; `+7.5` is our own HTTP span; `-` is none.
    fn context(text: &str) -> Option<Context> {
        let ids = text.trim_start_matches('+');
        let (trace, span) = ids.split_once('.')?;
        let number = |digits: &str| digits.parse::<u64>().expect("digits");
        let trace_id = u128::from(number(trace)).to_be_bytes();
        let parent = TraceParent { trace_id, span_id: number(span).to_be_bytes(), flags: 1 };
        Some(Context { parent, state: None, remote: !text.starts_with('+') })
    }

    fn ids(parent: &TraceParent) -> String {
        format!("{}.{}", u128::from_be_bytes(parent.trace_id), u64::from_be_bytes(parent.span_id))
    }

    #[test]
    fn parent_is_that_of_the_message_then_that_of_the_request() {
        use Trust::{Continue, Ignore, Link};
        // (`_meta`, current, trust, parent, links)
        let cases = [
            ("-", "-", Continue, "-", ""),
            ("7.5", "-", Continue, "7.5", ""),
            ("-", "7.5", Continue, "7.5", ""),
            ("7.5", "7.5", Continue, "7.5", ""),
            ("7.5", "7.6", Continue, "7.5", "7.6 HttpRequest"),
            ("7.5", "8.5", Continue, "7.5", "8.5 HttpRequest"),
            ("-", "+9.1", Continue, "9.1", ""),
            ("7.5", "+7.1", Continue, "7.5", "7.1 HttpRequest"),
            ("-", "-", Link, "-", ""),
            ("7.5", "-", Link, "-", "7.5 NotTrusted"),
            ("-", "7.5", Link, "-", "7.5 NotTrusted"),
            ("7.5", "7.5", Link, "-", "7.5 NotTrusted"),
            ("7.5", "8.6", Link, "-", "7.5 NotTrusted 8.6 NotTrusted"),
            ("-", "+9.1", Link, "9.1", ""),
            ("7.5", "+9.1", Link, "9.1", "7.5 NotTrusted"),
            ("7.5", "8.6", Ignore, "-", ""),
            ("7.5", "+9.1", Ignore, "9.1", ""),
        ];
        for (meta, current, trust, parent, links) in cases {
            let choice = choose(context(meta), context(current), trust);
            let title = format!("{meta} {current} {trust:?}");
            assert_eq!(choice.parent.map_or("-".into(), |parent| ids(&parent.parent)), parent, "{title}");
            let all: Vec<_> =
                choice.links.iter().map(|link| format!("{} {:?}", ids(&link.context), link.why)).collect();
            assert_eq!(all.join(" "), links, "{title}");
        }
    }
}
