//! From values in their slots to a [`Message`].

use compact_str::CompactString;

use super::element::{Element, ElementKind};
use super::number::Scalar;
use super::path::Slot;
use super::text::capped;
use crate::protocol::fingerprint::fingerprint;
use crate::protocol::message::{
    Answer, Captured, Content, Finding, Implementation, Message, MessageKind, Params, RequestId, ResultType,
    Task, TaskStatus, limits,
};
use crate::protocol::method::Method;
use crate::protocol::splice::{Place, Places, Span};
use crate::protocol::version::Version;

/// The outer form of a value, known from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Object,
    Array,
    Text,
    /// A number or word.
    Scalar,
}

/// The message in the making.
#[derive(Debug, Default)]
pub(super) struct Facts {
    message: Message,
    version_2: bool,
    has_result: bool,
    has_error: bool,
    result: ResultFacts,
    element: Element,
    /// Whether anybody asked for [`Message::places`].
    wants_places: bool,
}

/// What is read of a result before it is known what it means.
#[derive(Debug, Default)]
struct ResultFacts {
    /// Task members that stand in `result` itself.
    flat: TaskFacts,
    /// Those of `result.task`.
    nested: TaskFacts,
    inner_is_error: bool,
    inner_code: Option<i64>,
    /// `serverInfo` of `result._meta`; that of `result` goes first.
    meta_server: Option<Box<Implementation>>,
}

#[derive(Debug, Default)]
struct TaskFacts {
    id: Option<CompactString>,
    status: Option<TaskStatus>,
    ttl: Option<u64>,
    ttl_ms: Option<u64>,
}

impl Facts {
    /// Adds a finding to the message.
    pub(super) fn find(&mut self, finding: Finding) {
        self.message.findings.insert(finding);
    }

    /// A value of this form begins in the slot.
    pub(super) fn begin(&mut self, slot: Slot, shape: Shape) {
        let Message { id, params, answer, .. } = &mut self.message;
        let is_object = shape == Shape::Object;
        let is_container = is_object || shape == Shape::Array;
        match slot {
            Slot::Params if !is_object => self.place(|places| places.params = Place::Other),
            Slot::ParamsMeta if !is_object => self.place(|places| places.meta = Place::Other),
            Slot::TraceParent => params.meta.odd_traceparent = shape != Shape::Text,
            Slot::Result => self.has_result = true,
            Slot::Error => self.has_error = true,
            Slot::Cursor => params.cursor = true,
            Slot::Element => self.element = Element::default(),
            Slot::ElementText
            | Slot::Resource
            | Slot::ElementData
            | Slot::ElementMime
            | Slot::ElementUri
            | Slot::ElementName => self.element.member(slot, shape),
            Slot::Content => {
                answer.content.listed = shape == Shape::Array;
                answer.content.malformed = shape != Shape::Array;
            }
            Slot::WantsTask => params.wants_task = is_object,
            Slot::ResultType => answer.result_type = Some(ResultType::Other),
            Slot::NextCursor => answer.next_cursor = shape == Shape::Text,
            Slot::Id if is_container => *id = Some(RequestId::Invalid),
            Slot::CancelledId if is_container => params.cancelled = Some(RequestId::Invalid),
            Slot::Subscription if is_container => params.meta.subscription = Some(RequestId::Invalid),
            Slot::ParamsClient if is_object => params.client = Some(Box::default()),
            Slot::MetaClient if is_object => params.meta.client = Some(Box::default()),
            Slot::ResultServer if is_object => answer.server = Some(Box::default()),
            Slot::MetaServer if is_object => self.result.meta_server = Some(Box::default()),
            _ => {}
        }
    }

