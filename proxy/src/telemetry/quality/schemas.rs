//! The `outputSchema` of each tool, as learned from `tools/list`.
//!
//! What a server lists may depend on who asks, and replicas may differ. So the last wording that each client was told is
//! current, as long as that client listed within the last hour, or nobody listed later; an answer that satisfies one of
//! the current wordings is sound. Where one client was told no schema, none is asked for. A tool that was removed is
//! unlisted again. A client that lists anew forgets its earlier wording at once.
//!
//! Bounds: [`TOOLS`] tools, [`AUDIENCES`] clients of each, [`TEXT`] bytes of one schema and [`TEXTS`] of all; what is
//! over is a schema that cannot be used ([`Refused::TooLarge`]). An answer that waits holds the wordings of its moment, so
//! a server that changes them all the time would make many live at once: [`ALIVE`] bounds those too. Schemas are compiled
//! when they are first needed, by whoever judges.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracing::warn;

use super::compile::{Compiled, Fit};
use super::cost::Refused;

/// Most tools whose schema is known.
pub(super) const TOOLS: usize = 4096;
/// Most clients of one tool that are told apart.
const AUDIENCES: usize = 16;
/// Most bytes of one schema.
pub(super) const TEXT: usize = 64 << 10;
/// Most bytes of all schemas.
pub(super) const TEXTS: usize = 4 << 20;
/// Most bytes of all schemas that live, those that only waiting answers hold among them.
pub(super) const ALIVE: usize = 2 * TEXTS;
/// Most nodes of all compiled schemas. A node takes up to 800 bytes, so that is 80 MB at worst.
pub(super) const NODES: u64 = 100_000;
/// How long what a client was told is current.
const MEMORY: Duration = Duration::from_secs(60 * 60);

/// What a tool's definition says about its results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::telemetry) enum Declared {
    /// Nothing.
    Nothing,
    /// This schema.
    Schema(Box<str>),
    /// A schema that is too long to keep.
    TooLarge,
}

impl Declared {
    /// Reads it from a tool's definition.
    pub(in crate::telemetry) fn of(tool: &Value) -> Self {
        match tool.get("outputSchema") {
            None | Some(Value::Null) => Self::Nothing,
            Some(schema) => {
                let text = schema.to_string();
                if text.len() > TEXT { Self::TooLarge } else { Self::Schema(text.into_boxed_str()) }
            }
        }
    }
}

/// One wording of a schema.
#[derive(Debug)]
pub(super) struct Schema {
    tool: Box<str>,
    /// Empty when it was too long.
    text: Box<str>,
    compiled: OnceLock<Result<Compiled, Refused>>,
    used: Arc<Used>,
}

/// What all schemas that live take together. The numbers guard no other memory, so no ordering is needed.
#[derive(Debug, Default)]
struct Used {
    /// Nodes of the compiled ones.
    nodes: AtomicU64,
    /// Bytes of text.
    bytes: AtomicUsize,
}

impl Schema {
    /// What it says of a value; compiles it first if need be, which may take long.
    pub(super) fn judge(&self, value: &Value) -> Fit {
        let compiled = self.compiled.get_or_init(|| {
            let compiled = self.compile();
            if let Err(why) = &compiled {
                warn!(tool = &*self.tool, %why, "the output schema of a tool is not used: its answers are not judged");
            }
            compiled
        });
        compiled.as_ref().map_or(Fit::TooCostly, |compiled| compiled.judge(value))
    }

    fn compile(&self) -> Result<Compiled, Refused> {
        if self.text.is_empty() {
            return Err(Refused::TooLarge);
        }
        #[cfg(test)]
        assert!(!self.text.contains("panics when compiled"), "as if the library had a bug");
        let compiled = Compiled::new(&self.text)?;
        let fits = |used: u64| used.checked_add(compiled.nodes()).filter(|sum| *sum <= NODES);
        match self.used.nodes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(compiled),
            Err(_) => Err(Refused::TooLarge),
        }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        self.used.bytes.fetch_sub(self.text.len(), Ordering::Relaxed);
        if let Some(Ok(compiled)) = self.compiled.get() {
            self.used.nodes.fetch_sub(compiled.nodes(), Ordering::Relaxed);
        }
    }
}

/// What one client was told of a tool.
#[derive(Debug)]
struct Told {
    audience: u64,
    schema: Option<Arc<Schema>>,
    at: Instant,
}

