//! `get_events`: what Kubernetes reported, grouped by object and reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event as ApiEvent, ObjectReference};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::look;
use crate::cluster::Query;
use crate::report::{Event, Object, Truncated, clean, clip};

use super::{Context, ErrorType, Name, Namespace, Number, Tool, ToolError, limit};

/// The tool.
pub(super) struct GetEvents;

/// Which events.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Default: all.
    namespace: Option<Namespace>,
    /// Of objects of this kind, as "Pod".
    #[schemars(length(max = 63))]
    kind: Option<String>,
    /// Of the object with this name.
    name: Option<Name>,
    #[serde(rename = "type")]
    type_: Option<Type>,
    /// Seen in the last so many seconds.
    #[serde(default)]
    since_seconds: Number<1, 604_800, 3600>,
    /// Groups to show.
    #[serde(default)]
    limit: Number<1, 200, 50>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
enum Type {
    Normal,
    Warning,
}

/// The groups, newest first.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    events: Vec<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
}

impl Tool for GetEvents {
    const NAME: &'static str = "get_events";
    const TITLE: &'static str = "List events";
    const DESCRIPTION: &'static str = "Lists events grouped by object and reason, newest first. Clusters keep events \
        for about an hour: none found proves nothing.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let fields = selector(&arguments)?;
        let namespace = arguments.namespace.as_ref().map(Namespace::as_str);
        let listed = context.reader.list::<ApiEvent>(namespace, &Query { labels: None, fields }).await?;
        let since = SignedDuration::from_secs(arguments.since_seconds.get().into());
        let oldest = context.now.checked_sub(since).unwrap_or(Timestamp::MIN);
        let wanted = listed.items.iter().filter(|event| arguments.wants(event, oldest));
        let mut events = group(wanted);
        let total = events.len();
        events.truncate(arguments.limit.size());
        events.truncate(limit::fitting(&events, limit::LIST_BYTES));
        let all = events.len() == total && listed.complete;
        let truncated = (!all).then(|| Truncated {
            what: "events".to_owned(),
            shown: events.len() as u64,
            // A list that was not read to its end has more groups than are known.
            total: total as u64 + u64::from(!listed.complete),
            hint: "narrow by namespace, kind, name, type=Warning or since_seconds, or raise limit".to_owned(),
        });
        Ok(Output { events, truncated })
    }
}

/// What the API can choose by itself.
fn selector(arguments: &Arguments) -> Result<Option<String>, ToolError> {
    let mut parts = Vec::new();
    if let Some(kind) = &arguments.kind {
        if kind.is_empty() || kind.len() > 63 || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(ToolError::new(
                ErrorType::Validation,
                "kind is not the name of a kind",
                "write it as \"Pod\" or \"Deployment\"",
            ));
        }
        parts.push(format!("involvedObject.kind={kind}"));
    }
    if let Some(name) = &arguments.name {
        parts.push(format!("involvedObject.name={}", name.as_str()));
    }
    match arguments.type_ {
        Some(Type::Normal) => parts.push("type=Normal".to_owned()),
        Some(Type::Warning) => parts.push("type=Warning".to_owned()),
        None => {}
    }
    Ok((!parts.is_empty()).then(|| parts.join(",")))
}

impl Arguments {
    fn wants(&self, event: &ApiEvent, oldest: Timestamp) -> bool {
        look::last_seen(event).is_none_or(|at| at >= oldest)
    }
}

/// Equal reasons on one object as one event with the newest message; the newest first.
pub(super) fn group<'a>(events: impl IntoIterator<Item = &'a Arc<ApiEvent>>) -> Vec<Event> {
    let mut groups: BTreeMap<(Object, String), Event> = BTreeMap::new();
    for event in events {
        let object = object(&event.involved_object);
        let reason = text(event.reason.as_deref(), 100);
        let one = Event {
            kind: text(event.type_.as_deref(), 20),
            reason: reason.clone(),
            message: text(event.message.as_deref(), 300),
            count: look::times_seen(event),
            first_seen: look::first_seen(event),
            last_seen: look::last_seen(event),
            object: object.clone(),
        };
        groups.entry((object, reason)).and_modify(|group| join(group, &one)).or_insert(one);
    }
    let mut events: Vec<Event> = groups.into_values().collect();
    // The sort is stable: among equals the order is that of objects and reasons.
    events.sort_by_key(|event| std::cmp::Reverse(event.last_seen));
    events
}

fn join(group: &mut Event, one: &Event) {
    group.count = group.count.saturating_add(one.count);
    group.first_seen = [group.first_seen, one.first_seen].into_iter().flatten().min();
    if one.last_seen > group.last_seen {
        group.last_seen = one.last_seen;
        group.message.clone_from(&one.message);
        group.kind.clone_from(&one.kind);
    }
}

/// Events are written by whoever may: even names are bounded.
fn text(text: Option<&str>, most: usize) -> String {
    clip(&clean(text.unwrap_or_default()), most).into_owned()
}

