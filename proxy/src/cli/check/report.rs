//! What `mcp-tap check` says, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::config::slo::{self, allowed_downtime, short, unusual};
use crate::config::{Checked, Config, Front};
use crate::http::forward::UpstreamAddress;
use crate::slo::{Objective, Pattern, Plan, Sli, Tier};
use crate::telemetry::cost::{Price, Prices};
use crate::telemetry::export::otlp::Settings;
use crate::telemetry::quality;

/// All of it. Keys of JSON are those of the configuration where there are such.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    config: Option<String>,
    run: Option<Run>,
    slo: SloReport,
    cost: Vec<PriceReport>,
    quality: QualityReport,
    remarks: Vec<String>,
}

/// What only `run` needs.
#[derive(Debug, Serialize)]
struct Run {
    name: String,
    upstream: String,
    listen: String,
    admin: String,
    /// Where it is listed for `mcp-tap ps`.
    runtime_dir: String,
    workers: usize,
    drain_time: String,
    traces: Option<String>,
    /// The collector that gets metrics, and how often.
    metrics: Option<String>,
    metrics_interval: Option<String>,
    /// The file that metrics are written to, and how often.
    metrics_file: Option<String>,
    metrics_file_interval: Option<String>,
    /// Where counts of objectives outlast a restart, and how often they are saved.
    state_dir: Option<String>,
    state_interval: Option<String>,
}

#[derive(Debug, Serialize)]
struct SloReport {
    period: String,
    window: String,
    windows: Vec<String>,
    trial: bool,
    evaluation_interval: String,
    scrape_interval: String,
    objectives: Vec<ObjectiveReport>,
}

#[derive(Debug, Serialize)]
struct ObjectiveReport {
    name: String,
    sli: &'static str,
    target: String,
    threshold: Option<String>,
    description: String,
    servers: Vec<String>,
    tools: Vec<String>,
    /// Verdicts that are not those of the default.
    outcomes: BTreeMap<&'static str, &'static str>,
    /// Whether it is one of this server's; unknown without a server.
    measured_here: Option<bool>,
    allowed_downtime: String,
    tiers: Vec<TierReport>,
}

#[derive(Debug, Serialize)]
struct TierReport {
    severity: &'static str,
    long: String,
    short: String,
    burn_factor: String,
    error_ratio: String,
    min_bad: u64,
    can_fire: bool,
}

#[derive(Debug, Serialize)]
struct PriceReport {
    tool: String,
    per_second: Option<f64>,
    per_call: Option<f64>,
    per_gib: Option<f64>,
    per_million_tokens: Option<f64>,
}

#[derive(Debug, Serialize)]
struct QualityReport {
    sample_percent: f64,
    size_limit_bytes: usize,
    may_be_empty: Vec<String>,
    reports_failure: Vec<String>,
}

impl Report {
    pub(super) fn new(checked: &Checked, file: Option<&Path>) -> Self {
        let run = checked.settings.as_ref().and_then(|(front, config)| Run::new(front, config));
        let server = run.as_ref().map(|run| run.name.as_str());
        let plan = &checked.slo.plan;
        let objectives =
            plan.objectives.iter().map(|each| ObjectiveReport::new(plan, each, server)).collect();
        Self {
            slo: SloReport {
                period: short(plan.period),
                window: short(plan.window),
                windows: plan.windows().into_iter().map(short).collect(),
                trial: plan.trial,
                evaluation_interval: short(checked.slo.rules.interval),
                scrape_interval: short(checked.slo.rules.scrape_interval),
                objectives,
            },
            config: file.map(|file| file.display().to_string()),
            cost: prices(&checked.slo.prices),
            quality: QualityReport::new(&checked.slo.quality),
            remarks: remarks(checked),
            run,
        }
    }

