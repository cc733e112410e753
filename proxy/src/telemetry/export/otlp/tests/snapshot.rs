//! What a snapshot says: all that the scrape says, and nothing else.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{self as proto, number_data_point};
use prost::Message as _;

use super::super::metrics::Frame;
use crate::clock;
use crate::telemetry::export::accept::Format;
use crate::telemetry::export::prometheus::render;
use crate::telemetry::names::{Kind, Metric};
use crate::telemetry::registry::Registry;
use crate::telemetry::traces::Moment;
use crate::telemetry::{Exemplar, Telemetry};

const SERVER: &str = "a \"server\"\\";
const START: SystemTime = SystemTime::UNIX_EPOCH;

fn moment() -> Moment {
    Moment { now: clock::now(), wall: START + Duration::from_secs(100) }
}

/// A registry with two series of every metric there is, each with a value of its own.
fn every_metric(moment: Moment) -> Registry {
    let registry = Registry::new(moment.now);
    for (place, metric) in Metric::ALL.iter().copied().enumerate() {
        for labels in [&[][..], &[("b", "q\"\\\n,}"), ("a", "")]] {
            let value = place as f64 + labels.len() as f64 + 0.5;
            match metric.kind() {
                Kind::Counter => registry.counter(metric, labels).increment(value as u64),
                Kind::FloatCounter => registry.float_counter(metric, labels).add(value),
                Kind::Gauge => registry.gauge(metric, labels).set(-value),
                Kind::Histogram(_) => {
                    let histogram = registry.histogram(metric, labels);
                    [0.0, value, 1e9].into_iter().for_each(|value| histogram.observe(value));
                }
                Kind::Summary => registry.summary(metric, labels).observe(value, moment.now),
            }
        }
    }
    registry
}

fn frame(most: usize) -> Frame {
    Frame::new(&[("service.name".to_owned(), "s".to_owned())], SERVER, START, most)
}

/// All families of all requests, one after another.
fn families(frame: &Frame, registry: &Registry, moment: Moment) -> Vec<proto::Metric> {
    let mut families = Vec::new();
    for request in frame.snapshot(registry, moment) {
        let request = ExportMetricsServiceRequest::decode(request).unwrap();
        for of_resource in request.resource_metrics {
            assert_eq!(text(&of_resource.resource.unwrap().attributes), r#"service.name="s""#);
            for of_scope in of_resource.scope_metrics {
                assert_eq!(of_scope.scope.unwrap().name, "mcp-tap");
                families.extend(of_scope.metrics);
            }
        }
    }
    families
}

/// Attributes as the scrape shows labels.
fn text(attributes: &[KeyValue]) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let shown = attributes.iter().map(|attribute| match attribute.value.as_ref().unwrap().value.as_ref() {
        Some(Value::StringValue(value)) => format!("{}=\"{}\"", attribute.key, escaped(value)),
        other => panic!("{other:?} is no text"),
    });
    shown.collect::<Vec<_>>().join(",")
}

/// Samples as the scrape shows them, with their values.
fn samples(families: &[proto::Metric]) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut put = |name: String, value| assert!(samples.insert(name, value).is_none(), "twice");
    for family in families {
        let name = &family.name;
        match family.data.as_ref().unwrap() {
            Data::Sum(proto::Sum { data_points, .. }) | Data::Gauge(proto::Gauge { data_points }) => {
                for point in data_points {
                    let value = match point.value.as_ref().unwrap() {
                        number_data_point::Value::AsInt(value) => *value as f64,
                        number_data_point::Value::AsDouble(value) => *value,
                    };
                    put(format!("{name}{{{}}}", text(&point.attributes)), value);
                }
            }
            Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    let labels = text(&point.attributes);
                    let bounds = point.explicit_bounds.iter().copied().chain([f64::INFINITY]);
                    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                    let mut below = 0;
                    for (bound, count) in bounds.zip(&point.bucket_counts) {
                        below += count;
                        put(format!("{name}_bucket{{{labels},le={bound}}}"), below as f64);
                    }
                    assert_eq!(below, point.count);
                    put(format!("{name}_sum{{{labels}}}"), point.sum.unwrap());
                    put(format!("{name}_count{{{labels}}}"), point.count as f64);
                }
            }
            Data::Summary(summary) => {
                for point in &summary.data_points {
                    let labels = text(&point.attributes);
                    for at in &point.quantile_values {
                        put(format!("{name}{{{labels},quantile={}}}", at.quantile), at.value);
                    }
                    put(format!("{name}_sum{{{labels}}}"), point.sum);
                    put(format!("{name}_count{{{labels}}}"), point.count as f64);
                }
            }
            Data::ExponentialHistogram(_) => panic!("{name} is nothing of ours"),
        }
    }
    samples
}

