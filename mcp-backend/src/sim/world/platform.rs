//! The platform: what the others stand on; one pod of it does not go away.

use serde_json::json;

use super::build::{Builder, DAY, MINUTE, after};
use super::events::Subject;
use super::logs;
use super::nodes::{ONE, TWO};
use super::storage::Claim;
use super::template::{Container, Template};

pub(super) fn fill(b: &mut Builder) {
    chatty(b);
    agent(b);
    prometheus(b);
    ingress(b);
}

/// Writes four lines a second.
fn chatty(b: &mut Builder) {
    let chatty = super::shop::server("chatty", "platform/chatty:1.0.0", 64);
    let template = Template::new("chatty", chatty.log(logs::CHATTY));
    b.deployment("platform", "chatty", 8 * DAY, template, &[TWO]);
}

/// Was deleted 25 minutes ago; its process hangs on a file server, and a finalizer waits for it.
fn agent(b: &mut Builder) {
    let container = Container::new("agent", "platform/agent:0.14.2", logs::HANGING)
        .port("grpc", 9000)
        .mount("share", "/mnt/share")
        .resources((50, 64), (200, 128));
    let template = Template::new("agent", container)
        .volume(json!({"name": "share", "nfs": {"server": "files.internal", "path": "/export"}}));
    let pods = b.set("StatefulSet", "platform", "agent", 18 * DAY, template, &[ONE]);
    b.service("platform", "agent", "agent", 9000, "grpc", "None");
    let deleted = b.ago(25 * MINUTE);
    for index in pods {
        let pod = &mut b.plan.pods[index];
        pod.deleted = Some((after(deleted, 30), "platform.example.com/drain"));
        let subject = Subject::pod(pod, Some("agent"));
        let message = format!(
            "error killing pod: failed to \"KillContainer\" for \"agent\" with KillContainerError: \"rpc error: code = \
             DeadlineExceeded desc = context deadline exceeded\", pod {}",
            pod.uid
        );
        let stopping = b.every(deleted, 4 * MINUTE);
        b.note(subject.clone(), "kubelet", "Killing", "Stopping container agent", stopping);
        let failing = b.every(after(deleted, 2 * MINUTE), 4 * MINUTE);
        b.warn(subject, "kubelet", "FailedKillPod", message, failing);
    }
}

fn prometheus(b: &mut Builder) {
    let container = Container::new("prometheus", "mirror/prometheus:3.5.0", logs::PLAIN)
        .port("http", 9090)
        .probes("http", "/-/ready", "/-/healthy")
        .mount("data", "/prometheus")
        .resources((250, 1024), (1000, 2048));
    let template = Template::new("prometheus", container)
        .volume(json!({"name": "data", "persistentVolumeClaim": {"claimName": "data-prometheus-0"}}));
    b.set("StatefulSet", "platform", "prometheus", 50 * DAY, template, &[TWO]);
    b.claim(
        "platform",
        "data-prometheus-0",
        "prometheus",
        50 * DAY,
        &Claim { class: "standard", size: "100Gi", bound: true },
    );
    b.service("platform", "prometheus", "prometheus", 9090, "http", "ClusterIP");
}

fn ingress(b: &mut Builder) {
    let container = Container::new("controller", "mirror/ingress-nginx-controller:v1.13.1", logs::KLOG)
        .port("http", 80)
        .probes("http", "/healthz", "/healthz")
        .resources((100, 128), (500, 512));
    let template = Template::new("ingress-nginx", container);
    b.deployment("platform", "ingress-nginx", 70 * DAY, template, &[ONE, TWO]);
    b.service("platform", "ingress-nginx", "ingress-nginx", 80, "http", "LoadBalancer");
    b.budget("platform", "ingress-nginx", 2);
}
