//! Lists of a namespace or of the cluster, read once and at the same time, and what they tell together.
//!
//! What could not be read is `None` and named in `partial`. A list that is not complete is not used: what it leaves out
//! would look missing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::check::pod::{PodLists, facts_from_lists};
use crate::check::workload::{self, Workload, WorkloadFacts};
use crate::check::{Input, look, pod, volume};
use crate::cluster::{Kind, KindInfo, PodMetrics, Query, Reader};
use crate::report::{Issue, Partial};

macro_rules! survey {
    ($($field:ident: $kind:ident, $input:ident;)*) => {
        /// The lists.
        #[derive(Default)]
        pub(super) struct Survey {
            pub(super) now: Timestamp,
            /// What could not be read.
            pub(super) partial: Vec<Partial>,
            $(pub(super) $field: Option<Vec<Arc<$kind>>>,)*
        }

        impl Survey {
            /// Reads the lists of these kinds; those of the cluster itself whatever the namespace.
            pub(super) async fn read(
                reader: &Reader,
                namespace: Option<&str>,
                kinds: &[&KindInfo],
                now: Timestamp,
            ) -> Self {
                let mut partial = Vec::new();
                $(let $field = list::<$kind>(reader, namespace, kinds, Input::$input);)*
                let ($($field,)*) = tokio::join!($($field),*);
                $(let $field = keep($field, &mut partial);)*
                Self { now, partial, $($field),* }
            }
        }
    };
}

// field, kind, what it is called in `partial`
survey! {
    pods: Pod, Pods;
    events: Event, Events;
    usage: PodMetrics, Usage;
    nodes: Node, Node;
    claims: PersistentVolumeClaim, Claims;
    config_maps: ConfigMap, ConfigMaps;
    deployments: Deployment, Related;
    replica_sets: ReplicaSet, Related;
    stateful_sets: StatefulSet, Related;
    daemon_sets: DaemonSet, Related;
    jobs: Job, Related;
    cron_jobs: CronJob, Related;
    services: Service, Related;
    slices: EndpointSlice, Related;
    ingresses: Ingress, Related;
    ingress_classes: IngressClass, Related;
    policies: NetworkPolicy, Related;
    autoscalers: HorizontalPodAutoscaler, Related;
    budgets: PodDisruptionBudget, Related;
    storage_classes: StorageClass, Related;
}

type Kept<K> = Option<Result<Vec<Arc<K>>, Partial>>;

async fn list<K: Kind>(
    reader: &Reader,
    namespace: Option<&str>,
    kinds: &[&KindInfo],
    input: Input,
) -> Kept<K> {
    if !kinds.contains(&K::INFO) {
        return None;
    }
    Some(match reader.list::<K>(namespace.filter(|_| K::INFO.namespaced), &Query::default()).await {
        Ok(list) if list.complete => Ok(list.items),
        Ok(list) => Err(input.missing(&format!("more than {} {}", list.items.len(), K::INFO.plural))),
        Err(error) => Err(input.missing(&error.message)),
    })
}

fn keep<K>(list: Kept<K>, partial: &mut Vec<Partial>) -> Option<Vec<Arc<K>>> {
    match list? {
        Ok(items) => Some(items),
        Err(missing) => {
            partial.push(missing);
            None
        }
    }
}

/// Whether the object stands in this namespace.
pub(super) fn within(meta: &ObjectMeta, namespace: &str) -> bool {
    meta.namespace.as_deref() == Some(namespace)
}

/// Those of the list that stand in this namespace.
pub(super) fn of_namespace<K>(
    list: Option<&Vec<Arc<K>>>,
    namespace: &str,
    meta: impl Fn(&K) -> &ObjectMeta,
) -> Option<Vec<Arc<K>>> {
    Some(list?.iter().filter(|item| within(meta(item), namespace)).cloned().collect())
}

impl Survey {
    /// What is wrong with these pods, with what the lists tell around them.
    pub(super) fn pod_issues(&self, pods: &[Arc<Pod>]) -> Vec<Issue> {
        let lists = PodLists {
            pods: pods.to_vec(),
            events: self.events.clone(),
            usage: self.usage.clone(),
            nodes: self.nodes.clone(),
            claims: self.claims.clone(),
            config_maps: self.config_maps.clone(),
            jobs: self.jobs.clone(),
        };
        facts_from_lists(&lists, false, self.now).iter().flat_map(pod::issues).collect()
    }

