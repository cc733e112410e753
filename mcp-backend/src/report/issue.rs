//! A problem that a rule found.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// How bad; the worst first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Down, or will not come up by itself.
    Critical,
    /// Impaired.
    High,
    /// Worth attention.
    Medium,
    /// A remark.
    Low,
}

/// What an issue or event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Object {
    /// `Pod`, `Deployment`, …
    pub kind: String,
    /// Absent for what belongs to the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The container of a pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

impl Object {
    /// An object in a namespace.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
            container: None,
        }
    }

    /// An object of the cluster itself.
    pub fn of_cluster(kind: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), namespace: None, name: name.to_owned(), container: None }
    }

    /// The same object, one container of it.
    pub fn container(&self, name: &str) -> Self {
        Self { container: Some(name.to_owned()), ..self.clone() }
    }
}

/// A problem that a rule found. Texts are bounded: message and recommendation 300 characters, six pieces of evidence of
/// 200 each.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Issue {
    /// The rule, as `POD-001`; `checks://POD-001` explains it.
    pub check: &'static str,
    /// The rule in a word, as `CrashLoopBackOff`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// How bad.
    pub severity: Severity,
    /// What has the problem.
    pub object: Object,
    /// What is wrong.
    pub message: String,
    /// What it was seen by.
    pub evidence: Vec<String>,
    /// What to do next.
    pub recommendation: String,
    /// Since when, as far as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// How often, as far as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}