/// The schemas of all tools.
#[derive(Debug, Default)]
pub(in crate::telemetry) struct Schemas {
    tools: BTreeMap<String, Vec<Told>>,
    bytes: usize,
    used: Arc<Used>,
}

/// The current wordings of a tool's schema; `None` among them where a client was told of none.
pub(super) type Current = Vec<Option<Arc<Schema>>>;

impl Schemas {
    /// Takes in one tool of a page; says whether what is current has changed, or the tool is new.
    pub(super) fn learn(&mut self, tool: &str, declared: Declared, audience: u64, now: Instant) -> bool {
        if !self.tools.contains_key(tool) && self.tools.len() >= TOOLS {
            return false;
        }
        let before = self.current(tool, now);
        let schema = self.schema(tool, declared);
        let mut told = self.tools.remove(tool).unwrap_or_default();
        self.bytes -= bytes(&told);
        told.retain(|told| told.audience != audience && now.saturating_duration_since(told.at) < MEMORY);
        if told.len() >= AUDIENCES {
            told.remove(0);
        }
        told.push(Told { audience, schema, at: now });
        self.bytes += bytes(&told);
        self.tools.insert(tool.to_owned(), told);
        let after = self.current(tool, now);
        let same = |one: &Current, other: &Current| {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        };
        before.is_empty() || !same(&before, &after)
    }

    /// Forgets a tool; says whether it was known.
    pub(super) fn remove(&mut self, tool: &str) -> bool {
        let told = self.tools.remove(tool);
        self.bytes -= told.as_deref().map_or(0, bytes);
        told.is_some()
    }

    /// The current wordings of one tool; empty when it is not known.
    pub(super) fn current(&self, tool: &str, now: Instant) -> Current {
        let mut current: Current = Vec::new();
        let Some(told) = self.tools.get(tool) else { return current };
        let last = told.len().saturating_sub(1);
        for (place, told) in told.iter().enumerate() {
            let fresh = place == last || now.saturating_duration_since(told.at) < MEMORY;
            if fresh && !current.iter().any(|known| is_same(known, &told.schema)) {
                current.push(told.schema.clone());
            }
        }
        current
    }

    /// Tools, and bytes of their schemas.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.tools.len(), self.bytes)
    }

    /// Bytes of all schemas that live.
    #[cfg(test)]
    pub(super) fn alive(&self) -> usize {
        self.used.bytes.load(Ordering::Relaxed)
    }

    /// The wording, the one that is known already if it is.
    fn schema(&self, tool: &str, declared: Declared) -> Option<Arc<Schema>> {
        let text = match declared {
            Declared::Nothing => return None,
            Declared::Schema(text) if self.is_known(tool, &text) || self.has_room(text.len()) => text,
            Declared::Schema(_) | Declared::TooLarge => Box::default(),
        };
        let known = self.tools.get(tool).into_iter().flatten().filter_map(|told| told.schema.as_ref());
        // One for which there was no room is tried again: others may be gone by now.
        let had_no_room = |schema: &Schema| matches!(schema.compiled.get(), Some(Err(Refused::TooLarge)));
        let same = |schema: &&Arc<Schema>| schema.text == text && (text.is_empty() || !had_no_room(schema));
        let same = known.into_iter().find(same).map(Arc::clone);
        Some(same.unwrap_or_else(|| {
            let used = Arc::clone(&self.used);
            used.bytes.fetch_add(text.len(), Ordering::Relaxed);
            Arc::new(Schema { tool: tool.into(), text, compiled: OnceLock::new(), used })
        }))
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.bytes + bytes <= TEXTS && self.used.bytes.load(Ordering::Relaxed) + bytes <= ALIVE
    }

    fn is_known(&self, tool: &str, text: &str) -> bool {
        let told = self.tools.get(tool).into_iter().flatten();
        told.filter_map(|told| told.schema.as_ref()).any(|schema| *schema.text == *text)
    }
}

/// Clients may share a wording; counting it for each errs on the safe side.
fn bytes(told: &[Told]) -> usize {
    told.iter().filter_map(|told| told.schema.as_ref()).map(|schema| schema.text.len()).sum()
}

fn is_same(one: &Option<Arc<Schema>>, other: &Option<Arc<Schema>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}
