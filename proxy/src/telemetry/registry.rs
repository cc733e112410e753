//! All series of this process, and the `metrics` facade's way to them.
//!
//! Why not `metrics-util`'s `Registry`: it guards its shards with locks that a scrape would hold while traffic
//! registers a label set, its iteration order changes, and it has no place for exemplars, float counters or windows.
//! Here each metric of `names.rs` has a lock-free map from label text to cell. Series are never evicted by idleness
//! (a kept handle would write into the void); only gauges are removed, by name.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::histogram::BucketHistogram;
use super::names::{Kind, Metric};
use super::rolling::RollingSummary;
use super::values::FloatCell;

/// The place where one series is counted.
#[derive(Debug, Clone)]
pub enum Cell {
    /// A counter.
    Counter(Arc<AtomicU64>),
    /// A counter of fractions.
    FloatCounter(Arc<FloatCell>),
    /// A gauge: the bits of an `f64`.
    Gauge(Arc<AtomicU64>),
    /// A histogram.
    Histogram(Arc<BucketHistogram>),
    /// A summary.
    Summary(Arc<RollingSummary>),
}

type Series = papaya::HashMap<Box<str>, Cell, foldhash::fast::RandomState>;

/// Every metric of `names.rs` with its series.
#[derive(Debug)]
pub struct Registry {
    start: Instant,
    /// Bounds of `sli_request_duration_seconds`: those of the table, and the thresholds of objectives.
    sli_bounds: Box<[f64]>,
    families: Box<[Series]>,
}

