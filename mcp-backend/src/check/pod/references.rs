//! What a pod names in its specification: claims and configuration maps.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::check::look;

/// Present in every namespace and named by every pod with a service account: not worth a read.
const ROOT_CA: &str = "kube-root-ca.crt";

/// A place where a pod names a configuration map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMapUse {
    /// The map.
    pub name: String,
    /// The key in it; `None`: the map as a whole.
    pub key: Option<String>,
    /// The pod starts without it.
    pub optional: bool,
    /// The container whose environment needs it; `None`: a volume of the pod does.
    pub container: Option<String>,
}

/// Names the uid under which the kubelet knows a static pod.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Whether the pod only mirrors one that the kubelet runs from a file of its node.
pub fn is_mirror(pod: &Pod) -> bool {
    pod.metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(MIRROR))
}

/// The uid that events about the pod name: of a static pod the kubelet's own one, not that of its mirror in the API.
pub fn event_uid(pod: &Pod) -> Option<&str> {
    let mirrored = pod.metadata.annotations.as_ref().and_then(|annotations| annotations.get(MIRROR));
    mirrored.map(String::as_str).filter(|uid| !uid.is_empty()).or(pod.metadata.uid.as_deref())
}

/// The claims that the pod mounts, those that are made for it included.
pub fn claim_names(pod: &Pod) -> BTreeSet<String> {
    let pod_name = look::name(&pod.metadata);
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes
        .filter_map(|volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
            (Some(claim), _) => Some(claim.claim_name.clone()),
            (None, Some(_)) => Some(format!("{pod_name}-{}", volume.name)),
            (None, None) => None,
        })
        .collect()
}

/// The configuration maps that the pod needs or would use.
pub fn config_map_names(pod: &Pod) -> BTreeSet<String> {
    config_map_uses(pod).into_iter().map(|used| used.name).collect()
}

/// Every place where the pod names a configuration map.
pub fn config_map_uses(pod: &Pod) -> Vec<ConfigMapUse> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let mut uses = Vec::new();
    for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
        in_environment(container, &mut uses);
    }
    for volume in spec.volumes.iter().flatten() {
        if let Some(map) = &volume.config_map {
            in_volume(&map.name, map.items.as_deref(), map.optional, &mut uses);
        }
        let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        for map in sources.filter_map(|source| source.config_map.as_ref()) {
            in_volume(&map.name, map.items.as_deref(), map.optional, &mut uses);
        }
    }
    uses.retain(|used| used.name != ROOT_CA && !used.name.is_empty());
    uses
}

fn in_environment(container: &Container, uses: &mut Vec<ConfigMapUse>) {
    let used = |name: &str, key: Option<&str>, optional: Option<bool>| ConfigMapUse {
        name: name.to_owned(),
        key: key.map(str::to_owned),
        optional: optional.unwrap_or(false),
        container: Some(container.name.clone()),
    };
    let whole = container.env_from.iter().flatten().filter_map(|source| source.config_map_ref.as_ref());
    uses.extend(whole.map(|map| used(&map.name, None, map.optional)));
    let keys = container.env.iter().flatten().filter_map(|variable| {
        variable.value_from.as_ref().and_then(|source| source.config_map_key_ref.as_ref())
    });
    uses.extend(keys.map(|map| used(&map.name, Some(&map.key), map.optional)));
}

fn in_volume(
    name: &str,
    items: Option<&[k8s_openapi::api::core::v1::KeyToPath]>,
    optional: Option<bool>,
    uses: &mut Vec<ConfigMapUse>,
) {
    let used = |key: Option<&str>| ConfigMapUse {
        name: name.to_owned(),
        key: key.map(str::to_owned),
        optional: optional.unwrap_or(false),
        container: None,
    };
    match items {
        Some(items) if !items.is_empty() => uses.extend(items.iter().map(|item| used(Some(&item.key)))),
        _ => uses.push(used(None)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_about_a_static_pod_name_the_uid_of_the_kubelet() {
        let pod = |annotations: serde_json::Value| -> Pod {
            serde_json::from_value(json!({ "metadata": { "uid": "u", "annotations": annotations } })).unwrap()
        };
        for (annotations, uid, mirror) in [
            (json!({}), "u", false),
            (json!({ "kubernetes.io/config.mirror": "hash" }), "hash", true),
            (json!({ "kubernetes.io/config.mirror": "" }), "u", true),
        ] {
            let pod = pod(annotations);
            assert_eq!((event_uid(&pod), is_mirror(&pod)), (Some(uid), mirror));
        }
    }

    #[test]
    fn every_place_that_names_a_map_or_a_claim_is_found() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "web" },
            "spec": {
                "initContainers": [{ "name": "i", "envFrom": [{ "configMapRef": { "name": "base" } }] }],
                "containers": [{
                    "name": "a",
                    "env": [{ "name": "X", "valueFrom": { "configMapKeyRef":
                        { "name": "app", "key": "mode", "optional": true } } }],
                }],
                "volumes": [
                    { "name": "v", "configMap": { "name": "files" } },
                    { "name": "w", "projected": { "sources": [
                        { "configMap": { "name": "kube-root-ca.crt" } },
                        { "configMap": { "name": "parts", "items": [{ "key": "k", "path": "p" }] } },
                    ] } },
                    { "name": "data", "persistentVolumeClaim": { "claimName": "data-web" } },
                    { "name": "scratch", "ephemeral": {} },
                ],
            },
        }))
        .unwrap();
        let uses = config_map_uses(&pod);
        let short: Vec<_> = uses
            .iter()
            .map(|used| (used.name.as_str(), used.key.as_deref(), used.optional, used.container.as_deref()))
            .collect();
        assert_eq!(
            short,
            [
                ("base", None, false, Some("i")),
                ("app", Some("mode"), true, Some("a")),
                ("files", None, false, None),
                ("parts", Some("k"), false, None),
            ]
        );
        assert_eq!(claim_names(&pod), BTreeSet::from(["data-web".to_owned(), "web-scratch".to_owned()]));
    }
}
