//! Traces in transcripts: how contexts are written, how traces are shown, and what must hold of them all.
//!
//! A context is written `7.5.01`: trace 7, span 5, flags 01; what has not this form stands there as it is. Ids are
//! counted from 1 on. A trace is shown as `7: 5 remote sampled > 1 > 2 flags 01`: trace 7, the parent, the span, and
//! its CLIENT child, then what else is known.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use crate::exchange::Settings;
use crate::exchange::event::{Event, HttpRecord};
use crate::exchange::trace::{
    self, ContextHeaders, Ids, Link, NotWritten, Outgoing, Propagate, Trace, Trust,
};
use crate::protocol::sampling::Threshold;
use crate::protocol::traceparent::{TraceParent, TraceState};

/// Traces are made, none of them sampled by chance.
pub(super) fn traced(propagate: Propagate, trust: Trust) -> Settings {
    let ids = Ids::Counted(Arc::default());
    let trace = trace::Settings { propagate, trust, threshold: Threshold::NEVER, follow_parent: true, ids };
    Settings { trace: Some(trace), ..Settings::default() }
}

/// The value of a `traceparent`.
pub(super) fn spelled(text: &str) -> String {
    let parts: Vec<_> = text.split('.').collect();
    let ids = parts
        .first()
        .zip(parts.get(1))
        .and_then(|(trace, span)| Some((trace.parse::<u128>().ok()?, span.parse::<u64>().ok()?)));
    match (ids, parts.as_slice()) {
        (Some((trace, span)), [_, _, flags]) => format!("00-{trace:032x}-{span:016x}-{flags}"),
        _ => text.to_owned(),
    }
}

/// Reads `traceparent=7.5.01 tracestate=a=1 sealed=encoded` among the words of a head.
pub(super) fn contexts_of<T>(words: &[&str], with: impl FnOnce(ContextHeaders<'_>) -> T) -> T {
    let all = |name: &str| -> Vec<String> {
        let values = words.iter().filter_map(|word| word.split_once('=')).filter(|(key, _)| *key == name);
        values.map(|(_, value)| spelled(value)).collect()
    };
    let (parents, states, sealed) = (all("traceparent"), all("tracestate"), all("sealed"));
    let sealed = sealed
        .first()
        .map(|name| NotWritten::ALL.into_iter().find(|reason| reason.as_str() == name).expect("a reason"));
    with(ContextHeaders {
        traceparent: parents.iter().map(String::as_bytes).collect(),
        tracestate: states.iter().map(String::as_bytes).collect(),
        sealed,
        http_version: "1.1",
    })
}

fn state_of(state: Option<&TraceState>) -> String {
    state.map_or(String::new(), |state| format!(" state {state}"))
}

fn ids(trace_id: [u8; 16], span_id: [u8; 8]) -> String {
    format!("{}.{}", u128::from_be_bytes(trace_id), u64::from_be_bytes(span_id))
}

fn context(parent: &TraceParent) -> String {
    format!("{}.{:02x}", ids(parent.trace_id, parent.span_id), parent.flags)
}

/// What `forward` gave.
pub(super) fn outgoing(outgoing: Option<&Outgoing>) -> String {
    let Some(Outgoing { parent, state, edits }) = outgoing else { return "nothing".into() };
    let mut line = context(parent) + &state_of(state.as_ref());
    for edit in edits {
        let insert = String::from_utf8_lossy(&edit.insert);
        let _ = write!(line, ", {}-{} {}", edit.at, edit.remove, short(&insert));
    }
    line
}

/// What `trace_ids` gave.
pub(super) fn log_ids(known: Option<([u8; 16], [u8; 8])>) -> String {
    known.map_or("-".into(), |(trace_id, span_id)| ids(trace_id, span_id))
}

/// With contexts as they are written here, and without the quotes.
fn short(text: &str) -> String {
    let plain = text.replace('"', "");
    let Some(start) = plain.find("00-") else { return plain };
    let (before, rest) = plain.split_at(start);
    let (parent, after) = rest.split_at(rest.len().min(55));
    let parent = TraceParent::parse(parent.as_bytes()).expect("a context");
    format!("{before}{}{after}", context(&parent))
}

fn link(link: &Link) -> String {
    format!(" link {}{} {:?}", context(&link.context), state_of(link.state.as_ref()), link.why)
}

/// A trace as a line; `seconds` is when an instant was.
pub(super) fn show(trace: &Trace, seconds: impl Fn(Instant) -> f64) -> String {
    let mut line = format!("{}: ", u128::from_be_bytes(trace.trace_id));
    if let Some(parent) = trace.parent {
        let remote = if parent.remote { " remote" } else { "" };
        let sampled = if parent.sampled { " sampled" } else { "" };
        let _ = write!(line, "{}{remote}{sampled} > ", u64::from_be_bytes(parent.span_id));
    }
    let _ = write!(line, "{}", u64::from_be_bytes(trace.span_id));
    if trace.upstream_id != [0; 8] {
        let _ = write!(line, " > {}", u64::from_be_bytes(trace.upstream_id));
    }
    let _ = write!(line, " flags {:02x}{}", trace.flags, state_of(trace.state.as_ref()));
    line.extend(trace.links.iter().map(link));
    for (name, at) in [("forwarded", trace.forwarded), ("first event", trace.first_event)] {
        if let Some(at) = at {
            let _ = write!(line, " {name} {}", seconds(at));
        }
    }
    if let Some(uri) = &trace.uri {
        let _ = write!(line, " uri {uri}");
    }
    if let Some(peer) = &trace.peer {
        let _ = write!(line, " peer {}", peer.address);
    }
    line
}

/// The span of an HTTP exchange as a line, if it has one.
pub(super) fn show_http(record: &HttpRecord, seconds: impl Fn(Instant) -> f64) -> Option<String> {
    let span = record.trace.as_ref()?;
    let status = record.status.map_or("-".into(), |status| status.to_string());
    let path = span.path.as_ref().map(|path| format!(" {path}")).unwrap_or_default();
    Some(format!("http {} {status}{path} | {}", record.method, show(&span.trace, seconds)))
}

/// All spans of a transcript.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Spans {
    ids: HashSet<([u8; 16], [u8; 8])>,
    /// Parents and links that this process made.
    ours: Vec<([u8; 16], [u8; 8])>,
    twice: usize,
}

impl Spans {
    pub(super) fn count(&mut self, event: &Event) {
        let trace = match event {
            Event::OperationEnded(operation) => operation.trace.as_deref(),
            Event::HttpEnded(record) => record.trace.as_deref().map(|http| &http.trace),
            _ => None,
        };
        let Some(trace) = trace else { return };
        let made = [trace.span_id, trace.upstream_id].into_iter().filter(|id| *id != [0; 8]);
        for span_id in made {
            self.twice += usize::from(!self.ids.insert((trace.trace_id, span_id)));
        }
        let parent = trace.parent.filter(|parent| !parent.remote);
        self.ours.extend(parent.map(|parent| (trace.trace_id, parent.span_id)));
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Every span stands once, and every parent that is ours was told, too.
    pub(super) fn check(&self) {
        assert_eq!(self.twice, 0, "spans that stand twice");
        for parent in &self.ours {
            assert!(self.ids.contains(parent), "an orphan of {}", ids(parent.0, parent.1));
        }
    }
}
