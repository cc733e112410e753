//! Deployments with their replica sets, stateful sets and daemon sets. Their counts follow from their pods.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::{Builder, after, time};
use super::pod::{Owner, Pod};
use super::template::Template;

/// What is recorded of a past `kubectl apply`; it repeats the whole object, values of variables too.
pub(super) const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What keeps pods running.
pub(super) struct Workload {
    pub(super) kind: &'static str,
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    pub(super) uid: String,
    pub(super) created: Timestamp,
    pub(super) desired: usize,
    /// The newest last; each is a replica set if this is a deployment.
    pub(super) revisions: Vec<Revision>,
    /// The newest one never became available within ten minutes.
    pub(super) stuck: bool,
    /// Templates of claims, for a stateful set.
    pub(super) claims: Vec<Value>,
}

/// One version of a pod template.
pub(super) struct Revision {
    number: usize,
    hash: String,
    owner: Owner,
    created: Timestamp,
    template: Arc<Template>,
    desired: usize,
}

impl Builder {
    /// A deployment that was rolled out so long ago, with a pod on each of these nodes. Answers which pods.
    pub(super) fn deployment(
        &mut self,
        namespace: &'static str,
        name: &'static str,
        age: i64,
        template: Template,
        nodes: &[&'static str],
    ) -> Range<usize> {
        let created = self.about(age * 3, name);
        self.workload("Deployment", namespace, name, created, nodes.len());
        self.revise(age, template, nodes)
    }

    fn workload(
        &mut self,
        kind: &'static str,
        namespace: &'static str,
        name: &'static str,
        created: Timestamp,
        desired: usize,
    ) {
        let uid = self.uid(kind, namespace, name);
        let (revisions, claims) = (Vec::new(), Vec::new());
        self.plan.workloads.push(Workload {
            kind,
            namespace,
            name,
            uid,
            created,
            desired,
            revisions,
            stuck: false,
            claims,
        });
    }

    /// A newer version of the deployment that was made last.
    pub(super) fn revise(&mut self, age: i64, template: Template, nodes: &[&'static str]) -> Range<usize> {
        let from = self.plan.pods.len();
        let Some(workload) = self.plan.workloads.last() else { return from..from };
        let (namespace, name) = (workload.namespace, workload.name);
        // A first version is the number that age and name suggest; later ones count on.
        let number = match workload.revisions.last() {
            Some(last) => last.number + 1,
            None => 1 + (self.hash(&["revision", namespace, name]) % 40) as usize,
        };
        let created = self.about(age, &format!("{name}-{number}"));
        let hash = self.template_hash(&format!("{namespace}/{name}/{number}"));
        let set = format!("{name}-{hash}");
        let uid = self.uid("ReplicaSet", namespace, &set);
        let owner = Owner { api: "apps/v1", kind: "ReplicaSet", name: set.clone(), uid };
        let template = Arc::new(template);
        for (index, node) in nodes.iter().enumerate() {
            let pod_name = format!("{set}-{}", self.suffix(&format!("{set}-{index}")));
            let mut pod =
                Pod::healthy(self, namespace, pod_name, &template, node, after(created, index as i64));
            pod.owner = Some(owner.clone());
            pod.labels.push(("pod-template-hash".to_owned(), hash.clone()));
            self.plan.pods.push(pod);
        }
        let desired = nodes.len();
        if let Some(workload) = self.plan.workloads.last_mut() {
            workload.revisions.push(Revision { number, hash, owner, created, template, desired });
        }
        from..self.plan.pods.len()
    }

    /// A stateful set (pods `name-0`, …) or a daemon set, with a pod on each of these nodes.
    pub(super) fn set(
        &mut self,
        kind: &'static str,
        namespace: &'static str,
        name: &'static str,
        age: i64,
        template: Template,
        nodes: &[&'static str],
    ) -> Range<usize> {
        let created = self.about(age, name);
        self.workload(kind, namespace, name, created, nodes.len());
        let hash = self.template_hash(&format!("{namespace}/{name}"));
        let owner =
            Owner { api: "apps/v1", kind, name: name.to_owned(), uid: self.uid(kind, namespace, name) };
        let (from, template) = (self.plan.pods.len(), Arc::new(template));
        for (index, node) in nodes.iter().enumerate() {
            let stateful = kind == "StatefulSet";
            let pod_name = match stateful {
                true => format!("{name}-{index}"),
                false => format!("{name}-{}", self.suffix(&format!("{namespace}/{name}-{index}"))),
            };
            let mut pod = Pod::healthy(
                self,
                namespace,
                pod_name.clone(),
                &template,
                node,
                after(created, 20 * index as i64),
            );
            pod.owner = Some(owner.clone());
            pod.labels.push(("controller-revision-hash".to_owned(), format!("{name}-{hash}")));
            if stateful {
                pod.labels.push(("statefulset.kubernetes.io/pod-name".to_owned(), pod_name));
                pod.labels.push(("apps.kubernetes.io/pod-index".to_owned(), index.to_string()));
            }
            self.plan.pods.push(pod);
        }
        let desired = nodes.len();
        if let Some(workload) = self.plan.workloads.last_mut() {
            workload.revisions.push(Revision { number: 1, hash, owner, created, template, desired });
        }
        from..self.plan.pods.len()
    }

    /// The workload that was made last did not come up within ten minutes.
    pub(super) fn stuck(&mut self) {
        if let Some(workload) = self.plan.workloads.last_mut() {
            workload.stuck = true;
        }
    }

    fn owned<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a Pod> {
        self.plan
            .pods
            .iter()
            .filter(move |pod| !pod.over() && pod.owner.as_ref().is_some_and(|o| o.uid == uid))
    }

    pub(super) fn workloads(&self, kind: &str) -> Vec<Value> {
        let chosen = self.plan.workloads.iter().filter(|workload| workload.kind == kind);
        chosen
            .map(|workload| match kind {
                "Deployment" => self.render_deployment(workload),
                "StatefulSet" => self.render_stateful(workload),
                _ => self.render_daemon(workload),
            })
            .collect()
    }

    fn workload_meta(&self, workload: &Workload) -> Value {
        let mut meta = self.meta(workload.kind, workload.namespace, workload.name, workload.created);
        let generation = workload.revisions.last().map_or(1, |revision| revision.number);
        meta["generation"] = json!(generation);
        meta["labels"] = json!({"app": workload.name, "app.kubernetes.io/managed-by": "kubectl"});
        meta["managedFields"] = json!([{
            "manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "apps/v1",
            "time": time(workload.created), "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:spec": {}}}},
        }]);
        if let Some(revision) = workload.revisions.last() {
            let applied = json!({
                "apiVersion": "apps/v1", "kind": workload.kind,
                "metadata": {"name": workload.name, "namespace": workload.namespace},
                "spec": {"replicas": workload.desired, "template": revision.template.render()},
            });
            meta["annotations"] = json!({ APPLIED: applied.to_string() });
        }
        meta
    }