    pub(super) fn json(&self) -> String {
        // Only keys that are no text could fail, and there are none.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// What is worth a look, the loudest first.
fn remarks(checked: &Checked) -> Vec<String> {
    let mut remarks: Vec<String> = checked.remarks.warnings.iter().map(ToString::to_string).collect();
    if checked.settings.is_none() {
        remarks.push(
            "no upstream is given: enough to make rules and dashboards, not for mcp-tap run".to_owned(),
        );
    }
    remarks.extend(checked.remarks.without_effect.iter().cloned());
    let unknown = checked.remarks.unknown_variables.iter();
    remarks.extend(unknown.map(|variable| format!("{variable}: this variable is no setting of mcp-tap")));
    remarks.extend(slo::about_rules(&checked.slo.rules).iter().map(ToString::to_string));
    remarks
}

impl Run {
    /// `None` for a wrapped command: what is checked is what a file says, and no file says a command.
    fn new(front: &Front, config: &Config) -> Option<Self> {
        let Front::Http(http) = front else { return None };
        let upstream = match &http.upstream.address {
            UpstreamAddress::Tcp { host, port } => format!("http://{}:{port}", bracketed(host)),
            UpstreamAddress::Tls { host, port } => format!("https://{}:{port}", bracketed(host)),
            UpstreamAddress::Unix(path) => format!("unix:{}", path.display()),
        };
        Some(Self {
            name: config.telemetry.server_name.clone(),
            upstream,
            listen: http.server.listen.to_string(),
            admin: config.admin.to_string(),
            runtime_dir: config.running.first().display().to_string(),
            workers: http.server.workers,
            drain_time: short(http.server.drain),
            traces: config.traces.as_ref().map(|traces| collector(&traces.export)),
            metrics: config.outlets.otlp.as_ref().map(collector),
            metrics_interval: config.outlets.otlp.as_ref().map(|otlp| short(otlp.schedule_delay)),
            metrics_file: config.outlets.file.as_ref().map(|file| file.path.display().to_string()),
            metrics_file_interval: config.outlets.file.as_ref().map(|file| short(file.interval)),
            state_dir: config.state.as_ref().map(|state| state.dir.display().to_string()),
            state_interval: config.state.as_ref().map(|state| short(state.interval)),
        })
    }
}

/// Where something goes, without what may hold a key: path, query and user.
fn collector(settings: &Settings) -> String {
    let Settings { signal, endpoint, protocol, .. } = settings;
    let uri = endpoint.url(*signal, *protocol).parse::<http::Uri>().unwrap_or_default();
    let port = uri.port().map_or_else(String::new, |port| format!(":{port}"));
    let scheme = uri.scheme_str().unwrap_or("http");
    format!("{scheme}://{}{port} by {}", uri.host().unwrap_or("?"), protocol.as_str())
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

impl ObjectiveReport {
    fn new(plan: &Plan, objective: &Objective, server: Option<&str>) -> Self {
        Self {
            name: objective.name.clone(),
            sli: objective.sli.as_str(),
            target: objective.target.to_string(),
            threshold: match objective.sli {
                Sli::Latency { threshold } => Some(humantime::format_duration(threshold).to_string()),
                Sli::Availability | Sli::Quality => None,
            },
            description: objective.description.clone(),
            servers: texts(&objective.servers),
            tools: texts(&objective.tools),
            outcomes: unusual(&objective.outcomes)
                .into_iter()
                .map(|(outcome, verdict)| (outcome.as_str(), verdict.as_str()))
                .collect(),
            measured_here: server.map(|server| objective.is_for(server)),
            allowed_downtime: short(allowed_downtime(plan, objective)),
            tiers: plan.tiers.iter().map(|tier| TierReport::new(plan, objective, tier)).collect(),
        }
    }
}

impl TierReport {
    fn new(plan: &Plan, objective: &Objective, tier: &Tier) -> Self {
        Self {
            severity: tier.severity.as_str(),
            long: short(tier.long),
            short: short(tier.short),
            burn_factor: tier.factor(plan.period).to_decimal(),
            error_ratio: tier.threshold(plan.period, objective.target).to_decimal(),
            min_bad: tier.min_bad,
            can_fire: tier.can_fire(plan.period, objective.target),
        }
    }
}

impl QualityReport {
    fn new(settings: &quality::Settings) -> Self {
        Self {
            // As people write it: 7%, not 7.000000000000001%.
            sample_percent: (settings.sample * 1e8).round() / 1e6,
            size_limit_bytes: settings.size_limit,
            may_be_empty: texts(&settings.may_be_empty),
            reports_failure: texts(&settings.reports_failure),
        }
    }
}

fn texts(patterns: &[Pattern]) -> Vec<String> {
    patterns.iter().map(ToString::to_string).collect()
}

/// The default first, then those of tools.
fn prices(prices: &Prices) -> Vec<PriceReport> {
    let report = |tool: String, price: &Price| PriceReport {
        tool,
        per_second: price.per_second,
        per_call: price.per_call,
        per_gib: price.per_gib,
        per_million_tokens: price.per_million_tokens,
    };
    let tools = prices.tools.iter().map(|(pattern, price)| report(pattern.to_string(), price));
    std::iter::once(report("*".to_owned(), &prices.default)).chain(tools).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.config {
            Some(file) => writeln!(f, "{file} is right")?,
            None => writeln!(f, "the configuration is right (no file)")?,
        }
        if let Some(run) = &self.run {
            writeln!(f, "\nServer {} at {}", run.name, run.upstream)?;
            writeln!(f, "  clients connect to  {}", run.listen)?;
            writeln!(f, "  admin address       {}", run.admin)?;
            writeln!(f, "  listed in           {}", run.runtime_dir)?;
            writeln!(f, "  workers             {}", run.workers)?;
            writeln!(f, "  drain time          {}", run.drain_time)?;
            writeln!(f, "  traces              {}", run.traces.as_deref().unwrap_or("none"))?;
            // Who asked for neither knows of the admin port.
            if let (Some(collector), Some(interval)) = (&run.metrics, &run.metrics_interval) {
                writeln!(f, "  metrics go to       {collector} every {interval}")?;
            }
            if let (Some(file), Some(interval)) = (&run.metrics_file, &run.metrics_file_interval) {
                writeln!(f, "  metrics file        {file} every {interval}")?;
            }
            match (&run.state_dir, &run.state_interval) {
                (Some(folder), Some(interval)) => {
                    writeln!(f, "  budgets are saved   in {folder} every {interval}")?;
                }
                _ => writeln!(f, "  budgets are saved   nowhere: a restart begins anew (state_dir)")?,
            }
        }
        write!(f, "{}", self.slo)?;
        self.costs(f)?;
        self.quality(f)?;
        if !self.remarks.is_empty() {
            writeln!(f, "\nRemarks")?;
        }
        self.remarks.iter().try_for_each(|remark| writeln!(f, "  - {remark}"))
    }
}

impl Report {
    fn costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = |price: &&PriceReport| !price.shown().is_empty();
        if !self.cost.iter().any(|price| given(&price)) {
            return writeln!(f, "\nCost: no prices");
        }
        writeln!(f, "\nCost in US dollars")?;
        self.cost
            .iter()
            .filter(given)
            .try_for_each(|price| writeln!(f, "  {:<18}  {}", price.tool, price.shown().join(", ")))
    }

    fn quality(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QualityReport { sample_percent, size_limit_bytes, may_be_empty, reports_failure } = &self.quality;
        let size = bytesize::ByteSize::b(u64::try_from(*size_limit_bytes).unwrap_or(u64::MAX));
        write!(f, "\nQuality: {sample_percent}% of the answers are judged, up to {size}")?;
        for (what, tools) in [("may be empty", may_be_empty), ("reports failure", reports_failure)] {
            if !tools.is_empty() {
                write!(f, "; {what}: {}", tools.join(", "))?;
            }
        }
        writeln!(f)
    }
}

impl PriceReport {
    fn shown(&self) -> Vec<String> {
        let units = [
            ("per second", self.per_second),
            ("per call", self.per_call),
            ("per GiB", self.per_gib),
            ("per million tokens", self.per_million_tokens),
        ];
        units.into_iter().filter_map(|(unit, price)| Some(format!("{} {unit}", price?))).collect()
    }
}

impl fmt::Display for SloReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trial = if self.trial { ", on trial" } else { "" };
        writeln!(f, "\nService levels over {}, shown over {}{trial}", self.period, self.window)?;
        writeln!(f, "  windows             {}", self.windows.join(" "))?;
        writeln!(f, "  rules every {}, scrapes every {}", self.evaluation_interval, self.scrape_interval)?;
        if self.objectives.is_empty() {
            writeln!(f, "  no objectives")?;
        }
        self.objectives.iter().try_for_each(|objective| write!(f, "{objective}"))
    }
}

