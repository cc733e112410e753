//! The proxy under test, as its users start it.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::process::Process;

/// The executable of this package.
pub(crate) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_mcp-tap");

/// A running proxy.
pub(crate) struct Tap {
    /// Where it takes traffic.
    pub(crate) traffic: SocketAddr,
    /// Where it answers about itself.
    pub(crate) admin: SocketAddr,
    _process: Process,
}

impl Tap {
    /// The address that stands for `path` of the server behind it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.traffic)
    }
}

/// Starts the proxy in front of `upstream` (scheme, host, port) on ports of its own.
pub(crate) fn through_proxy(upstream: &str) -> Tap {
    let process = Process::start(
        "mcp-tap",
        Command::new(EXECUTABLE).args(["run", "--upstream", upstream]).args([
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--log-format",
            "json",
        ]),
    );
    let (traffic, admin) = process.wait_for_line("its addresses", |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let fields = line.get("fields").unwrap_or(&line);
        let address = |name: &str| fields.get(name)?.as_str()?.parse().ok();
        (fields.get("message")? == "listening").then_some((address("traffic")?, address("admin")?))
    });
    Tap { traffic, admin, _process: process }
}
