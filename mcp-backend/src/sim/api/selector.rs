//! Label and field selectors.

use serde_json::Value;

use crate::cluster::KindInfo;

/// What a list is narrowed to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Field>,
}

/// What a label must be.
#[derive(Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    must: Must,
}

#[derive(Debug, PartialEq, Eq)]
enum Must {
    Exist,
    NotExist,
    In(Vec<String>),
    /// Objects without the label match too.
    NotIn(Vec<String>),
}

/// What a field must be.
#[derive(Debug, PartialEq, Eq)]
struct Field {
    /// A JSON pointer.
    pointer: String,
    equal: bool,
    value: String,
}

impl Selector {
    /// Reads both; an error is what the API tells.
    pub(super) fn parse(kind: &KindInfo, labels: Option<&str>, fields: Option<&str>) -> Result<Self, String> {
        let labels = split_outside_parentheses(labels.unwrap_or_default())
            .into_iter()
            .map(|part| requirement(part).ok_or_else(|| format!("unable to parse requirement: \"{part}\"")))
            .collect::<Result<_, _>>()?;
        let fields = fields.unwrap_or_default().split(',').filter(|part| !part.is_empty());
        let fields = fields.map(|part| field(kind, part)).collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    /// Whether it selects everything.
    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether it selects this object.
    pub(super) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|requirement| requirement.holds(labels))
            && self.fields.iter().all(|field| field.holds(object))
    }
}

impl Requirement {
    fn holds(&self, labels: &Value) -> bool {
        let label = labels.get(&self.key).and_then(Value::as_str);
        match &self.must {
            Must::Exist => label.is_some(),
            Must::NotExist => label.is_none(),
            Must::In(values) => label.is_some_and(|label| values.iter().any(|value| value == label)),
            Must::NotIn(values) => !label.is_some_and(|label| values.iter().any(|value| value == label)),
        }
    }
}

impl Field {
    fn holds(&self, object: &Value) -> bool {
        let holds = match object.pointer(&self.pointer) {
            // An absent field is the empty one, or false.
            None | Some(Value::Null) => self.value.is_empty() || self.value == "false",
            Some(Value::String(text)) => *text == self.value,
            Some(Value::Bool(flag)) => self.value.parse() == Ok(*flag),
            Some(Value::Number(number)) => {
                number.as_i64().is_some_and(|number| self.value.parse() == Ok(number))
            }
            Some(Value::Array(_) | Value::Object(_)) => false,
        };
        holds == self.equal
    }
}

/// The parts between commas; those within parentheses separate values.
fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    if text.trim().is_empty() { Vec::new() } else { parts }
}

fn requirement(part: &str) -> Option<Requirement> {
    let part = part.trim();
    let one = |value: &str| vec![value.to_owned()];
    let (key, must) = if let Some(key) = part.strip_prefix('!') {
        (key, Must::NotExist)
    } else if let Some((key, value)) = part.split_once("!=") {
        (key, Must::NotIn(one(valid_value(value)?)))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key, Must::In(one(valid_value(value)?)))
    } else if let Some((key, rest)) = part.split_once(char::is_whitespace) {
        let rest = rest.trim_start();
        match rest.strip_prefix("notin") {
            Some(set) => (key, Must::NotIn(values(set)?)),
            None => (key, Must::In(values(rest.strip_prefix("in")?)?)),
        }
    } else {
        (part, Must::Exist)
    };
    let key = key.trim();
    let valid = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!key.is_empty() && key.chars().all(valid)).then(|| Requirement { key: key.to_owned(), must })
}

/// The values within parentheses.
fn values(set: &str) -> Option<Vec<String>> {
    let inner = set.trim().strip_prefix('(')?.strip_suffix(')')?;
    inner.split(',').map(|value| valid_value(value).map(str::to_owned)).collect()
}

fn valid_value(value: &str) -> Option<&str> {
    let value = value.trim();
    value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)).then_some(value)
}