impl fmt::Display for ObjectiveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n  {}: {} {}%", self.name, self.sli, self.target)?;
        if let Some(threshold) = &self.threshold {
            write!(f, " within {threshold}")?;
        }
        let elsewhere = if self.measured_here == Some(false) { " (of other servers)" } else { "" };
        writeln!(f, "; allows {} of bad service{elsewhere}", self.allowed_downtime)?;
        for (what, patterns) in [("servers", &self.servers), ("tools", &self.tools)] {
            if !patterns.is_empty() {
                writeln!(f, "    {what} {}", patterns.join(", "))?;
            }
        }
        for (outcome, verdict) in &self.outcomes {
            writeln!(f, "    {outcome} is {verdict}")?;
        }
        self.tiers.iter().try_for_each(|tier| write!(f, "{tier}"))
    }
}

impl fmt::Display for TierReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, long, short, burn_factor, error_ratio, min_bad, can_fire } = self;
        write!(f, "    {severity:<6}  {long:>4} and {short:<4}")?;
        if !can_fire {
            return writeln!(f, "  never: burn rate {burn_factor} is more than all requests");
        }
        let events = if *min_bad == 1 { "event" } else { "events" };
        writeln!(
            f,
            "  error ratio above {error_ratio} (burn rate {burn_factor}), at least {min_bad} bad {events}"
        )
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
