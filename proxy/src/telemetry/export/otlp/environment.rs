//! The standard variables of OpenTelemetry, as far as they say something about traces.
//!
//! Reading them never fails: what is empty is unset, what makes no sense or is not supported is named in a
//! [`Remark`] and left out.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

use super::resource::{self, Identity};
use super::settings::{Compression, Endpoint, Headers, Protocol, Settings, Tls, public};
use super::variables::{Reader, Why, boolean, count, milliseconds, pairs, some};
use crate::telemetry::traces::{QueueLimits, SpanLimits};

pub use super::variables::Remark;

/// The longest queue there may be: it is allocated at once.
const LONGEST_QUEUE: usize = 1 << 20;

/// What the variables say. `None` where they say nothing.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `OTEL_SDK_DISABLED`: there are no traces whatever else is said.
    pub disabled: bool,
    /// `OTEL_TRACES_EXPORTER`.
    pub exporter: Option<TracesExporter>,
    /// `OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT`; [`Endpoint::Default`] when there is none.
    pub endpoint: Endpoint,
    /// `OTEL_EXPORTER_OTLP_[TRACES_]PROTOCOL`.
    pub protocol: Option<Protocol>,
    /// `OTEL_EXPORTER_OTLP_[TRACES_]HEADERS`.
    pub headers: Headers,
    /// `OTEL_EXPORTER_OTLP_[TRACES_]TIMEOUT`.
    pub timeout: Option<Duration>,
    /// `OTEL_EXPORTER_OTLP_[TRACES_]COMPRESSION`.
    pub compression: Option<Compression>,
    /// `OTEL_EXPORTER_OTLP_[TRACES_]{CERTIFICATE,CLIENT_KEY,CLIENT_CERTIFICATE,INSECURE}`.
    pub tls: Tls,
    /// `OTEL_SERVICE_NAME`.
    pub service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub resource: Vec<(String, String)>,
    /// `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
    pub sampler: Option<Sampler>,
    /// `OTEL_PROPAGATORS`: whether `tracecontext` is among them. If not, contexts are neither read nor written.
    pub propagate: Option<bool>,
    /// `OTEL_BSP_SCHEDULE_DELAY`.
    pub schedule_delay: Option<Duration>,
    /// `OTEL_BSP_MAX_QUEUE_SIZE`.
    pub queue: Option<usize>,
    /// `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`.
    pub batch: Option<usize>,
    /// `OTEL_BSP_EXPORT_TIMEOUT`.
    pub export_timeout: Option<Duration>,
    /// `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, else `OTEL_ATTRIBUTE_COUNT_LIMIT`.
    pub attributes: Option<usize>,
    /// `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`.
    pub value_length: Option<usize>,
    /// `OTEL_SPAN_EVENT_COUNT_LIMIT`.
    pub events: Option<usize>,
    /// `OTEL_SPAN_LINK_COUNT_LIMIT`.
    pub links: Option<usize>,
    /// `K8S_NAMESPACE` or `POD_NAMESPACE`.
    pub namespace: Option<String>,
    /// `K8S_POD_NAME` or `POD_NAME`.
    pub pod: Option<String>,
    /// `HOSTNAME`.
    pub host: Option<String>,
}

/// Where `OTEL_TRACES_EXPORTER` wants traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TracesExporter {
    /// At a collector.
    Otlp,
    /// Nowhere.
    None,
}

/// What `OTEL_TRACES_SAMPLER` wants kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// Whether it holds only for traces that begin here, and others follow their parent.
    pub parent_based: bool,
    /// Which traces.
    pub kind: SamplerKind,
}

/// Which traces a sampler keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SamplerKind {
    /// All.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// This part, from 0 to 1.
    TraceIdRatio(f64),
}

