//! Payments: a missing variable, a missing configuration, a storage class that is not there.

use serde_json::json;

use super::build::{Builder, DAY, MINUTE, after, before};
use super::events::Subject;
use super::job::Schedule;
use super::logs;
use super::nodes::{ONE, TWO};
use super::pod::{Ended, Status};
use super::shop::server;
use super::storage::Claim;
use super::template::{Container, Template};

pub(super) fn fill(b: &mut Builder) {
    gateway(b);
    api(b);
    worker(b);
    ledger(b);
    fraud(b);
    archive(b);
}

fn gateway(b: &mut Builder) {
    let gateway = server("gateway", "payments/gateway:6.3.0", 256)
        .env("PSP_API_KEY", "sk-live-PLANTED-SECRET-gateway")
        .env_from("gateway-settings");
    let proxy = Container::new("proxy", "mirror/envoy:1.34.1", logs::PLAIN)
        .port("admin", 9901)
        .probes("admin", "/ready", "/ready")
        .resources((50, 64), (200, 128));
    let template = Template::new("gateway", gateway)
        .container(proxy)
        .annotation("example.com/vault-token", "hvs.PLANTED-SECRET-gateway-annotation");
    b.deployment("payments", "gateway", 15 * DAY, template, &[ONE, TWO]);
    b.service("payments", "gateway", "gateway", 443, "http", "LoadBalancer");
    b.config_map(
        "payments",
        "gateway-settings",
        json!({
            "RETRIES": "3", "webhook.secret": "whsec-PLANTED-SECRET-gateway-settings",
        }),
    );
    b.budget("payments", "gateway", 2);
    b.policy("payments", "gateway-from-shop", "gateway", "shop");
}

/// Crashes at once for want of a variable, again and again.
fn api(b: &mut Builder) {
    const CYCLE: i64 = 302;
    let api = server("api", "payments/api:2.7.0", 192).env("LOG_LEVEL", "info");
    let template = Template::new("api", api.log(logs::CRASH));
    let pods = b.deployment("payments", "api", 52 * MINUTE, template, &[ONE, TWO]);
    b.stuck();
    b.service("payments", "api", "api", 80, "http", "ClusterIP");
    for index in pods {
        let pod = &b.plan.pods[index];
        let into = 40 + (b.hash(&["api", &pod.name]) % 120) as i64;
        let runs = b.every(b.ago(into), CYCLE);
        let ended = |at| Ended { reason: "Error", code: 1, started: at, finished: after(at, 2) };
        let restarts = 10 + runs.count;
        let status = if b.since(runs.last) < 2 {
            Status::running(runs.last).not_ready().restarted(restarts, ended(before(runs.last, CYCLE)))
        } else {
            let message = format!(
                "back-off 5m0s restarting failed container=api pod={}_payments({})",
                pod.name, pod.uid
            );
            Status::waiting("CrashLoopBackOff", message).restarted(restarts, ended(runs.last))
        };
        let message =
            format!("Back-off restarting failed container api in pod {}_payments({})", pod.name, pod.uid);
        let subject = Subject::pod(pod, Some("api"));
        let times = b.every(after(pod.created, 12), 14);
        let created = pod.created;
        b.warn(subject, "kubelet", "BackOff", message, times);
        let pod = &mut b.plan.pods[index];
        pod.turned = created;
        pod.statuses = vec![status];
    }
}

/// Its configuration map does not exist.
fn worker(b: &mut Builder) {
    let worker = Container::new("worker", "payments/worker:2.7.0", logs::PLAIN)
        .env_from("worker-settings")
        .resources((100, 128), (300, 256));
    let pods = b.deployment("payments", "worker", 41 * MINUTE, Template::new("worker", worker), &[TWO]);
    b.stuck();
    for index in pods {
        let pod = &mut b.plan.pods[index];
        pod.never_started("CreateContainerConfigError", "configmap \"worker-settings\" not found");
        let (subject, first) = (Subject::pod(pod, Some("worker")), after(pod.created, 4));
        let times = b.every(first, 13);
        b.warn(subject, "kubelet", "Failed", "Error: configmap \"worker-settings\" not found", times);
    }
}