fn field(kind: &KindInfo, part: &str) -> Result<Field, String> {
    let (key, equal, value) = if let Some((key, value)) = part.split_once("!=") {
        (key, false, value)
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key, true, value)
    } else {
        return Err(format!("invalid selector: '{part}'; can't understand '{part}'"));
    };
    if !selectable(kind, key) {
        return Err(format!("field label not supported: {key}"));
    }
    // The one field whose path in the object is another.
    let path = if key == "source" { "source.component" } else { key };
    Ok(Field { pointer: format!("/{}", path.replace('.', "/")), equal, value: value.to_owned() })
}

/// The fields that the API selects objects of this kind by.
fn selectable(kind: &KindInfo, field: &str) -> bool {
    let own: &[&str] = match kind.name {
        "Pod" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "Event" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "Node" => &["spec.unschedulable"],
        "Namespace" => &["status.phase"],
        "ReplicaSet" => &["status.replicas"],
        "Job" => &["status.successful"],
        _ => &[],
    };
    field == "metadata.name" || (kind.namespaced && field == "metadata.namespace") || own.contains(&field)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, Pod};
    use serde_json::json;

    use super::*;
    use crate::cluster::Kind;

    #[test]
    fn labels_are_selected_as_the_api_does() {
        let object =
            json!({"metadata": {"labels": {"app": "web", "tier": "front", "app.kubernetes.io/name": "x"}}});
        for (selector, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web", true),
            ("app = web", true),
            ("app=db", false),
            ("app!=db", true),
            ("app!=web", false),
            ("missing!=web", true),
            ("app", true),
            ("missing", false),
            ("!missing", true),
            ("!app", false),
            ("app in (db, web)", true),
            ("app in (db)", false),
            ("app notin (db,cache),tier=front", true),
            ("app notin (web)", false),
            ("missing notin (web)", true),
            ("app=web,tier=back", false),
            ("app.kubernetes.io/name=x", true),
            ("missing=", false),
        ] {
            let parsed = Selector::parse(Pod::INFO, Some(selector), None).expect(selector);
            assert_eq!(parsed.matches(&object), expected, "{selector}");
        }
    }

    #[test]
    fn fields_are_selected_as_the_api_does() {
        let pod = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"nodeName": "n1"},
            "status": {"phase": "Running"}});
        let event = json!({"metadata": {"name": "e"}, "type": "Warning", "reason": "BackOff",
            "involvedObject": {"kind": "Pod", "name": "web", "uid": "u1"}, "source": {"component": "kubelet"}});
        let node = json!({"metadata": {"name": "n1"}, "spec": {"unschedulable": true}});
        for (kind, object, selector, expected) in [
            (Pod::INFO, &pod, "metadata.name=web,metadata.namespace=shop", true),
            (Pod::INFO, &pod, "spec.nodeName=n2", false),
            (Pod::INFO, &pod, "spec.nodeName!=n2,status.phase==Running", true),
            (Pod::INFO, &pod, "status.podIP=", true),
            (Event::INFO, &event, "involvedObject.name=web,involvedObject.uid=u1,type=Warning", true),
            (Event::INFO, &event, "involvedObject.kind=Node", false),
            (Event::INFO, &event, "reason=BackOff,source=kubelet", true),
            (Node::INFO, &node, "spec.unschedulable=true", true),
            (Node::INFO, &pod, "spec.unschedulable=false", true),
        ] {
            let parsed = Selector::parse(kind, None, Some(selector)).expect(selector);
            assert_eq!(parsed.matches(object), expected, "{selector}");
        }
    }

    #[test]
    fn what_the_api_cannot_read_is_refused() {
        for labels in ["a in web", "a in (b", "=b", "a=b=c", "a b", "a=(x)", "a,,b", "a>1"] {
            assert!(Selector::parse(Pod::INFO, Some(labels), None).is_err(), "{labels}");
        }
        for (kind, fields) in [
            (Pod::INFO, "spec.image=x"),
            (ConfigMap::INFO, "type=Warning"),
            (Node::INFO, "metadata.namespace=a"),
        ] {
            let error = Selector::parse(kind, None, Some(fields)).expect_err(fields);
            assert!(error.starts_with("field label not supported"), "{error}");
        }
        assert!(Selector::parse(Pod::INFO, None, Some("metadata.name")).is_err());
    }
}
