//! What is read of one JSON-RPC message: the facts that telemetry needs, never the payload.
//!
//! Facts are owned and small: strings are capped ([`limits`]), payloads appear as sizes and fingerprints. Where a key
//! stands twice the last one counts, as in every official SDK's JSON parser, and the finding says so.

use compact_str::CompactString;

use super::method::Method;
use super::splice::Places;
use super::version::Version;

/// Caps on what a fact may hold, in bytes after unescaping. Longer texts are cut at a character border.
pub mod limits {
    /// Tool, prompt and server names, methods, client names.
    pub const NAME: usize = 256;
    /// String ids kept as text; longer ones are kept as a hash.
    pub const ID: usize = 64;
    /// URIs, task ids, `traceparent`, `tracestate`, `baggage`.
    pub const TEXT: usize = 1024;
    /// The raw `result.tools` array of a `tools/list` answer.
    pub const TOOLS: usize = 4 << 20;
}

/// At most the first `cap` bytes of a text, whole characters only: how facts are cut.
#[must_use]
pub fn cut(text: &str, cap: usize) -> &str {
    let mut end = text.len().min(cap);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// One JSON-RPC message as far as telemetry needs it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Message {
    /// What the message is, by the members it has.
    pub kind: MessageKind,
    /// The `id` member; `None` when absent.
    pub id: Option<RequestId>,
    /// The `method` member.
    pub method: Option<Method>,
    /// Facts from `params`.
    pub params: Params,
    /// Facts from `result` or `error`.
    pub answer: Answer,
    /// Bytes of the message's JSON text, from its first to its last brace.
    pub size: u64,
    /// What was odd about it.
    pub findings: Findings,
    /// Whether it is an element of a batch.
    pub batched: bool,
    /// Where it carries trace context, or can; only of requests and notifications, and only where the scanner was told
    /// to look. Boxed, as the payload is: messages are moved often, and most have neither.
    pub places: Option<Box<Places>>,
    /// What is kept of its payload, where the scanner was told to and there is some: see [`Captured`].
    pub captured: Option<Box<Captured>>,
}

impl Message {
    /// Bytes of raw JSON text that it holds.
    #[must_use]
    pub fn held(&self) -> usize {
        let captured = self.captured.iter().flat_map(|held| held.parts());
        [&self.answer.tools].into_iter().chain(captured).flatten().map(|text| text.len()).sum()
    }
}

/// Raw JSON text that is kept only on demand; never more than the scanner was allowed to keep.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captured {
    /// `params.arguments`.
    pub arguments: Option<Box<[u8]>>,
    /// `result`.
    pub result: Option<Box<[u8]>>,
    /// `result.structuredContent`.
    pub structured: Option<Box<[u8]>>,
    /// `text` of the first element of `result.content`.
    pub text: Option<Box<[u8]>>,
}

impl Captured {
    fn parts(&self) -> [&Option<Box<[u8]>>; 4] {
        [&self.arguments, &self.result, &self.structured, &self.text]
    }
}

/// What a message is (mcp-wire.md §2). `method` decides first (if it is a string), then `error` (if it is not `null`),
/// then `result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MessageKind {
    /// `method` and `id` (even a `null` one).
    Request,
    /// `method` without `id`.
    Notification,
    /// `result`.
    Result,
    /// `error`.
    Error,
    /// An object (or another value inside a batch) that is none of these.
    #[default]
    Foreign,
}

impl MessageKind {
    /// Whether the message answers a request.
    #[must_use]
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Result | Self::Error)
    }
}

/// A request id. `1` and `"1"` differ; `1` and `1.0` are the same number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestId {
    /// An integer, however it was spelled.
    Number(i64),
    /// A string of at most [`limits::ID`] bytes.
    Text(CompactString),
    /// A longer string, or a number that is no 64-bit integer: the hash of its value (string) or spelling (number).
    Hash(u64),
    /// `null`.
    Null,
    /// A value that cannot be an id (object, array, boolean).
    Invalid,
}

/// Name and version that a peer gives itself (`clientInfo`, `serverInfo`): display only, never trusted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Implementation {
    /// `name`, capped.
    pub name: CompactString,
    /// `version`, capped.
    pub version: CompactString,
}