/// The second claim names a storage class that does not exist.
fn ledger(b: &mut Builder) {
    let database = Container::new("postgres", "mirror/postgres:17.5", logs::POSTGRES)
        .port("postgres", 5432)
        .with("readinessProbe", json!({"exec": {"command": ["pg_isready"]}, "periodSeconds": 10}))
        .env_secret("POSTGRES_PASSWORD", "ledger-db", "password")
        .mount("data", "/var/lib/postgresql/data")
        .resources((500, 1024), (1000, 2048));
    let template = Template::new("ledger-db", database);
    let pods = b.set("StatefulSet", "payments", "ledger-db", 30 * DAY, template, &[ONE, TWO]);
    if let Some(workload) = b.plan.workloads.last_mut() {
        workload.claims = vec![json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "fast-ssd", "volumeMode": "Filesystem",
                "resources": {"requests": {"storage": "50Gi"}},
            },
            "status": {"phase": "Pending"},
        })];
    }
    b.service("payments", "ledger-db", "ledger-db", 5432, "postgres", "None");
    b.claim(
        "payments",
        "data-ledger-db-0",
        "ledger-db",
        30 * DAY,
        &Claim { class: "standard", size: "50Gi", bound: true },
    );
    let age = 33 * MINUTE;
    b.claim(
        "payments",
        "data-ledger-db-1",
        "ledger-db",
        age,
        &Claim { class: "fast-ssd", size: "50Gi", bound: false },
    );
    let created = b.about(age, "data-ledger-db-1");
    let message = "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/4 nodes are \
                   available: 4 Preemption is not helpful for scheduling.";
    for index in pods {
        let pod = &mut b.plan.pods[index];
        let claim = format!("data-{}", pod.name);
        // Each pod has its own claim, so its own template.
        let volume = json!({"name": "data", "persistentVolumeClaim": {"claimName": claim}});
        pod.template = std::sync::Arc::new(Template::clone(&pod.template).volume(volume));
        if pod.name.ends_with("-1") {
            pod.created = created;
            pod.turned = created;
            pod.unschedulable(message);
            let subject = Subject::pod(pod, None);
            let times = b.every(after(created, 1), 5 * MINUTE);
            b.warn(subject, "default-scheduler", "FailedScheduling", message, times);
        }
    }
    let claim = b.subject("v1", "PersistentVolumeClaim", "payments", "data-ledger-db-1");
    let times = b.every(created, 15);
    let missing = "storageclass.storage.k8s.io \"fast-ssd\" not found";
    b.warn(claim, "persistentvolume-controller", "ProvisioningFailed", missing, times);
}

/// Its autoscaler counts in shares of a request that is not there.
fn fraud(b: &mut Builder) {
    let container =
        server("fraud", "payments/fraud:1.1.9", 512).resources((0, 512), (0, 1024)).uses(180, 420);
    let pods = b.deployment("payments", "fraud", 4 * DAY, Template::new("fraud", container), &[TWO]);
    b.service("payments", "fraud", "fraud", 80, "http", "ClusterIP");
    let name = b.plan.pods[pods].first().map_or_else(String::new, |pod| pod.name.clone());
    let why =
        format!("failed to get cpu utilization: missing request for cpu in container fraud of Pod {name}");
    let times = b.every(b.ago(3 * DAY), 15);
    let subject = b.subject("autoscaling/v2", "HorizontalPodAutoscaler", "payments", "fraud");
    b.warn(subject, "horizontal-pod-autoscaler", "FailedGetResourceMetric", why.clone(), times);
    b.autoscaler("payments", "fraud", (1, 5, 1), Err(why));
}

/// Suspended on purpose.
fn archive(b: &mut Builder) {
    let container =
        Container::new("archive", "payments/archive:1.0.4", logs::PLAIN).resources((100, 128), (200, 256));
    let template = Template::new("archive", container).restart("Never");
    let schedule = Schedule { name: "archive", cron: "0 3 1 * *", every: 30 * DAY, offset: 0, takes: 600 };
    let last = b.ago(40 * DAY);
    let status = json!({
        "lastScheduleTime": super::build::time(last), "lastSuccessfulTime": super::build::time(after(last, 600)),
    });
    b.cron_job("payments", &schedule, &template, true, status);
}
