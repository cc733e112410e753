//! The section `slo`: objectives, period and tiers.

use std::time::Duration;

use super::reader::{At, Mapping, Reader};
use super::windows::{self, Window};
use super::{rules, short, value};
use crate::rules::Settings;
use crate::slo::plan::MAX_OBJECTIVES;
use crate::slo::{Fraction, Objective, Outcome, Outcomes, Plan, Severity, Sli, Tier, Verdict, tier};

pub(super) const KEYS: &[&str] = &[
    "period",
    "window",
    "tool_errors",
    "outcomes",
    "trial",
    "tiers",
    "evaluation_interval",
    "scrape_interval",
    "runbook_url",
    "dashboard_url",
    "labels",
    "absence",
    "expected",
    "objectives",
];
const TIER_KEYS: &[&str] = &["severity", "long", "short", "budget", "min_bad"];
pub(super) const OBJECTIVE_KEYS: &[&str] =
    &["name", "sli", "target", "threshold", "description", "servers", "tools", "tool_errors", "outcomes"];
const SLIS: &[(&str, &str)] =
    &[("availability", "availability"), ("latency", "latency"), ("quality", "quality")];

const SHORTEST_PERIOD: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Most tiers: each is a rule for each objective.
const MAX_TIERS: usize = 10;
/// A range of `rate` with fewer scrapes in it misses increases.
const SCRAPES_PER_WINDOW: u32 = 4;

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, section: At<'_>) -> (Plan, Settings) {
    let Some(section) = reader.mapping(section, KEYS) else { return Default::default() };
    let default = Plan::default();
    let trial = reader.optional(&section, "trial", value::boolean).unwrap_or(default.trial);
    let period = period(reader, &section, trial).unwrap_or(default.period);
    let window = reader.optional(&section, "window", value::duration).unwrap_or(default.window);
    let tiers = match section.get("tiers") {
        Some(list) => tiers(reader, &list),
        None => {
            let at = section.place("period");
            tier::defaults(period).into_iter().map(|tier| PlacedTier::everywhere(tier, &at)).collect()
        }
    };
    let rules = rules::read(reader, &section);
    let checks = Checks {
        period,
        window,
        trial,
        interval: rules.interval,
        scrape: rules.scrape_interval,
        tiers: &tiers,
        section: &section,
    };
    checks.run(reader);
    let outcomes = outcomes(reader, &section, Outcomes::default());
    let objectives = match section.get("objectives") {
        Some(list) => objectives(reader, &list, outcomes),
        None => default.objectives.into_iter().map(|objective| Objective { outcomes, ..objective }).collect(),
    };
    let mut tiers: Vec<_> = tiers.into_iter().map(|placed| placed.tier).collect();
    tiers.sort_by_key(|tier| tier.severity);
    (Plan { period, window, tiers, objectives, trial }, rules)
}

fn period(reader: &mut Reader<'_>, section: &Mapping<'_>, trial: bool) -> Option<Duration> {
    let at = section.get("period")?;
    let period = reader.value(&at, value::duration)?;
    let whole_hours = period.subsec_nanos() == 0 && period.as_secs().is_multiple_of(3600);
    if !trial && (period < SHORTEST_PERIOD || !whole_hours) {
        let shown = short(period);
        reader.wrong(
            &at,
            format!("{shown} is not a period of whole hours and at least 7d; write for example 30d, or trial: true to try"),
        );
        return None;
    }
    Some(period)
}

/// A tier and where its parts are said.
struct PlacedTier<'a> {
    tier: Tier,
    at: At<'a>,
    long: At<'a>,
    short: At<'a>,
    budget: At<'a>,
}

impl<'a> PlacedTier<'a> {
    fn everywhere(tier: Tier, at: &At<'a>) -> Self {
        Self { tier, at: at.clone(), long: at.clone(), short: at.clone(), budget: at.clone() }
    }
}

fn tiers<'a>(reader: &mut Reader<'_>, list: &At<'a>) -> Vec<PlacedTier<'a>> {
    let items = reader.list(list).unwrap_or_default();
    if items.len() > MAX_TIERS {
        let what = format!("has {} tiers; at most {MAX_TIERS} are possible", items.len());
        reader.wrong(list, what);
        return Vec::new();
    }
    items.into_iter().filter_map(|at| tier(reader, at)).collect()
}

fn tier<'a>(reader: &mut Reader<'_>, at: At<'a>) -> Option<PlacedTier<'a>> {
    let mapping = reader.mapping(at.clone(), TIER_KEYS)?;
    let severity = reader.required(&mapping, "severity", "page", value::severity);
    let long = reader.required(&mapping, "long", "1h", value::duration);
    let short = reader.required(&mapping, "short", "5m", value::duration);
    let budget = reader.required(&mapping, "budget", "2%", value::budget);
    let min_bad = reader.optional(&mapping, "min_bad", value::min_bad);
    let severity = severity?;
    let min_bad = min_bad.unwrap_or(if severity == Severity::Page { 3 } else { 1 });
    Some(PlacedTier {
        tier: Tier { severity, long: long?, short: short?, budget: budget?, min_bad },
        long: mapping.place("long"),
        short: mapping.place("short"),
        budget: mapping.place("budget"),
        at,
    })
}

