//! What a document holds, found the slow way: all of it through `serde_json::Value`, and through `RawValue` where the
//! spelling counts.

use std::collections::HashMap;
use std::fmt;

use compact_str::CompactString;
use mcp_tap::protocol::fingerprint::fingerprint;
use mcp_tap::protocol::message::{
    Answer, Arguments, Captured, Content, Document, Finding, Findings, Implementation, Message, MessageKind,
    Meta, Params, RequestId, ResultType, Task, TaskStatus, limits,
};
use mcp_tap::protocol::method::Method;
use mcp_tap::protocol::splice::{Place, Places, Span};
use mcp_tap::protocol::version::Version;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json_documents::{Context, Kind, MESSAGE};

pub(crate) struct Expected {
    pub(crate) document: Document,
    pub(crate) messages: Vec<Message>,
}

pub(crate) fn read(text: &str) -> Expected {
    let whole = text;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(text).expect("generated documents are valid");
        let count = u32::try_from(elements.len()).expect("few elements");
        let messages = elements.into_iter().map(|element| message(element.get(), whole, true)).collect();
        Expected { document: Document::Batch(count), messages }
    } else if text.starts_with('{') {
        Expected { document: Document::Single, messages: vec![message(text, whole, false)] }
    } else {
        Expected { document: Document::Scalar, messages: Vec::new() }
    }
}

/// A value both ways.
#[derive(Clone)]
struct Both<'a> {
    value: Value,
    raw: &'a str,
}

impl<'a> Both<'a> {
    fn new(raw: &'a str) -> Self {
        Self { value: serde_json::from_str(raw).expect("generated documents are valid"), raw }
    }

    fn get(&self, key: &str) -> Option<Self> {
        if !self.value.is_object() {
            return None;
        }
        let members: HashMap<String, &'a RawValue> = serde_json::from_str(self.raw).expect("an object");
        let member = Self::new(members.get(key)?.get());
        // The two ways agree on which of equal keys counts.
        assert_eq!(Some(&member.value), self.value.get(key));
        Some(member)
    }

    fn text(&self, key: &str) -> Option<String> {
        Some(self.get(key)?.value.as_str()?.to_owned())
    }

    fn kept(&self, key: &str, cap: usize) -> Option<CompactString> {
        self.text(key).map(|text| CompactString::new(cut(&text, cap)))
    }

    fn integer(&self, key: &str) -> Option<i64> {
        integer(self.get(key).filter(|member| member.value.is_number())?.raw)
    }

    fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|member| member.value == Value::Bool(true))
    }

    fn id(&self, key: &str) -> Option<RequestId> {
        let member = self.get(key)?;
        Some(match &member.value {
            Value::Null => RequestId::Null,
            Value::Number(_) => integer(member.raw)
                .map_or_else(|| RequestId::Hash(fingerprint(member.raw.as_bytes())), RequestId::Number),
            Value::String(text) if text.len() > limits::ID => RequestId::Hash(fingerprint(text.as_bytes())),
            Value::String(text) => RequestId::Text(CompactString::new(text)),
            _ => RequestId::Invalid,
        })
    }

    fn version(&self, key: &str) -> Option<Version> {
        self.text(key).map(|text| Version::parse(text.as_bytes()))
    }

    fn status(&self, key: &str) -> Option<TaskStatus> {
        self.text(key).map(|text| match text.as_str() {
            "working" => TaskStatus::Working,
            "input_required" => TaskStatus::InputRequired,
            "completed" => TaskStatus::Completed,
            "failed" => TaskStatus::Failed,
            "cancelled" => TaskStatus::Cancelled,
            _ => TaskStatus::Other,
        })
    }

    fn implementation(&self, key: &str) -> Option<Box<Implementation>> {
        let member = self.get(key).filter(|member| member.value.is_object())?;
        Some(Box::new(Implementation {
            name: member.kept("name", limits::NAME).unwrap_or_default(),
            version: member.kept("version", limits::NAME).unwrap_or_default(),
        }))
    }

    fn hash(&self, key: &str) -> Option<u64> {
        self.text(key).map(|text| fingerprint(text.as_bytes()))
    }
}

