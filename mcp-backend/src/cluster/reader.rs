//! Typed reads for one tool call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

use super::answer::{Body, ReadResult};
use super::{Kind, KindInfo, Read, ReadError, ReadErrorKind, ReadStack};

/// The most objects that one list gives; more are left out, and [`Listed::complete`] says so.
const MOST: usize = 5_000;

/// How many objects the API is asked for at once.
const PAGE: usize = 500;

/// The most pages of one list: a server that gives empty pages with a continuation would be asked for ever.
const PAGES: usize = 40;

/// The most bytes of one list, as the API wrote them; parsed they take some times that.
const LIST_BYTES: usize = 64 << 20;

/// The most that a log gives, in bytes: the API is asked for no more.
pub const LOG_BYTES: u32 = 262_144;

/// Typed reads for one tool call. Clones count into the same [`CacheUse`].
#[derive(Clone)]
pub struct Reader {
    stack: ReadStack,
    fresh: bool,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct Tally {
    hits: AtomicU32,
    misses: AtomicU32,
}

/// Where the answers of a call came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUse {
    /// All from the cache.
    Hit,
    /// None from the cache.
    Miss,
    /// Some.
    Partial,
}

impl CacheUse {
    /// The word in `_meta`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Partial => "partial",
        }
    }
}

/// Which objects of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// As `app=web,tier!=db`.
    pub labels: Option<String>,
    /// As `involvedObject.name=web`.
    pub fields: Option<String>,
}

/// Objects of a kind, in the order of the API (namespace, name).
#[derive(Clone, Debug)]
pub struct Listed<K> {
    /// The objects.
    pub items: Vec<Arc<K>>,
    /// False: there are more than the most that is read, or some could not be read.
    pub complete: bool,
}

/// Which lines of a container's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Namespace of the pod.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container; the API needs it if there are several.
    pub container: Option<String>,
    /// Of the instance before the running one.
    pub previous: bool,
    /// The last so many.
    pub tail_lines: Option<u32>,
    /// Not older.
    pub since_seconds: Option<u32>,
}

impl Reader {
    /// Reads by this stack. `fresh`: never from the cache.
    pub fn new(stack: ReadStack, fresh: bool) -> Self {
        Self { stack, fresh, tally: Arc::default() }
    }

    /// The same, but never from the cache; counts into the same tally.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self { fresh: true, ..self.clone() }
    }

    /// Where the answers came from; `None` if nothing was read.
    pub fn cache_use(&self) -> Option<CacheUse> {
        match (self.tally.hits.load(Ordering::Relaxed), self.tally.misses.load(Ordering::Relaxed)) {
            (0, 0) => None,
            (_, 0) => Some(CacheUse::Hit),
            (0, _) => Some(CacheUse::Miss),
            _ => Some(CacheUse::Partial),
        }
    }

    /// One object. Not there: an error of that kind.
    pub async fn get<K: Kind>(&self, namespace: Option<&str>, name: &str) -> Result<Arc<K>, ReadError> {
        let answer = self.ask(one(K::INFO, namespace, name, parse_one::<K>)).await?;
        typed(answer.body)
    }

    /// One object as the API wrote it.
    pub async fn get_json(
        &self,
        kind: &'static KindInfo,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Arc<Value>, ReadError> {
        let mut read = one(kind, namespace, name, parse_one::<Value>);
        // Another type than the same object read typed: another entry of the cache.
        read.uri.push_str("?pretty=false");
        typed(self.ask(read).await?.body)
    }

    /// The objects of a kind, in one namespace or in all.
    pub async fn list<K: Kind>(
        &self,
        namespace: Option<&str>,
        query: &Query,
    ) -> Result<Listed<K>, ReadError> {
        match self.pages(namespace, query).await {
            // The place in the list is too old to go on from. The first page may be a cached one, which names the same
            // place again: it must be a new one.
            Err(error) if error.kind == ReadErrorKind::Expired => self.fresh().pages(namespace, query).await,
            listed => listed,
        }
    }

    async fn pages<K: Kind>(&self, namespace: Option<&str>, query: &Query) -> Result<Listed<K>, ReadError> {
        let mut items = Vec::new();
        let mut next = None;
        let (mut pages, mut bytes, mut all) = (0, 0, true);
        loop {
            let answer = self.ask(many::<K>(namespace, query, next.as_deref())).await?;
            let page: Arc<Page<Arc<K>>> = typed(answer.body)?;
            pages += 1;
            bytes += answer.bytes;
            all &= page.complete;
            items.extend(page.items.iter().cloned());
            next = page.metadata.continue_.clone().filter(|token| !token.is_empty());
            if next.is_none() || items.len() >= MOST || pages >= PAGES || bytes >= LIST_BYTES {
                // A server may give more than it was asked for.
                let complete = all && next.is_none() && items.len() <= MOST;
                items.truncate(MOST);
                return Ok(Listed { items, complete });
            }
        }
    }

    /// The lines of a log, each with the timestamp of the API before it.
    pub async fn log(&self, query: &LogQuery) -> Result<Arc<String>, ReadError> {
        typed(self.ask(log(query)).await?.body)
    }

    async fn ask(&self, mut read: Read) -> ReadResult {
        read.fresh = self.fresh;
        let answer: ReadResult = self.stack.clone().oneshot(read).await;
        // That something is not there is remembered too.
        let cached = answer.as_ref().map_or_else(|error| error.cached, |answer| answer.cached);
        let counter = if cached { &self.tally.hits } else { &self.tally.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }
}

