//! From what was written to a checked [`Config`]: all problems are found before any is told.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::HeaderName;

use super::keys::{self, Key, Serving};
use super::problem::{Problem, Problems};
use super::raw::{RawConfig, RawValue};
use super::slo::SloConfig;
use super::value::{self, Expected};
use super::{Config, Front, HttpFront, LogSettings, Purpose, StateSettings};
use crate::admin::Address;
use crate::http::forward::{self, UpstreamAddress};
use crate::http::inspect::{self, Budget};
use crate::http::server;
use crate::protocol::scan::Captures;
use crate::registry::Folders;
use crate::stdio;
use crate::telemetry::export::otlp::Environment;
use crate::telemetry::{self, Complexity};

/// Reads every setting; gives all problems at once if there are any. Nothing without problems is: nothing says which
/// server, where that is no problem.
pub(super) fn resolve(
    raw: &RawConfig,
    slo: SloConfig,
    mut environment: Environment,
    problems: Problems,
    purpose: &Purpose,
) -> Result<Option<(Front, Config)>, Problems> {
    let mut reader = Reader { raw, problems, serving: purpose.serving() };
    if matches!(purpose, Purpose::Run) {
        reader.demand_upstream();
    }
    let admin = reader.read(&keys::ADMIN, value::admin);
    let running = Folders::new(reader.optional(&keys::RUNTIME_DIR, value::runtime_dir));
    let http = reader.is_for(Serving::Http).then(|| reader.http(&admin)).flatten();
    let inspect = reader.inspect();
    let stdio = reader.is_for(Serving::Stdio).then(|| reader.stdio(purpose, &inspect));
    let inspects = reader.read(&keys::INSPECT, value::switch);
    let log = LogSettings {
        format: reader.read(&keys::LOG_FORMAT, value::log_format),
        level: reader.read(&keys::LOG_LEVEL, value::log_level),
    };
    let front = match purpose {
        Purpose::Stdio(_) => stdio.map(Front::Stdio),
        Purpose::Run | Purpose::Check => http.map(Box::new).map(Front::Http),
    };
    let telemetry = reader.telemetry(front.as_ref(), &slo);
    let state = reader.state();
    reader.collector(&mut environment);
    let upstream = match &front {
        Some(Front::Http(http)) => Some(&http.upstream),
        _ => None,
    };
    let traces = reader.traces(&environment, upstream, &telemetry).filter(|_| inspects);
    let outlets = reader.outlets(&environment, &telemetry);
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    Ok(front.map(|front| {
        let config =
            Config { inspects, inspect, telemetry, slo, traces, outlets, state, admin, running, log };
        (front, config)
    }))
}

/// Reads single settings and gathers what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) raw: &'a RawConfig,
    pub(super) problems: Problems,
    /// Of which commands settings are read.
    serving: Serving,
}

