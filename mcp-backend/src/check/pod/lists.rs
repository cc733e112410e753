//! Facts about many pods out of lists that were read once: for judging a whole cluster.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{PodFacts, references};
use crate::check::look;
use crate::cluster::PodMetrics;

/// The lists of a cluster or of a namespace. `None`: not read, and the rules that need it are skipped. A list that is
/// not complete must not be given: what it leaves out would count as missing.
#[derive(Clone, Debug, Default)]
pub struct PodLists {
    /// The pods to judge.
    pub pods: Vec<Arc<Pod>>,
    /// Events about anything.
    pub events: Option<Vec<Arc<Event>>>,
    /// What pods use.
    pub usage: Option<Vec<Arc<PodMetrics>>>,
    /// The nodes.
    pub nodes: Option<Vec<Arc<Node>>>,
    /// The claims of volumes.
    pub claims: Option<Vec<Arc<PersistentVolumeClaim>>>,
    /// The configuration maps.
    pub config_maps: Option<Vec<Arc<ConfigMap>>>,
    /// The jobs.
    pub jobs: Option<Vec<Arc<Job>>>,
}

type Key<'a> = (&'a str, &'a str);

/// The facts about each pod, in the order of the pods. Logs are not among them.
pub fn facts_from_lists(lists: &PodLists, deep: bool, now: Timestamp) -> Vec<PodFacts> {
    let usage = lists.usage.as_ref().map(|list| index(list, |metrics| &metrics.metadata));
    let nodes = lists.nodes.as_ref().map(|list| index(list, |node| &node.metadata));
    let claims = lists.claims.as_ref().map(|list| index(list, |claim| &claim.metadata));
    let maps = lists.config_maps.as_ref().map(|list| index(list, |map| &map.metadata));
    let jobs = lists.jobs.as_ref().map(|list| index(list, |job| &job.metadata));
    let events = lists.events.as_ref().map(|list| by_uid(list));
    let facts = lists.pods.iter().map(|pod| {
        let key = key(&pod.metadata);
        let node = look::node_name(pod);
        let job = super::owner_of_kind(pod, "Job");
        PodFacts {
            now,
            deep,
            pod: Arc::clone(pod),
            events: events.as_ref().map(|events| {
                let of_pod = references::event_uid(pod).and_then(|uid| events.get(uid));
                of_pod.cloned().unwrap_or_default()
            }),
            logs: None,
            usage: usage.as_ref().and_then(|usage| usage.get(&key)).map(|found| Arc::clone(found)),
            node: find(nodes.as_ref(), node.map(|node| ("", node))),
            claims: claims.as_ref().map(|claims| pick(claims, key.0, references::claim_names(pod))),
            config_maps: maps.as_ref().map(|maps| pick(maps, key.0, references::config_map_names(pod))),
            job: find(jobs.as_ref(), job.map(|job| (key.0, job))),
        }
    });
    facts.collect()
}

fn key(metadata: &ObjectMeta) -> Key<'_> {
    (look::namespace(metadata), look::name(metadata))
}

fn index<K>(list: &[Arc<K>], metadata: impl Fn(&K) -> &ObjectMeta) -> HashMap<Key<'_>, &Arc<K>> {
    list.iter().map(|object| (key(metadata(object)), object)).collect()
}

fn find<K>(objects: Option<&HashMap<Key<'_>, &Arc<K>>>, key: Option<Key<'_>>) -> Option<Arc<K>> {
    objects.zip(key).and_then(|(objects, key)| objects.get(&key)).map(|found| Arc::clone(found))
}

/// The objects of these names, as far as they are there.
fn pick<K>(objects: &HashMap<Key<'_>, &Arc<K>>, namespace: &str, names: BTreeSet<String>) -> Vec<Arc<K>> {
    let found = names.iter().filter_map(|name| objects.get(&(namespace, name.as_str())));
    found.map(|found| Arc::clone(found)).collect()
}

fn by_uid(events: &[Arc<Event>]) -> HashMap<&str, Vec<Arc<Event>>> {
    let mut of: HashMap<&str, Vec<Arc<Event>>> = HashMap::new();
    for event in events {
        if let Some(uid) = event.involved_object.uid.as_deref() {
            of.entry(uid).or_default().push(Arc::clone(event));
        }
    }
    of
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    fn list<K: DeserializeOwned>(values: Value) -> Vec<Arc<K>> {
        serde_json::from_value::<Vec<K>>(values).unwrap().into_iter().map(Arc::new).collect()
    }

    #[test]
    fn each_pod_gets_what_belongs_to_it() {
        let meta = |namespace: &str, name: &str| json!({ "namespace": namespace, "name": name });
        let lists = PodLists {
            pods: list(json!([
                {
                    "metadata": { "namespace": "shop", "name": "web", "uid": "1", "ownerReferences":
                        [{ "kind": "Job", "name": "nightly", "controller": true }] },
                    "spec": { "nodeName": "worker-1", "containers": [], "volumes": [
                        { "name": "d", "persistentVolumeClaim": { "claimName": "data" } },
                        { "name": "c", "configMap": { "name": "conf" } },
                    ] },
                },
                { "metadata": { "namespace": "pay", "name": "web", "uid": "2" } },
            ])),
            events: Some(list(json!([
                { "metadata": {}, "involvedObject": { "name": "web", "uid": "1" }, "reason": "BackOff" },
                { "metadata": {}, "involvedObject": { "name": "web", "uid": "old" }, "reason": "Older" },
            ]))),
            usage: Some(list(json!([{ "metadata": meta("pay", "web") }]))),
            nodes: Some(list(json!([{ "metadata": { "name": "worker-1" } }]))),
            claims: Some(list(json!([
                { "metadata": meta("shop", "data") },
                { "metadata": meta("pay", "data") },
                { "metadata": meta("shop", "other") },
            ]))),
            config_maps: Some(list(json!([{ "metadata": meta("pay", "conf") }]))),
            jobs: Some(list(json!([{ "metadata": meta("shop", "nightly") }]))),
        };
        let facts = facts_from_lists(&lists, true, Timestamp::UNIX_EPOCH);
        let [shop, pay] = facts.as_slice() else { panic!("two pods") };
        assert_eq!(shop.events.as_ref().unwrap().len(), 1);
        assert_eq!(pay.events.as_ref().unwrap().len(), 0);
        assert_eq!((shop.usage.is_some(), pay.usage.is_some()), (false, true));
        assert_eq!((shop.node.is_some(), pay.node.is_some()), (true, false));
        assert_eq!((shop.job.is_some(), pay.job.is_some()), (true, false));
        assert_eq!(shop.claims.as_ref().unwrap().len(), 1);
        assert_eq!(shop.claims.as_ref().unwrap()[0].metadata.namespace.as_deref(), Some("shop"));
        assert_eq!(shop.config_maps.as_ref().map(Vec::len), Some(0), "the map of another namespace");
        assert!(shop.deep && shop.logs.is_none());
    }

    #[test]
    fn what_was_not_read_stays_unknown() {
        let pods = list(json!([{ "metadata": { "namespace": "shop", "name": "web", "uid": "1" } }]));
        let facts = facts_from_lists(&PodLists { pods, ..PodLists::default() }, false, Timestamp::UNIX_EPOCH);
        assert!(facts[0].events.is_none() && facts[0].claims.is_none() && facts[0].config_maps.is_none());
    }
}
