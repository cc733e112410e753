//! The table of rules about workloads.

use crate::check::{Rule, RuleDoc};
use crate::report::Severity;

use super::{WorkloadFacts, batch, replicas};

/// Every rule about the workload itself.
pub const RULES: &[Rule<WorkloadFacts>] = &[
    Rule {
        doc: RuleDoc {
            id: "WRK-001",
            kind: "ReplicasNotReady",
            severity: Severity::Critical,
            rule: "Deployment or StatefulSet: status.readyReplicas < spec.replicas; critical if none is ready, high \
                   otherwise; low while all that is missing are pods younger than a minute; zero wanted replicas \
                   are fine",
            meaning: "The workload has less capacity than it should have, or none.",
            runbook: "1. Look at root_causes of diagnose_deployment: what its pods have in common. 2. If pods are \
                      missing altogether, look for WRK-003 (quota, admission). 3. During a rollout it should pass \
                      within minutes.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: replicas::not_ready,
    },
    Rule {
        doc: RuleDoc {
            id: "WRK-002",
            kind: "ProgressDeadlineExceeded",
            severity: Severity::High,
            rule: "Deployment: condition Progressing is False with reason ProgressDeadlineExceeded (default 600 s), \
                   even when all counts match",
            meaning: "The newest revision does not come up. The old one may serve on, so nothing looks down, but no \
                      change reaches users.",
            runbook: "1. Diagnose the pods of the newest replica set. 2. Correct the template, or go back with \
                      `kubectl rollout undo`. 3. If starting is slow by nature, raise progressDeadlineSeconds.",
        },
        needs: &[],
        deep: false,
        explains: &["WRK-004"],
        find: replicas::stuck,
    },
    Rule {
        doc: RuleDoc {
            id: "WRK-003",
            kind: "PodsNotCreated",
            severity: Severity::Critical,
            rule: "Deployment: condition ReplicaFailure is True; others: an event FailedCreate within 10 minutes \
                   while pods are missing",
            meaning: "The API refuses to make the pods, so there is nothing to diagnose on them.",
            runbook: "1. Read the message. 2. `exceeded quota`: see the ResourceQuota. 3. `admission webhook denied` \
                      or `violates PodSecurity`: correct the template. 4. `serviceaccount not found`: make it.",
        },
        needs: &[],
        deep: false,
        explains: &["WRK-001", "WRK-002", "WRK-004"],
        find: replicas::not_created,
    },
    Rule {
        doc: RuleDoc {
            id: "WRK-004",
            kind: "RolloutRunning",
            severity: Severity::Low,
            rule: "status.updatedReplicas < wanted replicas; not for a StatefulSet with one revision only, whose \
                   pods are merely missing",
            meaning: "Two revisions run side by side.",
            runbook: "1. Wait. 2. A paused deployment goes on with `kubectl rollout resume`; a StatefulSet with a \
                      partition or strategy OnDelete waits for somebody.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: replicas::rolling,
    },
    Rule {
        doc: RuleDoc {
            id: "WRK-005",
            kind: "StatefulSetBlocked",
            severity: Severity::High,
            rule: "StatefulSet: the service in spec.serviceName or a storage class in volumeClaimTemplates does not \
                   exist; or, with policy OrderedReady, the lowest ordinal that is not ready keeps the next from \
                   being made",
            meaning: "The members have no stable names or no volumes, or wait for one of them.",
            runbook: "1. Make the missing service (clusterIP: None) or class. 2. Diagnose the pod of the lowest \
                      ordinal first: the others follow by themselves. 3. volumeClaimTemplates cannot be changed: \
                      delete the set with --cascade=orphan and make it again.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: replicas::set_blocked,
    },
    Rule {
        doc: RuleDoc {
            id: "WRK-006",
            kind: "DaemonSetNotReady",
            severity: Severity::High,
            rule: "DaemonSet: numberReady < desiredNumberScheduled (high); numberMisscheduled > 0 (medium)",
            meaning: "Some nodes run without the agent, or run it where it should not.",
            runbook: "1. Find the nodes whose pod is missing or not ready. 2. Check tolerations, node selector and \
                      the room on these nodes. 3. Misscheduled pods stay until somebody deletes them.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: replicas::daemons,
    },
    Rule {
        doc: RuleDoc {
            id: "WRK-007",
            kind: "JobFailed",
            severity: Severity::High,
            rule: "Job: condition Failed is True (BackoffLimitExceeded, DeadlineExceeded, …) is high; spec.suspend \
                   is low",
            meaning: "The work was not done, and the job does not try again.",
            runbook: "1. Read the log of a failed pod with get_pod_logs. 2. BackoffLimitExceeded: correct the cause, \
                      then make the job again. 3. DeadlineExceeded: raise activeDeadlineSeconds or do less. \
                      4. Suspended: set spec.suspend to false.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: batch::job,
    },
    Rule {
        doc: RuleDoc {
            id: "WRK-008",
            kind: "CronJobLate",
            severity: Severity::High,
            rule: "CronJob: spec.schedule is not valid or never comes (high); the last success is older than three \
                   periods (medium); spec.suspend (low)",
            meaning: "Regular work is not done, often without anybody noticing.",
            runbook: "1. Correct the schedule: five fields, Sunday is 0. 2. Look at the latest jobs of the CronJob, \
                      with diagnose_deployment and kind Job. 3. Check concurrencyPolicy Forbid with a job that never \
                      ends, and startingDeadlineSeconds.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: batch::cron_job,
    },
];
