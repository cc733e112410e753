//! Types of arguments that several tools share: what they accept is in the type.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Whether the text is a DNS-1123 label: lower-case letters, digits and `-` within.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// A namespace: a DNS-1123 label of at most 63 characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Namespace(String);

impl Namespace {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Namespace {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() <= 63 && is_label(&text) {
            return Ok(Self(text));
        }
        Err("a namespace is at most 63 lower-case letters, digits and '-', as \"kube-system\"".to_owned())
    }
}

impl JsonSchema for Namespace {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Namespace".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            "maxLength": 63,
            "x-mcp-header": "Namespace",
        })
    }
}

/// The name of an object: a DNS-1123 subdomain of at most 253 characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() <= 253 && text.split('.').all(is_label) {
            return Ok(Self(text));
        }
        Err("a name is at most 253 lower-case letters, digits, '-' and '.', as \"web-7d4b9\"".to_owned())
    }
}

impl JsonSchema for Name {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": 253 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kubernetes() {
        for (text, namespace, name) in [
            ("shop", true, true),
            ("kube-system", true, true),
            ("a.b-c.d", false, true),
            ("", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("A", false, false),
            ("a/b", false, false),
            ("a..b", false, false),
            ("../secrets", false, false),
            ("a?b", false, false),
            ("é", false, false),
            (&"a".repeat(64), false, true),
            (&"a".repeat(254), false, false),
        ] {
            assert_eq!(Namespace::try_from(text.to_owned()).is_ok(), namespace, "namespace {text:?}");
            assert_eq!(Name::try_from(text.to_owned()).is_ok(), name, "name {text:?}");
        }
    }
}
