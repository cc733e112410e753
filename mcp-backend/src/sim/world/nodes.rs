//! Namespaces and the four nodes; the third worker runs out of disk.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::{Builder, DAY, MINUTE, after, before, time};
use super::events::Times;
use super::pod::requested;

pub(super) const CONTROL: &str = "control-plane";
pub(super) const ONE: &str = "worker-1";
pub(super) const TWO: &str = "worker-2";
pub(super) const THREE: &str = "worker-3";

/// Name, address, processors, GiB of memory.
const NODES: &[(&str, &str, u32, u32)] = &[
    (CONTROL, "172.18.0.2", 4, 8),
    (ONE, "172.18.0.3", 8, 32),
    (TWO, "172.18.0.4", 8, 32),
    (THREE, "172.18.0.5", 16, 64),
];

pub(super) const NAMESPACES: &[&str] = &["shop", "payments", "batch", "platform", "kube-system"];

/// The disk of the third worker is full since so many seconds before the start.
pub(super) const FULL: i64 = 22 * MINUTE;

pub(super) fn address(node: &str) -> &'static str {
    NODES.iter().find(|(name, ..)| *name == node).map_or("", |(_, address, ..)| *address)
}

pub(super) fn fill(b: &mut Builder) {
    for name in NAMESPACES {
        let mut meta = b.meta("Namespace", "", name, b.about(200 * DAY, "cluster"));
        meta["labels"] = json!({"kubernetes.io/metadata.name": name});
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": meta,
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        });
        b.put("/api/v1", "namespaces", object);
        let meta = b.meta("ConfigMap", name, "kube-root-ca.crt", b.about(200 * DAY, "cluster"));
        let data =
            json!({"ca.crt": "-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVk\n-----END CERTIFICATE-----\n"});
        b.put(
            "/api/v1",
            "configmaps",
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data,
            }),
        );
    }
    disk_events(b);
    // Later something happens on a node that is well.
    let at = after(b.started, 8 * MINUTE);
    let two = b.subject("v1", "Node", "", TWO);
    b.note(
        two,
        "kubelet",
        "ImageGCSucceeded",
        "Image garbage collection freed 3221225472 bytes",
        Times::once(at),
    );
}

fn disk_events(b: &mut Builder) {
    let three = b.subject("v1", "Node", "", THREE);
    let full = b.ago(FULL);
    b.note(
        three.clone(),
        "kubelet",
        "NodeHasDiskPressure",
        "Node worker-3 status is now: NodeHasDiskPressure",
        Times::once(full),
    );
    let evicting = b.every(after(full, 10), 5 * MINUTE);
    let reclaim = "Attempting to reclaim ephemeral-storage";
    b.warn(three.clone(), "kubelet", "EvictionThresholdMet", reclaim, evicting);
    let collecting = b.every(before(full, 3 * MINUTE), 5 * MINUTE);
    b.warn(
        three,
        "kubelet",
        "FreeDiskSpaceFailed",
        "Failed to garbage collect required amount of images. Attempted to free 12884901888 bytes, but only found \
         1073741824 bytes eligible to free.",
        collecting,
    );
}

pub(super) fn nodes(b: &Builder) -> Vec<Value> {
    NODES.iter().map(|(name, address, cpu, memory)| node(b, name, address, *cpu, *memory)).collect()
}

