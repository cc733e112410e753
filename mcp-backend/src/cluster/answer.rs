//! A request to the API as the layers see it, and its answer.

use std::any::Any;
use std::sync::Arc;

use super::ReadError;

/// A request to the API and how to parse the answer.
#[derive(Clone)]
pub struct Read {
    /// Path and query: also the key of the cache.
    pub uri: String,
    /// For messages: `pods "web" in namespace "shop"`.
    pub what: String,
    /// The span around it, as `k8s.get_pod`.
    pub span: &'static str,
    /// The plural of the kind, or `log`: a label of metrics.
    pub resource: &'static str,
    /// `get`, `list` or `log`: a label of metrics.
    pub verb: &'static str,
    /// The namespace, for the span.
    pub namespace: Option<String>,
    /// The object, for the span.
    pub name: Option<String>,
    /// Not from the cache (the answer may still be put there).
    pub fresh: bool,
    /// Makes the body out of the text.
    pub parse: fn(String) -> Result<Body, serde_json::Error>,
}

/// A parsed object or list, or text: what [`Read::parse`] made.
pub type Body = Arc<dyn Any + Send + Sync>;

/// An answer of the API.
#[derive(Clone)]
pub struct Answer {
    /// What [`Read::parse`] made of it.
    pub body: Body,
    /// Length of the text it was made of, in bytes.
    pub bytes: usize,
    /// Whether it came out of the cache.
    pub cached: bool,
}

/// What every layer beneath a reader is.
pub type ReadResult = Result<Answer, ReadError>;
