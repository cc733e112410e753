//! What the command line means, checked.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::cluster::ConnectSettings;
use crate::serve::http::Allowed;
use crate::sim;
use crate::telemetry::log::{LogFormat, LogSettings};
use crate::telemetry::traces::TraceSettings;

use super::Flags;
use super::flags;

/// Checked, with nothing left to interpret.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How clients come in.
    pub way: Way,
    /// Where metrics and probes are, if anywhere.
    pub admin: Option<SocketAddr>,
    /// What is diagnosed.
    pub cluster: Cluster,
    /// How long reads are used again.
    pub cache_ttl: Option<Duration>,
    /// Where traces go, if anywhere.
    pub traces: Option<TraceSettings>,
    /// The log.
    pub log: LogSettings,
}

/// How clients come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over HTTP at this address.
    Http(SocketAddr, Allowed),
    /// One client, over standard input and output.
    Stdio,
}

/// What is diagnosed.
#[derive(Clone, Debug, PartialEq)]
pub enum Cluster {
    /// The simulated one.
    Sim(sim::Options),
    /// A real one.
    Kube(ConnectSettings),
}

/// Everything that is wrong with a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "1 problem with the command line:")?,
            n => write!(f, "{n} problems with the command line:")?,
        }
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl Problems {
    /// The value, or its problem noted and something to go on with.
    fn take<T>(&mut self, flag: &str, checked: Result<T, String>, instead: T) -> T {
        checked.unwrap_or_else(|problem| {
            self.0.push(format!("--{flag}: {problem}"));
            instead
        })
    }
}

impl TryFrom<Flags> for Settings {
    type Error = Problems;

    fn try_from(flags: Flags) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let Flags { serving, cluster, telemetry } = flags;
        let admin = problems.take("admin", admin(&serving), None);
        let way = way(&serving, &mut problems);
        let cache_ttl = problems.take("cache-ttl", cache_ttl(&cluster.cache_ttl), None);
        let cluster = self::cluster(cluster, &mut problems);
        let traces = traces(&telemetry, &mut problems);
        let log_format = match telemetry.log_format.as_str() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => Err(format!("text or json, not `{other}`")),
        };
        let log_format = problems.take("log-format", log_format, LogFormat::Text);
        let log_level = telemetry
            .log
            .parse()
            .map_err(|_| format!("error, warn, info, debug or trace, not `{}`", telemetry.log));
        let log_level = problems.take("log", log_level, tracing::Level::INFO);
        if !problems.0.is_empty() {
            return Err(problems);
        }
        let log = LogSettings { format: log_format, level: log_level };
        Ok(Self { way, admin, cluster, cache_ttl, traces, log })
    }
}

/// An option that is given and not empty: orchestrators set variables to nothing.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("an address and a port, as 127.0.0.1:3001 or [::1]:3001, not `{text}`"))
}

fn admin(serving: &flags::Serving) -> Result<Option<SocketAddr>, String> {
    match given(serving.admin.clone()).as_deref() {
        Some("off") => Ok(None),
        Some(text) => address(text).map(Some),
        None if serving.stdio => Ok(None),
        None => Ok(Some(SocketAddr::from(([127, 0, 0, 1], 9465)))),
    }
}

fn way(serving: &flags::Serving, problems: &mut Problems) -> Way {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let listen = problems.take("listen", address(&serving.listen), nowhere);
    let mut allowed = Allowed::default();
    let given = |list: &[String]| {
        let texts = list.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        texts.collect::<Vec<_>>()
    };
    let hosts = given(&serving.allowed_host);
    if !hosts.is_empty() {
        allowed.hosts =
            hosts.into_iter().map(|text| problems.take("allowed-host", host(text), "*".into())).collect();
    }
    let origins = given(&serving.allowed_origin);
    if !origins.is_empty() {
        allowed.origins = origins
            .into_iter()
            .map(|text| problems.take("allowed-origin", origin(text), "*".into()))
            .collect();
    }
    if serving.stdio { Way::Stdio } else { Way::Http(listen, allowed) }
}