/// The scrape's samples under the same names: bounds and quantiles as numbers.
fn scraped(registry: &Registry, moment: Moment) -> BTreeMap<String, f64> {
    let page = render(registry, SERVER, Format::Text, moment.now);
    let samples = page.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let number = |text: &str| text.parse::<f64>().unwrap();
        let special = name.rsplit_once(",le=\"").map(|(name, rest)| (name, "le", rest));
        let special =
            special.or(name.rsplit_once(",quantile=\"").map(|(name, rest)| (name, "quantile", rest)));
        let name = match special {
            Some((name, label, rest)) => {
                format!("{name},{label}={}}}", number(rest.strip_suffix("\"}").unwrap()))
            }
            None => name.to_owned(),
        };
        (name, number(value))
    });
    samples.collect()
}

/// A metric that is added later cannot be forgotten: this asks for all of the list.
#[test]
fn every_metric_of_the_list_is_sent_as_it_is_scraped() {
    let moment = moment();
    let registry = every_metric(moment);
    let families = families(&frame(1000), &registry, moment);
    let named: Vec<_> = families.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(named, Metric::ALL.iter().map(|metric| metric.name()).collect::<Vec<_>>());
    for (family, metric) in families.iter().zip(Metric::ALL) {
        assert_eq!(family.description, metric.help());
        assert_eq!(family.unit, metric.ucum(), "{}", family.name);
        let fits = match (family.data.as_ref().unwrap(), metric.kind()) {
            (Data::Sum(sum), Kind::Counter | Kind::FloatCounter) => {
                sum.is_monotonic && sum.aggregation_temporality == 2
            }
            (Data::Histogram(histogram), Kind::Histogram(_)) => histogram.aggregation_temporality == 2,
            (Data::Gauge(_), Kind::Gauge) | (Data::Summary(_), Kind::Summary) => true,
            _ => false,
        };
        assert!(fits, "{} is no {:?}", family.name, metric.kind());
    }
    let (sent, scraped) = (samples(&families), scraped(&registry, moment));
    assert!(scraped.len() > 2 * Metric::ALL.len());
    assert_eq!(sent, scraped);
}

#[test]
fn a_large_snapshot_goes_in_parts_and_is_the_same() {
    let moment = moment();
    let registry = every_metric(moment);
    let expected = samples(&families(&frame(1000), &registry, moment));
    for most in [1, 2, 3, 7] {
        let frame = frame(most);
        let points = 2 * Metric::ALL.len();
        assert_eq!(frame.snapshot(&registry, moment).len(), points.div_ceil(most), "{most}");
        assert_eq!(samples(&families(&frame, &registry, moment)), expected, "{most}");
    }
    assert!(frame(1000).snapshot(&Registry::new(moment.now), moment).is_empty());
}

