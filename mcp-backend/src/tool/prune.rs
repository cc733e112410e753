//! Takes out of an object what must never leave the cluster, and what nobody reads.
//!
//! Values of environment variables, annotations, configuration maps and headers are secrets until proven otherwise: only
//! their names stay. Command lines and addresses keep their form but lose what looks like a password.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use crate::report::{clean, compile};

/// What takes the place of a value that is not shown.
const HIDDEN: &str = "(hidden)";

/// The object of this kind as it may be shown.
pub(super) fn prune(kind: &str, object: &Value) -> Map<String, Value> {
    let Value::Object(mut object) = shown(object) else { return Map::new() };
    if kind == "ConfigMap" {
        for member in ["data", "binaryData"] {
            if let Some(values) = object.get_mut(member) {
                *values = names(values);
            }
        }
    }
    // Every image on every node, with all its names: long, and seldom asked for.
    if kind == "Node"
        && let Some(status) = object.get_mut("status").and_then(Value::as_object_mut)
    {
        status.remove("images");
    }
    object
}

fn shown(value: &Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(
            object
                .iter()
                .filter_map(|(key, value)| Some((clean(key).into_owned(), member(key, value)?)))
                .collect(),
        ),
        Value::Array(values) => Value::Array(values.iter().map(shown).collect()),
        Value::String(text) => Value::String(without_credentials(text).into_owned()),
        other => other.clone(),
    }
}

/// A member of an object; `None`: it is left out.
fn member(key: &str, value: &Value) -> Option<Value> {
    Some(match key {
        "managedFields" => return None,
        "annotations" | "volumeAttributes" => names(value),
        "env" => {
            Value::Array(value.as_array().map(|all| all.iter().map(variable).collect()).unwrap_or_default())
        }
        "httpHeaders" => headers(value),
        "command" | "args" => command_line(value),
        // Older than `data` in some objects of the API, and never meant to be read back.
        "stringData" => names(value),
        _ => shown(value),
    })
}

/// The names of a map, without its values.
fn names(value: &Value) -> Value {
    let Some(object) = value.as_object() else { return Value::Array(Vec::new()) };
    let wanted = object.keys().filter(|name| !name.ends_with("last-applied-configuration"));
    wanted.map(|name| Value::String(clean(name).into_owned())).collect()
}

/// An environment variable: its name, and where its value comes from.
fn variable(value: &Value) -> Value {
    let kept = |key: &str| value.get(key).map(|value| (key.to_owned(), shown(value)));
    Value::Object([kept("name"), kept("valueFrom")].into_iter().flatten().collect())
}

/// Headers of a probe: their names.
fn headers(value: &Value) -> Value {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(|header| header.get("name")).map(shown).collect()
}

/// Words of a command: what follows a flag that asks for a secret is hidden too.
fn command_line(value: &Value) -> Value {
    let Some(words) = value.as_array() else { return shown(value) };
    let mut hide = false;
    let shown = words.iter().map(|word| {
        let text = word.as_str().unwrap_or_default();
        let hidden = std::mem::replace(&mut hide, asks_for_secret(text));
        if hidden && !text.starts_with("--") { Value::String(HIDDEN.to_owned()) } else { self::shown(word) }
    });
    shown.collect()
}

fn asks_for_secret(word: &str) -> bool {
    static FLAG: LazyLock<Regex> = LazyLock::new(|| compile(&format!(r"(?i)^--?[\w.-]*{SECRET}[\w.-]*$")));
    FLAG.is_match(word)
}

/// What settings that hold secrets are called.
const SECRET: &str = "(?:passw|passphrase|pass\\b|pwd|secret|token|api-?_?key|credential|auth)";

