//! `mcp-tap`: a sidecar that reads the JSON-RPC between MCP clients and one MCP server without changing it, but for
//! trace context where that is asked for.
//!
//! # Architecture
//!
//! Where a byte goes:
//!
//! ```text
//!    client                     http/stack.rs: layers, outermost first                   MCP server
//!      │        ┌────────────────────────────────────────────────────────────┐             ▲
//!      ▼        │                                                            │             │
//!  http/server ►│ respond ──► inspect (way in) ───► trace ───────► forward ──┼─────────────┘
//!  accept,drain │                ┊ copy of request  writes context   │       │
//!      ▲        │                ┊                                   ◄───────┼───── response
//!      └────────┼──────────── inspect (way out) ◄────────────────────┘       │
//!               │                ┊ copy of JSON body or SSE chunks           │
//!               └────────────────┊───────────────────────────────────────────┘
//!  stdio/ client ◄─ lines both ways ─┊────────────────────────────► the wrapped process
//!                                ▼                  ┊ = a look at a copy; the bytes go on unchanged
//!   protocol/   bytes ─► Message            pure: no I/O, no clock; bad input is a finding, not an error
//!                                ▼
//!   exchange/   Message + time ─► Event     pure state: pairs requests with answers, chooses ids of spans
//!                                ▼
//!   telemetry/recorder                      the one consumer of Event
//!      ├─► metrics ─► export/prometheus ──► admin GET /metrics, a file
//!      │          └─► export/otlp ─────────► collector
//!      ├─► traces: kept ones ─► export/otlp ──► collector
//!      ├─► quality: answers ─► judged off the path ─┐
//!      └─► sli: verdicts ─► counters ◄──────────────┘
//!                              │ increments, once a second
//!                              ▼
//!   slo/        counts + time ─► Report     pure: windows, burn, budgets ─► admin GET /slo, state file, gauges
//! ```
//!
//! What is not on the way of traffic, each a command:
//!
//! ```text
//!   slo::Plan ─► rules/ (pure) ─► rules, alerts, their tests, dashboards        mcp-tap rules, dashboards
//!   GET /slo, or series that Prometheus recorded ─► slo_client/ ─► Report       mcp-tap slo
//!   a client's configuration ─► install/ (pure, but for apply) ─► splices of it           mcp-tap install, uninstall
//!   registry/: who runs, and where its admin port is ─► GET /summary of each    mcp-tap ps
//! ```
//!
//! Modules in reading order:
//!
//! - [`protocol`]: what one message says. [`protocol::message`] lists every fact that is read,
//!   [`protocol::outcome`] decides how an operation ended and whose fault it was.
//! - [`exchange`]: which messages belong together, over exchanges, sessions and streams; its only output are the
//!   events of [`exchange::event`]. [`exchange::trace`] says which span is whose parent.
//! - [`http`]: the traffic path. [`http::stack`] shows its layers on one page; [`http::trace`] is the one that writes.
//! - [`stdio`]: the other traffic path, for a server that is a command: its process, and the pipes to and from it.
//! - [`telemetry`]: from events to metrics, to the ring of recent operations, and to spans ([`telemetry::traces`]). Every
//!   name is in [`telemetry::names`]. Its `sli` says what is an event of which objective; [`telemetry::quality`] whether
//!   an answer is sound.
//! - [`slo`]: objectives, error budgets, and how fast they burn: arithmetic on counts and times.
//! - [`admin`]: the admin port.
//! - [`registry`]: the directory in which the processes of one user find each other.
//! - [`rules`]: what Prometheus and Grafana make of the same plan. [`rules::series`] names what is recorded.
//! - [`slo_client`]: what `mcp-tap slo` does; [`ps`]: what `mcp-tap ps` does.
//! - [`install`]: what `mcp-tap install` does to the configuration of clients.
//! - [`config`], [`cli`], [`app`]: settings from flags, variables and file; the commands; start, reload and drain.
//!
//! # Threads
//!
//! Each worker is a thread with a single-threaded runtime, its own listener on the shared port (`SO_REUSEPORT`) and its
//! own connections to the server: a request never changes threads. One more thread serves the admin port, the
//! signals, the watch on the configuration file and the once-a-second upkeep, so that a scrape delays no request of
//! another core. The thread `quality` judges answers of tools: requests queue them, and never wait for room. Where there
//! are traces, the thread `traces` builds and exports spans: requests decide and queue. Where there is a `state_dir`, the
//! thread `state` reads and writes the file of error budgets, so that a slow disk delays nothing; for the same reason the
//! thread `metrics-file` writes the file of metrics where there is one, and the thread `metrics` sends them to a collector.
//!
//! A wrapped command has two threads in place of the workers, `input` and `output`, which read, look and write with plain
//! blocking calls; the main thread looks after the process and does what the control thread does for HTTP.
//!
//! # Invariants
//!
//! - Nothing on the traffic path parses before it forwards what is already parsed, re-serialises, retries, caches or
//!   answers in the server's stead. The only responses made here are plain ones: 502, 503 and 504 for a server that is
//!   not there, 400 for a request whose body is malformed, 501 for `CONNECT`.
//! - The only write to traffic is trace context towards the server: `traceparent` and `tracestate` as headers, and
//!   with `propagate: full` as members of `params._meta`, by cutting bytes out and putting bytes in
//!   ([`protocol::splice`]). It happens only where traces are on, and in requests only; all other bytes are those that
//!   came. On pipes there are no headers. A request waits for it at most 50 ms, and where it cannot be done it goes on without.
//! - What cannot be read is forwarded and counted (`mcp_proxy_not_inspected_total`).
//! - Each request ends in exactly one [`protocol::outcome::Ending`]; each failure has exactly one
//!   [`fault::Fault`].
//! - Each request that ended is at most one event of an objective of availability or latency, counted before any
//!   sampling; what is excluded is none. Budgets are computed from whole numbers, exactly, and never clamped; where
//!   nothing happened there is no ratio: not 0, not 1.
//! - A mistake in the configuration file stops the start, and changes nothing while running.
//! - The same configuration gives the same rules and dashboards, byte for byte.
//! - Every table, queue, capture and label set has a bound.
//! - No argument, result, token, session id or URI reaches a log line or a metric. Spans have URIs of resources, and of
//!   arguments and results what configuration names, with secrets masked; ids of traces and spans reach logs.
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
pub mod install;
mod proc_stat;
pub mod protocol;
pub mod ps;
pub mod registry;
pub mod rules;
pub mod slo;
pub mod slo_client;
pub mod stdio;
pub mod telemetry;
