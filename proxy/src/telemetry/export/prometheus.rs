//! The scrape: Prometheus text 0.0.4 and OpenMetrics 1.0, from one pass over the registry.
//!
//! Families stand in the order of their names, series in the order of their labels, so two scrapes of one state are
//! the same bytes. Of the exporter, the lines `# HELP` and `# TYPE` are used. Its `write_metric_line` is not: it
//! wants a label set of strings made anew per line, escapes inexactly (registry.rs), writes `inf`, and has no
//! exemplars. Series are read one atomic at a time while traffic goes on writing.

use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::Instant;

use metrics_exporter_prometheus::formatting::{write_help_line, write_type_line};

use crate::protocol::traceparent::Hex;
use crate::telemetry::histogram::{BucketHistogram, Exemplar};
use crate::telemetry::names::{Metric, QUANTILES, label};
use crate::telemetry::registry::{Cell, Registry, write_label};
use crate::telemetry::rolling::RollingSummary;

use super::accept::Format;

/// Writes all series; `server` is the constant label. Families without a series are left out.
#[must_use]
pub fn render(registry: &Registry, server: &str, format: Format, now: Instant) -> String {
    let mut metrics: Vec<_> = Metric::ALL.to_vec();
    metrics.sort_unstable_by_key(|metric| metric.name());
    let mut constant = String::new();
    write_label(&mut constant, label::SERVER, server);
    let open = matches!(format, Format::OpenMetrics { .. });
    let mut page = Page { text: String::with_capacity(64 << 10), constant, open, now };
    for metric in metrics {
        if !registry.is_empty(metric) {
            page.head(metric);
            registry.visit(metric, |labels, cell| page.series(metric, labels, cell));
        }
    }
    if open {
        page.text.push_str("# EOF\n");
    }
    page.text
}

struct Page {
    text: String,
    /// `mcp_server="…"`
    constant: String,
    open: bool,
    now: Instant,
}

impl Page {
    fn head(&mut self, metric: Metric) {
        let name = if self.open { metric.family() } else { metric.name() };
        write_help_line(&mut self.text, name, None, None, metric.help());
        write_type_line(&mut self.text, name, None, None, metric.kind().as_str());
        if let (true, Some(unit)) = (self.open, metric.unit()) {
            // Writing to a String does not fail, here and below.
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
    }

    fn series(&mut self, metric: Metric, labels: &str, cell: &Cell) {
        let name = metric.name();
        match cell {
            Cell::Counter(value) => self.integer(name, "", labels, value.load(Ordering::Relaxed)),
            Cell::FloatCounter(value) => self.float(name, "", labels, value.get()),
            Cell::Gauge(bits) => self.float(name, "", labels, f64::from_bits(bits.load(Ordering::Relaxed))),
            Cell::Histogram(histogram) => self.histogram(name, labels, histogram),
            Cell::Summary(summary) => self.summary(name, labels, summary),
        }
    }

    fn histogram(&mut self, name: &str, labels: &str, histogram: &BucketHistogram) {
        let reading = histogram.read();
        let bounds = histogram.bounds().iter().copied().chain([f64::INFINITY]);
        let mut below = 0;
        for ((bound, count), exemplar) in bounds.zip(&reading.counts).zip(&reading.exemplars) {
            below += count;
            self.start(name, "_bucket", labels, Some(("le", bound)));
            let _ = write!(self.text, " {below}");
            if let (true, Some(exemplar)) = (self.open, exemplar) {
                self.exemplar(exemplar);
            }
            self.text.push('\n');
        }
        self.float(name, "_sum", labels, reading.sum);
        self.integer(name, "_count", labels, below);
    }

    /// A window without a value has no quantiles: `NaN`, as Prometheus' own clients write it, never 0.
    fn summary(&mut self, name: &str, labels: &str, summary: &RollingSummary) {
        let values = summary.quantiles(self.now).unwrap_or([f64::NAN; QUANTILES.len()]);
        for (quantile, value) in QUANTILES.into_iter().zip(values) {
            self.start(name, "", labels, Some(("quantile", quantile)));
            self.end(value);
        }
        self.float(name, "_sum", labels, summary.sum());
        self.integer(name, "_count", labels, summary.count());
    }

    fn integer(&mut self, name: &str, suffix: &str, labels: &str, value: u64) {
        self.start(name, suffix, labels, None);
        let _ = writeln!(self.text, " {value}");
    }

    fn float(&mut self, name: &str, suffix: &str, labels: &str, value: f64) {
        self.start(name, suffix, labels, None);
        self.end(value);
    }

    fn start(&mut self, name: &str, suffix: &str, labels: &str, extra: Option<(&str, f64)>) {
        for part in [name, suffix, "{", &self.constant] {
            self.text.push_str(part);
        }
        if !labels.is_empty() {
            self.text.push(',');
            self.text.push_str(labels);
        }
        if let Some((label, value)) = extra {
            let _ = write!(self.text, ",{label}=\"");
            write_bound(&mut self.text, value);
            self.text.push('"');
        }
        self.text.push('}');
    }

    fn end(&mut self, value: f64) {
        self.text.push(' ');
        write_value(&mut self.text, value);
        self.text.push('\n');
    }

    /// 72 characters of labels, below the 128 that OpenMetrics allows.
    fn exemplar(&mut self, exemplar: &Exemplar) {
        let (trace_id, span_id) = (Hex(exemplar.trace_id), Hex(exemplar.span_id));
        let _ = write!(self.text, " # {{trace_id=\"{trace_id}\",span_id=\"{span_id}\"}} ");
        write_value(&mut self.text, exemplar.value);
        let _ = write!(self.text, " {}.{:03}", exemplar.at.as_secs(), exemplar.at.subsec_millis());
    }
}

fn write_value(text: &mut String, value: f64) {
    if value == f64::INFINITY {
        text.push_str("+Inf");
    } else if value == f64::NEG_INFINITY {
        text.push_str("-Inf");
    } else {
        let _ = write!(text, "{value}");
    }
}

/// A bound in the canonical spelling of OpenMetrics, in both formats, so that a series keeps its name when a reader
/// changes the format: `1.0`, `0.25`, `1e-05`, `+Inf`.
fn write_bound(text: &mut String, bound: f64) {
    if bound.is_infinite() || bound == 0.0 || bound.abs() >= 1e-4 {
        write_value(text, bound);
        if bound.is_finite() && bound.fract() == 0.0 {
            text.push_str(".0");
        }
        return;
    }
    let scientific = format!("{bound:e}");
    match scientific.split_once("e-") {
        Some((digits, exponent)) => {
            let _ = write!(text, "{digits}e-{exponent:0>2}");
        }
        None => text.push_str(&scientific),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_spelled_as_openmetrics_does() {
        for (bound, expected) in [
            (1.0, "1.0"),
            (0.25, "0.25"),
            (604_800.0, "604800.0"),
            (0.0001, "0.0001"),
            (0.000_05, "5e-05"),
            (0.000_002_5, "2.5e-06"),
            (0.0, "0.0"),
            (f64::INFINITY, "+Inf"),
        ] {
            let mut text = String::new();
            write_bound(&mut text, bound);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn values_are_spelled_as_prometheus_reads_them() {
        for (value, expected) in [
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (3.0, "3"),
            (0.1, "0.1"),
        ] {
            let mut text = String::new();
            write_value(&mut text, value);
            assert_eq!(text, expected);
        }
    }
}