/// A page of a list.
#[derive(Deserialize)]
#[serde(bound(deserialize = "I: DeserializeOwned"))]
struct Page<I> {
    #[serde(default)]
    metadata: ListMeta,
    items: Vec<I>,
    /// Whether all items could be read.
    #[serde(skip, default = "all")]
    complete: bool,
}

fn all() -> bool {
    true
}

fn parse_one<K: DeserializeOwned + Send + Sync + 'static>(text: String) -> Result<Body, serde_json::Error> {
    let object = serde_json::from_str::<K>(&text);
    let object = object.or_else(|error| repaired(serde_json::from_str(&text).map_err(|_| error)?))?;
    Ok(Arc::new(object))
}

/// An object that cannot be read does not hide the others: who may write events can write any time into one.
fn parse_page<K: Kind>(text: String) -> Result<Body, serde_json::Error> {
    let error = match serde_json::from_str::<Page<Arc<K>>>(&text) {
        Ok(page) => return Ok(Arc::new(page)),
        Err(error) => error,
    };
    let Ok(page) = serde_json::from_str::<Page<Value>>(&text) else { return Err(error) };
    let all = page.items.len();
    let items: Vec<Arc<K>> =
        page.items.into_iter().filter_map(|item| repaired(item).ok().map(Arc::new)).collect();
    if items.is_empty() {
        return Err(error);
    }
    let complete = items.len() == all;
    Ok(Arc::new(Page { metadata: page.metadata, items, complete }))
}

/// The object, with times that are none of ours brought among them: the API knows years up to 9999 to their last hour.
fn repaired<K: DeserializeOwned>(mut value: Value) -> Result<K, serde_json::Error> {
    fn repair(value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(repair),
            Value::Object(object) => object.values_mut().for_each(repair),
            Value::String(text) if text.starts_with("9999-12-3") && text.parse::<Timestamp>().is_err() => {
                *text = "9999-12-30T00:00:00Z".to_owned();
            }
            _ => {}
        }
    }
    repair(&mut value);
    serde_json::from_value(value)
}

fn typed<T: Send + Sync + 'static>(body: Body) -> Result<Arc<T>, ReadError> {
    body.downcast().map_err(|_| {
        let message = "the cache holds another kind of object under this address";
        ReadError::new(ReadErrorKind::Unreadable, message)
    })
}

fn what(plural: &str, namespace: Option<&str>, name: Option<&str>) -> String {
    let name = name.map(|name| format!(" \"{name}\"")).unwrap_or_default();
    let namespace = namespace.map(|namespace| format!(" in namespace \"{namespace}\"")).unwrap_or_default();
    format!("{plural}{name}{namespace}")
}

fn one(
    kind: &'static KindInfo,
    namespace: Option<&str>,
    name: &str,
    parse: fn(String) -> Result<Body, serde_json::Error>,
) -> Read {
    Read {
        // Names that objects refer to come from the API as they are: a path in one of them must not be another path.
        uri: format!("{}/{}", kind.path(namespace), escape(name)),
        what: what(kind.plural, namespace, Some(name)),
        span: kind.spans.0,
        resource: kind.plural,
        verb: "get",
        namespace: namespace.map(str::to_owned),
        name: Some(name.to_owned()),
        fresh: false,
        parse,
    }
}

fn many<K: Kind>(namespace: Option<&str>, query: &Query, next: Option<&str>) -> Read {
    let kind = K::INFO;
    let mut uri = format!("{}?limit={PAGE}", kind.path(namespace));
    for (key, value) in [
        ("labelSelector", query.labels.as_deref()),
        ("fieldSelector", query.fields.as_deref()),
        ("continue", next),
    ] {
        if let Some(value) = value {
            uri.push_str(&format!("&{key}={}", escape(value)));
        }
    }
    Read {
        uri,
        what: what(kind.plural, namespace, None),
        span: kind.spans.1,
        resource: kind.plural,
        verb: "list",
        namespace: namespace.map(str::to_owned),
        name: None,
        fresh: false,
        parse: parse_page::<K>,
    }
}

fn log(query: &LogQuery) -> Read {
    let mut uri = format!(
        "/api/v1/namespaces/{}/pods/{}/log?timestamps=true&limitBytes={LOG_BYTES}",
        query.namespace, query.pod
    );
    if let Some(container) = &query.container {
        uri.push_str(&format!("&container={}", escape(container)));
    }
    if query.previous {
        uri.push_str("&previous=true");
    }
    if let Some(lines) = query.tail_lines {
        uri.push_str(&format!("&tailLines={lines}"));
    }
    if let Some(seconds) = query.since_seconds {
        uri.push_str(&format!("&sinceSeconds={seconds}"));
    }
    Read {
        uri,
        what: format!("the log of {}", what("pods", Some(&query.namespace), Some(&query.pod))),
        span: "k8s.get_logs",
        resource: "log",
        verb: "log",
        namespace: Some(query.namespace.clone()),
        name: Some(query.pod.clone()),
        fresh: false,
        parse: |text| Ok(Arc::new(text)),
    }
}

/// Percent-encoding of a query value: everything but what never needs it.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(byte as char),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
#[path = "tests/reader.rs"]
mod tests;
