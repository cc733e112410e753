//! What goes wrong on purpose, as `--sim-faults` tells it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::cluster::KINDS;

/// What goes wrong on purpose at the API. Requests for `/version` and the like are never touched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Share of requests that are answered 500.
    pub api_error: f64,
    /// Share of requests that take longer, and how long.
    pub slow: Option<(f64, Duration)>,
    /// Plurals of kinds, `log` or `metrics`, that are answered 403.
    pub forbidden: Vec<String>,
    /// Plurals of kinds, `log` or `metrics`, that are never answered.
    pub hang: Vec<String>,
    /// What is answered a status.
    pub forced: Vec<Forced>,
}

/// A status for requests of one sort.
#[derive(Clone, Debug, PartialEq)]
pub struct Forced {
    /// One of [`STATUSES`].
    pub status: u16,
    /// Plural of a kind, `log` or `metrics`.
    pub target: String,
    /// Share of these requests.
    pub share: f64,
}

/// The statuses that can be asked for.
pub const STATUSES: [u16; 8] = [401, 403, 404, 410, 429, 500, 503, 504];

/// A mistake in the text of the faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultsError {
    /// A part without an equals sign, or with another word before it.
    #[error(
        "\"{0}\" is no fault: write api_error=0.01, slow=0.02:2s, forbidden=metrics, hang=events or status=429:pods"
    )]
    Unknown(String),
    /// Not a share.
    #[error("\"{0}\" is no share of requests: write a number from 0 to 1, as 0.01")]
    Share(String),
    /// Not a duration.
    #[error("\"{0}\" is no duration: write it with its unit, as 2s or 300ms")]
    Duration(String),
    /// Not a sort of requests.
    #[error(
        "\"{0}\" is nothing that is read: write the plural of a kind, as pods or replicasets, or log or metrics"
    )]
    Target(String),
    /// Not a status of this list.
    #[error("\"{0}\" is no status that can be asked for: write 401, 403, 404, 410, 429, 500, 503 or 504")]
    Status(String),
}

impl FromStr for Faults {
    type Err = FaultsError;

    /// Reads `api_error=0.01,slow=0.02:2s,forbidden=metrics`; nothing at all is no fault at all.
    fn from_str(text: &str) -> Result<Self, FaultsError> {
        let mut faults = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let unknown = || FaultsError::Unknown(part.to_owned());
            let (name, value) = part.split_once('=').ok_or_else(unknown)?;
            match name {
                "api_error" => faults.api_error = share(value)?,
                "slow" => {
                    let (chance, time) = value.split_once(':').ok_or_else(unknown)?;
                    let bad = |_| FaultsError::Duration(time.to_owned());
                    faults.slow = Some((share(chance)?, humantime::parse_duration(time).map_err(bad)?));
                }
                "forbidden" => faults.forbidden.push(target(value)?),
                "hang" => faults.hang.push(target(value)?),
                "status" => {
                    let mut words = value.splitn(3, ':');
                    let status = status(words.next().unwrap_or_default())?;
                    let target = target(words.next().ok_or_else(unknown)?)?;
                    let share = words.next().map_or(Ok(1.0), share)?;
                    faults.forced.push(Forced { status, target, share });
                }
                _ => return Err(unknown()),
            }
        }
        Ok(faults)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.api_error > 0.0 {
            parts.push(format!("api_error={}", self.api_error));
        }
        if let Some((share, time)) = self.slow {
            let time = humantime::format_duration(time).to_string();
            parts.push(format!("slow={share}:{}", time.replace(' ', "")));
        }
        parts.extend(self.forbidden.iter().map(|target| format!("forbidden={target}")));
        parts.extend(self.hang.iter().map(|target| format!("hang={target}")));
        parts.extend(self.forced.iter().map(|forced| match forced.share {
            1.0 => format!("status={}:{}", forced.status, forced.target),
            share => format!("status={}:{}:{share}", forced.status, forced.target),
        }));
        f.write_str(&parts.join(","))
    }
}

fn share(text: &str) -> Result<f64, FaultsError> {
    let parsed = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    parsed.ok_or_else(|| FaultsError::Share(text.to_owned()))
}

fn status(text: &str) -> Result<u16, FaultsError> {
    let parsed = text.parse().ok().filter(|status| STATUSES.contains(status));
    parsed.ok_or_else(|| FaultsError::Status(text.to_owned()))
}

fn target(text: &str) -> Result<String, FaultsError> {
    let known = ["log", "metrics"].contains(&text) || KINDS.iter().any(|kind| kind.plural == text);
    if known { Ok(text.to_owned()) } else { Err(FaultsError::Target(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_read_and_written_alike() {
        for text in [
            "",
            "api_error=0.01,slow=0.02:2s,forbidden=metrics",
            "slow=1:1m30s,forbidden=pods,forbidden=log,hang=events,status=429:pods,status=504:log:0.5",
        ] {
            assert_eq!(text.parse::<Faults>().expect(text).to_string(), text);
        }
        let spaced = " api_error=0.5 , hang=nodes ,".parse::<Faults>().expect("spaces are fine");
        assert_eq!((spaced.api_error, spaced.hang), (0.5, vec!["nodes".to_owned()]));
    }

    #[test]
    fn mistakes_are_told_with_what_would_be_right() {
        for (text, word) in [
            ("boom", "is no fault"),
            ("boom=1", "is no fault"),
            ("slow=0.1", "is no fault"),
            ("status=429", "is no fault"),
            ("api_error=2", "from 0 to 1"),
            ("api_error=NaN", "from 0 to 1"),
            ("slow=0.1:2", "with its unit"),
            ("forbidden=secrets", "plural of a kind"),
            ("hang=pod", "plural of a kind"),
            ("status=200:pods", "no status"),
            ("status=429:pods:x", "from 0 to 1"),
        ] {
            let error = text.parse::<Faults>().expect_err(text).to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
