//! The spans within a call, where they are no layer of their own.

use tracing::field::Empty;
use tracing::info_span;

use crate::report::{Issue, Verdict};

/// Runs the rules of a diagnosis within the span `health_checks`, which carries the verdict as `health.overall`.
///
/// ```
/// use mcp_backend::{report::Verdict, tool::health_checks};
/// # let now = jiff::Timestamp::UNIX_EPOCH;
/// let (issues, verdict) = health_checks(|| {
///     let issues = Vec::new(); // of check::pod::issues(&facts), for example
///     let verdict = Verdict::of(&issues, Vec::new(), now);
///     (issues, verdict)
/// });
/// assert!(issues.is_empty() && verdict.health_score == 100);
/// ```
pub fn health_checks(judge: impl FnOnce() -> (Vec<Issue>, Verdict)) -> (Vec<Issue>, Verdict) {
    let span = info_span!("health_checks", health.overall = Empty, health.issues = Empty);
    let (issues, verdict) = span.in_scope(judge);
    span.record("health.overall", verdict.overall.as_str());
    span.record("health.issues", issues.len());
    (issues, verdict)
}
