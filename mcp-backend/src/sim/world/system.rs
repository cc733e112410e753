//! What runs the cluster itself.

use std::sync::Arc;

use serde_json::json;

use super::build::{Builder, DAY};
use super::logs;
use super::nodes::{CONTROL, ONE, THREE, TWO, address};
use super::pod::{Owner, Pod};
use super::template::{Container, Template, http_probe};

pub(super) fn fill(b: &mut Builder) {
    dns(b);
    proxy(b);
    metrics(b);
    for (name, port, request) in [
        ("etcd", 2381, (100, 256)),
        ("kube-apiserver", 6443, (250, 512)),
        ("kube-controller-manager", 10257, (200, 128)),
        ("kube-scheduler", 10259, (100, 64)),
    ] {
        mirror(b, name, port, request);
    }
}

fn dns(b: &mut Builder) {
    let container = Container::new("coredns", "mirror/coredns:v1.12.1", logs::PLAIN)
        .port("metrics", 8080)
        .port("dns", 53)
        .probes("metrics", "/ready", "/health")
        .resources((100, 70), (500, 170));
    b.deployment("kube-system", "coredns", 150 * DAY, Template::new("coredns", container), &[ONE, TWO]);
    b.service("kube-system", "kube-dns", "coredns", 53, "dns", "ClusterIP");
    b.budget("kube-system", "coredns", 2);
    b.config_map("kube-system", "coredns", json!({"Corefile": ".:53 {\n    kubernetes cluster.local\n}\n"}));
}

fn proxy(b: &mut Builder) {
    let container = Container::new("kube-proxy", "mirror/kube-proxy:v1.33.4", logs::KLOG)
        .with("securityContext", json!({"privileged": true}))
        .uses(4, 34);
    let template = Template::new("kube-proxy", container)
        .with("hostNetwork", json!(true))
        .with("tolerations", json!([{"operator": "Exists"}]))
        .with("priorityClassName", json!("system-node-critical"));
    let pods =
        b.set("DaemonSet", "kube-system", "kube-proxy", 150 * DAY, template, &[CONTROL, ONE, TWO, THREE]);
    for pod in &mut b.plan.pods[pods] {
        pod.ip = pod.node.map(address).unwrap_or_default().to_owned();
    }
}

fn metrics(b: &mut Builder) {
    let container = Container::new("metrics-server", "mirror/metrics-server:v0.8.0", logs::KLOG)
        .port("https", 10250)
        .probes("https", "/readyz", "/livez")
        .resources((100, 200), (200, 400));
    let template = Template::new("metrics-server", container);
    b.deployment("kube-system", "metrics-server", 100 * DAY, template, &[TWO]);
    b.service("kube-system", "metrics-server", "metrics-server", 443, "https", "ClusterIP");
}

/// A static pod of the control plane: its node owns it.
fn mirror(b: &mut Builder, name: &'static str, port: u16, request: (u32, u32)) {
    let image = format!("mirror/{name}:v1.33.4");
    let container = Container::new(name, &image, logs::KLOG)
        .port("probe-port", port)
        .with("readinessProbe", http_probe("probe-port", "/readyz", 0, 10, 3))
        .with("livenessProbe", http_probe("probe-port", "/livez", 10, 10, 8))
        .resources(request, (0, 0));
    let template = Template::new(name, container)
        .label("tier", "control-plane")
        .with("hostNetwork", json!(true))
        .with("priorityClassName", json!("system-node-critical"));
    let created = b.about(150 * DAY, "control-plane");
    let mut pod =
        Pod::healthy(b, "kube-system", format!("{name}-{CONTROL}"), &Arc::new(template), CONTROL, created);
    let uid = b.uid("Node", "", CONTROL);
    pod.owner = Some(Owner { api: "v1", kind: "Node", name: CONTROL.to_owned(), uid });
    pod.annotations.push(("kubernetes.io/config.source".to_owned(), "file".to_owned()));
    pod.ip = address(CONTROL).to_owned();
    b.plan.pods.push(pod);
}
