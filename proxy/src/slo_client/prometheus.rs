//! Asks a Prometheus (or what speaks its API) for the recorded series of service levels.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;

use super::Filter;
use super::fleet::{self, Mean, Recorded};
use super::http::{Answer, Client, Problem, quoted};
use crate::rules::{duration, series};
use crate::slo::{Plan, Report};

const REMEDY: &str = "is it a Prometheus? Check --prometheus";

/// Most queries for means: more windows than any plan has.
const MAX_MEANS: usize = 64;

/// One value of a series at a moment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Sample {
    /// Its labels, its name as `__name__` among them.
    pub metric: BTreeMap<String, String>,
    /// Seconds since the Unix epoch, and the value as text.
    pub value: (f64, String),
}

impl Sample {
    /// A label; empty where there is none.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.metric.get(name).map_or("", String::as_str)
    }

    /// The number; NaN where it is none.
    #[must_use]
    pub fn number(&self) -> f64 {
        self.value.1.parse().unwrap_or(f64::NAN)
    }
}

/// What a query gave.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    /// The samples.
    pub samples: Vec<Sample>,
    /// What Prometheus wants users to know.
    pub warnings: Vec<String>,
}

/// Reads the report of a fleet. Warnings are beside it.
///
/// # Errors
/// Nothing answers, or what answers is no Prometheus.
pub async fn report(
    client: &Client,
    filter: &Filter,
    plan: Option<&Plan>,
) -> Result<(Report, Vec<String>), Problem> {
    let constants =
        query(client, &selector(&fleet::of_objectives(), &[("slo", filter.slo.as_deref())])).await?;
    let of_servers = [
        ("namespace", filter.namespace.as_deref()),
        ("mcp_server", filter.server.as_deref()),
        ("slo", filter.slo.as_deref()),
    ];
    let found = query(client, &selector(&fleet::of_servers(), &of_servers)).await?;
    let mut warnings = constants.warnings;
    warnings.extend(found.warnings);
    let mut recorded = Recorded { constants: constants.samples, series: found.samples, means: Vec::new() };
    for (rate, over) in fleet::lacking(&recorded).into_iter().take(MAX_MEANS) {
        let events = selector(&series::events(rate), &of_servers);
        let text = format!("avg_over_time({events}[{}])", duration::text(over));
        let found = query(client, &text).await?;
        warnings.extend(found.warnings);
        recorded.means.push(Mean { rate, over, samples: found.samples });
    }
    let (mut report, doubts) = fleet::report(&recorded, plan);
    report.objectives.retain(|objective| filter.takes(objective));
    warnings.extend(doubts);
    // The same one comes with every query.
    let warnings = warnings.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    Ok((report, warnings))
}

async fn query(client: &Client, text: &str) -> Result<Found, Problem> {
    read(&client.get(&format!("/api/v1/query?query={}", percent(text))).await?)
}

/// Reads an answer of `/api/v1/query`.
pub(super) fn read(answer: &Answer) -> Result<Found, Problem> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    #[derive(Deserialize)]
    struct Success {
        data: Data,
        #[serde(default)]
        warnings: Vec<String>,
    }
    #[derive(Deserialize)]
    #[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
    enum Data {
        Vector(Vec<Sample>),
    }

    if let Some(refusal) = answer.json_of_any::<Refusal>() {
        let cause = format!("answered {}: {}", answer.status.as_u16(), quoted(&refusal.error));
        return Err(answer.problem(cause, "ask fewer with --server or --slo, or look at its log"));
    }
    let success: Success = answer.json(REMEDY)?;
    let Data::Vector(samples) = success.data;
    let warnings = success.warnings.iter().map(|warning| quoted(warning)).collect();
    Ok(Found { samples, warnings })
}

/// `{__name__=~"…",slo="…"}`.
fn selector(names: &str, labels: &[(&str, Option<&str>)]) -> String {
    let mut text = format!("{{__name__=~\"{names}\"");
    for (label, value) in labels {
        if let Some(value) = value {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            // Writing to a text cannot fail.
            let _ = write!(text, ",{label}=\"{value}\"");
        }
    }
    text.push('}');
    text
}

/// As a value in a query of a URL (RFC 3986 §2.1).
fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_users_stay_values_of_labels() {
        let labels = [("slo", Some("a\"} or up{x=\"\\\n")), ("namespace", None)];
        assert_eq!(selector("a|b", &labels), "{__name__=~\"a|b\",slo=\"a\\\"} or up{x=\\\"\\\\\\n\"}");
        assert_eq!(percent("a{b=~\"c d\"}&é"), "a%7Bb%3D~%22c%20d%22%7D%26%C3%A9");
    }
}
