//! The standard variables of OpenTelemetry, as far as they say something about traces or metrics.
//!
//! Reading them never fails: what is empty is unset, what makes no sense or is not supported is named in a
//! [`Remark`] and left out.

use std::time::Duration;

use super::resource::{self, Identity};
use super::sending::Sending;
use super::settings::{Endpoint, MOST_POINTS, Settings, Signal};
use super::variables::{Reader, boolean, count, milliseconds, pairs, some};
use crate::telemetry::traces::{QueueLimits, SpanLimits};

pub use super::variables::Remark;

/// The longest queue there may be: it is allocated at once.
const LONGEST_QUEUE: usize = 1 << 20;
/// The shortest time between two exports of metrics: each is a look at all series.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// What the variables say. `None` where they say nothing.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `OTEL_SDK_DISABLED`: nothing is sent whatever else is said.
    pub disabled: bool,
    /// `OTEL_TRACES_EXPORTER`.
    pub traces_exporter: Option<Destination>,
    /// `OTEL_METRICS_EXPORTER`.
    pub metrics_exporter: Option<Destination>,
    /// How traces are sent.
    pub traces: Sending,
    /// How metrics are sent.
    pub metrics: Sending,
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
    /// `OTEL_METRIC_EXPORT_INTERVAL`.
    pub metrics_interval: Option<Duration>,
    /// `OTEL_METRIC_EXPORT_TIMEOUT`.
    pub metrics_timeout: Option<Duration>,
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

/// Where `OTEL_TRACES_EXPORTER` wants traces, and `OTEL_METRICS_EXPORTER` metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
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
            traces_exporter: exporter(&mut reader, "OTEL_TRACES_EXPORTER", &[]),
            // To Prometheus they go anyway: it reads the admin port.
            metrics_exporter: exporter(&mut reader, "OTEL_METRICS_EXPORTER", &["prometheus"]),
            traces: Sending::read(&mut reader, Signal::Traces),
            metrics: Sending::read(&mut reader, Signal::Metrics),
            service_name: reader.text("OTEL_SERVICE_NAME"),
            resource: reader.first(&["OTEL_RESOURCE_ATTRIBUTES"], pairs).unwrap_or_default(),
            sampler: sampler(&mut reader),
            propagate: propagators(&mut reader),
            namespace: reader.text("K8S_NAMESPACE").or_else(|| reader.text("POD_NAMESPACE")),
            pod: reader.text("K8S_POD_NAME").or_else(|| reader.text("POD_NAME")),
            host: reader.text("HOSTNAME"),
            ..Self::default()
        };
        environment.read_bounds(&mut reader);
        (environment, reader.remarks)
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
        const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
        self.metrics_interval = reader.first(&[INTERVAL], milliseconds);
        if let Some(asked) = self.metrics_interval.filter(|asked| *asked < SHORTEST_INTERVAL) {
            let (value, instead) = (asked.as_millis().to_string(), "100 is used");
            reader.remark(INTERVAL, &value, "is less than can be", instead);
            self.metrics_interval = Some(SHORTEST_INTERVAL);
        }
        self.metrics_timeout = reader.first(&["OTEL_METRIC_EXPORT_TIMEOUT"], milliseconds);
    }

    /// Whether traces are wanted by what is said here alone: somewhere to send them is named, and nothing forbids it.
    #[must_use]
    pub fn wants_traces(&self) -> bool {
        let named =
            self.traces.endpoint != Endpoint::Default || self.traces_exporter == Some(Destination::Otlp);
        named && !self.forbids_traces()
    }

    /// Whether there are no traces whatever the configuration says.
    #[must_use]
    pub fn forbids_traces(&self) -> bool {
        self.disabled || self.traces_exporter == Some(Destination::None)
    }

    /// Whether no metrics are sent whatever the configuration says.
    #[must_use]
    pub fn forbids_metrics(&self) -> bool {
        self.disabled || self.metrics_exporter == Some(Destination::None)
    }

    /// How to export traces. What the configuration says otherwise is to be put into the fields before.
    #[must_use]
    pub fn settings(&self, identity: &Identity) -> Settings {
        let default = Settings::default();
        Settings {
            export_timeout: self.export_timeout.unwrap_or(default.export_timeout),
            schedule_delay: self.schedule_delay.unwrap_or(default.schedule_delay),
            batch: self.queue_limits().batch,
            ..self.sent(Signal::Traces, identity)
        }
    }

    /// The same for metrics.
    #[must_use]
    pub fn metric_settings(&self, identity: &Identity) -> Settings {
        Settings {
            export_timeout: self.metrics_timeout.unwrap_or(Settings::default().export_timeout),
            schedule_delay: self.metrics_interval.unwrap_or(Duration::from_secs(60)),
            batch: MOST_POINTS,
            ..self.sent(Signal::Metrics, identity)
        }
    }

    fn sent(&self, signal: Signal, identity: &Identity) -> Settings {
        let sending = match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
        };
        let default = Settings::default();
        Settings {
            signal,
            endpoint: sending.endpoint.clone(),
            protocol: sending.protocol.unwrap_or_default(),
            headers: sending.headers.clone(),
            timeout: sending.timeout.unwrap_or(default.timeout),
            compression: sending.compression.unwrap_or_default(),
            tls: sending.tls.clone(),
            resource: resource::attributes(self, identity),
            ..default
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

/// `silent` are those that need no remark though they change nothing.
fn exporter<F: Fn(&str) -> Option<String>>(
    reader: &mut Reader<F>,
    variable: &'static str,
    silent: &[&str],
) -> Option<Destination> {
    let text = reader.text(variable)?;
    let mut known = None;
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            "otlp" => known = Some(Destination::Otlp),
            "none" => known = known.or(Some(Destination::None)),
            other if silent.contains(&other) => {}
            other => reader.remark(variable, other, "is not supported (otlp and none are)", "ignored"),
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