/// The text, with control characters replaced, without what follows `password=` or stands before `@` in an address.
fn without_credentials(text: &str) -> Cow<'_, str> {
    static SETTING: LazyLock<Regex> = LazyLock::new(|| {
        compile(&format!(r#"(?i)\b([\w.-]*{SECRET}[\w.-]*=)("[^"]*"|'[^']*'|[^\s&;,"']+)"#))
    });
    static BEARER: LazyLock<Regex> = LazyLock::new(|| compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"));
    static ADDRESS: LazyLock<Regex> = LazyLock::new(|| compile(r"(://)[^/\s@]+@"));
    let mut text = clean(text);
    for (expression, instead) in
        [(&*SETTING, "${1}(hidden)"), (&*BEARER, "${1} (hidden)"), (&*ADDRESS, "${1}(hidden)@")]
    {
        if let Cow::Owned(replaced) = expression.replace_all(&text, instead) {
            text = Cow::Owned(replaced);
        }
    }
    text
}

/// The members at these dotted paths, each under its path; `null` if there is none. A path through a list takes every
/// element, or one by its number; names with dots in them are found as well.
pub(super) fn select(object: &Map<String, Value>, paths: &[String]) -> Map<String, Value> {
    let found = |path: &String| {
        let steps: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
        (path.clone(), of_object(object, &steps).unwrap_or(Value::Null))
    };
    paths.iter().map(found).collect()
}

fn at(value: &Value, steps: &[&str]) -> Option<Value> {
    let Some(first) = steps.first() else { return Some(value.clone()) };
    match value {
        Value::Object(object) => of_object(object, steps),
        Value::Array(values) => match first.parse::<usize>() {
            Ok(index) => at(values.get(index)?, &steps[1..]),
            Err(_) => {
                let all: Vec<Value> = values.iter().filter_map(|value| at(value, steps)).collect();
                (!all.is_empty()).then_some(Value::Array(all))
            }
        },
        _ => None,
    }
}

fn of_object(object: &Map<String, Value>, steps: &[&str]) -> Option<Value> {
    // The longest name first: `app.kubernetes.io/name` is one step.
    (1..=steps.len()).rev().find_map(|many| at(object.get(&steps[..many].join("."))?, &steps[many..]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Stands in every place of which no value may come out.
    const PLANTED: &str = "pl4nted";

    fn planted() -> Value {
        let container = json!({
            "name": "app",
            "image": "registry.example/app:1",
            "env": [
                { "name": "DB_PASSWORD", "value": PLANTED },
                { "name": "FROM", "valueFrom": { "secretKeyRef": { "name": "db", "key": "password" } } },
                { "name": "BOTH", "value": PLANTED, "extra": PLANTED },
            ],
            "envFrom": [{ "secretRef": { "name": "all" } }],
            "command": ["serve", "--db-password", PLANTED, "--password", format!("-{PLANTED}"), format!("--pass={PLANTED}"),
                "--pwd", PLANTED, format!("--token={PLANTED}"), "--port", "80"],
            "args": [
                format!("postgres://user:{PLANTED}@db/shop"),
                format!("curl -H 'Authorization: Bearer {PLANTED}aaaa' x"),
                format!("API_KEY='{PLANTED} and more' run"),
            ],
            "livenessProbe": { "httpGet": { "httpHeaders": [{ "name": "X-Key", "value": PLANTED }] } },
        });
        json!({
            "metadata": {
                "name": "web",
                "annotations": {
                    "example.com/key": PLANTED,
                    "kubectl.kubernetes.io/last-applied-configuration": PLANTED,
                },
                "managedFields": [{ "manager": PLANTED }],
            },
            "spec": {
                "template": {
                    "metadata": { "annotations": { "checksum": PLANTED } },
                    "spec": {
                        "containers": [container.clone()],
                        "initContainers": [container.clone()],
                        "ephemeralContainers": [container],
                        "volumes": [{ "name": "v", "csi": { "volumeAttributes": { "key": PLANTED } } }],
                    },
                },
            },
            "data": { "app.yaml": PLANTED },
            "binaryData": { "bin": PLANTED },
        })
    }

    #[test]
    fn planted_values_never_come_out_but_their_names_do() {
        let text = Value::Object(prune("ConfigMap", &planted())).to_string();
        assert!(!text.contains(PLANTED), "{text}");
        assert!(!text.contains("last-applied") && !text.contains("managedFields"), "{text}");
        for name in [
            "DB_PASSWORD",
            "secretKeyRef",
            "example.com/key",
            "checksum",
            "X-Key",
            "app.yaml",
            "bin",
            "--port",
        ] {
            assert!(text.contains(name), "{name} is missing: {text}");
        }
    }

    #[test]
    fn ill_formed_members_show_nothing_either() {
        let odd = json!({
            "env": { "A": PLANTED },
            "a": { "env": PLANTED, "annotations": [PLANTED], "httpHeaders": PLANTED },
            "b": { "env": [PLANTED, [PLANTED], { "value": PLANTED }], "annotations": PLANTED },
            "data": PLANTED,
        });
        let text = Value::Object(prune("ConfigMap", &odd)).to_string();
        assert!(!text.contains(PLANTED), "{text}");
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        for text in
            ["--port=80", "postgres://db/shop", "token", "a=b", "nginx:1.27@sha256:abc", "me@example.com"]
        {
            assert_eq!(without_credentials(text), text);
        }
        assert_eq!(without_credentials("a\u{1b}b"), "a\u{FFFD}b");
    }

    #[test]
    fn members_are_chosen_by_path() {
        let object = json!({
            "metadata": { "labels": { "app.kubernetes.io/name": "web", "app": "x" } },
            "spec": { "containers": [{ "name": "a", "image": "1" }, { "name": "b" }], "replicas": 3 },
        });
        let object = object.as_object().cloned().unwrap();
        for (path, expected) in [
            ("spec.replicas", json!(3)),
            ("spec.containers.name", json!(["a", "b"])),
            ("spec.containers.image", json!(["1"])),
            ("spec.containers.1.name", json!("b")),
            ("spec.containers.7", json!(null)),
            ("metadata.labels.app.kubernetes.io/name", json!("web")),
            ("metadata.labels.app", json!("x")),
            ("status.phase", json!(null)),
            ("spec.replicas.x", json!(null)),
        ] {
            assert_eq!(select(&object, &[path.to_owned()])[path], expected, "{path}");
        }
    }
}
