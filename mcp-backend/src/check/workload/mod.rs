//! The rules about what runs pods: Deployment, StatefulSet, DaemonSet, Job, CronJob, and what scales or guards them.

use super::RuleDoc;

/// The documentation of these rules.
pub fn docs() -> impl Iterator<Item = &'static RuleDoc> {
    std::iter::empty()
}