impl Environment {
    /// Reads the variables by `lookup`.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> (Self, Vec<Remark>) {
        let mut reader = Reader::new(lookup);
        let mut environment = Self {
            disabled: reader.first(&["OTEL_SDK_DISABLED"], boolean).unwrap_or_default(),
            exporter: exporter(&mut reader),
            service_name: reader.text("OTEL_SERVICE_NAME"),
            resource: reader.first(&["OTEL_RESOURCE_ATTRIBUTES"], pairs).unwrap_or_default(),
            sampler: sampler(&mut reader),
            propagate: propagators(&mut reader),
            namespace: reader.text("K8S_NAMESPACE").or_else(|| reader.text("POD_NAMESPACE")),
            pod: reader.text("K8S_POD_NAME").or_else(|| reader.text("POD_NAME")),
            host: reader.text("HOSTNAME"),
            ..Self::default()
        };
        environment.read_exporter(&mut reader);
        environment.read_bounds(&mut reader);
        (environment, reader.remarks)
    }

    fn read_exporter<F: Fn(&str) -> Option<String>>(&mut self, reader: &mut Reader<F>) {
        let names = |traces, all| [traces, all];
        self.protocol = reader
            .first(&names("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"), |text| {
                Protocol::parse(text).ok_or("is neither grpc nor http/protobuf")
            });
        let protocol = self.protocol.unwrap_or_default();
        let address = |text: &str| address(text, protocol);
        self.endpoint = reader
            .first_secret(&["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"], address)
            .map(Endpoint::Exact)
            .or_else(|| reader.first_secret(&["OTEL_EXPORTER_OTLP_ENDPOINT"], address).map(Endpoint::Base))
            .unwrap_or_default();
        self.headers = reader
            .first_secret(&names("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"), headers)
            .unwrap_or_default();
        self.timeout = reader
            .first(&names("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"), milliseconds);
        self.compression = reader.first(
            &names("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"),
            compression,
        );
        let file = |text: &str| Ok(PathBuf::from(text));
        self.tls = Tls {
            ca_file: reader.first(
                &names("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
                file,
            ),
            client_certificate: reader.first(
                &names(
                    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
                    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
                ),
                file,
            ),
            client_key: reader
                .first(&names("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"), file),
            insecure: reader
                .first(&names("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE"), boolean)
                .unwrap_or_default(),
        };
    }

    fn read_bounds<F: Fn(&str) -> Option<String>>(&mut self, reader: &mut Reader<F>) {
        self.schedule_delay = reader.first(&["OTEL_BSP_SCHEDULE_DELAY"], milliseconds);
        self.export_timeout = reader.first(&["OTEL_BSP_EXPORT_TIMEOUT"], milliseconds);
        self.queue = reader.first(&["OTEL_BSP_MAX_QUEUE_SIZE"], some);
        if let Some(asked) = self.queue.filter(|asked| *asked > LONGEST_QUEUE) {
            let (value, instead) = (asked.to_string(), format!("{LONGEST_QUEUE} is used"));
            reader.remark("OTEL_BSP_MAX_QUEUE_SIZE", &value, "is more than can be", &instead);
            self.queue = Some(LONGEST_QUEUE);
        }
        self.batch = reader.first(&["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], some);
        let queue = self.queue.unwrap_or(QueueLimits::default().length);
        if let Some(asked) = self.batch.filter(|asked| *asked > queue) {
            let (value, instead) = (asked.to_string(), format!("{queue} is used"));
            reader.remark("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &value, "is more than the queue holds", &instead);
            self.batch = Some(queue);
        }
        self.attributes =
            reader.first(&["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"], count);
        self.value_length = reader
            .first(&["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"], count);
        self.events = reader.first(&["OTEL_SPAN_EVENT_COUNT_LIMIT"], count);
        self.links = reader.first(&["OTEL_SPAN_LINK_COUNT_LIMIT"], count);
    }

    /// Whether traces are wanted by what is said here alone: somewhere to send them is named, and nothing forbids it.
    #[must_use]
    pub fn wants_traces(&self) -> bool {
        let named = self.endpoint != Endpoint::Default || self.exporter == Some(TracesExporter::Otlp);
        named && !self.forbids_traces()
    }

    /// Whether there are no traces whatever the configuration says.
    #[must_use]
    pub fn forbids_traces(&self) -> bool {
        self.disabled || self.exporter == Some(TracesExporter::None)
    }

    /// How to export. What the configuration says otherwise is to be put into the fields before.
    #[must_use]
    pub fn settings(&self, identity: &Identity) -> Settings {
        let default = Settings::default();
        Settings {
            endpoint: self.endpoint.clone(),
            protocol: self.protocol.unwrap_or_default(),
            headers: self.headers.clone(),
            timeout: self.timeout.unwrap_or(default.timeout),
            export_timeout: self.export_timeout.unwrap_or(default.export_timeout),
            compression: self.compression.unwrap_or_default(),
            tls: self.tls.clone(),
            resource: resource::attributes(self, identity),
            schedule_delay: self.schedule_delay.unwrap_or(default.schedule_delay),
            batch: self.queue_limits().batch,
            retry: default.retry,
        }
    }

    /// What may wait for the exporter.
    #[must_use]
    pub fn queue_limits(&self) -> QueueLimits {
        let default = QueueLimits::default();
        let length = self.queue.unwrap_or(default.length);
        QueueLimits { length, batch: self.batch.unwrap_or(default.batch).min(length), ..default }
    }

    /// What a span may hold.
    #[must_use]
    pub fn span_limits(&self) -> SpanLimits {
        SpanLimits {
            attributes: self.attributes.unwrap_or(128),
            value_length: self.value_length,
            events: self.events.unwrap_or(128),
            links: self.links.unwrap_or(128),
        }
    }
}

fn exporter<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<TracesExporter> {
    const NAME: &str = "OTEL_TRACES_EXPORTER";
    let text = reader.text(NAME)?;
    let mut known = None;
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            "otlp" => known = Some(TracesExporter::Otlp),
            "none" => known = known.or(Some(TracesExporter::None)),
            other => reader.remark(NAME, other, "is not supported (otlp and none are)", "ignored"),
        }
    }
    known
}

fn sampler<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<Sampler> {
    const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
    let (parent_based, kind) = reader.first(&["OTEL_TRACES_SAMPLER"], |text| {
        let (parent_based, kind) =
            text.strip_prefix("parentbased_").map_or((false, text), |kind| (true, kind));
        match kind {
            "always_on" => Ok((parent_based, SamplerKind::AlwaysOn)),
            "always_off" => Ok((parent_based, SamplerKind::AlwaysOff)),
            "traceidratio" => Ok((parent_based, SamplerKind::TraceIdRatio(1.0))),
            _ => Err("is no sampler that is supported here"),
        }
    })?;
    let SamplerKind::TraceIdRatio(all) = kind else { return Some(Sampler { parent_based, kind }) };
    let ratio = |text: &str| {
        text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)).ok_or("is no number from 0 to 1")
    };
    let kind = SamplerKind::TraceIdRatio(reader.first(&[ARGUMENT], ratio).unwrap_or(all));
    Some(Sampler { parent_based, kind })
}

