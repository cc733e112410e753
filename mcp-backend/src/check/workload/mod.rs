//! The rules about what runs pods: Deployment, StatefulSet, DaemonSet, Job, CronJob, and what scales or guards them
//! (`WRK-…`).

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Event, Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;

use crate::report::Issue;

use super::{Facts, Input, RuleDoc, run};

mod around;
mod batch;
mod cron;
mod kinds;
mod replicas;
mod rules;

pub use around::{AUTOSCALER_RULES, BUDGET_RULES};
pub use kinds::{Counts, Workload};
pub use rules::RULES;

/// A workload and what is known around it. `None`: could not be read.
#[derive(Clone, Debug)]
pub struct WorkloadFacts {
    /// Ages are counted from here.
    pub now: Timestamp,
    /// The workload.
    pub workload: Workload,
    /// Its pods, by their owners.
    pub pods: Option<Vec<Arc<Pod>>>,
    /// The events about it and about its replica sets.
    pub events: Option<Vec<Arc<Event>>>,
    /// The services of its namespace.
    pub services: Option<Vec<Arc<Service>>>,
    /// The storage classes of the cluster.
    pub classes: Option<Vec<Arc<StorageClass>>>,
}

impl Facts for WorkloadFacts {
    fn has(&self, input: Input) -> bool {
        match input {
            Input::Pods => self.pods.is_some(),
            Input::Events => self.events.is_some(),
            _ => false,
        }
    }

    fn deep(&self) -> bool {
        false
    }
}

/// An autoscaler and whether what it scales is there.
#[derive(Clone, Debug)]
pub struct AutoscalerFacts {
    /// The autoscaler.
    pub autoscaler: Arc<HorizontalPodAutoscaler>,
    /// Whether its target exists. `None`: not known, or not a kind that is read.
    pub target_exists: Option<bool>,
}

impl Facts for AutoscalerFacts {
    fn has(&self, _: Input) -> bool {
        false
    }

    fn deep(&self) -> bool {
        false
    }
}

/// A budget of disruptions.
#[derive(Clone, Debug)]
pub struct BudgetFacts {
    /// The budget.
    pub budget: Arc<PodDisruptionBudget>,
}

impl Facts for BudgetFacts {
    fn has(&self, _: Input) -> bool {
        false
    }

    fn deep(&self) -> bool {
        false
    }
}

/// What is wrong with the workload, worst first. Nothing while its controller has not seen the last change.
pub fn issues(facts: &WorkloadFacts) -> Vec<Issue> {
    if facts.workload.is_stale() { Vec::new() } else { run(RULES, facts) }
}

/// What is wrong with the autoscaler.
pub fn autoscaler_issues(facts: &AutoscalerFacts) -> Vec<Issue> {
    run(AUTOSCALER_RULES, facts)
}

/// What is wrong with the budget of disruptions.
pub fn budget_issues(facts: &BudgetFacts) -> Vec<Issue> {
    run(BUDGET_RULES, facts)
}

/// The documentation of these rules.
pub fn docs() -> impl Iterator<Item = &'static RuleDoc> {
    RULES
        .iter()
        .map(|rule| &rule.doc)
        .chain(AUTOSCALER_RULES.iter().map(|rule| &rule.doc))
        .chain(BUDGET_RULES.iter().map(|rule| &rule.doc))
}

#[cfg(test)]
mod tests;
