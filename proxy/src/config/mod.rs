//! Settings: from flags, variables and one YAML file, in that order of precedence, to what the modules need.

pub mod file;
pub mod keys;
mod near;
mod outlets;
pub mod problem;
pub mod raw;
mod resolve;
pub mod slo;
mod traces;
mod value;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::http::{forward, inspect, server};
use crate::telemetry;
use crate::telemetry::export::otlp::Environment;

use keys::Key;
use problem::{Problem, Problems};
use raw::RawConfig;
use slo::{SloConfig, Warning};

pub use outlets::{MetricsFile, OutletConfig};
pub use traces::TraceConfig;

/// Checked and resolved: no option is left to interpret.
#[derive(Debug)]
pub struct Config {
    /// Where and how clients are served.
    pub server: server::Settings,
    /// How the MCP server is reached.
    pub upstream: forward::Settings,
    /// Whether anything is looked at.
    pub inspects: bool,
    /// What is looked at, and how much of it.
    pub inspect: inspect::Settings,
    /// Names and bounds of what is recorded.
    pub telemetry: telemetry::Settings,
    /// Objectives, prices and what of answers is judged.
    pub slo: SloConfig,
    /// What becomes of traces; `None`: there are none.
    pub traces: Option<TraceConfig>,
    /// Where metrics go beside the admin port.
    pub outlets: OutletConfig,
    /// Where counts of error budgets outlast the process; `None`: nowhere.
    pub state: Option<StateSettings>,
    /// Where the admin port listens.
    pub admin: SocketAddr,
    /// The sidecar's own log.
    pub log: LogSettings,
}

/// Where and how often counts of error budgets are saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSettings {
    /// The directory. It may be missing at start: volumes come late.
    pub dir: PathBuf,
    /// How often.
    pub interval: Duration,
}

/// The sidecar's own log.
#[derive(Debug, Clone, Copy)]
pub struct LogSettings {
    /// How lines look.
    pub format: LogFormat,
    /// The least severe lines shown.
    pub level: tracing::Level,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A configuration and what is worth a warning about it.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The file that they were read of, if there is one.
    pub file: Option<ReadFile>,
    /// What is worth more than that.
    pub remarks: Remarks,
}

/// A configuration that may lack the server: that is enough to make rules of.
#[derive(Debug)]
pub struct Checked {
    /// All settings; `None` where nothing says which server.
    pub config: Option<Config>,
    /// What is agreed on.
    pub slo: SloConfig,
    /// What is worth a warning.
    pub remarks: Remarks,
}

/// The configuration file as it was when it was read.
#[derive(Debug, Clone)]
pub struct ReadFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it said.
    pub text: String,
}

/// What is no problem and worth a warning.
#[derive(Debug, Default)]
pub struct Remarks {
    /// Variables with our prefix that are no setting.
    pub unknown_variables: Vec<String>,
    /// What is set and not obeyed, as sentences.
    pub without_effect: Vec<String>,
    /// About objectives and their alerts.
    pub warnings: Vec<Warning>,
}

/// Reads all sources and checks them together.
///
/// # Errors
/// All problems of all sources.
pub fn load(
    flags: impl Iterator<Item = (&'static Key, String)>,
    file: Option<&Path>,
) -> Result<Loaded, Problems> {
    let (checked, file) = read(flags, file, true)?;
    // What is missing was told as a problem.
    let config = checked.config.ok_or_else(Problems::default)?;
    Ok(Loaded { config, file, remarks: checked.remarks })
}

/// The same, but nothing needs to say which server.
///
/// # Errors
/// All problems of all sources.
pub fn check(
    flags: impl Iterator<Item = (&'static Key, String)>,
    file: Option<&Path>,
) -> Result<Checked, Problems> {
    read(flags, file, false).map(|(checked, _)| checked)
}

fn read(
    flags: impl Iterator<Item = (&'static Key, String)>,
    file: Option<&Path>,
    with_upstream: bool,
) -> Result<(Checked, Option<ReadFile>), Problems> {
    let mut raw = RawConfig::default();
    let mut problems = Problems::default();
    raw.add_flags(flags);
    let variables = std::env::vars_os().filter_map(|variable| readable(variable, &mut problems));
    let unknown_variables = raw.add_variables(variables);
    let file = file.and_then(|path| {
        let text = raw.add_file(path, &mut problems)?;
        Some(ReadFile { path: path.to_owned(), text })
    });
    let slo = file.as_ref().map(|file| slo::add(&file.path, &file.text, &mut problems)).unwrap_or_default();
    let (environment, remarks) = Environment::read(|name| std::env::var(name).ok());
    let mut without_effect: Vec<_> = remarks.iter().map(ToString::to_string).collect();
    without_effect.extend(traces::without_effect(&raw, &environment));
    without_effect.extend(outlets::without_effect(&raw, &environment));
    without_effect.extend(interval_without_effect(&raw));
    let config = resolve::resolve(&raw, slo.clone(), environment, problems, with_upstream)?;
    if let (Some((_, source)), Some(false)) =
        (raw.get(&keys::INSPECT), config.as_ref().map(|config| config.inspects))
    {
        without_effect.push(format!("{source}: nothing is counted, and there are no traces"));
    }
    let server = config.as_ref().map(|config| config.telemetry.server_name.as_str());
    let warnings = slo::warnings(&slo, server);
    let remarks = Remarks { unknown_variables, without_effect, warnings };
    Ok((Checked { config, slo, remarks }, file))
}

/// An interval of nothing.
fn interval_without_effect(raw: &RawConfig) -> Option<String> {
    let (_, source) = raw.get(&keys::STATE_INTERVAL)?;
    let saved = raw.get(&keys::STATE_DIR).is_some();
    (!saved).then(|| format!("{source}: nothing is saved without state_dir"))
}

/// A variable as text. One that is none is a problem if it is a setting, and else not ours.
fn readable((name, value): (OsString, OsString), problems: &mut Problems) -> Option<(String, String)> {
    let name = name.into_string().ok()?;
    match value.into_string() {
        Ok(value) => Some((name, value)),
        Err(value) => {
            if keys::ALL.iter().any(|key| key.variable() == name) {
                problems.push(Problem::new(name, format!("{value:?} is not text in UTF-8")));
            }
            None
        }
    }
}

#[cfg(test)]
mod variable_tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_setting_that_is_no_text_is_a_problem_and_other_variables_are_not_ours() {
        let broken = || OsString::from_vec(b"a\xff".to_vec());
        let mut problems = Problems::default();
        for name in ["PATH", "MCP_TAP_OTHER", "MCP_TAP_NAME"] {
            assert_eq!(readable((name.into(), broken()), &mut problems), None);
        }
        assert_eq!(readable((broken(), "a".into()), &mut problems), None);
        let whole = readable(("MCP_TAP_NAME".into(), "a".into()), &mut problems);
        assert_eq!(whole, Some(("MCP_TAP_NAME".to_owned(), "a".to_owned())));
        insta::assert_snapshot!(problems, @r#"
        1 problem in the configuration:
          MCP_TAP_NAME: "a\xFF" is not text in UTF-8
        "#);
    }
}
