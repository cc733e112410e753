//! Spans as a collector got them, and as a tree in which names stand for ids.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1 as wire;

/// Attributes by name, in which texts stand in quotes and numbers do not.
pub(crate) type Attributes = BTreeMap<String, String>;

/// One span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// In hex, as all ids here.
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    /// Empty: a root.
    pub(crate) parent_id: String,
    /// What the span says about its parent.
    pub(crate) parent_is_remote: bool,
    /// The flags of W3C Trace Context.
    pub(crate) flags: u8,
    /// `tracestate`.
    pub(crate) state: String,
    pub(crate) name: String,
    /// `SERVER`, `CLIENT`, `INTERNAL` …
    pub(crate) kind: &'static str,
    /// `OK`, `ERROR` or empty.
    pub(crate) status: &'static str,
    /// The description of the status.
    pub(crate) description: String,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<Event>,
    pub(crate) links: Vec<Link>,
    /// Nanoseconds since 1970.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) resource: Attributes,
    /// Name and version.
    pub(crate) scope: (String, String),
}

/// An event of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) time: u64,
}

/// A link of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) attributes: Attributes,
}

impl Span {
    /// The text of an attribute; empty without it.
    pub(crate) fn text(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).map_or("", |value| value.trim_matches('"'))
    }

    /// The value of the header `traceparent` that names this span.
    pub(crate) fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }

    /// The service that made it.
    pub(crate) fn service(&self) -> &str {
        self.resource.get("service.name").map_or("", |value| value.trim_matches('"'))
    }

    /// Kind and name.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

/// The spans of a request.
pub(crate) fn of(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = attributes(of_resource.resource.map(|it| it.attributes).unwrap_or_default());
        for of_scope in of_resource.scope_spans {
            let scope = of_scope.scope.map(|it| (it.name, it.version)).unwrap_or_default();
            spans.extend(of_scope.spans.into_iter().map(|it| span(it, &resource, &scope)));
        }
    }
    spans
}

fn span(span: wire::Span, resource: &Attributes, scope: &(String, String)) -> Span {
    /// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`.
    const REMOTE: u32 = 0x200;
    let kind = span.kind().as_str_name().trim_start_matches("SPAN_KIND_");
    let status = span.status.as_ref().map_or("", |status| match status.code() {
        wire::status::StatusCode::Unset => "",
        wire::status::StatusCode::Ok => "OK",
        wire::status::StatusCode::Error => "ERROR",
    });
    Span {
        kind,
        status,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        parent_is_remote: span.flags & REMOTE != 0,
        flags: u8::try_from(span.flags & 0xff).expect("one byte"),
        state: span.trace_state,
        name: span.name,
        description: span.status.map(|status| status.message).unwrap_or_default(),
        attributes: attributes(span.attributes),
        events: span.events.into_iter().map(|it| Event { name: it.name, time: it.time_unix_nano }).collect(),
        links: span
            .links
            .into_iter()
            .map(|it| Link {
                trace_id: hex(&it.trace_id),
                span_id: hex(&it.span_id),
                attributes: attributes(it.attributes),
            })
            .collect(),
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        resource: resource.clone(),
        scope: scope.clone(),
    }
}

fn attributes(list: Vec<KeyValue>) -> Attributes {
    list.into_iter().map(|it| (it.key, it.value.map(value).unwrap_or_default())).collect()
}

