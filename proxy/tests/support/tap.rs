//! The proxy under test, as its users start it.

use std::cell::Cell;
use std::net::SocketAddr;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;

use super::collector::Collector;
use super::process::{Process, without_variables};
use super::scrape::Scrape;

/// Longest time for ending without open requests.
const STOP: Duration = Duration::from_secs(10);

/// The executable of this package.
pub(crate) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_mcp-tap");

/// Where proxies with an admin port are listed.
pub(crate) const RUNTIME_DIR: &str = "MCP_TAP_RUNTIME_DIR";

/// A running proxy.
pub(crate) struct Tap {
    /// Where it takes traffic.
    pub(crate) traffic: SocketAddr,
    /// Where it answers about itself.
    pub(crate) admin: SocketAddr,
    process: Process,
}

impl Tap {
    /// The address that stands for `path` of the server behind it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.traffic)
    }

    /// The metrics once nothing is open any more: no connection of a client, no operation.
    pub(crate) fn scrape_when_idle(&self) -> Scrape {
        // Twice in a row: what ends while a scrape is being written stands in one half of it only.
        let idle_before = Cell::new(false);
        self.process.wait_until("nothing is open", || {
            let scrape = Scrape::of(self.admin);
            let open = scrape.sum("mcp_active_connections") + scrape.sum("mcp_proxy_inflight_operations");
            (idle_before.replace(open == 0.0) && open == 0.0).then_some(scrape)
        })
    }

    /// Asks it to end, and does not wait.
    pub(crate) fn terminate(&self) {
        self.process.terminate();
    }

    /// Sends a SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.process.hang_up();
    }

    /// Looks again and again until there is an answer.
    pub(crate) fn wait_until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        self.process.wait_until(what, look)
    }

    /// Waits until it has ended by itself; gives its status.
    pub(crate) fn ended(self) -> ExitStatus {
        self.process.finish(STOP).0
    }

    /// Its resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> usize {
        self.process.resident_kib()
    }

    /// Ends it as Kubernetes does; gives its status and all that it ever printed.
    pub(crate) fn stop_with_log(self) -> (ExitStatus, String) {
        let printed = self.process.printed();
        let (status, _) = self.stop();
        let printed = printed.lock().expect("no reader panics").clone();
        (status, printed)
    }

    /// Ends it as Kubernetes does; gives its status and its log after it listened.
    pub(crate) fn stop(self) -> (ExitStatus, String) {
        self.process.terminate();
        let (status, lines) = self.process.finish(STOP);
        (status, lines.join("\n"))
    }
}

/// Starts the proxy in front of `upstream` (scheme, host, port) on ports of its own.
pub(crate) fn through_proxy(upstream: &str) -> Tap {
    through_proxy_with(upstream, &[])
}

/// The same with more flags.
pub(crate) fn through_proxy_with(upstream: &str, flags: &[&str]) -> Tap {
    through_proxy_by(&mut Command::new(EXECUTABLE), upstream, flags)
}

/// The same, by a command to which the arguments of the proxy are added.
pub(crate) fn through_proxy_by(command: &mut Command, upstream: &str, flags: &[&str]) -> Tap {
    // Not among the processes of whoever runs the tests.
    if !command.get_envs().any(|(name, _)| name == RUNTIME_DIR) {
        command.env(RUNTIME_DIR, concat!(env!("CARGO_TARGET_TMPDIR"), "/running"));
    }
    let process = Process::start(
        "mcp-tap",
        command
            .args(["run", "--upstream", upstream, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(["--log-format", "json"])
            .args(flags),
    );
    let (traffic, admin) = process.wait_for_line("its addresses", |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let fields = line.get("fields").unwrap_or(&line);
        let address = |name: &str| fields.get(name)?.as_str()?.parse().ok();
        (fields.get("message")? == "listening").then_some((address("traffic")?, address("admin")?))
    });
    Tap { traffic, admin, process }
}

/// The proxy with its spans going to `collector`, soon and all of them unless a flag says otherwise. Variables of the
/// machine for OpenTelemetry do not reach it.
pub(crate) fn traced(upstream: &str, collector: &Collector, flags: &[&str]) -> Tap {
    traced_by(&mut Command::new(EXECUTABLE), upstream, collector, flags)
}

/// The same, by a command that may have variables of its own.
pub(crate) fn traced_by(command: &mut Command, upstream: &str, collector: &Collector, flags: &[&str]) -> Tap {
    without_variables(command, &["OTEL_"]);
    if !command.get_envs().any(|(name, value)| name == "OTEL_BSP_SCHEDULE_DELAY" && value.is_some()) {
        command.env("OTEL_BSP_SCHEDULE_DELAY", "50");
    }
    let endpoint = collector.endpoint();
    let mut all = vec!["--otlp-endpoint", &endpoint];
    if !flags.contains(&"--trace-ratio") {
        all.extend(["--trace-ratio", "1"]);
    }
    all.extend(flags);
    through_proxy_by(command, upstream, &all)
}

/// The same, to a collector that is not ours.
pub(crate) fn traced_to(upstream: &str, endpoint: &str, protocol: &str) -> Tap {
    let flags = ["--otlp-endpoint", endpoint, "--otlp-protocol", protocol, "--trace-ratio", "1"];
    through_proxy_by(Command::new(EXECUTABLE).env("OTEL_BSP_SCHEDULE_DELAY", "50"), upstream, &flags)
}
