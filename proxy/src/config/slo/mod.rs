//! The sections `slo`, `cost` and `quality` of the configuration file: all that can change while running.

mod costs;
mod plan;
mod raw;
mod reader;
mod rules;
mod value;
mod warning;
mod windows;

use std::path::Path;
use std::time::Duration;

use crate::slo::Plan;
use crate::telemetry::{cost, quality};

use super::problem::{Problem, Problems};
use super::{file, keys, near};

pub use plan::{allowed_downtime, unusual};
pub use warning::{Warning, about_rules, warnings};

/// The sections.
pub const SECTIONS: [&str; 3] = ["slo", "cost", "quality"];

/// What the file says about service levels: all that can change while running.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SloConfig {
    /// The objectives.
    pub plan: Plan,
    /// How rules are made of them.
    pub rules: crate::rules::Settings,
    /// What calls cost.
    pub prices: cost::Prices,
    /// What of answers is judged.
    pub quality: quality::Settings,
}

/// Reads the sections of a file; without one all is as by default.
///
/// # Errors
/// All problems of these sections.
pub fn load(file: Option<&Path>) -> Result<SloConfig, Problems> {
    let Some(path) = file else { return Ok(SloConfig::default()) };
    match file::read(path) {
        Ok(text) => read(path, &text),
        Err(error) => {
            let mut problems = Problems::default();
            problems.push(Problem::new(path.display(), format!("cannot be read: {error}")));
            Err(problems)
        }
    }
}

/// Reads the sections of a file's text. Other settings are not looked at, but for their names.
///
/// # Errors
/// All problems of these sections.
pub fn read(path: &Path, text: &str) -> Result<SloConfig, Problems> {
    let mut problems = Problems::default();
    let config = match raw::read(text) {
        Ok(root) => {
            let mut reader = reader::Reader::new(path);
            let config = document(&mut reader, &root);
            reader.tell(&mut problems);
            config
        }
        Err(error) => {
            problems.push(Problem::new(path.display(), format!("is no YAML mapping of settings: {error}")));
            SloConfig::default()
        }
    };
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

/// Adds the sections to what is read of all settings, whose names are looked at there. A text that is no YAML is told
/// there too.
pub(super) fn add(path: &Path, text: &str, problems: &mut Problems) -> SloConfig {
    let mut reader = reader::Reader::new(path);
    let config = match raw::read(text) {
        Ok(root @ raw::Node { value: raw::Value::Mapping(_), .. }) => {
            reader.open(reader::At::root(&root)).map(|document| sections(&mut reader, &document))
        }
        _ => None,
    };
    reader.tell(problems);
    config.unwrap_or_default()
}

fn document(reader: &mut reader::Reader<'_>, root: &raw::Node) -> SloConfig {
    let Some(document) = reader.open(reader::At::root(root)) else { return SloConfig::default() };
    let known: Vec<_> = keys::ALL.iter().map(|key| key.name).chain(SECTIONS).collect();
    for (name, at) in document.each().filter(|(name, _)| !known.contains(name)) {
        reader.wrong(&at, format_args!("there is no such setting; {}", unknown(name)));
    }
    sections(reader, &document)
}

/// What to write instead of an unknown setting.
pub(super) fn unknown(name: &str) -> String {
    let known: Vec<_> = keys::ALL.iter().map(|key| key.name).chain(SECTIONS).collect();
    near::nearest(name, &known).map_or_else(
        || "see mcp-tap run --help for the settings".to_owned(),
        |near| format!("did you mean {near}?"),
    )
}

fn sections(reader: &mut reader::Reader<'_>, document: &reader::Mapping<'_>) -> SloConfig {
    let [slo, cost, quality] = SECTIONS.map(|name| document.place(name));
    let (plan, rules) = plan::read(reader, slo);
    SloConfig { plan, rules, prices: costs::prices(reader, cost), quality: costs::quality(reader, quality) }
}

/// A duration in the units that people write, from days to milliseconds: `30d`, `43m12s`.
#[must_use]
pub fn short(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (unit, millis) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= millis {
            text.push_str(&(rest / millis).to_string());
            text.push_str(unit);
            rest %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests;
