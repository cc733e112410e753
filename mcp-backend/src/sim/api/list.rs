//! Lists: narrowed, in pages.

use http::StatusCode;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::page::{self, Place};
use super::query::Query;
use super::route::Resource;
use super::selector::Selector;
use super::status::{self, Response};
use crate::cluster::KindInfo;
use crate::sim::Contents;

/// What a request for a list says, and the cluster that it is answered from.
pub(super) struct Request<'a> {
    pub(super) kind: &'static KindInfo,
    pub(super) resource: &'a Resource,
    pub(super) query: &'a Query,
    pub(super) seed: u64,
    /// The moment of the contents, in seconds since the cluster started.
    pub(super) moment: u64,
    /// Where it goes on.
    pub(super) place: Option<Place>,
}

/// What tells this list from others, for tokens.
pub(super) fn identity(resource: &Resource, query: &Query) -> String {
    let selector = |name| query.text(name).unwrap_or_default();
    let namespace = resource.namespace.as_deref().unwrap_or_default();
    let (labels, fields) = (selector("labelSelector"), selector("fieldSelector"));
    format!("{}\n{namespace}\n{labels}\n{fields}", resource.qualified())
}

/// Answers from these contents.
pub(super) fn answer(request: &Request<'_>, contents: &dyn Contents) -> Response {
    let Request { kind, resource, query, .. } = request;
    let (labels, fields) = (query.text("labelSelector"), query.text("fieldSelector"));
    let selector = match Selector::parse(kind, labels, fields) {
        Ok(selector) => selector,
        Err(message) => return status::bad_request(&message),
    };
    let limit = match query.number("limit") {
        Ok(limit) => limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0),
        Err(message) => return status::bad_request(&message),
    };
    let after = request.place.as_ref().map(|place| place.after.as_str());
    let mut selected = contents.objects(kind.prefix, kind.plural).iter().filter(|object| {
        let namespace = resource.namespace.as_deref();
        namespace.is_none_or(|namespace| object["metadata"]["namespace"] == namespace)
            && selector.matches(object)
            && after.is_none_or(|after| page::key(object).as_str() > after)
    });
    let items: Vec<Item<'_>> = selected.by_ref().take(limit.unwrap_or(usize::MAX)).map(Item).collect();
    let remaining = selected.count();
    let last = items.last().filter(|_| remaining > 0);
    let metadata = Metadata {
        version: request.moment,
        next: last.map(|item| {
            let place = Place { moment: request.moment, after: page::key(item.0) };
            place.token(&identity(resource, query), request.seed)
        }),
        // The real one counts only what it need not look through.
        remaining: (remaining > 0 && selector.is_empty()).then_some(remaining),
    };
    let list = List { kind, metadata, items };
    match serde_json::to_vec(&list) {
        Ok(body) => status::json(StatusCode::OK, body),
        Err(_) => status::internal_error(),
    }
}

struct List<'a> {
    kind: &'a KindInfo,
    metadata: Metadata,
    items: Vec<Item<'a>>,
}

struct Metadata {
    version: u64,
    next: Option<String>,
    remaining: Option<usize>,
}

/// An object within a list: without `apiVersion` and `kind`, as the API writes it there.
struct Item<'a>(&'a Value);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let version = self.kind.prefix.trim_start_matches("/apis/").trim_start_matches("/api/");
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("kind", &format!("{}List", self.kind.name))?;
        map.serialize_entry("apiVersion", version)?;
        map.serialize_entry("metadata", &self.metadata)?;
        map.serialize_entry("items", &self.items)?;
        map.end()
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        // A version of etcd never is 0.
        map.serialize_entry("resourceVersion", &(self.version + 1).to_string())?;
        if let Some(next) = &self.next {
            map.serialize_entry("continue", next)?;
        }
        if let Some(remaining) = self.remaining {
            map.serialize_entry("remainingItemCount", &remaining)?;
        }
        map.end()
    }
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = self.0.as_object().into_iter().flatten();
        serializer.collect_map(members.filter(|(name, _)| *name != "apiVersion" && *name != "kind"))
    }
}
