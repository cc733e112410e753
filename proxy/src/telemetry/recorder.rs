//! Events to metrics: the one consumer of [`Event`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::exchange::event::{
    CataloguePage, Direction, Event, HttpRecord, NotInspected, Operation, OperationKind, SessionRecord, Sink,
    Transport,
};
use crate::protocol::message::Content;
use crate::protocol::method::Method;
use crate::protocol::outcome::{CallResult, Ending};
use crate::protocol::version::Era;

use super::catalogue::{MAX_TOOLS, Part};
use super::client_type::ClientType;
use super::complexity::Complexity;
use super::histogram::{BucketHistogram, Exemplar};
use super::metrics::{DataType, Target, ToolMetrics};
use super::names::{Metric, label};
use super::operations::{Recent, Traced};
use super::{Desk, Inner, Telemetry, log, server_view, tokens};

impl Sink for Telemetry {
    fn emit(&self, event: Event) {
        self.0.record(event);
    }
}

impl Inner {
    fn record(&self, event: Event) {
        let metrics = &self.metrics;
        match event {
            Event::OperationStarted => metrics.inflight.increment(1.0),
            Event::OperationEnded(operation) => self.operation_ended(operation),
            Event::HttpEnded(record) => self.http_ended(record),
            Event::ConnectionOpened => metrics.connections(ClientType::Unknown).increment(1.0),
            Event::ConnectionIdentified { before, client } => {
                metrics.connections(ClientType::of(&before)).decrement(1.0);
                metrics.connections(ClientType::of(&client)).increment(1.0);
            }
            Event::ConnectionClosed { client } => metrics.connections(ClientType::of(&client)).decrement(1.0),
            Event::SessionStarted { .. } => {}
            Event::SessionEnded(record) => self.session_ended(&record),
            Event::StreamEnded(record) => metrics.stream_quiet.observe(record.longest_quiet.as_secs_f64()),
            Event::Catalogue(page) => self.catalogue_page(page),
            Event::Server { server, version } => self.server.learn(&server, version),
            Event::NotInspected(reason) => metrics.count_not_inspected(reason),
            Event::Finding(finding) => metrics.count_finding(finding),
            Event::Unmatched => metrics.unmatched.increment(1),
            Event::ContextMalformed(carrier) => metrics.count_malformed_context(carrier),
            Event::NotWritten(reason) => metrics.count_not_written(reason),
        }
    }

    fn operation_ended(&self, operation: Box<Operation>) {
        if operation.kind == OperationKind::Request {
            self.metrics.inflight.decrement(1.0);
        }
        let unlabelled = |name| self.metrics.tools.get(name).is_none();
        if self.backlog.has_unread() && operation.tool().is_some_and(unlabelled) {
            // Its tool may be on a page that was not read yet.
            match self.backlog.defer(operation) {
                Ok(()) => {}
                Err(operation) => self.record_operation(operation),
            }
        } else {
            self.record_operation(operation);
        }
    }

    fn record_operation(&self, mut operation: Box<Operation>) {
        let traced = if operation.trace.is_some() { self.trace(&mut operation) } else { None };
        log::operation_ended(&operation, traced);
        let seconds = Seconds::of(&operation, traced.and_then(|traced| self.exemplar(&operation, traced)));
        match operation.direction {
            Direction::ToServer => {
                let known = self.metrics.tools.pin();
                let other;
                let tool = match operation.tool().map(|name| (name, known.get(name))) {
                    Some((_, Some(tool))) => Some(&**tool),
                    Some((name, None)) => {
                        other = self.new_tool(name, &operation.ending);
                        Some(&*other)
                    }
                    None => None,
                };
                if let Some(tool) = tool {
                    self.record_call(tool, &operation, &seconds);
                }
                self.record_sli(tool, &operation, &seconds);
                if tool.is_some() {
                    self.quality.answered(&mut operation);
                }
                self.record_operation_duration(tool, &operation, &seconds);
            }
            Direction::ToClient => self.record_server_request(&operation),
        }
        self.ring.push(Recent { operation, traced });
    }

    /// Hands what the spans need to whoever makes them; the operation is left without it.
    fn trace(&self, operation: &mut Operation) -> Option<Traced> {
        match &self.tracer {
            Some(tracer) => tracer.operation_ended(operation),
            None => {
                operation.trace = None;
                None
            }
        }
    }

    fn exemplar(&self, operation: &Operation, traced: Traced) -> Option<Exemplar> {
        let tracer = self.tracer.as_ref().filter(|_| traced.sampled)?;
        Some(Exemplar {
            trace_id: traced.trace_id,
            span_id: traced.span_id,
            value: operation.duration().as_secs_f64(),
            at: tracer.wall(operation.ended),
        })
    }