fn node(b: &Builder, name: &str, address: &str, cpu: u32, memory: u32) -> Value {
    let created = b.about(200 * DAY, "cluster");
    let mut meta = b.meta("Node", "", name, created);
    let mut labels = json!({
        "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": name,
        "topology.kubernetes.io/zone": "zone-a",
    });
    let mut taints = Vec::new();
    if name == CONTROL {
        labels["node-role.kubernetes.io/control-plane"] = json!("");
        taints.push(json!({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}));
    }
    if name == THREE {
        labels["accelerator"] = json!("gpu");
        taints.push(json!({"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}));
        taints.push(json!({
            "key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule", "timeAdded": time(b.ago(FULL)),
        }));
    }
    meta["labels"] = labels;
    meta["annotations"] = json!({"node.alpha.kubernetes.io/ttl": "0"});
    let amounts = |held: u32| {
        json!({
            "cpu": cpu.to_string(), "memory": format!("{}Ki", (memory - held) * 1024 * 1024), "pods": "110",
            "ephemeral-storage": if held == 0 { "103079215104" } else { "94998684440" },
        })
    };
    let octet = name.bytes().last().map_or(0, |last| last.wrapping_sub(b'0') % 10);
    let mut spec = json!({"podCIDR": format!("10.244.{octet}.0/24"), "providerID": format!("sim://{name}")});
    if !taints.is_empty() {
        spec["taints"] = json!(taints);
    }
    let id = b.hash(&["machine", name]);
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec,
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name},
            ],
            "capacity": amounts(0), "allocatable": amounts(1),
            "conditions": conditions(b, name, created),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": format!("{id:032x}"), "systemUUID": b.uid("Machine", "", name),
                "bootID": b.uid("Boot", "", name), "kernelVersion": "6.8.0-64-generic",
                "osImage": "Ubuntu 24.04.3 LTS", "containerRuntimeVersion": "containerd://2.1.3",
                "kubeletVersion": "v1.33.4", "kubeProxyVersion": "", "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    })
}

fn conditions(b: &Builder, name: &str, created: Timestamp) -> Value {
    // The kubelet writes its status every five minutes, at a moment of its own.
    let beat = before(b.now, (b.since(created) + (b.hash(&["beat", name]) % 300) as i64) % 300);
    let one = |kind: &str, holds: bool, reason: &str, message: &str, since: Timestamp| {
        json!({
            "type": kind, "status": if holds { "True" } else { "False" }, "reason": reason, "message": message,
            "lastHeartbeatTime": time(beat), "lastTransitionTime": time(since),
        })
    };
    let full = name == THREE;
    let memory = "kubelet has sufficient memory available";
    let disk = match full {
        true => one("DiskPressure", true, "KubeletHasDiskPressure", "kubelet has disk pressure", b.ago(FULL)),
        false => {
            one("DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure", created)
        }
    };
    let pids = "kubelet has sufficient PID available";
    let ready = b.about(30 * DAY, name).max(created);
    json!([
        one("MemoryPressure", false, "KubeletHasSufficientMemory", memory, created),
        disk,
        one("PIDPressure", false, "KubeletHasSufficientPID", pids, created),
        one("Ready", true, "KubeletReady", "kubelet is posting ready status", ready),
    ])
}

/// What the nodes use: the sum of their pods, and what the system takes.
pub(super) fn usage(b: &Builder) -> Vec<Value> {
    let one = |name: &str| {
        let pods = b.plan.pods.iter().filter(|pod| pod.node == Some(name) && pod.phase == "Running");
        let (mut cpu, mut memory) = (180_000, 900 * 1024);
        for (_, used_cpu, used_memory) in pods.flat_map(|pod| pod.used(b.seed, b.now)) {
            cpu += used_cpu;
            memory += used_memory;
        }
        json!({
            "apiVersion": "metrics.k8s.io/v1beta1", "kind": "NodeMetrics",
            "metadata": {"name": name, "creationTimestamp": time(b.now), "labels": {"kubernetes.io/hostname": name}},
            "timestamp": time(b.now), "window": "20s",
            "usage": {"cpu": format!("{}n", cpu * 1000), "memory": format!("{memory}Ki")},
        })
    };
    NODES.iter().map(|(name, ..)| one(name)).collect()
}

/// What the pods of a namespace may request together, and do.
pub(super) fn quota(b: &Builder) -> Value {
    let pods = b.plan.pods.iter().filter(|pod| pod.namespace == "batch" && !pod.over());
    let (cpu, memory, count) = requested(pods);
    let hard = json!({"pods": "40", "requests.cpu": "40", "requests.memory": "160Gi"});
    json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": b.meta("ResourceQuota", "batch", "batch-quota", b.about(150 * DAY, "batch-quota")),
        "spec": {"hard": hard},
        "status": {
            "hard": hard,
            "used": {"pods": count.to_string(), "requests.cpu": cpu, "requests.memory": memory},
        },
    })
}
