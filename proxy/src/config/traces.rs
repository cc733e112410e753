//! Everything about traces: our own settings, and below them the variables of OpenTelemetry.

use http::Uri;

use super::keys::{self, Key};
use super::outlets;
use super::problem::Problem;
use super::raw::{RawConfig, RawValue, Source};
use super::resolve::Reader;
use super::value::{self, Expected};
use crate::exchange::trace::{self, Ids, Propagate, Trust};
use crate::http::forward::{self, UpstreamAddress, UpstreamProtocol};
use crate::protocol::sampling::Threshold;
use crate::telemetry;
use crate::telemetry::export::otlp::{self, Endpoint, Environment, Identity, Protocol, SamplerKind};
use crate::telemetry::traces::{self, Capture, CaptureRule, Sampling, ServerAddress};

/// What becomes of traces.
#[derive(Debug, Clone)]
pub struct TraceConfig {
    /// How trace context is treated.
    pub context: trace::Settings,
    /// What is kept, and how it is shown.
    pub spans: traces::Settings,
    /// Where it goes.
    pub export: otlp::Settings,
    /// Part of the ordinary calls that is kept, for people.
    pub ratio: f64,
}

/// What was said about traces while there are none: no mistake, for one file may serve many, but worth a line.
pub(super) fn without_effect(raw: &RawConfig, environment: &Environment) -> Option<String> {
    let endpoint = raw.get(&keys::OTLP_ENDPOINT);
    if environment.forbids_traces() {
        let forbids = if environment.disabled { "OTEL_SDK_DISABLED" } else { "OTEL_TRACES_EXPORTER" };
        // It may be there for metrics.
        return endpoint
            .filter(|_| !outlets::sends(raw, environment))
            .map(|(_, source)| format!("{source}: there are no traces, for {forbids} forbids them"));
    }
    if endpoint.is_some() || environment.wants_traces() {
        return None;
    }
    let (_, source) = keys::TRACES.iter().find_map(|key| raw.get(key))?;
    Some(format!("{source}: there are no traces without otlp_endpoint"))
}

