//! The rules about a volume.

use super::Rule;

/// Every rule about a volume.
pub const RULES: &[Rule<super::pod::PodFacts>] = &[];
