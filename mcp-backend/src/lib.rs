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
//! Modules in reading order (`◄`: what of this crate each uses):
//!
//! ```text
//! quantity/          Amount, exact; what a container uses, asks for and may use           ◄ -
//! report/            Issue, Verdict and others of many tools; text of others              ◄ quantity
//! log/               lines of logs: time, level, patterns, templates                      ◄ report
//! clock.rs           the only reader of the clock                                         ◄ -
//! telemetry/         metrics, spans, log lines; every name in names.rs                    ◄ -
//! cluster/kind.rs    the kinds of objects that are read, and no others                    ◄ -
//! cluster/reader.rs  typed reads for one tool call                                        ◄ siblings
//! cluster/stack.rs   the layers around reads (cluster/layer/), each with its reason       ◄ telemetry, clock
//! cluster/leaf.rs    asks kube::Client; connect.rs makes one for a real cluster           ◄ -
//! check/rule.rs      rules as data, and how a table of them is applied                    ◄ report
//! check/look.rs      small views on objects of the API, for rules and tools               ◄ report
//! check/pod/ …       a table of rules about one kind of thing, and the facts it takes     ◄ quantity, report
//! sim/world/         what the simulated cluster holds, as a function of seed and time     ◄ -
//! sim/api/           paths, selectors, pages, errors and latency over it                  ◄ clock, cluster/kind
//! tool/*.rs          one file per tool, named as agents call it, and what they share      ◄ check, log, cluster
//! tool/stack.rs      the layers around calls (tool/layer/), each with its reason          ◄ telemetry, clock
//! serve/             MCP over HTTP and stdio, POST /call-tool, the admin port             ◄ tool, check, telemetry
//! cli/, app/         settings from flags and variables; the wiring, start and end         ◄ all
//! ```
//!
//! Invariants: nothing here writes to a cluster; no answer holds a value of a Secret, an environment variable or an
//! annotation; the rules read no clock. `tests/architecture.rs` guards the borders.

pub mod app;
pub mod check;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod log;
pub mod quantity;
pub mod report;
pub mod serve;
pub mod sim;
pub mod telemetry;
pub mod tool;
