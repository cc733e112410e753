//! Reads pages of the admin port over plain HTTP/1.0 and parses the Prometheus text format 0.0.4.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long one scrape may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Values by name and labels.
pub(crate) type Series = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// One sample line.
#[derive(Debug, PartialEq)]
pub(crate) struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// All samples of one scrape.
#[derive(Debug)]
pub(crate) struct Scrape(Vec<Sample>);

impl Scrape {
    /// Fetches and parses the metrics of a running proxy.
    pub(crate) fn of(admin: SocketAddr) -> Self {
        Self::parse(&page(admin, "/metrics"))
    }

    /// Parses a page, or a file.
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.map(|line| sample(line).unwrap_or_else(|| panic_on(line))).collect())
    }

    /// The samples of `name` added up by the values of `labels` (an absent label counts as empty), without zeros.
    pub(crate) fn by<const N: usize>(&self, name: &str, labels: [&str; N]) -> BTreeMap<[String; N], f64> {
        let mut sums = BTreeMap::new();
        for sample in self.0.iter().filter(|sample| sample.name == name && sample.value != 0.0) {
            let values = labels.map(|label| sample.labels.get(label).cloned().unwrap_or_default());
            *sums.entry(values).or_default() += sample.value;
        }
        sums
    }

    /// The sum of all samples of `name`.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.sum_where(name, &[])
    }

    /// The sum of the samples of `name` that have all these labels.
    pub(crate) fn sum_where(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &Sample, (label, value): &(&str, &str)| {
            sample.labels.get(*label).map_or("", String::as_str) == *value
        };
        let matching =
            |sample: &&Sample| sample.name == name && labels.iter().all(|label| has(sample, label));
        self.0.iter().filter(matching).map(|sample| sample.value).sum()
    }

    /// Each sample by its name and labels; bounds and quantiles are spelled as Rust spells numbers.
    pub(crate) fn series(&self) -> Series {
        let mut series = Series::new();
        for Sample { name, labels, value } in &self.0 {
            let mut labels = labels.clone();
            for special in ["le", "quantile"] {
                if let Some(text) = labels.get_mut(special) {
                    *text = text.parse::<f64>().expect("a number").to_string();
                }
            }
            let twice = series.insert((name.clone(), labels), *value);
            assert_eq!(twice, None, "{name} stands twice");
        }
        series
    }

    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A page of the admin port.
pub(crate) fn page(admin: SocketAddr, path: &str) -> String {
    page_as(admin, path, "text/plain;version=0.0.4")
}

/// A page of the admin port in another format.
pub(crate) fn page_as(admin: SocketAddr, path: &str, accept: &str) -> String {
    let mut connection = TcpStream::connect_timeout(&admin, LIMIT).expect("the admin port accepts");
    connection.set_read_timeout(Some(LIMIT)).expect("a timeout that is not zero");
    let request = format!("GET {path} HTTP/1.0\r\nHost: {admin}\r\nAccept: {accept}\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("the admin port reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("the admin port answers UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.lines().next().is_some_and(|status| status.contains(" 200 ")), "{head}");
    body.to_owned()
}

/// `name{label="value",…} value [timestamp]`.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = label_value(after)?;
            labels.insert(label.to_owned(), value);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// Unescapes up to the closing quote; the rest after it.
fn label_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

fn panic_on(line: &str) -> Sample {
    super::process::fail(&format!("no sample line: {line}"))
}

#[test]
fn labels_are_unescaped_and_values_added_up() {
    let text = "# TYPE a counter\na{x=\"1\",y=\"q\\\"\\\\\\n,}\"} 2\na{x=\"1\",} 3 1700000000\n\nb +Inf\na{x=\"2\"} 0\n";
    let scrape = Scrape::parse(text);
    assert_eq!(scrape.by("a", ["x"]), BTreeMap::from([(["1".to_owned()], 5.0)]));
    let values = scrape.by("a", ["y"]).into_keys().collect::<Vec<_>>();
    assert_eq!(values, [[String::new()], ["q\"\\\n,}".to_owned()]]);
    assert_eq!(scrape.sum("a"), 5.0);
    assert!(scrape.sum("b").is_infinite());
    assert_eq!(scrape.sum("absent"), 0.0);
}
