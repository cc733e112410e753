//! From the text of an `outputSchema` to something that judges values, within bounds.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::cost::{self, Cost, Refused};

/// Bytes of one compiled pattern, and of the cache that matching with it may use.
const PATTERN_BYTES: usize = 128 << 10;
const PATTERN_CACHE: usize = 512 << 10;
/// Steps that one answer may take; about half a second.
const WORK: u64 = 50_000_000;
/// Nested calls that one answer may take; together far less than [`STACK`].
const FRAMES: usize = 2048;
/// The stack of the thread that compiles and judges.
pub const STACK: usize = 8 << 20;

/// A schema that can be used.
#[derive(Debug)]
pub(super) struct Compiled {
    validator: Validator,
    cost: Cost,
}

/// What a schema says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// The value satisfies it.
    Satisfied,
    /// It does not.
    Violated,
    /// It would take too long to say.
    TooCostly,
}

impl Compiled {
    /// Compiles the text. Formats are not asserted (as 2020-12 has it), and nothing is fetched.
    pub(super) fn new(text: &str) -> Result<Self, Refused> {
        let schema: Value = serde_json::from_str(text).map_err(|_| Refused::NoSchema)?;
        let draft = draft(&schema)?;
        let cost = cost::of(&schema)?;
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_CACHE);
        let validator = jsonschema::options()
            .with_draft(draft)
            .offline()
            .should_validate_formats(false)
            .with_pattern_options(patterns)
            .build(&schema)
            .map_err(|error| {
                let text = error.to_string();
                if text.contains("regex") { Refused::Pattern } else { Refused::NoSchema }
            })?;
        Ok(Self { validator, cost })
    }

    /// What it holds, in nodes.
    pub(super) const fn nodes(&self) -> u64 {
        self.cost.nodes
    }

    /// Judges a value.
    pub(super) fn judge(&self, value: &Value) -> Fit {
        let depth = cost::depth(value);
        if self.cost.work(cost::size(value), depth) > WORK || self.cost.frames(depth) > FRAMES {
            return Fit::TooCostly;
        }
        if self.validator.is_valid(value) { Fit::Satisfied } else { Fit::Violated }
    }
}

/// The dialect that the schema names; MCP's own is 2020-12.
fn draft(schema: &Value) -> Result<Draft, Refused> {
    let Some(name) = schema.get("$schema") else { return Ok(Draft::Draft202012) };
    let name = name.as_str().ok_or(Refused::Dialect)?.trim_end_matches('#');
    match name.trim_start_matches("https://").trim_start_matches("http://") {
        "json-schema.org/draft/2020-12/schema" => Ok(Draft::Draft202012),
        "json-schema.org/draft-07/schema" => Ok(Draft::Draft7),
        _ => Err(Refused::Dialect),
    }
}
