//! One trace from agent to server: what a real collector gets when scripted clients talk to scripted servers through
//! the real sidecar.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "traces/bench.rs"]
mod bench;
#[path = "traces/canaries.rs"]
mod canaries;
#[path = "traces/contexts.rs"]
mod contexts;
#[path = "traces/exports.rs"]
mod exports;
#[path = "traces/outcomes.rs"]
mod outcomes;
#[path = "traces/sampling.rs"]
mod sampling;
#[path = "traces/shapes.rs"]
mod shapes;
mod support;
