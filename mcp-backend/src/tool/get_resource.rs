//! `get_resource`: one object as the API has it, without values that are nobody's business.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cluster::{KINDS, KindInfo};
use crate::report::Truncated;

use super::prune::{prune, select};
use super::{Context, ErrorType, Name, Namespace, Tool, ToolError, limit};

/// How many bytes an object may have as JSON.
const OBJECT_BYTES: usize = 24_000;

/// How many elements of lists are kept when an object is too large: tried in this order.
const ELEMENTS: [usize; 4] = [50, 20, 5, 1];

/// How many paths, and how long each.
const PATHS: usize = 20;
const PATH_BYTES: usize = 300;

/// The tool.
pub(super) struct GetResource;

/// Which object.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    kind: Shown,
    name: Name,
    /// Required, unless the kind has none (Node, Namespace).
    namespace: Option<Namespace>,
    /// Only these members, as "spec.containers.image".
    #[serde(default)]
    #[schemars(length(max = 20))]
    fields: Vec<String>,
}

/// A kind that may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Shown(&'static KindInfo);

fn shown_kinds() -> impl Iterator<Item = &'static KindInfo> {
    KINDS.iter().copied().filter(|kind| kind.shown)
}

impl TryFrom<String> for Shown {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        shown_kinds().find(|kind| kind.name == text).map(Self).ok_or_else(|| {
            let names: Vec<&str> = shown_kinds().map(|kind| kind.name).collect();
            format!("this kind is not shown; kinds are {}", names.join(", "))
        })
    }
}

impl JsonSchema for Shown {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Kind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = shown_kinds().map(|kind| kind.name).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

/// The object.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    object: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
}

impl Tool for GetResource {
    const NAME: &'static str = "get_resource";
    const TITLE: &'static str = "Show an object";
    const DESCRIPTION: &'static str = "Shows one object as the API has it, or some fields of it. Values of \
        environment variables, annotations and ConfigMaps are left out; only their names are shown.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let kind = arguments.kind.0;
        let namespace = arguments.namespace.as_ref().map(Namespace::as_str).filter(|_| kind.namespaced);
        if kind.namespaced && namespace.is_none() {
            return Err(ToolError::new(
                ErrorType::Validation,
                format!("a {} stands in a namespace", kind.name),
                "give the argument namespace",
            ));
        }
        if arguments.fields.len() > PATHS || arguments.fields.iter().any(|path| path.len() > PATH_BYTES) {
            return Err(ToolError::new(
                ErrorType::Validation,
                format!("fields takes {PATHS} paths of {PATH_BYTES} characters"),
                "ask for a member further up, as \"spec\"",
            ));
        }
        let read = context.reader.get_json(kind, namespace, arguments.name.as_str()).await?;
        let mut object = prune(kind.name, &read);
        if !arguments.fields.is_empty() {
            object = select(&object, &arguments.fields);
        }
        Ok(fit(object))
    }
}

/// Shortens lists, then leaves out the largest members, until the object is small enough.
fn fit(object: Map<String, Value>) -> Output {
    let total = limit::bytes(&object);
    if total <= OBJECT_BYTES {
        return Output { object, truncated: None };
    }
    let mut object = object;
    for elements in ELEMENTS {
        object.values_mut().for_each(|value| shorten(value, elements));
        if limit::bytes(&object) <= OBJECT_BYTES {
            break;
        }
    }
    while limit::bytes(&object) > OBJECT_BYTES {
        let Some(largest) =
            object.iter().max_by_key(|(_, value)| limit::bytes(value)).map(|(key, _)| key.clone())
        else {
            break;
        };
        object.remove(&largest);
    }
    let truncated = Truncated {
        what: "bytes of object".to_owned(),
        shown: limit::bytes(&object) as u64,
        total: total as u64,
        hint: "lists are shortened or members left out: name what you need in fields".to_owned(),
    };
    Output { object, truncated: Some(truncated) }
}