impl Reader<'_> {
    fn is_for(&self, serving: Serving) -> bool {
        serving.includes(self.serving)
    }

    /// The proxy of HTTP, once something says which server.
    fn http(&mut self, admin: &Address) -> Option<HttpFront> {
        let upstream = self.upstream();
        let server = self.server();
        self.distinct(server.listen, admin);
        let upstream = upstream?;
        let own = [(&keys::LISTEN, Address::Tcp(server.listen)), (&keys::ADMIN, admin.clone())];
        self.not_itself(&upstream.address, &own);
        Some(HttpFront { server, upstream })
    }

    /// The wrapped command.
    fn stdio(&mut self, purpose: &Purpose, inspect: &inspect::Settings) -> stdio::Settings {
        let command = match purpose {
            Purpose::Stdio(command) => command.clone(),
            Purpose::Run | Purpose::Check => Vec::new(),
        };
        stdio::Settings {
            command,
            exit_wait: self.read(&keys::EXIT_WAIT, value::optional_duration),
            kill_wait: self.read(&keys::KILL_WAIT, value::optional_duration),
            message_limit: inspect.message_limit,
            memory: inspect.memory.limit() / 2,
            captures: Captures::NONE,
            writes: false,
        }
    }

    fn demand_upstream(&mut self) {
        if self.raw.get(&keys::UPSTREAM).is_none() && !self.raw.unread {
            let what = "is required: the URL of the MCP server, for example --upstream http://127.0.0.1:3001";
            self.problems.push(Problem::new("--upstream", what));
        }
    }

    fn upstream(&mut self) -> Option<forward::Settings> {
        let address = self.optional(&keys::UPSTREAM, value::upstream);
        let protocol = self.read(&keys::UPSTREAM_PROTOCOL, value::upstream_protocol);
        let ca_file = self.ca_file(address.as_ref());
        let connect_timeout = self.read(&keys::CONNECT_TIMEOUT, value::optional_duration);
        let response_timeout = self.read(&keys::RESPONSE_TIMEOUT, value::optional_duration);
        let idle_timeout = self.read(&keys::IDLE_TIMEOUT, value::duration);
        Some(forward::Settings {
            protocol,
            ca_file,
            connect_timeout,
            response_timeout,
            idle_timeout,
            ..forward::Settings::new(address?)
        })
    }

    fn ca_file(&mut self, address: Option<&UpstreamAddress>) -> Option<PathBuf> {
        let file = self.optional(&keys::UPSTREAM_CA, value::file)?;
        if let (Some((_, source)), Some(UpstreamAddress::Tcp { .. } | UpstreamAddress::Unix(_))) =
            (self.raw.get(&keys::UPSTREAM_CA), address)
        {
            let what = "is only used with an https upstream; leave it out, or write https:// in upstream";
            self.problems.push(Problem::new(source, what));
        }
        Some(file)
    }

    fn server(&mut self) -> server::Settings {
        server::Settings {
            listen: self.read(&keys::LISTEN, value::address),
            workers: self.read(&keys::WORKERS, value::workers),
            drain: self.read(&keys::DRAIN_TIME, value::duration),
        }
    }

    /// Two listeners on one port would be told apart by the system only when the second one fails.
    fn distinct(&mut self, listen: SocketAddr, admin: &Address) {
        if *admin == Address::Tcp(listen) && listen.port() != 0 {
            let what = format!("{admin} is the address of listen too; give the admin port one of its own");
            match self.raw.get(&keys::ADMIN).or(self.raw.get(&keys::LISTEN)) {
                Some((_, source)) => self.problems.push(Problem::new(source, what)),
                None => self.problems.push(Problem::new("--admin", what)),
            }
        }
    }

    /// Requests that are forwarded to where they come from never end.
    fn not_itself(&mut self, upstream: &UpstreamAddress, own: &[(&Key, Address)]) {
        let Some((_, source)) = self.raw.get(&keys::UPSTREAM) else { return };
        for (key, address) in own {
            if is_same(upstream, address) {
                let what = format!(
                    "{} is the address of {} too; give the server one of its own",
                    upstream.authority(),
                    key.name
                );
                self.problems.push(Problem::new(source, what));
            }
        }
    }

    fn inspect(&mut self) -> inspect::Settings {
        let memory = self.read(&keys::INSPECTION_MEMORY, value::size);
        inspect::Settings {
            message_limit: self.read(&keys::MESSAGE_LIMIT, value::size),
            // A 32-bit machine cannot hold more than its address space anyway.
            memory: Arc::new(Budget::new(usize::try_from(memory).unwrap_or(usize::MAX))),
            identity_header: self.optional(&keys::CLIENT_ID_HEADER, header_name),
            ..inspect::Settings::default()
        }
    }

    fn telemetry(&mut self, front: Option<&Front>, slo: &SloConfig) -> telemetry::Settings {
        let name = self.optional(&keys::NAME, value::label);
        telemetry::Settings {
            server_name: name.or_else(|| front.map(usual_name)).unwrap_or_default(),
            environment: self.optional(&keys::ENVIRONMENT, value::label).unwrap_or_default(),
            region: self.optional(&keys::REGION, value::label).unwrap_or_default(),
            client_id: self.read(&keys::CLIENT_ID, value::client_id),
            max_tools: self.read(&keys::MAX_TOOLS, value::count),
            max_clients: self.read(&keys::MAX_CLIENTS, value::count),
            complexity: self.complexity().into_iter().collect(),
            plan: Arc::new(slo.plan.clone()),
            prices: slo.prices.clone(),
            quality: slo.quality.clone(),
            ..telemetry::Settings::default()
        }
    }

    fn state(&mut self) -> Option<StateSettings> {
        let interval = self.read(&keys::STATE_INTERVAL, value::interval);
        let dir = self.optional(&keys::STATE_DIR, value::directory)?;
        Some(StateSettings { dir, interval })
    }

    /// `TOOL=LEVEL,...` from a flag or variable, a mapping from the file.
    fn complexity(&mut self) -> Vec<(String, Complexity)> {
        const PAIRS: &str = "is not TOOL=LEVEL; write for example search=high,echo=low";
        let Some((value, source)) = self.raw.get(&keys::COMPLEXITY) else { return Vec::new() };
        let mut pairs = Vec::new();
        match value {
            RawValue::Pairs(given) => {
                let levels = given.iter().map(|(tool, levels)| (tool.clone(), levels.join(",")));
                pairs.extend(levels);
            }
            RawValue::List(list) => {
                self.problems.push(Problem::new(source, format!("{:?} {PAIRS}", list.join(","))));
            }
            RawValue::Text(text) => {
                for pair in text.split(',') {
                    match pair.rsplit_once('=') {
                        Some((tool, level)) => pairs.push((tool.to_owned(), level.to_owned())),
                        None => self.problems.push(Problem::new(source, format!("{pair:?} {PAIRS}"))),
                    }
                }
            }
        }
        let mut levels = Vec::new();
        for (tool, level) in pairs {
            match value::complexity(&level) {
                Ok(level) => levels.push((tool, level)),
                Err(expected) => {
                    self.problems
                        .push(Problem::new(source, format!("{level:?} for {tool:?} is not {expected}")));
                }
            }
        }
        levels
    }

    /// The value of a setting that has a default. Where it is wrong the default stands in, so that reading goes on.
    pub(super) fn read<T>(&mut self, key: &Key, parse: fn(&str) -> Result<T, Expected>) -> T {
        self.optional(key, parse).unwrap_or_else(|| {
            parse(key.default_for(self.serving))
                .unwrap_or_else(|_| unreachable!("a default is valid: see the test"))
        })
    }

    /// The value of a setting, if it was given and is right.
    pub(super) fn optional<T>(&mut self, key: &Key, parse: fn(&str) -> Result<T, Expected>) -> Option<T> {
        let (value, source) = self.raw.get(key)?;
        let RawValue::Text(text) = value else {
            self.problems.push(Problem::new(source, "must be one value, not a list or a mapping"));
            return None;
        };
        match parse(text) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.problems.push(Problem::new(source, format!("{text:?} is not {expected}")));
                None
            }
        }
    }
}

