//! An MCP server with read-only tools that diagnose Kubernetes workloads.
//!
//! ```text
//!   agent ──► serve/     MCP over HTTP or stdio, POST /call-tool
//!               │
//!               ▼
//!             tool/      a stack of tower layers (trace, meter) over the table of tools
//!               │  reads                     │ judges
//!               ▼                            ▼
//!             cluster/   layers (span,     check/, log/   pure rules and patterns: facts and the time in,
//!               │        meter, cache)       │            issues out
//!               ▼                            ▼
//!             kube::Client                 report/        what tools answer
//!               │
//!               ▼
//!             a real API server, or sim/   the simulated cluster: one tower service
//! ```
//!
//! Invariants: nothing here writes to a cluster; no answer holds a value of a Secret, an environment variable or an
//! annotation; the rules read no clock.

pub mod app;
pub mod check;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod log;
pub mod report;
pub mod serve;
pub mod sim;
pub mod telemetry;
pub mod tool;
