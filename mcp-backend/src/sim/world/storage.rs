//! Storage classes, claims, autoscalers, budgets and policies.

use serde_json::{Value, json};

use super::build::{Builder, DAY, time};

/// The size and class of a claim, and the volume it is bound to, if it is.
pub(super) struct Claim {
    pub(super) class: &'static str,
    pub(super) size: &'static str,
    pub(super) bound: bool,
}

pub(super) fn fill(b: &mut Builder) {
    for (name, default) in [("standard", "true"), ("archive", "false")] {
        let mut meta = b.meta("StorageClass", "", name, b.about(200 * DAY, "cluster"));
        meta["annotations"] = json!({"storageclass.kubernetes.io/is-default-class": default});
        b.put(
            "/apis/storage.k8s.io/v1",
            "storageclasses",
            json!({
                "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": meta,
                "provisioner": "csi.example.com", "reclaimPolicy": "Delete", "allowVolumeExpansion": true,
                "volumeBindingMode": "WaitForFirstConsumer",
            }),
        );
    }
    let meta = b.meta("IngressClass", "", "nginx", b.about(200 * DAY, "cluster"));
    b.put(
        "/apis/networking.k8s.io/v1",
        "ingressclasses",
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": meta,
            "spec": {"controller": "k8s.io/ingress-nginx"},
        }),
    );
}

impl Builder {
    pub(super) fn claim(&mut self, namespace: &str, name: &str, app: &str, age: i64, claim: &Claim) {
        let created = self.about(age, name);
        let mut meta = self.meta("PersistentVolumeClaim", namespace, name, created);
        meta["labels"] = json!({"app": app});
        meta["finalizers"] = json!(["kubernetes.io/pvc-protection"]);
        let mut spec = json!({
            "accessModes": ["ReadWriteOnce"], "storageClassName": claim.class, "volumeMode": "Filesystem",
            "resources": {"requests": {"storage": claim.size}},
        });
        let mut status = json!({"phase": "Pending"});
        if claim.bound {
            spec["volumeName"] = json!(format!("pvc-{}", self.uid("PersistentVolumeClaim", namespace, name)));
            let capacity = json!({"storage": claim.size});
            status = json!({"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": capacity});
        }
        self.put("/api/v1", "persistentvolumeclaims", json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec, "status": status,
        }));
    }

    pub(super) fn config_map(&mut self, namespace: &str, name: &str, data: Value) {
        let meta = self.meta("ConfigMap", namespace, name, self.about(60 * DAY, name));
        self.put(
            "/api/v1",
            "configmaps",
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data,
            }),
        );
    }

    /// An autoscaler of a deployment by its share of requested processors; `None`: it cannot tell, for this reason.
    pub(super) fn autoscaler(
        &mut self,
        namespace: &str,
        name: &str,
        (min, max, now): (u32, u32, u32),
        percent: Result<u32, String>,
    ) {
        let created = self.about(60 * DAY, name);
        let meta = self.meta("HorizontalPodAutoscaler", namespace, name, created);
        let condition = |kind: &str, holds: bool, reason: &str, message: &str| {
            json!({
                "type": kind, "status": if holds { "True" } else { "False" }, "reason": reason,
                "message": message, "lastTransitionTime": time(created),
            })
        };
        let able =
            condition("AbleToScale", true, "ReadyForNewScale", "recommended size matches current size");
        let mut status = json!({"currentReplicas": now, "desiredReplicas": now, "observedGeneration": 1});
        match percent {
            Ok(percent) => {
                let active = "the HPA was able to successfully calculate a replica count from cpu resource utilization \
                              (percentage of request)";
                status["currentMetrics"] = json!([{"type": "Resource", "resource": {
                    "name": "cpu", "current": {"averageUtilization": percent, "averageValue": "110m"},
                }}]);
                status["conditions"] = json!([
                    able,
                    condition("ScalingActive", true, "ValidMetricFound", active),
                    condition(
                        "ScalingLimited",
                        false,
                        "DesiredWithinRange",
                        "the desired count is within the acceptable range",
                    ),
                ]);
                status["lastScaleTime"] = json!(time(self.about(2 * DAY, name)));
            }
            Err(why) => {
                let message = format!("the HPA was unable to compute the replica count: {why}");
                let inactive = condition("ScalingActive", false, "FailedGetResourceMetric", &message);
                status["desiredReplicas"] = json!(0);
                status["conditions"] = json!([able, inactive]);
            }
        }
        self.put(
            "/apis/autoscaling/v2",
            "horizontalpodautoscalers",
            json!({
                "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta,
                "spec": {
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                    "minReplicas": min, "maxReplicas": max,
                    "metrics": [{"type": "Resource", "resource": {
                        "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70},
                    }}],
                },
                "status": status,
            }),
        );
    }

    /// A budget that leaves one pod to spare.
    pub(super) fn budget(&mut self, namespace: &str, app: &str, healthy: u32) {
        let created = self.about(60 * DAY, app);
        let meta = self.meta("PodDisruptionBudget", namespace, app, created);
        let spare = healthy.saturating_sub(1);
        self.put("/apis/policy/v1", "poddisruptionbudgets", json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta,
            "spec": {"minAvailable": spare, "selector": {"matchLabels": {"app": app}}},
            "status": {
                "currentHealthy": healthy, "desiredHealthy": spare, "disruptionsAllowed": 1,
                "expectedPods": healthy, "observedGeneration": 1,
                "conditions": [{
                    "type": "DisruptionAllowed", "status": "True", "reason": "SufficientPods", "message": "",
                    "lastTransitionTime": time(created), "observedGeneration": 1,
                }],
            },
        }));
    }

    /// Only pods of this namespace reach those of an application.
    pub(super) fn policy(&mut self, namespace: &str, name: &str, app: &str, from: &str) {
        let meta = self.meta("NetworkPolicy", namespace, name, self.about(60 * DAY, name));
        self.put("/apis/networking.k8s.io/v1", "networkpolicies", json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta,
            "spec": {
                "podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Ingress"],
                "ingress": [{
                    "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": from}}}],
                    "ports": [{"protocol": "TCP", "port": 8080}],
                }],
            },
        }));
    }
}
