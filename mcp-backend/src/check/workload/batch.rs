//! What the rules look for at work that is to finish.

use crate::check::Finding;
use crate::check::look::{self, Condition};
use crate::report::{Severity, quote};

use super::cron::Schedule;
use super::{Workload, WorkloadFacts};

/// A run may take this long before it counts as missed, in seconds.
const GRACE: i64 = 600;

/// Schedules are computed in UTC; with a time zone a run may be up to so many seconds later.
const ZONES: i64 = 14 * 3_600;

pub(super) fn job(facts: &WorkloadFacts) -> Vec<Finding> {
    let Workload::Job(job) = &facts.workload else { return Vec::new() };
    let name = facts.workload.name();
    let object = facts.workload.object();
    if let Some(failed) = facts.workload.job_condition("Failed") {
        let count = job.status.as_ref().and_then(|status| status.failed).unwrap_or(0);
        let limit = job.spec.as_ref().and_then(|spec| spec.backoff_limit).unwrap_or(6);
        let found = Finding::new(
            Severity::High,
            object,
            format!("job {name} failed: {} after {count} failed pods", failed.reason()),
        )
        .evidence([
            format!("condition Failed=True, {}: {}", failed.reason(), quote(failed.message())),
            format!("backoffLimit: {limit}"),
        ])
        .recommend(match failed.reason() {
            "DeadlineExceeded" => "raise activeDeadlineSeconds or do less; read the log of its last pod",
            _ => "read the log of a failed pod, correct the cause, then make the job again",
        })
        .since(failed.since());
        return vec![found];
    }
    if facts.workload.is_paused() && facts.workload.ended().is_none() {
        let found = Finding::new(Severity::Low, object, format!("job {name} is suspended"))
            .evidence(["spec.suspend: true"])
            .recommend("set spec.suspend to false to let it run");
        return vec![found];
    }
    Vec::new()
}

pub(super) fn cron_job(facts: &WorkloadFacts) -> Vec<Finding> {
    let Workload::CronJob(job) = &facts.workload else { return Vec::new() };
    let Some(spec) = &job.spec else { return Vec::new() };
    let name = facts.workload.name();
    let found = |severity: Severity, message: String| {
        Finding::new(severity, facts.workload.object(), message)
            .evidence([format!("spec.schedule: {}", quote(&spec.schedule))])
    };
    let schedule = match Schedule::parse(&spec.schedule) {
        Err(problem) => {
            let finding = found(
                Severity::High,
                format!("CronJob {name}: the schedule is not valid: {problem}"),
            )
            .recommend(
                "write five fields (minute hour day month weekday; Sunday is 0), or a name as @hourly",
            );
            return vec![finding];
        }
        Ok(schedule) => schedule,
    };
    if spec.suspend == Some(true) {
        let finding = found(Severity::Low, format!("CronJob {name} is suspended"))
            .recommend("set spec.suspend to false if it should run again");
        return vec![finding];
    }
    let success = job.status.as_ref().and_then(|status| status.last_successful_time.as_ref()).map(|at| at.0);
    let Some(from) = success.or_else(|| look::created(&job.metadata)) else { return Vec::new() };
    let runs = schedule.after(from, 3);
    if runs.is_empty() {
        let finding = found(Severity::High, format!("CronJob {name}: the schedule never comes"))
            .recommend("name a day that exists");
        return vec![finding];
    }
    let zones = if spec.time_zone.is_some() || spec.schedule.contains("TZ=") { ZONES } else { 0 };
    let late = runs.get(2).is_some_and(|third| look::age(facts.now, *third) > GRACE + zones);
    if !late {
        return Vec::new();
    }
    let age = look::span(look::age(facts.now, from));
    let (message, what) = match success {
        Some(at) => (format!("CronJob {name}: the last success was {age} ago, three runs or more"), at),
        None => (format!("CronJob {name} has not succeeded once in {age}"), from),
    };
    let last = job.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
    let finding = found(Severity::Medium, message)
        .evidence(last.map(|at| format!("last scheduled: {}", at.0)))
        .recommend("look at its latest jobs; check concurrencyPolicy and startingDeadlineSeconds")
        .since(Some(what));
    vec![finding]
}