    /// A string ended in the slot. `bytes` is its decoded text, or as much of it as the slot's cap and one byte;
    /// `hash` is that of the whole text, where it is known already.
    pub(super) fn text(&mut self, slot: Slot, bytes: &[u8], hash: Option<u64>) {
        match slot {
            Slot::Version2 => self.version_2 = bytes == b"2.0",
            Slot::ElementType => self.element.kind = ElementKind::parse(bytes),
            Slot::Id | Slot::CancelledId | Slot::Subscription => {
                let id = text_id(bytes, hash);
                self.set_id(slot, id);
            }
            Slot::ParamsState => {
                self.message.params.request_state = Some(hash.unwrap_or_else(|| fingerprint(bytes)));
            }
            Slot::ResultState => {
                self.message.answer.request_state = Some(hash.unwrap_or_else(|| fingerprint(bytes)));
            }
            Slot::ParamsVersion => self.message.params.protocol_version = Some(Version::parse(bytes)),
            Slot::MetaVersion => self.message.params.meta.protocol_version = Some(Version::parse(bytes)),
            Slot::ResultVersion => self.message.answer.protocol_version = Some(Version::parse(bytes)),
            Slot::ResultType => self.message.answer.result_type = Some(ResultType::parse(bytes)),
            Slot::ParamsStatus => self.message.params.task_status = Some(TaskStatus::parse(bytes)),
            Slot::FlatStatus => self.result.flat.status = Some(TaskStatus::parse(bytes)),
            Slot::TaskStatus => self.result.nested.status = Some(TaskStatus::parse(bytes)),
            Slot::Method => {
                let known = std::str::from_utf8(bytes).ok().and_then(Method::known);
                self.message.method = known;
                if self.message.method.is_none() {
                    self.kept_text(slot, bytes);
                }
            }
            _ => self.kept_text(slot, bytes),
        }
    }

    /// A string ended that is kept as text.
    fn kept_text(&mut self, slot: Slot, bytes: &[u8]) {
        let Some(reading) = slot.text() else { return };
        let (text, cut) = capped(bytes, reading.cap);
        if cut {
            self.find(Finding::TextCut);
        }
        let Message { method, params, answer, .. } = &mut self.message;
        let implementation = match slot {
            Slot::ClientName | Slot::ClientVersion => &mut params.client,
            Slot::MetaClientName | Slot::MetaClientVersion => &mut params.meta.client,
            Slot::ServerName | Slot::ServerVersion => &mut answer.server,
            _ => &mut self.result.meta_server,
        };
        match slot {
            Slot::Method => *method = Some(Method::parse(&text)),
            Slot::Name => params.name = Some(text),
            Slot::Uri => params.uri = Some(text),
            Slot::ParamsTaskId => params.task_id = Some(text),
            Slot::RelatedTaskId => params.meta.related_task = Some(text),
            Slot::TraceParent => params.meta.traceparent = Some(text),
            Slot::TraceState => params.meta.tracestate = Some(text),
            Slot::FlatTaskId => self.result.flat.id = Some(text),
            Slot::TaskId => self.result.nested.id = Some(text),
            Slot::ClientName | Slot::MetaClientName | Slot::ServerName | Slot::MetaServerName => {
                implementation.get_or_insert_default().name = text;
            }
            Slot::ClientVersion | Slot::MetaClientVersion | Slot::ServerVersion | Slot::MetaServerVersion => {
                implementation.get_or_insert_default().version = text;
            }
            _ => {}
        }
    }

