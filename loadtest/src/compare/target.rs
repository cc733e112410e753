//! The processes of a comparison.

use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use serde::Deserialize;

use super::child::{Child, Speaks};
use super::peers::{self, HAPROXY, NGINX, NGINX_WITH_LOG, Place};
use super::pin::{self, Cpus};
use super::process::Processes;
use super::{CompareError, Settings};
use crate::address::LoopbackUrl;

/// Name of the floor; its figures are what the others are divided by.
pub const BARE: &str = "bare";
/// Name of the mcp-tap without traces.
pub const TAP: &str = "mcp-tap";
/// Name of the one that reads nothing.
pub(crate) const TAP_OFF: &str = "mcp-tap, inspect off";
/// What `server` and `bare` print before their URL once they listen.
pub const LISTENING: &str = "listening on ";

/// A proxy that runs already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its name in the table.
    pub name: String,
    /// Where it forwards from.
    pub url: LoopbackUrl,
    /// The process whose CPU time and memory count.
    pub pid: u32,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not NAME=URL@PID");
        let (name, rest) = text.split_once('=').ok_or_else(bad)?;
        let (url, pid) = rest.rsplit_once('@').ok_or_else(bad)?;
        let url = url.parse().map_err(|error| format!("{}: {error}", bad()))?;
        Ok(Self { name: name.to_owned(), url, pid: pid.parse().map_err(|_| bad())? })
    }
}

/// One way to the server.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) url: LoopbackUrl,
    /// The proxy; `None` for the direct way.
    pub(crate) processes: Option<Processes>,
}

/// Where the parts of the fleet are found.
struct Parts<'a> {
    settings: &'a Settings,
    upstream: String,
}

/// All targets, and the processes behind those that were started here.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) targets: Vec<Target>,
    children: Vec<Child>,
    /// Configurations and logs of the peers; dropped after them.
    directory: tempfile::TempDir,
}

impl Fleet {
    /// Starts the server, the bare proxy, every mcp-tap with its collector, and the peers.
    pub(crate) fn start(settings: &Settings) -> Result<Self, CompareError> {
        let program = settings.program.as_os_str();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.server_port)).to_string();
        let (server, url) = start("server", program, &["server", "--listen", &listen])?;
        let parts = Parts { settings, upstream: url.address().to_string() };
        let directory = tempfile::Builder::new()
            .prefix("mcp-loadtest-")
            .tempdir()
            .map_err(|source| CompareError::Start { name: "folder of the peers".to_owned(), source })?;
        let direct = Target { name: "direct".to_owned(), url, processes: None };
        let mut fleet = Self { targets: vec![direct], children: vec![server], directory };
        fleet.add_bare(&parts)?;
        if let Some(tap) = &settings.tap {
            fleet.add_taps(&parts, tap)?;
        }
        fleet.add_peers(&parts)?;
        fleet.targets.extend(settings.peers.iter().cloned().map(|peer| Target {
            name: peer.name,
            url: peer.url,
            processes: Some(Processes::of(peer.pid)),
        }));
        Ok(fleet)
    }

    /// Holds the proxies on a CPU of their own, and this process, the server and the collectors away from it; or lets
    /// all of them go where they like.
    pub(super) fn place(&self, cpus: &Cpus, apart: bool) -> Result<(), CompareError> {
        let (proxy, others) = if apart { (&cpus.proxy, &cpus.others) } else { (&cpus.all, &cpus.all) };
        for pid in std::iter::once(std::process::id()).chain(self.children.iter().map(Child::pid)) {
            let failed = |source| CompareError::Process { name: format!("process {pid}"), source };
            pin::hold(&Processes::of(pid), others).map_err(failed)?;
        }
        for target in &self.targets {
            let Some(processes) = &target.processes else { continue };
            let failed = |source| CompareError::Process { name: target.name.clone(), source };
            pin::hold(processes, proxy).map_err(failed)?;
        }
        Ok(())
    }

    fn add(&mut self, name: &str, child: Child, url: LoopbackUrl) {
        let processes = Some(Processes::of(child.pid()));
        self.targets.push(Target { name: name.to_owned(), url, processes });
        self.children.push(child);
    }

    fn add_bare(&mut self, parts: &Parts<'_>) -> Result<(), CompareError> {
        let workers = parts.settings.workers.to_string();
        let arguments = ["bare", "--upstream", &parts.upstream, "--workers", &workers];
        let (bare, url) = start(BARE, parts.settings.program.as_os_str(), &arguments)?;
        self.add(BARE, bare, url);
        Ok(())
    }

    fn add_taps(&mut self, parts: &Parts<'_>, tap: &Path) -> Result<(), CompareError> {
        let usual = &parts.settings.tap_arguments[..];
        if can_switch_inspection(tap) {
            let arguments = [usual, &["--inspect", "off"].map(str::to_owned)].concat();
            let off = start_tap(tap, &parts.upstream, &arguments)?;
            self.add(TAP_OFF, off.child, off.url);
        }
        let plain = start_tap(tap, &parts.upstream, usual)?;
        self.add(TAP, plain.child, plain.url);
        for ratio in &parts.settings.trace_ratios {
            let (collector, spans) = start("collector", parts.settings.program.as_os_str(), &["collector"])?;
            let endpoint = format!("http://{}", spans.address());
            let traces = ["--otlp-endpoint", &endpoint, "--trace-ratio", ratio].map(str::to_owned);
            let tracing = start_tap(tap, &parts.upstream, &[usual, &traces].concat())?;
            self.add(&traced(ratio), tracing.child, tracing.url);
            self.children.push(collector);
        }
        Ok(())
    }

    fn add_peers(&mut self, parts: &Parts<'_>) -> Result<(), CompareError> {
        let root = self.directory.path().to_owned();
        let place = |folder: &str| Place {
            upstream: &parts.upstream,
            directory: root.join(folder),
            streams: parts.settings.most_streams(),
        };
        if let Some(nginx) = &parts.settings.nginx {
            for (name, folder, log) in [(NGINX, "nginx", false), (NGINX_WITH_LOG, "nginx-log", true)] {
                self.add_peer(name, peers::start_nginx(nginx, &place(folder), log))?;
            }
        }
        if let Some(haproxy) = &parts.settings.haproxy {
            self.add_peer(HAPROXY, peers::start_haproxy(haproxy, &place("haproxy")))?;
        }
        Ok(())
    }

    fn add_peer(&mut self, name: &str, started: io::Result<(Child, SocketAddr)>) -> Result<(), CompareError> {
        let failed = |source| CompareError::Start { name: name.to_owned(), source };
        let (child, address) = started.map_err(failed)?;
        let url = LoopbackUrl::at(address).map_err(|error| failed(io::Error::other(error)))?;
        self.add(name, child, url);
        Ok(())
    }
}

