//! The processes of a comparison.

use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

use super::child::{Child, Speaks};
use super::{CompareError, Settings};
use crate::address::LoopbackUrl;

/// Name of the floor; its figures are what the others are divided by.
pub(super) const BARE: &str = "bare";
/// Name of the mcp-tap without traces.
pub(super) const TAP: &str = "mcp-tap";
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
pub(super) struct Target {
    pub(super) name: String,
    pub(super) url: LoopbackUrl,
    /// The proxy's process; `None` for the direct way.
    pub(super) pid: Option<u32>,
}

/// All targets, and the processes behind those that were started here.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) targets: Vec<Target>,
    _children: Vec<Child>,
}

impl Fleet {
    /// Starts the server, the bare proxy, mcp-tap, and mcp-tap with a collector.
    pub(super) fn start(settings: &Settings) -> Result<Self, CompareError> {
        let program = settings.program.as_os_str();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.server_port)).to_string();
        let (server, url) = start("server", program, &["server", "--listen", &listen])?;
        let upstream = url.address().to_string();
        let mut targets = vec![Target { name: "direct".to_owned(), url, pid: None }];
        let mut children = vec![server];
        let workers = settings.workers.to_string();
        let (bare, url) = start(BARE, program, &["bare", "--upstream", &upstream, "--workers", &workers])?;
        targets.push(Target { name: BARE.to_owned(), url, pid: Some(bare.pid()) });
        children.push(bare);
        if let Some(tap) = &settings.tap {
            let (child, url) = start_tap(tap, &upstream, &settings.tap_arguments)?;
            targets.push(Target { name: TAP.to_owned(), url, pid: Some(child.pid()) });
            children.push(child);
            for ratio in &settings.trace_ratios {
                let (collector, spans) = start("collector", program, &["collector"])?;
                let endpoint = format!("http://{}", spans.address());
                let traces = ["--otlp-endpoint", &endpoint, "--trace-ratio", ratio].map(str::to_owned);
                let arguments = [&settings.tap_arguments[..], &traces].concat();
                let (child, url) = start_tap(tap, &upstream, &arguments)?;
                targets.push(Target { name: format!("{TAP}, traces {ratio}"), url, pid: Some(child.pid()) });
                children.extend([collector, child]);
            }
        }
        targets.extend(settings.peers.iter().cloned().map(|peer| Target {
            name: peer.name,
            url: peer.url,
            pid: Some(peer.pid),
        }));
        Ok(Self { targets, _children: children })
    }
}

fn start(name: &str, program: &OsStr, arguments: &[&str]) -> Result<(Child, LoopbackUrl), CompareError> {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let find = |line: &str| line.trim().strip_prefix(LISTENING)?.parse::<LoopbackUrl>().ok();
    Child::start(program, &arguments, Speaks::Stdout, find)
        .map_err(|source| CompareError::Start { name: name.to_owned(), source })
}

fn start_tap(program: &Path, upstream: &str, more: &[String]) -> Result<(Child, LoopbackUrl), CompareError> {
    let upstream = format!("http://{upstream}");
    let fixed = ["run", "--upstream", &upstream, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let mut arguments: Vec<String> = fixed.iter().map(ToString::to_string).collect();
    arguments.extend(["--log-format".to_owned(), "json".to_owned()]);
    arguments.extend_from_slice(more);
    let name = || TAP.to_owned();
    let (child, traffic) = Child::start(program.as_os_str(), &arguments, Speaks::Stderr, tap_address)
        .map_err(|source| CompareError::Start { name: name(), source })?;
    let url = LoopbackUrl::at(traffic)
        .map_err(|error| CompareError::Start { name: name(), source: io::Error::other(error) })?;
    Ok((child, url))
}

/// The traffic address in mcp-tap's log line `listening`.
fn tap_address(line: &str) -> Option<SocketAddr> {
    #[derive(Deserialize)]
    struct Line {
        message: String,
        traffic: Option<String>,
    }
    let line: Line = serde_json::from_str(line).ok()?;
    (line.message == "listening").then_some(())?;
    line.traffic?.parse().ok()
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
    fn the_address_of_mcp_tap_is_read_from_its_log() {
        let line = r#"{"timestamp":"2026-11-22T10:00:00Z","level":"INFO","message":"listening","traffic":"127.0.0.1:81","admin":"127.0.0.1:82"}"#;
        assert_eq!(tap_address(line), "127.0.0.1:81".parse().ok());
        assert_eq!(tap_address(r#"{"message":"ready","traffic":"127.0.0.1:81"}"#), None);
        assert_eq!(tap_address("listening"), None);
    }
}