/// The characters that are whole within `cap` bytes.
fn cut(text: &str, cap: usize) -> &str {
    let end = text
        .char_indices()
        .map(|(at, character)| at + character.len_utf8())
        .take_while(|end| *end <= cap)
        .last();
    &text[..end.unwrap_or(0)]
}

/// The integer that a number is, by writing it out.
fn integer(spelling: &str) -> Option<i64> {
    let (sign, rest) = spelling.strip_prefix('-').map_or(("", spelling), |rest| ("-", rest));
    let (decimal, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let exponent: i64 = exponent.parse().expect("small exponents");
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    let mut digits = format!("{whole}{fraction}");
    let mut point = whole.len() as i64 + exponent;
    while point < 0 {
        digits.insert(0, '0');
        point += 1;
    }
    while (digits.len() as i64) < point {
        digits.push('0');
    }
    let (whole, fraction) = digits.split_at(point as usize);
    if fraction.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    format!("{sign}{whole}").parse().ok()
}

fn message(raw: &str, whole: &str, batched: bool) -> Message {
    let root = Both::new(raw);
    let params = root.get("params").map(|both| params(&both)).unwrap_or_default();
    let mut answer = root.get("result").map(|both| answer(&both)).unwrap_or_default();
    answer.code = root.get("error").and_then(|error| error.integer("code"));
    let method = root.kept("method", limits::NAME).map(|name| Method::parse(&name));
    let id = root.id("id");
    let has_error = root.get("error").is_some_and(|error| !error.value.is_null());
    let kind = match (&method, &id) {
        (Some(_), Some(_)) => MessageKind::Request,
        (Some(_), None) => MessageKind::Notification,
        _ if has_error => MessageKind::Error,
        _ if root.get("result").is_some() => MessageKind::Result,
        _ => MessageKind::Foreign,
    };
    let mut findings = Findings::default();
    if root.text("jsonrpc").as_deref() != Some("2.0") {
        findings.insert(Finding::NotVersion2);
    }
    let mut odd = Odd::default();
    odd.visit(raw, MESSAGE);
    if odd.duplicate {
        findings.insert(Finding::DuplicateKey);
    }
    if odd.long {
        findings.insert(Finding::TextCut);
    }
    let places = method.is_some().then(|| Box::new(places(&root, whole)));
    let size = raw.len() as u64;
    let captured = Captured {
        arguments: root
            .get("params")
            .and_then(|params| params.get("arguments"))
            .map(|both| both.raw.as_bytes().into()),
        result: root.get("result").map(|both| both.raw.as_bytes().into()),
        structured: root.get("result").and_then(|result| kept(result.get("structuredContent")?)),
        text: root.get("result").and_then(|result| kept(first_element(&result)?.get("text")?)),
    };
    let captured = Some(captured).filter(|captured| *captured != Captured::default()).map(Box::new);
    Message { kind, id, method, params, answer, size, findings, batched, places, captured }
}

fn kept(both: Both<'_>) -> Option<Box<[u8]>> {
    Some(both.raw.as_bytes().into())
}

fn first_element<'a>(result: &Both<'a>) -> Option<Both<'a>> {
    let content = result.get("content").filter(|content| content.value.is_array())?;
    let elements: Vec<&RawValue> = serde_json::from_str(content.raw).expect("an array");
    elements.first().map(|element| Both::new(element.get()))
}

/// Where a part of the text stands in it.
fn span(part: &str, whole: &str) -> Span {
    let start = (part.as_ptr() as usize - whole.as_ptr() as usize) as u64;
    Span { start, end: start + part.len() as u64 }
}

fn place(both: Option<&Both<'_>>, whole: &str) -> Place {
    match both {
        None => Place::Absent,
        Some(Both { value: Value::Object(members), raw }) => {
            Place::Object { span: span(raw, whole), empty: members.is_empty() }
        }
        Some(_) => Place::Other,
    }
}