/// Name of an mcp-tap that sends traces.
pub(crate) fn traced(ratio: &str) -> String {
    format!("{TAP}, traces {ratio}")
}

/// Whether this mcp-tap can be told to read nothing.
fn can_switch_inspection(tap: &Path) -> bool {
    let help = Command::new(tap).args(["run", "--help"]).output();
    help.is_ok_and(|help| names_inspect(&String::from_utf8_lossy(&help.stdout)))
}

/// Another flag begins with the same word.
fn names_inspect(help: &str) -> bool {
    help.split_whitespace().any(|word| word == "--inspect")
}

/// The programs and how they are asked for their versions.
pub(crate) fn programs(settings: &Settings) -> Vec<(&Path, &'static str)> {
    let known = [(&settings.tap, "--version"), (&settings.nginx, "-v"), (&settings.haproxy, "-v")];
    known.into_iter().filter_map(|(program, flag)| Some((program.as_deref()?, flag))).collect()
}

pub(crate) fn start(
    name: &str,
    program: &OsStr,
    arguments: &[&str],
) -> Result<(Child, LoopbackUrl), CompareError> {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let find = |line: &str| line.trim().strip_prefix(LISTENING)?.parse::<LoopbackUrl>().ok();
    Child::start(program, &arguments, Speaks::Stdout, find)
        .map_err(|source| CompareError::Start { name: name.to_owned(), source })
}

/// An mcp-tap that runs, and where it is.
#[derive(Debug)]
pub(crate) struct Tap {
    pub(crate) child: Child,
    pub(crate) url: LoopbackUrl,
    pub(crate) admin: SocketAddr,
}

/// Starts an mcp-tap in front of a server.
pub(crate) fn start_tap(program: &Path, upstream: &str, more: &[String]) -> Result<Tap, CompareError> {
    let upstream = format!("http://{upstream}");
    let fixed = ["run", "--upstream", &upstream, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let mut arguments: Vec<String> = fixed.iter().map(ToString::to_string).collect();
    arguments.extend(["--log-format".to_owned(), "json".to_owned()]);
    arguments.extend_from_slice(more);
    let failed = |source| CompareError::Start { name: TAP.to_owned(), source };
    let (child, (traffic, admin)) =
        Child::start(program.as_os_str(), &arguments, Speaks::Stderr, tap_addresses).map_err(failed)?;
    let url = LoopbackUrl::at(traffic).map_err(|error| failed(io::Error::other(error)))?;
    Ok(Tap { child, url, admin })
}

/// The addresses for traffic and for operators in mcp-tap's log line `listening`.
fn tap_addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    #[derive(Deserialize)]
    struct Line {
        message: String,
        traffic: Option<String>,
        admin: Option<String>,
    }
    let line: Line = serde_json::from_str(line).ok()?;
    (line.message == "listening").then_some(())?;
    Some((line.traffic?.parse().ok()?, line.admin?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_name_url_and_pid() {
        let peer: Peer = "nginx=http://127.0.0.1:8081/mcp@4711".parse().unwrap();
        assert_eq!((peer.name.as_str(), peer.pid), ("nginx", 4711));
        assert_eq!(peer.url.to_string(), "http://127.0.0.1:8081/mcp");
        for text in
            ["nginx", "nginx=http://127.0.0.1:1/", "a=http://10.0.0.1:1/@1", "a=http://127.0.0.1:1/@x"]
        {
            assert!(text.parse::<Peer>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_flag_with_the_same_beginning_is_another_one() {
        assert!(names_inspect("  --listen <A>\n  --inspect <on|off>\n      Reads"));
        assert!(!names_inspect("      --inspection-memory <SIZE>"));
    }

    #[test]
    fn the_addresses_of_mcp_tap_are_read_from_its_log() {
        let line = r#"{"timestamp":"2026-11-22T10:00:00Z","level":"INFO","message":"listening","traffic":"127.0.0.1:81","admin":"127.0.0.1:82"}"#;
        assert_eq!(tap_addresses(line), "127.0.0.1:81".parse().ok().zip("127.0.0.1:82".parse().ok()));
        assert_eq!(
            tap_addresses(r#"{"message":"ready","traffic":"127.0.0.1:81","admin":"127.0.0.1:82"}"#),
            None
        );
        assert_eq!(tap_addresses("listening"), None);
    }
}
