//! What this server tells of itself: metrics, spans, log lines.

pub mod names;
