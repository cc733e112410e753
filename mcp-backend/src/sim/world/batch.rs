//! Batch work: jobs that find no node, one that gave up, and two that run by the clock.

use serde_json::json;

use super::build::{Builder, DAY, HOUR, MINUTE, after};
use super::events::{Subject, Times};
use super::job::{Course, Schedule};
use super::logs;
use super::nodes::{ONE, TWO};
use super::template::{Container, Template};

pub(super) fn fill(b: &mut Builder) {
    report(b);
    train(b);
    migrate(b);
    let nightly =
        Container::new("nightly", "batch/nightly:2.2.0", logs::NIGHTLY).resources((250, 256), (500, 512));
    let schedule = Schedule {
        name: "nightly",
        cron: "15 2 * * *",
        every: DAY,
        offset: 2 * HOUR + 15 * MINUTE,
        takes: 240,
    };
    b.cron("batch", &schedule, &Template::new("nightly", nightly).restart("Never"), ONE);
    let rates = Container::new("rates", "batch/rates:1.4.1", logs::NIGHTLY).resources((50, 64), (100, 128));
    let schedule = Schedule { name: "rates", cron: "*/10 * * * *", every: 10 * MINUTE, offset: 0, takes: 45 };
    b.cron("batch", &schedule, &Template::new("rates", rates).restart("Never"), TWO);
}

fn pending(b: &mut Builder, name: &'static str, age: i64, template: Template, message: &str) {
    let created = b.about(age, name);
    let pods = b.job("batch", name, created, template, &[ONE], Course::Active);
    for index in pods {
        let pod = &mut b.plan.pods[index];
        pod.unschedulable(message);
        let subject = Subject::pod(pod, None);
        let times = b.every(after(created, 1), 5 * MINUTE);
        b.warn(subject, "default-scheduler", "FailedScheduling", message, times);
    }
}

/// Asks for more memory than any node has.
fn report(b: &mut Builder) {
    let container =
        Container::new("report", "batch/report:3.0.0", logs::PLAIN).resources((2000, 98_304), (4000, 98_304));
    let template = Template::new("report", container).restart("Never");
    pending(
        b,
        "report",
        38 * MINUTE,
        template,
        "0/4 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}, 1 node(s) had untolerated taint \
         {node-role.kubernetes.io/control-plane: }, 2 Insufficient memory. preemption: 0/4 nodes are available: 2 No \
         preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.",
    );
}

/// Wants the node with the accelerator, and does not tolerate its taint.
fn train(b: &mut Builder) {
    let container =
        Container::new("train", "batch/train:0.3.2", logs::PLAIN).resources((4000, 8192), (8000, 16_384));
    let template = Template::new("train", container)
        .with("nodeSelector", json!({"accelerator": "gpu"}))
        .restart("Never");
    pending(
        b,
        "train",
        55 * MINUTE,
        template,
        "0/4 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}, 3 node(s) didn't match Pod's node \
         affinity/selector. preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
    );
}

/// Failed twice, and that was its limit.
fn migrate(b: &mut Builder) {
    let container =
        Container::new("migrate", "batch/migrate:1.9.0", logs::MIGRATE).resources((100, 128), (500, 256));
    let template = Template::new("migrate", container).restart("Never");
    let created = b.about(44 * MINUTE, "migrate");
    let end = after(created, 70);
    let pods = b.job("batch", "migrate", created, template, &[ONE, TWO], Course::Failed(end));
    for (at, pod) in (0i64..).zip(&mut b.plan.pods[pods]) {
        pod.created = after(created, at * 40);
        pod.finished(1, after(pod.created, 25));
    }
    let job = b.subject("batch/v1", "Job", "batch", "migrate");
    let message = "Job has reached the specified backoff limit";
    b.warn(job, "job-controller", "BackoffLimitExceeded", message, Times::once(end));
}