    /// The metrics of a tool without a label; an answer may be what gives it one.
    fn new_tool(&self, name: &str, ending: &Ending) -> Arc<ToolMetrics> {
        // Servers answer unknown names with a tool error: that proves a tool only as long as no list says otherwise.
        let answered = match ending {
            Ending::Success => true,
            Ending::ToolError => !self.catalogue_known(),
            _ => false,
        };
        // Half of the places are kept for tools that the server lists.
        let limit = self.metrics.settings().max_tools.div_ceil(2);
        (answered && !name.is_empty())
            .then(|| self.metrics.admit_tool(name, limit))
            .flatten()
            .unwrap_or_else(|| Arc::clone(self.metrics.tools.other()))
    }

    fn record_call(&self, tool: &ToolMetrics, operation: &Operation, seconds: &Seconds) {
        let metrics = &self.metrics;
        let ending = &operation.ending;
        if operation.kind == OperationKind::Notification {
            return;
        }
        self.count_content(tool, &operation.content);
        if operation.kind == OperationKind::Request {
            // A task carries its request's arguments again.
            let bytes = operation.arguments.map_or(0, |arguments| arguments.size);
            metrics.count_bytes(tool, DataType::Arguments, bytes);
            if operation.repeated {
                metrics.count_repeated(tool);
            }
            if std::ptr::eq(tool, &raw const **metrics.tools.other()) && self.is_unlisted(operation) {
                metrics.unknown_tool_calls.increment(1);
            }
        }
        let Some(result) = ending.result() else {
            if let Ending::Interim(interim) = ending {
                metrics.count_interim(tool, *interim);
            }
            return;
        };
        metrics.count_request(tool, &operation.client, result, ending.error_type());
        if let Some(fault) = ending.fault() {
            metrics.count_fault(tool, fault);
        }
        let complexity = tool.complexity().unwrap_or_else(|| Complexity::of(operation.arguments.as_ref()));
        seconds.observe(metrics.tool_duration(tool, complexity));
        if matches!(ending, Ending::Success | Ending::ToolError | Ending::RpcError { .. }) {
            metrics.response_time(tool).observe(seconds.value, operation.ended);
            seconds.observe(metrics.response_distribution(tool));
        }
        // The end of a task may be seen without its result.
        let unseen = operation.kind == OperationKind::Task && operation.content == Content::default();
        if matches!(ending, Ending::Success | Ending::ToolError) && !unseen {
            metrics.result_tokens(tool).observe(tokens::of_result(&operation.content) as f64);
        }
    }

    fn count_content(&self, tool: &ToolMetrics, content: &Content) {
        for (data, bytes) in [
            (DataType::Text, content.text),
            (DataType::Image, content.image),
            (DataType::Audio, content.audio),
            (DataType::Resource, content.resource),
            (DataType::Structured, content.structured.unwrap_or(0)),
            (DataType::Other, content.other),
        ] {
            self.metrics.count_bytes(tool, data, bytes);
        }
    }

    fn record_operation_duration(
        &self,
        tool: Option<&ToolMetrics>,
        operation: &Operation,
        seconds: &Seconds,
    ) {
        // The task's request was counted when it was over; a listen stream is no latency.
        if operation.kind == OperationKind::Task || operation.method == Method::SubscriptionsListen {
            return;
        }
        let (error_type, code) = server_view::attributes(&operation.ending);
        if let (Some(tool), None, None) = (tool, error_type, code) {
            return seconds.observe(self.metrics.faultless_call(tool));
        }
        let prompt = (operation.method == Method::PromptsGet).then(|| {
            let name = operation.target.as_deref().unwrap_or_default();
            self.metrics.prompt(name, operation.ending.result() == Some(CallResult::Success))
        });
        let target = match (tool, &prompt) {
            (Some(tool), _) => Target::Tool(tool),
            (None, Some(prompt)) => Target::Prompt(&prompt.name, prompt.place),
            (None, None) => Target::None,
        };
        seconds.observe(&self.metrics.operation(operation.method.label(), target, error_type, code));
    }

    /// Here the server is the client of the conventions; its requests have a metric of their own.
    fn record_server_request(&self, operation: &Operation) {
        if operation.kind == OperationKind::Request {
            self.metrics
                .server_request(operation.method.label(), operation.ending.error_type())
                .observe(operation.duration().as_secs_f64());
        }
    }

