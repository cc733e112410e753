//! The health checks: tables of rules, each a pure function from facts to findings (reference: backend-tools.md §4, §5).
//!
//! A rule never reads a cluster or a clock. What could not be read is `None` in the facts, and the rules that need it
//! are skipped: not having looked is not having found nothing.

pub mod node;
pub mod pod;
pub mod service;
pub mod volume;
pub mod workload;

pub(crate) mod look;
mod rule;

pub use rule::{Facts, Finding, Input, Rule, RuleDoc, run};

/// The documentation of every rule, in the order of their ids within each folder.
pub fn docs() -> impl Iterator<Item = &'static RuleDoc> {
    pod::RULES
        .iter()
        .map(|rule| &rule.doc)
        .chain(workload::docs())
        .chain(service::docs())
        .chain(node::RULES.iter().map(|rule| &rule.doc))
        .chain(volume::RULES.iter().map(|rule| &rule.doc))
}