fn host(text: String) -> Result<String, String> {
    let name = text == "*"
        || text.parse::<http::uri::Authority>().is_ok_and(|authority| !authority.as_str().contains('@'));
    if name { Ok(text) } else { Err(format!("a name, as tools.example or tools.example:3001, not `{text}`")) }
}

/// With a port in any case: rmcp takes a port that is not named for any port.
fn origin(text: String) -> Result<String, String> {
    if text == "*" || text == "null" {
        return Ok(text);
    }
    let (named, any_port) = match text.strip_suffix(":*") {
        Some(named) => (named, true),
        None => (text.as_str(), false),
    };
    let uri = named.parse::<http::Uri>().ok().filter(|uri| uri.path() == "/" && uri.query().is_none());
    match uri.as_ref().and_then(|_| crate::serve::http::origin_tuple(named)) {
        Some((scheme, host, _)) if any_port => Ok(format!("{scheme}://{host}:*")),
        Some((scheme, host, port)) if port != 0 => Ok(format!("{scheme}://{host}:{port}")),
        _ => Err(format!("an origin, as https://app.example or http://localhost:*, not `{text}`")),
    }
}

fn cache_ttl(text: &str) -> Result<Option<Duration>, String> {
    match text {
        "off" => Ok(None),
        _ => match humantime::parse_duration(text) {
            Ok(ttl) if !ttl.is_zero() => Ok(Some(ttl)),
            Ok(_) => Err("a duration that is not zero, or off".to_owned()),
            Err(error) => Err(format!("a duration, as 15s, or off, not `{text}` ({error})")),
        },
    }
}

fn cluster(flags: flags::Cluster, problems: &mut Problems) -> Cluster {
    let seed = flags.sim_seed.parse().map_err(|_| format!("a whole number, not `{}`", flags.sim_seed));
    let seed = problems.take("sim-seed", seed, 1);
    let speed = match flags.sim_speed.parse::<f64>() {
        Ok(speed) if speed.is_finite() && (0.0..=100_000.0).contains(&speed) => Ok(speed),
        _ => Err(format!("a factor from 0 to 100000, not `{}`", flags.sim_speed)),
    };
    let speed = problems.take("sim-speed", speed, 1.0);
    let latency = match flags.sim_latency.as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!("on or off, not `{other}`")),
    };
    let latency = problems.take("sim-latency", latency, true);
    let faults = given(flags.sim_faults).map_or_else(
        || Ok(sim::Faults::default()),
        |text| text.parse().map_err(|error: sim::FaultsError| error.to_string()),
    );
    let faults = problems.take("sim-faults", faults, sim::Faults::default());
    let (kubeconfig, context) = (given(flags.kubeconfig), given(flags.context));
    let which = match flags.cluster.as_str() {
        "sim" => {
            for (flag, value) in [("kubeconfig", &kubeconfig), ("context", &context)] {
                if value.is_some() {
                    problems.take(flag, Err("only with --cluster kube".to_owned()), ());
                }
            }
            Ok(Cluster::Sim(sim::Options { seed, speed, latency, faults }))
        }
        "kube" => Ok(Cluster::Kube(ConnectSettings { kubeconfig: kubeconfig.map(PathBuf::from), context })),
        other => Err(format!("sim or kube, not `{other}`")),
    };
    problems.take("cluster", which, Cluster::Sim(sim::Options::default()))
}