    /// A number or word ended in the slot.
    pub(super) fn scalar(&mut self, slot: Slot, value: Scalar) {
        let is_null = value == Scalar::Null;
        let is_true = value == Scalar::True;
        let integer = if let Scalar::Integer(integer) = value { Some(integer) } else { None };
        let milliseconds = integer.and_then(|integer| u64::try_from(integer).ok());
        let Message { params, answer, .. } = &mut self.message;
        match slot {
            Slot::Id | Slot::CancelledId | Slot::Subscription => {
                let id = match value {
                    Scalar::Integer(number) => RequestId::Number(number),
                    Scalar::Number(hash) => RequestId::Hash(hash),
                    Scalar::Null => RequestId::Null,
                    Scalar::True | Scalar::False => RequestId::Invalid,
                };
                self.set_id(slot, id);
            }
            // Some servers write both members and null in the unused one; `"result": null` alone is a valid result.
            Slot::Error => self.has_error = !is_null,
            Slot::Cursor => params.cursor = !is_null,
            Slot::ResultType if is_null => answer.result_type = None,
            Slot::IsError => answer.is_error = is_true,
            Slot::InnerIsError => self.result.inner_is_error = is_true,
            Slot::ParamsIsError => params.task_is_error = is_true,
            Slot::Code => answer.code = integer,
            Slot::InnerCode => self.result.inner_code = integer,
            Slot::ParamsCode => params.task_code = integer,
            Slot::FlatTtl => self.result.flat.ttl = milliseconds,
            Slot::FlatTtlMs => self.result.flat.ttl_ms = milliseconds,
            Slot::TaskTtl => self.result.nested.ttl = milliseconds,
            Slot::TaskTtlMs => self.result.nested.ttl_ms = milliseconds,
            _ => {}
        }
    }

    /// A value ended whose size or place is a fact.
    pub(super) fn sized(&mut self, slot: Slot, shape: Shape, span: Span) {
        let size = span.end - span.start;
        let content = &mut self.message.answer.content;
        // A string's text is what stands between its quotes.
        let text = if shape == Shape::Text { size.saturating_sub(2) } else { 0 };
        match slot {
            Slot::TraceParent | Slot::TraceState => self.place_value(slot, span),
            Slot::Structured => {
                content.structured = Some(size);
                content.hollow = shape != Shape::Scalar && size == 2;
            }
            Slot::ElementText => self.element.text = text,
            Slot::ResourceText => self.element.resource_text = text,
            Slot::Element => {
                self.element.add_to(content, size);
            }
            _ => {}
        }
    }

    /// From now on notes the places of messages, or does not.
    pub(super) fn want_places(&mut self, wanted: bool) {
        self.wants_places = wanted;
    }

    /// Notes a place of the message, if anybody asked; those of objects are known when they end.
    #[inline]
    pub(super) fn place(&mut self, note: impl FnOnce(&mut Places)) {
        if self.wants_places {
            note(self.message.places.get_or_insert_default());
        }
    }

    /// Where the value in the slot, which is one that trace context is written to, stands.
    pub(super) fn place_value(&mut self, slot: Slot, span: Span) {
        self.place(|Places { traceparent, tracestate, .. }| {
            *(if slot == Slot::TraceParent { traceparent } else { tracestate }) = Some(span);
        });
    }

    /// The parts of the message that are filled by `capture.rs`.
    pub(super) fn params(&mut self) -> &mut Params {
        &mut self.message.params
    }

    /// As [`Facts::params`].
    pub(super) fn captured(&mut self) -> &mut Option<Box<Captured>> {
        &mut self.message.captured
    }

    /// As [`Facts::params`].
    pub(super) fn answer(&mut self) -> &mut Answer {
        &mut self.message.answer
    }

