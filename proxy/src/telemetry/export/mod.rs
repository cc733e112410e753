//! Metrics in the formats of their readers.

pub mod accept;
pub mod prometheus;
