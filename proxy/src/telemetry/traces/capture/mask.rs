//! Takes the secrets out of a JSON value.

use serde_json::Value;

use super::keys::Keys;
use super::text::masked;

/// Stands where a secret stood.
pub(super) const REDACTED: &str = "[redacted]";

/// Stands where something was left out.
pub(super) const MORE: &str = "…";

/// Members whose text says what the member `value` beside them is. Case makes no difference: some write `Name`.
const NAMES: &[&str] = &["name", "key", "header", "field", "param", "label", "type", "id"];

/// What that member is called.
const VALUES: &[&str] = &["value", "values", "val"];

/// Deepest level that is shown, JSON within texts included.
const DEPTH: usize = 32;

/// Masks whatever may be a secret: values by their key, texts by their look, and both in JSON that is itself a text.
pub(super) fn mask(value: &mut Value, keys: &Keys) {
    mask_at(value, keys, DEPTH);
}

fn mask_at(value: &mut Value, keys: &Keys, depth: usize) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        _ if depth == 0 => *value = MORE.into(),
        Value::String(text) => mask_text(text, keys, depth),
        Value::Array(elements) => {
            // ["Authorization", "…"] is how lists of headers are passed as well.
            let pair = elements.len() == 2 && elements[0].as_str().is_some_and(|name| keys.is_secret(name));
            let mut secret = false;
            for element in elements {
                // ["--token", "…"] is how command lines are passed.
                let next = pair
                    || element.as_str().is_some_and(|flag| flag.starts_with('-') && keys.is_secret(flag));
                if secret {
                    *element = REDACTED.into();
                } else {
                    mask_at(element, keys, depth - 1);
                }
                secret = next;
            }
        }
        Value::Object(members) => {
            // {"name": "Authorization", "value": "…"} is how headers and variables are passed.
            let secret_value = members.iter().any(|(key, name)| {
                is_one_of(NAMES, key) && name.as_str().is_some_and(|name| keys.is_secret(name))
            });
            for (key, member) in std::mem::take(members) {
                let mut member = member;
                if keys.is_secret(&key) || (secret_value && is_one_of(VALUES, &key)) {
                    member = REDACTED.into();
                } else {
                    mask_at(&mut member, keys, depth - 1);
                }
                members.insert(masked(&key, keys).unwrap_or(key), member);
            }
        }
    }
}

fn is_one_of(words: &[&str], key: &str) -> bool {
    words.iter().any(|word| key.eq_ignore_ascii_case(word))
}

/// JSON within a text is written anew: what it hides by escapes or by keys that stand twice is gone with that.
fn mask_text(text: &mut String, keys: &Keys, depth: usize) {
    if text.trim_start().starts_with(['{', '[', '"'])
        && let Ok(mut value) = serde_json::from_str(text)
    {
        mask_at(&mut value, keys, depth - 1);
        *text = value.to_string();
    } else if let Some(masked) = masked(text, keys) {
        *text = masked;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(mut given: Value, expected: &Value) {
        mask(&mut given, &Keys::new(&[]));
        assert_eq!(given, *expected);
    }

    #[test]
    fn values_are_masked_by_key_at_any_depth_whatever_their_type() {
        check(
            json!({"a": [{"token": {"x": [1]}}, {"pin": 1234}], "password": null, "query": "q"}),
            &json!({"a": [{"token": REDACTED}, {"pin": REDACTED}], "password": REDACTED, "query": "q"}),
        );
    }

    #[test]
    fn pairs_of_name_and_value_and_command_lines_are_read_as_such() {
        check(
            json!([{"name": "X-Api-Key", "value": "v"}, {"name": "Accept", "value": "v"}, ["run", "--token", "t", "u"]]),
            &json!([{"name": "X-Api-Key", "value": REDACTED}, {"name": "Accept", "value": "v"},
                ["run", "--token", REDACTED, "u"]]),
        );
    }

    #[test]
    fn pairs_are_read_however_they_are_written() {
        check(
            json!([{"Name": "DB_PASSWORD", "Value": "v"}, {"KEY": "token", "values": ["v"]}, [["Cookie", "v"], ["Accept", "v"]]]),
            &json!([{"Name": "DB_PASSWORD", "Value": REDACTED}, {"KEY": "token", "values": REDACTED},
                [["Cookie", REDACTED], ["Accept", "v"]]]),
        );
    }

    #[test]
    fn json_within_texts_is_masked_as_json() {
        let inner = json!({"rows": [{"password": "p", "text": r#" {"token":"t","token":"u"}"#}]}).to_string();
        let expected =
            json!({"rows": [{"password": REDACTED, "text": r#"{"token":"[redacted]"}"#}]}).to_string();
        check(json!({ "text": inner }), &json!({ "text": expected }));
    }

    #[test]
    fn keys_are_texts_too_and_depth_ends() {
        check(json!({"https://u:p@host": 1}), &json!({"https://[redacted]@host": 1}));
        let mut deep = json!("inmost");
        for _ in 0..100 {
            deep = json!([deep]);
        }
        mask(&mut deep, &Keys::new(&[]));
        let text = deep.to_string();
        assert!(!text.contains("inmost") && text.contains(MORE), "{text}");
    }
}
