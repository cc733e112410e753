//! JSON Schemas of arguments and answers, kept small: every agent pays for them with each list of tools.

use std::sync::Arc;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// The schema of arguments: with the descriptions of its members.
pub(super) fn of_arguments<T: JsonSchema>() -> Arc<Map<String, Value>> {
    Arc::new(object(generate::<T>(SchemaSettings::draft2020_12().for_deserialize()), true))
}

/// How deep the schema of an answer goes. One: its members and their types, but not the members of objects in them. All
/// of it would be more than half of the list of tools, and hosts show agents the answers, not their schemas.
const LEVELS: usize = 1;

/// The schema of an answer: structure only.
pub(super) fn of_answer<T: JsonSchema>() -> Arc<Map<String, Value>> {
    let whole = object(generate::<T>(SchemaSettings::draft2020_12().for_serialize()), false);
    let definitions = whole.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    match outline(&Value::Object(whole), &definitions, LEVELS) {
        Value::Object(outline) => Arc::new(outline),
        _ => Arc::default(),
    }
}

/// The schema down to so many levels of objects, with what it refers to in its place.
fn outline(schema: &Value, definitions: &Map<String, Value>, levels: usize) -> Value {
    let Value::Object(schema) = schema else { return schema.clone() };
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
    if let Some(target) = target.and_then(|name| definitions.get(name)) {
        return outline(target, definitions, levels);
    }
    if levels == 0 && schema.get("type").is_some_and(|kind| kind == "object") {
        return serde_json::json!({ "type": "object" });
    }
    let mut outlined = Map::new();
    for (key, value) in schema.iter().filter(|(key, _)| *key != "$defs") {
        let value = match (key.as_str(), value) {
            ("properties", Value::Object(members)) => {
                let below = levels.saturating_sub(1);
                members
                    .iter()
                    .map(|(name, member)| (name.clone(), outline(member, definitions, below)))
                    .collect()
            }
            ("additionalProperties", value) => outline(value, definitions, levels.saturating_sub(1)),
            ("items", value) => outline(value, definitions, levels),
            ("anyOf" | "oneOf" | "allOf", Value::Array(choices)) => {
                choices.iter().map(|choice| outline(choice, definitions, levels)).collect()
            }
            (_, value) => value.clone(),
        };
        outlined.insert(key.clone(), value);
    }
    Value::Object(outlined)
}

fn generate<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let mut settings = settings;
    settings.meta_schema = None;
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn object(mut schema: Value, describe: bool) -> Map<String, Value> {
    shrink(&mut schema, describe, true);
    match schema {
        Value::Object(mut object) => {
            object.remove("description");
            object
        }
        _ => Map::new(),
    }
}

/// Takes out what says nothing to a client: titles, widths of numbers, that a member may be `null` (an absent option is an
/// absent member), and descriptions where none are wanted. `schema`: the value is a schema, not a map of members whose
/// names may be the same words.
fn shrink(value: &mut Value, describe: bool, schema: bool) {
    match value {
        Value::Object(object) => {
            if schema {
                object.remove("title");
                if !describe {
                    object.remove("description");
                    // What is counted is never less than nothing.
                    if object.get("minimum").is_some_and(|minimum| minimum == 0) {
                        object.remove("minimum");
                    }
                }
                without_null(object);
                let width = |format: &Value| {
                    format
                        .as_str()
                        .is_some_and(|format| format.starts_with("int") || format.starts_with("uint"))
                        || matches!(format.as_str(), Some("double" | "float"))
                };
                if object.get("format").is_some_and(width) {
                    object.remove("format");
                }
            }
            for (key, value) in object.iter_mut() {
                let members = schema && matches!(key.as_str(), "properties" | "$defs");
                if !matches!(key.as_str(), "default" | "enum" | "const" | "examples") || !schema {
                    shrink(value, describe, !members);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| shrink(value, describe, schema)),
        _ => {}
    }
}

/// Of a schema that allows `null` beside one other thing, leaves the other.
fn without_null(object: &mut Map<String, Value>) {
    let null = Value::from("null");
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| *kind != null);
        if let [one] = types.as_slice() {
            let one = one.clone();
            object.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&null));
        if let [Value::Object(one)] = choices.as_slice() {
            let one = one.clone();
            object.remove("anyOf");
            object.extend(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Inner {
        /// Not told of answers.
        count: u32,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        /// A title.
        title: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        inner: Option<Inner>,
        #[serde(default)]
        minimum: i64,
    }

    #[derive(Serialize, JsonSchema)]
    struct Answer {
        #[serde(flatten)]
        inner: Inner,
        list: Vec<Inner>,
        words: Vec<Word>,
        #[serde(skip_serializing_if = "Option::is_none")]
        more: Option<Inner>,
    }

    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "only the schema is looked at")]
    enum Word {
        Yes,
        No,
    }

    #[test]
    fn schemas_say_only_what_a_client_needs() {
        let defs = |inner: Value| json!({ "Inner": { "type": "object", "properties": { "count": inner }, "required": ["count"] } });
        assert_eq!(
            Value::Object((*of_arguments::<Outer>()).clone()),
            json!({
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "title": { "type": "string", "description": "A title." },
                    "inner": { "$ref": "#/$defs/Inner" },
                    "minimum": { "type": "integer", "default": 0 },
                },
                "$defs": defs(json!({ "type": "integer", "minimum": 0, "description": "Not told of answers." })),
            })
        );
    }

    #[test]
    fn the_schema_of_an_answer_goes_one_level_deep() {
        let answer = Value::Object((*of_answer::<Answer>()).clone());
        assert_eq!(
            answer,
            json!({
                "type": "object",
                "properties": {
                    "count": { "type": "integer" },
                    "list": { "type": "array", "items": { "type": "object" } },
                    "words": { "type": "array", "items": { "type": "string", "enum": ["yes", "no"] } },
                    "more": { "type": "object" },
                },
                "required": ["count", "list", "words"],
            })
        );
    }
}
