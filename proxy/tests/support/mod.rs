//! What the tests share: servers that do what they are told, a client that notes every byte, the proxy in this process
//! or as its users start it, and the third-party parts.

#![expect(dead_code, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

pub(crate) mod alertmanager;
pub(crate) mod chaos;
pub(crate) mod client;
pub(crate) mod collector;
pub(crate) mod corpus;
pub(crate) mod dashboards;
pub(crate) mod parts;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod promtool;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod scrape;
pub(crate) mod series;
pub(crate) mod server;
pub(crate) mod spans;
pub(crate) mod stdio;
pub(crate) mod tap;
pub(crate) mod webhook;
pub(crate) mod wire;

/// Longest wait for anything in a test; reached only by a failure.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
