//! Whether one answer is sound. Pure: facts, kept bytes and schemas in, judgement out.

use std::fmt;

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::exchange::keep::Kept;
use crate::protocol::message::Content;
use crate::protocol::version::Version;

use super::compile::Fit;
use super::schemas::Schema;

/// Levels of nesting from which on a value is not looked at; serde_json stops a little deeper.
const DEEPEST: usize = 100;

/// What is not sound about an answer: the first of these that is true. The label `finding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// `isError`.
    ToolError,
    /// `content` is no array, or has an element that MCP does not know, or one without what its type must have.
    Malformed,
    /// There is nothing in it.
    Empty,
    /// `structuredContent` is not as the tool's `outputSchema` says, or is missing.
    Schema,
    /// It says `"success": false`, for tools that are known to report failures so.
    ReportedFailure,
}

/// Why an answer is no event of quality. The label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unchecked {
    /// The tool was in no list that passed: whether it has an `outputSchema` is not known.
    Unlisted,
    /// The `outputSchema` is not used: no valid one, or too costly.
    Schema,
    /// `structuredContent`, or the text in which a failure would stand, is over `quality.size_limit`.
    TooLarge,
    /// `structuredContent` is nested too deep.
    TooDeep,
    /// `structuredContent` is JSON of which nothing can be held: half a surrogate pair, a number beyond all floats.
    Unreadable,
    /// What had to be looked at was not kept: no memory for it, or it came in another response than expected.
    NotKept,
    /// The result of a task was not seen, only that it was over.
    Task,
    /// Too many answers waited.
    QueueFull,
    /// The process ended before its turn.
    Shutdown,
    /// A mistake of this proxy.
    Internal,
}

impl Finding {
    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ToolError => "tool_error",
            Self::Malformed => "malformed",
            Self::Empty => "empty",
            Self::Schema => "schema",
            Self::ReportedFailure => "reported_failure",
        }
    }
}

impl Unchecked {
    /// All reasons.
    pub const ALL: [Self; 10] = [
        Self::Unlisted,
        Self::Schema,
        Self::TooLarge,
        Self::TooDeep,
        Self::Unreadable,
        Self::NotKept,
        Self::Task,
        Self::QueueFull,
        Self::Shutdown,
        Self::Internal,
    ];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unlisted => "unlisted",
            Self::Schema => "schema",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::Unreadable => "unreadable",
            Self::NotKept => "not_kept",
            Self::Task => "task",
            Self::QueueFull => "queue_full",
            Self::Shutdown => "shutdown",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What is known of an answer.
#[derive(Debug, Default)]
pub(super) struct Answer<'a> {
    pub is_error: bool,
    pub content: Content,
    pub version: Option<Version>,
    pub structured: Option<&'a [u8]>,
    pub text: Option<&'a [u8]>,
}

/// What the tool's answers must be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub may_be_empty: bool,
    pub reports_failure: bool,
    pub size_limit: usize,
    /// Every `outputSchema` that some client was told; `None` among them: none was.
    pub schemas: &'a [Option<&'a Schema>],
}

/// What came of looking at an answer: `Ok(None)` for a sound one.
pub(super) type Judgement = Result<Option<Finding>, Unchecked>;

impl<'a> Answer<'a> {
    pub(super) fn with(mut self, kept: Option<&'a Kept>) -> Self {
        self.structured = kept.and_then(|kept| kept.structured.as_deref());
        self.text = kept.and_then(|kept| kept.text.as_deref());
        self
    }

    /// Judges the answer.
    pub(super) fn judge(&self, rules: &Rules<'_>) -> Judgement {
        let content = &self.content;
        if self.is_error {
            return Ok(Some(Finding::ToolError));
        }
        if !content.listed || content.malformed {
            return Ok(Some(Finding::Malformed));
        }
        if self.is_empty() && !rules.may_be_empty {
            return Ok(Some(Finding::Empty));
        }
        let needs_schema = rules.schemas.iter().all(Option::is_some) && !rules.schemas.is_empty();
        let needs_value = content.structured.is_some() && (needs_schema || rules.reports_failure);
        let value = if needs_value { Some(self.value(rules)?) } else { None };
        let value = match &value {
            Some(None) => return Ok(Some(Finding::Malformed)),
            Some(Some(value)) => Some(value),
            None => None,
        };
        if needs_schema && let Some(finding) = self.against(rules.schemas, value)? {
            return Ok(Some(finding));
        }
        if rules.reports_failure {
            return Ok(self.reports_failure(value, rules)?.then_some(Finding::ReportedFailure));
        }
        Ok(None)
    }

    /// Nothing that a model or a program could use.
    const fn is_empty(&self) -> bool {
        let Content { image, audio, resource, other, readable, structured, hollow, .. } = self.content;
        image + audio + resource + other + readable == 0 && (structured.is_none() || hollow)
    }

    /// The structured content; `None` when it is no JSON.
    fn value(&self, rules: &Rules<'_>) -> Result<Option<Value>, Unchecked> {
        match self.structured {
            Some(bytes) => parsed(bytes),
            None if self.content.structured > Some(rules.size_limit as u64) => Err(Unchecked::TooLarge),
            None => Err(Unchecked::NotKept),
        }
    }

    /// Satisfying one of the wordings is enough: which one this client was told may not be known.
    fn against(
        &self,
        schemas: &[Option<&Schema>],
        value: Option<&Value>,
    ) -> Result<Option<Finding>, Unchecked> {
        let Some(value) = value else {
            // Before 2025-06-18 there was no such member.
            let old = matches!(self.version, Some(Version::V2024_11_05 | Version::V2025_03_26));
            return Ok((!old).then_some(Finding::Schema));
        };
        let mut unsure = false;
        for schema in schemas.iter().flatten() {
            match schema.judge(value) {
                Fit::Satisfied => return Ok(None),
                Fit::Violated => {}
                Fit::TooCostly => unsure = true,
            }
        }
        if unsure { Err(Unchecked::Schema) } else { Ok(Some(Finding::Schema)) }
    }

    fn reports_failure(&self, value: Option<&Value>, rules: &Rules<'_>) -> Result<bool, Unchecked> {
        if let Some(value) = value {
            return Ok(is_failure(value));
        }
        if self.content.text == 0 {
            return Ok(false);
        }
        let Some(text) = self.text else {
            let large = self.content.text > rules.size_limit as u64;
            return Err(if large { Unchecked::TooLarge } else { Unchecked::NotKept });
        };
        // A JSON string that may hold JSON. Most text does not, and reports nothing.
        let Ok(inner) = serde_json::from_slice::<String>(text) else { return Ok(false) };
        if !inner.trim_start().starts_with('{') {
            return Ok(false);
        }
        Ok(parsed(inner.as_bytes())?.as_ref().is_some_and(is_failure))
    }
}

fn is_failure(value: &Value) -> bool {
    value.get("success") == Some(&Value::Bool(false))
}

/// Reads JSON that is not nested too deep; `None` when it is none.
fn parsed(bytes: &[u8]) -> Result<Option<Value>, Unchecked> {
    if nesting(bytes) > DEEPEST {
        return Err(Unchecked::TooDeep);
    }
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(Some(value)),
        // The grammar is kept, only what it says has no place in memory.
        Err(_) if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() => Err(Unchecked::Unreadable),
        Err(_) => Ok(None),
    }
}

/// Levels of brackets outside of strings.
fn nesting(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
