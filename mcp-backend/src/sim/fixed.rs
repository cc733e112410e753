//! A cluster that holds a few objects and does not change; for tests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{Contents, Log, LogLine};
use crate::cluster::KINDS;

/// A cluster that holds what it was given, and does not change.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    objects: BTreeMap<(&'static str, &'static str), Vec<Value>>,
    logs: BTreeMap<LogKey, Vec<(Timestamp, String)>>,
}

/// Namespace, pod, container, and whether of the instance before.
type LogKey = (String, String, String, bool);

impl Fixed {
    /// A cluster of these objects, each with `apiVersion` and `kind`. Kinds that are never read are left out.
    pub fn from_objects(objects: impl IntoIterator<Item = Value>) -> Self {
        let mut fixed = Self::default();
        for object in objects {
            let group = object["apiVersion"].as_str().unwrap_or_default();
            let of = |prefix: &str| match prefix.strip_prefix("/apis/") {
                Some(named) => named == group,
                None => group == "v1",
            };
            if let Some(kind) = KINDS.iter().find(|kind| kind.name == object["kind"] && of(kind.prefix)) {
                fixed.objects.entry((kind.prefix, kind.plural)).or_default().push(object);
            }
        }
        for objects in fixed.objects.values_mut() {
            objects.sort_by_cached_key(|object| {
                let part = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
                (part("namespace"), part("name"))
            });
        }
        fixed
    }

    /// The same with the log of a container.
    #[must_use]
    pub fn with_log(
        mut self,
        (namespace, pod, container): (&str, &str, &str),
        previous: bool,
        lines: impl IntoIterator<Item = (Timestamp, String)>,
    ) -> Self {
        let key = (namespace.to_owned(), pod.to_owned(), container.to_owned(), previous);
        self.logs.insert(key, lines.into_iter().collect());
        self
    }
}

impl Contents for Fixed {
    fn objects(&self, prefix: &str, plural: &str) -> &[Value] {
        let found = self.objects.iter().find(|(key, _)| **key == (prefix, plural));
        found.map_or(&[], |(_, objects)| objects)
    }

    fn log(&self, namespace: &str, pod: &str, container: &str, previous: bool) -> Option<Log> {
        let key = (namespace.to_owned(), pod.to_owned(), container.to_owned(), previous);
        let lines = self.logs.get(&key)?.clone();
        let len = lines.len();
        let line = Box::new(move |index: usize| LogLine { at: lines[index].0, text: lines[index].1.clone() });
        Some(Log { len, line })
    }
}
