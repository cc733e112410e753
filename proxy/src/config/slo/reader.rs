//! Reads values of the tree and gathers what is wrong with them.

use std::fmt::Display;
use std::path::Path;

use super::raw::{Entry, Node, Value};
use crate::config::near;
use crate::config::problem::{Problem, Problems};

/// Most problems that are told: a file that is no configuration at all would have one for each of its lines.
const MOST: usize = 100;
/// Longest path and longest problem, in bytes: a value may be as long as the file.
const LONGEST: usize = 1000;

/// Why a text is not what it should be: the end of the sentence that begins with it.
pub(super) type Wrong = String;

/// A value and the path to it: `slo.objectives[2].target`.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub(super) path: String,
    pub(super) line: u64,
    node: Option<&'a Node>,
}

/// A mapping of which all keys are known.
#[derive(Debug)]
pub(super) struct Mapping<'a> {
    at: At<'a>,
    entries: &'a [Entry],
}

impl<'a> At<'a> {
    /// The whole document.
    pub(super) const fn root(root: &'a Node) -> Self {
        Self { path: String::new(), line: root.line, node: Some(root) }
    }
}

impl<'a> Mapping<'a> {
    /// The value of a key, unless it is nothing.
    pub(super) fn get(&self, key: &str) -> Option<At<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        if entry.node.value == Value::Null {
            return None;
        }
        Some(self.child(entry))
    }

    /// The place of a key: where it is, or else where it would be.
    pub(super) fn place(&self, key: &str) -> At<'a> {
        let path = if self.at.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at.path) };
        self.get(key).unwrap_or(At { path, line: self.at.line, node: None })
    }

    /// All keys with their values.
    pub(super) fn each(&self) -> impl Iterator<Item = (&'a str, At<'a>)> {
        self.entries.iter().map(|entry| (entry.key.as_str(), self.child(entry)))
    }

    fn child(&self, entry: &'a Entry) -> At<'a> {
        let path = if self.at.path.is_empty() {
            entry.key.clone()
        } else {
            format!("{}.{}", self.at.path, entry.key)
        };
        // What takes several lines is where its name is.
        let line = match entry.node.value {
            Value::List(_) | Value::Mapping(_) => entry.line,
            Value::Null | Value::Text(_) => entry.node.line,
        };
        At { path, line, node: Some(&entry.node) }
    }
}

/// Reads, and notes every problem with its place.
pub(super) struct Reader<'a> {
    file: &'a Path,
    found: Vec<(u64, Problem)>,
    /// Problems that are only counted.
    more: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(file: &'a Path) -> Self {
        Self { file, found: Vec::new(), more: 0 }
    }

    /// Notes a problem.
    pub(super) fn wrong(&mut self, at: &At<'_>, what: impl Display) {
        if self.is_full() {
            self.more += 1;
            return;
        }
        let mut place = format!("{}:{}", self.file.display(), at.line);
        if !at.path.is_empty() {
            place.push_str(": ");
            place.push_str(&shortened(&at.path));
        }
        self.found.push((at.line, Problem::new(place, shortened(&what.to_string()))));
    }

    /// Whether further problems are only counted.
    const fn is_full(&self) -> bool {
        self.found.len() >= MOST
    }

    /// How many problems were noted.
    pub(super) const fn noted(&self) -> usize {
        self.found.len() + self.more
    }

    /// Tells all problems in the order of their lines.
    pub(super) fn tell(mut self, problems: &mut Problems) {
        self.found.sort_by_key(|(line, _)| *line);
        for (_, problem) in self.found {
            problems.push(problem);
        }
        if self.more > 0 {
            problems
                .push(Problem::new(self.file.display(), format!("{} more problems are not told", self.more)));
        }
    }

    /// A mapping with any keys.
    pub(super) fn open<'n>(&mut self, at: At<'n>) -> Option<Mapping<'n>> {
        match at.node.map(|node| &node.value) {
            None | Some(Value::Null) => Some(Mapping { at, entries: &[] }),
            Some(Value::Mapping(entries)) => Some(Mapping { at, entries }),
            Some(_) => {
                self.wrong(&at, "must be a mapping of names to values");
                None
            }
        }
    }

    /// A mapping with no other keys than these.
    pub(super) fn mapping<'n>(&mut self, at: At<'n>, known: &[&str]) -> Option<Mapping<'n>> {
        let mapping = self.open(at)?;
        for entry in mapping.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            if self.is_full() {
                self.more += 1;
                continue;
            }
            let remedy = near::remedy(&entry.key, known);
            let at = At { line: entry.line, ..mapping.child(entry) };
            self.wrong(&at, format_args!("there is no such setting; {remedy}"));
        }
        Some(mapping)
    }

    /// The items of a list.
    pub(super) fn list<'n>(&mut self, at: &At<'n>) -> Option<Vec<At<'n>>> {
        let Some(Value::List(list)) = at.node.map(|node| &node.value) else {
            self.wrong(at, "must be a list: [a, b], or one line with a dash for each");
            return None;
        };
        let item = |(place, node): (usize, &'n Node)| At {
            path: format!("{}[{place}]", at.path),
            line: node.line,
            node: Some(node),
        };
        Some(list.iter().enumerate().map(item).collect())
    }

    /// A single value.
    pub(super) fn text<'n>(&mut self, at: &At<'n>) -> Option<&'n str> {
        if let Some(Value::Text(text)) = at.node.map(|node| &node.value) {
            return Some(text);
        }
        self.wrong(at, "must be one value, not a list, a mapping or nothing");
        None
    }

    /// A single value of some kind.
    pub(super) fn value<T>(
        &mut self,
        at: &At<'_>,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let text = self.text(at)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.wrong(at, format_args!("{text:?} {wrong}"));
                None
            }
        }
    }

    /// The value of a key, if it is given and right.
    pub(super) fn optional<T>(
        &mut self,
        mapping: &Mapping<'_>,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let at = mapping.get(key)?;
        self.value(&at, parse)
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        mapping: &Mapping<'_>,
        key: &str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        if mapping.get(key).is_none() {
            self.wrong(&mapping.place(key), format_args!("is missing; write for example {key}: {example}"));
            return None;
        }
        self.optional(mapping, key, parse)
    }

    /// The values of a list that is given under a key.
    pub(super) fn values<T>(
        &mut self,
        mapping: &Mapping<'_>,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Vec<T> {
        let items = mapping.get(key).and_then(|at| self.list(&at)).unwrap_or_default();
        items.iter().filter_map(|at| self.value(at, &parse)).collect()
    }
}

/// A text as it is shown to people: its beginning, where it is too long.
fn shortened(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let whole = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}… ({} bytes)", &text[..whole], text.len())
}
