//! An mcp-tap in front of a fixture, with its admin port.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Settings;
use crate::address::LoopbackUrl;
use crate::compare::child::Child;
use crate::compare::target::{self, Target};
use crate::compare::{CompareError, Processes, TAP};
use crate::load::{self, Report};
use crate::payload::{Answers, Scenario};

/// How long an answer of the admin port may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Both processes; they end when this is dropped.
#[derive(Debug)]
pub(super) struct Sidecar {
    pub(super) target: Target,
    pub(super) processes: Processes,
    pub(super) admin: SocketAddr,
    _tap: Child,
    _server: Child,
}

impl Sidecar {
    /// Starts a fixture with so many numbered tools, and an mcp-tap in front of it.
    pub(super) fn start(settings: &Settings, tools: u32) -> Result<Self, CompareError> {
        let tools = tools.to_string();
        let (server, url) =
            target::start("server", settings.program.as_os_str(), &["server", "--tools", &tools])?;
        let tap = target::start_tap(&settings.tap, &url.address().to_string(), &settings.tap_arguments)?;
        let processes = Processes::of(tap.child.pid());
        let target = Target { name: TAP.to_owned(), url: tap.url, processes: Some(processes.clone()) };
        Ok(Self { target, processes, admin: tap.admin, _tap: tap.child, _server: server })
    }

    pub(super) const fn url(&self) -> &LoopbackUrl {
        &self.target.url
    }

    pub(super) fn resident_mib(&self) -> Result<f64, CompareError> {
        let kib = self
            .processes
            .resident_kib()
            .map_err(|source| CompareError::Process { name: TAP.to_owned(), source })?;
        Ok(kib as f64 / 1024.0)
    }

    /// CPU time that `work` costs the sidecar.
    pub(super) async fn cpu_of<T>(
        &self,
        work: impl Future<Output = Result<T, CompareError>>,
    ) -> Result<(T, Duration), CompareError> {
        let cpu =
            || self.processes.cpu().map_err(|source| CompareError::Process { name: TAP.to_owned(), source });
        let before = cpu()?;
        let done = work.await?;
        Ok((done, cpu()?.since(&before).total()))
    }

    /// The metrics page.
    pub(super) fn scrape(&self) -> Result<Vec<u8>, CompareError> {
        get(self.admin, "/metrics").map_err(|source| CompareError::Admin { name: TAP.to_owned(), source })
    }

    /// Sends load, all of which must be answered rightly.
    pub(super) async fn load(&self, load: &Load, answers: &Answers) -> Result<Report, CompareError> {
        let name = || TAP.to_owned();
        let settings = load::Settings {
            url: self.url().clone(),
            scenario: load.scenario,
            connections: load.connections,
            duration: load.duration,
            requests: load.requests,
            rate: load.rate,
        };
        let report = load::run(&settings, answers)
            .await
            .map_err(|source| CompareError::Load { name: name(), source })?;
        match report.first_failure {
            None => Ok(report),
            Some(first) => Err(CompareError::Failures { name: name(), failures: report.failures, first }),
        }
    }
}

/// A run of load without its address.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) scenario: Scenario,
    pub(super) connections: usize,
    pub(super) duration: Duration,
    pub(super) requests: Option<u64>,
    pub(super) rate: Option<f64>,
}

/// The body that a path of the admin port is answered with, if the status is 200.
pub(super) fn get(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
        return Err(io::Error::other(format!("{path} answered `{}`", String::from_utf8_lossy(line))));
    }
    Ok(answer)
}