/// What must hold between period, windows and tiers.
struct Checks<'a> {
    period: Duration,
    window: Duration,
    trial: bool,
    interval: Duration,
    scrape: Duration,
    tiers: &'a [PlacedTier<'a>],
    section: &'a Mapping<'a>,
}

impl Checks<'_> {
    fn run(&self, reader: &mut Reader<'_>) {
        let before = reader.noted();
        let at = self.section.place("window");
        if self.window > self.period {
            let what = format!("{} is longer than the period of {}", short(self.window), short(self.period));
            reader.wrong(&at, what);
        }
        self.long_enough(reader, self.window, &at);
        let shortest = self.windows().iter().map(|window| window.length).min();
        if let Some(shortest) = shortest.filter(|shortest| self.interval > *shortest) {
            let what = format!(
                "{} is longer than the shortest window of {}; rules would leave out what happens between them",
                short(self.interval),
                short(shortest),
            );
            reader.wrong(&self.section.place("evaluation_interval"), what);
        }
        if self.section.get("tiers").is_none() && self.tiers.iter().any(|tier| tier.tier.long >= self.period)
        {
            let what = format!(
                "{} is too short for the default tiers; write slo.tiers with shorter windows",
                short(self.period)
            );
            return reader.wrong(&self.section.place("period"), what);
        }
        for (place, tier) in self.tiers.iter().enumerate() {
            self.tier(reader, tier);
            let same = |other: &PlacedTier<'_>| {
                let key = |tier: &Tier| (tier.severity, tier.long, tier.short);
                key(&other.tier) == key(&tier.tier)
            };
            if self.tiers[..place].iter().any(same) {
                reader.wrong(&tier.at, "has severity and windows of another tier; keep one of them");
            }
        }
        // Otherwise the same mistake is told twice.
        if reader.noted() == before {
            windows::check(reader, &self.windows());
        }
    }

    fn windows(&self) -> Vec<Window<'_>> {
        let mut windows = vec![Window { length: self.window, at: self.section.place("window") }];
        for tier in self.tiers {
            windows.push(Window { length: tier.tier.short, at: tier.short.clone() });
            windows.push(Window { length: tier.tier.long, at: tier.long.clone() });
        }
        windows.push(Window { length: self.period, at: self.section.place("period") });
        windows
    }

    fn tier(&self, reader: &mut Reader<'_>, placed: &PlacedTier<'_>) {
        let tier = &placed.tier;
        if tier.long >= self.period {
            let (long, period) = (short(tier.long), short(self.period));
            let what =
                format!("the long window of {long} is not shorter than the period of {period}; shorten it");
            reader.wrong(&placed.long, what);
        } else if tier.factor(self.period) < Fraction::ONE {
            let part = percent(tier.budget);
            let least = percent(Fraction::new(millis(tier.long), millis(self.period)));
            let what = format!(
                "{part} of the budget in {} alerts on a healthy service (a burn rate of {}); write {least} or more",
                short(tier.long),
                tier.factor(self.period).to_decimal(),
            );
            reader.wrong(&placed.budget, what);
        }
        if tier.short >= tier.long {
            let (long, short) = (short(tier.long), short(tier.short));
            let what =
                format!("the short window of {short} is not shorter than the long one of {long}; shorten it");
            reader.wrong(&placed.short, what);
        }
        for (window, at) in [(tier.short, &placed.short), (tier.long, &placed.long)] {
            self.long_enough(reader, window, at);
        }
    }

    fn long_enough(&self, reader: &mut Reader<'_>, window: Duration, at: &At<'_>) {
        let least = self.scrape * SCRAPES_PER_WINDOW;
        let whole_minutes = window.subsec_nanos() == 0 && window.as_secs().is_multiple_of(60);
        if window < least {
            let what = format!(
                "{} is shorter than four scrape intervals ({}); make it longer, or slo.scrape_interval shorter",
                short(window),
                short(least),
            );
            reader.wrong(at, what);
        } else if !(self.trial || whole_minutes) {
            let what =
                format!("{} is not a window of whole minutes; or write trial: true to try", short(window));
            reader.wrong(at, what);
        }
    }
}

/// The verdicts of the section or of an objective, above those that hold otherwise.
fn outcomes(reader: &mut Reader<'_>, mapping: &Mapping<'_>, base: Outcomes) -> Outcomes {
    let tool_errors = reader.optional(mapping, "tool_errors", value::verdict);
    let mut outcomes = tool_errors.map_or(base, |verdict| base.with(Outcome::ToolError, verdict));
    let Some(given) = mapping.get("outcomes").and_then(|at| reader.open(at)) else { return outcomes };
    for (name, at) in given.each() {
        let outcome = match value::outcome(name) {
            Ok(Outcome::Success) => {
                reader.wrong(&at, "a success is good, always; leave it out");
                continue;
            }
            Ok(outcome) => outcome,
            Err(wrong) => {
                reader.wrong(&at, format_args!("{name:?} {wrong}"));
                continue;
            }
        };
        let Some(verdict) = given.get(name).and_then(|at| reader.value(&at, value::verdict)) else {
            continue;
        };
        if let (Outcome::ToolError, Some(other)) = (outcome, tool_errors)
            && other != verdict
        {
            let what = format!(
                "{:?} contradicts tool_errors: {}; leave one of them out",
                verdict.as_str(),
                other.as_str()
            );
            reader.wrong(&at, what);
        }
        outcomes = outcomes.with(outcome, verdict);
    }
    outcomes
}