fn object(reference: &ObjectReference) -> Object {
    Object {
        kind: text(reference.kind.as_deref(), 63),
        namespace: reference
            .namespace
            .as_deref()
            .filter(|name| !name.is_empty())
            .map(|name| text(Some(name), 63)),
        name: text(reference.name.as_deref(), 253),
        container: look::container(reference).map(|name| text(Some(name), 63)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tool::tests::fake::{Fake, assert_valid};

    fn event(name: &str, reason: &str, last: &str, count: u32) -> Value {
        json!({
            "metadata": { "name": format!("{name}.{reason}.{last}"), "namespace": "shop" },
            "involvedObject": {
                "kind": "Pod", "namespace": "shop", "name": name, "fieldPath": "spec.containers{app}",
            },
            "type": "Warning", "reason": reason, "message": format!("at {last}\u{1b}"), "count": count,
            "firstTimestamp": "2026-11-22T11:00:00Z", "lastTimestamp": last,
        })
    }

    async fn events(fake: &Fake, arguments: Value) -> Value {
        let answer = fake.call("get_events", arguments).await.unwrap();
        assert_valid("get_events", &answer);
        answer
    }

    #[tokio::test]
    async fn equal_reasons_on_one_object_are_one_event() {
        let fake = Fake::default().list(
            "/api/v1/events",
            &[
                event("web", "BackOff", "2026-11-22T11:50:00Z", 5),
                event("web", "Failed", "2026-11-22T11:59:00Z", 1),
                event("web", "BackOff", "2026-11-22T11:40:00Z", 2),
                event("web", "Old", "2026-11-22T10:59:59Z", 2),
            ],
        );
        let answer = events(&fake, json!({})).await;
        let seen: Vec<(&str, u64)> = answer["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| (event["reason"].as_str().unwrap(), event["count"].as_u64().unwrap()))
            .collect();
        assert_eq!(seen, [("Failed", 1), ("BackOff", 7)]);
        assert_eq!(
            answer["events"][1],
            json!({
                "type": "Warning", "reason": "BackOff", "message": "at 2026-11-22T11:50:00Z\u{FFFD}", "count": 7,
                "first_seen": "2026-11-22T11:00:00Z", "last_seen": "2026-11-22T11:50:00Z",
                "object": { "kind": "Pod", "namespace": "shop", "name": "web", "container": "app" },
            })
        );
    }

    #[tokio::test]
    async fn the_api_chooses_by_object_and_type() {
        let fake = Fake::default().text("/api/v1/namespaces/shop/events", |query| {
            let wanted =
                "fieldSelector=involvedObject.kind%3DPod%2CinvolvedObject.name%3Dweb%2Ctype%3DWarning";
            let found = if query.contains(wanted) {
                vec![event("web", "BackOff", "2026-11-22T11:50:00Z", 1)]
            } else {
                Vec::new()
            };
            json!({ "metadata": {}, "items": found }).to_string()
        });
        let arguments = json!({ "namespace": "shop", "kind": "Pod", "name": "web", "type": "Warning" });
        assert_eq!(events(&fake, arguments).await["events"].as_array().unwrap().len(), 1);
        for arguments in [
            json!({ "kind": "Pod,type=Normal" }),
            json!({ "kind": "" }),
            json!({ "type": "warning" }),
            json!({ "name": "a,b" }),
        ] {
            let error = fake.call("get_events", arguments.clone()).await.unwrap_err();
            assert_eq!(error.kind, ErrorType::Validation, "{arguments}");
        }
    }

    #[tokio::test]
    async fn newer_events_tell_their_times_in_other_fields() {
        let one = json!({
            "metadata": { "name": "e", "namespace": "shop" },
            "involvedObject": { "kind": "Node", "name": "n" },
            "eventTime": "2026-11-22T11:30:00.000000Z",
            "series": { "count": 9, "lastObservedTime": "2026-11-22T11:31:00.000000Z" },
        });
        let bare = json!({ "metadata": {}, "involvedObject": {} });
        let fake = Fake::default().list("/api/v1/events", &[one, bare]);
        let answer = events(&fake, json!({})).await;
        assert_eq!(answer["events"][0]["count"], 9);
        assert_eq!(answer["events"][0]["first_seen"], "2026-11-22T11:30:00Z");
        assert_eq!(answer["events"][0]["last_seen"], "2026-11-22T11:31:00Z");
        assert_eq!(answer["events"][1]["count"], 1);
    }

    #[tokio::test]
    async fn many_events_are_cut_and_the_cut_is_announced() {
        let many: Vec<Value> = (0..400)
            .map(|at| {
                let mut event = event(&format!("web-{at}"), "BackOff", "2026-11-22T11:50:00Z", 1);
                event["message"] = json!("\u{1}\"".repeat(400));
                event
            })
            .collect();
        let fake = Fake::default().list("/api/v1/events", &many);
        for limit in [3, 50, 200] {
            let answer = events(&fake, json!({ "limit": limit })).await;
            let shown = answer["events"].as_array().unwrap().len();
            assert!((3..=limit).contains(&shown), "{shown}");
            assert_eq!(answer["truncated"]["shown"], shown);
            assert_eq!(answer["truncated"]["total"], 400);
        }
    }
}
