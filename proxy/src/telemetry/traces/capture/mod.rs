//! Which arguments and results a span shows, and what is masked in them. Nothing, unless asked for.
//!
//! Who asks names tools and the top-level keys of their arguments. What is shown is the JSON of these, compact, as one
//! text: masked first (`mask.rs`: by key in `keys.rs`, by look in `text.rs`), then cut to size (`render.rs`), so that
//! half a secret is never what is left of a whole one. What is no JSON, or bigger than [`Capture::most_raw`], is not
//! shown at all. It is work for the exporter's thread; its time is linear in what is read.

mod keys;
mod mask;
mod render;
mod text;

use std::sync::Arc;

use serde_json::{Map, Value};

use self::keys::Keys;
use self::render::render;
use crate::protocol::scan::Captures;

/// Stands for all tools, and for all arguments.
const ALL: &str = "*";

/// Stands for the result among the arguments of a rule.
const RESULT: &str = "result";

/// What is shown in all, in texts of the greatest length.
const TEXTS: usize = 4;

/// What is read for it, in the same measure: keys that are not shown take room too.
const RAW_TEXTS: usize = 16;

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// By tool; empty: nothing is shown.
    pub rules: Vec<CaptureRule>,
    /// Keys whose values are masked beside the usual ones, at any depth. Case, dashes, underscores, dots and spaces
    /// make no difference.
    pub redact: Vec<String>,
    /// Bytes of one text that are shown; an attribute has four times as many at most.
    pub limit: usize,
}

impl Default for Capture {
    fn default() -> Self {
        Self { rules: Vec::new(), redact: Vec::new(), limit: 4 << 10 }
    }
}

/// What is shown of one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureRule {
    /// The tool's name, or `*` for all.
    pub tool: String,
    /// Top-level keys of the arguments that are shown; `*` for all.
    pub arguments: Vec<String>,
    /// Whether the result is shown.
    pub result: bool,
}

impl CaptureRule {
    /// From a tool and the words behind it: keys, `*`, and `result`. `None` if there is no tool or no word.
    #[must_use]
    pub fn new<'a>(tool: &str, words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let (mut arguments, mut result) = (Vec::new(), false);
        for word in words.into_iter().map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                RESULT => result = true,
                _ => arguments.push(word.to_owned()),
            }
        }
        let tool = tool.trim();
        let says_something = !tool.is_empty() && (result || !arguments.is_empty());
        says_something.then(|| Self { tool: tool.to_owned(), arguments, result })
    }

    /// From `TOOL:key,key`. A tool's name may hold colons.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (tool, words) = text.rsplit_once(':')?;
        Self::new(tool, words.split(','))
    }

    fn is_about(&self, tool: &str) -> bool {
        self.tool == ALL || self.tool == tool
    }

    fn names(&self, key: &str) -> bool {
        self.arguments.iter().any(|argument| argument == ALL || argument == key)
    }
}

impl Capture {
    /// Whether arguments of any tool are shown.
    fn wants_arguments(&self) -> bool {
        self.rules.iter().any(|rule| !rule.arguments.is_empty())
    }

    /// Whether the result of any tool is shown.
    fn wants_results(&self) -> bool {
        self.rules.iter().any(|rule| rule.result)
    }

    /// What is to be kept of messages for it. Which tool a result is of is not known where it is read.
    #[must_use]
    pub fn kept(&self) -> Captures {
        let bytes = |wanted| if wanted { self.most_raw() } else { 0 };
        let (arguments, result) = (bytes(self.wants_arguments()), bytes(self.wants_results()));
        Captures { arguments, result, ..Captures::NONE }
    }

    /// The tools of which something is shown; `None`: all. Of others nothing need be kept.
    #[must_use]
    pub fn tools(&self) -> Option<Arc<[String]>> {
        let named = self.rules.iter().all(|rule| rule.tool != ALL);
        named.then(|| self.rules.iter().map(|rule| rule.tool.clone()).collect())
    }

    /// The most bytes of raw JSON that are read; more need not be kept for it.
    #[must_use]
    pub const fn most_raw(&self) -> usize {
        self.limit.saturating_mul(RAW_TEXTS)
    }

    /// The most bytes that one attribute takes.
    #[must_use]
    pub const fn most_shown(&self) -> usize {
        self.limit.saturating_mul(TEXTS)
    }

    /// What a span shows of the arguments of a call, given their JSON.
    #[must_use]
    pub fn arguments(&self, tool: &str, raw: &[u8]) -> Option<String> {
        let rules: Vec<_> = self.rules.iter().filter(|rule| rule.is_about(tool)).collect();
        if rules.iter().all(|rule| rule.arguments.is_empty()) {
            return None;
        }
        let Value::Object(given) = self.read(raw)? else { return None };
        let shown: Map<_, _> =
            given.into_iter().filter(|(key, _)| rules.iter().any(|rule| rule.names(key))).collect();
        if shown.is_empty() { None } else { Some(self.show(Value::Object(shown))) }
    }

    /// What a span shows of a result, given its JSON. Whether the call succeeded is the caller's to ask.
    #[must_use]
    pub fn result(&self, tool: &str, raw: &[u8]) -> Option<String> {
        let shown = self.rules.iter().any(|rule| rule.result && rule.is_about(tool));
        if shown { Some(self.show(self.read(raw)?)) } else { None }
    }

    fn read(&self, raw: &[u8]) -> Option<Value> {
        if raw.len() > self.most_raw() { None } else { serde_json::from_slice(raw).ok() }
    }

    fn show(&self, mut value: Value) -> String {
        mask::mask(&mut value, &Keys::new(&self.redact));
        render(&value, self.limit, self.most_shown())
    }
}

#[cfg(test)]
mod tests;