impl Registry {
    /// No series yet. Windows of summaries are counted from `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self::with_thresholds(start, [])
    }

    /// The same with these bounds more in `sli_request_duration_seconds`.
    #[must_use]
    pub fn with_thresholds(start: Instant, thresholds: impl IntoIterator<Item = f64>) -> Self {
        let sli_bounds = sli_bounds(thresholds);
        Self { start, sli_bounds, families: Metric::ALL.iter().map(|_| Series::default()).collect() }
    }

    /// The moment from which all is counted.
    #[must_use]
    pub fn start(&self) -> Instant {
        self.start
    }

    /// The counter of this label set.
    pub fn counter(&self, metric: Metric, labels: &[(&str, &str)]) -> Counter {
        self.register_counter(&key(metric, labels), &METADATA)
    }

    /// The counter of this label set as the number itself, for those who read it back.
    pub fn count(&self, metric: Metric, labels: &[(&str, &str)]) -> Arc<AtomicU64> {
        match self.cell(metric, label_text(labels.iter().copied())) {
            Cell::Counter(cell) => cell,
            _ => Arc::default(),
        }
    }

    /// The gauge of this label set.
    pub fn gauge(&self, metric: Metric, labels: &[(&str, &str)]) -> Gauge {
        self.register_gauge(&key(metric, labels), &METADATA)
    }

    /// The histogram of this label set; on its own rather than as a facade handle, which takes no exemplar. A metric
    /// of another kind gives one that nobody reads.
    pub fn histogram(&self, metric: Metric, labels: &[(&str, &str)]) -> Arc<BucketHistogram> {
        match self.cell(metric, label_text(labels.iter().copied())) {
            Cell::Histogram(histogram) => histogram,
            _ => Arc::new(BucketHistogram::new(&[][..])),
        }
    }

    /// The summary of this label set; the facade's histograms know no time.
    pub fn summary(&self, metric: Metric, labels: &[(&str, &str)]) -> Arc<RollingSummary> {
        match self.cell(metric, label_text(labels.iter().copied())) {
            Cell::Summary(summary) => summary,
            _ => Arc::new(RollingSummary::new(self.start)),
        }
    }

    /// The float counter of this label set.
    pub fn float_counter(&self, metric: Metric, labels: &[(&str, &str)]) -> Arc<FloatCell> {
        match self.cell(metric, label_text(labels.iter().copied())) {
            Cell::FloatCounter(cell) => cell,
            _ => Arc::default(),
        }
    }

    /// Removes one counter. Only for series that nobody writes any more: a kept handle counts into the void.
    pub fn remove_count(&self, metric: Metric, labels: &[(&str, &str)]) -> bool {
        metric.kind() == Kind::Counter
            && self.series(metric).pin().remove(&*label_text(labels.iter().copied())).is_some()
    }

    /// Removes one gauge: what it told is no longer so. Counters stay for good but for [`Registry::remove_count`].
    pub fn remove_gauge(&self, metric: Metric, labels: &[(&str, &str)]) -> bool {
        metric.kind() == Kind::Gauge
            && self.series(metric).pin().remove(&*label_text(labels.iter().copied())).is_some()
    }

    /// Gives back the memory of expired windows.
    pub fn expire(&self, now: Instant) {
        for metric in Metric::ALL.iter().filter(|metric| metric.kind() == Kind::Summary) {
            for cell in self.series(*metric).pin().values() {
                if let Cell::Summary(summary) = cell {
                    summary.expire(now);
                }
            }
        }
    }

    /// The number of series of a metric.
    #[must_use]
    pub fn len(&self, metric: Metric) -> usize {
        self.series(metric).len()
    }

    /// Whether a metric has no series.
    #[must_use]
    pub fn is_empty(&self, metric: Metric) -> bool {
        self.len(metric) == 0
    }

    /// Visits the series of a metric in the order of their label text.
    pub fn visit(&self, metric: Metric, mut visit: impl FnMut(&str, &Cell)) {
        let series = self.series(metric).pin();
        let mut sorted: Vec<_> = series.iter().collect();
        sorted.sort_unstable_by_key(|(labels, _)| *labels);
        for (labels, cell) in sorted {
            visit(labels, cell);
        }
    }

    fn series(&self, metric: Metric) -> &Series {
        &self.families[metric as usize]
    }

    fn cell(&self, metric: Metric, labels: Box<str>) -> Cell {
        self.series(metric).pin().get_or_insert_with(labels, || self.empty_cell(metric)).clone()
    }

    fn empty_cell(&self, metric: Metric) -> Cell {
        match metric.kind() {
            Kind::Counter => Cell::Counter(Arc::default()),
            Kind::FloatCounter => Cell::FloatCounter(Arc::default()),
            Kind::Gauge => Cell::Gauge(Arc::default()),
            Kind::Histogram(_) if metric == Metric::SliDuration => {
                Cell::Histogram(Arc::new(BucketHistogram::new(self.sli_bounds.to_vec())))
            }
            Kind::Histogram(bounds) => Cell::Histogram(Arc::new(BucketHistogram::new(bounds))),
            Kind::Summary => Cell::Summary(Arc::new(RollingSummary::new(self.start))),
        }
    }

    fn cell_of(&self, key: &Key) -> Option<Cell> {
        let metric = Metric::by_name(key.name())?;
        Some(self.cell(metric, label_text(key.labels().map(|label| (label.key(), label.value())))))
    }
}

/// Names outside of `names.rs`, or of another kind there, give handles that do nothing.
impl Recorder for Registry {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.cell_of(key) {
            Some(Cell::Counter(cell)) => Counter::from_arc(cell),
            Some(Cell::FloatCounter(cell)) => Counter::from_arc(cell),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.cell_of(key) {
            Some(Cell::Gauge(cell)) => Gauge::from_arc(cell),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.cell_of(key) {
            Some(Cell::Histogram(histogram)) => Histogram::from_arc(histogram),
            _ => Histogram::noop(),
        }
    }
}

const METADATA: Metadata<'static> = Metadata::new(module_path!(), metrics::Level::INFO, Some(module_path!()));

fn key(metric: Metric, labels: &[(&str, &str)]) -> Key {
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| metrics::Label::new((*name).to_owned(), (*value).to_owned()))
        .collect();
    Key::from_parts(metric.name(), labels)
}

/// Each bound once, rising.
fn sli_bounds(thresholds: impl IntoIterator<Item = f64>) -> Box<[f64]> {
    let table = match Metric::SliDuration.kind() {
        Kind::Histogram(bounds) => bounds,
        _ => &[],
    };
    let thresholds = thresholds.into_iter().filter(|bound| bound.is_finite() && *bound > 0.0);
    let mut bounds: Vec<_> = table.iter().copied().chain(thresholds).collect();
    bounds.sort_unstable_by(f64::total_cmp);
    bounds.dedup();
    bounds.into_boxed_slice()
}

