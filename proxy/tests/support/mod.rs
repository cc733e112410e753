//! What the tests of the HTTP path share: a server that does what a script says, a client that notes every byte, and
//! a proxy between them.

#![expect(dead_code, reason = "each test file uses its own part")]

pub(crate) mod client;
pub(crate) mod proxy;
pub(crate) mod server;
pub(crate) mod wire;

/// Longest wait for anything in a test; reached only by a failure.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