fn header_name(text: &str) -> Result<HeaderName, Expected> {
    text.parse().map_err(|_| "a header name; write for example x-user")
}

/// The name of a server that was given none.
fn usual_name(front: &Front) -> String {
    match front {
        Front::Http(http) => http.upstream.address.authority(),
        Front::Stdio(stdio) => {
            let command = stdio.command.first().map(Path::new);
            let name = command.and_then(Path::file_name).unwrap_or_default().to_string_lossy();
            // Of whatever stands there a label is to be made.
            let shown = name.chars().filter(|sign| !sign.is_control()).take(128).collect::<String>();
            if shown.is_empty() { "stdio".to_owned() } else { shown }
        }
    }
}

/// Whether the server's address is one of ours.
fn is_same(upstream: &UpstreamAddress, own: &Address) -> bool {
    match (upstream, own) {
        (UpstreamAddress::Tcp { host, port }, Address::Tcp(own)) if *port == own.port() => {
            match host.parse::<IpAddr>() {
                Ok(ip) => ip == own.ip() || (ip.is_loopback() && own.ip().is_unspecified()),
                Err(_) => host == "localhost" && (own.ip().is_loopback() || own.ip().is_unspecified()),
            }
        }
        (UpstreamAddress::Unix(path), Address::Unix(own)) => path == own,
        _ => false,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