impl Reader<'_> {
    /// Reads all of it, so that mistakes are told even while there are no traces.
    pub(super) fn traces(
        &mut self,
        environment: &Environment,
        upstream: Option<&forward::Settings>,
        telemetry: &telemetry::Settings,
    ) -> Option<TraceConfig> {
        let (ratio, sampling) = self.sampling(environment);
        let (propagate, trust) = self.context(environment);
        let capture = self.capture();
        if !environment.wants_traces() {
            return None;
        }
        let context = trace::Settings {
            propagate,
            trust,
            threshold: sampling.threshold,
            follow_parent: sampling.follow_parent,
            ids: Ids::Random,
        };
        let spans = traces::Settings {
            sampling,
            queue: environment.queue_limits(),
            capture,
            limits: environment.span_limits(),
            server: upstream.map(server).unwrap_or_default(),
        };
        Some(TraceConfig { context, spans, export: environment.settings(&identity(telemetry)), ratio })
    }

    /// Puts what is said about the collector above the variables of OpenTelemetry, for all signals.
    pub(super) fn collector(&mut self, environment: &mut Environment) {
        let protocol = self.optional(&keys::OTLP_PROTOCOL, protocol);
        let endpoint = self.endpoint();
        for sending in [&mut environment.traces, &mut environment.metrics] {
            if let Some(protocol) = protocol {
                sending.protocol = Some(protocol);
            }
            if let Some(endpoint) = &endpoint {
                sending.endpoint = Endpoint::Base(endpoint.clone());
            }
        }
    }

    /// The collector's URL. A wrong one is not repeated where it may hold a password.
    fn endpoint(&mut self) -> Option<String> {
        let (RawValue::Text(text), source) = self.raw.get(&keys::OTLP_ENDPOINT)? else {
            return self.optional(&keys::OTLP_ENDPOINT, |_| Err(""));
        };
        match endpoint(text) {
            Ok(()) => Some(text.clone()),
            Err(expected) => {
                let shown = if text.contains('@') { "the value".to_owned() } else { format!("{text:?}") };
                self.problems.push(Problem::new(source, format!("{shown} is not {expected}")));
                None
            }
        }
    }

    /// What is kept. A sampler of the environment has its standard meaning, in which failed and slow calls are like
    /// others, unless the part is said by a setting of ours.
    fn sampling(&mut self, environment: &Environment) -> (f64, Sampling) {
        let ratio = self.optional(&keys::TRACE_RATIO, part);
        let slow = self.optional(&keys::TRACE_SLOW, value::optional_duration);
        let errors = self.optional(&keys::TRACE_ERRORS, value::switch);
        let storm = self.read(&keys::TRACE_STORM, per_second);
        let sampler = environment.sampler.filter(|_| ratio.is_none());
        let (ratio, follow_parent) = match sampler {
            Some(sampler) => {
                let ratio = match sampler.kind {
                    SamplerKind::AlwaysOn => 1.0,
                    SamplerKind::AlwaysOff => 0.0,
                    SamplerKind::TraceIdRatio(ratio) => ratio,
                };
                (ratio, sampler.parent_based)
            }
            None => (ratio.unwrap_or_else(|| default(&keys::TRACE_RATIO, part)), true),
        };
        let ours = sampler.is_none();
        let usual_slow = || if ours { default(&keys::TRACE_SLOW, value::optional_duration) } else { None };
        let sampling = Sampling {
            follow_parent,
            errors: errors.unwrap_or(ours),
            slow: slow.unwrap_or_else(usual_slow),
            storm,
            threshold: Threshold::of(ratio),
        };
        (ratio, sampling)
    }

    /// What is written and read. Without `tracecontext` among the environment's propagators that is nothing, unless a
    /// setting of ours says otherwise.
    fn context(&mut self, environment: &Environment) -> (Propagate, Trust) {
        let propagate = self.optional(&keys::PROPAGATE, propagate);
        let trust = self.optional(&keys::TRACE_TRUST, trust);
        if environment.propagate == Some(false) {
            return (propagate.unwrap_or(Propagate::Off), trust.unwrap_or(Trust::Ignore));
        }
        (propagate.unwrap_or_default(), trust.unwrap_or_default())
    }

    fn capture(&mut self) -> Capture {
        let mut rules = Vec::new();
        let mut wrong = |source: &Source, what: &str| {
            let remedy = "write for example search:query,limit;echo:result";
            self.problems.push(Problem::new(source, format!("{what:?} is not TOOL:KEY,...; {remedy}")));
        };
        match self.raw.get(&keys::CAPTURE) {
            None => {}
            Some((RawValue::Text(text), source)) => {
                for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
                    match CaptureRule::parse(part) {
                        Some(rule) => rules.push(rule),
                        None => wrong(source, part),
                    }
                }
            }
            Some((RawValue::List(list), source)) => wrong(source, &list.join(",")),
            Some((RawValue::Pairs(pairs), source)) => {
                for (tool, words) in pairs {
                    match CaptureRule::new(tool, words.iter().flat_map(|words| words.split(','))) {
                        Some(rule) => rules.push(rule),
                        None => wrong(source, &format!("{tool}:")),
                    }
                }
            }
        }
        Capture { rules, redact: self.redact(), limit: self.read(&keys::CAPTURE_LIMIT, text_size) }
    }

    fn redact(&mut self) -> Vec<String> {
        let split = |text: &str| text.split(',').map(|key| key.trim().to_owned()).collect::<Vec<_>>();
        let keys = match self.raw.get(&keys::CAPTURE_REDACT) {
            None => Vec::new(),
            Some((RawValue::Text(text), _)) => split(text),
            Some((RawValue::List(list), _)) => list.iter().flat_map(|text| split(text)).collect(),
            Some((RawValue::Pairs(_), source)) => {
                self.problems
                    .push(Problem::new(source, "must be keys, as KEY,KEY or as a list, not a mapping"));
                Vec::new()
            }
        };
        keys.into_iter().filter(|key| !key.is_empty()).collect()
    }
}

