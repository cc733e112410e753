//! `mcp-tap`: a sidecar that reads the JSON-RPC between MCP clients and one MCP server without changing it.
//!
//! # Architecture
//!
//! Where a byte goes:
//!
//! ```text
//!    client                     http/stack.rs: layers, outermost first                   MCP server
//!      │        ┌────────────────────────────────────────────────────────────┐             ▲
//!      ▼        │                                                            │             │
//!  http/server ►│ respond ──► inspect (way in) ─────────────────► forward ───┼─────────────┘
//!  accept,drain │                ┊ copy of request                   │       │
//!      ▲        │                ┊                                   ◄───────┼───── response
//!      └────────┼──────────── inspect (way out) ◄────────────────────┘       │
//!               │                ┊ copy of JSON body or SSE chunks           │
//!               └────────────────┊───────────────────────────────────────────┘
//!                                ▼                  ┊ = a look at a copy; the bytes go on unchanged
//!   protocol/   bytes ─► Message            pure: no I/O, no clock; bad input is a finding, not an error
//!                                ▼
//!   exchange/   Message + time ─► Event     pure state: pairs requests with answers
//!                                ▼
//!   telemetry/recorder                      the one consumer of Event
//!      └─► metrics ─► export/prometheus ──► admin GET /metrics
//! ```
//!
//! Modules in reading order:
//!
//! - [`protocol`]: what one message says. [`protocol::message`] lists every fact that is read,
//!   [`protocol::outcome`] decides how an operation ended and whose fault it was.
//! - [`exchange`]: which messages belong together, over exchanges, sessions and streams; its only output are the
//!   events of [`exchange::event`].
//! - [`http`]: the traffic path. [`http::stack`] shows its layers on one page.
//! - [`telemetry`]: from events to metrics and to the ring of recent operations. Every name is in
//!   [`telemetry::names`].
//! - [`admin`]: the admin port.
//! - [`config`], [`cli`], [`app`]: settings from flags, variables and file; the wiring; start and drain.
//!
//! # Threads
//!
//! Each worker is a thread with a single-threaded runtime, its own listener on the shared port (`SO_REUSEPORT`) and its
//! own connections to the server: a request never changes threads. One more thread serves the admin port, the
//! signals and the once-a-second upkeep, so that a scrape delays no request of another core.
//!
//! # Invariants
//!
//! - Nothing on the traffic path parses before it forwards what is already parsed, re-serialises, retries, caches or
//!   answers in the server's stead. The only responses made here are plain ones: 502, 503 and 504 for a server that is
//!   not there, 400 for a request whose body is malformed, 501 for `CONNECT`.
//! - What cannot be read is forwarded and counted (`mcp_proxy_not_inspected_total`).
//! - Each request ends in exactly one [`protocol::outcome::Ending`]; each failure has exactly one
//!   [`fault::Fault`].
//! - Every table, queue, capture and label set has a bound.
//! - No argument, result, token, session id or URI reaches a log line or a metric.
//! - No request waits for a lock that another request can hold while it has work to do.
//! - Only [`clock`] reads the clock; `tests/architecture.rs` keeps this and the borders between modules.

pub mod admin;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod exchange;
pub mod fault;
pub mod http;
pub mod protocol;
pub mod telemetry;
