//! What rules are written as.

mod exchange;
mod prometheus;

use super::model::Rules;
use super::shape::Shape;
use super::testing;

/// A way to write rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A rule file, which Prometheus loads.
    Prometheus,
    /// The custom resource of the Prometheus operator.
    PrometheusRule,
    /// Unit tests of the rules, which promtool runs.
    Tests,
    /// OpenSLO v1 documents.
    OpenSlo,
    /// A specification for Sloth.
    Sloth,
}

/// What goes into some of the formats beside the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The name of the resource, and of the service in OpenSLO and Sloth.
    pub name: String,
    /// The namespace of the resource; empty: that of whoever applies it.
    pub namespace: String,
    /// The labels of the resource.
    pub labels: Vec<(String, String)>,
    /// The rule file that the tests are of, as seen from theirs.
    pub rule_file: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "mcp-tap".to_owned(),
            namespace: String::new(),
            labels: Vec::new(),
            rule_file: "mcp-tap.rules.yml".to_owned(),
        }
    }
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Prometheus, Self::PrometheusRule, Self::Tests, Self::OpenSlo, Self::Sloth];

    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::PrometheusRule => "prometheusrule",
            Self::Tests => "tests",
            Self::OpenSlo => "openslo",
            Self::Sloth => "sloth",
        }
    }
}

/// Writes the rules; adds to the warnings what the format cannot say.
pub(super) fn write(shape: &Shape<'_>, rules: &mut Rules, format: Format, options: &Options) -> String {
    match format {
        Format::Prometheus => prometheus::file(shape, rules),
        Format::PrometheusRule => prometheus::resource(shape, rules, options),
        Format::Tests => testing::file(shape, rules, options),
        Format::OpenSlo => exchange::openslo(shape, &mut rules.warnings, options),
        Format::Sloth => exchange::sloth(shape, &mut rules.warnings, options),
    }
}

/// The first lines of every file: how it came to be.
fn header(what: &str, format: Format) -> String {
    format!(
        "{what}\nWritten by `mcp-tap rules --format {}`; change the configuration, not this file.",
        format.as_str()
    )
}