    fn http_ended(&self, record: HttpRecord) {
        let metrics = &self.metrics;
        if !record.overhead.is_zero() {
            metrics.overhead.observe(record.overhead.as_secs_f64());
        }
        if !record.mcp {
            metrics.http(record.method, status_class(record.status)).observe(record.duration.as_secs_f64());
        } else if let Some(first_byte) = record.first_byte {
            metrics.first_byte.observe(first_byte.as_secs_f64());
        }
        if let (Some(tracer), true) = (&self.tracer, record.trace.is_some()) {
            tracer.http_ended(record);
        }
    }

    /// The modern era has no sessions (otel-mcp.md §5).
    fn session_ended(&self, record: &SessionRecord) {
        if record.version.is_none_or(|version| version.era() == Era::Legacy) {
            let network = match record.transport {
                Transport::Stdio => "pipe",
                Transport::StreamableHttp | Transport::HttpSse => "tcp",
            };
            let version = record.version.map_or("", |version| version.as_str());
            self.metrics.session(version, network, record.error_type).observe(record.duration.as_secs_f64());
        }
    }

    fn catalogue_page(&self, page: CataloguePage) {
        if !self.backlog.push_page(page) {
            self.metrics.count_not_inspected(NotInspected::Memory);
        }
    }

    fn catalogue_known(&self) -> bool {
        !self.metrics.registry().is_empty(Metric::CatalogueTools)
    }

    /// Whether a tool without a label is none of the server's, as far as its lists say.
    fn is_unlisted(&self, operation: &Operation) -> bool {
        self.catalogue_known()
            && self.listed.get(operation.tool().unwrap_or_default()).is_none()
            && !matches!(operation.ending, Ending::Success | Ending::Interim(_))
    }

    /// Reads the waiting pages, then records the operations that waited for them, and what these used; shows who the server
    /// is.
    pub(super) fn work_off(&self, desk: &mut Desk, now: Instant) {
        self.server.publish(&self.metrics, &mut desk.server);
        self.backlog.read_pages(|page| self.learn(desk, &page, now));
        while let Some(operation) = self.backlog.next_deferred() {
            self.record_operation(operation);
        }
        self.record_waiting_use();
    }

    fn learn(&self, desk: &mut Desk, page: &CataloguePage, now: Instant) {
        let metrics = &self.metrics;
        let mut learned = desk.catalogue.learn(page, now);
        let removed: Vec<_> = learned
            .changes
            .iter()
            .filter(|change| change.part == Part::Removed)
            .map(|change| change.tool.as_str())
            .collect();
        let declared = std::mem::take(&mut learned.declared);
        self.quality.learn(&mut desk.schemas, declared, &removed, &page.client, now);
        if learned.malformed {
            metrics.count_not_inspected(NotInspected::Malformed);
        }
        for name in learned.names.iter().filter(|name| !name.is_empty()) {
            metrics.admit_tool(name, metrics.settings().max_tools);
            self.listed.admit(name, MAX_TOOLS, |_| ());
        }
        for change in learned.changes {
            let tool = metrics.tools.get(&change.tool);
            let name = if tool.is_some() { change.tool.as_str() } else { super::OTHER };
            if change.part == Part::Removed {
                self.listed.remove(&change.tool);
            }
            let labels = [(label::TOOL, name), (label::PART, change.part.as_str())];
            metrics.registry().counter(Metric::DefinitionChanges, &labels).increment(1);
        }
        if let Some((tokens, tools)) = learned.complete {
            metrics.registry().gauge(Metric::CatalogueTokens, &[]).set(tokens as f64);
            metrics.registry().gauge(Metric::CatalogueTools, &[]).set(tools as f64);
        }
    }
}

/// The duration of an operation, and the span that shows it.
pub(super) struct Seconds {
    /// The duration itself, to be compared exactly.
    pub duration: Duration,
    /// In seconds.
    pub value: f64,
    exemplar: Option<Arc<Exemplar>>,
}

impl Seconds {
    fn of(operation: &Operation, exemplar: Option<Exemplar>) -> Self {
        let duration = operation.duration();
        Self { duration, value: duration.as_secs_f64(), exemplar: exemplar.map(Arc::new) }
    }

    /// Adds it to a histogram.
    #[inline]
    pub(super) fn observe(&self, histogram: &BucketHistogram) {
        match &self.exemplar {
            Some(exemplar) => histogram.observe_traced(Arc::clone(exemplar)),
            None => histogram.observe(self.value),
        }
    }
}

/// The class of a status, or `""` where no response came.
const fn status_class(status: Option<u16>) -> &'static str {
    match status {
        None => "",
        Some(100..=199) => "1xx",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(500..=599) => "5xx",
        Some(_) => super::OTHER,
    }
}
