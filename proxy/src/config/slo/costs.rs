//! The sections `cost` and `quality`.

use super::reader::{At, Mapping, Reader};
use super::value;
use crate::slo::Pattern;
use crate::telemetry::cost::{Price, Prices};
use crate::telemetry::quality;

const PRICE_KEYS: [&str; 4] = ["per_second", "per_call", "per_gib", "per_million_tokens"];
pub(super) const COST_KEYS: [&str; 5] = ["per_second", "per_call", "per_gib", "per_million_tokens", "tools"];
pub(super) const QUALITY_KEYS: &[&str] = &["sample", "size_limit", "may_be_empty", "reports_failure"];

/// Reads the section `cost`.
pub(super) fn prices(reader: &mut Reader<'_>, section: At<'_>) -> Prices {
    let Some(section) = reader.mapping(section, &COST_KEYS) else { return Prices::default() };
    let default = price(reader, &section);
    let mut tools: Vec<(Pattern, Price)> = Vec::new();
    if let Some(given) = section.get("tools").and_then(|at| reader.open(at)) {
        for (name, at) in given.each() {
            let pattern = match value::pattern(name) {
                Ok(pattern) => pattern,
                Err(wrong) => {
                    reader.wrong(&at, format_args!("{name:?} {wrong}"));
                    continue;
                }
            };
            if let Some(mapping) = reader.mapping(at, &PRICE_KEYS) {
                tools.push((pattern, price(reader, &mapping)));
            }
        }
    }
    Prices { default, tools }
}

fn price(reader: &mut Reader<'_>, mapping: &Mapping<'_>) -> Price {
    let mut read = |key| reader.optional(mapping, key, value::price);
    let [per_second, per_call, per_gib, per_million_tokens] = PRICE_KEYS.map(&mut read);
    Price { per_second, per_call, per_gib, per_million_tokens }
}

/// Reads the section `quality`.
pub(super) fn quality(reader: &mut Reader<'_>, section: At<'_>) -> quality::Settings {
    let default = quality::Settings::default();
    let Some(section) = reader.mapping(section, QUALITY_KEYS) else { return default };
    quality::Settings {
        sample: reader
            .optional(&section, "sample", value::percent)
            .map_or(default.sample, |part| part.to_f64()),
        size_limit: reader.optional(&section, "size_limit", value::size).unwrap_or(default.size_limit),
        may_be_empty: reader.values(&section, "may_be_empty", value::pattern),
        reports_failure: reader.values(&section, "reports_failure", value::pattern),
    }
}