fn value(any: AnyValue) -> String {
    match any.value {
        Some(Value::StringValue(text)) => format!("\"{text}\""),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => format!("{number:?}"),
        Some(Value::ArrayValue(list)) => {
            format!("[{}]", list.values.into_iter().map(value).collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The spans as trees, one trace after another. `known` gives names to ids of traces and spans that others made;
/// of the attributes, the resource's too, only those in `shown` are there.
///
/// ```text
/// trace of client
///   SERVER tools/call echo, child of client (remote)
///     CLIENT tools/call echo ERROR {error.type="-32603"} [first_byte response]
/// ```
pub(crate) fn tree(spans: &[Span], known: &[(&str, &str)], shown: &[&str]) -> String {
    let mut sorted: Vec<&Span> = spans.iter().collect();
    sorted.sort_by_key(|span| (span.start, &span.name, span.text("jsonrpc.request.id"), &span.span_id));
    let page = Page { spans: sorted, known, shown };
    let mut text = String::new();
    let mut seen = BTreeSet::new();
    for first in &page.spans {
        if !seen.insert(&first.trace_id) {
            continue;
        }
        let name =
            page.known(&first.trace_id).map_or_else(|| seen.len().to_string(), |by| format!("of {by}"));
        let _ = writeln!(text, "trace {name}");
        for top in page.spans.iter().filter(|it| it.trace_id == first.trace_id && page.parent(it).is_none()) {
            page.write(&mut text, top, 1);
        }
    }
    let lines = text.lines().count() - seen.len();
    if lines != spans.len() {
        let _ = writeln!(text, "{lines} of {} spans hang on a root", spans.len());
    }
    text
}

struct Page<'a> {
    spans: Vec<&'a Span>,
    known: &'a [(&'a str, &'a str)],
    shown: &'a [&'a str],
}

impl Page<'_> {
    fn known(&self, id: &str) -> Option<&str> {
        self.known.iter().find(|(of, _)| *of == id).map(|(_, name)| *name)
    }

    /// The parent, if it is here.
    fn parent(&self, child: &Span) -> Option<&Span> {
        let is = |it: &&&Span| it.trace_id == child.trace_id && it.span_id == child.parent_id;
        self.spans.iter().find(is).copied()
    }

    /// A name for the id of a span.
    fn name(&self, span_id: &str) -> String {
        let known = self.known(span_id).map(ToOwned::to_owned);
        let here = || self.spans.iter().find(|it| it.span_id == span_id).map(|it| it.title());
        known.or_else(here).unwrap_or_else(|| "nobody known".to_owned())
    }

    fn write(&self, text: &mut String, span: &Span, depth: usize) {
        let _ = write!(text, "{:1$}{2}", "", depth * 2, span.title());
        if !span.status.is_empty() {
            let _ = write!(text, " {}", span.status);
        }
        let attributes: Vec<String> = self
            .shown
            .iter()
            .filter_map(|key| {
                let value = span.attributes.get(*key).or_else(|| span.resource.get(*key))?;
                Some(format!("{key}={value}"))
            })
            .collect();
        if !attributes.is_empty() {
            let _ = write!(text, " {{{}}}", attributes.join(" "));
        }
        let events: Vec<&str> = span.events.iter().map(|event| event.name.as_str()).collect();
        if !events.is_empty() {
            let _ = write!(text, " [{}]", events.join(" "));
        }
        let remote = if span.parent_is_remote { " (remote)" } else { "" };
        if !span.parent_id.is_empty() && self.parent(span).is_none() {
            let _ = write!(text, ", child of {}{remote}", self.name(&span.parent_id));
        } else {
            text.push_str(remote);
        }
        for link in &span.links {
            let same = if link.trace_id == span.trace_id { "" } else { " of another trace" };
            let _ = write!(text, ", link to {}{same}", self.name(&link.span_id));
        }
        text.push('\n');
        for child in &self.spans {
            if child.trace_id == span.trace_id && child.parent_id == span.span_id {
                self.write(text, child, depth + 1);
            }
        }
    }
}

/// All that is wrong with the spans as one trace: other traces, ids that stand twice, and parents that are missing
/// (but for those in `elsewhere`, which the test made itself).
pub(crate) fn not_one_trace(spans: &[Span], elsewhere: &[&str]) -> Vec<String> {
    let traces: BTreeSet<&str> = spans.iter().map(|span| span.trace_id.as_str()).collect();
    let (ids, mut wrong) = ids(spans);
    if traces.len() != 1 {
        wrong.push(format!("{} traces", traces.len()));
    }
    let roots: Vec<String> = spans.iter().filter(|it| it.parent_id.is_empty()).map(Span::title).collect();
    if roots.len() > 1 {
        wrong.push(format!("several roots: {}", roots.join(", ")));
    }
    for span in spans {
        let parent = span.parent_id.as_str();
        if !parent.is_empty() && !ids.contains(parent) && !elsewhere.contains(&parent) {
            wrong.push(format!("{} is an orphan", span.title()));
        }
    }
    wrong
}

/// All that is wrong with the spans of processes of which each told all it made: ids that stand twice, and parents of
/// the same process that are missing.
pub(crate) fn torn(spans: &[Span]) -> Vec<String> {
    let (ids, mut wrong) = ids(spans);
    for span in spans.iter().filter(|span| !span.parent_id.is_empty() && !span.parent_is_remote) {
        if !ids.contains(span.parent_id.as_str()) {
            wrong.push(format!("{} is torn from its parent", span.title()));
        }
    }
    wrong
}

/// The ids of the spans, and which of them stand twice.
fn ids(spans: &[Span]) -> (BTreeSet<&str>, Vec<String>) {
    let mut ids = BTreeSet::new();
    let twice = spans.iter().filter(|span| !ids.insert(span.span_id.as_str()));
    let twice = twice.map(|span| format!("the id of {} stands twice", span.title())).collect();
    (ids, twice)
}
