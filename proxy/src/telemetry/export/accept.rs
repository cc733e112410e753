//! Which exposition format an `Accept` header asks for.
//!
//! Real Prometheus servers put protobuf first, which is not offered here: such a list must get the best of what it
//! names besides, never text under protobuf's name (parts.md §2.2).

/// A format of the scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4: for all who do not ask for more.
    Text,
    /// OpenMetrics text 1.0.0, or 0.0.1 under its own name: they do not differ in what is used here.
    OpenMetrics {
        /// Whether the reader asked for 0.0.1.
        draft: bool,
    },
}

impl Format {
    /// The content type to answer with.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics { draft: false } => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
            Self::OpenMetrics { draft: true } => "application/openmetrics-text; version=0.0.1; charset=utf-8",
        }
    }
}

/// The best offered format by quality, then by how exactly it is named, then by place. What cannot be served at all
/// gets text, as every exporter does.
#[must_use]
pub fn negotiate(accept: Option<&str>) -> Format {
    let mut best = (0.0, 0, Format::Text);
    for range in accept.unwrap_or_default().split(',') {
        if let Some((quality, exactness, format)) = offer(range)
            && (quality > best.0 || (quality == best.0 && quality > 0.0 && exactness > best.1))
        {
            best = (quality, exactness, format);
        }
    }
    best.2
}

/// Quality, exactness and format of one media range; `None` when nothing offered fits it.
fn offer(range: &str) -> Option<(f64, u8, Format)> {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next()?.to_ascii_lowercase();
    let (mut quality, mut version) = (1.0, None);
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => quality = value.parse().ok().filter(|quality| (0.0..=1.0).contains(quality))?,
            "version" => version = Some(value),
            _ => {}
        }
    }
    let (exactness, format) = match (media.as_str(), version) {
        ("application/openmetrics-text", None | Some("1.0.0")) => (3, Format::OpenMetrics { draft: false }),
        ("application/openmetrics-text", Some("0.0.1")) => (3, Format::OpenMetrics { draft: true }),
        ("text/plain", None | Some("0.0.4")) => (3, Format::Text),
        ("text/*", None) => (2, Format::Text),
        ("*/*", None) => (1, Format::Text),
        _ => return None,
    };
    Some((quality, exactness, format))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMETHEUS_2: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    const PROMETHEUS_3: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

    #[test]
    fn readers_get_the_best_of_what_they_ask_for() {
        let open = Format::OpenMetrics { draft: false };
        let draft = Format::OpenMetrics { draft: true };
        for (accept, expected) in [
            (PROMETHEUS_2, open),
            (PROMETHEUS_3, open),
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("application/openmetrics-text", open),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\" ; Q=0.9", open),
            ("application/openmetrics-text;version=0.0.1", draft),
            ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", Format::Text),
            ("text/plain;version=0.0.4,application/openmetrics-text", Format::Text),
            ("application/openmetrics-text,text/plain", open),
            ("*/*,application/openmetrics-text", open),
            ("text/plain;q=0.2,application/openmetrics-text;q=0.3", open),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=nonsense", Format::Text),
            ("application/openmetrics-text;q=7,text/plain;q=0.1", Format::Text),
            ("application/vnd.google.protobuf;encoding=delimited", Format::Text),
            (";;,,=;q", Format::Text),
        ] {
            assert_eq!(negotiate(Some(accept)), expected, "{accept}");
        }
        assert_eq!(negotiate(None), Format::Text);
    }
}
