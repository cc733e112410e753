//! The five kinds of workloads behind one face.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job, JobCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::check::look;
use crate::report::Object;

/// What runs pods.
#[derive(Clone, Debug)]
pub enum Workload {
    /// Replicas that are all alike.
    Deployment(Arc<Deployment>),
    /// Replicas with an ordinal each.
    StatefulSet(Arc<StatefulSet>),
    /// One pod on each node.
    DaemonSet(Arc<DaemonSet>),
    /// Pods that are to finish.
    Job(Arc<Job>),
    /// Jobs by a schedule.
    CronJob(Arc<CronJob>),
}

/// How many pods a workload has; of a job: completions wanted, ready, succeeded and active ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Wanted.
    pub desired: i32,
    /// Ready.
    pub ready: i32,
    /// Ready for long enough.
    pub available: i32,
    /// Of the newest revision.
    pub updated: i32,
}

impl Workload {
    /// As the API calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Deployment(_) => "Deployment",
            Self::StatefulSet(_) => "StatefulSet",
            Self::DaemonSet(_) => "DaemonSet",
            Self::Job(_) => "Job",
            Self::CronJob(_) => "CronJob",
        }
    }

    /// Its name, labels and so on.
    pub fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Deployment(it) => &it.metadata,
            Self::StatefulSet(it) => &it.metadata,
            Self::DaemonSet(it) => &it.metadata,
            Self::Job(it) => &it.metadata,
            Self::CronJob(it) => &it.metadata,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        look::name(self.meta())
    }

    /// What an issue about it is about.
    pub fn object(&self) -> Object {
        look::object(self.kind(), self.meta())
    }

    /// How many pods it has.
    pub fn counts(&self) -> Counts {
        match self {
            Self::Deployment(it) => {
                let status = it.status.as_ref();
                Counts {
                    desired: it.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
                    ready: status.and_then(|status| status.ready_replicas).unwrap_or(0),
                    available: status.and_then(|status| status.available_replicas).unwrap_or(0),
                    updated: status.and_then(|status| status.updated_replicas).unwrap_or(0),
                }
            }
            Self::StatefulSet(it) => {
                let status = it.status.as_ref();
                Counts {
                    desired: it.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
                    ready: status.and_then(|status| status.ready_replicas).unwrap_or(0),
                    available: status.and_then(|status| status.available_replicas).unwrap_or(0),
                    updated: status.and_then(|status| status.updated_replicas).unwrap_or(0),
                }
            }
            Self::DaemonSet(it) => it.status.as_ref().map_or_else(Counts::default, |status| Counts {
                desired: status.desired_number_scheduled,
                ready: status.number_ready,
                available: status.number_available.unwrap_or(0),
                updated: status.updated_number_scheduled.unwrap_or(0),
            }),
            Self::Job(it) => {
                let status = it.status.as_ref();
                let spec = it.spec.as_ref();
                Counts {
                    desired: spec.and_then(|spec| spec.completions.or(spec.parallelism)).unwrap_or(1),
                    ready: status.and_then(|status| status.ready).unwrap_or(0),
                    available: status.and_then(|status| status.succeeded).unwrap_or(0),
                    updated: status.and_then(|status| status.active).unwrap_or(0),
                }
            }
            Self::CronJob(it) => {
                let active = it.status.as_ref().and_then(|status| status.active.as_ref()).map_or(0, Vec::len);
                let active = i32::try_from(active).unwrap_or(i32::MAX);
                Counts { desired: active, ready: active, available: active, updated: active }
            }
        }
    }

    /// Whether its controller has not yet seen the last change of the specification: then the status says nothing.
    pub fn is_stale(&self) -> bool {
        let observed = match self {
            Self::Deployment(it) => it.status.as_ref().and_then(|status| status.observed_generation),
            Self::StatefulSet(it) => it.status.as_ref().and_then(|status| status.observed_generation),
            Self::DaemonSet(it) => it.status.as_ref().and_then(|status| status.observed_generation),
            Self::Job(_) | Self::CronJob(_) => return false,
        };
        self.meta().generation.is_some_and(|generation| observed.unwrap_or(0) < generation)
    }

    /// Whether somebody stopped it on purpose.
    pub fn is_paused(&self) -> bool {
        match self {
            Self::Deployment(it) => it.spec.as_ref().and_then(|spec| spec.paused),
            Self::Job(it) => it.spec.as_ref().and_then(|spec| spec.suspend),
            Self::CronJob(it) => it.spec.as_ref().and_then(|spec| spec.suspend),
            Self::StatefulSet(_) | Self::DaemonSet(_) => None,
        }
        .unwrap_or(false)
    }

    /// The condition of a job that is true.
    pub(super) fn job_condition(&self, kind: &str) -> Option<&JobCondition> {
        let Self::Job(job) = self else { return None };
        let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
        look::condition(conditions, kind).filter(|condition| condition.status == "True")
    }

    /// Whether it is a job that has ended, and whether well.
    pub fn ended(&self) -> Option<bool> {
        if self.job_condition("Failed").is_some() {
            return Some(false);
        }
        self.job_condition("Complete").map(|_| true)
    }

    /// Why the rollout of a deployment made no progress in time, if so: the message of the condition.
    pub fn deadline_exceeded(&self) -> Option<&str> {
        let Self::Deployment(it) = self else { return None };
        let conditions = it.status.as_ref().and_then(|status| status.conditions.as_ref());
        look::condition(conditions, "Progressing")
            .filter(|condition| {
                condition.status == "False" && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
            })
            .map(|condition| condition.message.as_deref().unwrap_or_default())
    }
}
