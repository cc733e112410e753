//! Metrics of OTLP as a scrape would show them.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, Sum, number_data_point};

use super::process::fail;
use super::scrape::Series;

/// The resource's attributes that are texts.
pub(crate) fn resource(request: &ExportMetricsServiceRequest) -> BTreeMap<String, String> {
    let resources = request.resource_metrics.iter().filter_map(|all| all.resource.as_ref());
    resources.flat_map(|resource| labels(&resource.attributes)).collect()
}

/// All samples of one request; fails if one is there twice.
pub(crate) fn of(request: &ExportMetricsServiceRequest) -> Series {
    let mut samples = Samples::default();
    for of_scope in request.resource_metrics.iter().flat_map(|all| &all.scope_metrics) {
        of_scope.metrics.iter().for_each(|metric| samples.add(metric));
    }
    samples.0
}

#[derive(Default)]
struct Samples(Series);

impl Samples {
    fn add(&mut self, metric: &Metric) {
        let name = &metric.name;
        match metric.data.as_ref().expect("a metric has data") {
            Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. }) => {
                for point in data_points {
                    let value = match point.value.as_ref().expect("a value") {
                        number_data_point::Value::AsInt(value) => *value as f64,
                        number_data_point::Value::AsDouble(value) => *value,
                    };
                    self.put(name, "", labels(&point.attributes), value);
                }
            }
            Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    let labels = labels(&point.attributes);
                    let mut below = 0;
                    let bounds = point.explicit_bounds.iter().copied().chain([f64::INFINITY]);
                    for (bound, count) in bounds.zip(&point.bucket_counts) {
                        below += count;
                        self.put(name, "_bucket", with(&labels, "le", bound), below as f64);
                    }
                    self.put(name, "_sum", labels.clone(), point.sum.expect("a sum"));
                    self.put(name, "_count", labels, point.count as f64);
                }
            }
            Data::Summary(summary) => {
                for point in &summary.data_points {
                    let labels = labels(&point.attributes);
                    for at in &point.quantile_values {
                        self.put(name, "", with(&labels, "quantile", at.quantile), at.value);
                    }
                    self.put(name, "_sum", labels.clone(), point.sum);
                    self.put(name, "_count", labels, point.count as f64);
                }
            }
            Data::ExponentialHistogram(_) => fail(&format!("{name} is nothing of ours")),
        }
    }

    fn put(&mut self, name: &str, end: &str, labels: BTreeMap<String, String>, value: f64) {
        let twice = self.0.insert((format!("{name}{end}"), labels), value);
        assert_eq!(twice, None, "{name} came twice");
    }
}

fn with(labels: &BTreeMap<String, String>, label: &str, value: f64) -> BTreeMap<String, String> {
    let mut labels = labels.clone();
    labels.insert(label.to_owned(), value.to_string());
    labels
}

fn labels(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => (attribute.key.clone(), text.clone()),
        other => fail(&format!("{}: {other:?} is no text", attribute.key)),
    };
    attributes.iter().map(text).collect()
}
