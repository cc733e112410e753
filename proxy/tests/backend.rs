//! The real mcp-backend behind the real sidecar: one trace from agent to cluster, and figures that agree.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "backend/bench.rs"]
mod bench;
#[path = "backend/contexts.rs"]
mod contexts;
#[path = "backend/exports.rs"]
mod exports;
#[path = "backend/figures.rs"]
mod figures;
#[path = "backend/quality.rs"]
mod quality;
mod support;
