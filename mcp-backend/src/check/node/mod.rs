//! The rules about a node.

use super::Rule;

/// Every rule about a node.
pub const RULES: &[Rule<super::pod::PodFacts>] = &[];