#[test]
fn what_is_counted_has_a_beginning_and_what_is_shown_has_none() {
    let moment = moment();
    let start = START + Duration::from_nanos(7);
    let frame = Frame::new(&[], SERVER, start, 1000);
    let now = 100_000_000_000;
    let mut checked = 0;
    for request in frame.snapshot(&every_metric(moment), moment) {
        let request = ExportMetricsServiceRequest::decode(request).unwrap();
        for family in &request.resource_metrics[0].scope_metrics[0].metrics {
            let (times, expected) = match family.data.as_ref().unwrap() {
                Data::Sum(sum) => (sum.data_points.iter().map(number_times).collect::<Vec<_>>(), 7),
                Data::Gauge(gauge) => (gauge.data_points.iter().map(number_times).collect(), 0),
                Data::Histogram(histogram) => {
                    let times = |point: &proto::HistogramDataPoint| {
                        (point.start_time_unix_nano, point.time_unix_nano)
                    };
                    (histogram.data_points.iter().map(times).collect(), 7)
                }
                Data::Summary(summary) => {
                    let times =
                        |point: &proto::SummaryDataPoint| (point.start_time_unix_nano, point.time_unix_nano);
                    (summary.data_points.iter().map(times).collect(), 7)
                }
                Data::ExponentialHistogram(_) => panic!("nothing of ours"),
            };
            assert_eq!(times, [(expected, now); 2], "{}", family.name);
            checked += 1;
        }
    }
    assert_eq!(checked, Metric::ALL.len());
}

fn number_times(point: &proto::NumberDataPoint) -> (u64, u64) {
    (point.start_time_unix_nano, point.time_unix_nano)
}

#[test]
fn exemplars_name_their_traces() {
    let moment = moment();
    let registry = Registry::new(moment.now);
    let exemplar =
        Exemplar { trace_id: [0xab; 16], span_id: [7; 8], value: 0.3, at: Duration::from_millis(1500) };
    registry.histogram(Metric::ToolDuration, &[]).observe_traced(exemplar);
    let families = families(&frame(1000), &registry, moment);
    let Some(Data::Histogram(histogram)) = &families[0].data else { panic!("{families:?}") };
    let [exemplar] = &histogram.data_points[0].exemplars[..] else { panic!("{histogram:?}") };
    assert_eq!((exemplar.trace_id.as_slice(), exemplar.span_id.as_slice()), (&[0xab; 16][..], &[7; 8][..]));
    assert_eq!(exemplar.time_unix_nano, 1_500_000_000);
    assert_eq!(exemplar.value, Some(proto::exemplar::Value::AsDouble(0.3)));
}

/// What has gone from the scrape goes from here.
#[test]
fn series_that_end_just_stop_and_an_idle_summary_says_nan() {
    let moment = moment();
    let registry = Registry::new(moment.now);
    registry.gauge(Metric::ServerInfo, &[("name", "old")]).set(1.0);
    registry.summary(Metric::ToolResponseTime, &[]).observe(0.5, moment.now);
    assert_eq!(families(&frame(1000), &registry, moment).len(), 2);
    registry.remove_gauge(Metric::ServerInfo, &[("name", "old")]);
    let later = Moment { now: moment.now + Duration::from_secs(600), ..moment };
    let families = families(&frame(1000), &registry, later);
    let [family] = &families[..] else { panic!("{families:?}") };
    let Some(Data::Summary(summary)) = &family.data else { panic!("{family:?}") };
    let point = &summary.data_points[0];
    assert!(point.quantile_values.iter().all(|at| at.value.is_nan()) && point.quantile_values.len() == 4);
    assert_eq!((point.count, point.sum), (1, 0.5));
}

#[test]
fn counters_beyond_what_the_protocol_can_say_stay_at_its_end() {
    let moment = moment();
    let telemetry = Telemetry::new(crate::telemetry::Settings::default(), moment.now);
    telemetry.registry().counter(Metric::Faults, &[("fault", "tool")]).increment(u64::MAX);
    let families = families(&frame(1000), telemetry.registry(), moment);
    let faults = families.iter().find(|family| family.name == Metric::Faults.name()).unwrap();
    assert!(samples(std::slice::from_ref(faults)).values().all(|value| *value == i64::MAX as f64));
}
