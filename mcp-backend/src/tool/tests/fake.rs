//! Reads that answer from a table, for tests of tools.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tower::service_fn;
use tower::util::BoxCloneSyncService;

use crate::cluster::{Answer, Read, ReadError, ReadErrorKind, Reader};

use crate::tool::{Context, ToolError, find};

type Make = dyn Fn(&str) -> String + Send + Sync;

/// A table of answers by path (without the query).
#[derive(Clone, Default)]
pub(crate) struct Fake {
    texts: HashMap<String, Arc<Make>>,
    failures: HashMap<String, u16>,
}

impl Fake {
    /// Answers this path with this JSON.
    pub(crate) fn json(self, path: &str, json: &Value) -> Self {
        let text = json.to_string();
        self.text(path, move |_| text.clone())
    }

    /// Answers this path with a list of these objects.
    pub(crate) fn list(self, path: &str, items: &[Value]) -> Self {
        self.json(path, &serde_json::json!({ "metadata": {}, "items": items }))
    }

    /// Answers this path with text made from the query.
    pub(crate) fn text(mut self, path: &str, make: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.texts.insert(path.to_owned(), Arc::new(make));
        self
    }

    /// Answers this path as the API answers with a log: the last lines, cut after so many bytes from their start.
    pub(crate) fn log(self, path: &str, lines: Vec<String>) -> Self {
        self.text(path, move |query| {
            let tail = number(query, "tailLines").unwrap_or(lines.len());
            let mut text = String::new();
            for line in &lines[lines.len().saturating_sub(tail)..] {
                text.push_str(line);
                text.push('\n');
            }
            let end = number(query, "limitBytes").unwrap_or(text.len()).min(text.len());
            String::from_utf8_lossy(&text.as_bytes()[..end]).into_owned()
        })
    }

    /// Answers this path with a status.
    pub(crate) fn status(mut self, path: &str, status: u16) -> Self {
        self.failures.insert(path.to_owned(), status);
        self
    }

    /// Calls a tool of the catalogue, one minute past [`now`]'s hour.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        let fake = self.clone();
        let stack = BoxCloneSyncService::new(service_fn(move |read: Read| {
            let answer = fake.answer(&read);
            async move { answer }
        }));
        let context = Context { reader: Reader::new(stack, false), now: now() };
        let arguments = arguments.as_object().cloned().unwrap_or_else(Map::new);
        (find(tool).expect("the tool is in the catalogue").run)(context, arguments).await
    }

    pub(crate) fn answer(&self, read: &Read) -> Result<Answer, ReadError> {
        let (path, query) = read.uri.split_once('?').unwrap_or((&read.uri, ""));
        let status = self.failures.get(path).copied();
        let Some(make) = self.texts.get(path).filter(|_| status.is_none()) else {
            let status = status.unwrap_or(404);
            let kind = match status {
                404 => ReadErrorKind::NotFound,
                403 => ReadErrorKind::Forbidden,
                _ => ReadErrorKind::Api,
            };
            let message = format!("{}: the API answered {status}", read.what);
            return Err(ReadError { status: Some(status), ..ReadError::new(kind, message) });
        };
        let text = make(query);
        let bytes = text.len();
        let body = (read.parse)(text).expect("the test gives what the API gives");
        Ok(Answer { body, bytes, cached: false })
    }
}

fn number(query: &str, key: &str) -> Option<usize> {
    query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
}

/// The time of every call.
pub(crate) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a timestamp")
}

/// Checks an answer against the schema that the tool declares.
pub(crate) fn assert_valid(tool: &str, answer: &Value) {
    let schema = Value::Object((*find(tool).expect("the tool is in the catalogue").output_schema).clone());
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<String> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{tool}: {errors:?}");
    assert!(answer.to_string().chars().count() <= crate::tool::MOST_CHARACTERS, "{tool}: too large");
}
