//! JSON Schemas of arguments and answers, kept small: every agent pays for them with each list of tools.

use std::sync::Arc;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// The schema of arguments: with the descriptions of its members.
pub(super) fn of_arguments<T: JsonSchema>() -> Arc<Map<String, Value>> {
    Arc::new(object(generate::<T>(SchemaSettings::draft2020_12().for_deserialize()), true))
}

/// The schema of an answer: structure only.
pub(super) fn of_answer<T: JsonSchema>() -> Arc<Map<String, Value>> {
    Arc::new(object(generate::<T>(SchemaSettings::draft2020_12().for_serialize()), false))
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

/// Takes out what says nothing to a client: titles, widths of numbers, and descriptions where none are wanted. `schema`:
/// the value is a schema, not a map of members whose names may be the same words.
fn shrink(value: &mut Value, describe: bool, schema: bool) {
    match value {
        Value::Object(object) => {
            if schema {
                object.remove("title");
                if !describe {
                    object.remove("description");
                }
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
