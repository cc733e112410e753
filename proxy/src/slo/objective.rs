//! Objectives: which requests, good when, how many of them.

use std::time::Duration;

use super::outcome::{Outcome, Outcomes, Verdict};
use super::pattern::Pattern;
use super::target::Target;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sli {
    /// Requests that were answered well. Good as [`Outcomes`] say.
    Availability,
    /// Tool calls that were answered well and in time: a duration equal to the threshold is in time, and a fast failure
    /// is never good. Calls that waited for the client are no events: their duration holds human time.
    Latency {
        /// The longest time that is good.
        threshold: Duration,
    },
    /// Answers of tools that are sound: no `isError`, not empty, well-formed, and as the tool's `outputSchema` says.
    Quality,
}

impl Sli {
    /// The word in configuration, labels and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Latency { .. } => "latency",
            Self::Quality => "quality",
        }
    }
}

/// One objective of the service level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objective {
    /// Its name, the label `slo`: `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 63 bytes, unique.
    pub name: String,
    /// For people; empty when not given.
    pub description: String,
    /// What is measured.
    pub sli: Sli,
    /// How much of it must be good.
    pub target: Target,
    /// Only for these servers (values of `mcp_server`); empty: for all.
    pub servers: Vec<Pattern>,
    /// Only calls of these tools; empty: all that the SLI measures.
    pub tools: Vec<Pattern>,
    /// The verdict on each outcome.
    pub outcomes: Outcomes,
}

/// What an objective looks at in one request that ended.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub duration: Duration,
    /// Whether the server asked the client something meanwhile.
    pub waited_for_client: bool,
}

impl Objective {
    /// Whether it is one of this server's.
    #[must_use]
    pub fn is_for(&self, server: &str) -> bool {
        self.servers.is_empty() || self.servers.iter().any(|pattern| pattern.matches(server))
    }

    /// Whether it takes in requests of this kind: of this tool, or none that is a tool call.
    #[must_use]
    pub fn selects(&self, tool: Option<&str>) -> bool {
        match (self.sli, tool) {
            (_, Some(tool)) => {
                self.tools.is_empty() || self.tools.iter().any(|pattern| pattern.matches(tool))
            }
            (Sli::Availability, None) => self.tools.is_empty(),
            (Sli::Latency { .. } | Sli::Quality, None) => false,
        }
    }

    /// The verdict of availability and latency on a request that ended and that [`Objective::selects`] takes in; no names
    /// are compared, for this is on the traffic path. Quality takes another look ([`Objective::sound`]).
    #[must_use]
    #[inline]
    pub fn judge(&self, sample: &Sample) -> Verdict {
        let verdict = self.outcomes.verdict(sample.outcome);
        match self.sli {
            Sli::Availability => verdict,
            Sli::Latency { .. } if sample.waited_for_client => Verdict::Excluded,
            Sli::Latency { threshold } if verdict == Verdict::Good && sample.duration > threshold => {
                Verdict::Bad
            }
            Sli::Latency { .. } => verdict,
            Sli::Quality => Verdict::Excluded,
        }
    }

    /// The verdict of quality on a tool's answer. `sound` is what looking at a success found; a tool error is as
    /// configured; whatever else is no answer and no event.
    #[must_use]
    pub fn sound(&self, tool: &str, outcome: Outcome, sound: bool) -> Verdict {
        if self.sli != Sli::Quality || !self.selects(Some(tool)) {
            return Verdict::Excluded;
        }
        match outcome {
            Outcome::Success if sound => Verdict::Good,
            Outcome::Success => Verdict::Bad,
            Outcome::ToolError => self.outcomes.verdict(Outcome::ToolError),
            _ => Verdict::Excluded,
        }
    }
}
