//! Exactly what flags, environment and file said, each value with the place it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use serde_saphyr::Spanned;

use super::keys::{self, Key};
use super::problem::{Problem, Problems};
use super::{file, slo};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A command-line flag.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A key of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line of the value, from 1.
        line: u64,
        /// The key.
        key: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Variable(variable) => f.write_str(variable),
            Self::File { path, line, key } => write!(f, "{}:{line}: {key}", path.display()),
        }
    }
}

/// One value as it was written. Only the file has lists and mappings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawValue {
    /// A scalar.
    Text(String),
    /// A list of scalars.
    List(Vec<String>),
    /// A mapping to lists of scalars; a single one is a list of one.
    Pairs(Vec<(String, Vec<String>)>),
}

/// All values that were given: the one of highest precedence per key (flag, then variable, then file).
#[derive(Debug, Default)]
pub struct RawConfig {
    values: BTreeMap<&'static str, (RawValue, Source)>,
    /// Something of the file could not be taken: what is missing here may well have been written there.
    pub unread: bool,
}

impl RawConfig {
    /// The value of a key and its source, if it was given.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<(&RawValue, &Source)> {
        self.values.get(key.name).map(|(value, source)| (value, source))
    }

    /// Takes the flags that were given, as pairs of key and text. They go before all else.
    pub fn add_flags(&mut self, flags: impl IntoIterator<Item = (&'static Key, String)>) {
        for (key, text) in flags {
            self.add(key, RawValue::Text(text), Source::Flag(key.flag()));
        }
    }

    /// Takes the variables that are ours. An empty one counts as not set, as is usual in containers.
    /// Gives the names with our prefix that are no setting: Kubernetes makes such ones for a Service called
    /// `mcp-tap`, so they are worth a warning, not a failure.
    pub fn add_variables(&mut self, variables: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
        let mut unknown = Vec::new();
        for (variable, text) in variables {
            if !variable.starts_with(keys::ENVIRONMENT_PREFIX) || text.is_empty() {
                continue;
            }
            match keys::ALL.iter().find(|key| key.variable() == variable) {
                Some(key) => self.add(key, RawValue::Text(text), Source::Variable(variable)),
                None => unknown.push(variable),
            }
        }
        unknown.sort_unstable();
        unknown
    }

    /// Takes a configuration file. Gives its text for those who read the sections of it.
    pub fn add_file(&mut self, path: &Path, problems: &mut Problems) -> Option<String> {
        match file::read(path) {
            Ok(text) => {
                self.add_text(path, &text, problems);
                Some(text)
            }
            Err(error) => {
                self.unread = true;
                problems.push(Problem::new(path.display(), format!("cannot be read: {error}")));
                None
            }
        }
    }

    /// Takes the text of a configuration file: a YAML mapping of keys to values. An empty one is an empty mapping.
    fn add_text(&mut self, path: &Path, text: &str, problems: &mut Problems) {
        match entries(text) {
            Ok(entries) => {
                let mut entries: Vec<_> = entries.into_iter().collect();
                entries.sort_by_key(|(_, value)| value.referenced.line());
                for (name, value) in entries {
                    self.add_entry(path, name, value, problems);
                }
            }
            Err(error) => {
                self.unread = true;
                problems
                    .push(Problem::new(path.display(), format!("is no YAML mapping of settings: {error}")));
            }
        }
    }

    fn add_entry(&mut self, path: &Path, name: String, value: Spanned<Value>, problems: &mut Problems) {
        if slo::SECTIONS.contains(&name.as_str()) {
            return;
        }
        let source = Source::File { path: path.to_owned(), line: value.referenced.line(), key: name.clone() };
        let Some(key) = keys::ALL.iter().find(|key| key.name == name) else {
            let remedy = slo::unknown(&name);
            return problems.push(Problem::new(source, format!("there is no such setting; {remedy}")));
        };
        match raw_value(value.value) {
            Some(Some(value)) => self.add(key, value, source),
            // A key without a value means the default.
            Some(None) => {}
            None => {
                self.unread = true;
                problems.push(Problem::new(
                    source,
                    "must be one value, a list of values, or a mapping of names to these",
                ));
            }
        }
    }

    fn add(&mut self, key: &Key, value: RawValue, source: Source) {
        self.values.entry(key.name).or_insert((value, source));
    }
}

/// The settings of a text that differ in another one, in the order of their names; without the sections, and without
/// those that are nothing.
#[must_use]
pub fn changed(before: &str, after: &str) -> Vec<String> {
    let settings = |text| {
        let entries = entries(text).unwrap_or_default().into_iter();
        let entries =
            entries.filter(|(name, entry)| !slo::SECTIONS.contains(&name.as_str()) && !entry.value.is_null());
        entries.map(|(name, entry)| (name, entry.value)).collect::<BTreeMap<_, _>>()
    };
    let (before, after) = (settings(before), settings(after));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// The top of the document.
fn entries(text: &str) -> Result<BTreeMap<String, Spanned<Value>>, serde_saphyr::Error> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    // `off` is a word here, not `false` as in YAML 1.1.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options)
}

/// A YAML value as a raw one: `None` for shapes that no setting has, `Some(None)` for null.
fn raw_value(value: Value) -> Option<Option<RawValue>> {
    let value = match value {
        Value::Null => return Some(None),
        Value::Object(entries) => {
            let list = |value| match value {
                Value::Array(values) => values.into_iter().map(scalar).collect(),
                value => Some(vec![scalar(value)?]),
            };
            let pairs: Option<Vec<_>> =
                entries.into_iter().map(|(name, value)| Some((name, list(value)?))).collect();
            RawValue::Pairs(pairs?)
        }
        Value::Array(values) => RawValue::List(values.into_iter().map(scalar).collect::<Option<_>>()?),
        other => RawValue::Text(scalar(other)?),
    };
    Some(Some(value))
}

fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}