    /// A key came again in its object: what the first one brought is void.
    pub(super) fn forget(&mut self, slot: Slot) {
        self.find(Finding::DuplicateKey);
        match slot {
            Slot::Version2 => self.version_2 = false,
            Slot::Id => self.message.id = None,
            Slot::Method => self.message.method = None,
            Slot::Params => {
                self.message.params = Params::default();
                self.place(|places| *places = Places { twice: true, ..Places::default() });
                self.captured().as_mut().map(|captured| captured.arguments.take());
            }
            Slot::Error => {
                self.has_error = false;
                self.message.answer.code = None;
            }
            Slot::Result => {
                let code = self.message.answer.code;
                self.message.answer = Answer { code, ..Answer::default() };
                if let Some(captured) = self.captured() {
                    (captured.result, captured.structured, captured.text) = (None, None, None);
                }
                self.has_result = false;
                self.result = ResultFacts::default();
            }
            Slot::Content => {
                let content = &mut self.message.answer.content;
                let Content { structured, hollow, .. } = *content;
                *content = Content { structured, hollow, ..Content::default() };
                self.captured().as_mut().map(|captured| captured.text.take());
            }
            Slot::Structured => {
                self.captured().as_mut().map(|captured| captured.structured.take());
            }
            Slot::ElementType => self.element.kind = ElementKind::Other,
            Slot::ElementText => {
                self.element.text = 0;
                if self.message.answer.content.items == 0 {
                    self.captured().as_mut().map(|captured| captured.text.take());
                }
            }
            Slot::Resource | Slot::ResourceText => self.element.resource_text = 0,
            _ => {
                self.forget_in_params(slot);
                self.forget_in_result(slot);
            }
        }
    }

    fn forget_in_params(&mut self, slot: Slot) {
        if slot.is_context() {
            self.place(|places| places.twice = true);
        }
        let params = &mut self.message.params;
        match slot {
            Slot::Name => params.name = None,
            Slot::Uri => params.uri = None,
            Slot::Arguments => {
                params.arguments = None;
                self.captured().as_mut().map(|captured| captured.arguments.take());
            }
            Slot::ParamsVersion => params.protocol_version = None,
            Slot::ParamsClient => params.client = None,
            Slot::CancelledId => params.cancelled = None,
            Slot::ParamsTaskId => params.task_id = None,
            Slot::ParamsStatus => params.task_status = None,
            Slot::ParamsState => params.request_state = None,
            Slot::ParamsMeta => {
                params.meta = Default::default();
                self.place(|places| {
                    *places = Places { params: places.params, twice: true, ..Places::default() };
                });
            }
            Slot::ParamsResult | Slot::ParamsIsError => params.task_is_error = false,
            Slot::ParamsError | Slot::ParamsCode => params.task_code = None,
            Slot::MetaVersion => params.meta.protocol_version = None,
            Slot::MetaClient => params.meta.client = None,
            Slot::Subscription => params.meta.subscription = None,
            Slot::RelatedTask | Slot::RelatedTaskId => params.meta.related_task = None,
            // Every value brings its place.
            Slot::TraceParent => params.meta.traceparent = None,
            Slot::TraceState => params.meta.tracestate = None,
            Slot::ClientName => name_of(&mut params.client).clear(),
            Slot::ClientVersion => version_of(&mut params.client).clear(),
            Slot::MetaClientName => name_of(&mut params.meta.client).clear(),
            Slot::MetaClientVersion => version_of(&mut params.meta.client).clear(),
            // Each value of these sets its fact, whatever its form.
            _ => {}
        }
    }

    fn forget_in_result(&mut self, slot: Slot) {
        let answer = &mut self.message.answer;
        match slot {
            Slot::IsError => answer.is_error = false,
            Slot::ResultState => answer.request_state = None,
            Slot::Task => self.result.nested = TaskFacts::default(),
            Slot::FlatTaskId => self.result.flat.id = None,
            Slot::FlatStatus => self.result.flat.status = None,
            Slot::FlatTtl => self.result.flat.ttl = None,
            Slot::FlatTtlMs => self.result.flat.ttl_ms = None,
            Slot::InnerResult | Slot::InnerIsError => self.result.inner_is_error = false,
            Slot::InnerError | Slot::InnerCode => self.result.inner_code = None,
            Slot::Tools => answer.tools = None,
            Slot::ResultVersion => answer.protocol_version = None,
            Slot::ResultServer => answer.server = None,
            Slot::ResultMeta | Slot::MetaServer => self.result.meta_server = None,
            Slot::TaskId => self.result.nested.id = None,
            Slot::TaskStatus => self.result.nested.status = None,
            Slot::TaskTtl => self.result.nested.ttl = None,
            Slot::TaskTtlMs => self.result.nested.ttl_ms = None,
            Slot::Code => answer.code = None,
            Slot::ServerName => name_of(&mut answer.server).clear(),
            Slot::ServerVersion => version_of(&mut answer.server).clear(),
            Slot::MetaServerName => name_of(&mut self.result.meta_server).clear(),
            Slot::MetaServerVersion => version_of(&mut self.result.meta_server).clear(),
            _ => {}
        }
    }

