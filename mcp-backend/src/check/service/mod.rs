//! The rules about a service.

use super::Rule;

/// Every rule about a service.
pub const RULES: &[Rule<super::pod::PodFacts>] = &[];
