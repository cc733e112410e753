//! Where metrics go beside the admin port: to a collector, and into a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::{self, Key};
use super::problem::Problem;
use super::raw::{RawConfig, RawValue};
use super::resolve::Reader;
use super::traces::identity;
use super::value::{self, Expected};
use crate::telemetry;
use crate::telemetry::export::otlp::{self, Destination, Endpoint, Environment};

/// Where metrics go beside the admin port.
#[derive(Debug, Clone, Default)]
pub struct OutletConfig {
    /// The collector; `None`: none gets metrics.
    pub otlp: Option<otlp::Settings>,
    /// The file; `None`: there is none.
    pub file: Option<MetricsFile>,
}

/// A file of metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsFile {
    /// Where it is. The directory may be missing at start: volumes come late.
    pub path: PathBuf,
    /// How often it is written anew.
    pub interval: Duration,
}

/// What was said about metrics that changes nothing, and what most likely was not meant.
pub(super) fn without_effect(raw: &RawConfig, environment: &Environment) -> Vec<String> {
    let said = |key: &Key| raw.get(key).map(|(_, source)| source);
    let mut remarks = Vec::new();
    if !sends(raw, environment) {
        let asked = said(&keys::OTLP_METRICS).filter(|_| wanted(raw, environment));
        if let Some(source) = asked {
            let forbids = if environment.disabled { "OTEL_SDK_DISABLED" } else { "OTEL_METRICS_EXPORTER" };
            remarks.push(format!("{source}: no metrics are sent, for {forbids} forbids it"));
        } else if let Some(source) = said(&keys::OTLP_METRICS_INTERVAL) {
            remarks.push(format!("{source}: no metrics are sent without otlp_metrics"));
        }
    }
    match raw.get(&keys::METRICS_FILE) {
        None => {
            let interval = said(&keys::METRICS_FILE_INTERVAL);
            remarks
                .extend(interval.map(|source| format!("{source}: nothing is written without metrics_file")));
        }
        Some((RawValue::Text(file), source)) if !file.ends_with(".prom") => {
            remarks.push(format!("{source}: node_exporter reads only files whose names end in .prom"));
        }
        Some(_) => {}
    }
    remarks
}

/// Whether metrics are sent to a collector, if one is named.
pub(super) fn sends(raw: &RawConfig, environment: &Environment) -> bool {
    wanted(raw, environment) && !environment.forbids_metrics()
}

/// Whether anything asks for metrics at a collector.
fn wanted(raw: &RawConfig, environment: &Environment) -> bool {
    let setting = match raw.get(&keys::OTLP_METRICS) {
        Some((RawValue::Text(text), _)) => value::switch(text).ok(),
        _ => None,
    };
    setting.unwrap_or(environment.metrics_exporter == Some(Destination::Otlp))
}

impl Reader<'_> {
    /// Reads all of it, so that mistakes are told even while nothing is sent.
    pub(super) fn outlets(
        &mut self,
        environment: &Environment,
        telemetry: &telemetry::Settings,
    ) -> OutletConfig {
        OutletConfig { otlp: self.otlp_metrics(environment, telemetry), file: self.metrics_file() }
    }

    fn otlp_metrics(
        &mut self,
        environment: &Environment,
        telemetry: &telemetry::Settings,
    ) -> Option<otlp::Settings> {
        // Only what it says if it is wrong is of interest here.
        self.optional(&keys::OTLP_METRICS, value::switch);
        let interval = self.optional(&keys::OTLP_METRICS_INTERVAL, value::interval);
        if !sends(self.raw, environment) {
            return None;
        }
        let settings = environment.metric_settings(&identity(telemetry));
        // By the standard variable the standard address is meant.
        let default = environment.metrics_exporter == Some(Destination::Otlp);
        if settings.endpoint == Endpoint::Default && !default {
            // One that is wrong was told as a problem.
            if let (Some((_, source)), None) =
                (self.raw.get(&keys::OTLP_METRICS), self.raw.get(&keys::OTLP_ENDPOINT))
            {
                let what = "nothing says where metrics go; give the collector's URL too: otlp_endpoint, for example \
                    --otlp-endpoint http://127.0.0.1:4318, or OTEL_EXPORTER_OTLP_ENDPOINT";
                self.problems.push(Problem::new(source, what));
            }
            return None;
        }
        Some(otlp::Settings { schedule_delay: interval.unwrap_or(settings.schedule_delay), ..settings })
    }

    fn metrics_file(&mut self) -> Option<MetricsFile> {
        let interval = self.read(&keys::METRICS_FILE_INTERVAL, value::interval);
        let path = self.optional(&keys::METRICS_FILE, file)?;
        Some(MetricsFile { path, interval })
    }
}

/// A file, whether it is there or not.
fn file(text: &str) -> Result<PathBuf, Expected> {
    const EXPECTED: Expected = "a file; write its path, for example /var/lib/node_exporter/mcp-tap.prom";
    let path = Path::new(text);
    if text.ends_with('/') || path.file_name().is_none() || path.is_dir() {
        return Err(EXPECTED);
    }
    Ok(path.to_owned())
}

#[cfg(test)]
#[path = "outlets_tests.rs"]
mod tests;