    /// What is wrong with the jobs that this CronJob made, as far as it was not well again since.
    pub(super) fn job_issues(&self, cron_job: &CronJob) -> Vec<Issue> {
        let uid = cron_job.metadata.uid.as_deref();
        let well = cron_job.status.as_ref().and_then(|status| status.last_successful_time.as_ref());
        let is_over = |job: &Job| {
            let made = look::created(&job.metadata);
            well.zip(made).is_some_and(|(well, made)| made < well.0)
        };
        let jobs = self.jobs.iter().flatten();
        jobs.filter(|job| uid.is_some() && look::controller(&job.metadata) == uid && !is_over(job))
            .flat_map(|job| {
                let uid = job.metadata.uid.as_deref().unwrap_or_default();
                workload::issues(&WorkloadFacts {
                    now: self.now,
                    workload: Workload::Job(Arc::clone(job)),
                    // They have issues of their own.
                    pods: Some(Vec::new()),
                    events: self.events_about(&HashSet::from([uid])),
                    services: None,
                    classes: None,
                })
            })
            .collect()
    }

    /// The events about objects of these uids.
    pub(super) fn events_about(&self, uids: &HashSet<&str>) -> Option<Vec<Arc<Event>>> {
        let about =
            |event: &&Arc<Event>| event.involved_object.uid.as_deref().is_some_and(|uid| uids.contains(uid));
        Some(self.events.as_ref()?.iter().filter(about).cloned().collect())
    }

    /// Who controls whom: the controller's uid by the uid of replica sets and jobs.
    fn parents(&self) -> HashMap<&str, &str> {
        let sets = self.replica_sets.iter().flatten().map(|set| &set.metadata);
        let jobs = self.jobs.iter().flatten().map(|job| &job.metadata);
        sets.chain(jobs).filter_map(|meta| Some((meta.uid.as_deref()?, look::controller(meta)?))).collect()
    }

    /// The uids of what this object controls, by way of replica sets and jobs, and its own.
    pub(super) fn family<'a>(&'a self, uid: &'a str) -> HashSet<&'a str> {
        let children =
            self.parents().into_iter().filter(|(_, parent)| *parent == uid).map(|(child, _)| child);
        children.chain([uid]).collect()
    }

    /// Pods by the uid of the workload at the top.
    pub(super) fn pods_by_workload(&self) -> Option<HashMap<&str, Vec<Arc<Pod>>>> {
        let parents = self.parents();
        let mut found: HashMap<&str, Vec<Arc<Pod>>> = HashMap::new();
        for pod in self.pods.as_ref()? {
            let Some(mut uid) = look::controller(&pod.metadata) else { continue };
            // A pod of a CronJob is two steps below it; the job wants it too.
            found.entry(uid).or_default().push(Arc::clone(pod));
            // Three steps are more than there are; owners that name each other must not hold us for ever.
            for _ in 0..3 {
                let Some(parent) = parents.get(uid).filter(|parent| **parent != uid) else { break };
                uid = parent;
                found.entry(uid).or_default().push(Arc::clone(pod));
            }
        }
        Some(found)
    }

    /// What is wrong with these claims.
    pub(super) fn claim_issues(&self, wanted: impl Fn(&ObjectMeta) -> bool) -> Vec<Issue> {
        let claims = self.claims.iter().flatten().filter(|claim| wanted(&claim.metadata));
        let mut events: HashMap<&str, Vec<Arc<Event>>> = HashMap::new();
        for event in self.events.iter().flatten() {
            let object = &event.involved_object;
            if let (Some("PersistentVolumeClaim"), Some(uid)) =
                (object.kind.as_deref(), object.uid.as_deref())
            {
                events.entry(uid).or_default().push(Arc::clone(event));
            }
        }
        let of_claim = |claim: &Arc<PersistentVolumeClaim>| {
            let of_this = claim.metadata.uid.as_deref().and_then(|uid| events.get(uid)).cloned();
            volume::issues(&volume::ClaimFacts {
                now: self.now,
                claim: Arc::clone(claim),
                events: self.events.as_ref().map(|_| of_this.unwrap_or_default()),
                classes: self.storage_classes.clone(),
            })
        };
        claims.flat_map(of_claim).collect()
    }
}