fn places(root: &Both<'_>, whole: &str) -> Places {
    let params = root.get("params");
    let meta = params.as_ref().and_then(|params| params.get("_meta"));
    let value = |key| Some(span(meta.as_ref()?.get(key)?.raw, whole));
    Places {
        message: place(Some(root), whole),
        params: place(params.as_ref(), whole),
        meta: place(meta.as_ref(), whole),
        traceparent: value("traceparent"),
        tracestate: value("tracestate"),
        twice: twice(root.raw, &["params"])
            || params.is_some_and(|params| twice(params.raw, &["_meta"]))
            || meta.is_some_and(|meta| twice(meta.raw, &["traceparent", "tracestate"])),
    }
}

/// Whether an object has one of the keys more than once.
fn twice(object: &str, keys: &[&str]) -> bool {
    let Ok(Members(members)) = serde_json::from_str::<Members<'_>>(object) else { return false };
    keys.iter().any(|key| members.iter().filter(|(member, _)| member == key).count() > 1)
}

fn params(both: &Both<'_>) -> Params {
    let meta = both.get("_meta").map(|meta| Meta {
        protocol_version: meta.version("io.modelcontextprotocol/protocolVersion"),
        client: meta.implementation("io.modelcontextprotocol/clientInfo"),
        subscription: meta.id("io.modelcontextprotocol/subscriptionId"),
        related_task: meta
            .get("io.modelcontextprotocol/related-task")
            .and_then(|task| task.kept("taskId", limits::TEXT)),
        traceparent: meta.kept("traceparent", limits::TEXT),
        odd_traceparent: meta.get("traceparent").is_some_and(|parent| !parent.value.is_string()),
        tracestate: meta.kept("tracestate", limits::TEXT),
    });
    Params {
        name: both.kept("name", limits::NAME),
        uri: both.kept("uri", limits::TEXT),
        arguments: both.get("arguments").map(|arguments| Arguments {
            size: arguments.raw.len() as u64,
            depth: depth(arguments.raw),
            hash: fingerprint(arguments.raw.as_bytes()),
        }),
        protocol_version: both.version("protocolVersion"),
        client: both.implementation("clientInfo"),
        cancelled: both.id("requestId"),
        task_id: both.kept("taskId", limits::TEXT),
        task_status: both.status("status"),
        task_is_error: both.get("result").is_some_and(|result| result.is_true("isError")),
        task_code: both.get("error").and_then(|error| error.integer("code")),
        wants_task: both.get("task").is_some_and(|task| task.value.is_object()),
        request_state: both.hash("requestState"),
        cursor: both.get("cursor").is_some_and(|cursor| !cursor.value.is_null()),
        meta: meta.unwrap_or_default(),
    }
}

/// Levels of nesting, by counting brackets: members that later ones of the same name hide count too.
fn depth(raw: &str) -> u32 {
    let (mut depth, mut deepest, mut in_string) = (0_u32, 0, false);
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => in_string = !in_string,
            '\\' => drop(characters.next()),
            '{' | '[' if !in_string => depth += 1,
            '}' | ']' if !in_string => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn answer(both: &Both<'_>) -> Answer {
    let mut content = both.get("content").map(|content| contents(&content)).unwrap_or_default();
    let structured = both.get("structuredContent");
    content.structured = structured.as_ref().map(|structured| structured.raw.len() as u64);
    content.hollow = structured.is_some_and(|structured| ["{}", "[]", "\"\""].contains(&structured.raw));
    let result_type = both.get("resultType").filter(|member| !member.value.is_null());
    let task = |both: &Both<'_>| {
        both.kept("taskId", limits::TEXT).map(|id| Task {
            id,
            status: both.status("status"),
            ttl_ms: milliseconds(both, "ttlMs").or_else(|| milliseconds(both, "ttl")),
            is_error: false,
            code: None,
        })
    };
    let flat = task(both).map(|task| Task {
        is_error: both.get("result").is_some_and(|result| result.is_true("isError")),
        code: both.get("error").and_then(|error| error.integer("code")),
        ..task
    });
    Answer {
        code: None,
        is_error: both.is_true("isError"),
        result_type: result_type.map(|member| match member.value.as_str() {
            Some("complete") => ResultType::Complete,
            Some("input_required") => ResultType::InputRequired,
            Some("task") => ResultType::Task,
            _ => ResultType::Other,
        }),
        request_state: both.hash("requestState"),
        content,
        task: flat.or_else(|| task(&both.get("task")?)).map(Box::new),
        tools: both
            .get("tools")
            .filter(|tools| tools.value.is_array())
            .map(|tools| tools.raw.as_bytes().into()),
        next_cursor: both.text("nextCursor").is_some(),
        protocol_version: both.version("protocolVersion"),
        server: both
            .implementation("serverInfo")
            .or_else(|| both.get("_meta")?.implementation("io.modelcontextprotocol/serverInfo")),
    }
}

