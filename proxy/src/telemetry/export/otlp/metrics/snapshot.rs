//! All series at one moment, as requests for a collector.
//!
//! Names, labels and values are those of the scrape, so that queries and dashboards do not ask how a series came:
//!
//! | here | there |
//! |---|---|
//! | counter | sum, monotonic, cumulative; whole numbers stay whole |
//! | gauge, info | gauge |
//! | histogram | explicit-bounds histogram, cumulative, with the exemplars of its buckets |
//! | summary | summary: its quantiles are of a window, and a collector cannot make them of anything else; `NaN` without a value |
//!
//! A snapshot that is large goes in several requests: collectors bound what they take at once. Series of one family may
//! then be in two of them, as the protocol allows.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, Gauge, Histogram, HistogramDataPoint, Metric as Family,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use crate::telemetry::histogram::{self, BucketHistogram};
use crate::telemetry::names::{Kind, Metric, QUANTILES, label};
use crate::telemetry::registry::{Cell, Registry, read_labels};
use crate::telemetry::rolling::RollingSummary;
use crate::telemetry::traces::Moment;

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// What is the same in every snapshot of a process.
#[derive(Debug)]
pub(in crate::telemetry::export::otlp) struct Frame {
    resource: Resource,
    scope: InstrumentationScope,
    /// Value of the constant label.
    server: String,
    /// When all counting began, in nanoseconds since the Unix epoch.
    start: u64,
    /// Most points of one request.
    most: usize,
}

impl Frame {
    pub(in crate::telemetry::export::otlp) fn new(
        resource: &[(String, String)],
        server: &str,
        start: SystemTime,
        most: usize,
    ) -> Self {
        let attributes = resource.iter().map(|(key, value)| attribute(key, value.clone())).collect();
        Self {
            resource: Resource { attributes, ..Resource::default() },
            scope: InstrumentationScope {
                name: "mcp-tap".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                ..InstrumentationScope::default()
            },
            server: server.to_owned(),
            start: nanoseconds(start),
            most: most.max(1),
        }
    }

    /// The series as they are at this moment.
    pub(in crate::telemetry::export::otlp) fn snapshot(
        &self,
        registry: &Registry,
        moment: Moment,
    ) -> Vec<Bytes> {
        let now = nanoseconds(moment.wall);
        let mut requests =
            Requests { frame: self, moment, now, families: Vec::new(), points: 0, done: Vec::new() };
        for metric in Metric::ALL.iter().copied() {
            registry.visit(metric, |labels, cell| requests.add(metric, labels, cell));
        }
        requests.flush();
        requests.done
    }
}

/// Requests in the making.
struct Requests<'a> {
    frame: &'a Frame,
    moment: Moment,
    now: u64,
    families: Vec<Family>,
    /// Points of `families`.
    points: usize,
    done: Vec<Bytes>,
}

