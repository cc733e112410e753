//! What tools answer: the types that several of them share (reference: backend-tools.md §2).
//!
//! All of them are written as JSON with the names they have here, and described by JSON Schema; an absent option is an
//! absent member.

mod issue;
mod text;
mod verdict;

pub use issue::{Issue, Object, Severity};
pub(crate) use text::compile;
pub use text::{clean, clip, quote};
pub use verdict::{Overall, Partial, Verdict};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::quantity::ResourceUse;

/// What Kubernetes reported of an object, grouped: equal reasons on one object are one entry.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Event {
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// In one word, as `BackOff`.
    pub reason: String,
    /// At most 300 characters.
    pub message: String,
    /// How often.
    pub count: u32,
    /// When first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// When last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// Of what.
    pub object: Object,
}

/// How much of a resource is used; quantities in the spelling of Kubernetes (`150m`, `256Mi`).
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Usage {
    /// Used now; `unknown` if that was not measured.
    pub usage: String,
    /// Asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Used of what is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent_of_limit: Option<f64>,
}

impl From<ResourceUse> for Usage {
    fn from(of: ResourceUse) -> Self {
        let spell = |amount| of.resource.spell(amount);
        Self {
            usage: of.used.map_or_else(|| "unknown".to_owned(), spell),
            request: of.request.map(spell),
            limit: of.limit.map(spell),
            percent_of_limit: of.percent_of_limit(),
        }
    }
}

/// Says that something was cut, and how to see more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Truncated {
    /// Which member.
    pub what: String,
    /// How many are there.
    pub shown: u64,
    /// How many there would be.
    pub total: u64,
    /// The argument that narrows the answer.
    pub hint: String,
}
