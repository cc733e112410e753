//! The servers of the demo: mcp-backend, or somebody's server that runs already, and mcp-tap before it.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

use super::child::{Child, ChildError};
use super::web::{self, HttpError};
use crate::address::LoopbackUrl;

/// Ports that are taken if they are free: those of the README.
const TRAFFIC_PORT: u16 = 8080;
const ADMIN_PORT: u16 = 9464;
const BACKEND_PORT: u16 = 3001;
/// How long mcp-tap may take to be ready once it listens.
const READY: Duration = Duration::from_secs(10);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// What to start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `mcp-tap` program; by default the one beside this program.
    pub tap: Option<PathBuf>,
    /// Further arguments for it.
    pub tap_arguments: Vec<String>,
    /// The `mcp-backend` program; by default the one beside this program.
    pub backend: Option<PathBuf>,
    /// Further arguments for it.
    pub backend_arguments: Vec<String>,
    /// A server that runs already, instead of mcp-backend.
    pub upstream: Option<LoopbackUrl>,
    /// Faults of the simulated cluster, as mcp-backend spells them.
    pub sim_faults: String,
    /// Let the system choose all ports.
    pub any_port: bool,
}

/// Why the servers do not run.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// One of them.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// A program is not where it should be.
    #[error("there is no {0}; build it (cargo build --bin {1}), or say where it is with --{2} PATH")]
    Missing(PathBuf, &'static str, &'static str),
    /// The user's server is not there.
    #[error("no server at --upstream {url}: {reason}")]
    Upstream {
        /// Where it should be.
        url: LoopbackUrl,
        /// What happened instead.
        reason: String,
    },
    /// mcp-tap does not get ready.
    #[error("mcp-tap is not ready: {0}")]
    NotReady(String),
    /// Files or addresses.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The running servers.
#[derive(Debug)]
pub(super) struct Fleet {
    tap: Child,
    backend: Option<Child>,
    logs: TempDir,
    /// What stands behind mcp-tap.
    pub(super) server: String,
    /// Where agents connect.
    pub(super) endpoint: LoopbackUrl,
    /// mcp-tap's admin port.
    pub(super) admin: SocketAddr,
}

/// The addresses in a server's start line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Started {
    traffic: SocketAddr,
    admin: Option<SocketAddr>,
}

impl Fleet {
    /// Starts everything; `note` hears what is done.
    pub(super) async fn start(settings: &Settings, note: &mut dyn FnMut(&str)) -> Result<Self, FleetError> {
        let logs = tempfile::Builder::new().prefix("mcp-tap-demo-").tempdir()?;
        match Self::start_in(&logs, settings, note).await {
            Ok((tap, backend, server, endpoint, admin)) => {
                Ok(Self { tap, backend, logs, server, endpoint, admin })
            }
            Err(error) => {
                // A log that may say more than the message.
                if matches!(error, FleetError::Child(_) | FleetError::NotReady(_)) {
                    note(&format!("the logs are in {}", logs.keep().display()));
                }
                Err(error)
            }
        }
    }

    async fn start_in(
        logs: &TempDir,
        settings: &Settings,
        note: &mut dyn FnMut(&str),
    ) -> Result<(Child, Option<Child>, String, LoopbackUrl, SocketAddr), FleetError> {
        let tap = program(settings.tap.as_deref(), "mcp-tap", "tap")?;
        let (backend, upstream, server) = match &settings.upstream {
            Some(url) => {
                web::connect(url.address()).await.map_err(|error: HttpError| FleetError::Upstream {
                    url: url.clone(),
                    reason: error.to_string(),
                })?;
                (None, url.clone(), url.address().to_string())
            }
            None => {
                let (child, url) = start_backend(logs.path(), settings, note).await?;
                let server = format!("mcp-backend {}", url.address());
                (Some(child), url, server)
            }
        };
        let port =
            |preferred, what, note: &mut dyn FnMut(&str)| pick(preferred, what, settings.any_port, note);
        let listen = port(TRAFFIC_PORT, "mcp-tap", note);
        let admin = port(ADMIN_PORT, "mcp-tap's admin port", note);
        note("starting mcp-tap before it");
        let mut arguments: Vec<OsString> = vec!["run".into(), "--upstream".into()];
        arguments.push(format!("http://{}", upstream.address()).into());
        arguments.extend(["--listen", &listen.to_string(), "--admin", &admin.to_string()].map(Into::into));
        // The demo's clients have no secrets: names say more than hashes.
        arguments
            .extend(["--client-id", "name", "--drain-time", "2s", "--log-format", "json"].map(Into::into));
        arguments.extend(settings.tap_arguments.iter().map(Into::into));
        let (tap, started) = Child::start("mcp-tap", &tap, &arguments, logs.path(), start_line).await?;
        let admin = started
            .admin
            .ok_or_else(|| FleetError::NotReady("its start line names no admin address".to_owned()))?;
        wait_ready(admin).await?;
        let endpoint: LoopbackUrl = format!("http://{}{}", started.traffic, upstream.path())
            .parse()
            .map_err(|error| FleetError::NotReady(format!("its address: {error}")))?;
        Ok((tap, backend, server, endpoint, admin))
    }

    /// Fails when a server has ended.
    pub(super) fn check(&mut self) -> Result<(), ChildError> {
        if let Some(backend) = &mut self.backend {
            backend.check()?;
        }
        self.tap.check()
    }