fn milliseconds(both: &Both<'_>, key: &str) -> Option<u64> {
    both.integer(key).and_then(|integer| u64::try_from(integer).ok())
}

fn contents(both: &Both<'_>) -> Content {
    let mut content = Content::default();
    content.listed = both.value.is_array();
    content.malformed = !content.listed;
    if !content.listed {
        return content;
    }
    let elements: Vec<&RawValue> = serde_json::from_str(both.raw).expect("an array");
    for element in elements {
        let element = Both::new(element.get());
        let size = element.raw.len() as u64;
        let text_of = |both: &Both<'_>| {
            both.get("text").filter(|text| text.value.is_string()).map_or(0, |text| text.raw.len() as u64 - 2)
        };
        content.items += 1;
        let has = |members: &[&str]| members.iter().all(|member| element.text(member).is_some());
        content.malformed |= !match element.text("type").as_deref() {
            Some("text") => has(&["text"]),
            Some("image" | "audio") => has(&["data", "mimeType"]),
            Some("resource") => element.get("resource").is_some_and(|resource| resource.value.is_object()),
            Some("resource_link") => has(&["uri", "name"]),
            _ => false,
        };
        match element.text("type").as_deref() {
            Some("text") => {
                content.text += size;
                content.readable += text_of(&element);
            }
            Some("image") => content.image += size,
            Some("audio") => content.audio += size,
            Some("resource" | "resource_link") => {
                content.resource += size;
                content.readable += element.get("resource").map_or(0, |resource| text_of(&resource));
            }
            _ => content.other += size,
        }
    }
    content
}

/// What is odd anywhere in the members that are read, also in those that a later one of the same name makes void.
#[derive(Default)]
struct Odd {
    duplicate: bool,
    long: bool,
}

impl Odd {
    fn visit(&mut self, raw: &str, context: Context) {
        let Ok(Members(members)) = serde_json::from_str::<Members<'_>>(raw) else { return };
        for (at, (key, value)) in members.iter().enumerate() {
            let Some((_, kind)) = context.iter().find(|(known, _)| known == key) else { continue };
            self.duplicate |= members[..at].iter().any(|(earlier, _)| earlier == key);
            match kind {
                Kind::Object(inner) => self.visit(value.get(), inner),
                Kind::Array(inner) => {
                    for element in serde_json::from_str::<Vec<&RawValue>>(value.get()).unwrap_or_default() {
                        self.visit(element.get(), inner);
                    }
                }
                _ => {}
            }
            // Of an element's name only its form is read.
            let is_kept = context.iter().all(|(key, _)| *key != "mimeType");
            if is_kept && ["name", "version", "method"].contains(&key.as_str()) {
                let text: Result<String, _> = serde_json::from_str(value.get());
                self.long |= text.is_ok_and(|text| text.len() > limits::NAME);
            }
        }
    }
}

/// All members of an object, equal keys too.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}