/// Facts from `params`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Params {
    /// `params.name` (tool or prompt).
    pub name: Option<CompactString>,
    /// `params.uri` (resources).
    pub uri: Option<CompactString>,
    /// `params.arguments`.
    pub arguments: Option<Arguments>,
    /// `params.protocolVersion` (`initialize`).
    pub protocol_version: Option<Version>,
    /// `params.clientInfo` (`initialize`).
    pub client: Option<Box<Implementation>>,
    /// `params.requestId` (`notifications/cancelled`).
    pub cancelled: Option<RequestId>,
    /// `params.taskId` (`tasks/*`, and the task notifications).
    pub task_id: Option<CompactString>,
    /// `params.status` (task notifications).
    pub task_status: Option<TaskStatus>,
    /// `params.result.isError` is `true`: the finished task that `notifications/tasks` carries (2026-07-28).
    pub task_is_error: bool,
    /// `params.error.code` of the failed task that `notifications/tasks` carries.
    pub task_code: Option<i64>,
    /// Whether `params.task` is an object (2025-11-25 task request).
    pub wants_task: bool,
    /// Hash of `params.requestState` (2026-07-28 retry after `input_required`).
    pub request_state: Option<u64>,
    /// Whether `params.cursor` is present and not `null` (a later page of a list).
    pub cursor: bool,
    /// Facts from `params._meta`.
    pub meta: Meta,
}

/// Size, shape and fingerprint of `params.arguments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arguments {
    /// Bytes of the JSON text.
    pub size: u64,
    /// Depth of nesting: `{}` is 1, `{"a":[]}` is 2, a scalar 0.
    pub depth: u32,
    /// Hash of the JSON text.
    pub hash: u64,
}

/// Facts from `params._meta`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Meta {
    /// `io.modelcontextprotocol/protocolVersion`: its presence makes the request a modern one.
    pub protocol_version: Option<Version>,
    /// `io.modelcontextprotocol/clientInfo`.
    pub client: Option<Box<Implementation>>,
    /// `io.modelcontextprotocol/subscriptionId` of a notification on a listen stream.
    pub subscription: Option<RequestId>,
    /// `io.modelcontextprotocol/related-task`.taskId.
    pub related_task: Option<CompactString>,
    /// `traceparent` as it stands, when a string; its validity is for `traceparent.rs` to decide.
    pub traceparent: Option<CompactString>,
    /// Whether `traceparent` is there and no string.
    pub odd_traceparent: bool,
    /// `tracestate` as it stands, when a string.
    pub tracestate: Option<CompactString>,
}

/// Facts from `result` or `error`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// `error.code`, when it is a 64-bit integer.
    pub code: Option<i64>,
    /// `result.isError` is the boolean `true`; any other value is not an error (mcp-wire.md §14).
    pub is_error: bool,
    /// `result.resultType`; `None` when absent or `null`.
    pub result_type: Option<ResultType>,
    /// Hash of `result.requestState`.
    pub request_state: Option<u64>,
    /// What `result.content` and `result.structuredContent` hold.
    pub content: Content,
    /// A task flat in `result` (2026-07-28 and `tasks/get`), else in `result.task` (2025-11-25); only with a `taskId`.
    pub task: Option<Box<Task>>,
    /// The raw JSON text of `result.tools` when it is an array of at most [`limits::TOOLS`] bytes.
    pub tools: Option<Box<[u8]>>,
    /// `result.nextCursor` is a string: more pages follow.
    pub next_cursor: bool,
    /// `result.protocolVersion` (`initialize`).
    pub protocol_version: Option<Version>,
    /// `result.serverInfo` (`initialize`), or `result._meta["io.modelcontextprotocol/serverInfo"]`.
    pub server: Option<Box<Implementation>>,
}

/// `result.resultType` (2026-07-28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResultType {
    /// `complete`.
    Complete,
    /// `input_required`: the client must come back with more.
    InputRequired,
    /// `task`: the work goes on as a task.
    Task,
    /// Any other value; clients treat it as invalid.
    Other,
}

impl ResultType {
    /// Reads `result.resultType`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        match text {
            b"complete" => Self::Complete,
            b"input_required" => Self::InputRequired,
            b"task" => Self::Task,
            _ => Self::Other,
        }
    }
}

