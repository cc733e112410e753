//! Prometheus' text format, as far as it is needed to read a metrics page.

use std::collections::BTreeMap;

/// One line of a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// The metric's name, with `_sum`, `_count` and the like.
    pub(super) name: String,
    labels: BTreeMap<String, String>,
    /// The value, which may be NaN.
    pub(super) value: f64,
}

impl Sample {
    /// A label's value; empty when it is missing, as Prometheus has it.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// A page.
#[derive(Debug, Clone, Default)]
pub(super) struct Scrape(Vec<Sample>);

impl Scrape {
    /// Reads a page; lines that are no samples are passed over.
    pub(super) fn parse(page: &str) -> Self {
        Self(page.lines().filter(|line| !line.starts_with('#')).filter_map(parse_line).collect())
    }

    /// The samples of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| sample.name == name)
    }

    /// Their sum; zero without any.
    pub(super) fn sum(&self, name: &str) -> f64 {
        self.all(name).map(|sample| sample.value).sum()
    }

    /// Their sums by a label.
    pub(super) fn by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.all(name) {
            *sums.entry(sample.label(label).to_owned()).or_default() += sample.value;
        }
        sums
    }
}

fn parse_line(line: &str) -> Option<Sample> {
    let name_end = line.find(|letter: char| letter == '{' || letter.is_ascii_whitespace())?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(labels) => parse_labels(labels)?,
        None => (BTreeMap::new(), rest),
    };
    // A timestamp may follow.
    let value = match rest.split_ascii_whitespace().next()? {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().ok()?,
    };
    Some(Sample { name: name.to_owned(), labels, value })
}

/// Labels up to their closing brace, and what follows it.
fn parse_labels(mut text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        text = text.trim_start_matches([' ', ',']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once('=')?;
        let (value, rest) = parse_quoted(rest.trim_start().strip_prefix('"')?)?;
        labels.insert(name.trim().to_owned(), value);
        text = rest;
    }
}

/// A value up to its closing quote, and what follows it.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            _ => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(parse_line(line), Some(Sample { name: name.to_owned(), labels, value }), "{line}");
    }

    #[test]
    fn lines_of_the_text_format_are_read() {
        check("up 1", "up", &[], 1.0);
        check("up{} 1 1700000000000", "up", &[], 1.0);
        check("a{b=\"c\",d=\"e,}f\"} 2.5e-3", "a", &[("b", "c"), ("d", "e,}f")], 0.0025);
        check("a{b=\"q\\\"\\\\\\n\",} +Inf", "a", &[("b", "q\"\\\n")], f64::INFINITY);
        for line in ["a{b=\"c} 1", "a{b=\"c\"}", "a", ""] {
            assert_eq!(parse_line(line), None, "{line}");
        }
    }

    #[test]
    fn samples_are_summed_by_label() {
        let page = "# HELP a b\na{x=\"1\",y=\"1\"} 1\na{x=\"1\",y=\"2\"} 2\na{x=\"2\"} 4\nb NaN\n";
        let scrape = Scrape::parse(page);
        assert_eq!(scrape.sum("a"), 7.0);
        assert_eq!(scrape.by("a", "x"), BTreeMap::from([("1".to_owned(), 3.0), ("2".to_owned(), 4.0)]));
        assert!(scrape.sum("b").is_nan());
        assert_eq!(scrape.sum("c"), 0.0);
    }
}
