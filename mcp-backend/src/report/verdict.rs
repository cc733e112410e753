//! The judgement over an object, from the issues that were found.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Issue, Severity};

/// In one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overall {
    /// Nothing above low.
    Healthy,
    /// The worst is high or medium.
    Degraded,
    /// The worst is critical.
    Critical,
    /// Too little could be read, or it is too old, to judge.
    Unknown,
}

impl Overall {
    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

/// Something that could not be read; the rules that need it were skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Partial {
    /// What, as `events`.
    pub input: String,
    /// Why not.
    pub reason: String,
}

/// The head of every diagnosis.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Verdict {
    /// In one word.
    pub overall: Overall,
    /// From 100 (nothing found) down to 0.
    pub health_score: u8,
    /// When the cluster was looked at.
    pub checked_at: Timestamp,
    /// What could not be read.
    pub partial: Vec<Partial>,
}

impl Verdict {
    /// The judgement over these issues.
    pub fn of(issues: &[Issue], partial: Vec<Partial>, checked_at: Timestamp) -> Self {
        let worst = issues.iter().map(|issue| issue.severity).min();
        let overall = match worst {
            Some(Severity::Critical) => Overall::Critical,
            Some(Severity::High | Severity::Medium) => Overall::Degraded,
            Some(Severity::Low) | None => Overall::Healthy,
        };
        let lost: u32 = issues.iter().map(|issue| cost(issue.severity)).sum();
        Self { overall, health_score: 100 - lost.min(100) as u8, checked_at, partial }
    }
}

/// What an issue takes from the score of 100.
fn cost(severity: Severity) -> u32 {
    match severity {
        Severity::Critical => 50,
        Severity::High => 25,
        Severity::Medium => 10,
        Severity::Low => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Object;
    use super::*;

    fn issue(severity: Severity) -> Issue {
        Issue {
            check: "POD-001",
            kind: "Test",
            severity,
            object: Object::new("Pod", "shop", "web"),
            message: String::new(),
            evidence: Vec::new(),
            recommendation: String::new(),
            first_seen: None,
            count: None,
        }
    }

    #[test]
    fn the_worst_issue_gives_the_word_and_all_of_them_the_score() {
        use Severity::{Critical, High, Low, Medium};
        let cases: [(&[Severity], Overall, u8); 7] = [
            (&[], Overall::Healthy, 100),
            (&[Low], Overall::Healthy, 98),
            (&[Medium, Low], Overall::Degraded, 88),
            (&[High], Overall::Degraded, 75),
            (&[Low, Critical], Overall::Critical, 48),
            (&[Critical, Critical], Overall::Critical, 0),
            (&[Critical, Critical, Critical], Overall::Critical, 0),
        ];
        for (severities, overall, score) in cases {
            let issues: Vec<Issue> = severities.iter().copied().map(issue).collect();
            let verdict = Verdict::of(&issues, Vec::new(), Timestamp::UNIX_EPOCH);
            assert_eq!((verdict.overall, verdict.health_score), (overall, score), "{severities:?}");
        }
    }
}