/// Bytes of a result's parts, as JSON text on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Content {
    /// Number of elements of `content`.
    pub items: u32,
    /// Whether `content` is there and an array.
    pub listed: bool,
    /// `content` is no array, or one of its elements is none that MCP knows: not an object, of no known type, or without
    /// a member that its type must have (mcp-wire.md §14), as far as it is of the right form.
    pub malformed: bool,
    /// `structuredContent` is `{}`, `[]` or `""`, with nothing between its brackets or quotes.
    pub hollow: bool,
    /// Bytes of `text` elements.
    pub text: u64,
    /// Bytes of `image` elements.
    pub image: u64,
    /// Bytes of `audio` elements.
    pub audio: u64,
    /// Bytes of `resource` and `resource_link` elements.
    pub resource: u64,
    /// Bytes of elements of no known type.
    pub other: u64,
    /// Bytes of `structuredContent`; `None` when absent.
    pub structured: Option<u64>,
    /// Bytes of the strings that a model reads: `text` members of `text` elements and of embedded resources. As spelled
    /// on the wire, without the quotes: an escape counts with all its characters.
    pub readable: u64,
}

/// A task, as far as its state is visible in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Task {
    /// `taskId`.
    pub id: CompactString,
    /// `status`.
    pub status: Option<TaskStatus>,
    /// `ttl` (2025-11-25) or `ttlMs`, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// `result.isError` of the finished task carried inside (`tasks/get`, 2026-07-28).
    pub is_error: bool,
    /// `error.code` of the failed task carried inside.
    pub code: Option<i64>,
}

/// The state of a task (mcp-wire.md §12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskStatus {
    /// `working`.
    Working,
    /// `input_required`.
    InputRequired,
    /// `completed`, terminal.
    Completed,
    /// `failed`, terminal.
    Failed,
    /// `cancelled`, terminal.
    Cancelled,
    /// Any other text.
    Other,
}

impl TaskStatus {
    /// Reads a task's `status`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        match text {
            b"working" => Self::Working,
            b"input_required" => Self::InputRequired,
            b"completed" => Self::Completed,
            b"failed" => Self::Failed,
            b"cancelled" => Self::Cancelled,
            _ => Self::Other,
        }
    }
}

/// One thing that is odd about a message; none of them stops it from being forwarded and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Finding {
    /// A key that is read here stands twice in one object; the last one was taken.
    DuplicateKey,
    /// `jsonrpc` is absent or not `"2.0"`.
    NotVersion2,
    /// A captured text was cut at its limit.
    TextCut,
    /// Nesting went deeper than 1024 levels.
    Deep,
    /// `result.tools` was too large to keep.
    ToolsTooLarge,
}

impl Finding {
    /// All findings.
    pub const ALL: [Self; 5] =
        [Self::DuplicateKey, Self::NotVersion2, Self::TextCut, Self::Deep, Self::ToolsTooLarge];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DuplicateKey => "duplicate_key",
            Self::NotVersion2 => "not_jsonrpc_2",
            Self::TextCut => "text_cut",
            Self::Deep => "deep",
            Self::ToolsTooLarge => "tools_too_large",
        }
    }
}

/// A set of [`Finding`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Findings(u8);

impl Findings {
    /// Adds one.
    pub fn insert(&mut self, finding: Finding) {
        self.0 |= 1 << finding as u8;
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, finding: Finding) -> bool {
        self.0 & (1 << finding as u8) != 0
    }

    /// Whether nothing was odd.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The findings in the set.
    pub fn iter(self) -> impl Iterator<Item = Finding> {
        Finding::ALL.into_iter().filter(move |finding| self.contains(*finding))
    }
}

/// What a whole JSON document (a body, an SSE event, a stdio line) turned out to be, once it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Document {
    /// No byte but white space.
    #[default]
    Empty,
    /// One object.
    Single,
    /// An array of this many elements.
    Batch(u32),
    /// JSON that is neither object nor array.
    Scalar,
    /// It ended before it was complete.
    Truncated,
    /// It is not JSON as far as was read.
    Malformed,
    /// It went over the scan limit; what came after was not read.
    TooLarge,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message is moved several times on its way, and those that are read without traces carry nothing for them.
    #[test]
    fn message_has_two_pointers_for_what_only_traces_need() {
        type Read = (Option<RequestId>, Option<Method>, Params, Answer, u64, MessageKind, Findings, bool);
        let (all, parts) = (size_of::<Message>(), size_of::<Read>());
        assert!(all <= parts + 2 * size_of::<usize>(), "{all} bytes, {parts} without them");
    }
}
