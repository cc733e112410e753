//! What the simulated cluster holds at a moment: objects as the API writes them, and logs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// The cluster at a moment.
pub struct World {
    /// By prefix and plural, as `("/api/v1", "pods")`: the objects, sorted by namespace and name, with `apiVersion` and
    /// `kind`.
    objects: BTreeMap<(&'static str, &'static str), Vec<Value>>,
}

/// The log of one container.
pub struct Log {
    /// How many lines.
    pub len: usize,
    /// A line by its index, the oldest first; lines are made when they are asked for.
    pub line: Box<dyn Fn(usize) -> LogLine + Send>,
}

/// A line.
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// Without the timestamp.
    pub text: String,
}

impl World {
    /// The cluster of this seed that started then, as it is now (in its own time).
    pub fn at(_seed: u64, _started: Timestamp, _now: Timestamp) -> Self {
        Self { objects: BTreeMap::new() }
    }

    /// The objects of a kind; empty for a kind that it does not have.
    pub fn objects(&self, prefix: &str, plural: &str) -> &[Value] {
        let found = self.objects.iter().find(|(key, _)| **key == (prefix, plural));
        found.map_or(&[], |(_, objects)| objects)
    }

    /// The log of a container; `None` if it never ran.
    pub fn log(&self, _namespace: &str, _pod: &str, _container: &str, _previous: bool) -> Option<Log> {
        None
    }
}
