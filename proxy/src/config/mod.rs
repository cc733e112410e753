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
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::admin;
use crate::http::{forward, inspect, server};
use crate::registry::Folders;
use crate::stdio;
use crate::telemetry;
use crate::telemetry::export::otlp::Environment;

use keys::{Key, Serving};
use problem::{Problem, Problems};
use raw::RawConfig;
use slo::{SloConfig, Warning};

pub use outlets::{MetricsFile, OutletConfig};
pub use traces::TraceConfig;

/// Checked and resolved: no option is left to interpret.
#[derive(Debug)]
pub struct Config {
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
    pub admin: admin::Address,
    /// Where this process is listed for others of the user.
    pub running: Folders,
    /// The sidecar's own log.
    pub log: LogSettings,
}

/// What stands in front of a server.
#[derive(Debug)]
pub enum Front {
    /// A proxy of HTTP.
    Http(Box<HttpFront>),
    /// Whoever started the server as a command.
    Stdio(stdio::Settings),
}

/// A proxy of HTTP.
#[derive(Debug)]
pub struct HttpFront {
    /// Where and how clients are served.
    pub server: server::Settings,
    /// How the MCP server is reached.
    pub upstream: forward::Settings,
}

/// For which command settings are read.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// `mcp-tap run`.
    Run,
    /// `mcp-tap check`, and whatever needs no server.
    Check,
    /// `mcp-tap stdio` with this command.
    Stdio(Vec<OsString>),
}

impl Purpose {
    /// Which settings are of use.
    #[must_use]
    pub const fn serving(&self) -> Serving {
        match self {
            Self::Run => Serving::Http,
            Self::Check => Serving::Both,
            Self::Stdio(_) => Serving::Stdio,
        }
    }
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
    /// What stands in front of which server.
    pub front: Front,
    /// The other settings.
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
    pub settings: Option<(Front, Config)>,
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
    purpose: &Purpose,
) -> Result<Loaded, Problems> {
    let (checked, file) = read(flags, file, purpose)?;
    // What is missing was told as a problem.
    let (front, config) = checked.settings.ok_or_else(Problems::default)?;
    Ok(Loaded { front, config, file, remarks: checked.remarks })
}

/// The same, but nothing needs to say which server.
///
/// # Errors
/// All problems of all sources.
pub fn check(
    flags: impl Iterator<Item = (&'static Key, String)>,
    file: Option<&Path>,
) -> Result<Checked, Problems> {
    read(flags, file, &Purpose::Check).map(|(checked, _)| checked)
}

fn read(
    flags: impl Iterator<Item = (&'static Key, String)>,
    file: Option<&Path>,
    purpose: &Purpose,
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
    without_effect.extend(of_the_other_kind(&raw, purpose.serving()));
    let settings = resolve::resolve(&raw, slo.clone(), environment, problems, purpose)?;
    if let (Some((_, source)), Some(false)) =
        (raw.get(&keys::INSPECT), settings.as_ref().map(|(_, config)| config.inspects))
    {
        without_effect.push(format!("{source}: nothing is counted, and there are no traces"));
    }
    if let (Serving::Http, Some((_, source)), Some(admin::Address::Off)) =
        (purpose.serving(), raw.get(&keys::ADMIN), settings.as_ref().map(|(_, config)| &config.admin))
    {
        without_effect
            .push(format!("{source}: there is no admin port: no metrics, no /readyz, no line of mcp-tap ps"));
    }
    let server = settings.as_ref().map(|(_, config)| config.telemetry.server_name.as_str());
    let warnings = slo::warnings(&slo, server);
    let remarks = Remarks { unknown_variables, without_effect, warnings };
    Ok((Checked { settings, slo, remarks }, file))
}

/// An interval of nothing.
fn interval_without_effect(raw: &RawConfig) -> Option<String> {
    let (_, source) = raw.get(&keys::STATE_INTERVAL)?;
    let saved = raw.get(&keys::STATE_DIR).is_some();
    (!saved).then(|| format!("{source}: nothing is saved without state_dir"))
}

/// Settings that this command does not have, from places that serve several commands.
fn of_the_other_kind(raw: &RawConfig, serving: Serving) -> Vec<String> {
    let others = keys::ALL.iter().filter(|key| !key.serving.includes(serving));
    let command = if serving == Serving::Http { "stdio" } else { "run" };
    let told = others.filter_map(|key| raw.get(key));
    told.map(|(_, source)| format!("{source}: is a setting of mcp-tap {command} only")).collect()
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