fn objectives(reader: &mut Reader<'_>, list: &At<'_>, base: Outcomes) -> Vec<Objective> {
    let items = reader.list(list).unwrap_or_default();
    if items.len() > MAX_OBJECTIVES {
        let what = format!("has {} objectives; at most {MAX_OBJECTIVES} are possible", items.len());
        reader.wrong(list, what);
        return Vec::new();
    }
    let mut names: Vec<(String, u64)> = Vec::new();
    let mut objectives = Vec::new();
    for at in items {
        let Some(mapping) = reader.mapping(at, OBJECTIVE_KEYS) else { continue };
        let name = reader.required(&mapping, "name", "availability", value::name);
        if let Some(name) = &name {
            let at = mapping.place("name");
            match names.iter().find(|(other, _)| other == name) {
                Some((_, line)) => {
                    let what =
                        format!("{name:?} is the name of the objective in line {line} too; names are unique");
                    reader.wrong(&at, what);
                }
                None => names.push((name.clone(), at.line)),
            }
        }
        objectives.extend(objective(reader, &mapping, name, base));
    }
    objectives
}

fn objective(
    reader: &mut Reader<'_>,
    mapping: &Mapping<'_>,
    name: Option<String>,
    base: Outcomes,
) -> Option<Objective> {
    let sli = sli(reader, mapping);
    let target = reader.required(mapping, "target", "99.9", value::target);
    let description = reader.optional(mapping, "description", value::description).unwrap_or_default();
    let servers = reader.values(mapping, "servers", value::pattern);
    let tools = reader.values(mapping, "tools", value::pattern);
    let outcomes = outcomes(reader, mapping, base);
    if sli == Some(Sli::Quality) {
        only_tool_errors(reader, mapping);
    }
    Some(Objective { name: name?, description, sli: sli?, target: target?, servers, tools, outcomes })
}

/// Quality looks at answers: whatever else became of a call is no event of it.
fn only_tool_errors(reader: &mut Reader<'_>, mapping: &Mapping<'_>) {
    let Some(given) = mapping.get("outcomes").and_then(|at| reader.open(at)) else { return };
    for (name, at) in given.each() {
        if value::outcome(name).is_ok_and(|outcome| !matches!(outcome, Outcome::ToolError | Outcome::Success))
        {
            reader.wrong(&at, "has no effect on quality, which judges answers of tools only; leave it out");
        }
    }
}

/// What is measured; a threshold belongs to latency and to nothing else.
fn sli(reader: &mut Reader<'_>, mapping: &Mapping<'_>) -> Option<Sli> {
    let word = reader.required(mapping, "sli", "availability", |text| value::word(text, "SLI", SLIS));
    let threshold = mapping.get("threshold");
    match word? {
        "latency" => {
            let threshold = reader.required(mapping, "threshold", "1s", value::threshold)?;
            Some(Sli::Latency { threshold })
        }
        word => {
            if let Some(at) = threshold {
                reader.wrong(&at, format_args!("is for latency only, and this is {word}; leave it out"));
            }
            Some(if word == "quality" { Sli::Quality } else { Sli::Availability })
        }
    }
}

/// A fraction in percent, rounded up so that what is advised is enough.
fn percent(fraction: Fraction) -> String {
    let scaled = fraction.times(Fraction::new(1_000_000, 1));
    let up = scaled.numerator.saturating_add(scaled.denominator - 1).div_euclid(scaled.denominator);
    format!("{}%", Fraction::new(up, 10_000).to_decimal())
}

fn millis(duration: Duration) -> i128 {
    i128::try_from(duration.as_millis()).unwrap_or(i128::MAX)
}

/// How much of the period may fail, as time without any service.
#[must_use]
pub fn allowed_downtime(plan: &Plan, objective: &Objective) -> Duration {
    let parts = Fraction::new(millis(plan.period), 1).times(objective.target.budget());
    let millis = parts.numerator.div_euclid(parts.denominator);
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Whether a verdict differs from that of the default.
#[must_use]
pub fn unusual(outcomes: &Outcomes) -> Vec<(Outcome, Verdict)> {
    let usual = Outcomes::default();
    let verdicts = Outcome::ALL.map(|outcome| (outcome, outcomes.verdict(outcome)));
    verdicts.into_iter().filter(|(outcome, verdict)| usual.verdict(*outcome) != *verdict).collect()
}