/// What is said about this process with all that is sent.
pub(super) fn identity(telemetry: &telemetry::Settings) -> Identity {
    Identity {
        name: telemetry.server_name.clone(),
        version: telemetry.version.clone(),
        environment: telemetry.environment.clone(),
        region: telemetry.region.clone(),
    }
}

/// The value of a setting about which nothing was said.
fn default<T>(key: &Key, parse: fn(&str) -> Result<T, Expected>) -> T {
    parse(key.default).unwrap_or_else(|_| unreachable!("a default is valid: see the test"))
}

fn endpoint(text: &str) -> Result<(), Expected> {
    const EXPECTED: Expected = "a collector's URL; write http://HOST:PORT or https://HOST:PORT (credentials: \
        OTEL_EXPORTER_OTLP_HEADERS)";
    let uri: Uri = text.parse().map_err(|_| EXPECTED)?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    let plain = uri.query().is_none() && uri.authority().is_some_and(|host| !host.as_str().contains('@'));
    if known && plain && uri.host().is_some_and(|host| !host.is_empty()) { Ok(()) } else { Err(EXPECTED) }
}

fn protocol(text: &str) -> Result<Protocol, Expected> {
    Protocol::parse(text).ok_or("grpc or http/protobuf")
}

fn propagate(text: &str) -> Result<Propagate, Expected> {
    match text {
        "off" => Ok(Propagate::Off),
        "header" => Ok(Propagate::Header),
        "full" => Ok(Propagate::Full),
        _ => Err("off, header or full"),
    }
}

fn trust(text: &str) -> Result<Trust, Expected> {
    match text {
        "continue" => Ok(Trust::Continue),
        "link" => Ok(Trust::Link),
        "ignore" => Ok(Trust::Ignore),
        _ => Err("continue, link or ignore"),
    }
}

/// A part of a whole.
fn part(text: &str) -> Result<f64, Expected> {
    let (number, whole) = text.strip_suffix('%').map_or((text, 1.0), |number| (number.trim_end(), 100.0));
    let part = number.parse::<f64>().ok().map(|number| number / whole);
    part.filter(|part| (0.0..=1.0).contains(part))
        .ok_or("a part of a whole; write a number from 0 to 1, or a percentage, for example 0.1 or 10%")
}

fn per_second(text: &str) -> Result<u32, Expected> {
    text.parse().ok().filter(|count| *count <= 1_000_000).ok_or("a whole number from 0 to 1000000")
}

/// The size of one text on a span.
fn text_size(text: &str) -> Result<usize, Expected> {
    const EXPECTED: Expected =
        "a size from 64B to 64KiB; write a number and its unit, for example 512B or 4KiB";
    let size = text.parse::<bytesize::ByteSize>().ok().and_then(|size| usize::try_from(size.as_u64()).ok());
    size.filter(|size| (64..=64 << 10).contains(size)).ok_or(EXPECTED)
}

/// The server as spans name it.
fn server(upstream: &forward::Settings) -> ServerAddress {
    let (address, port, transport) = match &upstream.address {
        UpstreamAddress::Tcp { host, port } | UpstreamAddress::Tls { host, port } => {
            (host.clone(), Some(*port), "tcp")
        }
        UpstreamAddress::Unix(path) => (path.display().to_string(), None, "unix"),
    };
    let http_version = match upstream.protocol {
        UpstreamProtocol::Http1 => "1.1",
        UpstreamProtocol::Http2 => "2",
    };
    ServerAddress { address, port, transport, http_version }
}

#[cfg(test)]
#[path = "traces_tests.rs"]
mod tests;