impl Requests<'_> {
    fn add(&mut self, metric: Metric, labels: &str, cell: &Cell) {
        let (start, now, moment) = (self.frame.start, self.now, self.moment);
        let attributes = self.attributes(labels);
        match (cell, self.data_of(metric)) {
            (Cell::Counter(value), Data::Sum(sum)) => {
                let value = i64::try_from(value.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
                let value = number_data_point::Value::AsInt(value);
                sum.data_points.push(number(attributes, start, now, value));
            }
            (Cell::FloatCounter(value), Data::Sum(sum)) => {
                let value = number_data_point::Value::AsDouble(value.get());
                sum.data_points.push(number(attributes, start, now, value));
            }
            (Cell::Gauge(bits), Data::Gauge(gauge)) => {
                let value = f64::from_bits(bits.load(Ordering::Relaxed));
                let value = number_data_point::Value::AsDouble(value);
                // It has no beginning.
                gauge.data_points.push(number(attributes, 0, now, value));
            }
            (Cell::Histogram(cell), Data::Histogram(histogram)) => {
                histogram.data_points.push(histogram_point(attributes, start, now, cell));
            }
            (Cell::Summary(cell), Data::Summary(summary)) => {
                summary.data_points.push(summary_point(attributes, start, now, cell, moment));
            }
            // Cells are made by the kind of their metric.
            _ => return,
        }
        self.points += 1;
        if self.points == self.frame.most {
            self.flush();
        }
    }

    /// The points of a metric in the request that is being made.
    fn data_of(&mut self, metric: Metric) -> &mut Data {
        let begun = self.families.last().is_some_and(|family| family.name == metric.name());
        if !begun {
            self.families.push(Family {
                name: metric.name().to_owned(),
                description: metric.help().to_owned(),
                unit: metric.ucum().to_owned(),
                ..Family::default()
            });
        }
        let place = self.families.len() - 1;
        self.families[place].data.get_or_insert_with(|| empty(metric.kind()))
    }

    fn attributes(&self, labels: &str) -> Vec<KeyValue> {
        let own = read_labels(labels).into_iter().map(|(name, value)| attribute(name, value));
        std::iter::once(attribute(label::SERVER, self.frame.server.clone())).chain(own).collect()
    }

    fn flush(&mut self) {
        if self.families.is_empty() {
            return;
        }
        let scope = ScopeMetrics {
            scope: Some(self.frame.scope.clone()),
            metrics: std::mem::take(&mut self.families),
            ..ScopeMetrics::default()
        };
        let of_resource = ResourceMetrics {
            resource: Some(self.frame.resource.clone()),
            scope_metrics: vec![scope],
            ..ResourceMetrics::default()
        };
        let request = ExportMetricsServiceRequest { resource_metrics: vec![of_resource] };
        self.done.push(request.encode_to_vec().into());
        self.points = 0;
    }
}

fn empty(kind: Kind) -> Data {
    match kind {
        Kind::Counter | Kind::FloatCounter => {
            Data::Sum(Sum { aggregation_temporality: CUMULATIVE, is_monotonic: true, ..Sum::default() })
        }
        Kind::Gauge => Data::Gauge(Gauge::default()),
        Kind::Histogram(_) => {
            Data::Histogram(Histogram { aggregation_temporality: CUMULATIVE, ..Histogram::default() })
        }
        Kind::Summary => Data::Summary(Summary::default()),
    }
}

fn number(
    attributes: Vec<KeyValue>,
    start_time_unix_nano: u64,
    time_unix_nano: u64,
    value: number_data_point::Value,
) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano,
        time_unix_nano,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn histogram_point(
    attributes: Vec<KeyValue>,
    start_time_unix_nano: u64,
    time_unix_nano: u64,
    histogram: &BucketHistogram,
) -> HistogramDataPoint {
    let reading = histogram.read();
    HistogramDataPoint {
        attributes,
        start_time_unix_nano,
        time_unix_nano,
        count: reading.counts.iter().sum(),
        sum: Some(reading.sum),
        explicit_bounds: histogram.bounds().to_vec(),
        exemplars: reading.exemplars.iter().flatten().map(|exemplar| exemplar_of(exemplar)).collect(),
        bucket_counts: reading.counts.into_vec(),
        ..HistogramDataPoint::default()
    }
}

fn exemplar_of(exemplar: &histogram::Exemplar) -> Exemplar {
    Exemplar {
        time_unix_nano: since_epoch(exemplar.at),
        trace_id: exemplar.trace_id.to_vec(),
        span_id: exemplar.span_id.to_vec(),
        value: Some(exemplar::Value::AsDouble(exemplar.value)),
        ..Exemplar::default()
    }
}

fn summary_point(
    attributes: Vec<KeyValue>,
    start_time_unix_nano: u64,
    time_unix_nano: u64,
    summary: &RollingSummary,
    moment: Moment,
) -> SummaryDataPoint {
    let values = summary.quantiles(moment.now).unwrap_or([f64::NAN; QUANTILES.len()]);
    let pairs = QUANTILES.into_iter().zip(values);
    SummaryDataPoint {
        attributes,
        start_time_unix_nano,
        time_unix_nano,
        count: summary.count(),
        sum: summary.sum(),
        quantile_values: pairs.map(|(quantile, value)| ValueAtQuantile { quantile, value }).collect(),
        ..SummaryDataPoint::default()
    }
}

fn attribute(key: &str, value: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value)) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn nanoseconds(wall: SystemTime) -> u64 {
    since_epoch(wall.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn since_epoch(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
