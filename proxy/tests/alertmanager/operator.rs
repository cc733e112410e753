//! The operator's form says the same as the plain one.

use serde_json::{Map, Value};

use super::{plain, text};

/// The operator's form.
fn operator() -> Value {
    serde_saphyr::from_str(&text("deploy/alertmanager/alertmanagerconfig.yaml")).expect("YAML")
}

/// A key of the operator's in Alertmanager's spelling.
fn plain_key(key: &str) -> String {
    let mut plain = String::new();
    for sign in key.chars() {
        if sign.is_ascii_uppercase() {
            plain.push('_');
        }
        plain.push(sign.to_ascii_lowercase());
    }
    match plain.as_str() {
        "source_match" => "source_matchers".to_owned(),
        "target_match" => "target_matchers".to_owned(),
        _ => plain,
    }
}

/// Routes or inhibition rules of the operator's form in Alertmanager's.
fn as_plain(value: &Value) -> Value {
    match value {
        Value::Object(entries) if entries.contains_key("matchType") => {
            let part = |key: &str| entries[key].as_str().expect("text");
            format!("{}{}\"{}\"", part("name"), part("matchType"), part("value")).into()
        }
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (plain_key(key), as_plain(value))).collect())
        }
        Value::Array(items) => items.iter().map(as_plain).collect(),
        other => other.clone(),
    }
}

/// The kinds of each receiver's integrations.
fn kinds(receivers: &Value, spelled: impl Fn(&str) -> String) -> Vec<(String, Vec<String>)> {
    let of = |receiver: &Map<String, Value>| {
        let name = receiver["name"].as_str().expect("a name").to_owned();
        (name, receiver.keys().filter(|key| *key != "name").map(|key| spelled(key)).collect())
    };
    receivers
        .as_array()
        .expect("a list")
        .iter()
        .map(|receiver| of(receiver.as_object().expect("a map")))
        .collect()
}

#[test]
fn the_operators_form_has_the_same_routes_and_inhibitions() {
    let (plain, operator) = (plain(), operator());
    assert_eq!(as_plain(&operator["spec"]["route"]), plain["route"]);
    assert_eq!(as_plain(&operator["spec"]["inhibitRules"]), plain["inhibit_rules"]);
}

#[test]
fn the_operators_form_has_the_same_receivers_and_all_its_secrets_are_selectors() {
    let (plain, operator) = (plain(), operator());
    let receivers = &operator["spec"]["receivers"];
    assert_eq!(kinds(receivers, plain_key), kinds(&plain["receivers"], str::to_owned));
    for (place, pointer) in [
        (0, "/pagerdutyConfigs/0/routingKey"),
        (1, "/slackConfigs/0/apiURL"),
        (2, "/emailConfigs/0/authPassword"),
        (3, "/webhookConfigs/0/urlSecret"),
    ] {
        let secret = receivers[place].pointer(pointer).expect(pointer);
        assert_eq!(secret["name"], "mcp-tap-alerting", "{pointer}");
        assert!(secret["key"].is_string(), "{pointer}");
    }
}

#[test]
fn the_operators_form_says_the_same_in_messages() {
    let templates = text("deploy/alertmanager/templates/mcp-tap.tmpl");
    let template = |name: &str| {
        let (_, rest) = templates.split_once(&format!("{{{{ define \"{name}\" }}}}")).expect("it is defined");
        let body = rest.split("\n\n{{ define").next().expect("a first part").trim_end();
        body.strip_suffix("{{ end }}").expect("a definition ends").to_owned()
    };
    let chat = operator()["spec"]["receivers"][1]["slackConfigs"][0].clone();
    assert_eq!(chat["title"].as_str(), Some(template("mcp-tap.title").as_str()));
    assert_eq!(chat["text"].as_str().map(str::trim_end), Some(template("mcp-tap.text").as_str()));
}
