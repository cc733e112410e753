//! Which pods a selector nearly takes: mostly one of the two is mistyped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::check::look;

/// How many of the selector's labels the pod has.
pub(super) fn matched(selector: &BTreeMap<String, String>, pod: &Pod) -> usize {
    let labels = pod.metadata.labels.as_ref();
    selector.iter().filter(|(key, value)| labels.and_then(|labels| labels.get(*key)) == Some(*value)).count()
}

/// The labels that come nearest to the selector, as `app=catalog on pod catalog-1`, the best first; at most three.
pub(super) fn nearest(selector: &BTreeMap<String, String>, pods: &[Arc<Pod>]) -> Vec<String> {
    let mut found: Vec<(f64, String, &str)> = Vec::new();
    for pod in pods.iter().filter(|pod| !look::is_finished(pod)) {
        let Some(labels) = &pod.metadata.labels else { continue };
        let mut score = 0.0;
        let mut differing = Vec::new();
        for (key, wanted) in selector {
            // The key may be the mistyped part; then the value is the same.
            let other =
                labels.get_key_value(key).or_else(|| labels.iter().find(|(_, value)| *value == wanted));
            let Some((other_key, value)) = other else { continue };
            score += strsim::normalized_damerau_levenshtein(value, wanted)
                * strsim::normalized_damerau_levenshtein(other_key, key);
            if (other_key, value) != (key, wanted) {
                differing.push(format!("{other_key}={value}"));
            }
        }
        if !differing.is_empty() && score >= 0.6 * selector.len() as f64 {
            found.push((score, differing.join(","), look::name(&pod.metadata)));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (&a.1, a.2).cmp(&(&b.1, b.2))));
    let mut seen = BTreeSet::new();
    found.retain(|(_, labels, _)| seen.insert(labels.clone()));
    found.into_iter().take(3).map(|(_, labels, pod)| format!("{labels} on pod {pod}")).collect()
}
