//! What tools the server lists, as learned from `tools/list`, and how their definitions drift.
//!
//! All of this runs off the traffic path (`backlog.rs`). What a server lists may depend on the caller, so listings
//! are kept per audience (client): the catalogue is the union of every audience's last complete listing.
//! - A definition is compared with those that were seen of the same name within the last hour, and with the last one,
//!   whoever listed them. So one that is worded for its caller, or differs between replicas, counts once per wording.
//! - `added`: a name that no audience had. `removed`: a name that this audience had, and that no other audience heard
//!   within the last hour still has. Two clients with different permissions therefore never flap.
//! - A tool that was removed and came back depends on something that is not seen here (two users of one client). Until
//!   it stood still for an hour, its coming and going counts no more, and it stays known.
//! - The first complete listing ever counts nothing: it is what later ones are compared with.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;

use crate::exchange::event::{CataloguePage, Client};
use crate::protocol::message::{cut, limits};

use super::drift::{Fickle, MEMORY, Wordings};
use super::quality::Declared;
use super::tokens;

/// Most tools of one listing, and most definitions kept.
pub(super) const MAX_TOOLS: usize = 4096;
/// Most listings of which some pages are still to come.
const MAX_OPEN: usize = 64;
/// Most audiences kept.
const MAX_AUDIENCES: usize = 128;
/// Most changes kept to be shown.
const MAX_CHANGES: usize = 100;

/// What changed in the catalogue; the label `part`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `description`.
    Description,
    /// `inputSchema`.
    InputSchema,
    /// `outputSchema`.
    OutputSchema,
    /// `annotations`.
    Annotations,
    /// The tool is new.
    Added,
    /// The tool is gone.
    Removed,
}

impl Part {
    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::InputSchema => "input_schema",
            Self::OutputSchema => "output_schema",
            Self::Annotations => "annotations",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }
}

/// One change of one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The tool's name.
    pub tool: String,
    /// What changed.
    pub part: Part,
    /// When it was noticed.
    pub at: Instant,
}

/// A tool as a page defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Definition {
    /// Hashes of description, input schema, output schema, annotations; 0 for an absent one.
    parts: [u64; 4],
    /// Bytes of its JSON.
    size: u64,
}

/// A tool as it is known.
#[derive(Debug)]
struct Known {
    parts: [Wordings; 4],
    /// Bytes of its JSON when it was listed last.
    size: u64,
}

const PARTS: [(&str, Part); 4] = [
    ("description", Part::Description),
    ("inputSchema", Part::InputSchema),
    ("outputSchema", Part::OutputSchema),
    ("annotations", Part::Annotations),
];

/// A listing of which not all pages were seen.
#[derive(Debug, Default)]
struct Open {
    id: u64,
    names: BTreeSet<String>,
    bytes: u64,
    /// Every page up to here was read.
    whole: bool,
}

#[derive(Debug)]
struct Audience {
    client: Client,
    names: BTreeSet<String>,
    at: Instant,
}

/// What a page brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Learned {
    /// Tools listed on this page.
    pub names: Vec<String>,
    /// What their definitions say about results.
    pub declared: Vec<(String, Declared)>,
    /// Changes against what was known.
    pub changes: Vec<Change>,
    /// Tokens and tools of the listing that this page completed.
    pub complete: Option<(u64, usize)>,
    /// The page could not be read.
    pub malformed: bool,
}

/// Everything known of the server's tools.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    definitions: BTreeMap<String, Known>,
    fickle: Fickle,
    open: VecDeque<Open>,
    audiences: VecDeque<Audience>,
    changes: VecDeque<Change>,
    last: Option<(u64, usize)>,
}

impl Catalogue {
    /// Takes in one page.
    pub(super) fn learn(&mut self, page: &CataloguePage, now: Instant) -> Learned {
        let mut learned = Learned::default();
        let mut open = self.take_open(page);
        let tools = page.tools.as_deref().map(parse);
        learned.malformed = matches!(tools, Some(None));
        let Some(Some(tools)) = tools else {
            // What it held is not known: nothing can be said of the whole listing.
            open.whole = false;
            self.keep_open(open, page.last);
            return learned;
        };
        open.bytes += page.tools.as_deref().map_or(0, <[u8]>::len) as u64;
        for (name, definition, declared) in tools {
            self.define(&name, definition, now, &mut learned);
            if open.names.len() < MAX_TOOLS {
                open.names.insert(name.clone());
            }
            learned.declared.push((name.clone(), declared));
            learned.names.push(name);
        }
        if page.last && open.whole {
            let size = (tokens::of_bytes(open.bytes), open.names.len());
            learned.complete = Some(size);
            self.complete(open.names, &page.client, now, &mut learned);
            self.last = Some(size);
        } else {
            self.keep_open(open, page.last);
        }
        self.changes.extend(learned.changes.iter().cloned());
        while self.changes.len() > MAX_CHANGES {
            self.changes.pop_front();
        }
        learned
    }

    /// Tokens and number of tools of the last complete listing.
    #[must_use]
    pub(super) fn last(&self) -> Option<(u64, usize)> {
        self.last
    }