fn traces(flags: &flags::Telemetry, problems: &mut Problems) -> Option<TraceSettings> {
    let given = |flag: &Option<String>| given(flag.clone());
    let (endpoint, protocol) = (given(&flags.otlp_endpoint), given(&flags.otlp_protocol));
    let variable = |name: &str| std::env::var(name).ok();
    let read = |protocol| TraceSettings::read(endpoint.as_deref(), protocol, variable);
    let first = match read(protocol.as_deref()) {
        Ok(settings) => return settings,
        Err(problem) => problem,
    };
    // It stops at the protocol: what would it say of the address?
    let second = read(Some("grpc")).err().filter(|second| *second != first);
    problems.0.extend([Some(first), second].into_iter().flatten().map(|problem| problem.to_string()));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> Result<Settings, String> {
        let arguments = [&["mcp-backend"], arguments].concat();
        let flags = Flags::try_from_arguments(arguments).map_err(|error| error.to_string())?;
        Settings::try_from(flags).map_err(|problems| problems.to_string())
    }

    #[test]
    fn the_command_is_sound() {
        use clap::CommandFactory;
        Flags::command().debug_assert();
    }

    #[test]
    fn without_flags_it_serves_the_simulated_cluster_on_loopback() {
        let settings = settings(&[]).unwrap();
        assert_eq!(settings.way, Way::Http("127.0.0.1:3001".parse().unwrap(), Allowed::default()));
        assert_eq!(settings.admin, Some("127.0.0.1:9465".parse().unwrap()));
        let options = sim::Options { latency: true, ..sim::Options::default() };
        assert_eq!(settings.cluster, Cluster::Sim(options));
        assert_eq!(settings.cache_ttl, Some(Duration::from_secs(15)));
        assert_eq!(settings.traces, None);
    }

    #[test]
    fn stdio_has_no_admin_port_unless_one_is_asked_for() {
        assert_eq!(settings(&["--stdio"]).unwrap().admin, None);
        let asked = settings(&["--stdio", "--admin", "127.0.0.1:1"]).unwrap();
        assert_eq!((asked.way, asked.admin), (Way::Stdio, Some("127.0.0.1:1".parse().unwrap())));
        assert_eq!(settings(&["--admin", "off"]).unwrap().admin, None);
    }

    #[test]
    fn lists_of_hosts_and_origins_replace_the_defaults() {
        let arguments = ["--allowed-host", "a.example,b.example:80", "--allowed-host=[::1]"];
        let Way::Http(_, allowed) = settings(&arguments).unwrap().way else { panic!("HTTP") };
        assert_eq!(allowed.hosts, ["a.example", "b.example:80", "[::1]"]);
        assert_eq!(allowed.origins, Allowed::default().origins);
        let arguments = ["--allowed-origin", "https://A.example,http://localhost:*, http://c.example:8080/"];
        let Way::Http(_, allowed) = settings(&arguments).unwrap().way else { panic!("HTTP") };
        let expected = ["https://a.example:443", "http://localhost:*", "http://c.example:8080"];
        assert_eq!(allowed.origins, expected);
    }

    #[test]
    fn the_simulated_cluster_has_options() {
        let text = "--sim-seed=7 --sim-speed=2.5 --sim-latency=off --cache-ttl=off \
                    --sim-faults=api_error=0.01,slow=0.02:2s,forbidden=metrics,forbidden=nodes";
        let seen = settings(&text.split_whitespace().collect::<Vec<_>>()).unwrap();
        let slow = Some((0.02, Duration::from_secs(2)));
        let mut faults = sim::Faults { api_error: 0.01, slow, ..sim::Faults::default() };
        faults.forbidden = vec!["metrics".to_owned(), "nodes".to_owned()];
        assert_eq!(seen.cluster, Cluster::Sim(sim::Options { seed: 7, speed: 2.5, latency: false, faults }));
        assert_eq!(seen.cache_ttl, None);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text = "--listen=x --admin=y --cluster=z --sim-seed=-1 --sim-speed=nan --sim-latency=maybe \
                    --sim-faults=api_error=2 --cache-ttl=0s --otlp-endpoint=collector --otlp-protocol=http/json \
                    --log-format=xml --log=loud --allowed-host=a/b --allowed-origin=app.example";
        let problems = settings(&text.split_whitespace().collect::<Vec<_>>()).unwrap_err();
        assert!(problems.starts_with("14 problems"), "{problems}");
        for flag in text.split_whitespace().filter_map(|flag| flag.split('=').next()) {
            assert!(problems.contains(&format!("\n  {flag}: ")), "{flag}: {problems}");
        }
    }

    #[test]
    fn flags_of_a_real_cluster_need_one() {
        let kube = settings(&["--cluster", "kube", "--context", "staging", "--kubeconfig", "f"]).unwrap();
        let expected = Cluster::Kube(ConnectSettings {
            kubeconfig: Some("f".into()),
            context: Some("staging".to_owned()),
        });
        assert_eq!(kube.cluster, expected);
        assert!(settings(&["--context", "staging"]).unwrap_err().contains("only with --cluster kube"));
    }
}