    /// The message is complete.
    pub(super) fn complete(&mut self, span: Span, batched: bool) -> &mut Message {
        let message = &mut self.message;
        message.size = span.end - span.start;
        message.batched = batched;
        message.kind = match (&message.method, self.has_error, self.has_result) {
            (Some(_), ..) if message.id.is_some() => MessageKind::Request,
            (Some(_), ..) => MessageKind::Notification,
            (None, true, _) => MessageKind::Error,
            (None, false, true) => MessageKind::Result,
            (None, false, false) => MessageKind::Foreign,
        };
        if message.method.is_some() {
            if self.wants_places {
                message.places.get_or_insert_default().message = Place::Object { span, empty: false };
            }
        } else if message.places.is_some() {
            message.places = None;
        }
        // What was kept may be void meanwhile.
        if message.captured.as_deref().is_some_and(|captured| *captured == Captured::default()) {
            message.captured = None;
        }
        if !self.version_2 {
            message.findings.insert(Finding::NotVersion2);
        }
        if self.has_result {
            let mut result = std::mem::take(&mut self.result);
            if message.answer.server.is_none() {
                message.answer.server = result.meta_server.take();
            }
            message.answer.task = result.task();
        }
        (self.version_2, self.has_result, self.has_error) = (false, false, false);
        message
    }

    /// The message, complete or not.
    pub(super) fn message(&mut self) -> &mut Message {
        &mut self.message
    }

    /// The next message starts afresh.
    pub(super) fn next(&mut self) {
        self.message = Message::default();
    }

    /// Bytes of memory that the message's captures hold.
    pub(super) fn held(&self) -> usize {
        self.message.held()
    }

    /// Starts afresh, also in the middle of a message.
    pub(super) fn reset(&mut self) {
        *self = Self { wants_places: self.wants_places, ..Self::default() };
    }

    fn set_id(&mut self, slot: Slot, id: RequestId) {
        let Message { id: own, params, .. } = &mut self.message;
        match slot {
            Slot::Id => *own = Some(id),
            Slot::CancelledId => params.cancelled = Some(id),
            _ => params.meta.subscription = Some(id),
        }
    }
}

impl ResultFacts {
    /// The task that the result tells of: its own members go before those of `result.task`, which then is payload.
    fn task(self) -> Option<Box<Task>> {
        let is_flat = self.flat.id.is_some();
        let facts = if is_flat { self.flat } else { self.nested };
        facts.id.map(|id| {
            Box::new(Task {
                id,
                status: facts.status,
                ttl_ms: facts.ttl_ms.or(facts.ttl),
                is_error: is_flat && self.inner_is_error,
                code: self.inner_code.filter(|_| is_flat),
            })
        })
    }
}

fn name_of(implementation: &mut Option<Box<Implementation>>) -> &mut CompactString {
    &mut implementation.get_or_insert_default().name
}

fn version_of(implementation: &mut Option<Box<Implementation>>) -> &mut CompactString {
    &mut implementation.get_or_insert_default().version
}

fn text_id(bytes: &[u8], hash: Option<u64>) -> RequestId {
    if bytes.len() > limits::ID {
        return RequestId::Hash(hash.unwrap_or_else(|| fingerprint(bytes)));
    }
    match capped(bytes, limits::ID) {
        (text, false) => RequestId::Text(text),
        // No UTF-8, and longer once that is put right.
        (_, true) => RequestId::Hash(hash.unwrap_or_else(|| fingerprint(bytes))),
    }
}