    fn render_deployment(&self, workload: &Workload) -> Value {
        let mut meta = self.workload_meta(workload);
        let Some(newest) = workload.revisions.last() else { return meta };
        meta["annotations"]["deployment.kubernetes.io/revision"] = json!(newest.number.to_string());
        let pods = || workload.revisions.iter().flat_map(|revision| self.owned(&revision.owner.uid));
        let (replicas, ready) = (pods().count(), pods().filter(|pod| pod.ready()).count());
        let updated = self.owned(&newest.owner.uid).count();
        let mut status = json!({
            "observedGeneration": meta["generation"], "conditions": self.progress(workload, newest, ready),
        });
        counts(
            &mut status,
            &[
                ("replicas", replicas),
                ("updatedReplicas", updated),
                ("readyReplicas", ready),
                ("availableReplicas", ready),
                ("unavailableReplicas", replicas.max(workload.desired) - ready),
            ],
        );
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
            "spec": {
                "replicas": workload.desired, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                "selector": {"matchLabels": {"app": workload.name}},
                "strategy": {
                    "type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
                },
                "template": newest.template.render(),
            },
            "status": status,
        })
    }

    fn progress(&self, workload: &Workload, newest: &Revision, ready: usize) -> Value {
        let set = &newest.owner.name;
        let condition = |kind: &str, holds: bool, reason: &str, message: String, at: Timestamp| {
            json!({
                "type": kind, "status": if holds { "True" } else { "False" }, "reason": reason,
                "message": message, "lastUpdateTime": time(at), "lastTransitionTime": time(at),
            })
        };
        let available = ready >= workload.desired;
        let turned = self.owned(&newest.owner.uid).map(|pod| pod.turned).max().unwrap_or(newest.created);
        let (reason, words) = match available {
            true => ("MinimumReplicasAvailable", "Deployment has minimum availability."),
            false => ("MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
        };
        let progressing = match workload.stuck {
            true => condition(
                "Progressing",
                false,
                "ProgressDeadlineExceeded",
                format!("ReplicaSet \"{set}\" has timed out progressing."),
                after(newest.created, 600),
            ),
            false => condition(
                "Progressing",
                true,
                "NewReplicaSetAvailable",
                format!("ReplicaSet \"{set}\" has successfully progressed."),
                after(newest.created, 30),
            ),
        };
        json!([condition("Available", available, reason, words.to_owned(), turned), progressing])
    }

    pub(super) fn replica_sets(&self) -> Vec<Value> {
        let deployments = self.plan.workloads.iter().filter(|workload| workload.kind == "Deployment");
        deployments
            .flat_map(|workload| workload.revisions.iter().map(move |it| self.replica_set(workload, it)))
            .collect()
    }

    fn replica_set(&self, workload: &Workload, revision: &Revision) -> Value {
        let mut meta = self.meta("ReplicaSet", workload.namespace, &revision.owner.name, revision.created);
        let labels = json!({"app": workload.name, "pod-template-hash": revision.hash});
        let owner = Owner {
            api: "apps/v1",
            kind: "Deployment",
            name: workload.name.to_owned(),
            uid: workload.uid.clone(),
        };
        meta["labels"] = labels.clone();
        meta["generation"] = json!(1);
        meta["ownerReferences"] = owner.render();
        meta["annotations"] = json!({
            "deployment.kubernetes.io/revision": revision.number.to_string(),
            "deployment.kubernetes.io/desired-replicas": workload.desired.to_string(),
        });
        let pods = || self.owned(&revision.owner.uid);
        let ready = pods().filter(|pod| pod.ready()).count();
        let mut status = json!({"observedGeneration": 1, "replicas": pods().count()});
        counts(
            &mut status,
            &[
                ("fullyLabeledReplicas", pods().count()),
                ("readyReplicas", ready),
                ("availableReplicas", ready),
            ],
        );
        let mut template = revision.template.render();
        template["metadata"]["labels"]["pod-template-hash"] = json!(revision.hash);
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta,
            "spec": {"replicas": revision.desired, "selector": {"matchLabels": labels}, "template": template},
            "status": status,
        })
    }

    fn render_stateful(&self, workload: &Workload) -> Value {
        let meta = self.workload_meta(workload);
        let Some(revision) = workload.revisions.last() else { return meta };
        let pods = || self.owned(&workload.uid);
        let ready = pods().filter(|pod| pod.ready()).count();
        let version = format!("{}-{}", workload.name, revision.hash);
        let mut status = json!({
            "observedGeneration": meta["generation"], "replicas": pods().count(),
            "currentRevision": version, "updateRevision": version, "collisionCount": 0,
        });
        counts(
            &mut status,
            &[
                ("currentReplicas", pods().count()),
                ("updatedReplicas", pods().count()),
                ("readyReplicas", ready),
                ("availableReplicas", ready),
            ],
        );
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta,
            "spec": {
                "replicas": workload.desired, "serviceName": workload.name,
                "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10,
                "selector": {"matchLabels": {"app": workload.name}},
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "template": revision.template.render(),
                "volumeClaimTemplates": workload.claims,
            },
            "status": status,
        })
    }

    fn render_daemon(&self, workload: &Workload) -> Value {
        let meta = self.workload_meta(workload);
        let Some(revision) = workload.revisions.last() else { return meta };
        let ready = self.owned(&workload.uid).filter(|pod| pod.ready()).count();
        json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta,
            "spec": {
                "selector": {"matchLabels": {"app": workload.name}}, "revisionHistoryLimit": 10,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
                "template": revision.template.render(),
            },
            "status": {
                "observedGeneration": meta["generation"], "desiredNumberScheduled": workload.desired,
                "currentNumberScheduled": workload.desired, "updatedNumberScheduled": workload.desired,
                "numberReady": ready, "numberAvailable": ready, "numberMisscheduled": 0,
                "numberUnavailable": workload.desired - ready,
            },
        })
    }
}

/// The API leaves out counts of zero.
fn counts(status: &mut Value, counts: &[(&str, usize)]) {
    for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
        status[name] = json!(count);
    }
}