    /// The folder of the logs.
    pub(super) fn logs(&self) -> &Path {
        self.logs.path()
    }

    /// The processes, mcp-tap first.
    pub(super) fn pids(&self) -> Vec<u32> {
        [Some(&self.tap), self.backend.as_ref()].into_iter().flatten().map(Child::pid).collect()
    }

    /// Ends the servers, mcp-tap first, and forgets the logs unless they are wanted.
    pub(super) async fn stop(self, keep_logs: bool) -> Option<PathBuf> {
        self.tap.stop().await;
        if let Some(backend) = self.backend {
            backend.stop().await;
        }
        keep_logs.then(|| self.logs.keep())
    }
}

async fn start_backend(
    logs: &Path,
    settings: &Settings,
    note: &mut dyn FnMut(&str),
) -> Result<(Child, LoopbackUrl), FleetError> {
    let backend = program(settings.backend.as_deref(), "mcp-backend", "backend")?;
    let listen = pick(BACKEND_PORT, "mcp-backend", settings.any_port, note);
    note("starting mcp-backend on a simulated cluster");
    let mut arguments: Vec<OsString> = ["--cluster", "sim", "--listen"].map(Into::into).to_vec();
    arguments.push(listen.to_string().into());
    arguments.extend(["--admin", "127.0.0.1:0", "--log-format", "json"].map(Into::into));
    if !settings.sim_faults.is_empty() {
        arguments.extend(["--sim-faults".into(), OsString::from(&settings.sim_faults)]);
    }
    arguments.extend(settings.backend_arguments.iter().map(Into::into));
    let (child, started) = Child::start("mcp-backend", &backend, &arguments, logs, start_line).await?;
    let url = LoopbackUrl::at(started.traffic)
        .map_err(|error| FleetError::NotReady(format!("mcp-backend's address: {error}")))?;
    Ok((child, url))
}

/// A program that was named, or the one beside this program.
fn program(named: Option<&Path>, name: &'static str, flag: &'static str) -> Result<PathBuf, FleetError> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => std::env::current_exe()?.with_file_name(name),
    };
    if path.is_file() { Ok(path) } else { Err(FleetError::Missing(path, name, flag)) }
}

/// The usual port if nobody has it; otherwise the system chooses, and the user hears of it.
fn pick(preferred: u16, what: &str, any: bool, note: &mut dyn FnMut(&str)) -> SocketAddr {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if any {
        return address(0);
    }
    match TcpListener::bind(address(preferred)) {
        Ok(_) => address(preferred),
        Err(error) => {
            note(&format!("port {preferred} cannot be had ({error}): {what} takes another one"));
            address(0)
        }
    }
}

async fn wait_ready(admin: SocketAddr) -> Result<(), FleetError> {
    let mut last = String::new();
    for _ in 0..READY.as_millis() / LOOK.as_millis() {
        match web::get(admin, "/readyz").await {
            Ok((StatusCode::OK, _)) => return Ok(()),
            Ok((status, body)) => last = format!("{status} {}", String::from_utf8_lossy(&body).trim_end()),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(FleetError::NotReady(last))
}

/// Reads the line `listening` of a JSON log: mcp-tap calls its address `traffic`, servers `mcp` or `address`.
fn start_line(line: &str) -> Option<Started> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = if line["fields"].is_object() { &line["fields"] } else { &line };
    (fields["message"] == "listening").then_some(())?;
    let address = |name: &str| -> Option<SocketAddr> {
        let text = fields[name].as_str()?;
        let text = text.strip_prefix("http://").unwrap_or(text);
        text.split('/').next()?.parse().ok()
    };
    let traffic = ["traffic", "mcp", "address", "listen", "url"].into_iter().find_map(address)?;
    Some(Started { traffic, admin: address("admin") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(&str, Option<&str>)>) {
        let expected = expected.map(|(traffic, admin)| Started {
            traffic: traffic.parse().unwrap(),
            admin: admin.map(|admin| admin.parse().unwrap()),
        });
        assert_eq!(start_line(line), expected, "{line}");
    }

    #[test]
    fn addresses_are_read_from_start_lines() {
        let (traffic, admin) = ("127.0.0.1:81", "127.0.0.1:82");
        check(
            r#"{"level":"INFO","message":"listening","traffic":"127.0.0.1:81","admin":"127.0.0.1:82"}"#,
            Some((traffic, Some(admin))),
        );
        check(
            r#"{"fields":{"message":"listening","mcp":"http://127.0.0.1:81/mcp","admin":"off"}}"#,
            Some((traffic, None)),
        );
        check(r#"{"message":"listening","address":"127.0.0.1:81"}"#, Some((traffic, None)));
        check(r#"{"message":"listening"}"#, None);
        check(r#"{"message":"draining","traffic":"127.0.0.1:81"}"#, None);
        check("listening traffic=127.0.0.1:81", None);
    }

    #[test]
    fn a_port_that_is_taken_is_replaced_with_a_note() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let mut notes = Vec::new();
        let picked = pick(port, "the test", false, &mut |note| notes.push(note.to_owned()));
        assert_eq!(picked.port(), 0);
        assert!(notes.len() == 1 && notes[0].contains(&format!("port {port} cannot be had")), "{notes:?}");
        drop(taken);
        let picked = pick(port, "the test", false, &mut |note| panic!("{note}"));
        assert_eq!(picked.port(), port);
    }
}
