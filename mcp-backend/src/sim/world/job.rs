//! Jobs and cron jobs.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::{Builder, after, before, seconds, time};
use super::pod::{Owner, Pod};
use super::template::Template;

/// Where a job is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Course {
    Active,
    Complete(Timestamp),
    /// It gave up after its retries.
    Failed(Timestamp),
}

/// A job.
pub(super) struct Job {
    pub(super) namespace: &'static str,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) owner: Option<Owner>,
    pub(super) created: Timestamp,
    pub(super) template: Arc<Template>,
    pub(super) retries: usize,
    pub(super) course: Course,
}

/// When a job runs, again and again.
pub(super) struct Schedule {
    pub(super) name: &'static str,
    pub(super) cron: &'static str,
    /// It runs every so many seconds, so many seconds after that many have passed.
    pub(super) every: i64,
    pub(super) offset: i64,
    /// How long a run takes.
    pub(super) takes: i64,
}

impl Builder {
    /// A job with pods on these nodes; what they do is up to the caller.
    pub(super) fn job(
        &mut self,
        namespace: &'static str,
        name: &str,
        created: Timestamp,
        template: Template,
        nodes: &[&'static str],
        course: Course,
    ) -> std::ops::Range<usize> {
        let uid = self.uid("Job", namespace, name);
        let owner = Owner { api: "batch/v1", kind: "Job", name: name.to_owned(), uid: uid.clone() };
        let (template, from) = (Arc::new(template), self.plan.pods.len());
        for (index, node) in nodes.iter().enumerate() {
            let pod_name = format!("{name}-{}", self.suffix(&format!("{namespace}/{name}-{index}")));
            let mut pod = Pod::healthy(self, namespace, pod_name, &template, node, created);
            pod.owner = Some(owner.clone());
            for prefix in ["", "batch.kubernetes.io/"] {
                pod.labels.push((format!("{prefix}job-name"), name.to_owned()));
                pod.labels.push((format!("{prefix}controller-uid"), uid.clone()));
            }
            self.plan.pods.push(pod);
        }
        let retries = nodes.len().saturating_sub(1);
        let (name, owner) = (name.to_owned(), None);
        self.plan.jobs.push(Job { namespace, name, uid, owner, created, template, retries, course });
        from..self.plan.pods.len()
    }

    /// A cron job with its two latest runs.
    pub(super) fn cron(
        &mut self,
        namespace: &'static str,
        schedule: &Schedule,
        template: &Template,
        node: &'static str,
    ) {
        let past = (self.now.as_second() - schedule.offset).rem_euclid(schedule.every);
        let latest = before(self.now, past);
        let mut active = Vec::new();
        let uid = self.uid("CronJob", namespace, schedule.name);
        for back in [1, 0] {
            let run = before(latest, back * schedule.every);
            let name = format!("{}-{}", schedule.name, run.as_second() / 60);
            let end = after(run, schedule.takes);
            let over = end <= self.now;
            let course = if over { Course::Complete(end) } else { Course::Active };
            let pods = self.job(namespace, &name, run, template.clone(), &[node], course);
            if let Some(job) = self.plan.jobs.last_mut() {
                let (name, uid) = (schedule.name.to_owned(), uid.clone());
                job.owner = Some(Owner { api: "batch/v1", kind: "CronJob", name, uid });
            }
            for pod in &mut self.plan.pods[pods] {
                if over {
                    pod.finished(0, end);
                }
            }
            if !over {
                let uid = self.uid("Job", namespace, &name);
                active.push(json!({
                    "apiVersion": "batch/v1", "kind": "Job", "name": name, "namespace": namespace, "uid": uid,
                }));
            }
        }
        let done = if active.is_empty() { latest } else { before(latest, schedule.every) };
        let mut status = json!({
            "lastScheduleTime": time(latest), "lastSuccessfulTime": time(after(done, schedule.takes)),
        });
        if !active.is_empty() {
            status["active"] = json!(active);
        }
        self.cron_job(namespace, schedule, template, false, status);
    }

    pub(super) fn cron_job(
        &mut self,
        namespace: &'static str,
        schedule: &Schedule,
        template: &Template,
        suspend: bool,
        status: Value,
    ) {
        let meta =
            self.meta("CronJob", namespace, schedule.name, self.about(90 * super::build::DAY, schedule.name));
        let object = json!({
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta,
            "spec": {
                "schedule": schedule.cron, "timeZone": "Etc/UTC", "suspend": suspend,
                "concurrencyPolicy": "Forbid", "successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 1,
                "jobTemplate": {"spec": {"backoffLimit": 2, "template": template.render()}},
            },
            "status": status,
        });
        self.put("/apis/batch/v1", "cronjobs", object);
    }

    pub(super) fn jobs(&self) -> Vec<Value> {
        self.plan.jobs.iter().map(|job| self.render_job(job)).collect()
    }

    fn render_job(&self, job: &Job) -> Value {
        let mut meta = self.meta("Job", job.namespace, &job.name, job.created);
        meta["labels"] = job.template.labels();
        meta["generation"] = json!(1);
        if let Some(owner) = &job.owner {
            meta["ownerReferences"] = owner.render();
        }
        let pods = || {
            self.plan.pods.iter().filter(|pod| pod.owner.as_ref().is_some_and(|owner| owner.uid == job.uid))
        };
        let of = |phase: &str| pods().filter(|pod| pod.phase == phase).count();
        let mut status =
            json!({"startTime": time(job.created), "ready": pods().filter(|pod| pod.ready()).count()});
        for (name, count) in [
            ("active", of("Running") + of("Pending")),
            ("succeeded", of("Succeeded")),
            ("failed", of("Failed")),
        ] {
            if count > 0 {
                status[name] = json!(count);
            }
        }
        let condition = |kind: &str, at: Timestamp, reason: &str, message: &str| {
            json!([{
                "type": kind, "status": "True", "reason": reason, "message": message,
                "lastProbeTime": time(at), "lastTransitionTime": time(at),
            }])
        };
        match job.course {
            Course::Active => {}
            Course::Complete(at) => {
                status["completionTime"] = json!(time(at));
                status["conditions"] = condition(
                    "Complete",
                    at,
                    "CompletionsReached",
                    "Reached expected number of succeeded pods",
                );
            }
            Course::Failed(at) => {
                status["conditions"] = condition(
                    "Failed",
                    at,
                    "BackoffLimitExceeded",
                    "Job has reached the specified backoff limit",
                );
            }
        }
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": meta,
            "spec": {
                "parallelism": 1, "completions": 1, "backoffLimit": job.retries.max(1), "completionMode": "NonIndexed",
                "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": job.uid}},
                "template": job.template.render(),
            },
            "status": status,
        })
    }

    /// How long ago, in seconds, something was.
    pub(super) fn since(&self, at: Timestamp) -> i64 {
        seconds(at, self.now)
    }
}
