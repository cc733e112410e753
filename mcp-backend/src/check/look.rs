//! Small views on objects of the API that several tables of rules share.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::DeploymentCondition;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerCondition;
use k8s_openapi::api::batch::v1::JobCondition;
use k8s_openapi::api::core::v1::{Container, Event, NodeCondition, ObjectReference, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::report::Object;

/// The name, or nothing.
pub(crate) fn name(meta: &ObjectMeta) -> &str {
    meta.name.as_deref().unwrap_or_default()
}

/// The namespace, or nothing.
pub(crate) fn namespace(meta: &ObjectMeta) -> &str {
    meta.namespace.as_deref().unwrap_or_default()
}

/// What an issue about this object is about.
pub(crate) fn object(kind: &str, meta: &ObjectMeta) -> Object {
    match &meta.namespace {
        Some(namespace) => Object::new(kind, namespace, name(meta)),
        None => Object::of_cluster(kind, name(meta)),
    }
}

/// When it was made.
pub(crate) fn created(meta: &ObjectMeta) -> Option<Timestamp> {
    meta.creation_timestamp.as_ref().map(|time| time.0)
}

/// The uid of what controls it.
pub(crate) fn controller(meta: &ObjectMeta) -> Option<&str> {
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.as_str())
}

/// A condition of the status, whatever the kind of object.
pub(crate) trait Condition {
    fn kind(&self) -> &str;
    fn reason(&self) -> &str;
    fn message(&self) -> &str;
    fn since(&self) -> Option<Timestamp>;
}

macro_rules! conditions {
    ($($type:ty),*) => {$(
        impl Condition for $type {
            fn kind(&self) -> &str {
                &self.type_
            }
            fn reason(&self) -> &str {
                self.reason.as_deref().unwrap_or_default()
            }
            fn message(&self) -> &str {
                self.message.as_deref().unwrap_or_default()
            }
            fn since(&self) -> Option<Timestamp> {
                self.last_transition_time.as_ref().map(|time| time.0)
            }
        }
    )*};
}

conditions!(DeploymentCondition, HorizontalPodAutoscalerCondition, JobCondition, NodeCondition, PodCondition);

/// The condition of this type.
pub(crate) fn condition<'a, C: Condition>(all: Option<&'a Vec<C>>, kind: &str) -> Option<&'a C> {
    all?.iter().find(|condition| condition.kind() == kind)
}

/// Whether the pod is ready.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    condition(conditions, "Ready").is_some_and(|ready| ready.status == "True")
}

/// The phase of the pod, `Unknown` if none is written.
pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Unknown")
}

/// The node that the pod was given to.
pub(crate) fn node_name(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|name| !name.is_empty())
}

/// Whether no container of the pod will run again.
pub(crate) fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether an init container keeps running beside the others.
pub(crate) fn is_restartable(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// Whether the selector takes these labels. An empty selector takes all.
pub(crate) fn selects(selector: &LabelSelector, labels: Option<&BTreeMap<String, String>>) -> bool {
    let value = |key: &str| labels.and_then(|labels| labels.get(key));
    let equal = selector.match_labels.iter().flatten().all(|(key, wanted)| value(key) == Some(wanted));
    equal
        && selector.match_expressions.iter().flatten().all(|term| {
            let listed = |value: &String| term.values.iter().flatten().any(|other| other == value);
            match term.operator.as_str() {
                "In" => value(&term.key).is_some_and(listed),
                "NotIn" => !value(&term.key).is_some_and(listed),
                "Exists" => value(&term.key).is_some(),
                "DoesNotExist" => value(&term.key).is_none(),
                _ => false,
            }
        })
}

/// When the event was seen last: each version of the API has a field of its own for it.
pub(crate) fn last_seen(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    series
        .map(|time| time.0)
        .or_else(|| event.last_timestamp.as_ref().map(|time| time.0))
        .or_else(|| first_seen(event))
}

/// When the event was seen first.
pub(crate) fn first_seen(event: &Event) -> Option<Timestamp> {
    let first = event.first_timestamp.as_ref().map(|time| time.0);
    first.or_else(|| event.event_time.as_ref().map(|time| time.0)).or_else(|| created(&event.metadata))
}

/// How often the event was seen.
pub(crate) fn times_seen(event: &Event) -> u32 {
    let series = event.series.as_ref().and_then(|series| series.count);
    series.or(event.count).and_then(|count| u32::try_from(count).ok()).unwrap_or(1).max(1)
}

/// The container of a pod that is referred to: the path `spec.containers{app}` names `app`.
pub(crate) fn container(reference: &ObjectReference) -> Option<&str> {
    let (_, name) = reference.field_path.as_deref()?.split_once('{')?;
    name.strip_suffix('}')
}

/// The newest event of one of these reasons.
pub(crate) fn latest<'a>(events: Option<&'a Vec<Arc<Event>>>, reasons: &[&str]) -> Option<&'a Event> {
    let wanted =
        |event: &&Arc<Event>| event.reason.as_deref().is_some_and(|reason| reasons.contains(&reason));
    events?.iter().filter(wanted).max_by_key(|event| last_seen(event)).map(Arc::as_ref)
}

/// Seconds since then; nothing of the future.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> i64 {
    (now.as_second() - then.as_second()).max(0)
}

/// A length of time in one unit, as `12 min`.
pub(crate) fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Some names and how many more: `a, b and 3 more`.
pub(crate) fn some<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_take_what_the_api_takes() {
        let labels: BTreeMap<String, String> =
            [("app".to_owned(), "web".to_owned()), ("tier".to_owned(), "front".to_owned())].into();
        for (selector, expected) in [
            (json!({}), true),
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "api"}}), false),
            (json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "web"]}]}), true),
            (json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}), false),
            (json!({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}), false),
        ] {
            let selector: LabelSelector = serde_json::from_value(selector).unwrap();
            assert_eq!(selects(&selector, Some(&labels)), expected, "{selector:?}");
        }
    }

    #[test]
    fn lengths_of_time_are_written_in_one_unit() {
        for (seconds, text) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (172_800, "2 d")]
        {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn the_rest_of_the_names_is_counted() {
        assert_eq!(some(&["a", "b"], 2), "a, b");
        assert_eq!(some(&["a", "b", "c"], 2), "a, b and 1 more");
    }
}
