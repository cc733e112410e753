//! Metrics and traces in the formats of their readers.

pub mod accept;
pub mod otlp;
pub mod prometheus;