/// Labels as they stand in an exposition, by name: `a="1",b="2"`.
fn label_text<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Box<str> {
    let mut sorted: Vec<_> = labels.collect();
    sorted.sort_unstable();
    let mut text = String::new();
    for (name, value) in sorted {
        if !text.is_empty() {
            text.push(',');
        }
        write_label(&mut text, name, value);
    }
    text.into_boxed_str()
}

/// Writes `name="value"`. The exporter's own escaping takes two backslashes for one that is escaped already, so that
/// two values become one series; this one is exact.
pub(super) fn write_label(text: &mut String, name: &str, value: &str) {
    // Writing to a String does not fail.
    let _ = write!(text, "{name}=\"");
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
    text.push('"');
}

/// Names and values of a label text as [`Registry::visit`] gives it: the reverse of what is written there.
pub(super) fn read_labels(text: &str) -> Vec<(&str, String)> {
    let mut labels = Vec::new();
    let mut rest = text;
    while let Some((name, quoted)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        rest = loop {
            match characters.next() {
                Some((at, '"')) => break quoted[at + 1..].trim_start_matches(','),
                Some((_, '\\')) => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped)) => value.push(escaped),
                    None => break "",
                },
                Some((_, other)) => value.push(other),
                None => break "",
            }
        };
        labels.push((name, value));
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_label_set_is_one_series_however_it_is_ordered() {
        let registry = Registry::new(crate::clock::now());
        registry.counter(Metric::ToolRequests, &[("a", "1"), ("b", "2")]).increment(1);
        registry.counter(Metric::ToolRequests, &[("b", "2"), ("a", "1")]).increment(2);
        let mut seen = Vec::new();
        registry.visit(Metric::ToolRequests, |labels, cell| {
            let Cell::Counter(value) = cell else { panic!("a counter was registered") };
            seen.push((labels.to_owned(), value.load(std::sync::atomic::Ordering::Relaxed)));
        });
        assert_eq!(seen, [(r#"a="1",b="2""#.to_owned(), 3)]);
    }

    #[test]
    fn values_that_differ_stay_different_after_escaping() {
        let texts: std::collections::BTreeSet<_> = ["a\\b", "a\\\\b", "a\"b", "a\nb", "a\\nb"]
            .into_iter()
            .map(|value| label_text([("x", value)].into_iter()))
            .collect();
        assert_eq!(texts.len(), 5);
        assert!(texts.contains(r#"x="a\\\\b""#) && texts.contains(r#"x="a\nb""#));
    }

    #[test]
    fn labels_are_read_as_they_were_written() {
        assert!(read_labels("").is_empty());
        for value in
            ["", "a\\b", "a\\\\", "\"", "a\nb", "a\\nb", ",", "\",b=\"", "{a=\"b\"} 1", "ünï↯", "\u{0}\r"]
        {
            let labels = [("a", "1"), ("x", value), ("y", "2")];
            let text = label_text(labels.into_iter());
            let read = read_labels(&text);
            let read: Vec<_> = read.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(read, labels, "{text}");
        }
    }

    #[test]
    fn names_outside_the_list_and_of_another_kind_do_nothing() {
        let registry = Registry::new(crate::clock::now());
        registry.register_counter(&Key::from_name("made_up_total"), &METADATA).increment(1);
        registry.counter(Metric::CatalogueTools, &[]).increment(1);
        registry.register_histogram(&Key::from_name("mcp_proxy_overhead_seconds"), &METADATA).record(0.5);
        assert_eq!(registry.histogram(Metric::Overhead, &[]).read().sum, 0.5);
    }

    #[test]
    fn gauges_can_be_removed_and_counters_cannot() {
        let registry = Registry::new(crate::clock::now());
        registry.gauge(Metric::ServerInfo, &[("name", "a")]).set(1.0);
        let counter = registry.counter(Metric::Faults, &[("fault", "tool")]);
        assert!(registry.remove_gauge(Metric::ServerInfo, &[("name", "a")]));
        assert!(!registry.remove_gauge(Metric::Faults, &[("fault", "tool")]));
        counter.increment(1);
        assert!(registry.is_empty(Metric::ServerInfo));
        assert_eq!(registry.len(Metric::Faults), 1);
    }
}