fn propagators<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<bool> {
    const NAME: &str = "OTEL_PROPAGATORS";
    let text = reader.text(NAME)?;
    let mut trace_context = false;
    let mut none = false;
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            "tracecontext" => trace_context = true,
            "none" => none = true,
            // It passes through as any other header.
            "baggage" => {}
            other => reader.remark(NAME, other, "is not supported (tracecontext is)", "ignored"),
        }
    }
    Some(trace_context && !none)
}

fn compression(text: &str) -> Result<Compression, Why> {
    match text.to_ascii_lowercase().as_str() {
        "none" => Ok(Compression::None),
        "gzip" => Ok(Compression::Gzip),
        _ => Err("is neither gzip nor none"),
    }
}

fn headers(text: &str) -> Result<Headers, Why> {
    let mut headers = Vec::new();
    for (name, value) in pairs(text)? {
        let name = HeaderName::try_from(name).map_err(|_| "has a name that is none of a header")?;
        let mut value = HeaderValue::try_from(value).map_err(|_| "has a value that is none of a header")?;
        value.set_sensitive(true);
        headers.push((name, value));
    }
    Ok(Headers(headers))
}

/// Whether something can be sent there; what is wrong in detail is told when the exporter is made.
fn address(text: &str, protocol: Protocol) -> Result<String, Why> {
    let uri: Uri = public(text).parse().map_err(|_| "is no URL")?;
    match uri.scheme_str() {
        _ if uri.host().is_none_or(str::is_empty) => Err("names no host"),
        Some("http" | "https") => Ok(text.to_owned()),
        None if protocol == Protocol::Grpc => Ok(text.to_owned()),
        _ => Err("is no URL that begins with http:// or https://"),
    }
}
