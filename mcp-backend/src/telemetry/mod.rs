//! What this server tells of itself: metrics, spans, log lines.

pub mod log;
mod metrics;
pub mod names;
mod parent;
mod tls;
pub mod traces;

pub use metrics::{CacheOperation, Metrics};
pub use parent::{HeaderLink, parent};