/// Keeps so many elements of every list.
fn shorten(value: &mut Value, elements: usize) {
    match value {
        Value::Array(values) => {
            values.truncate(elements);
            values.iter_mut().for_each(|value| shorten(value, elements));
        }
        Value::Object(object) => object.values_mut().for_each(|value| shorten(value, elements)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tool::tests::fake::{Fake, assert_valid};

    const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";

    async fn get(fake: &Fake, arguments: Value) -> Value {
        let answer = fake.call("get_resource", arguments).await.unwrap();
        assert_valid("get_resource", &answer);
        answer
    }

    #[tokio::test]
    async fn an_object_comes_without_its_secrets() {
        let fake = Fake::default()
            .json(
                WEB,
                &json!({
                    "kind": "Deployment",
                    "metadata": { "name": "web", "annotations": { "a": "pl4nted" } },
                    "spec": {
                        "replicas": 2,
                        "template": { "spec": { "containers": [{ "env": [{ "name": "KEY", "value": "pl4nted" }] }] } },
                    },
                }),
            )
            .json(
                "/api/v1/namespaces/shop/configmaps/settings",
                &json!({ "metadata": { "name": "settings" }, "data": { "a.yaml": "pl4nted" } }),
            );
        let deployment = json!({ "kind": "Deployment", "namespace": "shop", "name": "web" });
        let map = json!({ "kind": "ConfigMap", "namespace": "shop", "name": "settings" });
        let path = json!({
            "kind": "ConfigMap", "namespace": "shop", "name": "settings", "fields": ["data.a.yaml", "data"],
        });
        for arguments in [deployment, map, path] {
            let answer = get(&fake, arguments.clone()).await;
            assert!(!answer.to_string().contains("pl4nted"), "{arguments}: {answer}");
        }
        let arguments =
            json!({ "kind": "Deployment", "namespace": "shop", "name": "web", "fields": ["spec.replicas"] });
        assert_eq!(get(&fake, arguments).await, json!({ "object": { "spec.replicas": 2 } }));
    }

    #[tokio::test]
    async fn a_kind_of_the_cluster_needs_no_namespace() {
        let node = json!({ "metadata": { "name": "n" }, "status": { "images": [{ "names": ["a"] }] } });
        let fake = Fake::default().json("/api/v1/nodes/n", &node);
        for arguments in
            [json!({ "kind": "Node", "name": "n" }), json!({ "kind": "Node", "name": "n", "namespace": "x" })]
        {
            assert_eq!(get(&fake, arguments).await["object"]["status"], json!({}));
        }
    }

    #[tokio::test]
    async fn what_may_not_be_shown_is_refused() {
        let fake = Fake::default();
        for (arguments, kind) in [
            (json!({ "kind": "Secret", "namespace": "shop", "name": "x" }), ErrorType::Validation),
            (json!({ "kind": "Event", "namespace": "shop", "name": "x" }), ErrorType::Validation),
            (json!({ "kind": "pods/log", "namespace": "shop", "name": "x" }), ErrorType::Validation),
            (json!({ "kind": "Pod", "name": "x" }), ErrorType::Validation),
            (json!({ "kind": "Pod", "name": "../x", "namespace": "shop" }), ErrorType::Validation),
            (
                json!({ "kind": "Pod", "name": "x", "namespace": "shop", "fields": vec!["a"; 21] }),
                ErrorType::Validation,
            ),
            (json!({ "kind": "Pod", "name": "x", "namespace": "shop" }), ErrorType::NotFound),
        ] {
            let error = fake.call("get_resource", arguments.clone()).await.unwrap_err();
            assert_eq!(error.kind, kind, "{arguments}: {error}");
        }
    }

    #[tokio::test]
    async fn a_large_object_is_shortened_and_says_so() {
        let list: Vec<Value> = (0..2_000).map(|at| json!({ "name": format!("item {at}") })).collect();
        let long = "x".repeat(60_000);
        let map: Map<String, Value> = (0..5_000).map(|at| (format!("key-{at}"), json!("v"))).collect();
        for spec in [json!({ "list": list }), json!({ "text": long }), json!({ "map": map })] {
            let object = json!({ "metadata": { "name": "web" }, "spec": spec });
            let fake = Fake::default().json(WEB, &object);
            let answer =
                get(&fake, json!({ "kind": "Deployment", "namespace": "shop", "name": "web" })).await;
            assert!(answer.to_string().len() <= OBJECT_BYTES + 500);
            assert_eq!(answer["object"]["metadata"]["name"], "web");
            assert!(answer["truncated"]["hint"].as_str().unwrap().contains("fields"));
        }
    }
}