    /// Names and sizes in bytes of all tools that some audience sees, in order.
    pub(super) fn tools(&self) -> impl Iterator<Item = (&str, u64)> {
        self.definitions
            .iter()
            .filter(|(name, _)| self.audiences.iter().any(|audience| audience.names.contains(*name)))
            .map(|(name, definition)| (name.as_str(), definition.size))
    }

    /// The latest changes, oldest first.
    pub(super) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    /// Entries of each table: definitions, fickle tools, open listings, audiences, changes.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 5] {
        [self.definitions.len(), self.fickle.len(), self.open.len(), self.audiences.len(), self.changes.len()]
    }

    fn take_open(&mut self, page: &CataloguePage) -> Open {
        let known = self.open.iter().position(|open| open.id == page.listing);
        let open = known.and_then(|place| self.open.remove(place));
        match open {
            Some(open) if !page.first => open,
            // A page without those before it: it may teach names, never a whole listing.
            _ => Open { id: page.listing, whole: page.first, ..Open::default() },
        }
    }

    fn keep_open(&mut self, open: Open, last: bool) {
        if !last {
            self.open.push_back(open);
        }
        while self.open.len() > MAX_OPEN {
            self.open.pop_front();
        }
    }

    fn define(&mut self, name: &str, definition: Definition, now: Instant, learned: &mut Learned) {
        if let Some(known) = self.definitions.get_mut(name) {
            for ((wordings, hash), (_, part)) in known.parts.iter_mut().zip(definition.parts).zip(PARTS) {
                if wordings.see(hash, now) && self.last.is_some() {
                    learned.changes.push(Change { tool: name.to_owned(), part, at: now });
                }
            }
            known.size = definition.size;
        } else if self.definitions.len() < MAX_TOOLS {
            let parts = definition.parts.map(|hash| Wordings::first(hash, now));
            self.definitions.insert(name.to_owned(), Known { parts, size: definition.size });
        }
    }

    fn complete(&mut self, names: BTreeSet<String>, client: &Client, now: Instant, learned: &mut Learned) {
        let place = self.audiences.iter().position(|audience| audience.client == *client);
        let before = place.and_then(|place| self.audiences.remove(place));
        if self.last.is_some() {
            let had = |name: &String| {
                self.audiences.iter().chain(&before).any(|audience| audience.names.contains(name))
            };
            let added = names.iter().filter(|name| !had(name)).map(|name| (name, Part::Added));
            let still = |name: &String| {
                self.audiences.iter().any(|audience| {
                    now.saturating_duration_since(audience.at) < MEMORY && audience.names.contains(name)
                })
            };
            let lost = before.iter().flat_map(|audience| audience.names.difference(&names));
            let removed = lost.filter(|name| !still(name)).map(|name| (name, Part::Removed));
            let mut changes: Vec<_> = added
                .chain(removed)
                .map(|(name, part)| Change { tool: name.clone(), part, at: now })
                .collect();
            self.fickle.forget_old(now);
            changes.retain(|change| self.fickle.is_news(&change.tool, change.part == Part::Removed, now));
            for change in changes.iter().filter(|change| change.part == Part::Removed) {
                self.forget(&change.tool);
            }
            learned.changes.extend(changes);
        }
        self.audiences.push_back(Audience { client: client.clone(), names, at: now });
        while self.audiences.len() > MAX_AUDIENCES {
            self.audiences.pop_front();
        }
    }

    /// A removed tool is no tool of any audience, however long ago that one listed.
    fn forget(&mut self, name: &str) {
        self.definitions.remove(name);
        for audience in &mut self.audiences {
            audience.names.remove(name);
        }
    }
}

/// Reads the array of tools; `None` when it is no array of values.
fn parse(bytes: &[u8]) -> Option<Vec<Tool>> {
    let Tools(tools) = serde_json::from_slice(bytes).ok()?;
    Some(tools)
}

/// One tool at a time becomes a `Value`, so that a large list costs the memory of its largest tool.
struct Tools(Vec<Tool>);

/// Its name, its definition, and what that says about results.
type Tool = (String, Definition, Declared);

impl<'de> Deserialize<'de> for Tools {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;

        impl<'de> Visitor<'de> for Elements {
            type Value = Tools;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an array of tools")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Tools, A::Error> {
                let mut tools = Vec::new();
                while tools.len() < MAX_TOOLS {
                    let Some(tool) = elements.next_element::<Value>()? else { return Ok(Tools(tools)) };
                    if let Some(name) = tool.get("name").and_then(Value::as_str) {
                        let name = cut(name, limits::NAME).to_owned();
                        tools.push((name, Definition::of(&tool), Declared::of(&tool)));
                    }
                }
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Tools(tools))
            }
        }

        deserializer.deserialize_seq(Elements)
    }
}

impl Definition {
    fn of(tool: &Value) -> Self {
        let parts = PARTS.map(|(key, _)| match tool.get(key) {
            None | Some(Value::Null) => 0,
            // Keys come out sorted: their order is no difference.
            Some(part) => hash(part.to_string().as_bytes()),
        });
        Self { parts, size: tool.to_string().len() as u64 }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::BuildHasher;
    foldhash::quality::FixedState::default().hash_one(bytes)
}
